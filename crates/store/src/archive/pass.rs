//! Writing the days that are due.

use super::compare::{Before, is_unreadable};
use super::manifest::{
    FILES_MAX, MANIFEST_BYTES_MAX, Manifest, VERSION, day_name, folder_of, is_reached, manifest_of,
    parse_name,
};
use super::write::{Staged, empty, room, stage};
use super::{Archive, ArchiveError, Pace, lock};
use crate::ArchivedDay;
use crate::disk::Leave;
use crate::pack::PackMeta;
use crate::progress::Progress;
use crate::series::{Revision, chain};
use model::Timestamp;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How much more room than its pack the files of a day are given.
const ROOM_FACTOR: u64 = 2;
/// How long is slept at once, so that work ends soon that is to end.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long a day is.
const DAY: Duration = Duration::from_hours(24);

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Days archived.
    pub days: u64,
    /// Samples in them.
    pub samples: u64,
    /// Octets of their files.
    pub bytes: u64,
    /// Columns that are nobody's, or not known, which were left out.
    pub left_out: u64,
    /// Days that changed meanwhile or are damaged: they are tried again.
    pub left: u64,
    /// What failed.
    pub failed: Option<String>,
}

/// Whether a day is not to be archived, by what is known of it: as it is archived as its pack has it, or
/// not all of it is here.
fn is_archived(known: Option<&ArchivedDay>, meta: &PackMeta) -> bool {
    known.is_some_and(|day| day.thinned || (day.damaged.is_none() && day.source == [meta.stamp()]))
}

impl Archive {
    /// Archives the closed days that are due, the oldest first but for those that failed before, or those
    /// of them that lie in `[from, to)`, whether they are due yet or not. What fails of one day says nothing
    /// of the others; where the archive does not answer, that is the end. Waits, rests as it works, and lets
    /// others at the archive between two days.
    pub fn run(
        &self,
        days: Option<(Timestamp, Timestamp)>,
        progress: &Progress,
    ) -> Result<Run, ArchiveError> {
        let began = Instant::now();
        let mut run = Run {
            at: self.0.clock.now(),
            ..Run::default()
        };
        let done = self.run_days(days, progress, &mut run);
        run.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Err(error) = &done {
            run.failed.get_or_insert(chain(error));
        }
        let mut state = lock(&self.0.state);
        state.days += run.days;
        state.took_ms += run.took_ms;
        let stopped = matches!(done, Err(ArchiveError::Stopped(_)));
        if !stopped {
            state.runs_failed += u64::from(run.failed.is_some());
            state.failing.clone_from(&run.failed);
        }
        state.last = Some(run.clone());
        drop(state);
        done.map(|()| run)
    }

    fn run_days(
        &self,
        days: Option<(Timestamp, Timestamp)>,
        progress: &Progress,
        run: &mut Run,
    ) -> Result<(), ArchiveError> {
        let due = {
            let _alone = self.alone(progress)?;
            self.own()?;
            self.look_in_turn()?;
            self.note_lost()?;
            self.in_turn(self.due(days)?)
        };
        progress.expect(due.iter().map(|meta| meta.bytes).sum());
        let mut pace = Pace::new(self.0.options.rest_factor);
        for meta in due {
            let done = {
                let _alone = self.alone(progress)?;
                self.archive_day(&meta, (&mut pace, progress), run)
            };
            self.count_failure(meta.id.start, &done);
            match done {
                Ok(()) => run.days += 1,
                Err(ArchiveError::Changed { .. }) => run.left += 1,
                Err(error) if error.is_of_all() => return Err(error),
                Err(error) => {
                    warn!(day = %meta.id.start, error = %chain(&error), "a day was not archived");
                    run.left += 1;
                    run.failed.get_or_insert(chain(&error));
                }
            }
            pace.rest();
        }
        Ok(())
    }

