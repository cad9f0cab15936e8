//! How far a walk in pieces has come, and what it has met on its way.

use async_snmp::Oid;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Objects that a walk remembers: four times what `foretell walk` reads unless told otherwise, in
/// some 75 MB. A circle of more is gone round until the walk comes to a bound.
const MET_MAX: usize = 1 << 22;

/// Where a walk in pieces stands. It goes on behind the object that the agent answered last, which
/// in a table out of order is not the greatest, and passes over what any of its pieces met.
#[derive(Clone, Debug)]
pub struct Trail {
    pub(super) root: Oid,
    // Invariant: the root, or an object under it that was met.
    pub(super) last: Oid,
    pub(super) met: Met,
}

impl Trail {
    /// Of everything under an object, from its beginning.
    pub fn under(root: &Oid) -> Self {
        Self {
            root: root.clone(),
            last: root.clone(),
            met: Met::default(),
        }
    }

    /// The object that the agent answered last; that which everything is under, before it answered.
    pub fn last(&self) -> &Oid {
        &self.last
    }
}

/// Objects that were met, by their hashes, which take a tenth of the room. That any two of a million
/// objects share one is less likely than one in ten million, and loses one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Met {
    pub(super) fn of<'a>(objects: impl Iterator<Item = &'a Oid>) -> Self {
        let mut met = Self::default();
        for oid in objects {
            met.insert(oid);
        }
        met
    }

    pub(super) fn insert(&mut self, oid: &Oid) {
        if self.hashes.len() < MET_MAX {
            self.hashes.insert(self.hasher.hash_one(oid));
        }
    }

    pub(super) fn contains(&self, oid: &Oid) -> bool {
        self.hashes.contains(&self.hasher.hash_one(oid))
    }
}
