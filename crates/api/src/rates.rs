//! How fast an interface is carrying traffic now: from its last two counter samples, with the
//! breaks of rates. History is `samples`' affair; [`board`] has the rates of all at one moment.

pub(crate) mod board;

use model::device::Device;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Metric, Timestamp, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::inventory::DeviceRecord;
use store::series::{Column, SeriesStore, increase, resets};

/// Polls without a sample after which a rate is no longer "now", and a pair no longer neighbours.
const GAP_POLLS: u32 = 3;

/// What an interface carries now; none where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    /// bit/s received.
    pub(crate) in_bps: Option<f64>,
    /// bit/s sent.
    pub(crate) out_bps: Option<f64>,
    /// Share of the interface's speed, 0 to 1 where the speed is right.
    pub(crate) in_utilization: Option<f64>,
    /// The same for what is sent.
    pub(crate) out_utilization: Option<f64>,
}

/// Reads the rates of devices' interfaces. Keeps each device's columns for the time of one answer.
pub(crate) struct RateReader<'a> {
    store: &'a SeriesStore,
    now: Timestamp,
    devices: HashMap<DeviceId, DeviceColumns>,
}

/// The columns of one device that rates need.
// Invariant: `octets` ascends by interface.
struct DeviceColumns {
    uptime: Option<Column>,
    octets: Vec<(InterfaceId, Octets)>,
}

/// The counters of an interface: received, sent.
type Octets = [Option<Column>; 2];
/// bit/s received and sent.
type Carried = [Option<f64>; 2];

/// Samples that are read of each series: a pair for a rate, and one more of sysUpTime.
const SAMPLES: usize = 3;

impl<'a> RateReader<'a> {
    /// A reader for one answer. Reading may touch files: use it where blocking is allowed.
    pub(crate) fn new(store: &'a SeriesStore, now: Timestamp) -> Self {
        Self {
            store,
            now,
            devices: HashMap::new(),
        }
    }

    /// What an interface of a device carries now.
    pub(crate) fn of(&mut self, device: &Device, interface: &Interface) -> Rates {
        let columns = self
            .devices
            .entry(device.id)
            .or_insert_with(|| DeviceColumns::of(self.store, device.id));
        let Some(octets) = columns.of_interface(interface.id) else {
            return Rates::default();
        };
        let carried = carried(self.store, device, columns.uptime, &[octets], self.now);
        Rates::new(carried.first().copied().unwrap_or_default(), interface)
    }
}

impl Rates {
    fn new([in_bps, out_bps]: Carried, interface: &Interface) -> Self {
        let share = |bps: Option<f64>| {
            let speed = interface.speed_bps.filter(|speed| *speed > 0)?;
            Some(bps? / speed as f64)
        };
        Self {
            in_bps,
            out_bps,
            in_utilization: share(in_bps),
            out_utilization: share(out_bps),
        }
    }

    /// The larger of both utilizations.
    pub(crate) fn utilization(&self) -> Option<f64> {
        match (self.in_utilization, self.out_utilization) {
            (Some(received), Some(sent)) => Some(received.max(sent)),
            (known, None) | (None, known) => known,
        }
    }
}

impl DeviceColumns {
    fn of(store: &SeriesStore, device: DeviceId) -> Self {
        let mut octets: BTreeMap<InterfaceId, Octets> = BTreeMap::new();
        let [received, sent] = [Metric::IF_HC_IN_OCTETS, Metric::IF_HC_OUT_OCTETS]
            .map(|metric| store.columns_named(device, metric));
        for (interface, column) in received {
            let of = interface.map(|id| octets.entry(id).or_default());
            if let Some([received, _]) = of {
                *received = Some(column);
            }
        }
        for (interface, column) in sent {
            let of = interface.map(|id| octets.entry(id).or_default());
            if let Some([_, sent]) = of {
                *sent = Some(column);
            }
        }
        let uptime = store.columns_named(device, Metric::SYS_UP_TIME);
        Self {
            uptime: uptime.first().map(|(_, column)| *column),
            octets: octets.into_iter().collect(),
        }
    }

