//! Finding series by what they are of, by their id and by their column; and what must be registered
//! so that they are found.

use super::index::{Device, Index, Row, SeriesNo};
use super::labels::{Pair, for_people, key_text};
use super::metrics::Measured;
use super::table::Change;
use crate::series::{Column, Known, Resolved, SERIES_PER_DEVICE_MAX};
use model::metric::Kind;
use model::series::Series;
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, SeriesKey};
use std::collections::HashMap;
use std::hash::BuildHasher;

impl Index {
    /// The series with these keys, where all are known under the same names for people.
    pub(crate) fn lookup(
        &self,
        device_id: DeviceId,
        keys: &[(Metric, Labels)],
    ) -> Option<Vec<Resolved>> {
        self.known(device_id, keys)
            .map(|known| known.filter(|known| !known.renamed))
            .map(|known| Some(known?.series))
            .collect()
    }

    /// The series of each key, where it is known.
    pub(crate) fn known(
        &self,
        device_id: DeviceId,
        keys: &[(Metric, Labels)],
    ) -> impl Iterator<Item = Option<Known>> {
        let device = self.device(device_id);
        let mut scratch = Vec::new();
        keys.iter().map(move |(metric, labels)| {
            let row = self.find(device?, *metric, labels, &mut scratch)?;
            Some(Known {
                series: row.resolved(),
                renamed: self.is_renamed(row, for_people(labels)),
            })
        })
    }

    fn is_renamed(&self, row: &Row, interface: Option<&str>) -> bool {
        let known = row.interface.map(|pair| self.labels.value(pair));
        interface.is_some() && interface != known
    }

    /// The changes that make these series known, and the answer after them. `Err` is how many
    /// series the device would have, where that is too many.
    pub(crate) fn plan(
        &self,
        device_id: DeviceId,
        keys: &[(Metric, Labels)],
    ) -> Result<(Vec<Change>, Vec<Resolved>), usize> {
        let device = self.device(device_id);
        let (mut changes, mut scratch) = (Vec::new(), Vec::new());
        let mut resolved = Vec::with_capacity(keys.len());
        let mut new: HashMap<(Metric, String), Resolved> = HashMap::new();
        let first = device.map_or(0, |device| device.next).max(self.floor);
        for (metric, labels) in keys {
            let interface = for_people(labels);
            let known = device.and_then(|device| self.find(device, *metric, labels, &mut scratch));
            if let Some(row) = known {
                resolved.push(row.resolved());
                if self.is_renamed(row, interface) {
                    changes.push(Change::Rename {
                        device_id,
                        column: row.column,
                        interface: interface.map(str::to_owned),
                    });
                }
                continue;
            }
            let next = first.saturating_add(u32::try_from(new.len()).unwrap_or(u32::MAX));
            let labels = key_text(labels);
            let known = new.entry((*metric, labels.clone())).or_insert_with(|| {
                let made = Resolved {
                    id: SeriesId::new(),
                    column: Column(next),
                };
                changes.push(Change::Register {
                    device_id,
                    series: made,
                    metric: Measured::Known(*metric),
                    labels,
                    interface: interface.map(str::to_owned),
                });
                made
            });
            resolved.push(*known);
        }
        let asked = device.map_or(0, |device| device.by_column.len()) + new.len();
        if asked > SERIES_PER_DEVICE_MAX && !new.is_empty() {
            return Err(asked);
        }
        Ok((changes, resolved))
    }

    /// The series of a device with a metric and labels. `scratch` is overwritten.
    fn find(
        &self,
        device: &Device,
        metric: Metric,
        labels: &Labels,
        scratch: &mut Vec<Pair>,
    ) -> Option<&Row> {
        let set = self.labels.find(labels, scratch)?;
        let place = self.place_of_key(device, self.metrics.of(metric)?, set);
        self.row(*device.by_key.get(place.ok()?)?)
    }

    /// The series of a device that measure something.
    fn named(&self, device_id: DeviceId, metric: Metric) -> impl Iterator<Item = &Row> {
        let numbers = self
            .device(device_id)
            .map_or(&[][..], |device| device.by_key.as_slice());
        let metric = self.metrics.of(metric);
        let row = |number: &SeriesNo| self.row(*number);
        let from = numbers
            .partition_point(|number| row(number).is_some_and(|row| Some(row.metric) < metric));
        let rows = numbers.iter().skip(from).filter_map(row);
        rows.take_while(move |row| Some(row.metric) == metric)
    }

    /// A series with its key; none where its metric is not known.
    fn whole(&self, row: &Row) -> Option<Series> {
        let labels = self.labels.labels(row.set);
        let labels = match row.interface {
            Some(pair) => labels.with(Labels::INTERFACE, self.labels.value(pair)),
            None => labels,
        };
        Some(Series {
            id: row.id,
            key: SeriesKey {
                device_id: self.devices.get(row.device as usize)?.id,
                metric: self.metrics.known(row.metric)?,
                labels,
            },
        })
    }

    fn row_of(&self, id: SeriesId) -> Option<&Row> {
        let hash = self.hasher.hash_one(id);
        let is_it = |number: &SeriesNo| self.row(*number).is_some_and(|row| row.id == id);
        self.row(*self.by_id.find(hash, is_it)?)
    }

    /// Whose series an id is, and its column.
    pub(crate) fn place_of(&self, id: SeriesId) -> Option<(DeviceId, Column)> {
        let row = self.row_of(id)?;
        Some((self.devices.get(row.device as usize)?.id, row.column))
    }