    /// The days that are to be archived: those whose pack is another than the one that is archived. A day
    /// of which something went is not made again of what is left.
    pub(super) fn due(
        &self,
        days: Option<(Timestamp, Timestamp)>,
    ) -> Result<Vec<PackMeta>, ArchiveError> {
        let now = self.0.clock.now();
        let by = match days {
            Some((_, to)) => to.min(now),
            None => now.minus(DAY * self.0.options.after_days),
        };
        let known = self.reading().days.all();
        let mut due = self.0.series.closed_days(by)?;
        due.retain(|meta| {
            let wanted = days.is_none_or(|(from, _)| meta.id.start >= from);
            let known = known.get(&meta.id.start);
            wanted && !is_archived(known, meta) && day_name(meta.id.start).is_some()
        });
        Ok(due)
    }

    /// Notes the days that are not here at all any more, though nobody removed them: they are read of the
    /// archive, also after the next start.
    fn note_lost(&self) -> Result<(), ArchiveError> {
        let here = self.0.series.packs_of_samples();
        for (day, known) in self.reading().days.all().iter() {
            let first = here.range((*day, String::new())..).next();
            if known.thinned || first.is_some_and(|(next, _)| next == day) {
                continue;
            }
            warn!(%day, "an archived day is not here any more: it is read of the archive");
            let lost = self
                .reading()
                .days
                .change(*day, |known| known.thinned = true);
            self.reading().depot.wait(lost)?;
        }
        Ok(())
    }

    /// The days that failed least first, so that one that always fails keeps no other from being archived.
    fn in_turn(&self, mut due: Vec<PackMeta>) -> Vec<PackMeta> {
        let mut state = lock(&self.0.state);
        let is_due = |day: &Timestamp| due.iter().any(|meta| meta.id.start == *day);
        state.failures.retain(|day, _| is_due(day));
        let failures = |meta: &PackMeta| state.failures.get(&meta.id.start).copied();
        due.sort_by_key(|meta| (failures(meta), meta.id.start));
        due
    }

    fn count_failure(&self, day: Timestamp, done: &Result<(), ArchiveError>) {
        let mut state = lock(&self.0.state);
        match done {
            Ok(()) | Err(ArchiveError::Changed { .. } | ArchiveError::Stopped(_)) => {
                state.failures.remove(&day);
            }
            Err(_) => *state.failures.entry(day).or_default() += 1,
        }
    }

    /// One day, whole or not at all. Its files do not stay here either way.
    fn archive_day(
        &self,
        meta: &PackMeta,
        at_work: (&mut Pace, &Progress),
        run: &mut Run,
    ) -> Result<(), ArchiveError> {
        let done = self.write_day(meta, at_work, run);
        let emptied = empty(&self.0.options.staging);
        if let Err(ArchiveError::Less { day, .. }) = &done {
            // It is read of the archive, and what is left of it here is not archived in its place.
            let thinned = self
                .reading()
                .days
                .change(*day, |known| known.thinned = true);
            self.reading().depot.wait(thinned)?;
        }
        if let Err(error) = emptied {
            warn!(error = %chain(&error), "the files of a day that was archived stay for now");
        }
        done
    }

    fn write_day(
        &self,
        meta: &PackMeta,
        at_work: (&mut Pace, &Progress),
        run: &mut Run,
    ) -> Result<(), ArchiveError> {
        let day = meta.id.start;
        // Another may have had its turn since the day was found to be due.
        let known = self.reading().days.get(day);
        if is_archived(known.as_ref(), meta) || !self.0.series.has_pack(&meta.id) {
            return Err(ArchiveError::Changed { day });
        }
        let name = day_name(day).unwrap_or_default();
        // Before anything is read: what is deleted from now on has a later generation.
        let given = self.new_revision(day, &name)?;
        let revision = given.number;
        let written = self.write_revision(meta, (&name, revision), at_work, run);
        if written.is_ok() {
            self.remove_revision(day, |found| found < revision);
        // What was put of it counts for nothing, and each time would be as much again.
        } else if !self.remove_revision(day, |found| found == revision) {
            // It may be there with its manifest, and be found by a look. Until then nobody knows what is
            // archived, so that what is deleted meanwhile stays hidden in it.
            *lock(&self.0.looked) = None;
        }
        written
    }

