//! The heavy hitters of a stream in bounded memory, each with the error of its count.
//!
//! A sketch keeps at most so many counters. When a new key finds none free, the quarter with the
//! smallest upper bounds makes room, and the largest of those bounds becomes the *floor*: the most
//! that a key without a counter can have had. A new counter remembers the floor that it began at. So
//! what truly came of a key is never less than its count, and never more than its count and that
//! floor. It is Lossy Counting of Manku and Motwani (2002) with room made by need in place of a fixed
//! schedule. The floor never exceeds [`error_max`]: at each making of room three quarters of the
//! counters stand above the new floor, and only traffic can have lifted them from the old one.

use super::hashing::Seeded;
use std::collections::HashMap;
use std::hash::Hash;

/// Counters that a sketch may always have, so that one that comes late to a full window still tells
/// the largest.
pub const COUNTERS_MIN: usize = 16;

/// One part in so many makes room at a time: what that costs is shared by as many new keys.
const ROOM_PART: usize = 4;

/// Counters of the heaviest keys.
// Invariant: `keys` holds at most `counters_max` keys; each has an upper bound of octets of at least
// what the floor was when it came.
#[derive(Clone, Debug)]
pub struct Sketch<K> {
    keys: HashMap<K, Count, Seeded>,
    counters_max: usize,
    /// The most keys that it ever held: what it has taken of its window's room.
    taken: usize,
    floor: Bound,
    scratch: Vec<u64>,
    /// How often room was made.
    pub made_room: u64,
}

/// Octets and packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Octets.
    pub octets: u64,
    /// Packets.
    pub packets: u64,
}

/// What was counted of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Counted.
    pub seen: Bound,
    /// The most that came before it was counted.
    pub before: Bound,
}

/// The heaviest, and the most that any other key can have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heaviest<K> {
    /// Most octets first.
    pub rows: Vec<(K, Count)>,
    /// Of a key without a row.
    pub absent: Bound,
}

/// The bound of the floor, in octets, where `total` octets came to a sketch of so many counters:
/// four thirds of the mean share of a counter.
pub fn error_max(total: u64, counters_max: usize) -> u64 {
    let kept = counters_max - counters_max / ROOM_PART;
    total / (kept.max(1) as u64)
}

impl Count {
    fn octets_most(self) -> u64 {
        self.seen.octets.saturating_add(self.before.octets)
    }

    fn packets_most(self) -> u64 {
        self.seen.packets.saturating_add(self.before.packets)
    }
}

impl<K: Copy + Eq + Hash + Ord> Sketch<K> {
    /// With so many counters, at least [`COUNTERS_MIN`].
    pub fn new(counters_max: usize) -> Self {
        Self {
            keys: HashMap::default(),
            counters_max: counters_max.max(COUNTERS_MIN),
            taken: 0,
            floor: Bound::default(),
            scratch: Vec::new(),
            made_room: 0,
        }
    }

    /// Counts for a key. `room` is how many counters the window may still give out; where it has
    /// none left, a sketch makes do with those that it has.
    pub fn add(&mut self, key: K, octets: u64, packets: u64, room: &mut usize) {
        if let Some(count) = self.keys.get_mut(&key) {
            count.seen.octets = count.seen.octets.saturating_add(octets);
            count.seen.packets = count.seen.packets.saturating_add(packets);
            return;
        }
        if self.keys.len() >= self.taken {
            let may_grow =
                self.taken < COUNTERS_MIN || (self.taken < self.counters_max && *room > 0);
            if may_grow {
                self.taken += 1;
                *room = room.saturating_sub(1);
            } else {
                self.make_room();
            }
        }
        let count = Count {
            seen: Bound { octets, packets },
            before: self.floor,
        };
        self.keys.insert(key, count);
    }

    /// Keys that have a counter.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The most that a key without a counter can have had.
    pub fn floor(&self) -> Bound {
        self.floor
    }

    /// The heaviest so many.
    pub fn heaviest(&self, rows_max: usize) -> Heaviest<K> {
        let mut rows: Vec<(K, Count)> = self
            .keys
            .iter()
            .map(|(key, count)| (*key, *count))
            .collect();
        rows.sort_unstable_by(|(one_key, one), (other_key, other)| {
            (other.seen.octets, one_key).cmp(&(one.seen.octets, other_key))
        });
        let left = rows.split_off(rows_max.min(rows.len()));
        let mut absent = self.floor;
        for (_, count) in left {
            absent.octets = absent.octets.max(count.octets_most());
            absent.packets = absent.packets.max(count.packets_most());
        }
        Heaviest { rows, absent }
    }

    /// Keys with at least so many octets counted, most first, at most so many keys. O(n).
    pub fn over(&self, octets_min: u64, most: usize) -> Vec<(K, u64)> {
        let counted = self.keys.iter();
        let mut over: Vec<(K, u64)> = counted
            .map(|(key, count)| (*key, count.seen.octets))
            .filter(|(_, octets)| *octets >= octets_min)
            .collect();
        over.sort_unstable_by(|(one_key, one), (other_key, other)| {
            (other, one_key).cmp(&(one, other_key))
        });
        over.truncate(most);
        over
    }

