//! The name of a block: whose, how long, from when.

use model::{DeviceId, Timestamp};

/// How long a range of time a block covers. Ranges are aligned to UTC, so none crosses a day.
///
/// The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Half an hour: what is sealed from the head.
    HalfHour = 0,
    /// Two hours: half-hours merged.
    TwoHours = 1,
    /// A UTC day: kept in packs alone.
    Day = 2,
    /// A UTC month of the calendar: kept in packs of roll-ups alone.
    Month = 3,
}

const DAY_MS: i64 = 24 * 60 * 60_000;

impl Level {
    /// Every level that blocks are kept of, the largest first: the order in which a reader lays them
    /// over each other.
    pub const LARGEST_FIRST: [Self; 2] = [Self::TwoHours, Self::HalfHour];

    /// The length of its range in milliseconds; of a month that of the longest.
    pub const fn span_ms(self) -> i64 {
        match self {
            Self::HalfHour => 30 * 60_000,
            Self::TwoHours => 120 * 60_000,
            Self::Day => DAY_MS,
            Self::Month => 31 * DAY_MS,
        }
    }

    /// The number on disk.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// Where the range that holds `at` begins.
    pub fn start(self, at: Timestamp) -> Timestamp {
        let behind = match self {
            Self::Month => {
                let day = at.unix_ms().div_euclid(DAY_MS);
                day_of_month(day) * DAY_MS + at.unix_ms().rem_euclid(DAY_MS)
            }
            _ => at.unix_ms().rem_euclid(self.span_ms()),
        };
        Timestamp::from_unix_ms(at.unix_ms().saturating_sub(behind))
    }

    /// Where the range that begins at `start` ends; not part of it.
    pub fn end(self, start: Timestamp) -> Timestamp {
        let end = Timestamp::from_unix_ms(start.unix_ms().saturating_add(self.span_ms()));
        match self {
            // In the next month, however long this one is.
            Self::Month => self.start(end),
            _ => end,
        }
    }
}

/// Which day of its month a day is, from 0; days are counted since 1970-01-01. Source: Howard Hinnant,
/// "chrono-compatible low-level date algorithms", `civil_from_days`.
fn day_of_month(day: i64) -> i64 {
    const DAYS_OF_ERA: i64 = 146_097;
    // From 0000-03-01 on, so that a leap day is the last of its year.
    let day = (day + 719_468).rem_euclid(DAYS_OF_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    day - (153 * month + 2) / 5
}

/// What makes a block the one it is. Deterministic, so that what is sealed again replaces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey {
    /// Where its range begins; aligned to the level.
    pub start: Timestamp,
    /// Whose.
    pub device_id: DeviceId,
    /// How long its range is.
    pub level: Level,
}

impl BlockKey {
    /// The block of a device and level that holds `at`.
    pub fn holding(device_id: DeviceId, level: Level, at: Timestamp) -> Self {
        Self {
            start: level.start(at),
            device_id,
            level,
        }
    }

    /// Where its range ends; not part of it.
    pub fn end(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.start.unix_ms().saturating_add(self.level.span_ms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end() {
        for (at, start, end) in [
            ("2026-03-01T00:00:00Z", "2026-03-01", "2026-04-01"),
            ("2026-02-28T23:59:59.999Z", "2026-02-01", "2026-03-01"),
            ("2024-02-29T12:00:00Z", "2024-02-01", "2024-03-01"),
            ("2000-02-29T00:00:00Z", "2000-02-01", "2000-03-01"),
            ("2100-02-28T00:00:00Z", "2100-02-01", "2100-03-01"),
            ("2026-12-31T00:00:00Z", "2026-12-01", "2027-01-01"),
            ("1970-01-01T00:00:00Z", "1970-01-01", "1970-02-01"),
            ("1969-12-31T23:00:00Z", "1969-12-01", "1970-01-01"),
        ] {
            let time = |date: &str| format!("{date}T00:00:00Z").parse::<Timestamp>().unwrap();
            let told = Level::Month.start(at.parse().unwrap());
            assert_eq!(told, time(start), "{at}");
            assert_eq!(Level::Month.end(told), time(end), "{at}");
        }
    }
}
