//! Counters of the series store, for `/metrics`.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the series store has done since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesStats {
    /// Series registered.
    pub series: u64,
    /// Samples given to `append`.
    pub samples_appended: u64,
    /// Samples synced, and so acknowledged and readable.
    pub samples_synced: u64,
    /// Samples that were refused with an error.
    pub samples_refused: u64,
    /// Those of them that the log could not take, as where the disk is full.
    pub log_samples_refused: u64,
    /// Octets written to the log.
    pub log_bytes: u64,
    /// Syncs of the log.
    pub log_syncs: u64,
    /// Microseconds spent in those syncs.
    pub log_sync_micros: u64,
    /// Segments of the log that exist.
    pub log_segments: u64,
    /// Half-hour blocks written, and their octets.
    pub blocks_sealed: u64,
    /// Octets of the half-hour blocks written.
    pub block_bytes_sealed: u64,
    /// Two-hour blocks written.
    pub blocks_merged: u64,
    /// Rows in the head, over all devices.
    pub head_rows: u64,
    /// Values in the head.
    pub head_values: u64,
    /// Devices of which the log, as it was found at the start, is not yet brought back to the head.
    /// Each is brought back before it is read or appended to.
    pub devices_waiting: u64,
    /// Batches waiting for the log.
    pub queue_depth: u64,
    /// The most that ever waited.
    pub queue_high_water: u64,
    /// The most that may wait.
    pub queue_max: u64,
    /// Octets of packs that were read again to see whether they are sound.
    pub scrub_bytes: u64,
    /// How often all packs were.
    pub scrub_passes: u64,
    /// What was found damaged by that; each time that it is met.
    pub scrub_damage: u64,
    /// Octets of all packs.
    pub pack_bytes: u64,
    /// Ranges of devices that were deleted and may still be in files.
    pub tombstones: u64,
    /// How long ago the oldest of them was written of which something is left in files, in seconds;
    /// nought where there is none. What is left in the archive alone does not count.
    pub tombstone_oldest_secs: u64,
    /// What was found wrong, by kind: `damaged_frame`, `torn_bytes`, `damaged_block`,
    /// `not_finite`, `late`, `orphaned`, `replay_failed`, `series_bound`, `rows_bound`,
    /// `out_of_time`, `too_late`, ...
    pub defects: BTreeMap<&'static str, u64>,
}

/// The log cannot be written: samples are refused until one is taken again.
#[derive(Clone, Debug)]
pub struct LogFailing {
    /// `opened`, `written` or `synced`.
    pub operation: &'static str,
    /// Why, the last time.
    pub source: Arc<io::Error>,
}

impl LogFailing {
    /// Whether it is for want of room.
    pub fn is_full(&self) -> bool {
        crate::disk::is_full(&self.source)
    }
}

/// The live counters behind [`SeriesStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) samples_appended: AtomicU64,
    pub(crate) samples_synced: AtomicU64,
    pub(crate) samples_refused: AtomicU64,
    pub(crate) log_samples_refused: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) log_syncs: AtomicU64,
    pub(crate) log_sync_micros: AtomicU64,
    pub(crate) blocks_sealed: AtomicU64,
    pub(crate) block_bytes_sealed: AtomicU64,
    pub(crate) blocks_merged: AtomicU64,
    pub(crate) queue_high_water: AtomicU64,
    pub(crate) scrub_bytes: AtomicU64,
    pub(crate) scrub_passes: AtomicU64,
    pub(crate) scrub_damage: AtomicU64,
    defects: Mutex<BTreeMap<&'static str, u64>>,
    log_failing: Mutex<Option<LogFailing>>,
}

impl Counters {
    /// How the log does now; answers how it did before.
    pub(crate) fn log_does(&self, failing: Option<LogFailing>) -> Option<LogFailing> {
        std::mem::replace(&mut *self.log_state(), failing)
    }

    /// Why the log cannot be written now.
    pub(crate) fn log_failing(&self) -> Option<LogFailing> {
        self.log_state().clone()
    }

    fn log_state(&self) -> MutexGuard<'_, Option<LogFailing>> {
        let state = self.log_failing.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `n` defects of a kind.
    pub(crate) fn defect(&self, kind: &'static str, n: u64) {
        if n > 0 {
            let mut defects = self.defects.lock().unwrap_or_else(PoisonError::into_inner);
            *defects.entry(kind).or_default() += n;
        }
    }

    /// The counters as they stand; what is not counted here is left at zero.
    pub(crate) fn snapshot(&self) -> SeriesStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SeriesStats {
            samples_appended: get(&self.samples_appended),
            samples_synced: get(&self.samples_synced),
            samples_refused: get(&self.samples_refused),
            log_samples_refused: get(&self.log_samples_refused),
            log_bytes: get(&self.log_bytes),
            log_syncs: get(&self.log_syncs),
            log_sync_micros: get(&self.log_sync_micros),
            blocks_sealed: get(&self.blocks_sealed),
            block_bytes_sealed: get(&self.block_bytes_sealed),
            blocks_merged: get(&self.blocks_merged),
            queue_high_water: get(&self.queue_high_water),
            scrub_bytes: get(&self.scrub_bytes),
            scrub_passes: get(&self.scrub_passes),
            scrub_damage: get(&self.scrub_damage),
            defects: self
                .defects
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            ..SeriesStats::default()
        }
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
