//! What is asked, and the answer.

use super::{FIVE_MS, HOUR_MS};
use crate::pack::Kind as PackKind;
use crate::series::Aggregation;
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

/// What an answer is made of. The later is the coarser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// Samples as they were polled.
    Raw,
    /// Roll-ups of five minutes.
    FiveMinutes,
    /// Roll-ups of an hour.
    Hours,
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

impl Grain {
    /// As answers say it: `raw`, `5m`, `1h`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hours => "1h",
        }
    }

    pub(in crate::series) const fn step_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::FiveMinutes => FIVE_MS,
            Self::Hours => HOUR_MS,
        }
    }

    pub(super) const fn kind(self) -> PackKind {
        match self {
            Self::Raw => PackKind::Samples,
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
