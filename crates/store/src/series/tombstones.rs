//! Ranges of series that were deleted and may still be in files.
//!
//! Samples of the past are in files that are not changed in place. What is deleted of them is written
//! down as a *tombstone*, and is gone for readers from then on; it goes from the files as these are
//! written again. A tombstone hides what was written before it alone: of packs those of a lesser
//! *generation*, of the log what is in segments before its *cut*, of patches, which have no number, all
//! there are until they were written again without it ([`Tombstone::patched`]). So a sample that is
//! written again is there again, also with the same value.
//!
//! How they are made is in [`bury`](super::bury), where they are on disk in `registry::table`.

use crate::blocks::Column;
use crate::blocks::octets::{Octets, put_varint};
use crate::pack::PackId;
use model::{DeviceId, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Ranges that may be remembered of which something is here: all are asked about at each read of their
/// device, and more mean that days are not written again as fast as is deleted.
pub(crate) const TOMBSTONES_MAX: usize = 65_536;

/// Ranges that may be remembered in all, some 30 MB: those beyond are of archived days alone, and stay for as
/// long as what is archived of these is from before.
pub(crate) const TOMBSTONES_ALL_MAX: usize = 196_608;

/// A range of series of a device that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
// Invariant: `columns` ascends strictly.
pub(crate) struct Tombstone {
    /// Another one for each.
    pub(crate) id: i64,
    /// Whose.
    pub(crate) device_id: DeviceId,
    /// Of which columns; none: all of them.
    pub(crate) columns: Option<Vec<Column>>,
    /// From when on, in milliseconds since 1970.
    pub(crate) from_ms: i64,
    /// Until when, not itself.
    pub(crate) to_ms: i64,
    /// What packs and archived days of a lesser generation have of it is deleted.
    pub(crate) generation: u64,
    /// What segments of the log with a lesser number have of it is deleted.
    pub(crate) cut: u64,
    /// Patches were written again without it.
    pub(crate) patched: bool,
    /// When it was written down; none where that is not known.
    pub(crate) made_at: Option<Timestamp>,
}

impl Tombstone {
    /// Whether its range meets `[from, to)`.
    pub(crate) fn meets(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from_ms < to.unix_ms() && self.to_ms > from.unix_ms()
    }

    /// Whether it is of a column.
    pub(crate) fn has(&self, column: Column) -> bool {
        let columns = self.columns.as_ref();
        columns.is_none_or(|columns| columns.binary_search(&column).is_ok())
    }

    /// Whether a sample is in it.
    pub(crate) fn hides(&self, column: Column, at_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms) && self.has(column)
    }

    /// Its columns as octets: each as a varint, the first as it is, the others as the difference to the
    /// one before.
    pub(crate) fn columns_octets(&self) -> Option<Vec<u8>> {
        let columns = self.columns.as_ref()?;
        let mut octets = Vec::with_capacity(columns.len());
        let mut before = 0;
        for column in columns {
            put_varint(&mut octets, u64::from(column.0.saturating_sub(before)));
            before = column.0;
        }
        Some(octets)
    }

    /// The columns that octets say; none where they say no such thing.
    pub(crate) fn columns_of(octets: &[u8]) -> Option<Vec<Column>> {
        let (mut octets, mut columns, mut before) = (Octets(octets), Vec::new(), 0u32);
        while !octets.0.is_empty() {
            let step = u32::try_from(octets.varint().ok()?).ok()?;
            if step == 0 && !columns.is_empty() {
                return None;
            }
            before = before.checked_add(step)?;
            columns.push(Column(before));
        }
        Some(columns)
    }

    /// The checksum over all of it but `patched`, which changes, and when it was made.
    pub(crate) fn checksum(&self) -> u32 {
        let octets = self.columns_octets();
        let parts: [&[u8]; 8] = [
            &self.id.to_le_bytes(),
            self.device_id.as_bytes(),
            &[u8::from(octets.is_some())],
            octets.as_deref().unwrap_or_default(),
            &self.from_ms.to_le_bytes(),
            &self.to_ms.to_le_bytes(),
            &self.generation.to_le_bytes(),
            &self.cut.to_le_bytes(),
        ];
        parts
            .iter()
            .fold(0, |crc, part| crc32c::crc32c_append(crc, part))
    }
}

