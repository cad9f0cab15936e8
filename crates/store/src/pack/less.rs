//! The days of which samples that were here could not be had since the start. What an archive has of such
//! a day may be more than what is here.

use crate::blocks::Level;
use crate::pack::{Kind, PackId};
use model::Timestamp;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Days that are told apart, a hundred years of them; with more, every day counts as one.
const DAYS_MAX: usize = 36_600;

/// Days of which less is here than there was.
#[derive(Debug, Default)]
pub(super) struct Less(Mutex<Days>);

#[derive(Debug, Default)]
struct Days {
    days: BTreeSet<Timestamp>,
    /// There were too many of them.
    all: bool,
}

impl Less {
    /// Something of a pack could not be had.
    pub(super) fn add(&self, id: &PackId) {
        if id.kind == Kind::Samples {
            self.add_day(Level::Day.start(id.start));
        }
    }

    /// Something of a day could not be had, or may be missing.
    pub(super) fn add_day(&self, day: Timestamp) {
        let mut less = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if less.days.len() >= DAYS_MAX {
            less.all = true;
        } else {
            less.days.insert(day);
        }
    }

    /// All of a day is here again.
    #[cfg(feature = "archive")]
    pub(super) fn remove(&self, day: Timestamp) {
        let mut less = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        less.days.remove(&day);
    }

    pub(super) fn has(&self, day: Timestamp) -> bool {
        let less = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        less.all || less.days.contains(&day)
    }
}
