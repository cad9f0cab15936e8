//! What the threads of the series store and its callers share.

use crate::blocks::{BlockKey, Blocks};
use crate::series::head::Head;
use crate::series::log::segments::Segments;
use crate::series::recovery::lazy::Lazy;
use crate::series::registry;
use crate::series::stats::Counters;
use model::Clock;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// What the threads and the callers share.
pub(super) struct Parts {
    pub(super) index: registry::Shared,
    pub(super) head: Arc<Head>,
    pub(super) blocks: Box<dyn Blocks>,
    pub(super) segments: Arc<Segments>,
    /// What the log held at the start and the head does not hold yet. Whoever asks the head for a
    /// device, or adds to it, touches it here before.
    pub(super) lazy: Arc<Lazy>,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    /// Held through a pass of sealing and merging.
    pub(super) passes: Mutex<()>,
    /// Held by whoever moves or deletes blocks, for some blocks at a time.
    maintenance: Mutex<()>,
    /// Half-hours that are too large to be merged.
    unmerged: Mutex<BTreeSet<BlockKey>>,
}

impl Parts {
    pub(super) fn new(
        index: registry::Shared,
        head: Arc<Head>,
        blocks: impl Blocks,
        (segments, lazy): (Arc<Segments>, Lazy),
        counters: Arc<Counters>,
        clock: Clock,
    ) -> Self {
        Self {
            index,
            head,
            blocks: Box::new(blocks),
            segments,
            lazy: Arc::new(lazy),
            counters,
            clock,
            passes: Mutex::default(),
            maintenance: Mutex::default(),
            unmerged: Mutex::default(),
        }
    }

    /// Nobody else moves or deletes blocks while this is held.
    pub(super) fn move_blocks(&self) -> MutexGuard<'_, ()> {
        self.maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a block out of the way that cannot be decoded, and counts it.
    pub(super) fn set_aside(&self, key: &BlockKey, reason: &str) {
        self.counters.defect("damaged_block", 1);
        if let Err(error) = self.blocks.set_aside(key, reason) {
            warn!(device.id = %key.device_id, %error, "a damaged block could not be set aside");
        }
    }

    /// Counts what the back end found damaged; it has logged it.
    pub(super) fn note_damage(&self) {
        self.counters
            .defect("damaged_blocks_found", self.blocks.damage().len() as u64);
    }

    /// These half-hours make more than a block may hold; they stay as they are.
    pub(super) fn too_large(&self, keys: &BTreeSet<BlockKey>) {
        let mut unmerged = self.unmerged.lock().unwrap_or_else(PoisonError::into_inner);
        unmerged.extend(keys);
    }

    pub(super) fn is_too_large(&self, key: &BlockKey) -> bool {
        let unmerged = self.unmerged.lock().unwrap_or_else(PoisonError::into_inner);
        unmerged.contains(key)
    }
}