/// What is hidden of something of a device. Never of nothing.
#[derive(Clone, Debug)]
pub(crate) struct Hidden(Vec<Arc<Tombstone>>);

impl Hidden {
    /// Whether a sample is hidden.
    pub(crate) fn has(&self, column: Column, at_ms: i64) -> bool {
        self.0.iter().any(|stone| stone.hides(column, at_ms))
    }

    /// Whether all samples of a time are, whatever their column.
    pub(crate) fn has_all_of(&self, at_ms: i64) -> bool {
        let whole = |stone: &Arc<Tombstone>| {
            stone.columns.is_none() && (stone.from_ms..stone.to_ms).contains(&at_ms)
        };
        self.0.iter().any(whole)
    }

    /// Whether one of them hides all of a range of a column.
    pub(crate) fn has_whole(&self, column: Column, (from, to): (Timestamp, Timestamp)) -> bool {
        let mut of = self.0.iter().filter(|stone| stone.has(column));
        of.any(|stone| stone.from_ms <= from.unix_ms() && to.unix_ms() <= stone.to_ms)
    }

    /// The ranges of a column that are, in milliseconds since 1970.
    pub(crate) fn ranges(&self, column: Column) -> Vec<(i64, i64)> {
        let of = self.0.iter().filter(|stone| stone.has(column));
        of.map(|stone| (stone.from_ms, stone.to_ms)).collect()
    }
}

/// The tombstones that there are.
#[derive(Debug)]
pub(crate) struct Tombstones {
    by_device: RwLock<HashMap<DeviceId, Arc<[Arc<Tombstone>]>>>,
    /// How many there are, so that asking costs nothing where there are none.
    any: AtomicUsize,
    /// The id that is given next.
    next: AtomicI64,
    /// By id, a pack that was found to have something of it.
    witnesses: Mutex<HashMap<i64, PackId>>,
    /// Those of which nothing is left here, but in archived days.
    of_archive: Mutex<HashSet<i64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Tombstones {
    fn default() -> Self {
        Self::new(Vec::new(), 0)
    }
}

impl Tombstones {
    /// Those that there are, and an id that none ever had.
    pub(crate) fn new(stones: Vec<Tombstone>, next: i64) -> Self {
        let all = Self {
            by_device: RwLock::default(),
            any: AtomicUsize::new(0),
            next: AtomicI64::new(next.max(1)),
            witnesses: Mutex::default(),
            of_archive: Mutex::default(),
        };
        all.add(stones);
        all
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.any.load(Ordering::Acquire)
    }

    /// How many there are of which something may be left here.
    pub(crate) fn len_here(&self) -> usize {
        self.len().saturating_sub(lock(&self.of_archive).len())
    }

    /// Those that hide nothing which one of these columns and this range does not that is made now.
    pub(crate) fn within(
        &self,
        device_id: DeviceId,
        columns: Option<&[Column]>,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Arc<Tombstone>> {
        let has_all_of = |stone: &Tombstone| match (columns, &stone.columns) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(columns), Some(of)) => of.iter().all(|one| columns.binary_search(one).is_ok()),
        };
        let of = self.of(device_id);
        let within = of.iter().filter(|stone| {
            from.unix_ms() <= stone.from_ms && stone.to_ms <= to.unix_ms() && has_all_of(stone)
        });
        within.cloned().collect()
    }

