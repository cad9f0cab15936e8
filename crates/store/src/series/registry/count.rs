//! Counting series: what [`Cardinality`] says.

use super::index::{Device, Index};
use crate::series::cardinality::{Cardinality, DeviceCount, LabelCount, MetricCount, NEAR_BOUND};
use std::cmp::Reverse;

impl Index {
    /// How many series there are, and of what; of devices the `top` largest. Looks at each series:
    /// some milliseconds for a million.
    pub(crate) fn cardinality(&self, top: usize) -> Cardinality {
        let with_series = |device: &&Device| !device.by_column.is_empty();
        let mut largest_devices: Vec<DeviceCount> = self
            .devices
            .iter()
            .filter(|device| with_series(device) || device.bound_hit.is_some())
            .map(|device| DeviceCount {
                device_id: device.id,
                series: device.by_column.len(),
                bound_hit: device.bound_hit,
            })
            .collect();
        largest_devices.sort_by_key(|device| (Reverse(device.series), device.device_id));
        let is_near =
            |device: &&DeviceCount| device.series >= NEAR_BOUND || device.bound_hit.is_some();
        let near_bound = largest_devices.iter().filter(is_near);
        let (near_bound_count, near_bound) = (
            near_bound.clone().count(),
            near_bound.take(top).cloned().collect(),
        );
        largest_devices.retain(|device| device.series > 0);
        largest_devices.truncate(top);
        Cardinality {
            series: self.len(),
            devices: self.devices.iter().filter(with_series).count(),
            by_metric: self.count_metrics(),
            by_label: self.count_labels(),
            largest_devices,
            near_bound,
            near_bound_count,
        }
    }

    /// Names of metrics that have series and are not known.
    pub(super) fn unknown_metrics(&self) -> Vec<String> {
        let counts = self.count_metrics().into_iter();
        counts
            .filter(|count| !count.known)
            .map(|count| count.name)
            .collect()
    }

    fn count_metrics(&self) -> Vec<MetricCount> {
        let mut counts: Vec<MetricCount> = self
            .metrics
            .all()
            .zip(&self.by_metric)
            .filter(|(_, series)| !series.is_empty())
            .map(|(number, series)| MetricCount {
                name: self.metrics.name(number).to_owned(),
                series: series.len(),
                known: self.metrics.known(number).is_some(),
            })
            .collect();
        counts.sort_by(|a, b| (b.series, &a.name).cmp(&(a.series, &b.name)));
        counts
    }

    fn count_labels(&self) -> Vec<LabelCount> {
        let mut by_set = vec![0_usize; self.labels.set_count()];
        let mut by_pair = vec![0_usize; self.labels.pair_count()];
        for row in self.rows.iter().filter(|row| row.live) {
            if let Some(count) = by_set.get_mut(row.set.place()) {
                *count += 1;
            }
            if let Some(pair) = row.interface
                && let Some(count) = by_pair.get_mut(pair.place())
            {
                *count += 1;
            }
        }
        for (set, series) in self.labels.all_sets().zip(by_set) {
            for pair in self.labels.members(set) {
                if let Some(count) = by_pair.get_mut(pair.place()) {
                    *count += series;
                }
            }
        }
        let mut counts = Vec::new();
        for (name, pairs) in self.labels.names() {
            let series = pairs.iter().filter_map(|pair| by_pair.get(pair.place()));
            let series = series.copied().filter(|series| *series > 0);
            let values = series.clone().count();
            if values > 0 {
                counts.push(LabelCount {
                    name: name.to_owned(),
                    values,
                    series: series.sum(),
                });
            }
        }
        counts.sort_by(|a, b| (b.values, &a.name).cmp(&(a.values, &b.name)));
        counts
    }
}
