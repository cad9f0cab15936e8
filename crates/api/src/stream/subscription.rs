//! Who is told what: a client's subscriptions, and what of an event they let through.

use super::protocol::{Data, SampleData, Subscribe, Topic, name_of};
use model::event::Event;
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, HashSet};

/// Most subscriptions of a client: one for every part of a busy page.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 64;

/// The subscriptions of one client, by its names for them.
#[derive(Default)]
pub(crate) struct Subscriptions(BTreeMap<String, Filter>);

struct Filter {
    topic: Topic,
    devices: HashSet<DeviceId>,
    series: HashSet<SeriesId>,
    discovery: Option<model::DiscoveryId>,
}

impl Subscriptions {
    /// Adds one, or puts it in the place of the one of the same name; whether there was room.
    pub(crate) fn add(&mut self, wanted: Subscribe) -> bool {
        if self.0.len() >= SUBSCRIPTIONS_MAX && !self.0.contains_key(&wanted.id) {
            return false;
        }
        let filter = Filter {
            topic: wanted.topic,
            devices: wanted.device_ids.into_iter().collect(),
            series: wanted.series_ids.into_iter().collect(),
            discovery: wanted.discovery_id,
        };
        self.0.insert(wanted.id, filter);
        true
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one away; whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// What an event is to this client: nothing, or what it says. An event that several
    /// subscriptions let through is told once.
    pub(crate) fn select<'a>(&self, event: &'a Event) -> Option<Data<'a>> {
        let (topic, _) = name_of(event);
        let mut filters = self
            .0
            .values()
            .filter(|filter| filter.topic == topic)
            .peekable();
        filters.peek()?;
        match event {
            Event::DeviceChanged { device_id } | Event::DeviceDeleted { device_id } => filters
                .any(|filter| filter.takes_device(*device_id))
                .then_some(Data::Device {
                    device_id: *device_id,
                }),
            Event::DeviceStatus {
                device_id,
                from,
                to,
                since,
                evidence,
            } => filters
                .any(|filter| filter.takes_device(*device_id))
                .then_some(Data::DeviceStatus {
                    device_id: *device_id,
                    from: *from,
                    to: *to,
                    since: *since,
                    evidence,
                }),
            Event::DeviceMaintenance {
                device_id,
                maintenance,
                at,
            } => filters
                .any(|filter| filter.takes_device(*device_id))
                .then_some(Data::DeviceMaintenance {
                    device_id: *device_id,
                    maintenance: maintenance.is_some(),
                    maintenance_since: maintenance.as_ref().map(|work| work.since),
                    maintenance_until: maintenance.as_ref().and_then(|work| work.until),
                    maintenance_reason: maintenance
                        .as_ref()
                        .and_then(|work| work.reason.as_deref()),
                    at: *at,
                }),
            Event::InterfaceStatus {
                device_id,
                interface_id,
                from,
                to,
                at,
            } => filters
                .any(|filter| filter.takes_device(*device_id))
                .then_some(Data::InterfaceStatus {
                    device_id: *device_id,
                    interface_id: *interface_id,
                    from: *from,
                    to: *to,
                    at: *at,
                }),
            Event::Samples {
                device_id,
                at,
                samples,
            } => samples_let_through(&filters.collect::<Vec<_>>(), *device_id, *at, samples),
            Event::ForecastMade { device_id, .. }
            | Event::CapacityWarning { device_id, .. }
            | Event::PatternChanged { device_id, .. }
            | Event::Scaling { device_id, .. } => filters
                .any(|filter| filter.takes_device(*device_id))
                .then(|| of_forecast(event))
                .flatten(),
            Event::AnomalyStarted(anomaly) | Event::AnomalyEnded(anomaly) => filters
                .any(|filter| filter.takes_device(anomaly.device_id))
                .then_some(Data::Anomaly(anomaly)),
            Event::DiscoveryProgress(run) => filters
                .any(|filter| filter.discovery.is_none_or(|id| id == run.id))
                .then_some(Data::Progress(run)),
            Event::DeviceDiscovered {
                discovery_id,
                schedule_id,
                result,
            } => filters
                .any(|filter| filter.discovery.is_none_or(|id| id == *discovery_id))
                .then_some(Data::Discovered {
                    discovery_id: *discovery_id,
                    schedule_id: *schedule_id,
                    result,
                }),
            Event::DiscoveryFound {
                discovery_id,
                result,
            } => filters
                .any(|filter| filter.discovery.is_none_or(|id| id == *discovery_id))
                .then_some(Data::Found {
                    discovery_id: *discovery_id,
                    result,
                }),
        }
    }
}

