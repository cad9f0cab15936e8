//! The series in memory, compactly: a million of them must fit in 120 MB.
//!
//! A series is a row of 36 octets under a number that means nothing outside of this process. Its
//! labels are a set that it shares with others ([`super::labels`]); it is found by its id, by device
//! and column, by device, metric and set, and by metric ([`super::find`]). What is chosen by labels is
//! in [`super::select`], what is counted in [`super::count`]. Here is how it changes.

use super::labels::{LabelSets, PAIR_OCTETS, Pair, Set};
use super::metrics::{MetricNo, MetricNumbers};
use super::table::Change;
use crate::series::{BoundHit, Column, Resolved, SERIES_PER_DEVICE_MAX};
use hashbrown::HashTable;
use model::{DeviceId, Labels, SeriesId};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// A series by its row.
pub(super) type SeriesNo = u32;
/// A device by its place.
pub(super) type DeviceNo = u32;

/// Rows of deleted series that are kept at most, beside one for each series that there is: 2 MiB.
/// With more the index is made anew, a second's work where a million series are left.
const DEAD_ROWS_MAX: usize = 65_536;

/// Names of interfaces that nothing is called by any more are kept, beside as much as all other labels
/// take: 1 MiB. An agent that names its ports anew at each poll would fill the memory else. Forgetting
/// them goes over all sets and rows: some 50 ms where a million series are.
const NAMES_LEFT_OCTETS_MAX: usize = 1 << 20;

/// All series.
#[derive(Default)]
pub(crate) struct Index {
    pub(super) hasher: RandomState,
    pub(super) rows: Vec<Row>,
    /// How many rows are of deleted series.
    dead: usize,
    pub(super) by_id: HashTable<SeriesNo>,
    pub(super) devices: Vec<Device>,
    device_of: HashMap<DeviceId, DeviceNo>,
    pub(super) labels: LabelSets,
    pub(super) metrics: MetricNumbers,
    /// The series of each metric, by its number; each ascends.
    pub(super) by_metric: Vec<Vec<SeriesNo>>,
    /// No new series gets a column below this: they may have been given out by a registry that
    /// was lost.
    pub(super) floor: u32,
    /// The devices that were deleted, and the column that the next series would have got then.
    deleted: HashMap<DeviceId, u32>,
    /// What names take that came by renaming, in octets: no more is taken by names that are left.
    renamed_octets: usize,
    /// Counts how often numbers of labels or devices came to mean others.
    pub(super) generation: u64,
}

/// A series.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) id: SeriesId,
    pub(super) device: DeviceNo,
    pub(super) column: Column,
    /// The labels that take part in the key.
    pub(super) set: Set,
    /// The name of the interface, for people.
    pub(super) interface: Option<Pair>,
    pub(super) metric: MetricNo,
    /// Not deleted.
    pub(super) live: bool,
}

// Invariant: `by_column` ascends by column, `by_key` lists the same series ascending by the numbers
// of metric and set; all of them are live.
pub(super) struct Device {
    pub(super) id: DeviceId,
    /// The column that the next series gets. Kept when the device is deleted, so that what the log
    /// still holds of it is never taken for a new series.
    pub(super) next: u32,
    pub(super) by_column: Vec<SeriesNo>,
    pub(super) by_key: Vec<SeriesNo>,
    /// The last time that it would have had too many series.
    pub(super) bound_hit: Option<BoundHit>,
}

impl Row {
    pub(super) fn resolved(&self) -> Resolved {
        Resolved {
            id: self.id,
            column: self.column,
        }
    }
}

/// A series as the table has it.
pub(super) struct Registered<'a> {
    pub(super) device_id: DeviceId,
    pub(super) series: Resolved,
    pub(super) metric: &'a str,
    pub(super) set: Set,
    pub(super) interface: Option<&'a str>,
}

impl Index {
    /// Takes over a change that is committed.
    #[cfg(test)]
    pub(crate) fn apply(&mut self, change: Change) {
        self.apply_all([change]);
        if self.is_sparse() {
            *self = self.compacted();
        }
    }

