//! What retention asks of the archive: samples of a day that is not there as it is here are not removed,
//! and it is told before samples of a day that is there go.

use super::terms::Terms;
use crate::blocks::Level;
use crate::pack::{Kind, PackMeta};
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

/// What is archived of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfDay {
    /// Which of its revisions counts.
    pub revision: u64,
    /// The packs that it was made of, or those that retention left of them, as
    /// [`PackMeta::stamp`] tells them.
    pub packs: BTreeSet<String>,
    /// Something of it went here.
    pub is_thinned: bool,
    /// It was restored, and is left alone until then.
    pub restored_until: Option<Timestamp>,
}

/// What is archived, day by day. Where there is no archive nothing waits for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    is_set: bool,
    days: BTreeMap<Timestamp, OfDay>,
    /// The days of which something here is not in the archive.
    differ: BTreeSet<Timestamp>,
}

/// What the archive says of a day when it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// The revision that counts.
    pub revision: u64,
    /// The packs that it was made of, as [`PackMeta::stamp`] tells them.
    pub packs: BTreeSet<String>,
}

/// What becomes of samples of a day that are kept no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// They go.
    Given,
    /// The day is not archived as it is here.
    NotArchived,
    /// The day was restored.
    Restored,
}

/// The archive, as retention knows it: another machine, and a feature. What is told is durable when it
/// returns, and waits for the disk.
pub trait Archiving: Send + Sync {
    /// What is archived, from memory.
    fn archived(&self) -> Archived;

    /// Asks the archive what it has of a day, whose files are all there; `None` where that is not so. Fails
    /// where it does not answer. Waits for the archive.
    fn prove(&self, day: Timestamp) -> Result<Option<Proven>, Arc<dyn Error + Send + Sync>>;

    /// Samples of a day are about to be removed here. A disk that is full is no reason for them to stay: then
    /// it is known until the next start, which finds the day by the packs that are not here any more.
    fn thin(&self, day: Timestamp) -> Result<(), Arc<dyn Error + Send + Sync>>;

    /// A pack of a day is about to take the place of others, all as [`PackMeta::stamp`] tells them, and holds
    /// nothing that they do not: where the day is not whole here it is in the archive as they are.
    fn replace(
        &self,
        day: Timestamp,
        packs: &[String],
        by: &str,
    ) -> Result<(), Arc<dyn Error + Send + Sync>>;
}

impl Archived {
    /// Of an archive that has these days.
    pub fn new(days: BTreeMap<Timestamp, OfDay>) -> Self {
        Self {
            is_set: true,
            days,
            differ: BTreeSet::new(),
        }
    }

    /// Of an archive that these days are in and that is not used now: nothing waits for it, and of what goes
    /// it is told all the same.
    pub fn shut(days: BTreeMap<Timestamp, OfDay>) -> Self {
        Self {
            days,
            ..Self::default()
        }
    }

    /// Held against what is here: the packs, and the days of which something lies over them.
    #[must_use]
    pub fn held_against(mut self, packs: &[PackMeta], over: &[Timestamp]) -> Self {
        for meta in packs.iter().filter(|meta| meta.id.kind == Kind::Samples) {
            let day = Level::Day.start(meta.id.start);
            let stamp = meta.stamp();
            let is_there = |of_day: &OfDay| of_day.packs.contains(&stamp);
            if !self.days.get(&day).is_some_and(is_there) {
                self.differ.insert(day);
            }
        }
        self.differ.extend(over);
        self
    }

    /// Whether all that is here of a day is in the archive.
    pub(super) fn is_as_here(&self, day: Timestamp) -> bool {
        self.days.contains_key(&day) && !self.differ.contains(&day)
    }

    /// Whether anything is archived of a day.
    pub(super) fn has(&self, day: Timestamp) -> bool {
        self.days.contains_key(&day)
    }

    /// What is archived of a day.
    pub(super) fn of(&self, day: Timestamp) -> Option<&OfDay> {
        self.days.get(&day)
    }

    /// Whether samples wait for the archive.
    pub(super) fn is_set(&self) -> bool {
        self.is_set
    }

    /// Whether samples of a day may go.
    pub(super) fn leave(&self, day: Timestamp, now: Timestamp) -> Leave {
        if !self.is_set {
            return Leave::Given;
        }
        let restored = |of_day: &OfDay| of_day.restored_until.is_some_and(|until| now < until);
        if self.days.get(&day).is_some_and(restored) {
            Leave::Restored
        } else if self.is_as_here(day) {
            Leave::Given
        } else {
            Leave::NotArchived
        }
    }
}

impl Terms {
    /// The same, with what is archived.
    #[must_use]
    pub fn with_archived(mut self, archived: Archived) -> Self {
        self.archived = archived;
        self
    }

    /// Whether a file leaves the same way by whichever policy: not where only some of them wait for the
    /// archive, and the day is not archived as it is here.
    pub(super) fn leaves_alike(&self, kind: Kind, start: Timestamp) -> bool {
        let waits = || self.archived.leave(Level::Day.start(start), self.now) == Leave::NotArchived;
        kind != Kind::Samples || !(self.any_waits() && self.any_does_not_wait()) || !waits()
    }

    /// Whether samples of a day that a policy gives up wait for the archive, or were brought back from it;
    /// of no policy is what deleted devices left, which waits for nothing.
    pub(super) fn leaves(&self, kind: Kind, start: Timestamp, place: Option<usize>) -> Leave {
        if kind != Kind::Samples {
            return Leave::Given;
        }
        let Some(place) = place else {
            return Leave::Given;
        };
        let day = Level::Day.start(start);
        match self.archived.leave(day, self.now) {
            Leave::NotArchived if self.policies.get(place).is_some_and(|p| p.without_archive) => {
                Leave::Given
            }
            leave => leave,
        }
    }
}
