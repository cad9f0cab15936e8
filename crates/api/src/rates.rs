//! How fast an interface is carrying traffic now: from its last two counter samples, with the
//! breaks of rates. History is `samples`' affair.

use model::device::Device;
use model::interface::Interface;
use model::series::Series;
use model::{DeviceId, InterfaceId, Metric, SeriesId, Timestamp, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::inventory::DeviceRecord;
use store::series::{SeriesStore, resets};

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

/// Reads the rates of devices' interfaces. Keeps each device's series for the time of one answer.
pub(crate) struct RateReader<'a> {
    store: &'a SeriesStore,
    now: Timestamp,
    devices: HashMap<DeviceId, DeviceSeries>,
}

/// The series of one device that rates need.
#[derive(Default)]
struct DeviceSeries {
    uptime: Option<SeriesId>,
    octets: HashMap<InterfaceId, Octets>,
}

#[derive(Default, Clone, Copy)]
struct Octets {
    received: Option<SeriesId>,
    sent: Option<SeriesId>,
}

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
        let series = self
            .devices
            .entry(device.id)
            .or_insert_with(|| DeviceSeries::of(&self.store.series_of(device.id)));
        let octets = series
            .octets
            .get(&interface.id)
            .copied()
            .unwrap_or_default();
        let gap_max = Duration::from_secs(device.interval_secs.into()) * GAP_POLLS;
        let read = |id: Option<SeriesId>, n| {
            id.and_then(|id| self.store.latest(id, n).ok())
                .unwrap_or_default()
        };
        let mut breaks = resets(&read(series.uptime, 3));
        breaks.extend(&device.replaced_at);
        let bps = |id| {
            let points = read(id, 2);
            let octets = per_second(&points, &breaks, gap_max, self.now);
            octets.map(|octets| octets * 8.0)
        };
        let (in_bps, out_bps) = (bps(octets.received), bps(octets.sent));
        let share = |bps: Option<f64>| {
            let speed = interface.speed_bps.filter(|speed| *speed > 0)?;
            Some(bps? / speed as f64)
        };
        Rates {
            in_bps,
            out_bps,
            in_utilization: share(in_bps),
            out_utilization: share(out_bps),
        }
    }
}

impl DeviceSeries {
    fn of(all: &[Series]) -> Self {
        let mut found = Self::default();
        for series in all {
            let key = &series.key;
            if key.metric == Metric::SYS_UP_TIME {
                found.uptime = Some(series.id);
            }
            let Some(interface) = key.labels.interface_id() else {
                continue;
            };
            if key.metric == Metric::IF_HC_IN_OCTETS {
                found.octets.entry(interface).or_default().received = Some(series.id);
            } else if key.metric == Metric::IF_HC_OUT_OCTETS {
                found.octets.entry(interface).or_default().sent = Some(series.id);
            }
        }
        found
    }
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
    let grown = match (before, after) {
        (Value::U64(before), Value::U64(after)) => after.checked_sub(*before)? as f64,
        _ => Some(after.as_f64() - before.as_f64()).filter(|by| *by >= 0.0)?,
    };
    Some(grown / took.as_secs_f64())
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
        check("0:300 10:100", "0:50 10:60", 12, None); // wrapped or restarted
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
