//! The head: samples that are synced but not yet sealed, in memory, by device and half-hour.
//!
//! Only the log's thread adds to it, after the sync, and what replays the log after the start; so
//! what is here may be shown. Samples of any half-hour are taken, in any order; a half-hour that was
//! sealed already is sealed again. What a half-hour is made of is in `windows`: polls as they came
//! (`row`) and frozen ones (`frozen`). Neither is ever changed, so readers share them and decode
//! after they have let go of the device.

mod frozen;
mod row;
mod windows;

use crate::blocks::{Block, Dense, DenseError, Level};
use crate::series::tombstones::Tombstone;
use crate::series::{Batch, Column, Points, ROWS_PER_SEAL_MAX};
use model::{DeviceId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use windows::Window;

/// What was taken of one device, to be sealed, by the start of its half-hour.
pub(crate) type Taken = (DeviceId, Vec<(i64, View)>);
type Devices = HashMap<DeviceId, Arc<Mutex<Device>>>;

/// The unsealed samples of all devices.
#[derive(Default)]
pub(crate) struct Head {
    devices: RwLock<Devices>,
    /// Kept, as walking over a million series at each scrape would hold up the samples.
    rows: AtomicUsize,
    values: AtomicUsize,
    /// The stamp that is given next.
    stamps: AtomicU64,
}

/// The half-hours of one device.
#[derive(Default)]
// Invariant: `windows` ascends strictly by start. A vector, as there are two of them at most times,
// for which a tree takes ten times the room.
struct Device {
    windows: Vec<Held>,
    /// It was removed: who finds it so looks for the device again.
    gone: bool,
}

struct Held {
    start: i64,
    window: Window,
    /// Another one after each change, and never one that there was before.
    stamp: u64,
}

/// A half-hour as it was when it was taken.
#[derive(Clone, Debug)]
pub(crate) struct View {
    window: Window,
    stamp: u64,
}

impl View {
    /// What it holds, by column.
    pub(crate) fn dense(&self) -> Result<Dense, DenseError> {
        self.window.dense()
    }

    /// What it holds, as a block.
    pub(crate) fn block(&self) -> Block {
        self.window.block()
    }
}

impl Device {
    fn place(&self, start: i64) -> Result<usize, usize> {
        self.windows.binary_search_by_key(&start, |held| held.start)
    }

    fn window(&self, start: i64) -> Option<&Held> {
        self.windows.get(self.place(start).ok()?)
    }
}

fn lock(device: &Mutex<Device>) -> MutexGuard<'_, Device> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The start of the half-hour that holds a time.
pub(crate) fn window(at: Timestamp) -> i64 {
    Level::HalfHour.start(at).unix_ms()
}

/// The end of the half-hour that holds a time.
pub(crate) fn window_end(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(window(at).saturating_add(Level::HalfHour.span_ms()))
}

impl Head {
    fn device(&self, device_id: DeviceId) -> Option<Arc<Mutex<Device>>> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&device_id).cloned()
    }

    fn all(&self) -> Vec<(DeviceId, Arc<Mutex<Device>>)> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices
            .iter()
            .map(|(id, device)| (*id, Arc::clone(device)))
            .collect()
    }

    /// Whether another poll fits the half-hour it is for.
    pub(crate) fn has_room(&self, device_id: DeviceId, at: Timestamp) -> bool {
        self.device(device_id).is_none_or(|device| {
            let device = lock(&device);
            let held = device.window(window(at));
            held.is_none_or(|held| held.window.rows() < ROWS_PER_SEAL_MAX)
        })
    }

    /// Adds the samples of a poll, which ascend by column.
    pub(crate) fn add(&self, batch: &Batch) {
        if batch.values.is_empty() {
            return;
        }
        loop {
            let device = self.device(batch.device_id).unwrap_or_else(|| {
                let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(devices.entry(batch.device_id).or_default())
            });
            let mut device = lock(&device);
            if !device.gone {
                self.add_to(&mut device, batch);
                return;
            }
        }
    }

    fn add_to(&self, device: &mut Device, batch: &Batch) {
        let start = window(batch.at);
        let stamp = self.stamps.fetch_add(1, Ordering::Relaxed);
        let place = device.place(start).unwrap_or_else(|place| {
            // Of the half-hours before it, no more is expected.
            for held in device.windows.iter_mut().take(place) {
                held.window.freeze();
            }
            let window = Window::default();
            let held = Held {
                start,
                window,
                stamp,
            };
            device.windows.insert(place, held);
            place
        });
        let (before, rest) = device.windows.split_at_mut(place);
        let Some((held, after)) = rest.split_first_mut() else {
            return;
        };
        // The newest first, as it is the likeliest to have the same columns.
        let others = before.iter().rev().chain(&*after).map(|held| &held.window);
        let grown = held.window.add(batch.at.unix_ms(), &batch.values, others);
        held.stamp = stamp;
        self.rows.fetch_add(grown.rows, Ordering::Relaxed);
        self.values.fetch_add(grown.values, Ordering::Relaxed);
    }

    /// The samples of some series of a device in `[from, to)`, each ascending, in the order of
    /// `columns`.
    pub(crate) fn points_together(
        &self,
        device_id: DeviceId,
        columns: &[Column],
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Points> {
        let windows = self.slices(device_id, from, to);
        let (from, to) = (from.unix_ms(), to.unix_ms());
        let points = |column: &Column| {
            let points = windows
                .iter()
                .map(|window| window.points(*column, from, to));
            points.reduce(|mut all, more| {
                all.extend(more);
                all
            })
        };
        let all = columns.iter().map(points);
        all.map(Option::unwrap_or_default).collect()
    }

    /// The starts of the half-hours that something is held of, of a device.
    pub(crate) fn starts_of(&self, device_id: DeviceId) -> Vec<i64> {
        let device = self.device(device_id);
        device.map_or_else(Vec::new, |device| {
            let device = lock(&device);
            device.windows.iter().map(|held| held.start).collect()
        })
    }

    /// What is held of a device in `[from, to)`, ascending by half-hour, shared.
    fn slices(&self, device_id: DeviceId, from: Timestamp, to: Timestamp) -> Vec<Window> {
        let Some(device) = self.device(device_id).filter(|_| from < to) else {
            return Vec::new();
        };
        let first = window(from);
        let (from, to) = (from.unix_ms(), to.unix_ms());
        let device = lock(&device);
        let windows = device.windows.iter();
        let windows = windows.filter(|held| (first..to).contains(&held.start));
        windows.map(|held| held.window.slice(from, to)).collect()
    }

    /// The half-hours that have ended by a time, over all devices.
    pub(crate) fn ended(&self, by: Timestamp) -> BTreeSet<i64> {
        let ended = by.unix_ms().saturating_sub(Level::HalfHour.span_ms());
        let mut starts = BTreeSet::new();
        for (_, device) in self.all() {
            let device = lock(&device);
            let all = device.windows.iter().map(|held| held.start);
            starts.extend(all.take_while(|start| *start <= ended));
        }
        starts
    }

    /// What the head holds of some half-hours, by device; shared, so it takes little.
    pub(crate) fn snapshot(&self, starts: &BTreeSet<i64>) -> Vec<Taken> {
        let mut found = Vec::new();
        for (device_id, device) in self.all() {
            let device = lock(&device);
            let windows = device.windows.iter();
            let views: Vec<(i64, View)> = windows
                .filter(|held| starts.contains(&held.start))
                .map(|held| {
                    let window = held.window.clone();
                    let stamp = held.stamp;
                    (held.start, View { window, stamp })
                })
                .collect();
            if !views.is_empty() {
                found.push((device_id, views));
            }
        }
        found
    }

    /// Drops a half-hour that is sealed, unless more came to it since it was taken.
    pub(crate) fn sealed(&self, device_id: DeviceId, start: i64, taken: &View) {
        let Some(device) = self.device(device_id) else {
            return;
        };
        let mut device = lock(&device);
        let place = device.place(start).ok();
        let same = |place: &usize| {
            let held = device.windows.get(*place);
            held.is_some_and(|held| held.stamp == taken.stamp)
        };
        if let Some(place) = place.filter(same) {
            let held = device.windows.remove(place);
            self.let_go(&held);
        }
    }

    /// Takes out what was deleted of a device. Nothing is added to it or sealed of it meanwhile.
    pub(crate) fn leave_out(&self, stone: &Tombstone) {
        let Some(device) = self.device(stone.device_id) else {
            return;
        };
        let mut device = lock(&device);
        for held in &mut device.windows {
            let end = held.start.saturating_add(Level::HalfHour.span_ms());
            if held.start >= stone.to_ms || end <= stone.from_ms {
                continue;
            }
            let block = held.window.block();
            let left = block.without(|column, at_ms| stone.hides(column, at_ms));
            if left.values() == held.window.values() {
                continue;
            }
            self.let_go(held);
            held.window = Window::of(&left);
            held.stamp = self.stamps.fetch_add(1, Ordering::Relaxed);
            self.rows.fetch_add(held.window.rows(), Ordering::Relaxed);
            self.values
                .fetch_add(held.window.values(), Ordering::Relaxed);
        }
        device.windows.retain(|held| held.window.rows() > 0);
    }

    /// Drops all of a device.
    pub(crate) fn remove(&self, device_id: DeviceId) {
        let removed = {
            let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
            devices.remove(&device_id)
        };
        if let Some(device) = removed {
            let mut device = lock(&device);
            device.gone = true;
            for held in device.windows.drain(..) {
                self.let_go(&held);
            }
        }
    }

    fn let_go(&self, held: &Held) {
        self.rows.fetch_sub(held.window.rows(), Ordering::Relaxed);
        self.values
            .fetch_sub(held.window.values(), Ordering::Relaxed);
    }

    /// Rows and values held.
    pub(crate) fn size(&self) -> (usize, usize) {
        let held = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (held(&self.rows), held(&self.values))
    }
}
#[cfg(test)]
mod model_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use model::Value;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_unix_ms(minute * 60_000)
    }

    #[test]
    fn more_that_came_while_sealing_is_kept() {
        let (head, device_id) = (Head::default(), DeviceId::new());
        let add = |minute, value| {
            let values = vec![(Column(0), Value::U64(value))];
            head.add(&Batch {
                device_id,
                at: at(minute),
                values,
            });
        };
        add(1, 1);
        let ended = head.ended(at(30));
        assert_eq!(ended, BTreeSet::from([0]));
        assert!(head.ended(at(29)).is_empty());
        let taken = head.snapshot(&ended);
        add(2, 2);
        head.sealed(device_id, 0, &taken[0].1[0].1);
        assert_eq!(head.size(), (2, 2));
        let taken = head.snapshot(&ended);
        head.sealed(device_id, 0, &taken[0].1[0].1);
        assert_eq!(head.size(), (0, 0));
    }
}
