//! Which series are worth full model selection each day, the most important first.

use super::Ground;
use super::make::warning;
use model::forecast::{ForecastHead, ForecastWhy};
use model::interface::{IfStatus, Interface};
use model::series::Series;
use model::{DeviceId, InterfaceId, Metric, SeriesId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Metrics that have a limit, or are worth knowing before; those of interfaces besides.
const METRICS: [Metric; 6] = [
    Metric::PROCESSOR_UTILIZATION,
    Metric::MEMORY_USED,
    Metric::STORAGE_USED,
    Metric::SENSOR_TEMPERATURE,
    Metric::WIRELESS_CLIENTS,
    Metric::WIRELESS_UTILIZATION,
];
/// What interfaces carry.
const CARRIED: [Metric; 2] = [Metric::IF_HC_IN_OCTETS, Metric::IF_HC_OUT_OCTETS];
/// What reaches a threshold within so long is near its limit.
const NEAR: Duration = Duration::from_hours(24 * 60);

/// Series that matter, and how many were left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matter {
    /// The most important first, and why.
    pub series: Vec<(SeriesId, ForecastWhy)>,
    /// Those beyond the most that are forecast.
    pub left_out: usize,
}

/// The series that matter, at most so many. It looks at all devices and blocks for as long as that takes: some
/// seconds for ten thousand.
pub fn matter(ground: &Ground, now: Timestamp, max: usize) -> Matter {
    let forecasts = &ground.store.forecasts;
    let mut why: BTreeMap<SeriesId, ForecastWhy> = BTreeMap::new();
    let mut note = |id: SeriesId, because: ForecastWhy| {
        let known = why.entry(id).or_insert(because);
        *known = (*known).min(because);
    };
    let linked: BTreeSet<InterfaceId> = ground
        .store
        .inventory
        .links()
        .iter()
        .flat_map(|link| [link.a.interface_id, link.b.interface_id])
        .flatten()
        .collect();
    for record in ground.store.inventory.devices() {
        let device_id = record.device.body.id;
        for series in METRICS
            .iter()
            .flat_map(|metric| named(ground, device_id, *metric))
        {
            note(series.id, ForecastWhy::Metric);
        }
        for series in CARRIED
            .iter()
            .flat_map(|metric| named(ground, device_id, *metric))
        {
            let id = series.key.labels.interface_id();
            let interface = record.interfaces.iter().find(|one| Some(one.id) == id);
            match interface {
                Some(one) if linked.contains(&one.id) => note(series.id, ForecastWhy::Link),
                Some(one) if is_used(one) => note(series.id, ForecastWhy::Metric),
                _ => {}
            }
        }
        for series in named(ground, device_id, Metric::FLOW_OCTET_RATE) {
            let id = series.key.labels.interface_id();
            let interface = record.interfaces.iter().find(|one| Some(one.id) == id);
            if interface.is_some_and(|one| linked.contains(&one.id) || is_used(one)) {
                note(series.id, ForecastWhy::Application);
            }
        }
    }
    for head in forecasts.heads() {
        if is_near(&head) {
            note(head.series_id, ForecastWhy::NearLimit);
        }
    }
    for id in forecasts.asked(now) {
        note(id, ForecastWhy::Asked);
    }
    for chosen in forecasts.chosen() {
        note(chosen.series_id, ForecastWhy::Chosen);
    }
    why.retain(|id, _| ground.series.series(*id).is_some());
    let mut series: Vec<_> = why.into_iter().collect();
    series.sort_by_key(|(id, why)| (*why, *id));
    let left_out = series.len().saturating_sub(max);
    series.truncate(max);
    Matter { series, left_out }
}

fn named(ground: &Ground, device_id: DeviceId, metric: Metric) -> Vec<Series> {
    ground.series.series_named(device_id, metric)
}

fn is_used(interface: &Interface) -> bool {
    interface.present
        && interface.oper_status == Some(IfStatus::Up)
        && interface.speed_bps.is_some_and(|bps| bps > 0)
}

fn is_near(head: &ForecastHead) -> bool {
    let outlooks = head.capacity.iter().flat_map(|capacity| &capacity.outlooks);
    warning(head, NEAR).is_some() || outlooks.into_iter().any(|one| one.used >= one.threshold)
}
