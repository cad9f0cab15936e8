//! Days whose samples are in the archive and no longer here: what the readers of the store ask of them.
//!
//! The archive is on another machine and built on request, so the world is cut off here: [`ColdDays`] is
//! what the store knows of it. What readers do with it is in [`fetch`], how a day comes back in
//! [`restore`](super::restore). [`MemoryCold`] stands in for it in tests.

#[cfg(test)]
mod edge_tests;
pub(super) mod fetch;
#[cfg(any(test, feature = "testing"))]
mod memory;
#[cfg(test)]
pub(super) mod tests;

#[cfg(any(test, feature = "testing"))]
pub use memory::{ColdFault, MemoryCold, MemorySeries};

pub use fetch::{COLD_DAYS_MAX, COLD_WAIT, Fetch};

use super::{Column, SeriesStore};
use model::{DeviceId, Labels, SeriesId, Timestamp, Value};
use std::sync::Arc;
use std::time::Instant;

/// Archived days. Each is a UTC day, named by its start.
pub(crate) trait ColdDays: Send + Sync {
    /// Whether it is known which days are archived: it is not before an archive was first looked over.
    fn is_known(&self) -> bool {
        true
    }

    /// The archived days that meet `[from, to)`, ascending. From memory: never waits.
    fn meets(&self, from: Timestamp, to: Timestamp) -> Vec<ColdDay>;

    /// The devices of a day, ascending. Waits for the archive.
    fn devices(&self, day: Timestamp) -> Result<Vec<DeviceId>, ColdError>;

    /// Hands over each series of a device of a day, ascending by id. Waits for the archive.
    fn series(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        take: &mut dyn FnMut(ColdSeries),
    ) -> Result<(), ColdError>;

    /// Hands over the samples of series of a device of a day in `[from, to)`: some of one series at a
    /// time, with its place in `wanted`, ascending in time. What the day does not have of `wanted` is
    /// passed over. Answers the series of which something is damaged, while the others are handed over:
    /// what was handed over of such a series is not all of it. Waits for the archive, and gives up where it
    /// is not done by the deadline ([`ColdError::Late`]); it is looked at between blocks.
    #[expect(
        clippy::type_complexity,
        reason = "whoever takes the samples is a function, with no name of its own"
    )]
    fn read(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        wanted: &[(Column, SeriesId)],
        range: (Timestamp, Timestamp),
        deadline: Instant,
        take: &mut dyn FnMut(usize, &[(Timestamp, Value)]),
    ) -> Result<Vec<ColdLost>, ColdError>;
}

/// A series of which something is damaged in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColdLost {
    /// Its place among those that were wanted.
    pub(crate) place: usize,
    /// What is wrong.
    pub(crate) what: String,
}

/// An archived day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColdDay {
    /// Where it begins.
    pub(crate) day: Timestamp,
    /// The generation that was given out for what the archive has of it: what was deleted later is
    /// hidden in it.
    pub(crate) generation: u64,
    /// All that the archive has of it is here too, so that it need not be read.
    pub(crate) whole_here: bool,
}

/// A series as the archive has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColdSeries {
    /// Its id.
    pub(crate) id: SeriesId,
    /// What is measured.
    pub(crate) metric: String,
    /// Its labels, with the name of its interface for people.
    pub(crate) labels: Labels,
    /// Samples of the day.
    pub(crate) samples: u64,
}

/// Archived samples could not be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColdError {
    /// The archive did not answer, or not with what was asked.
    #[error("the archive did not answer")]
    Away {
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// What the archive has of a day is damaged.
    #[error("the archive of {day} is damaged: {what}")]
    Damaged {
        /// Which day.
        day: Timestamp,
        /// What is wrong.
        what: String,
    },
    /// It took longer than somebody waits.
    #[error("archived days take longer: ask for fewer days, or restore them")]
    Late,
}

impl SeriesStore {
    /// Sets where archived days are read: once, before anybody reads. Another time changes nothing.
    #[cfg_attr(
        not(any(test, feature = "testing", feature = "archive")),
        expect(dead_code, reason = "the archive is what sets them")
    )]
    pub(crate) fn set_cold(&self, cold: Arc<dyn ColdDays>) {
        let _ = self.parts().cold.set(cold);
    }

    /// Sets archived days of a test.
    #[cfg(any(test, feature = "testing"))]
    pub fn set_memory_cold(&self, cold: Arc<MemoryCold>) {
        self.set_cold(cold);
    }
}
