//! What deleting by range asks of the series: how many samples there are, and that they go.

use super::bury::{self, Grave};
use super::{ColdError, Fetch, Points, SeriesError, SeriesStore, read, seal};
use crate::blocks::{Column, Level};
use crate::pack::Kind;
use crate::progress::Progress;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Series of a device that are counted together: a day of them is some megabytes.
const COLUMNS_AT_ONCE: usize = 512;

/// Samples that are counted of a range; more are not, as counting reads all of them.
pub(crate) const COUNTED_MAX: u64 = 50_000_000;

/// How long archived days are asked for while samples are counted, in all: what is deleted is to be hidden
/// soon, and of a year of a thousand devices it would take hours.
const ARCHIVE_WAIT: Duration = Duration::from_secs(20);

/// What became of archived days while samples were counted.
struct Archived {
    /// Until when they are asked for.
    until: Instant,
    /// They are still asked for.
    is_asked: bool,
    /// None was missing.
    is_whole: bool,
}

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

    /// How many samples series have in `[from, to)`, up to [`COUNTED_MAX`] and some more, with those of
    /// archived days, or as far as one comes until a time; whether that is all, which it is not either
    /// where some of the archive cannot be had, or takes long. Blocks.
    pub(crate) fn count_samples(
        &self,
        of: &[(DeviceId, Vec<Column>)],
        (from, to): (Timestamp, Timestamp),
        progress: &Progress,
        until: Option<Instant>,
    ) -> Result<(u64, bool), SeriesError> {
        let archive_until = Instant::now() + ARCHIVE_WAIT;
        self.count_asking(of, (from, to), progress, (until, archive_until))
    }

    /// As [`count_samples`](Self::count_samples), asking the archive until a time.
    fn count_asking(
        &self,
        of: &[(DeviceId, Vec<Column>)],
        (from, to): (Timestamp, Timestamp),
        progress: &Progress,
        (until, archive_until): (Option<Instant>, Instant),
    ) -> Result<(u64, bool), SeriesError> {
        let parts = self.parts();
        let sealed = self.sealed_days((from, to))?;
        let mut count = 0;
        let mut archived = Archived {
            until: until.map_or(archive_until, |until| until.min(archive_until)),
            is_asked: true,
            is_whole: true,
        };
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
                    let read = self.with_archived(*device_id, some, (begin, end), &mut archived)?;
                    count += read::length(&read);
                }
                if count > COUNTED_MAX || until.is_some_and(|until| until <= Instant::now()) {
                    return Ok((count, false));
                }
                progress.go_on().map_err(|_| SeriesError::GivenUp)?;
            }
        }
        Ok((count, archived.is_whole))
    }

    /// The samples of columns of a device in a part of a day, and of the archive while it answers.
    fn with_archived(
        &self,
        device_id: DeviceId,
        columns: &[Column],
        (from, to): (Timestamp, Timestamp),
        archived: &mut Archived,
    ) -> Result<Vec<Points>, SeriesError> {
        let parts = self.parts();
        if archived.is_asked {
            let mut fetch = Fetch::until(Some(archived.until));
            match read::read_fetching(parts, device_id, columns, (from, to), &mut fetch) {
                Err(SeriesError::Archive(ColdError::Late)) => {}
                read => {
                    archived.is_whole &= fetch.missing().next().is_none();
                    return read;
                }
            }
            // Each of the others would wait as long.
            (archived.is_asked, archived.is_whole) = (false, false);
        }
        let here = read::read_many(parts, device_id, columns, from, to)?;
        Ok(here)
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
        let cold = parts.cold.get().map(|cold| cold.meets(from, to));
        days.extend(cold.into_iter().flatten().map(|cold| cold.day));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::cold::tests::{Kept, day};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slow_archive_is_asked_for_so_long_in_all_and_what_is_here_is_counted() {
        let kept = Kept::of_days(4).await;
        for n in 0..3 {
            kept.retire(n);
        }
        kept.cold.set_delay(Duration::from_millis(400));
        let columns: Vec<Column> = kept.series.iter().map(|series| series.column).collect();
        let of = [(kept.device_id, columns)];
        let wait = Instant::now() + Duration::from_millis(500);
        let range = (day(0), day(4));
        let (progress, until) = (Progress::default(), (None, wait));
        let counted = kept.store.count_asking(&of, range, &progress, until);
        let (count, is_whole) = counted.unwrap();
        assert!(!is_whole);
        assert!(kept.cold.reads() <= 2, "{}", kept.cold.reads());
        let here: usize = (kept.expected.keys())
            .filter(|(_, at)| *at >= day(3).unix_ms())
            .count();
        assert!(count >= here as u64, "{count}");
    }
}