    fn write_revision(
        &self,
        meta: &PackMeta,
        (name, revision): (&str, u64),
        (pace, progress): (&mut Pace, &Progress),
        run: &mut Run,
    ) -> Result<(), ArchiveError> {
        let (day, depot) = (meta.id.start, &self.reading().depot);
        let staging = &self.0.options.staging;
        empty(staging)?;
        let bytes = meta.bytes.saturating_mul(ROOM_FACTOR);
        room(staging, bytes, Leave::Little)?;
        let staged = self.staged(meta, (&mut *pace, progress))?;
        if staged.files.len() > FILES_MAX {
            return Err(ArchiveError::TooMany {
                what: "files of a day",
                max: FILES_MAX,
            });
        }
        let folder = folder_of(name, revision);
        for (path, sums) in &staged.files {
            progress.go_on()?;
            let began = Instant::now();
            depot.put_file(&format!("{folder}/{}", sums.name), path)?;
            self.hold_to_bandwidth(sums.bytes, began, progress)?;
        }
        let manifest = Manifest {
            version: VERSION,
            installation: self.reading().installation.clone(),
            day,
            revision,
            source: vec![meta.stamp()],
            samples: staged.samples,
            series: staged.series,
            devices: staged.devices,
            unknown_columns: staged.unknown,
            files: staged.files.into_iter().map(|(_, sums)| sums).collect(),
        };
        let found = self.check_files(&manifest, (pace, progress), |_| ())?;
        if let Some(what) = found {
            return Err(ArchiveError::NotSame {
                name: format!("{folder}: {what}"),
            });
        }
        // What took its place has samples that these files lack, or lacks some that they have.
        if !self.0.series.has_pack(&meta.id) {
            return Err(ArchiveError::Changed { day });
        }
        // It may have been taken over meanwhile, or its disk be gone.
        self.own()?;
        self.commit(&manifest, name)?;
        self.note(meta, &manifest)?;
        run.samples += manifest.samples;
        run.bytes += manifest.bytes();
        run.left_out += staged.left_out + staged.unknown;
        if staged.unknown > 0 {
            let columns = staged.unknown;
            warn!(%day, columns, "what nobody knows of a day was not archived: the day stays here");
        }
        info!(%day, samples = manifest.samples, bytes = manifest.bytes(), "a day was archived");
        Ok(())
    }

    /// The files of a day, which have all that the revision before has.
    fn staged(
        &self,
        meta: &PackMeta,
        at_work: (&mut Pace, &Progress),
    ) -> Result<Staged, ArchiveError> {
        let (day, reading, options) = (meta.id.start, self.reading(), &self.0.options);
        // The same pack once more has what it had.
        let known = reading.days.get(day);
        let known = known.filter(|known| known.source != [meta.stamp()]);
        let before = known
            .clone()
            .map(|known| Before::of(reading, &self.0.series, known));
        let (before, mut is_unread) = match before {
            Some(Err(error)) if is_unreadable(&error) => (None, true),
            before => (before.transpose()?, false),
        };
        let staged = stage(
            (&self.0.series, &self.0.inventory),
            meta,
            before,
            (&options.staging, options.row_group_rows),
            at_work,
        )?;
        is_unread |= staged.not_compared;
        if let Some(known) = known.filter(|_| is_unread)
            && (staged.samples < known.samples || staged.series < known.series)
        {
            let what = "it cannot be read to be compared with what is here, which is less";
            return Err(ArchiveError::Damaged {
                day,
                what: what.to_owned(),
            });
        }
        Ok(staged)
    }

