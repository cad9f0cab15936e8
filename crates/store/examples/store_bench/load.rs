//! A network as the store meets it: devices of 48 ports, ten series a port, a poll a minute.
//!
//! Of ten series four are counters that follow the day, with noise, and idle nights; one counter
//! seldom moves; three never; two are gauges of three decimals that follow the day.

use foretell_store::series::{Batch, SeriesOptions, SeriesStore, Shape, SyncPolicy};
use model::{Clock, DeviceId, InterfaceId, Labels, Metric, Timestamp, Value};
use std::f64::consts::TAU;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Ports of a device.
pub(crate) const PORTS: usize = 48;
/// What is measured of a port.
pub(crate) const METRICS: [Metric; 10] = [
    Metric::IF_HC_IN_OCTETS,
    Metric::IF_HC_OUT_OCTETS,
    Metric::IF_HC_IN_UCAST_PKTS,
    Metric::IF_HC_OUT_UCAST_PKTS,
    Metric::IF_IN_DISCARDS,
    Metric::IF_OUT_DISCARDS,
    Metric::IF_IN_ERRORS,
    Metric::IF_OPER_STATUS,
    Metric::SENSOR_DBM,
    Metric::SENSOR_TEMPERATURE,
];
/// Series of a device.
pub(crate) const SERIES: usize = PORTS * METRICS.len();
/// 2026-03-01T00:00:00Z.
pub(crate) const BEGIN_MS: i64 = 1_772_323_200_000;
/// From poll to poll.
pub(crate) const POLL_MS: i64 = 60_000;
/// Samples that are synced together.
const SYNCED_TOGETHER: usize = 10_000;

/// A clock that is set.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(BEGIN_MS)))
    }

    pub(crate) fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    }
}

/// What a part runs on: so many threads, beside the one that it waits on.
pub(crate) fn workers(threads: usize) -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build();
    runtime.unwrap()
}

/// Opens a store that seals when it is told.
pub(crate) fn open(folder: &Path, hand: &Hand) -> SeriesStore {
    let options = SeriesOptions {
        // What waits is synced together.
        sync: SyncPolicy::Every(Duration::ZERO),
        maintain_every: None,
        ..SeriesOptions::default()
    };
    SeriesStore::open(folder, options, hand.clock()).unwrap().0
}

/// A device of the load.
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    keys: Vec<(Metric, Labels)>,
    /// What a poll asks for: metrics of ifIndexes, in the order of the keys.
    asked: Vec<(Metric, u32)>,
    /// Once the series are registered.
    shape: Option<Shape<u32>>,
    state: Vec<Port>,
    /// When in a minute it is polled.
    at_ms: i64,
}

impl Device {
    /// Its series.
    pub(crate) fn keys(&self) -> &[(Metric, Labels)] {
        &self.keys
    }
}

/// What a port is and has counted.
#[derive(Clone, Copy)]
struct Port {
    /// Octets a second at its busiest.
    peak: f64,
    octets: [u64; 2],
    discards: u64,
}

/// The devices, and chance.
pub(crate) struct Network {
    pub(crate) devices: Vec<Device>,
    random: u64,
}