    /// Takes a quarter of the counters, the smallest, and lifts the floor to the largest of them.
    fn make_room(&mut self) {
        let to_go = (self.keys.len() / ROOM_PART).max(1);
        self.scratch.clear();
        self.scratch
            .extend(self.keys.values().map(|count| count.octets_most()));
        let (_, floor, _) = self.scratch.select_nth_unstable(to_go - 1);
        let floor = *floor;
        // Of those at the floor only as many go as are needed.
        let below = self.scratch.iter().filter(|most| **most < floor).count();
        let mut at_floor = to_go.saturating_sub(below);
        let mut packets = self.floor.packets;
        self.keys.retain(|_, count| {
            let stays = match count.octets_most().cmp(&floor) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => {
                    let goes = at_floor > 0;
                    at_floor = at_floor.saturating_sub(1);
                    !goes
                }
            };
            if !stays {
                packets = packets.max(count.packets_most());
            }
            stays
        });
        self.floor = Bound {
            octets: floor,
            packets,
        };
        self.made_room += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Holds a sketch to exact counts.
    fn check(flows: &[(u16, u64)], counters_max: usize, mut room: usize) {
        let mut sketch = Sketch::new(counters_max);
        let mut exact: HashMap<u16, Bound> = HashMap::new();
        let mut total = 0;
        for &(key, octets) in flows {
            let packets = octets % 97;
            sketch.add(key, octets, packets, &mut room);
            let sum = exact.entry(key).or_default();
            sum.octets += octets;
            sum.packets += packets;
            total += octets;
            assert!(sketch.len() <= counters_max.max(COUNTERS_MIN));
        }
        let least = sketch.taken.max(1);
        assert!(
            sketch.floor().octets <= error_max(total, least),
            "{total} {sketch:?}"
        );
        for rows_max in [1, 10, usize::MAX] {
            let heaviest = sketch.heaviest(rows_max);
            assert!(
                heaviest
                    .rows
                    .is_sorted_by(|(_, one), (_, other)| one.seen.octets >= other.seen.octets)
            );
            for (key, truth) in &exact {
                let row = heaviest.rows.iter().find(|(found, _)| found == key);
                let (seen, most) = match row {
                    Some((_, count)) => (
                        count.seen,
                        Bound {
                            octets: count.octets_most(),
                            packets: count.packets_most(),
                        },
                    ),
                    None => (Bound::default(), heaviest.absent),
                };
                assert!(
                    seen.octets <= truth.octets && truth.octets <= most.octets,
                    "{key} {row:?} {truth:?}"
                );
                assert!(
                    seen.packets <= truth.packets && truth.packets <= most.packets,
                    "{key} {row:?} {truth:?}"
                );
            }
        }
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut room = 100;
        let mut sketch = Sketch::new(64);
        for turn in 0..1_000_u64 {
            sketch.add(turn % 64, turn, 1, &mut room);
        }
        assert_eq!(sketch.floor(), Bound::default());
        assert_eq!(room, 36);
        assert!(
            sketch
                .heaviest(64)
                .rows
                .iter()
                .all(|(_, count)| count.before == Bound::default())
        );
    }

    #[test]
    fn a_heavy_key_among_many_light_ones_stands_out() {
        let mut room = 1_000;
        let mut sketch = Sketch::new(64);
        for turn in 0..100_000_u64 {
            sketch.add(turn, 100, 1, &mut room);
            if turn % 10 == 0 {
                sketch.add(u64::MAX, 100, 1, &mut room);
            }
        }
        let (key, count) = sketch.heaviest(1).rows[0];
        assert_eq!(key, u64::MAX);
        // A tenth of all came to it.
        assert!(
            count.seen.octets <= 1_000_000 && count.octets_most() >= 1_000_000,
            "{count:?}"
        );
        assert!(count.before.octets <= error_max(11_000_000, 64));
    }

    proptest! {
        #[test]
        fn truth_is_within_the_error(
            flows in prop::collection::vec((0_u16..400, 0_u64..100_000), 0..3_000),
            counters_max in 1_usize..200,
            room in 0_usize..200,
        ) {
            check(&flows, counters_max, room);
        }

        #[test]
        fn truth_is_within_the_error_of_skewed_traffic(
            flows in prop::collection::vec((0_u32..1_000_000, 1_u64..1_500), 0..4_000),
        ) {
            // Few keys have most of it.
            let skewed: Vec<(u16, u64)> = flows
                .into_iter()
                .map(|(drawn, octets)| ((1_000_000 / (drawn + 1)).min(60_000) as u16, octets))
                .collect();
            check(&skewed, 40, 1_000);
        }
    }
}
