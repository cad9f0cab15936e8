//! What deleting by range asks of the series: how many samples there are, and that they go.

use super::bury::{self, Grave};
use super::cold::fetch;
use super::{SeriesError, SeriesStore, read, seal};
use crate::blocks::{Column, Level};
use crate::pack::Kind;
use crate::progress::Progress;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

/// Series of a device that are counted together: a day of them is some megabytes.
const COLUMNS_AT_ONCE: usize = 512;

/// Samples that are counted of a range; more are not, as counting reads all of them.
pub(crate) const COUNTED_MAX: u64 = 50_000_000;

impl SeriesStore {
    /// Deletes `[from, to)` of series, all of it or, where this fails, none. Durable when it returns,
    /// and seen by nobody who reads from then on; what is appended later is there. Neither holds nor the
    /// audit are asked: [`Store::delete_samples`](crate::Store::delete_samples) does. Blocks.
    pub fn bury(
        &self,
        graves: Vec<Grave>,
        range: (Timestamp, Timestamp),
    ) -> Result<(), SeriesError> {
        let queues = self.0.threads.queues().ok_or(SeriesError::Closed)?;
        bury::bury(self.parts(), &queues, graves, range)
    }

    /// How many samples series have here in `[from, to)`, up to [`COUNTED_MAX`] and some more; whether that
    /// is all, as none are in archived days alone. Blocks.
    pub(crate) fn count_samples(
        &self,
        of: &[(DeviceId, Vec<Column>)],
        (from, to): (Timestamp, Timestamp),
        progress: &Progress,
    ) -> Result<(u64, bool), SeriesError> {
        let parts = self.parts();
        let sealed = self.sealed_days((from, to))?;
        let mut count = 0;
        for (device_id, columns) in of {
            read::touch(parts, *device_id)?;
            let held = parts.head.starts_of(*device_id).into_iter();
            let held = held.map(|start| Level::Day.start(Timestamp::from_unix_ms(start)));
            let days: BTreeSet<Timestamp> = sealed.iter().copied().chain(held).collect();
            for day in days {
                let (begin, end) = (day.max(from), seal::end(Level::Day, day).min(to));
                if begin >= end {
                    continue;
                }
                for some in columns.chunks(COLUMNS_AT_ONCE) {
                    let read = read::read_many(parts, *device_id, some, begin, end)?;
                    count += read.iter().map(|points| points.len() as u64).sum::<u64>();
                }
                if count > COUNTED_MAX {
                    return Ok((count, false));
                }
                progress.go_on().map_err(|_| SeriesError::GivenUp)?;
            }
        }
        Ok((count, fetch::days(parts, from, to).is_empty()))
    }

    /// The days that something is sealed of, of those that meet a range.
    fn sealed_days(
        &self,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<BTreeSet<Timestamp>, SeriesError> {
        let parts = self.parts();
        let list = parts.packs.list();
        let packs = list.iter().map(|meta| &meta.id);
        let packs = packs.filter(|id| id.kind == Kind::Samples && id.start < to && id.end() > from);
        let mut days: BTreeSet<Timestamp> = packs.map(|id| Level::Day.start(id.start)).collect();
        days.extend(parts.blocks.days()?);
        Ok(days)
    }

    /// Archived days by their starts, each with its revision, as they are noted down: before the first
    /// pass, so that what was deleted since stays hidden in them.
    pub(crate) fn note_archived(&self, days: BTreeMap<Timestamp, u64>) {
        self.parts().note_archived(days);
    }

    /// Ranges of devices that were deleted and may still be in files.
    pub fn tombstones(&self) -> usize {
        self.parts().tombstones.len()
    }

    /// Nothing is sealed, merged or deleted by range while this is held: who copies files one after the
    /// other has them all of before or of after it.
    pub(crate) fn between_passes(&self) -> MutexGuard<'_, ()> {
        let passes = &self.parts().passes;
        passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