    /// Takes over changes that are committed, and leaves what deleted series have left: see
    /// [`Index::is_sparse`].
    pub(super) fn apply_all(&mut self, changes: impl IntoIterator<Item = Change>) {
        let mut thinned = BTreeSet::new();
        for change in changes {
            self.take_over(change, &mut thinned);
        }
        let Self {
            by_metric, rows, ..
        } = self;
        let is_live = |number: &SeriesNo| rows.get(*number as usize).is_some_and(|row| row.live);
        // Once for all that were deleted: a list may be of all devices.
        for metric in thinned {
            if let Some(numbers) = by_metric.get_mut(metric) {
                numbers.retain(is_live);
            }
        }
    }

    /// Takes over a change; notes the places of metrics whose lists are left with deleted series.
    fn take_over(&mut self, change: Change, thinned: &mut BTreeSet<usize>) {
        match change {
            Change::Register {
                device_id,
                series,
                metric,
                labels,
                interface,
            } => {
                // It was made of labels by us.
                let Ok(labels) = serde_json::from_str::<Labels>(&labels) else {
                    return;
                };
                let set = self.labels.intern(&labels);
                self.register(&Registered {
                    device_id,
                    series,
                    metric: metric.name(),
                    set,
                    interface: interface.as_deref(),
                });
            }
            Change::Rename {
                device_id,
                column,
                interface,
            } => {
                let known = self.labels.pair_count();
                let octets = interface.as_deref().map_or(0, str::len) + PAIR_OCTETS;
                let name = interface.map(|name| self.labels.intern_pair(Labels::INTERFACE, &name));
                let number = self
                    .device(device_id)
                    .and_then(|device| device.by_column.get(self.place(device, column).ok()?))
                    .copied();
                if let Some(row) = number.and_then(|number| self.rows.get_mut(number as usize)) {
                    row.interface = name;
                }
                if self.labels.pair_count() > known {
                    self.renamed_octets += octets;
                    let others = self.labels.octets().saturating_sub(self.renamed_octets);
                    if self.renamed_octets > NAMES_LEFT_OCTETS_MAX + others {
                        self.forget_names();
                    }
                }
            }
            Change::Delete { device_id } => self.delete(device_id, thinned),
            Change::Cleaned { .. }
            | Change::Bury { .. }
            | Change::Patched { .. }
            | Change::Forget { .. } => {}
        }
    }

    /// Makes a series known; says whether it is so now. It is not where its device has one with
    /// its column or its key, or where too many metrics are not known.
    pub(super) fn register(&mut self, new: &Registered) -> bool {
        let Some(metric) = self.metrics.intern(new.metric) else {
            return false;
        };
        let number = SeriesNo::try_from(self.rows.len())
            .expect("four thousand million series do not fit the memory");
        let device_no = self.device_no(new.device_id);
        let column = new.series.column;
        let Some(device) = self.devices.get(device_no as usize) else {
            return false;
        };
        let by_key = self.place_of_key(device, metric, new.set);
        let (Err(by_key), Err(by_column)) = (by_key, self.place(device, column)) else {
            return false;
        };
        let interface = new.interface;
        let interface = interface.map(|name| self.labels.intern_pair(Labels::INTERFACE, name));
        if let Some(device) = self.devices.get_mut(device_no as usize) {
            device.by_key.insert(by_key, number);
            device.by_column.insert(by_column, number);
            device.next = device.next.max(column.0.saturating_add(1));
        }
        self.labels.add_device(new.set, device_no);
        if self.by_metric.len() <= metric.place() {
            self.by_metric.resize_with(metric.place() + 1, Vec::new);
        }
        if let Some(numbers) = self.by_metric.get_mut(metric.place()) {
            numbers.push(number);
        }
        self.rows.push(Row {
            id: new.series.id,
            device: device_no,
            column,
            set: new.set,
            interface,
            metric,
            live: true,
        });
        let hash = self.hasher.hash_one(new.series.id);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_id.insert_unique(hash, number, |number| {
            rows.get(*number as usize)
                .map_or(0, |row| hasher.hash_one(row.id))
        });
        true
    }

