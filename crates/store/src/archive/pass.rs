//! Writing the days that are due, and looking over what is there.

use super::days::Known;
use super::manifest::{
    FILES_MAX, MANIFEST_BYTES_MAX, Manifest, VERSION, day_name, folder_of, manifest_of, parse_name,
};
use super::write::{empty, room, stage};
use super::{Archive, ArchiveError, FORMAT, OWNER, OWNER_BYTES_MAX, Owner, Pace, lock};
use crate::ArchivedDay;
use crate::disk::Leave;
use crate::pack::PackMeta;
use crate::progress::Progress;
use crate::series::{Revision, chain};
use model::Timestamp;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How much more room than its pack the files of a day are given.
const ROOM_FACTOR: u64 = 2;
/// How old remains without a manifest are before they are removed: nobody puts a day for so long.
const REMAINS_KEPT: Duration = Duration::from_hours(48);
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
    /// Columns that are nobody's, which were left out.
    pub left_out: u64,
    /// Days that changed meanwhile or are damaged: they are tried again.
    pub left: u64,
    /// What failed.
    pub failed: Option<String>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Days that were read whole.
    pub days: u64,
    /// Octets that were read.
    pub bytes: u64,
    /// Days that are damaged, and what.
    pub damaged: Vec<(Timestamp, String)>,
}

impl Archive {
    /// Archives the closed days that are due, the oldest first, or those of them that lie in `[from, to)`,
    /// whether they are due yet or not. What fails of one day says nothing of the others; where the archive
    /// does not answer, that is the end. Waits, and rests as it works.
    pub fn run(
        &self,
        days: Option<(Timestamp, Timestamp)>,
        progress: &Progress,
    ) -> Result<Run, ArchiveError> {
        let _alone = lock(&self.0.writing);
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
        self.own()?;
        if *lock(&self.0.unseen) {
            self.look()?;
        }
        let due = self.due(days)?;
        progress.expect(due.iter().map(|meta| meta.bytes).sum());
        let mut pace = Pace::new(self.0.options.rest_factor);
        for meta in due {
            progress.go_on()?;
            match self.archive_day(&meta, (&mut pace, progress), run) {
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
            let done = known.get(&meta.id.start).is_some_and(|day| {
                day.thinned || (day.damaged.is_none() && day.source == [meta.id.file_name()])
            });
            wanted && !done && day_name(meta.id.start).is_some()
        });
        Ok(due)
    }

    /// One day, whole or not at all.
    fn archive_day(
        &self,
        meta: &PackMeta,
        (pace, progress): (&mut Pace, &Progress),
        run: &mut Run,
    ) -> Result<(), ArchiveError> {
        let (day, depot) = (meta.id.start, &self.reading().depot);
        let name = day_name(day).unwrap_or_default();
        // Before anything is read: what is deleted from now on has a later generation.
        let given = self.new_revision(day, &name)?;
        let revision = given.number;
        let staging = &self.0.options.staging;
        empty(staging)?;
        let bytes = meta.bytes.saturating_mul(ROOM_FACTOR);
        room(staging, bytes, Leave::Little)?;
        let staged = stage(
            &self.0.series,
            &self.0.inventory,
            meta,
            (staging, self.0.options.row_group_rows),
            (pace, progress),
        )?;
        if staged.files.len() > FILES_MAX {
            return Err(ArchiveError::TooMany {
                what: "files of a day",
                max: FILES_MAX,
            });
        }
        let folder = folder_of(&name, revision);
        for (path, sums) in &staged.files {
            progress.go_on()?;
            let began = Instant::now();
            depot.put_file(&format!("{folder}/{}", sums.name), path)?;
            self.hold_to_bandwidth(sums.bytes, began);
        }
        // What took its place has samples that these files lack, or lacks some that they have.
        if !self.0.series.has_pack(&meta.id) {
            self.remove_revision(day, |found| found == revision);
            return Err(ArchiveError::Changed { day });
        }
        let manifest = Manifest {
            version: VERSION,
            installation: self.0.installation.clone(),
            day,
            revision,
            source: vec![meta.id.file_name()],
            samples: staged.samples,
            series: staged.series,
            devices: staged.devices,
            files: staged.files.into_iter().map(|(_, sums)| sums).collect(),
        };
        self.commit(&manifest, &name)?;
        let before = self.reading().days.get(day);
        let known = ArchivedDay {
            day,
            revision,
            source: manifest.source.clone(),
            samples: manifest.samples,
            series: manifest.series,
            bytes: manifest.bytes(),
            archived_at: self.0.clock.now(),
            thinned: false,
            restored_until: before.and_then(|before| before.restored_until),
            damaged: None,
        };
        depot.wait(self.reading().days.put(known))?;
        self.remove_revision(day, |found| found < revision);
        empty(staging)?;
        run.samples += manifest.samples;
        run.bytes += manifest.bytes();
        run.left_out += staged.left_out;
        info!(%day, samples = manifest.samples, bytes = manifest.bytes(), "a day was archived");
        Ok(())
    }

