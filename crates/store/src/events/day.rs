//! A UTC day, by which the files are cut, and the number of an event in its day's file.

use model::{EventRecord, Timestamp};

const SUFFIX: &str = ".sqlite";
const DAY_MS: i64 = 86_400_000;
/// Bits of a number below the millisecond: as many as [`model::EventId::sequence`] has.
const SEQUENCE_BITS: u32 = 20;

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// The day that holds a time.
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.unix_ms().div_euclid(DAY_MS))
    }

    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.saturating_mul(DAY_MS))
    }

    /// Where it ends, and the next begins.
    pub(super) fn end(self) -> Timestamp {
        Self(self.0.saturating_add(1)).start()
    }

    pub(super) fn file_name(self) -> String {
        // RFC 3339 in UTC: `2026-03-01T…`.
        let text = self.start().to_string();
        text.get(..10).unwrap_or(&text).to_owned() + SUFFIX
    }

    pub(super) fn named(file_name: &str) -> Option<Self> {
        let text = file_name.strip_suffix(SUFFIX)?;
        let day = Self::of(format!("{text}T00:00:00Z").parse().ok()?);
        (day.file_name() == file_name).then_some(day)
    }

    /// The first number of a time in this day; zero for one before it.
    pub(super) fn first_number(self, at: Timestamp) -> i64 {
        let ms = at.unix_ms().saturating_sub(self.start().unix_ms());
        ms.clamp(0, DAY_MS) << SEQUENCE_BITS
    }

    /// The number under which an event of this day is kept: its milliseconds since midnight, and
    /// below them what tells events of one millisecond apart. It is the order of events.
    pub(super) fn number(self, event: &EventRecord) -> i64 {
        self.first_number(event.at) | i64::from(event.id.sequence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_times() {
        for (at, name) in [
            ("1970-01-01T00:00:00Z", "1970-01-01.sqlite"),
            ("2026-03-01T23:59:59.999Z", "2026-03-01.sqlite"),
            ("2028-02-29T12:00:00Z", "2028-02-29.sqlite"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            let day = Day::of(at);
            assert_eq!(day.file_name(), name);
            assert_eq!(Day::named(name), Some(day));
            assert!(day.start() <= at && at < day.end());
        }
        for other in [
            "2026-02-30.sqlite",
            "2026-3-1.sqlite",
            "2026-03-01",
            "2026-03-01.sqlite-wal",
            "2026-03-01.sqlite.0.damaged",
            "x.sqlite",
        ] {
            assert_eq!(Day::named(other), None, "{other}");
        }
    }
}