    fn delete(&mut self, device_id: DeviceId, thinned: &mut BTreeSet<usize>) {
        let Some(device_no) = self.device_of.get(&device_id).copied() else {
            return;
        };
        let Some(device) = self.devices.get_mut(device_no as usize) else {
            return;
        };
        self.deleted.insert(device_id, device.next);
        let numbers = std::mem::take(&mut device.by_column);
        device.by_key = Vec::new();
        device.bound_hit = None;
        self.dead += numbers.len();
        for number in numbers {
            let Some(row) = self.rows.get_mut(number as usize) else {
                continue;
            };
            row.live = false;
            let id = row.id;
            thinned.insert(row.metric.place());
            self.labels.remove_device(row.set, device_no);
            let hash = self.hasher.hash_one(id);
            let entry = self.by_id.find_entry(hash, |other| *other == number);
            if let Ok(entry) = entry {
                entry.remove();
            }
        }
    }

    /// Whether deleted series have left so much that it is to be [`compacted`](Index::compacted).
    pub(super) fn is_sparse(&self) -> bool {
        self.dead > DEAD_ROWS_MAX + self.len()
    }

    /// The same index without what deleted series have left.
    pub(super) fn compacted(&self) -> Self {
        let mut fresh = Self {
            metrics: self.metrics.clone(),
            floor: self.floor,
            generation: self.generation.wrapping_add(1),
            // What was deleted is so afterwards too: merging asks.
            deleted: self.deleted.clone(),
            ..Self::default()
        };
        for device in &self.devices {
            fresh.expect(device.id, device.by_column.len(), device.next);
            if let Some(hit) = device.bound_hit {
                fresh.note_bound(device.id, hit);
            }
        }
        for row in self.rows.iter().filter(|row| row.live) {
            let Some(device) = self.devices.get(row.device as usize) else {
                continue;
            };
            let set = fresh.labels.intern_from(&self.labels, row.set);
            fresh.register(&Registered {
                device_id: device.id,
                series: row.resolved(),
                metric: self.metrics.name(row.metric),
                set,
                interface: row.interface.map(|pair| self.labels.value(pair)),
            });
        }
        fresh
    }

    /// Forgets the names of interfaces that no series has any more.
    pub(super) fn forget_names(&mut self) {
        let mut used = vec![false; self.labels.pair_count()];
        for row in self.rows.iter().filter(|row| row.live) {
            let used = row.interface.and_then(|pair| used.get_mut(pair.place()));
            if let Some(used) = used {
                *used = true;
            }
        }
        let (labels, moved) = self.labels.without_unused(&used);
        for row in &mut self.rows {
            // Those of deleted series may be gone.
            let name = row.interface.and_then(|pair| moved.get(pair.place()));
            row.interface = name.copied().flatten();
        }
        self.labels = labels;
        self.renamed_octets = 0;
        self.generation = self.generation.wrapping_add(1);
    }

    /// A device was deleted, when its next series would have got the column `next`.
    pub(crate) fn was_deleted(&mut self, device_id: DeviceId, next: u32) {
        self.deleted.insert(device_id, next);
        self.reserve(device_id, next);
    }

    /// Whether a device was ever deleted, met again or not.
    pub(crate) fn was_ever_deleted(&self, device_id: DeviceId) -> bool {
        self.deleted.contains_key(&device_id)
    }

    /// Whether any device was ever deleted.
    pub(crate) fn any_deleted(&self) -> bool {
        !self.deleted.is_empty()
    }

    /// The devices that were deleted, each with the column that its next series would have got then.
    pub(super) fn all_deleted(&self) -> impl Iterator<Item = (DeviceId, u32)> {
        self.deleted.iter().map(|(id, next)| (*id, *next))
    }

