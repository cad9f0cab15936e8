//! Readings to series, series to a batch, the batch to the synced log, and then to whoever listens.

use super::Context;
use collect::PollReport;
use collect::reading::{Instance, Reading};
use model::device::LOCAL_VANTAGE;
use model::event::Event;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, Value};
use std::collections::HashMap;
use std::sync::Arc;
use store::series::{AppendError, Batch, Column, Resolved, SeriesError, SeriesStore};
use topology::interfaces::Assignment;
use tracing::warn;

/// How often a batch is built anew where a column is no longer known: once, for that happens only
/// when a device was deleted and made again meanwhile.
const TRIES: usize = 2;

/// Series registered in one step. The bound on a device's series refuses a step as a whole, so that
/// a device with too many keeps all but the last step.
const KEYS_PER_RESOLVE: usize = 512;

/// The series of a device by what they are of.
#[derive(Default)]
pub(crate) struct SeriesOfDevice {
    resolved: HashMap<Key, Resolved>,
    /// The name that the series of each interface were registered under.
    names: HashMap<InterfaceId, String>,
    /// The device has as many series as one may have; what is more is not measured.
    full: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    metric: Metric,
    of: Of,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Of {
    Device,
    Interface(InterfaceId),
    Part(&'static str, Arc<str>),
}

/// Keeps the samples of a poll and tells them.
pub(super) async fn take(
    context: &Context,
    series: &mut SeriesOfDevice,
    report: &PollReport,
    interfaces: &Assignment,
) {
    if report.readings.is_empty() {
        return;
    }
    let keys = keys(&report.readings, interfaces);
    let without = keys.iter().filter(|key| key.is_none()).count() as u64;
    context.counts.without_interface.inc_by(without);
    let with_key = |(key, reading): (Option<Key>, &Reading)| Some((key?, reading.value));
    let values: Vec<(Key, Value)> = keys
        .into_iter()
        .zip(&report.readings)
        .filter_map(with_key)
        .collect();
    let count = values.len() as u64;
    for attempt in 1..=TRIES {
        match keep(context, series, report, interfaces, &values).await {
            Ok(samples) => {
                let kept = samples.len() as u64;
                context.counts.samples_kept.inc_by(kept);
                context
                    .counts
                    .samples_refused
                    .inc_by(count.saturating_sub(kept));
                let (device_id, at) = (report.device_id, report.answered_at);
                context.tell(Event::Samples {
                    device_id,
                    at,
                    samples,
                });
                return;
            }
            Err(NotKept::Append(AppendError::UnknownColumn { .. })) if attempt < TRIES => {
                *series = SeriesOfDevice::default();
            }
            Err(error) => {
                context.counts.samples_refused.inc_by(count);
                if context.store.inventory.device(report.device_id).is_some() {
                    let error = crate::chain(&error);
                    warn!(device.id = %report.device_id, %error, "{count} samples not kept");
                }
                return;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error("the series could not be registered")]
    Series(#[from] SeriesError),
    #[error("the samples could not be appended")]
    Append(#[from] AppendError),
}

async fn keep(
    context: &Context,
    series: &mut SeriesOfDevice,
    report: &PollReport,
    interfaces: &Assignment,
    values: &[(Key, Value)],
) -> Result<Vec<(SeriesId, Value)>, NotKept> {
    let keys = values.iter().map(|(key, _)| key);
    series
        .resolve(&context.series, report.device_id, interfaces, keys)
        .await?;
    let known = |(key, value): &(Key, Value)| Some((*series.resolved.get(key)?, *value));
    let values: Vec<(Resolved, Value)> = values.iter().filter_map(known).collect();
    let columns: Vec<(Column, Value)> = values
        .iter()
        .map(|(resolved, value)| (resolved.column, *value))
        .collect();
    let (device_id, at) = (report.device_id, report.answered_at);
    context
        .series
        .append(Batch {
            device_id,
            at,
            values: columns,
        })
        .await?;
    Ok(values
        .into_iter()
        .map(|(resolved, value)| (resolved.id, value))
        .collect())
}

/// What each reading is of, in a form that outlives ifIndex; none for an interface that is not known.
fn keys(readings: &[Reading], interfaces: &Assignment) -> Vec<Option<Key>> {
    let key = |reading: &Reading| {
        let of = match &reading.instance {
            Instance::Device => Of::Device,
            Instance::Part { label, name } => Of::Part(label, Arc::clone(name)),
            Instance::Interface { index } => Of::Interface(*interfaces.by_index.get(index)?),
        };
        Some(Key {
            metric: reading.metric,
            of,
        })
    };
    readings.iter().map(key).collect()
}

impl SeriesOfDevice {
    /// The columns that readings are appended under, in their order; those not yet known are
    /// registered. None for a reading of an interface that is not known, or beyond the bound on a
    /// device's series.
    pub(crate) async fn columns(
        &mut self,
        store: &SeriesStore,
        device_id: DeviceId,
        interfaces: &Assignment,
        readings: &[Reading],
    ) -> Result<Vec<Option<Column>>, SeriesError> {
        let keys = keys(readings, interfaces);
        self.resolve(store, device_id, interfaces, keys.iter().flatten())
            .await?;
        let column = |key: &Option<Key>| Some(self.resolved.get(key.as_ref()?)?.column);
        Ok(keys.iter().map(column).collect())
    }

    /// Registers what is not yet known, and what belongs to an interface with another name now.
    async fn resolve(
        &mut self,
        store: &SeriesStore,
        device_id: DeviceId,
        interfaces: &Assignment,
        keys: impl Iterator<Item = &Key>,
    ) -> Result<(), SeriesError> {
        let by_id: HashMap<InterfaceId, &Interface> =
            interfaces.interfaces.iter().map(|i| (i.id, i)).collect();
        let mut missing: Vec<&Key> = keys
            .filter(|key| !self.resolved.contains_key(*key) || self.renamed(key, &by_id))
            .collect();
        if missing.is_empty() || self.full {
            return Ok(());
        }
        missing.sort_by_key(|key| turn(&key.of));
        for keys in missing.chunks(KEYS_PER_RESOLVE) {
            let asked = keys
                .iter()
                .map(|key| (key.metric, labels(&key.of, &by_id)))
                .collect();
            let resolved = match store.resolve(device_id, asked).await {
                Ok(resolved) => resolved,
                Err(error @ SeriesError::TooManySeries { .. }) => {
                    warn!(device.id = %device_id, "{error}; the rest is not measured");
                    self.full = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            for (key, resolved) in keys.iter().zip(resolved) {
                self.resolved.insert((*key).clone(), resolved);
                if let Of::Interface(id) = key.of
                    && let Some(interface) = by_id.get(&id)
                {
                    self.names.insert(id, interface.name.clone());
                }
            }
        }
        Ok(())
    }

    fn renamed(&self, key: &Key, by_id: &HashMap<InterfaceId, &Interface>) -> bool {
        let Of::Interface(id) = key.of else {
            return false;
        };
        let name = by_id.get(&id).map(|interface| &interface.name);
        self.names.get(&id) != name
    }
}

/// Whose turn it is to be registered, the least first: what is of the whole device must not fall to
/// the bound on series, and what a controller has of others must leave room for its own parts.
fn turn(of: &Of) -> u8 {
    match of {
        Of::Device => 0,
        Of::Part("access_point" | "radio" | "ssid", _) => 2,
        Of::Interface(_) | Of::Part(..) => 1,
    }
}

fn labels(of: &Of, by_id: &HashMap<InterfaceId, &Interface>) -> Labels {
    let labels = Labels::default().with(Labels::VANTAGE, LOCAL_VANTAGE);
    match of {
        Of::Device => labels,
        Of::Part(label, name) => labels.with(label, name.as_ref()),
        Of::Interface(id) => {
            let name = by_id
                .get(id)
                .map_or("", |interface| interface.name.as_str());
            labels
                .with(Labels::INTERFACE_ID, id.to_string())
                .with(Labels::INTERFACE, name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radios_do_not_take_the_series_of_interfaces_and_sensors() {
        let part = |label| Of::Part(label, Arc::from("a"));
        let mut order = [
            part("radio"),
            part("ssid"),
            part("sensor"),
            part("access_point"),
            Of::Interface(InterfaceId::new()),
            Of::Device,
        ];
        order.sort_by_key(turn);
        let last = |of: &Of| matches!(of, Of::Part("access_point" | "radio" | "ssid", _));
        assert!(matches!(order[0], Of::Device));
        assert!(!order[..3].iter().any(last));
        assert!(order[3..].iter().all(last));
    }
}