/// What is told of a forecast; none of another event.
fn of_forecast(event: &Event) -> Option<Data<'_>> {
    match event {
        Event::ForecastMade {
            device_id,
            series_id,
            state,
            made_at,
        } => Some(Data::ForecastMade {
            device_id: *device_id,
            series_id: *series_id,
            state: *state,
            made_at: *made_at,
        }),
        Event::CapacityWarning {
            device_id,
            interface_id,
            series_id,
            outlook,
            at,
        } => Some(Data::CapacityWarning {
            device_id: *device_id,
            interface_id: *interface_id,
            series_id: *series_id,
            outlook,
            at: *at,
        }),
        Event::PatternChanged {
            device_id,
            interface_id,
            series_id,
            before,
            pattern,
            at,
        } => Some(Data::PatternChanged {
            device_id: *device_id,
            interface_id: *interface_id,
            series_id: *series_id,
            before: *before,
            pattern: pattern.as_ref(),
            at: *at,
        }),
        Event::Scaling { device_id, told } => Some(Data::Scaling {
            device_id: *device_id,
            told,
        }),
        _ => None,
    }
}

/// The samples of a poll that any of the filters takes; none where it takes none.
fn samples_let_through<'a>(
    filters: &[&Filter],
    device_id: DeviceId,
    at: Timestamp,
    samples: &[(SeriesId, Value)],
) -> Option<Data<'a>> {
    let taken = |series: SeriesId| {
        let mut filters = filters.iter();
        filters.any(|filter| filter.takes_series(device_id, series))
    };
    let samples: Vec<SampleData> = samples
        .iter()
        .filter(|(series, _)| taken(*series))
        .map(|(series_id, value)| SampleData {
            series_id: *series_id,
            value: *value,
        })
        .collect();
    (!samples.is_empty()).then_some(Data::Samples {
        device_id,
        at,
        samples,
    })
}

impl Filter {
    fn takes_device(&self, device: DeviceId) -> bool {
        self.devices.is_empty() || self.devices.contains(&device)
    }
    /// Series and devices that are named add up.
    fn takes_series(&self, device: DeviceId, series: SeriesId) -> bool {
        (self.devices.is_empty() && self.series.is_empty())
            || self.devices.contains(&device)
            || self.series.contains(&series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Timestamp, Value};

    fn subscribe(id: &str, devices: &[DeviceId], series: &[SeriesId]) -> Subscribe {
        Subscribe {
            id: id.to_owned(),
            topic: Topic::Series,
            device_ids: devices.to_vec(),
            series_ids: series.to_vec(),
            discovery_id: None,
        }
    }

    #[test]
    fn samples_are_picked_by_series_and_device() {
        let (device, other) = (DeviceId::new(), DeviceId::new());
        let (one, two) = (SeriesId::new(), SeriesId::new());
        let event = Event::Samples {
            device_id: device,
            at: Timestamp::from_unix_ms(0),
            samples: vec![(one, Value::U64(1)), (two, Value::U64(2))],
        };
        let told = |wanted: Vec<Subscribe>| {
            let mut all = Subscriptions::default();
            for subscription in wanted {
                assert!(all.add(subscription));
            }
            match all.select(&event) {
                Some(Data::Samples { samples, .. }) => samples.len(),
                _ => 0,
            }
        };
        assert_eq!(told(vec![]), 0);
        assert_eq!(told(vec![subscribe("a", &[], &[])]), 2);
        assert_eq!(told(vec![subscribe("a", &[device], &[])]), 2);
        assert_eq!(told(vec![subscribe("a", &[other], &[])]), 0);
        assert_eq!(told(vec![subscribe("a", &[], &[two])]), 1);
        assert_eq!(told(vec![subscribe("a", &[other], &[one])]), 1);
        assert_eq!(
            told(vec![
                subscribe("a", &[], &[one]),
                subscribe("b", &[], &[two])
            ]),
            2
        );
    }

    #[test]
    fn subscriptions_are_bounded() {
        let mut all = Subscriptions::default();
        for n in 0..SUBSCRIPTIONS_MAX {
            assert!(all.add(subscribe(&n.to_string(), &[], &[])));
        }
        assert!(!all.add(subscribe("more", &[], &[])));
        assert!(
            all.add(subscribe("0", &[], &[])),
            "the same name takes its place"
        );
        assert!(all.remove("0") && !all.remove("0"));
        assert!(all.add(subscribe("more", &[], &[])));
    }
}
