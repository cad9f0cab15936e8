//! Replaying behind the start: what is asked for first, the rest on a thread.
//!
//! A device is replayed as a whole, once, by whoever comes first; others that need it wait for that.
//! Nothing else is added to it before, so the head holds for each time what was written last. No
//! segment is deleted meanwhile, as sealing, which alone deletes, first has all replayed.
//!
//! A frame that the disk does not give is tried again for [`GIVE_UP_AFTER`], then left out, told and
//! counted, as nothing would be sealed else and the log would fill the disk; its segment is kept.

use super::{Frames, Place};
use crate::series::Column;
use crate::series::head::Head;
use crate::series::log::frame;
use crate::series::log::segments::Segments;
use crate::series::registry::{Shared, with};
use crate::series::stats::Counters;
use crate::series::tombstones::Tombstones;
use model::{DeviceId, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing::warn;

/// How long a frame that cannot be read is tried again: a disk that is reached by a network may come
/// back, a bad sector does not.
const GIVE_UP_AFTER: Duration = Duration::from_mins(10);

/// The frames of a device; none once they are replayed. Held locked while they are.
type Slot = Mutex<Option<Waiting>>;

/// What waits of a device.
struct Waiting {
    places: Vec<Place>,
    /// When it could not be read for the first time.
    failing: Option<Instant>,
}

/// What is not yet replayed.
pub(crate) struct Lazy {
    segments: Arc<Segments>,
    index: Shared,
    head: Arc<Head>,
    tombstones: Arc<Tombstones>,
    counters: Arc<Counters>,
    waiting: RwLock<HashMap<DeviceId, Arc<Slot>>>,
    /// Devices that wait; asked at each append and read.
    left: AtomicUsize,
    stopped: AtomicBool,
    give_up_after: Duration,
}

/// The frames were not all replayed: the store is being closed, or the log cannot be read.
#[derive(Debug)]
pub(crate) enum NotReplayed {
    /// It is being closed.
    Stopped,
    /// The log could not be read; it may be tried again.
    Unread(io::Error),
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Waiting>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lazy {
    pub(crate) fn new(
        frames: Frames,
        segments: Arc<Segments>,
        index: Shared,
        (head, tombstones): (Arc<Head>, Arc<Tombstones>),
        counters: Arc<Counters>,
    ) -> Self {
        let left = AtomicUsize::new(frames.len());
        let slots = frames.into_iter().map(|(device_id, mut places)| {
            places.shrink_to_fit();
            let waiting = Waiting {
                places,
                failing: None,
            };
            (device_id, Arc::new(Mutex::new(Some(waiting))))
        });
        Self {
            segments,
            index,
            head,
            tombstones,
            counters,
            waiting: RwLock::new(slots.collect()),
            left,
            stopped: AtomicBool::new(false),
            give_up_after: GIVE_UP_AFTER,
        }
    }

    /// Devices that are not yet replayed.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::Acquire)
    }

    /// Whether a device is not yet replayed.
    pub(crate) fn is_waiting(&self, device_id: DeviceId) -> bool {
        self.left() > 0 && self.slot(device_id).is_some()
    }

    fn slot(&self, device_id: DeviceId) -> Option<Arc<Slot>> {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&device_id).cloned()
    }

    /// Sees to it that all that the log had of a device is in the head. Blocks while it reads.
    /// Where the log cannot be read the device goes on waiting, for a while.
    pub(crate) fn touch(&self, device_id: DeviceId) -> io::Result<()> {
        if self.left() == 0 {
            return Ok(());
        }
        let Some(slot) = self.slot(device_id) else {
            return Ok(());
        };
        let mut slot = lock(&slot);
        if let Some(waiting) = &mut *slot {
            let gives_up = waiting
                .failing
                .is_some_and(|since| since.elapsed() >= self.give_up_after);
            // What was replayed before a failure is replayed again: each time keeps one value.
            if let Err(error) = self.replay(device_id, &waiting.places, gives_up) {
                self.counters.defect("replay_failed", 1);
                waiting.failing.get_or_insert_with(Instant::now);
                return Err(error);
            }
            self.done(device_id, &mut slot);
        }
        Ok(())
    }

    /// The device is deleted: it is not replayed any more.
    pub(crate) fn forget(&self, device_id: DeviceId) {
        if let Some(slot) = self.slot(device_id) {
            let mut slot = lock(&slot);
            if slot.is_some() {
                self.done(device_id, &mut slot);
            }
        }
    }

    fn done(&self, device_id: DeviceId, slot: &mut Option<Waiting>) {
        *slot = None;
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&device_id);
        self.left.fetch_sub(1, Ordering::Release);
    }

    /// Sees to it that all the log had is in the head; answers the first failure where there was one,
    /// having tried all the same what follows.
    pub(crate) fn finish(&self) -> Result<(), NotReplayed> {
        if self.left() == 0 {
            return Ok(());
        }
        let devices: Vec<DeviceId> = {
            let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
            waiting.keys().copied().collect()
        };
        let mut failed = None;
        for device_id in devices {
            if self.is_stopped() {
                return Err(NotReplayed::Stopped);
            }
            if let Err(error) = self.touch(device_id) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(NotReplayed::Unread(error)))
    }

    /// What the thread does: all of it, once. What fails is tried again when it is asked for, or
    /// before the next half-hour is sealed.
    pub(crate) fn run(&self) {
        if let Err(NotReplayed::Unread(error)) = self.finish() {
            warn!(%error, devices = self.left(), "the log could not be read and is tried again");
        }
    }

    /// The store is being closed: what takes long ends soon.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Ends [`Lazy::run`] and [`Lazy::finish`] after the device that they are at. What is asked for
    /// is still replayed.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Brings frames back; where it `gives_up`, those that cannot be read are left out.
    fn replay(&self, device_id: DeviceId, places: &[Place], gives_up: bool) -> io::Result<()> {
        let mut open: Option<(u64, File)> = None;
        let mut octets = Vec::new();
        for place in places {
            let frame = match self.read(place, &mut open, &mut octets) {
                Ok(()) => frame::decode(&octets).filter(|(batch, _)| batch.device_id == device_id),
                Err(error) if is_gone(&error) => None,
                Err(error) if gives_up => {
                    self.segments.keep(place.segment);
                    self.counters.defect("damaged_frame", 1);
                    warn!(device.id = %device_id, segment = place.segment, offset = place.offset, %error,
                        "a frame of the log cannot be read and is left out; its segment is kept");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some((mut batch, _)) = frame else {
                self.counters.defect("damaged_frame", 1);
                warn!(device.id = %device_id, segment = place.segment, offset = place.offset,
                    "a frame of the log has changed since the start, and is left out");
                continue;
            };
            with(&self.index, |index| {
                let columns = batch.values.iter().map(|(column, _)| *column);
                if index.first_unknown(device_id, columns).is_some() {
                    let known = |(column, _): &(Column, Value)| index.has(device_id, *column);
                    batch.values.retain(known);
                }
            });
            // What was deleted since it was written does not come back.
            if let Some(hidden) = self.tombstones.of_segment(device_id, place.segment) {
                let at_ms = batch.at.unix_ms();
                batch
                    .values
                    .retain(|(column, _)| !hidden.has(*column, at_ms));
            }
            self.head.add(&batch);
        }
        Ok(())
    }

    /// Reads a frame; the file stays open for the next one.
    fn read(
        &self,
        place: &Place,
        open: &mut Option<(u64, File)>,
        octets: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (_, file) = match open.take() {
            Some(same) if same.0 == place.segment => open.insert(same),
            _ => {
                let file = File::open(self.segments.path(place.segment))?;
                open.insert((place.segment, file))
            }
        };
        file.seek(SeekFrom::Start(place.offset))?;
        octets.clear();
        octets.resize(usize::try_from(place.length).unwrap_or_default(), 0);
        file.read_exact(octets)
    }
}

/// Whether the octets are not there any more, and trying again is of no use.
fn is_gone(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound)
}

#[cfg(test)]
#[path = "lazy_tests.rs"]
mod tests;
