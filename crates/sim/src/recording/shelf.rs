//! Recordings that were read, as many as there is memory for: the one that was asked longest ago
//! goes first.

use crate::snapshot::Snapshot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Snapshots by the place of their recording.
pub(super) struct Shelf {
    memory_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    snapshots: HashMap<usize, Kept>,
    octets: usize,
    // Counts every time something is asked for.
    clock: u64,
}

struct Kept {
    snapshot: Arc<Snapshot>,
    octets: usize,
    asked_at: u64,
}

impl Shelf {
    /// Room for so many octets. The latest is kept even where it alone is larger.
    pub(super) fn new(memory_max: usize) -> Self {
        Self {
            memory_max,
            held: Mutex::default(),
        }
    }

    /// What is at `place`; `read` makes it where it is not held.
    pub(super) fn get(&self, place: usize, read: impl FnOnce() -> Snapshot) -> Arc<Snapshot> {
        let mut held = self.held();
        held.clock += 1;
        let asked_at = held.clock;
        if let Some(kept) = held.snapshots.get_mut(&place) {
            kept.asked_at = asked_at;
            return Arc::clone(&kept.snapshot);
        }
        drop(held);
        // Others are answered meanwhile; two who miss the same one both read it.
        let snapshot = Arc::new(read());
        let octets = snapshot.octets();
        let mut held = self.held();
        let kept = Kept {
            snapshot: Arc::clone(&snapshot),
            octets,
            asked_at,
        };
        held.octets += octets;
        if let Some(earlier) = held.snapshots.insert(place, kept) {
            held.octets -= earlier.octets;
        }
        while held.octets > self.memory_max && held.snapshots.len() > 1 {
            let others = held.snapshots.iter().filter(|(other, _)| **other != place);
            let Some((&oldest, _)) = others.min_by_key(|(_, kept)| kept.asked_at) else {
                break;
            };
            if let Some(gone) = held.snapshots.remove(&oldest) {
                held.octets -= gone.octets;
            }
        }
        snapshot
    }

    // The map and its sum are changed together without a call that could panic between them.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mib::Value;
    use crate::snapshot::SnapshotBuilder;

    fn snapshot() -> Snapshot {
        let mut builder = SnapshotBuilder::default();
        let text = vec![b'x'; 1000];
        builder
            .push(&[1, 3], &Value::OctetString(text.into()))
            .unwrap();
        builder.finish().0
    }

    #[test]
    fn who_was_asked_longest_ago_makes_room() {
        let shelf = Shelf::new(2 * snapshot().octets());
        let mut read = Vec::new();
        for place in [1, 2, 1, 3, 1, 2, 2] {
            shelf.get(place, || {
                read.push(place);
                snapshot()
            });
        }
        assert_eq!(read, [1, 2, 3, 2]);
        assert_eq!(shelf.held().snapshots.len(), 2);
    }

    #[test]
    fn what_is_too_large_is_played_all_the_same() {
        let shelf = Shelf::new(1);
        for place in [1, 2, 2] {
            assert_eq!(shelf.get(place, snapshot).len(), 1);
        }
        assert_eq!(shelf.held().snapshots.len(), 1);
    }
}
