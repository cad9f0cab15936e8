//! The series in memory, compactly: a million of them must fit in 200 MiB.

use super::table::Change;
use crate::series::{Column, Resolved, SERIES_PER_DEVICE_MAX};
use model::series::Series;
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, SeriesKey};
use std::cmp::Ordering;
use std::collections::HashMap;

/// All series.
#[derive(Default)]
pub(crate) struct Index {
    devices: HashMap<DeviceId, Device>,
    /// No new series gets a column below this: they may have been given out by a registry that
    /// was lost.
    floor: u32,
    by_id: HashMap<SeriesId, (DeviceId, Column)>,
}

#[derive(Default)]
// Invariant: `by_column` ascends by column, `by_key` lists the same entries ascending by key.
struct Device {
    /// The column that the next series gets. Kept when the device is deleted, so that what the log
    /// still holds of it is never taken for a new series.
    next: u32,
    by_column: Vec<Entry>,
    by_key: Vec<u32>,
}

struct Entry {
    column: Column,
    id: SeriesId,
    metric: Metric,
    /// The labels that take part in the key, as JSON.
    labels: Box<str>,
    /// The name of the interface, for people.
    interface: Option<Box<str>>,
}

/// A label set as it is kept: what takes part in the key, and the name for people.
pub(crate) fn split(labels: &Labels) -> (String, Option<String>) {
    let mut key = labels.clone();
    let interface = if key.0.contains_key(Labels::INTERFACE_ID) {
        key.0.remove(Labels::INTERFACE)
    } else {
        None
    };
    (write(&key), interface)
}

/// Labels as JSON, sorted by name.
fn write(labels: &Labels) -> String {
    serde_json::to_string(labels).expect("a map of strings is JSON")
}

/// Labels put together again; `None` where the text is not labels.
pub(crate) fn join(key: &str, interface: Option<&str>) -> Option<Labels> {
    let labels: Labels = serde_json::from_str(key).ok()?;
    Some(match interface {
        Some(name) => labels.with(Labels::INTERFACE, name),
        None => labels,
    })
}

impl Entry {
    fn order(&self, metric: Metric, labels: &str) -> Ordering {
        (self.metric, &*self.labels).cmp(&(metric, labels))
    }

    fn interface_id(&self) -> Option<InterfaceId> {
        join(&self.labels, None)?.interface_id()
    }

    fn series(&self, device_id: DeviceId) -> Series {
        let labels = join(&self.labels, self.interface.as_deref());
        Series {
            id: self.id,
            key: SeriesKey {
                device_id,
                metric: self.metric,
                labels: labels.unwrap_or_default(),
            },
        }
    }
}

impl Device {
    fn entry(&self, column: Column) -> Option<&Entry> {
        let place = self.place(column).ok()?;
        self.by_column.get(place)
    }

    fn place(&self, column: Column) -> Result<usize, usize> {
        self.by_column
            .binary_search_by_key(&column, |entry| entry.column)
    }

    /// The entries of a metric, in the order of their labels.
    fn named(&self, metric: Metric) -> impl Iterator<Item = &Entry> {
        let entry = |column: &u32| self.entry(Column(*column));
        let from = self
            .by_key
            .partition_point(|column| entry(column).is_some_and(|entry| entry.metric < metric));
        let entries = self.by_key.iter().skip(from).filter_map(entry);
        entries.take_while(move |entry| entry.metric == metric)
    }

    fn find(&self, metric: Metric, labels: &str) -> Result<&Entry, usize> {
        let place = self.by_key.binary_search_by(|column| {
            let entry = self.entry(Column(*column));
            entry.map_or(Ordering::Less, |entry| entry.order(metric, labels))
        })?;
        let column = self.by_key.get(place).ok_or(place)?;
        self.entry(Column(*column)).ok_or(place)
    }
}

impl Index {
    /// The series with these keys, where all are known under the same names for people.
    pub(crate) fn lookup(
        &self,
        device_id: DeviceId,
        keys: &[(Metric, Labels)],
    ) -> Option<Vec<Resolved>> {
        let device = self.devices.get(&device_id)?;
        keys.iter()
            .map(|(metric, labels)| {
                let (labels, interface) = split(labels);
                let entry = device.find(*metric, &labels).ok()?;
                let renamed =
                    interface.is_some() && entry.interface.as_deref() != interface.as_deref();
                (!renamed).then_some(Resolved {
                    id: entry.id,
                    column: entry.column,
                })
            })
            .collect()
    }

    /// The changes that make these series known, and the answer after them. `Err` is how many
    /// series the device would have, where that is too many.
    pub(crate) fn plan(
        &self,
        device_id: DeviceId,
        keys: &[(Metric, Labels)],
    ) -> Result<(Vec<Change>, Vec<Resolved>), usize> {
        let none = Device::default();
        let device = self.devices.get(&device_id).unwrap_or(&none);
        let mut changes = Vec::new();
        let mut resolved = Vec::with_capacity(keys.len());
        let mut new: HashMap<(Metric, String), Resolved> = HashMap::new();
        for (metric, labels) in keys {
            let (labels, interface) = split(labels);
            if let Ok(entry) = device.find(*metric, &labels) {
                resolved.push(Resolved {
                    id: entry.id,
                    column: entry.column,
                });
                if interface.is_some() && entry.interface.as_deref() != interface.as_deref() {
                    changes.push(Change::Rename {
                        device_id,
                        column: entry.column,
                        interface,
                    });
                }
                continue;
            }
            let next = device
                .next
                .max(self.floor)
                .saturating_add(u32::try_from(new.len()).unwrap_or(u32::MAX));
            let known = new.entry((*metric, labels.clone())).or_insert_with(|| {
                let made = Resolved {
                    id: SeriesId::new(),
                    column: Column(next),
                };
                changes.push(Change::Register {
                    device_id,
                    series: made,
                    metric: *metric,
                    labels,
                    interface,
                });
                made
            });
            resolved.push(*known);
        }
        let asked = device.by_column.len() + new.len();
        if asked > SERIES_PER_DEVICE_MAX && !new.is_empty() {
            return Err(asked);
        }
        Ok((changes, resolved))
    }