    /// A revision of a day that was never given. Where the store was brought back from a backup, what it
    /// would give next may be in the archive already.
    fn new_revision(&self, day: Timestamp, name: &str) -> Result<Revision, ArchiveError> {
        let objects = self.reading().depot.list(name)?;
        let there = objects.iter().filter_map(|object| parse_name(&object.name));
        if let Some(greatest) = there.map(|(_, revision, _)| revision).max() {
            self.0.series.raise_generation(greatest.saturating_add(1));
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
        depot.put(&name, octets.clone().into())?;
        let there = depot.get_all(&name, MANIFEST_BYTES_MAX, None)?;
        if there != octets {
            return Err(ArchiveError::NotSame { name });
        }
        Ok(())
    }

    fn hold_to_bandwidth(&self, bytes: u64, began: Instant) {
        let Some(most) = self.0.options.bytes_per_sec_max else {
            return;
        };
        let time = Duration::from_millis(bytes.saturating_mul(1_000) / most.max(1));
        std::thread::sleep(time.saturating_sub(began.elapsed()));
    }

    /// Removes revisions of a day: manifests first, so that none names files that are gone. What cannot be
    /// removed is removed when the archive is looked over.
    fn remove_revision(&self, day: Timestamp, goes: impl Fn(u64) -> bool) {
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
        if let Err(error) = removed {
            warn!(%day, error = %chain(&error), "an old revision of an archived day stays for now");
        }
    }

    /// Sees to it that the archive is ours, and marks it where it is nobody's.
    fn own(&self) -> Result<(), ArchiveError> {
        let owner = self.owner()?;
        let foreign = owner.filter(|owner| *owner != self.0.installation);
        lock(&self.0.state).foreign.clone_from(&foreign);
        match foreign {
            Some(installation) => Err(ArchiveError::Foreign { installation }),
            None => Ok(()),
        }
    }

    /// Whose the archive is; it is marked as ours where it is nobody's.
    fn owner(&self) -> Result<Option<String>, ArchiveError> {
        let depot = &self.reading().depot;
        match depot.get_all(OWNER, OWNER_BYTES_MAX, None) {
            Ok(octets) => {
                let owner = serde_json::from_slice::<Owner>(&octets).ok();
                let owner = owner.filter(|owner| owner.format == FORMAT);
                let Some(owner) = owner else {
                    return self.unknown_owner().map(Some);
                };
                if owner.version > VERSION {
                    return Err(ArchiveError::Settings {
                        what: format!("it is of version {}, which is not known", owner.version),
                    });
                }
                Ok(Some(owner.installation))
            }
            Err(error) if error.is_missing() => {
                // Days that are known lie elsewhere: this is not the place where they are.
                if !self.reading().days.all().is_empty() {
                    return Err(ArchiveError::Absent);
                }
                self.adopt()?;
                Ok(Some(self.0.installation.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The mark says nothing: as it does where it was broken off before anything was archived.
    fn unknown_owner(&self) -> Result<String, ArchiveError> {
        let objects = self.reading().depot.list("")?;
        let is_manifest =
            |name: &str| parse_name(name).is_some_and(|(_, _, is_manifest)| is_manifest);
        if objects.iter().any(|object| is_manifest(&object.name)) {
            return Err(ArchiveError::Settings {
                what: format!("{OWNER} is damaged, so that nobody knows whose it is"),
            });
        }
        self.adopt()?;
        Ok(self.0.installation.clone())
    }

    /// Makes the archive ours, whosever it was. Waits.
    pub fn adopt(&self) -> Result<(), ArchiveError> {
        let owner = Owner {
            format: FORMAT.to_owned(),
            version: VERSION,
            installation: self.0.installation.clone(),
        };
        let octets = serde_json::to_vec(&owner).map_err(|error| ArchiveError::Settings {
            what: error.to_string(),
        })?;
        self.reading().depot.put(OWNER, octets.into())?;
        lock(&self.0.state).foreign = None;
        Ok(())
    }

    /// Looks over the archive and makes what is known of it anew: the greatest revision of a day whose
    /// manifest is sound counts. Of an archive of ours, the revisions before it go, and what no manifest
    /// names where it is old.
    /// Answers how many days there are. Waits.
    pub fn scan(&self) -> Result<u64, ArchiveError> {
        let _alone = lock(&self.0.writing);
        self.look()
    }

    pub(super) fn look(&self) -> Result<u64, ArchiveError> {
        if !self.reading().days.all().is_empty() {
            self.reading().is_there(None)?;
        }
        let depot = &self.reading().depot;
        let mut revisions: BTreeMap<Timestamp, BTreeMap<u64, Found>> = BTreeMap::new();
        let mut greatest = None;
        for object in depot.list("")? {
            let Some((day, revision, is_manifest)) = parse_name(&object.name) else {
                continue;
            };
            greatest = greatest.max(Some(revision));
            let found = revisions
                .entry(day)
                .or_default()
                .entry(revision)
                .or_default();
            found.has_manifest |= is_manifest;
            found.newest = found.newest.max(object.since);
        }
        if let Some(greatest) = greatest {
            // Files of another folder may have begun anew with low numbers.
            self.0.series.raise_generation(greatest.saturating_add(1));
        }
        let here = self.0.series.packs_of_samples();
        let (before, now) = (self.reading().days.all(), self.0.clock.now());
        let mut found = Known::new();
        for (day, of_day) in &revisions {
            let manifests = of_day.iter().filter(|(_, found)| found.has_manifest);
            for (revision, _) in manifests.rev() {
                let manifest = match self.reading().manifest((*day, *revision), None) {
                    Ok(manifest) => manifest,
                    Err(ArchiveError::Damaged { what, .. }) => {
                        warn!(%day, revision, "a revision of an archived day does not count: {what}");
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                // Of another installation, packs of the same names are not the same.
                let is_whole = manifest.installation == self.0.installation
                    && manifest.source.iter().all(|name| here.contains(name));
                let known = before.get(day).filter(|known| known.revision == *revision);
                found.insert(
                    *day,
                    known.cloned().unwrap_or_else(|| ArchivedDay {
                        day: *day,
                        revision: *revision,
                        source: manifest.source.clone(),
                        samples: manifest.samples,
                        series: manifest.series,
                        bytes: manifest.bytes(),
                        archived_at: now,
                        thinned: !is_whole,
                        restored_until: None,
                        damaged: None,
                    }),
                );
                break;
            }
        }
        let days = found.len() as u64;
        let counts: BTreeMap<Timestamp, u64> = found
            .iter()
            .map(|(day, about)| (*day, about.revision))
            .collect();
        depot.wait(self.reading().days.replace(found))?;
        *lock(&self.0.unseen) = false;
        if self.own().is_ok() {
            for (day, of_day) in revisions {
                let is_old = |found: &Found| found.newest.plus(REMAINS_KEPT) < now;
                let goes = |revision: u64| {
                    let is_over = counts.get(&day).is_some_and(|counts| revision < *counts);
                    let found = of_day.get(&revision);
                    is_over || found.is_some_and(|found| !found.has_manifest && is_old(found))
                };
                if of_day.keys().any(|revision| goes(*revision)) {
                    self.remove_revision(day, goes);
                }
            }
        }
        Ok(days)
    }

    /// Reads archived days of a range whole, or all, and checks all that proves them. What is damaged is
    /// remembered, and so is what no longer is. Waits.
    pub fn check(
        &self,
        days: Option<(Timestamp, Timestamp)>,
        progress: &Progress,
    ) -> Result<Checked, ArchiveError> {
        let known = self.reading().days.all();
        let wanted =
            |day: &&ArchivedDay| days.is_none_or(|(from, to)| day.day >= from && day.day < to);
        let wanted: Vec<&ArchivedDay> = known.values().filter(wanted).collect();
        progress.expect(wanted.iter().map(|day| day.bytes).sum());
        let mut checked = Checked::default();
        let mut pace = Pace::new(self.0.options.rest_factor);
        for day in wanted {
            let found = self.check_day(day, (&mut pace, progress), &mut checked.bytes)?;
            checked.days += 1;
            let damaged = found.clone();
            let noted = self
                .reading()
                .days
                .change(day.day, |known| known.damaged = damaged);
            self.reading().depot.wait(noted)?;
            if let Some(what) = found {
                checked.damaged.push((day.day, what));
            }
        }
        Ok(checked)
    }

    /// What is damaged of a day.
    fn check_day(
        &self,
        day: &ArchivedDay,
        (pace, progress): (&mut Pace, &Progress),
        bytes: &mut u64,
    ) -> Result<Option<String>, ArchiveError> {
        let manifest = match self.reading().fetch_manifest((day.day, day.revision), None) {
            Err(ArchiveError::Damaged { what, .. }) => return Ok(Some(what)),
            manifest => manifest?,
        };
        for sums in &manifest.files {
            let file = self.reading().remote(&manifest, &sums.name, None)?;
            let found = file.check(|read| {
                progress.go_on()?;
                progress.did(read);
                *bytes += read;
                pace.rest();
                Ok(())
            })?;
            if let Err(what) = found {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }
}

/// What there is of a revision.
#[derive(Default)]
struct Found {
    has_manifest: bool,
    newest: Timestamp,
}
