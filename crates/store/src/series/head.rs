//! The head: samples that are synced but not yet sealed, in memory, by device and half-hour.
//!
//! Only the log's thread adds to it, after the sync, so what is here may be shown. Samples of any
//! half-hour are taken, in any order; a half-hour that was sealed already is sealed again.

use crate::blocks::{Block, Level};
use crate::series::{Batch, Column, ROWS_PER_SEAL_MAX};
use model::{DeviceId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The half-hours of one device, by their start.
type Windows = BTreeMap<i64, Arc<Block>>;
/// What was taken of one device, to be sealed: blocks by the start of their half-hour.
pub(crate) type Taken = (DeviceId, Vec<(i64, Arc<Block>)>);
type Devices = HashMap<DeviceId, Arc<Mutex<Windows>>>;

/// The unsealed samples of all devices.
#[derive(Default)]
pub(crate) struct Head {
    devices: RwLock<Devices>,
}

fn lock(windows: &Mutex<Windows>) -> MutexGuard<'_, Windows> {
    windows.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn device(&self, device_id: DeviceId) -> Option<Arc<Mutex<Windows>>> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&device_id).cloned()
    }

    fn all(&self) -> Vec<(DeviceId, Arc<Mutex<Windows>>)> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices
            .iter()
            .map(|(id, windows)| (*id, Arc::clone(windows)))
            .collect()
    }

    /// Whether another poll fits the half-hour it is for.
    pub(crate) fn has_room(&self, device_id: DeviceId, at: Timestamp) -> bool {
        self.device(device_id).is_none_or(|windows| {
            let windows = lock(&windows);
            let block = windows.get(&window(at));
            block.is_none_or(|block| block.times().len() < ROWS_PER_SEAL_MAX)
        })
    }

    /// Adds the samples of a poll.
    pub(crate) fn add(&self, batch: &Batch) {
        let windows = self.device(batch.device_id).unwrap_or_else(|| {
            let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(devices.entry(batch.device_id).or_default())
        });
        let mut windows = lock(&windows);
        let block = windows.entry(window(batch.at)).or_default();
        Arc::make_mut(block).set(batch.at, &batch.values);
    }

    /// The samples of a series in `[from, to)`, ascending.
    pub(crate) fn points(
        &self,
        device_id: DeviceId,
        column: Column,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        let Some(windows) = self.device(device_id) else {
            return Vec::new();
        };
        if from >= to {
            return Vec::new();
        }
        let windows = lock(&windows);
        let blocks = windows.range(window(from)..to.unix_ms());
        blocks
            .flat_map(|(_, block)| block.points(column, from, to))
            .collect()
    }

    /// The same of several series of a device at one look, in the order of `columns`.
    pub(crate) fn points_together(
        &self,
        device_id: DeviceId,
        columns: &[Column],
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Vec<(Timestamp, Value)>> {
        let mut all = vec![Vec::new(); columns.len()];
        let Some(windows) = self.device(device_id).filter(|_| from < to) else {
            return all;
        };
        let windows = lock(&windows);
        for (_, block) in windows.range(window(from)..to.unix_ms()) {
            for (points, column) in all.iter_mut().zip(columns) {
                points.extend(block.points(*column, from, to));
            }
        }
        all
    }

    /// The half-hours that have ended by a time, over all devices.
    pub(crate) fn ended(&self, by: Timestamp) -> BTreeSet<i64> {
        let ended = by.unix_ms().saturating_sub(Level::HalfHour.span_ms());
        let mut starts = BTreeSet::new();
        for (_, windows) in self.all() {
            starts.extend(lock(&windows).range(..=ended).map(|(start, _)| *start));
        }
        starts
    }

    /// What the head holds of some half-hours, by device.
    pub(crate) fn snapshot(&self, starts: &BTreeSet<i64>) -> Vec<Taken> {
        let mut found = Vec::new();
        for (device_id, windows) in self.all() {
            let windows = lock(&windows);
            let blocks: Vec<_> = starts
                .iter()
                .filter_map(|start| Some((*start, Arc::clone(windows.get(start)?))))
                .collect();
            if !blocks.is_empty() {
                found.push((device_id, blocks));
            }
        }
        found
    }

    /// Drops a half-hour that is sealed, unless more came to it since it was taken.
    pub(crate) fn sealed(&self, device_id: DeviceId, start: i64, taken: &Arc<Block>) {
        if let Some(windows) = self.device(device_id) {
            let mut windows = lock(&windows);
            if windows
                .get(&start)
                .is_some_and(|now| Arc::ptr_eq(now, taken))
            {
                windows.remove(&start);
            }
        }
    }

    /// Drops all of a device.
    pub(crate) fn remove(&self, device_id: DeviceId) {
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        devices.remove(&device_id);
    }

    /// Rows and values held.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (mut rows, mut values) = (0, 0);
        for (_, windows) in self.all() {
            for block in lock(&windows).values() {
                rows += block.times().len();
                values += block.values();
            }
        }
        (rows, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
