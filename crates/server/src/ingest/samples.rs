//! Readings to series, series to a batch, the batch to the synced log, and then to whoever listens.

use super::Context;
use collect::PollReport;
use collect::reading::{Instance, Reading};
use model::device::LOCAL_VANTAGE;
use model::event::Event;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Labels, SeriesId, Value};
use std::collections::HashMap;
use std::sync::Arc;
use store::series::shape::InOrder;
use store::series::{AppendError, Batch, Column, Resolved, SeriesError, SeriesStore, Shape};
use topology::interfaces::Assignment;
use tracing::warn;

/// How often a batch is built anew where a column is no longer known: once, for that happens only
/// when a device was deleted and made again meanwhile.
const TRIES: usize = 2;

/// Series registered in one step. The bound on a device's series refuses a step as a whole, so that
/// a device with too many keeps all but the last step.
const KEYS_PER_RESOLVE: usize = 512;

/// The series of a device: those that its last poll was of. A poll of the same things, as nearly all
/// are, has the same series; of others the store is asked, which knows all by their labels.
#[derive(Default)]
pub(crate) struct SeriesOfDevice {
    last: Option<Last>,
    /// The device has as many series as one may have; what is more is not measured.
    full: bool,
}

/// What the last poll was of.
struct Last {
    shape: Shape<Instance>,
    /// The interfaces that there were, by ifIndex: another id is another series, another name is
    /// told to the store.
    interfaces: Vec<(u32, InterfaceId, Box<str>)>,
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
    let is_known = |reading: &&Reading| match &reading.instance {
        Instance::Interface { index } => interfaces.by_index.contains_key(index),
        Instance::Device | Instance::Part { .. } => true,
    };
    let count = report.readings.iter().filter(is_known).count() as u64;
    let without = (report.readings.len() as u64).saturating_sub(count);
    context.counts.without_interface.inc_by(without);
    for attempt in 1..=TRIES {
        match keep(context, series, report, interfaces).await {
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
                // A log that cannot be written says so once, and not of each poll; not one of which a device's
                // samples cannot be read back.
                let is_told = matches!(error, NotKept::Append(AppendError::Log { operation, .. }) if operation != "read");
                if !is_told && context.store.inventory.device(report.device_id).is_some() {
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
) -> Result<Vec<(SeriesId, Value)>, NotKept> {
    let (device_id, at) = (report.device_id, report.answered_at);
    let in_order = series
        .resolve(&context.series, device_id, interfaces, &report.readings)
        .await?;
    let kept = || {
        let all = in_order.iter().zip(&report.readings);
        all.filter_map(|(series, reading)| Some(((*series)?, reading.value)))
    };
    let values = kept().map(|(series, value)| (series.column, value));
    let batch = Batch {
        device_id,
        at,
        values: values.collect(),
    };
    context.series.append(batch).await?;
    Ok(kept().map(|(series, value)| (series.id, value)).collect())
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
        let series = self.resolve(store, device_id, interfaces, readings).await?;
        Ok(series
            .iter()
            .map(|series| Some((*series)?.column))
            .collect())
    }

    /// The series of readings, in their order. Registers what is not yet known, and what belongs to
    /// an interface with another name now.
    async fn resolve(
        &mut self,
        store: &SeriesStore,
        device_id: DeviceId,
        interfaces: &Assignment,
        readings: &[Reading],
    ) -> Result<InOrder, SeriesError> {
        let poll = || {
            readings
                .iter()
                .map(|reading| (reading.metric, &reading.instance))
        };
        let last = self.last.as_ref();
        let same = last.filter(|last| is_of(&last.interfaces, interfaces));
        if let Some(series) = same.and_then(|last| last.shape.series_of(poll())) {
            return Ok(Arc::clone(series));
        }
        let by_id: HashMap<InterfaceId, &Interface> =
            interfaces.interfaces.iter().map(|i| (i.id, i)).collect();
        let mut places = Vec::with_capacity(readings.len());
        let mut keys = Vec::with_capacity(readings.len());
        for (place, reading) in readings.iter().enumerate() {
            if let Some(labels) = labels(&reading.instance, interfaces, &by_id) {
                places.push((place, turn(&reading.instance)));
                keys.push((reading.metric, labels));
            }
        }
        let known = store.known(device_id, &keys);
        let mut series: Vec<Option<Resolved>> = vec![None; readings.len()];
        let mut put = |place: usize, resolved: Option<Resolved>| {
            if let Some(series) = series.get_mut(place) {
                *series = resolved;
            }
        };
        // Apart, as one new series too many must not keep names from being followed.
        let (mut renames, mut new) = (Vec::new(), Vec::new());
        for (((place, turn), key), known) in places.into_iter().zip(keys).zip(known) {
            put(place, known.map(|known| known.series));
            match known {
                Some(known) if known.renamed => renames.push((turn, place, key)),
                None if !self.full => new.push((turn, place, key)),
                _ => {}
            }
        }
        new.sort_by_key(|(turn, ..)| *turn);
        let each = renames.chunks(KEYS_PER_RESOLVE);
        for some in each.chain(new.chunks(KEYS_PER_RESOLVE)) {
            let keys = some.iter().map(|(.., key)| key.clone()).collect();
            match store.resolve(device_id, keys).await {
                Ok(resolved) => {
                    for ((_, place, _), resolved) in some.iter().zip(resolved) {
                        put(*place, Some(resolved));
                    }
                }
                Err(error @ SeriesError::TooManySeries { .. }) => {
                    warn!(device.id = %device_id, "{error}; the rest is not measured");
                    self.full = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let shape = Shape::new(poll(), series);
        let series = Arc::clone(shape.series());
        let interfaces = names(interfaces, &by_id);
        self.last = Some(Last { shape, interfaces });
        Ok(series)
    }
}

/// The interfaces that there are, by ifIndex, with their names.
fn names(
    interfaces: &Assignment,
    by_id: &HashMap<InterfaceId, &Interface>,
) -> Vec<(u32, InterfaceId, Box<str>)> {
    let named = interfaces.by_index.iter().map(|(index, id)| {
        let name = by_id.get(id).map_or("", |interface| &interface.name);
        (*index, *id, name.into())
    });
    named.collect()
}

/// Whether these are the interfaces that there are, with their names. Those of an assignment are in
/// the order of their ifIndex; where they are not, the answer is no, and the store is asked.
fn is_of(known: &[(u32, InterfaceId, Box<str>)], interfaces: &Assignment) -> bool {
    let by_index = interfaces.by_index.iter().zip(&interfaces.interfaces);
    let same = by_index.map(|((index, id), interface)| {
        (interface.id == *id).then_some((*index, *id, interface.name.as_str()))
    });
    let known = known
        .iter()
        .map(|(index, id, name)| Some((*index, *id, &**name)));
    interfaces.by_index.len() == known.len() && same.eq(known)
}

/// Whose turn it is to be registered, the least first: what is of the whole device must not fall to
/// the bound on series, and what a controller has of others must leave room for its own parts.
fn turn(of: &Instance) -> u8 {
    match of {
        Instance::Device => 0,
        Instance::Part {
            label: "access_point" | "radio" | "ssid",
            ..
        } => 2,
        Instance::Interface { .. } | Instance::Part { .. } => 1,
    }
}

/// What tells the series of a reading apart, in a form that outlives ifIndex; none for an interface
/// that is not known.
fn labels(
    of: &Instance,
    interfaces: &Assignment,
    by_id: &HashMap<InterfaceId, &Interface>,
) -> Option<Labels> {
    let labels = Labels::default().with(Labels::VANTAGE, LOCAL_VANTAGE);
    Some(match of {
        Instance::Device => labels,
        Instance::Part { label, name } => labels.with(label, name.as_ref()),
        Instance::Interface { index } => {
            let id = interfaces.by_index.get(index)?;
            let name = by_id
                .get(id)
                .map_or("", |interface| interface.name.as_str());
            labels
                .with(Labels::INTERFACE_ID, id.to_string())
                .with(Labels::INTERFACE, name)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Clock, Metric, Timestamp};
    use std::path::Path;
    use store::series::{SERIES_PER_DEVICE_MAX, SeriesOptions};

    #[test]
    fn radios_do_not_take_the_series_of_interfaces_and_sensors() {
        let part = |label| Instance::Part {
            label,
            name: Arc::from("a"),
        };
        let mut order = [
            part("radio"),
            part("ssid"),
            part("sensor"),
            part("access_point"),
            Instance::Interface { index: 1 },
            Instance::Device,
        ];
        order.sort_by_key(turn);
        let last = |of: &Instance| {
            let Instance::Part { label, .. } = of else {
                return false;
            };
            matches!(*label, "access_point" | "radio" | "ssid")
        };
        assert!(matches!(order[0], Instance::Device));
        assert!(!order[..3].iter().any(last));
        assert!(order[3..].iter().all(last));
    }

    fn reading(metric: Metric, instance: Instance) -> Reading {
        Reading {
            metric,
            instance,
            value: Value::U64(1),
        }
    }

    /// One interface, at ifIndex 1.
    fn assignment(id: InterfaceId, name: &str) -> Assignment {
        let interface = Interface {
            id,
            device_id: DeviceId::new(),
            index: 1,
            name: name.to_owned(),
            description: None,
            alias: None,
            kind: None,
            speed_bps: None,
            mac: None,
            mtu: None,
            aggregate: None,
            admin_status: None,
            oper_status: None,
            last_change_at: None,
            present: true,
        };
        Assignment {
            interfaces: vec![interface],
            by_index: [(1, id)].into(),
            ..Assignment::default()
        }
    }

    fn store(folder: &Path) -> SeriesStore {
        let options = SeriesOptions {
            maintain_every: None,
            ..SeriesOptions::default()
        };
        let clock = Clock::new(|| Timestamp::from_unix_ms(0));
        SeriesStore::open(folder, options, clock).unwrap().0
    }

    #[tokio::test]
    async fn a_poll_of_the_same_things_has_the_same_series() {
        let folder = tempfile::tempdir().unwrap();
        let (store, device_id) = (store(folder.path()), DeviceId::new());
        let octets = |index| reading(Metric::IF_HC_IN_OCTETS, Instance::Interface { index });
        let readings = [
            reading(Metric::SYS_UP_TIME, Instance::Device),
            octets(1),
            octets(9),
        ];
        let (id, other) = (InterfaceId::new(), InterfaceId::new());
        let mut series = SeriesOfDevice::default();
        let mut resolve = async |interfaces: &Assignment, readings: &[Reading]| {
            let resolved = series.resolve(&store, device_id, interfaces, readings);
            resolved.await.unwrap()
        };
        let first = resolve(&assignment(id, "eth0"), &readings).await;
        assert!(first[0].is_some() && first[1].is_some() && first[2].is_none());
        let again = resolve(&assignment(id, "eth0"), &readings).await;
        assert!(Arc::ptr_eq(&first, &again));
        // Another name is told to the store, and the series stay the same.
        let renamed = resolve(&assignment(id, "lan0"), &readings).await;
        assert_eq!(first, renamed);
        let named = store.series(first[1].unwrap().id).unwrap();
        assert_eq!(named.key.labels.get(Labels::INTERFACE), Some("lan0"));
        // Other interfaces have other series, whatever their ifIndex; so have other readings.
        let moved = resolve(&assignment(other, "lan0"), &readings).await;
        assert!(moved[0] == first[0] && moved[1] != first[1] && moved[1].is_some());
        let fewer = resolve(&assignment(id, "lan0"), &readings[1..]).await;
        assert_eq!(fewer[..], first[1..]);
    }

    #[tokio::test]
    async fn a_device_with_too_many_series_keeps_those_that_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let (store, device_id) = (store(folder.path()), DeviceId::new());
        let sensor = |n: usize| {
            let name = Arc::from(n.to_string());
            let label = "sensor";
            reading(Metric::SENSOR_OTHER, Instance::Part { label, name })
        };
        let mut readings: Vec<Reading> = (0..SERIES_PER_DEVICE_MAX + 1_000).map(sensor).collect();
        let octets = reading(Metric::IF_HC_IN_OCTETS, Instance::Interface { index: 1 });
        readings.insert(0, octets);
        let id = InterfaceId::new();
        let mut series = SeriesOfDevice::default();
        let mut resolve = async |name: &str, readings: &[Reading]| {
            let interfaces = assignment(id, name);
            let resolved = series.resolve(&store, device_id, &interfaces, readings);
            resolved.await.unwrap()
        };
        let first = resolve("eth0", &readings).await;
        let kept = first.iter().flatten().count();
        assert!(kept > SERIES_PER_DEVICE_MAX - KEYS_PER_RESOLVE && kept <= SERIES_PER_DEVICE_MAX);
        assert_eq!(store.bound_hit(device_id).map(|hit| hit.times), Some(1));
        // Nothing more is asked for, also where the poll is another one; a name is taken over.
        readings.pop();
        let second = resolve("lan0", &readings).await;
        assert_eq!(first[..readings.len()], second[..]);
        assert_eq!(store.bound_hit(device_id).map(|hit| hit.times), Some(1));
        let named = store.series(first[0].unwrap().id).unwrap();
        assert_eq!(named.key.labels.get(Labels::INTERFACE), Some("lan0"));
        // So it is where the new ones are asked for again, as after a start.
        let mut started = SeriesOfDevice::default();
        let interfaces = assignment(id, "wan0");
        let resolved = started.resolve(&store, device_id, &interfaces, &readings);
        assert_eq!(resolved.await.unwrap()[..], second[..]);
        let named = store.series(first[0].unwrap().id).unwrap();
        assert_eq!(named.key.labels.get(Labels::INTERFACE), Some("wan0"));
    }
}
