//! What the links of a group carried, hour by hour, of the counters of whichever end has them.

use super::{Found, Ground};
use crate::foresight::input::{self, Grain, Input};
use model::interface::Interface;
use model::link::LinkStatus;
use model::series::Series;
use model::{DeviceId, InterfaceId, Metric, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::series::{Aggregation, SeriesError};

/// How far back is looked: eight weeks, in which what goes over a group is learned. A link that was there in
/// other times carried what another carries now.
const BACK: Duration = Duration::from_hours(24 * 56);
/// An hour.
const HOUR: Duration = Duration::from_hours(1);
/// A week, in hours.
pub(super) const WEEK: usize = 168;
/// A day, in hours.
pub(super) const DAY: usize = 24;

/// What the links of a group carried in one direction.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    /// When the first hour begins.
    pub(super) from: Timestamp,
    /// Of each link of the group, in order.
    pub(super) links: Vec<LinkCarried>,
}

/// What a link carried in one direction.
#[derive(Clone, Debug)]
pub(super) struct LinkCarried {
    /// bit/s hour by hour; NaN where it is not known.
    pub(super) bps: Vec<f64>,
    /// Whether it is down now.
    pub(super) is_down: bool,
    /// Hours that the end that sends did not count, and the other did.
    pub(super) of_other: usize,
    /// What people call it.
    pub(super) label: String,
}

impl LinkCarried {
    /// The last hours.
    pub(super) fn last(&self, hours: usize) -> &[f64] {
        let from = self.bps.len().saturating_sub(hours);
        self.bps.get(from..).unwrap_or_default()
    }

    fn first(&self) -> Option<usize> {
        self.bps.iter().position(|value| value.is_finite())
    }
}

impl Carried {
    /// What all carried together, from the first hour on of which that is known; else why it is not, in one
    /// sentence. What a link carried before it was first measured, and once it is down, is nothing.
    pub(super) fn sum(&self) -> Result<Input, String> {
        let unknown = self
            .links
            .iter()
            .find(|link| !link.is_down && link.first().is_none());
        if let Some(link) = unknown {
            return Err(format!(
                "what {} carries is measured at neither end",
                link.label
            ));
        }
        let first = self.links.iter().filter_map(LinkCarried::first).min();
        let Some(first) = first else {
            return Err("no link of the group is up".to_owned());
        };
        let hours = self.links.iter().map(|link| link.bps.len()).max();
        let sum = (first..hours.unwrap_or(0)).map(|hour| {
            let of_link = |link: &LinkCarried| {
                let bps = link.bps.get(hour).copied().unwrap_or(f64::NAN);
                let absent = link.is_down || link.first().is_none_or(|first| hour < first);
                if bps.is_nan() && absent { 0.0 } else { bps }
            };
            self.links.iter().map(of_link).sum()
        });
        let step = u32::try_from(first).unwrap_or(u32::MAX);
        Ok(Input {
            from: self.from.plus(HOUR * step),
            step: HOUR,
            values: sum.collect(),
        })
    }

    /// The last week of a sum, and when it begins.
    pub(super) fn last_week(sum: &Input) -> (Timestamp, Vec<f64>) {
        let from = sum.values.len().saturating_sub(WEEK);
        let steps = u32::try_from(from).unwrap_or(u32::MAX);
        let values = sum.values.get(from..).unwrap_or_default();
        (sum.from.plus(HOUR * steps), values.to_vec())
    }
}

/// What the ways of a group carried: from `a`, and back where that is split over the same. Blocks: it reads files.
pub(super) fn carried(
    ground: &Ground,
    found: &Found,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Vec<Carried>, SeriesError> {
    let to = input::begin_of(now, HOUR);
    let range = (to.minus(BACK), to);
    let ends = found.ways.iter().filter_map(|way| way.to.as_ref());
    let devices: BTreeSet<DeviceId> = ends.map(|(id, _)| *id).chain([found.a]).collect();
    let counters: BTreeMap<DeviceId, Counters> = devices
        .into_iter()
        .map(|device| (device, Counters::of(ground, device)))
        .collect();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for (place, way) in found.ways.iter().enumerate() {
        let of = |port: &Option<Arc<Interface>>| {
            let port = port.as_ref()?;
            Some((counters.get(&port.device_id)?, port.id))
        };
        let [near, far] = &way.ports;
        let (near, far) = (of(near), of(far));
        let directions = [(near, far, &mut there), (far, near, &mut back)];
        let looked = if found.is_both { 2 } else { 1 };
        for (sender, receiver, all) in directions.into_iter().take(looked) {
            let sent = sender.and_then(|(counters, id)| counters.sent.get(&id));
            let received = receiver.and_then(|(counters, id)| counters.received.get(&id));
            let (bps, of_other) = both(ground, (sent, received), range, until)?;
            all.push(LinkCarried {
                bps,
                is_down: way.status == LinkStatus::Down,
                of_other,
                label: found.label(place),
            });
        }
    }
    let mut carried = vec![Carried {
        from: range.0,
        links: there,
    }];
    if found.is_both {
        carried.push(Carried {
            from: range.0,
            links: back,
        });
    }
    Ok(carried)
}

/// Series of octets of a device's interfaces.
struct Counters {
    received: BTreeMap<InterfaceId, Series>,
    sent: BTreeMap<InterfaceId, Series>,
}

impl Counters {
    fn of(ground: &Ground, device_id: DeviceId) -> Self {
        let of = |metric: Metric| {
            let series = ground.series.series_named(device_id, metric);
            let named = series
                .into_iter()
                .filter_map(|one| Some((one.key.labels.interface_id()?, one)));
            named.collect()
        };
        Self {
            received: of(Metric::IF_HC_IN_OCTETS),
            sent: of(Metric::IF_HC_OUT_OCTETS),
        }
    }
}

/// bit/s of each hour: what one end sent, and where it did not count what the other received; and how many hours
/// are of the latter.
fn both(
    ground: &Ground,
    (sent, received): (Option<&Series>, Option<&Series>),
    range: (Timestamp, Timestamp),
    until: Option<Instant>,
) -> Result<(Vec<f64>, usize), SeriesError> {
    let hours = range.1.since(range.0).as_secs() / HOUR.as_secs();
    let mut bps = vec![f64::NAN; usize::try_from(hours).unwrap_or(0)];
    let mut of_other = 0;
    for (series, is_other) in [(sent, false), (received, true)] {
        let Some(series) = series else { continue };
        if is_other && bps.iter().all(|value| value.is_finite()) {
            continue;
        }
        let read = input::range(
            ground,
            series,
            Grain::Hours.step(),
            Aggregation::Rate,
            range,
            until,
        )?;
        let first = read.from.since(range.0).as_secs() / HOUR.as_secs();
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        for (kept, octets) in bps.iter_mut().skip(first).zip(&read.values) {
            if kept.is_nan() && octets.is_finite() {
                *kept = octets * 8.0;
                of_other += usize::from(is_other);
            }
        }
    }
    Ok((bps, of_other))
}
