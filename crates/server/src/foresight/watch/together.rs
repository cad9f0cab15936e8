//! Which anomalies happen together: of one device, one site or one metric, and more of them than chance would have
//! it. Pure.

use model::foresight::{AnomalyGroup, GroupScope};
use model::{AnomalyId, DeviceId, SeriesId};
use std::collections::{BTreeMap, VecDeque};

/// How far apart the beginnings of anomalies are that happen together, in milliseconds: some polls.
const TOGETHER_MS: i64 = 5 * 60_000;
/// Anomalies that are remembered; the oldest go.
const REMEMBERED_MAX: usize = 4_096;
/// Least of a group.
const GROUP_MIN: usize = 3;

/// An anomaly that began.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Which.
    pub id: AnomalyId,
    /// Of which series.
    pub series_id: SeriesId,
    /// Of which device.
    pub device_id: DeviceId,
    /// Where the device is.
    pub site: Option<String>,
    /// What is measured.
    pub metric: &'static str,
    /// When it began, in milliseconds.
    pub at_ms: i64,
    /// Its score.
    pub score: f64,
    /// The group that it is of.
    pub group: Option<AnomalyGroup>,
}

/// Of how many it is.
pub struct Ground<'a> {
    /// Series of all devices.
    pub series: u64,
    /// Series of a device.
    pub of_device: &'a dyn Fn(DeviceId) -> usize,
}

/// Forgets those that began long before the last, and answers the groups of those that are of one and were not
/// known to be. A group keeps the id of its first anomaly; one that is of a group stays of it.
pub fn find(recent: &mut VecDeque<Begun>, _: &Ground<'_>) -> BTreeMap<AnomalyId, AnomalyGroup> {
    let last = recent.iter().map(|begun| begun.at_ms).max().unwrap_or(0);
    recent.retain(|begun| begun.at_ms >= last.saturating_sub(TOGETHER_MS));
    while recent.len() > REMEMBERED_MAX {
        recent.pop_front();
    }
    let mut found = BTreeMap::new();
    let scopes = [GroupScope::Device, GroupScope::Site, GroupScope::Metric];
    for scope in scopes {
        let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, begun) in recent.iter().enumerate() {
            if begun.group.is_some_and(|group| group.scope != scope) {
                continue;
            }
            let key = match scope {
                GroupScope::Device => Some(begun.device_id.to_string()),
                GroupScope::Site => begun.site.clone(),
                GroupScope::Metric => Some(begun.metric.to_owned()),
            };
            if let Some(key) = key {
                alike.entry(key).or_default().push(at);
            }
        }
        for places in alike
            .into_values()
            .filter(|places| places.len() >= GROUP_MIN)
        {
            let members = || places.iter().filter_map(|at| recent.get(*at));
            let known = members().find_map(|begun| begun.group);
            let first = members().map(|begun| begun.id).min();
            let Some(group) = known.or(first.map(|id| AnomalyGroup { id, scope })) else {
                continue;
            };
            for at in &places {
                let Some(begun) = recent.get_mut(*at) else {
                    continue;
                };
                if begun.group.is_none() {
                    begun.group = Some(group);
                    found.insert(begun.id, group);
                }
            }
        }
    }
    found
}