    /// Takes over a change that is committed.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Register {
                device_id,
                series,
                metric,
                labels,
                interface,
            } => {
                let device = self.devices.entry(device_id).or_default();
                let (Err(by_key), Err(by_column)) =
                    (device.find(metric, &labels), device.place(series.column))
                else {
                    return;
                };
                let entry = Entry {
                    column: series.column,
                    id: series.id,
                    metric,
                    labels: labels.into_boxed_str(),
                    interface: interface.map(String::into_boxed_str),
                };
                device.by_key.insert(by_key, series.column.0);
                device.by_column.insert(by_column, entry);
                device.next = device.next.max(series.column.0.saturating_add(1));
                self.by_id.insert(series.id, (device_id, series.column));
            }
            Change::Rename {
                device_id,
                column,
                interface,
            } => {
                let device = self.devices.entry(device_id).or_default();
                let place = device.place(column);
                if let Some(entry) = place.ok().and_then(|place| device.by_column.get_mut(place)) {
                    entry.interface = interface.map(String::into_boxed_str);
                }
            }
            Change::Delete { device_id } => {
                if let Some(device) = self.devices.get_mut(&device_id) {
                    for entry in device.by_column.drain(..) {
                        self.by_id.remove(&entry.id);
                    }
                    device.by_key.clear();
                }
            }
            Change::Cleaned { .. } => {}
        }
    }

    /// No series of this device gets a column below `next` any more.
    pub(crate) fn reserve(&mut self, device_id: DeviceId, next: u32) {
        let device = self.devices.entry(device_id).or_default();
        device.next = device.next.max(next);
    }

    /// No new series of any device gets a column below `floor`.
    pub(crate) fn raise_floor(&mut self, floor: u32) {
        self.floor = self.floor.max(floor);
    }

    /// Whose series an id is, and its column.
    pub(crate) fn place(&self, id: SeriesId) -> Option<(DeviceId, Column)> {
        self.by_id.get(&id).copied()
    }

    /// The series of an id.
    pub(crate) fn series(&self, id: SeriesId) -> Option<Series> {
        let (device_id, column) = self.place(id)?;
        let entry = self.devices.get(&device_id)?.entry(column)?;
        Some(entry.series(device_id))
    }

    /// The series of a device, in the order they were registered.
    pub(crate) fn series_of(&self, device_id: DeviceId) -> Vec<Series> {
        let device = self.devices.get(&device_id);
        let entries = device.into_iter().flat_map(|device| &device.by_column);
        entries.map(|entry| entry.series(device_id)).collect()
    }

    /// Whether a device has a series in this column.
    pub(crate) fn has(&self, device_id: DeviceId, column: Column) -> bool {
        let device = self.devices.get(&device_id);
        device.is_some_and(|device| device.place(column).is_ok())
    }

    /// The first of some columns, ascending, in which a device has no series.
    pub(crate) fn first_unknown(
        &self,
        device_id: DeviceId,
        mut columns: impl Iterator<Item = Column>,
    ) -> Option<Column> {
        let Some(device) = self.devices.get(&device_id) else {
            return columns.next();
        };
        // Polls give all columns in turn, so the next one is mostly the right one.
        let mut next = 0;
        columns.find(|column| {
            let here = device.by_column.get(next);
            let place = match here {
                Some(entry) if entry.column == *column => Ok(next),
                _ => device.place(*column),
            };
            next = place.map_or(next, |place| place + 1);
            place.is_err()
        })
    }

    /// The series of a device that measure something, in the order of their labels.
    pub(crate) fn series_named(&self, device_id: DeviceId, metric: Metric) -> Vec<Series> {
        let device = self.devices.get(&device_id);
        let entries = device.into_iter().flat_map(|device| device.named(metric));
        entries.map(|entry| entry.series(device_id)).collect()
    }

    /// The columns of the series of a device that measure something, with their interfaces.
    pub(crate) fn columns_named(
        &self,
        device_id: DeviceId,
        metric: Metric,
    ) -> Vec<(Option<InterfaceId>, Column)> {
        let device = self.devices.get(&device_id);
        let entries = device.into_iter().flat_map(|device| device.named(metric));
        entries
            .map(|entry| (entry.interface_id(), entry.column))
            .collect()
    }

    /// How many series a device has.
    pub(crate) fn count_of(&self, device_id: DeviceId) -> usize {
        let device = self.devices.get(&device_id);
        device.map_or(0, |device| device.by_column.len())
    }

    /// Whether a device has any series.
    pub(crate) fn has_device(&self, device_id: DeviceId) -> bool {
        let device = self.devices.get(&device_id);
        device.is_some_and(|device| !device.by_column.is_empty())
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
