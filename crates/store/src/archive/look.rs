//! Looking over what is there: which days the archive has, what of it is not needed any more, and, when it
//! is asked for, whether all of it is sound.

use super::days::Looked;
use super::manifest::{Manifest, is_reached, parse_name};
use super::sweep::sweep;
use super::{Archive, ArchiveError, Pace, lock};
use crate::ArchivedDay;
use crate::progress::Progress;
use crate::series::chain;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tracing::warn;

/// How old remains without a manifest are before they are removed: nobody puts a day for so long.
pub(super) const REMAINS_KEPT: Duration = Duration::from_hours(48);
/// How long a look that is asked for waits for its turn.
const SCAN_WAIT: Duration = Duration::from_secs(10);
/// How often a pass looks over what is there, beside the first time.
const LOOK_INTERVAL: Duration = Duration::from_hours(24);

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

/// What there is of a revision.
#[derive(Default)]
struct Revision {
    has_manifest: bool,
    newest: Timestamp,
}

type Revisions = BTreeMap<Timestamp, BTreeMap<u64, Revision>>;

impl Archive {
    /// Looks over the archive and makes what is known of it anew: the greatest revision of a day whose
    /// manifest is sound counts, and a day of which nothing is there is known no longer. Of an archive of
    /// ours, the revisions before it go, and what no manifest names where it is old.
    /// Answers how many days there are. Waits; [`ArchiveError::Busy`] where others work on it for longer.
    pub fn scan(&self) -> Result<u64, ArchiveError> {
        let _alone = self.alone_within(SCAN_WAIT).ok_or(ArchiveError::Busy)?;
        self.look(true)
    }