impl Network {
    pub(crate) fn new(devices: usize) -> Self {
        let mut network = Self {
            devices: Vec::with_capacity(devices),
            random: 0x9e37_79b9_7f4a_7c15,
        };
        for n in 0..devices {
            let keys = (0..PORTS).flat_map(|port| {
                let labels = Labels::default()
                    .with(Labels::VANTAGE, "local")
                    .with(Labels::INTERFACE_ID, InterfaceId::new().to_string())
                    .with(Labels::INTERFACE, format!("GigabitEthernet1/0/{port}"));
                METRICS.map(|metric| (metric, labels.clone()))
            });
            let keys = keys.collect();
            let asked = (1..=PORTS as u32).flat_map(|port| METRICS.map(|metric| (metric, port)));
            let state = (0..PORTS).map(|_| network.port()).collect();
            network.devices.push(Device {
                id: DeviceId::new(),
                keys,
                asked: asked.collect(),
                shape: None,
                state,
                at_ms: (n as i64 * 7_919) % 50_000,
            });
        }
        network
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// From 0 to 1.
    fn chance(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Most ports carry little and few much.
    fn port(&mut self) -> Port {
        let peak = 1e3 * 10_f64.powf(self.chance() * 5.0);
        Port {
            peak,
            octets: [self.next() >> 20, self.next() >> 20],
            discards: self.next() % 1_000,
        }
    }

    /// The values of a poll, in the order of the keys.
    fn values(&mut self, device: usize, poll: i64) -> Vec<Value> {
        let day = day(poll);
        let mut values = Vec::with_capacity(SERIES);
        for port in 0..PORTS {
            let mut state = self.devices[device].state[port];
            for octets in &mut state.octets {
                let busy = day * (0.7 + 0.6 * self.chance());
                *octets += (state.peak * busy * 60.0) as u64;
            }
            state.discards += u64::from(self.next().is_multiple_of(300));
            self.devices[device].state[port] = state;
            values.extend(state.octets.map(Value::U64));
            values.extend(state.octets.map(|octets| Value::U64(octets / 700)));
            values.push(Value::U64(state.discards));
            values.extend([Value::U64(0), Value::U64(0), Value::U64(1)]);
            let dbm = -6.0 + day + 0.05 * self.chance();
            let celsius = 30.0 + 8.0 * day + self.chance();
            values.extend([dbm, celsius].map(|value| Value::F64((value * 1e3).round() / 1e3)));
        }
        values
    }

    /// The batch of a poll. Which series its values are of is seen by its shape, which is that of the
    /// poll before, as it is while a device answers the same objects.
    pub(crate) fn batch(&mut self, device: usize, poll: i64) -> Batch {
        let values = self.values(device, poll);
        let of = &self.devices[device];
        let asked = of.asked.iter().map(|(metric, part)| (*metric, part));
        let shape = of.shape.as_ref().unwrap();
        let series = shape.series_of(asked).unwrap();
        let columns = series.iter().map(|series| series.unwrap().column);
        Batch {
            device_id: of.id,
            at: Timestamp::from_unix_ms(BEGIN_MS + poll * POLL_MS + of.at_ms),
            values: columns.zip(values).collect(),
        }
    }

    /// The same poll as it is said elsewhere: when, and the values in the order of [`Device::keys`].
    pub(crate) fn said(&mut self, device: usize, poll: i64) -> (Timestamp, Vec<Value>) {
        let at = BEGIN_MS + poll * POLL_MS + self.devices[device].at_ms;
        (Timestamp::from_unix_ms(at), self.values(device, poll))
    }

    /// Registers all series; so that what follows is what goes on all the time.
    pub(crate) async fn register(&mut self, store: &SeriesStore) {
        for device in &mut self.devices {
            let keys = device.keys.clone();
            let series = store.resolve(device.id, keys).await.unwrap();
            let asked = device.asked.iter().map(|(metric, part)| (*metric, part));
            device.shape = Some(Shape::new(asked, series.into_iter().map(Some)));
        }
    }

    /// Appends a poll of all devices, synced by the ten thousand samples; answers how many.
    pub(crate) async fn poll(&mut self, store: &SeriesStore, poll: i64) -> u64 {
        let together: Vec<usize> = (0..self.devices.len()).collect();
        for devices in together.chunks(SYNCED_TOGETHER.div_ceil(SERIES)) {
            let batches: Vec<Batch> = devices.iter().map(|n| self.batch(*n, poll)).collect();
            let appends = batches.into_iter().map(|batch| {
                let store = store.clone();
                tokio::spawn(async move { store.append(batch).await.unwrap() })
            });
            for append in appends.collect::<Vec<_>>() {
                append.await.unwrap();
            }
        }
        (self.devices.len() * SERIES) as u64
    }

    /// What making the values of a poll costs without the store, to be taken off.
    pub(crate) fn rehearse(&mut self, polls: i64) -> Duration {
        let begun = super::proc::cpu();
        for poll in 0..polls {
            for device in 0..self.devices.len() {
                std::hint::black_box(self.values(device, poll));
            }
        }
        super::proc::cpu().saturating_sub(begun)
    }
}

/// How busy it is at the minute of a day, 0 to 1: idle until 6, busiest at 14, idle from 22 on.
fn day(poll: i64) -> f64 {
    let hour = (poll.rem_euclid(1_440)) as f64 / 60.0;
    if !(6.0..22.0).contains(&hour) {
        return 0.0;
    }
    0.5 - 0.5 * ((hour - 6.0) / 16.0 * TAU).cos()
}
