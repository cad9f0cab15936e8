//! What is asked, and the answer.

use super::{FIVE_MS, HOUR_MS};
use crate::pack::Kind as PackKind;
use crate::series::{Aggregation, Fetch, SeriesError};
use model::Timestamp;
use std::time::{Duration, Instant};

/// What is asked of series of a device.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends; not part of it.
    pub to: Timestamp,
    /// How long a step is. Steps are aligned, as [`aggregate`](mod@crate::series::aggregate) has it.
    pub step: Duration,
    /// How the samples of a step become one number.
    pub how: Aggregation,
    /// From poll to poll of the device, for a pair of samples that has no others next to it.
    pub interval: Duration,
    /// When another machine took the device's place, in any order.
    pub replaced: Vec<Timestamp>,
    /// When nobody waits for the answer any more.
    pub until: Option<Instant>,
}

/// What an answer is made of. Of several the last of these is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// Samples as they were polled.
    Raw,
    /// Roll-ups of five minutes.
    FiveMinutes,
    /// Roll-ups of an hour.
    Hours,
    /// Samples as they were polled, fetched of the archive. Told before all else that is there, as it takes
    /// longest.
    Archive,
    /// Samples of the archive that could not be had: what there is here besides.
    Missing,
}

/// A part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; not part of it.
    pub to: Timestamp,
    /// What it was made of.
    pub grain: Grain,
}

/// A series by steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stepped {
    /// Each step that meets the range, in order, with its start; without a value where there is none.
    pub steps: Vec<(Timestamp, Option<f64>)>,
    /// What they were made of: all of the range, ascending.
    pub parts: Vec<Part>,
}

/// How much may be read for an answer, and was: samples, and numbers of roll-ups; and archived days.
#[derive(Debug)]
pub(in crate::series) struct Budget {
    read: u64,
    max: u64,
    /// What is fetched of archived days.
    pub(in crate::series) fetch: Fetch,
}

impl Budget {
    pub(in crate::series) const fn new(max: u64, fetch: Fetch) -> Self {
        Self {
            read: 0,
            max,
            fetch,
        }
    }

    /// What was read.
    pub(in crate::series) const fn read(&self) -> u64 {
        self.read
    }

    /// What may still be read.
    pub(in crate::series) const fn left(&self) -> u64 {
        self.max.saturating_sub(self.read)
    }

    /// Counts what was read; an error where that is more than may be.
    pub(in crate::series) fn take(&mut self, count: usize) -> Result<(), SeriesError> {
        self.read = self.read.saturating_add(count as u64);
        if self.read > self.max {
            return Err(self.spent());
        }
        Ok(())
    }

    /// That there is more to be read than is [left](Self::left).
    pub(in crate::series) const fn spent(&self) -> SeriesError {
        let next = self.max.saturating_add(1);
        SeriesError::TooMuch {
            read: if self.read > next { self.read } else { next },
            max: self.max,
        }
    }
}

impl Grain {
    /// As answers say it: `raw`, `5m`, `1h`, `archive`, `missing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hours => "1h",
            Self::Archive => "archive",
            Self::Missing => "missing",
        }
    }

    pub(in crate::series) const fn step_ms(self) -> i64 {
        match self {
            Self::Raw | Self::Archive | Self::Missing => 1,
            Self::FiveMinutes => FIVE_MS,
            Self::Hours => HOUR_MS,
        }
    }

    pub(in crate::series) const fn kind(self) -> PackKind {
        match self {
            Self::Raw | Self::Archive | Self::Missing => PackKind::Samples,
            Self::FiveMinutes => PackKind::FiveMinutes,
            Self::Hours => PackKind::Hours,
        }
    }
}

impl Stepped {
    /// The coarsest that any of it was made of.
    pub fn coarsest(&self) -> Grain {
        let grains = self.parts.iter().map(|part| part.grain);
        grains.max().unwrap_or(Grain::Raw)
    }
}