    /// Whether a device was deleted and not met again. One that is merely unknown, as when the
    /// registry was lost, was not.
    pub(crate) fn is_deleted(&self, device_id: DeviceId) -> bool {
        self.deleted.contains_key(&device_id) && !self.has_device(device_id)
    }

    /// Whether a column was of a series that was deleted.
    pub(crate) fn is_deleted_column(&self, device_id: DeviceId, column: Column) -> bool {
        let next = self.deleted.get(&device_id);
        next.is_some_and(|next| column.0 < *next) && !self.has(device_id, column)
    }

    /// No series of this device gets a column below `next` any more.
    pub(crate) fn reserve(&mut self, device_id: DeviceId, next: u32) {
        self.expect(device_id, 0, next);
    }

    /// A device with so many series comes, and gives out no column below `next`.
    pub(super) fn expect(&mut self, device_id: DeviceId, series: usize, next: u32) {
        let number = self.device_no(device_id);
        if let Some(device) = self.devices.get_mut(number as usize) {
            let series = series.min(SERIES_PER_DEVICE_MAX);
            device.by_column.reserve_exact(series);
            device.by_key.reserve_exact(series);
            device.next = device.next.max(next);
        }
    }

    /// So many series come.
    pub(super) fn expect_all(&mut self, series: usize) {
        self.rows.reserve_exact(series);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_id.reserve(series, |number| {
            rows.get(*number as usize)
                .map_or(0, |row| hasher.hash_one(row.id))
        });
    }

    /// No new series of any device gets a column below `floor`.
    pub(crate) fn raise_floor(&mut self, floor: u32) {
        self.floor = self.floor.max(floor);
    }

    /// A device would have had `asked` series, which is too many.
    pub(crate) fn refused(&mut self, device_id: DeviceId, asked: usize) {
        let before = self.bound_hit(device_id).map_or(0, |hit| hit.times);
        let times = before.saturating_add(1);
        self.note_bound(device_id, BoundHit { asked, times });
    }

    fn note_bound(&mut self, device_id: DeviceId, hit: BoundHit) {
        let number = self.device_no(device_id);
        if let Some(device) = self.devices.get_mut(number as usize) {
            device.bound_hit = Some(hit);
        }
    }

    /// Whether a device would have had too many series since the start.
    pub(crate) fn bound_hit(&self, device_id: DeviceId) -> Option<BoundHit> {
        self.device(device_id)?.bound_hit
    }

    /// The place of a device, which is made where it is new.
    fn device_no(&mut self, device_id: DeviceId) -> DeviceNo {
        *self.device_of.entry(device_id).or_insert_with(|| {
            self.devices.push(Device {
                id: device_id,
                next: 0,
                by_column: Vec::new(),
                by_key: Vec::new(),
                bound_hit: None,
            });
            DeviceNo::try_from(self.devices.len() - 1)
                .expect("four thousand million devices do not fit the memory")
        })
    }

    pub(super) fn device(&self, device_id: DeviceId) -> Option<&Device> {
        let number = self.device_of.get(&device_id)?;
        self.devices.get(*number as usize)
    }

    pub(super) fn row(&self, number: SeriesNo) -> Option<&Row> {
        self.rows.get(number as usize)
    }

    pub(super) fn place(&self, device: &Device, column: Column) -> Result<usize, usize> {
        // New columns are above all others.
        let last = device.by_column.last().and_then(|last| self.row(*last));
        if last.is_none_or(|last| last.column < column) {
            return Err(device.by_column.len());
        }
        device.by_column.binary_search_by(|number| {
            let row = self.row(*number);
            row.map_or(std::cmp::Ordering::Less, |row| row.column.cmp(&column))
        })
    }

    pub(super) fn place_of_key(
        &self,
        device: &Device,
        metric: MetricNo,
        set: Set,
    ) -> Result<usize, usize> {
        device.by_key.binary_search_by(|number| {
            let row = self.row(*number);
            row.map_or(std::cmp::Ordering::Less, |row| {
                (row.metric, row.set).cmp(&(metric, set))
            })
        })
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
