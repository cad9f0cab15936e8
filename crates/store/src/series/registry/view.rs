//! The registry as retention looks at it.

use super::index::Index;
use crate::retention::{DeviceView, View};
use model::DeviceId;
use std::collections::BTreeSet;

impl Index {
    /// All series with their metrics, and what was of series that were deleted; `tags_of` says the
    /// tags of a device. Copies eight octets a series.
    pub(crate) fn view(&self, tags_of: impl Fn(DeviceId) -> BTreeSet<String>) -> View {
        let metrics = self.metrics.all();
        let mut view = View {
            metrics: metrics
                .map(|metric| self.metrics.name(metric).to_owned())
                .collect(),
            ..View::default()
        };
        for device in self.devices.iter().filter(|d| !d.by_column.is_empty()) {
            let rows = device.by_column.iter().filter_map(|no| self.row(*no));
            let series = rows.filter_map(|row| {
                let metric = u16::try_from(row.metric.place()).ok()?;
                Some((row.column, metric))
            });
            let known = DeviceView {
                tags: tags_of(device.id),
                series: series.collect(),
                deleted_below: 0,
            };
            view.devices.insert(device.id, known);
        }
        for (device_id, next) in self.all_deleted() {
            view.devices.entry(device_id).or_default().deleted_below = next;
        }
        view
    }
}