    /// Looks over the archive where nobody did since the start, or not for long: another installation or
    /// another state of this one may have written into it.
    pub(super) fn look_in_turn(&self) -> Result<(), ArchiveError> {
        let looked = *lock(&self.0.looked);
        if looked.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
            self.look(false)?;
        }
        Ok(())
    }

    /// As [`scan`](Self::scan). Whether a day that is not there is known no longer, or named as damaged:
    /// a list may be old, and a person may be mistaken.
    pub(super) fn look(&self, forgets: bool) -> Result<u64, ArchiveError> {
        self.reading().is_that_of_days(None)?;
        let revisions = self.revisions()?;
        let before = self.reading().days.all();
        let here = self.0.series.packs_of_samples();
        let days: BTreeSet<Timestamp> = revisions.keys().chain(before.keys()).copied().collect();
        let mut found = BTreeMap::new();
        for day in days {
            let listed = revisions.get(&day);
            let known = before.get(&day);
            if let Some(looked) = self.look_at(day, (listed, known), &here, forgets)? {
                found.insert(day, looked);
            }
        }
        let days = self.reading().days.take(found);
        self.reading().depot.wait(days)?;
        *lock(&self.0.looked) = Some(Instant::now());
        if self.is_foreign()? == Some(false) {
            self.clear(&revisions);
        }
        Ok(self.reading().days.all().len() as u64)
    }

    /// What is listed.
    fn revisions(&self) -> Result<Revisions, ArchiveError> {
        let (mut revisions, mut greatest) = (Revisions::new(), None);
        self.reading().depot.each("", |object| {
            let Some((day, revision, is_manifest)) = parse_name(&object.name) else {
                return;
            };
            if is_reached(revision) {
                greatest = greatest.max(Some(revision));
            }
            let of_day = revisions.entry(day).or_default();
            let found = of_day.entry(revision).or_default();
            found.has_manifest |= is_manifest;
            found.newest = found.newest.max(object.since);
        })?;
        // Files of another folder may have begun anew with low numbers.
        if let Some(greatest) = greatest {
            self.0.series.raise_generation(greatest + 1);
        }
        Ok(revisions)
    }

    /// What is found of a day; `None` where it is nothing.
    fn look_at(
        &self,
        day: Timestamp,
        (listed, known): (Option<&BTreeMap<u64, Revision>>, Option<&ArchivedDay>),
        here: &BTreeSet<(Timestamp, String)>,
        forgets: bool,
    ) -> Result<Option<Looked>, ArchiveError> {
        // What is known may be all there is of a day: its files outlive its manifest.
        let has_files = listed
            .zip(known)
            .is_some_and(|(listed, known)| listed.contains_key(&known.revision));
        let listed = listed.into_iter().flatten();
        let manifests = listed.filter(|(_, found)| found.has_manifest);
        let mut candidates: BTreeSet<u64> = manifests.map(|(revision, _)| *revision).collect();
        let is_listed = known.is_some_and(|known| candidates.contains(&known.revision));
        // A list may be old: what is known is asked for by its name.
        candidates.extend(known.map(|known| known.revision));
        if let Some(known) = known.filter(|_| has_files) {
            // One before it lacks what came since, and has what was deleted since.
            candidates = candidates.split_off(&known.revision);
        }
        let mut what = None;
        for revision in candidates.into_iter().rev() {
            let known = known.filter(|known| known.revision == revision);
            if is_listed && known.is_some_and(|known| known.damaged.is_none()) {
                return Ok(Some(Looked::Same));
            }
            let manifest = match self.reading().fetch_manifest((day, revision), None) {
                Ok(manifest) => manifest,
                Err(ArchiveError::Damaged { what: damaged, .. }) => {
                    warn!(%day, revision, "a revision of an archived day does not count: {damaged}");
                    what.get_or_insert(damaged);
                    continue;
                }
                Err(error) => return Err(error),
            };
            return Ok(Some(match known {
                Some(_) => Looked::Same,
                None => Looked::Other(self.as_found(&manifest, here)),
            }));
        }
        Ok(match (known, what) {
            (Some(_), _) if forgets && !has_files => None,
            (Some(_), Some(what)) => Some(Looked::Damaged(what)),
            _ => None,
        })
    }

    fn as_found(&self, manifest: &Manifest, here: &BTreeSet<(Timestamp, String)>) -> ArchivedDay {
        let day = manifest.day;
        let is_here = |stamp: &String| here.contains(&(day, stamp.clone()));
        // The same packs of another installation are of other series.
        let is_ours = manifest.installation == self.reading().installation;
        let source = manifest.source.iter().filter(|_| is_ours);
        let is_whole = is_ours && manifest.source.iter().all(is_here);
        // What is here was changed since, or is of a backup: archiving it compares it with what is there.
        let is_compared = is_ours && !is_whole && here.iter().any(|(of, _)| *of == day);
        if is_compared {
            self.0.series.lacks_of(day);
        }
        ArchivedDay {
            day,
            revision: manifest.revision,
            source: source.cloned().collect(),
            samples: manifest.samples,
            series: manifest.series,
            bytes: manifest.bytes(),
            archived_at: self.0.clock.now(),
            thinned: !is_whole && !is_compared,
            restored_until: None,
            damaged: None,
            unknown_columns: manifest.unknown_columns,
        }
    }

    /// Removes what is over: of a day of which a revision counts, those before it, and what no manifest
    /// names where it is old. Of another day what is there may be the only copy, though its manifest is lost.
    fn clear(&self, revisions: &Revisions) {
        let (known, now) = (self.reading().days.all(), self.0.clock.now());
        for (day, of_day) in revisions {
            let counts = known.get(day).filter(|known| known.damaged.is_none());
            let Some(counts) = counts.map(|known| known.revision) else {
                continue;
            };
            let is_left =
                |found: &Revision| !found.has_manifest && found.newest.plus(REMAINS_KEPT) < now;
            let goes = |revision: u64| {
                let found = of_day.get(&revision);
                revision < counts || (revision > counts && found.is_some_and(is_left))
            };
            // The one that counts is there with all its files before another goes.
            if of_day.keys().any(|revision| goes(*revision)) && self.is_there(*day, counts) {
                self.remove_revision(*day, goes);
            }
        }
        if let Some(folder) = self.reading().depot.as_folder() {
            sweep(folder, REMAINS_KEPT);
        }
    }

    fn is_there(&self, day: Timestamp, revision: u64) -> bool {
        let reading = self.reading();
        let manifest = reading.fetch_manifest((day, revision), None);
        let there = manifest.and_then(|manifest| reading.has_files(&manifest));
        match there {
            Ok(is_there) => is_there,
            Err(error) => {
                warn!(%day, error = %chain(&error), "an old revision of an archived day stays for now");
                false
            }
        }
    }

    /// Reads archived days of a range whole, or all, and checks all that proves them. What is damaged is
    /// remembered, and so is what no longer is. Waits.
    pub fn check(
        &self,
        days: Option<(Timestamp, Timestamp)>,
        progress: &Progress,
    ) -> Result<Checked, ArchiveError> {
        self.reading().is_that_of_days(None)?;
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
            let (damaged, mut is_it) = (found.clone(), false);
            // Of a revision that was replaced meanwhile it says nothing.
            let noted = self.reading().days.change(day.day, |known| {
                is_it = known.revision == day.revision;
                if is_it {
                    known.damaged = damaged;
                }
            });
            self.reading().depot.wait(noted)?;
            if let Some(what) = found.filter(|_| is_it) {
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
        let read = |read| {
            progress.did(read);
            *bytes += read;
        };
        self.check_files(&manifest, (pace, progress), read)
    }

    /// What is damaged of the files of a revision.
    pub(super) fn check_files(
        &self,
        manifest: &Manifest,
        (pace, progress): (&mut Pace, &Progress),
        mut did: impl FnMut(u64),
    ) -> Result<Option<String>, ArchiveError> {
        for sums in &manifest.files {
            let file = self.reading().remote(manifest, &sums.name, None)?;
            let found = file.check(|read| {
                progress.go_on()?;
                did(read);
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
