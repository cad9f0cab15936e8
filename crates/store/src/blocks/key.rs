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
}

impl Level {
    /// Every level that blocks are kept of, the largest first: the order in which a reader lays them
    /// over each other.
    pub const LARGEST_FIRST: [Self; 2] = [Self::TwoHours, Self::HalfHour];

    /// The length of its range in milliseconds.
    pub const fn span_ms(self) -> i64 {
        match self {
            Self::HalfHour => 30 * 60_000,
            Self::TwoHours => 120 * 60_000,
            Self::Day => 24 * 60 * 60_000,
        }
    }

    /// The number on disk.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// Where the range that holds `at` begins.
    pub fn start(self, at: Timestamp) -> Timestamp {
        let behind = at.unix_ms().rem_euclid(self.span_ms());
        Timestamp::from_unix_ms(at.unix_ms().saturating_sub(behind))
    }
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