    /// Whose series an id is, its column, and how its values behave where its metric is known.
    pub(crate) fn kind_of(&self, id: SeriesId) -> Option<(DeviceId, Column, Option<Kind>)> {
        let row = self.row_of(id)?;
        let device_id = self.devices.get(row.device as usize)?.id;
        let kind = self.metrics.known(row.metric).map(Metric::kind);
        Some((device_id, row.column, kind))
    }

    /// The series of an id; none also where its metric is not known.
    pub(crate) fn series(&self, id: SeriesId) -> Option<Series> {
        self.whole(self.row_of(id)?)
    }

    /// The series of a device, in the order they were registered.
    pub(crate) fn series_of(&self, device_id: DeviceId) -> Vec<Series> {
        let device = self.device(device_id).into_iter();
        let numbers = device.flat_map(|device| &device.by_column);
        numbers
            .filter_map(|number| self.whole(self.row(*number)?))
            .collect()
    }

    /// Whether a device has a series in this column.
    pub(crate) fn has(&self, device_id: DeviceId, column: Column) -> bool {
        let device = self.device(device_id);
        device.is_some_and(|device| self.place(device, column).is_ok())
    }

    /// The ids of the series in columns of a device; none where there is none.
    pub(crate) fn ids_of(&self, device_id: DeviceId, columns: &[Column]) -> Vec<Option<SeriesId>> {
        let device = self.device(device_id);
        let id_of = |column: &Column| {
            let device = device?;
            let place = self.place(device, *column).ok()?;
            Some(self.row(*device.by_column.get(place)?)?.id)
        };
        columns.iter().map(id_of).collect()
    }

    /// Whose an id is, the name of its metric, its labels as the table has them, and its column.
    pub(super) fn known_as(&self, id: SeriesId) -> Option<(DeviceId, &str, String, Resolved)> {
        let row = self.row_of(id)?;
        let device_id = self.devices.get(row.device as usize)?.id;
        let labels = key_text(&self.labels.labels(row.set));
        Some((
            device_id,
            self.metrics.name(row.metric),
            labels,
            row.resolved(),
        ))
    }

    /// The series of a device with a metric, by its name, and labels.
    pub(crate) fn find_named(
        &self,
        device_id: DeviceId,
        metric: &str,
        labels: &Labels,
    ) -> Option<Resolved> {
        let set = self.labels.find(labels, &mut Vec::new())?;
        let device = self.device(device_id)?;
        let place = self.place_of_key(device, self.metrics.numbered(metric)?, set);
        Some(self.row(*device.by_key.get(place.ok()?)?)?.resolved())
    }

    /// Whether any series has a metric of this name, or had one.
    pub(super) fn keeps_metric(&self, name: &str) -> bool {
        self.metrics.numbered(name).is_some()
    }

    /// The column that the next series of a device gets.
    pub(super) fn next_column(&self, device_id: DeviceId) -> u32 {
        let next = self.device(device_id).map_or(0, |device| device.next);
        next.max(self.floor)
    }

    /// The first of some columns, ascending, in which a device has no series.
    pub(crate) fn first_unknown(
        &self,
        device_id: DeviceId,
        mut columns: impl Iterator<Item = Column>,
    ) -> Option<Column> {
        let Some(device) = self.device(device_id) else {
            return columns.next();
        };
        // Polls give all columns in turn, so the next one is mostly the right one.
        let mut next = 0;
        columns.find(|column| {
            let here = device.by_column.get(next);
            let place = match here.and_then(|number| self.row(*number)) {
                Some(row) if row.column == *column => Ok(next),
                _ => self.place(device, *column),
            };
            next = place.map_or(next, |place| place + 1);
            place.is_err()
        })
    }

    /// The series of a device that measure something, without looking at its others, in the order
    /// of their labels.
    pub(crate) fn series_named(&self, device_id: DeviceId, metric: Metric) -> Vec<Series> {
        let mut rows: Vec<&Row> = self.named(device_id, metric).collect();
        rows.sort_by(|a, b| self.labels.order(a.set, b.set));
        rows.into_iter().filter_map(|row| self.whole(row)).collect()
    }

    /// The columns of the series of a device that measure something, with their interfaces.
    pub(crate) fn columns_named(
        &self,
        device_id: DeviceId,
        metric: Metric,
    ) -> Vec<(Option<InterfaceId>, Column)> {
        let rows = self.named(device_id, metric);
        rows.map(|row| (self.labels.interface_id(row.set), row.column))
            .collect()
    }

    /// The columns of a device whose metrics are known, ascending, with how their values behave.
    pub(crate) fn kinds_of(&self, device_id: DeviceId) -> Vec<(Column, Kind)> {
        let device = self.device(device_id).into_iter();
        let rows = device.flat_map(|device| &device.by_column);
        let rows = rows.filter_map(|number| self.row(*number));
        rows.filter_map(|row| Some((row.column, self.metrics.known(row.metric)?.kind())))
            .collect()
    }

    /// The column that tells when a device restarted.
    pub(crate) fn uptime_column(&self, device_id: DeviceId) -> Option<Column> {
        let rows = self.named(device_id, Metric::SYS_UP_TIME);
        let first = rows.min_by(|a, b| self.labels.order(a.set, b.set));
        first.map(|row| row.column)
    }

    /// How many series a device has.
    pub(crate) fn count_of(&self, device_id: DeviceId) -> usize {
        let device = self.device(device_id);
        device.map_or(0, |device| device.by_column.len())
    }

    /// How many series measure something.
    pub(crate) fn count_of_metric(&self, metric: Metric) -> usize {
        let number = self.metrics.of(metric);
        let series = number.and_then(|number| self.by_metric.get(number.place()));
        series.map_or(0, Vec::len)
    }

    /// Whether a device has any series.
    pub(crate) fn has_device(&self, device_id: DeviceId) -> bool {
        self.count_of(device_id) > 0
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}