    /// Takes a revision in, where its pack is still here: so that nothing of it goes meanwhile.
    fn note(&self, meta: &PackMeta, manifest: &Manifest) -> Result<(), ArchiveError> {
        let (day, days) = (manifest.day, &self.reading().days);
        let known = |before: Option<ArchivedDay>| ArchivedDay {
            day,
            revision: manifest.revision,
            source: manifest.source.clone(),
            samples: manifest.samples,
            series: manifest.series,
            bytes: manifest.bytes(),
            archived_at: self.0.clock.now(),
            thinned: false,
            restored_until: before.and_then(|before| before.restored_until),
            damaged: None,
            unknown_columns: manifest.unknown_columns,
        };
        let noted = self.0.series.while_there(&meta.id, || {
            let before = days.get(day);
            self.reading().depot.wait(days.put(known(before)))
        });
        noted.unwrap_or(Err(ArchiveError::Changed { day }))?;
        self.0.series.lacks_nothing_of(day);
        Ok(())
    }

    /// A revision of a day that was never given. Where the store was brought back from a backup, what it
    /// would give next may be in the archive already.
    fn new_revision(&self, day: Timestamp, name: &str) -> Result<Revision, ArchiveError> {
        let objects = self.reading().depot.list(name)?;
        let there = objects.iter().filter_map(|object| parse_name(&object.name));
        let there = there.map(|(_, revision, _)| revision);
        if let Some(greatest) = there.filter(|revision| is_reached(*revision)).max() {
            self.0.series.raise_generation(greatest + 1);
        }
        Ok(self.0.series.begin_revision(day))
    }

    /// Puts the manifest, and reads it back: only then the day is archived.
    fn commit(&self, manifest: &Manifest, day: &str) -> Result<(), ArchiveError> {
        let octets = manifest
            .to_octets()
            .map_err(|error| ArchiveError::Settings {
                what: error.to_string(),
            })?;
        if octets.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(ArchiveError::TooMany {
                what: "octets of a manifest",
                max: usize::try_from(MANIFEST_BYTES_MAX).unwrap_or(usize::MAX),
            });
        }
        let (name, depot) = (manifest_of(day, manifest.revision), &self.reading().depot);
        depot.put_new(&name, octets.clone().into())?;
        let there = depot.get_all(&name, MANIFEST_BYTES_MAX, None)?;
        if there != octets {
            return Err(ArchiveError::NotSame { name });
        }
        Ok(())
    }

    fn hold_to_bandwidth(
        &self,
        bytes: u64,
        began: Instant,
        progress: &Progress,
    ) -> Result<(), ArchiveError> {
        let Some(most) = self.0.options.bytes_per_sec_max else {
            return Ok(());
        };
        let time = Duration::from_millis(bytes.saturating_mul(1_000) / most.max(1));
        loop {
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            progress.go_on()?;
            std::thread::sleep(left.min(SLEEP_MAX));
        }
    }

    /// Removes revisions of a day: manifests first, so that none names files that are gone. What cannot be
    /// removed is removed when the archive is looked over. Says whether all went.
    pub(super) fn remove_revision(&self, day: Timestamp, goes: impl Fn(u64) -> bool) -> bool {
        let depot = &self.reading().depot;
        let removed = depot
            .list(&day_name(day).unwrap_or_default())
            .and_then(|objects| {
                let gone = objects.into_iter().filter_map(|object| {
                    let (_, revision, is_manifest) = parse_name(&object.name)?;
                    goes(revision).then_some((!is_manifest, object.name))
                });
                let mut gone: Vec<_> = gone.collect();
                gone.sort();
                for (_, name) in gone {
                    depot.delete(&name)?;
                }
                Ok(())
            });
        if let Err(error) = &removed {
            warn!(%day, error = %chain(error), "an old revision of an archived day stays for now");
        }
        removed.is_ok()
    }
}
