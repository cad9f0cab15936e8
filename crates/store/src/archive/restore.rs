//! Bringing archived days back into the store.

use super::write::{empty, room};
use super::{Archive, ArchiveError};
use crate::ArchivedDay;
use crate::disk::Leave;
use crate::progress::{Progress, Stopped};
use crate::series::chain;
use crate::series::{ColdError, RestoredDay, SeriesError};
use model::Timestamp;
use std::collections::BTreeMap;
use tracing::{info, warn};

/// How much room a day is given, by what the archive takes for it: its files are copied, and its pack is
/// made while the one that it replaces is there.
const ROOM_FACTOR: u64 = 3;

/// What was brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Days.
    pub days: u64,
    /// Devices of which something is in the packs of these days, each day counted.
    pub devices: u64,
    /// Series of the archive that are here again, each day counted.
    pub series: u64,
    /// Samples in the packs of these days.
    pub samples: u64,
    /// Series that were not brought back, by reason, and how many.
    pub refused: Vec<(String, u64)>,
    /// Days that were not brought back, as what says where their series are is damaged; and what.
    pub damaged: Vec<(Timestamp, String)>,
}

impl Archive {
    /// Brings the archived days that lie in `[from, to)` back; retention leaves them alone until
    /// `keep_until`. What is here already holds, and what was deleted since stays so. Each day is whole or
    /// as it was, and doing it again is harmless. Of a damaged day the series come back that the damage does
    /// not reach; the other days go on. Waits, and lets others at the archive between two days.
    pub fn restore(
        &self,
        from: Timestamp,
        to: Timestamp,
        keep_until: Timestamp,
        by: &str,
        progress: &Progress,
    ) -> Result<Restored, ArchiveError> {
        let known = {
            let _alone = self.alone(progress)?;
            self.reading().is_that_of_days(None)?;
            self.look_in_turn()?;
            self.reading().days.all()
        };
        let days: Vec<&ArchivedDay> = known.range(from..).map(|(_, day)| day).collect();
        let days: Vec<&ArchivedDay> = days.into_iter().take_while(|day| day.day < to).collect();
        progress.expect(days.iter().map(|day| day.bytes).sum());
        let (mut restored, mut refused) = (Restored::default(), BTreeMap::new());
        for day in days {
            let _alone = self.alone(progress)?;
            // As it is now: it may have been archived anew since.
            let Some(day) = &self.reading().days.get(day.day) else {
                progress.did(day.bytes);
                continue;
            };
            room(
                &self.0.options.staging,
                day.bytes.saturating_mul(ROOM_FACTOR),
                Leave::Reserve,
            )?;
            let done = match self.restore_day(day, keep_until, progress) {
                Err(error) if is_damage(&error) => {
                    let what = chain(&error);
                    warn!(day = %day.day, by, "an archived day was not brought back: {what}");
                    restored.damaged.push((day.day, what));
                    progress.did(day.bytes);
                    continue;
                }
                done => done?,
            };
            progress.did(day.bytes);
            restored.days += 1;
            restored.devices += done.devices;
            restored.series += done.series;
            restored.samples += done.samples;
            for (why, count) in done.refused {
                *refused.entry(why.name().to_owned()).or_default() += count;
            }
            info!(day = %day.day, by, samples = done.samples, "an archived day was brought back");
        }
        restored.refused = refused.into_iter().collect();
        Ok(restored)
    }

    /// One day, whole or not at all.
    fn restore_day(
        &self,
        day: &ArchivedDay,
        keep_until: Timestamp,
        progress: &Progress,
    ) -> Result<RestoredDay, ArchiveError> {
        let (reading, of_day) = (self.reading(), day.day);
        let keep = |until: Option<Timestamp>| {
            let kept = reading
                .days
                .change(of_day, |known| known.restored_until = until);
            reading.depot.wait(kept)
        };
        // Before it is here, or retention would take it at once.
        keep(day.restored_until.max(Some(keep_until)))?;
        // While it cannot be removed: it would be taken for whole, and not be read of the archive.
        let came = |done: &RestoredDay| {
            if done.is_whole() {
                let whole = reading.days.change(of_day, |known| known.thinned = false);
                reading.depot.wait(whole)?;
                self.0.series.lacks_nothing_of(of_day);
            }
            Ok(())
        };
        // Nothing is sealed while the day is put together, so that the archive is not waited for then.
        let staging = &self.0.options.staging;
        let done = empty(staging)
            .and_then(|()| reading.fetch(day, staging, progress))
            .and_then(|here| self.0.series.restore_day(&here, of_day, progress, came));
        if let Err(error) = empty(staging) {
            warn!(day = %of_day, error = %chain(&error), "the files of a day that was brought back stay for now");
        }
        done.map_err(|error| {
            // It did not come back. Where that cannot be noted, what is here of it stays for a while longer.
            if let Err(error) = keep(day.restored_until) {
                warn!(day = %of_day, error = %chain(&error), "a day counts as restored that is not");
            }
            match error {
                ArchiveError::Series(SeriesError::GivenUp) => ArchiveError::Stopped(Stopped),
                error => error,
            }
        })
    }
}

/// Whether it is the day that is damaged, which says nothing of others.
fn is_damage(error: &ArchiveError) -> bool {
    matches!(
        error,
        ArchiveError::Damaged { .. }
            | ArchiveError::Cold(ColdError::Damaged { .. })
            | ArchiveError::Series(SeriesError::Archive(ColdError::Damaged { .. }))
    )
}