    fn of_interface(&self, id: InterfaceId) -> Option<Octets> {
        let found = self.octets.binary_search_by_key(&id, |(id, _)| *id).ok();
        found.and_then(|place| self.octets.get(place).map(|(_, octets)| *octets))
    }
}

/// What some interfaces of a device carry, in their order; nothing where that cannot be read.
fn carried(
    store: &SeriesStore,
    device: &Device,
    uptime: Option<Column>,
    interfaces: &[Octets],
    now: Timestamp,
) -> Vec<Carried> {
    let gap_max = Duration::from_secs(device.interval_secs.into()) * GAP_POLLS;
    // A pair lies within a gap, and its later half within a gap of now.
    let since = now.minus(gap_max * 2);
    let counters = interfaces.iter().flatten().copied();
    let columns: Vec<Column> = [uptime].into_iter().chain(counters).flatten().collect();
    let Ok(points) = store.latest_together(device.id, &columns, SAMPLES, since) else {
        return Vec::new();
    };
    let mut points = points.into_iter();
    let mut next = |column: Option<Column>| column.and_then(|_| points.next()).unwrap_or_default();
    let mut breaks = resets(&next(uptime));
    breaks.extend(&device.replaced_at);
    let mut bps = |counter| {
        let octets = per_second(&next(counter), &breaks, gap_max, now);
        octets.map(|octets| octets * 8.0)
    };
    interfaces
        .iter()
        .map(|octets| octets.map(&mut bps))
        .collect()
}

/// What a counter grew by per second between its last two samples; none where they are no pair, or
/// are no longer "now". `breaks` is when the device restarted or was replaced.
fn per_second(
    points: &[(Timestamp, Value)],
    breaks: &[Timestamp],
    gap_max: Duration,
    now: Timestamp,
) -> Option<f64> {
    let [.., (earlier, before), (later, after)] = points else {
        return None;
    };
    let took = later.since(*earlier);
    let restarted = breaks.iter().any(|at| earlier < at && at <= later);
    if took.is_zero() || took > gap_max || now.since(*later) > gap_max || restarted {
        return None;
    }
    Some(increase(*before, *after)? / took.as_secs_f64())
}

/// An interface and whose it is.
pub(crate) type Owned = (Arc<DeviceRecord>, Arc<Interface>);

#[cfg(test)]
mod tests {
    use super::*;

    /// `samples` as `SECOND:VALUE`, `uptime` the same; polled each 10 s.
    fn check(samples: &str, uptime: &str, now: i64, wanted: Option<f64>) {
        let read = |text: &str| {
            text.split_whitespace()
                .map(|pair| {
                    let (at, value) = pair.split_once(':').unwrap();
                    let at = Timestamp::from_unix_ms(at.parse::<i64>().unwrap() * 1_000);
                    (at, Value::U64(value.parse().unwrap()))
                })
                .collect::<Vec<_>>()
        };
        let found = per_second(
            &read(samples),
            &resets(&read(uptime)),
            Duration::from_secs(30),
            Timestamp::from_unix_ms(now * 1_000),
        );
        assert_eq!(found, wanted, "{samples} | {uptime} | {now}");
    }

    #[test]
    fn rates_break_where_they_must() {
        check("0:100 10:300", "0:50 10:60", 12, Some(20.0));
        check("0:100 10:100", "0:50 10:60", 12, Some(0.0));
        check("10:300", "10:60", 12, None);
        check("0:300 10:100", "0:50 10:60", 12, None); // cleared or restarted
        check("0:4294967290 10:4", "0:50 10:60", 12, Some(1.0)); // wrapped at 32 bits
        check("0:100 10:300", "0:50 10:4", 12, None); // restarted between
        check("0:100 40:300", "0:50 40:90", 42, None); // gap
        check("0:100 30:400", "0:50 30:80", 31, Some(10.0)); // just no gap
        check("0:100 10:300", "0:50 10:60", 41, None); // long ago
        check(
            "0:18446744073709551614 10:18446744073709551615",
            "",
            10,
            Some(0.1),
        );
    }
}