    /// An id that was not given since the start, nor has any that is still there.
    pub(crate) fn give_id(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How long ago the oldest was written of which something is left in files here; nought where there is
    /// none.
    pub(crate) fn oldest(&self, now: Timestamp) -> Duration {
        if self.len() == 0 {
            return Duration::ZERO;
        }
        let of_archive = lock(&self.of_archive);
        let by_device = self
            .by_device
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let all = by_device.values().flat_map(|of| of.iter());
        let here = all.filter(|stone| !of_archive.contains(&stone.id));
        let oldest = here.filter_map(|stone| stone.made_at).min();
        oldest.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    /// Whether nothing of one is left here, but in archived days.
    pub(crate) fn is_of_archive(&self, id: i64) -> bool {
        lock(&self.of_archive).contains(&id)
    }

    /// Nothing of these is left here, but in archived days.
    pub(crate) fn are_of_archive(&self, ids: Vec<i64>) {
        lock(&self.of_archive).extend(ids);
    }

    /// Whether a sample of a pack or an archived day of a generation was deleted after it was written.
    pub(crate) fn hides(
        &self,
        device_id: DeviceId,
        column: Column,
        at_ms: i64,
        generation: u64,
    ) -> bool {
        let of = self.of(device_id);
        let mut later = of.iter().filter(|stone| generation < stone.generation);
        later.any(|stone| stone.hides(column, at_ms))
    }

    /// What is hidden of a pack or an archived day of a generation in `[from, to)`.
    pub(crate) fn of_pack(
        &self,
        device_id: DeviceId,
        generation: u64,
        range: (Timestamp, Timestamp),
    ) -> Option<Hidden> {
        self.hidden(device_id, range, |stone| generation < stone.generation)
    }

    /// What is hidden of the patches of `[from, to)`.
    pub(crate) fn of_patches(
        &self,
        device_id: DeviceId,
        range: (Timestamp, Timestamp),
    ) -> Option<Hidden> {
        self.hidden(device_id, range, |stone| !stone.patched)
    }

    /// What is hidden of the frames of a segment of the log.
    pub(crate) fn of_segment(&self, device_id: DeviceId, segment: u64) -> Option<Hidden> {
        let ever = (
            Timestamp::from_unix_ms(i64::MIN),
            Timestamp::from_unix_ms(i64::MAX),
        );
        self.hidden(device_id, ever, |stone| segment < stone.cut)
    }

    fn hidden(
        &self,
        device_id: DeviceId,
        (from, to): (Timestamp, Timestamp),
        is_later: impl Fn(&Tombstone) -> bool,
    ) -> Option<Hidden> {
        if self.len() == 0 {
            return None;
        }
        let of = self.of(device_id);
        let stones = of.iter();
        let stones = stones.filter(|stone| stone.meets(from, to) && is_later(stone));
        let stones: Vec<_> = stones.cloned().collect();
        (!stones.is_empty()).then_some(Hidden(stones))
    }

    fn of(&self, device_id: DeviceId) -> Arc<[Arc<Tombstone>]> {
        if self.len() == 0 {
            return Arc::default();
        }
        let all = self
            .by_device
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(&device_id).cloned().unwrap_or_default()
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<Arc<Tombstone>> {
        if self.len() == 0 {
            return Vec::new();
        }
        let by_device = self
            .by_device
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_device
            .values()
            .flat_map(|of| of.iter().cloned())
            .collect();
        all.sort_unstable_by_key(|stone| stone.id);
        all
    }

    /// The ids of a device's.
    pub(crate) fn ids_of(&self, device_id: DeviceId) -> Vec<i64> {
        self.of(device_id).iter().map(|stone| stone.id).collect()
    }

    /// The number that segments of the log are given from, at least: what is below is hidden.
    pub(crate) fn greatest_cut(&self) -> u64 {
        let cuts = self.all().into_iter().map(|stone| stone.cut);
        cuts.max().unwrap_or(0)
    }

    /// The greatest generation of them; packs are given later ones.
    pub(crate) fn greatest_generation(&self) -> Option<u64> {
        let all = self.all().into_iter();
        all.map(|stone| stone.generation).max()
    }

    /// A pack that was found to have something of one.
    pub(crate) fn witness(&self, id: i64) -> Option<PackId> {
        lock(&self.witnesses).get(&id).copied()
    }

    /// A pack has something of one.
    pub(crate) fn saw(&self, id: i64, pack: PackId) {
        lock(&self.witnesses).insert(id, pack);
    }

    /// Adds some, which are durable.
    pub(crate) fn add(&self, stones: Vec<Tombstone>) {
        self.change(|all| {
            for stone in stones {
                self.next
                    .fetch_max(stone.id.saturating_add(1), Ordering::Relaxed);
                let of = all.entry(stone.device_id).or_default();
                let stones = of.iter().cloned().chain([Arc::new(stone)]);
                *of = stones.collect();
            }
        });
    }

    /// The patches of some were written again.
    pub(crate) fn patched(&self, ids: &[i64]) {
        let ids: HashSet<i64> = ids.iter().copied().collect();
        self.change(|all| {
            for of in all.values_mut() {
                if !of.iter().any(|stone| ids.contains(&stone.id)) {
                    continue;
                }
                let patched = of.iter().map(|stone| {
                    if !ids.contains(&stone.id) {
                        return Arc::clone(stone);
                    }
                    Arc::new(Tombstone {
                        patched: true,
                        ..Tombstone::clone(stone)
                    })
                });
                *of = patched.collect();
            }
        });
    }

    /// Some are not needed any more.
    pub(crate) fn forget(&self, ids: &[i64]) {
        let ids: HashSet<i64> = ids.iter().copied().collect();
        lock(&self.witnesses).retain(|id, _| !ids.contains(id));
        lock(&self.of_archive).retain(|id| !ids.contains(id));
        self.change(|all| {
            all.retain(|_, of| {
                if of.iter().any(|stone| ids.contains(&stone.id)) {
                    let left = of.iter().filter(|stone| !ids.contains(&stone.id));
                    *of = left.cloned().collect();
                }
                !of.is_empty()
            });
        });
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<DeviceId, Arc<[Arc<Tombstone>]>>)) {
        let mut all = self
            .by_device
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut all);
        let count = all.values().map(|of| of.len()).sum();
        self.any.store(count, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stone(id: i64, device_id: DeviceId, columns: Option<&[u32]>) -> Tombstone {
        Tombstone {
            id,
            device_id,
            columns: columns.map(|all| all.iter().copied().map(Column).collect()),
            from_ms: 10,
            to_ms: 20,
            generation: 5,
            cut: 3,
            patched: false,
            made_at: Some(Timestamp::from_unix_ms(id)),
        }
    }

    #[test]
    fn what_was_written_before_is_hidden_and_nothing_else() {
        let (device_id, other) = (DeviceId::new(), DeviceId::new());
        let all = Tombstones::default();
        assert!(!all.hides(device_id, Column(1), 10, 0));
        all.add(vec![stone(1, device_id, Some(&[1, 7]))]);
        for (of, column, at, generation, hidden) in [
            (device_id, 1, 10, 4, true),
            (device_id, 7, 19, 0, true),
            (device_id, 1, 10, 5, false),
            (device_id, 1, 20, 4, false),
            (device_id, 1, 9, 4, false),
            (device_id, 2, 10, 4, false),
            (other, 1, 10, 4, false),
        ] {
            let told = all.hides(of, Column(column), at, generation);
            assert_eq!(told, hidden, "{column} {at} {generation}");
        }
        assert!(all.of_segment(device_id, 2).is_some());
        assert!(all.of_segment(device_id, 3).is_none());
        let ever = (Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(100));
        assert!(all.of_patches(device_id, ever).is_some());
        all.patched(&[1]);
        assert!(all.of_patches(device_id, ever).is_none());
        assert_eq!(
            (all.greatest_cut(), all.greatest_generation()),
            (3, Some(5))
        );
        assert!(all.give_id() > 1);
        let seven = Timestamp::from_unix_ms(7);
        assert_eq!(all.oldest(seven), Duration::from_millis(6));
        all.are_of_archive(vec![1]);
        assert_eq!(all.oldest(seven), Duration::ZERO);
        all.forget(&[1]);
        assert_eq!((all.len(), all.greatest_generation()), (0, None));
    }

    proptest! {
        #[test]
        fn columns_both_ways(columns in prop::collection::btree_set(any::<u32>(), 0..40)) {
            let columns: Vec<u32> = columns.into_iter().collect();
            let stone = stone(1, DeviceId::new(), Some(&columns));
            let octets = stone.columns_octets().unwrap();
            prop_assert_eq!(Tombstone::columns_of(&octets), stone.columns);
        }

        #[test]
        fn octets_that_say_nothing_are_refused(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(columns) = Tombstone::columns_of(&octets) {
                prop_assert!(columns.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
