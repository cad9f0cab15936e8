//! Which anomalies happen together: of one device, one site or one metric, and more of them than chance would have
//! it ([`analytics::anomaly::group`]). Pure.

use analytics::anomaly::group::{self, Key};
use model::foresight::{AnomalyGroup, GroupScope};
use model::{AnomalyId, DeviceId, Metric, SeriesId};
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
    /// In which series.
    pub series_id: SeriesId,
    /// Of which device.
    pub device_id: DeviceId,
    /// Where the device is.
    pub site: Option<String>,
    /// What is measured.
    pub metric: Metric,
    /// When it began, in milliseconds.
    pub at_ms: i64,
    /// How far out of the ordinary it is, 0 to 1.
    pub score: f64,
    /// The group that it is of.
    pub group: Option<AnomalyGroup>,
}

/// Of how many it is.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Series of all devices.
    pub series: u64,
    /// Series of a device.
    pub of_device: &'a dyn Fn(DeviceId) -> usize,
    /// Series of all devices of a site.
    pub of_site: &'a dyn Fn(&str) -> usize,
    /// Series of a metric.
    pub of_metric: &'a dyn Fn(Metric) -> usize,
}

/// Forgets those that began long before the last, and answers the groups of those that are of one and were not
/// known to be: [`GROUP_MIN`] and more that have a device, a site or a metric in common beyond chance. A group keeps
/// the id of its first anomaly; one that is of a group stays of it. O(n log n) of those that are remembered, times
/// the groups.
pub fn find(recent: &mut VecDeque<Begun>, ground: Ground<'_>) -> BTreeMap<AnomalyId, AnomalyGroup> {
    let last = recent.iter().map(|begun| begun.at_ms).max().unwrap_or(0);
    recent.retain(|begun| begun.at_ms >= last.saturating_sub(TOGETHER_MS));
    while recent.len() > REMEMBERED_MAX {
        recent.pop_front();
    }
    let mut numbers = Numbers::default();
    let mut sizes = BTreeMap::new();
    let mut anomalies = Vec::with_capacity(recent.len());
    for begun in recent.iter() {
        let anomaly = numbers.anomaly(begun);
        let mut size = |key: Key, of: &dyn Fn() -> usize| {
            sizes.entry(key).or_insert_with(|| of() as u64);
        };
        size(Key::Device(anomaly.device), &|| {
            (ground.of_device)(begun.device_id)
        });
        size(Key::Metric(anomaly.metric), &|| {
            (ground.of_metric)(begun.metric)
        });
        if let (Some(number), Some(site)) = (anomaly.site, &begun.site) {
            size(Key::Site(number), &|| (ground.of_site)(site));
        }
        anomalies.push(anomaly);
    }
    let mut found = BTreeMap::new();
    for group in group::groups(&anomalies, &sizes, ground.series) {
        let places = anomalies.iter().enumerate();
        let places =
            places.filter(|(_, anomaly)| group.series.binary_search(&anomaly.series).is_ok());
        let places: Vec<usize> = places.map(|(at, _)| at).collect();
        if group.series.len() >= GROUP_MIN {
            let scope = match group.key {
                Key::Device(_) => GroupScope::Device,
                Key::Site(_) => GroupScope::Site,
                Key::Metric(_) => GroupScope::Metric,
            };
            put(recent, &places, scope, &mut found);
        }
    }
    found
}

/// Numbers that stand for ids and names among those that are remembered.
#[derive(Default)]
struct Numbers {
    series: BTreeMap<SeriesId, u64>,
    devices: BTreeMap<DeviceId, u64>,
    sites: BTreeMap<String, u64>,
    metrics: BTreeMap<&'static str, u64>,
}

impl Numbers {
    fn anomaly(&mut self, begun: &Begun) -> group::Anomaly {
        fn number<K: Ord>(of: &mut BTreeMap<K, u64>, key: K) -> u64 {
            let next = of.len() as u64;
            *of.entry(key).or_insert(next)
        }
        group::Anomaly {
            series: number(&mut self.series, begun.series_id),
            device: number(&mut self.devices, begun.device_id),
            site: begun.site.clone().map(|site| number(&mut self.sites, site)),
            metric: number(&mut self.metrics, begun.metric.name()),
            start: begun.at_ms.div_euclid(1_000),
            score: begun.score,
        }
    }
}

fn put(
    recent: &mut VecDeque<Begun>,
    places: &[usize],
    scope: GroupScope,
    found: &mut BTreeMap<AnomalyId, AnomalyGroup>,
) {
    let members = || places.iter().filter_map(|at| recent.get(*at));
    let mut groups = members().filter_map(|begun| begun.group);
    let known = groups.find(|group| group.scope == scope);
    let free = members().filter(|begun| begun.group.is_none());
    let first = free.map(|begun| begun.id).min();
    let Some(group) = known.or(first.map(|id| AnomalyGroup { id, scope })) else {
        return;
    };
    for at in places {
        if let Some(begun) = recent.get_mut(*at).filter(|begun| begun.group.is_none()) {
            begun.group = Some(group);
            found.insert(begun.id, group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn begun(device_id: DeviceId, site: &str, at_ms: i64) -> Begun {
        let series_id = SeriesId::new();
        Begun {
            id: AnomalyId::of_series(series_id, Timestamp::from_unix_ms(at_ms)),
            series_id,
            device_id,
            site: Some(site.to_owned()),
            metric: Metric::IF_HC_IN_OCTETS,
            at_ms,
            score: 0.7,
            group: None,
        }
    }

    fn ground<'a>() -> Ground<'a> {
        Ground {
            series: 100_000,
            of_device: &|_| 100,
            of_site: &|_| 1_000,
            of_metric: &|_| 40_000,
        }
    }

    #[test]
    fn many_of_one_device_are_a_group_and_others_are_not() {
        let (here, there) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let all = (0..4)
            .map(|at| begun(here, "lyon", at))
            .chain([begun(there, "oslo", 5)]);
        let mut recent: VecDeque<Begun> = all.collect();
        let found = find(&mut recent, ground());
        assert_eq!(found.len(), 4);
        let first = recent[0].id;
        assert!(
            found
                .values()
                .all(|group| group.id == first && group.scope == GroupScope::Device)
        );
        // One that comes later is of it, one much later is not.
        recent.push_back(begun(here, "lyon", 60_000));
        assert_eq!(find(&mut recent, ground()).len(), 1);
        recent.push_back(begun(here, "lyon", 10_000_000));
        assert!(find(&mut recent, ground()).is_empty());
        assert_eq!(recent.len(), 1);
    }

    #[test]
    fn what_reaches_many_devices_of_a_site_is_of_the_site() {
        let device = |number| DeviceId::from_bytes([number; 16]);
        let mut recent: VecDeque<Begun> = (1..9).map(|at| begun(device(at), "lyon", 0)).collect();
        let found = find(&mut recent, ground());
        assert_eq!(found.len(), 8);
        assert!(found.values().all(|group| group.scope == GroupScope::Site));
    }

    #[test]
    fn what_chance_would_have_is_no_group() {
        let devices = (1..=200_u8).map(|number| DeviceId::from_bytes([number; 16]));
        let each = devices.flat_map(|id| (0..3).map(move |at| begun(id, "lyon", at)));
        let mut recent: VecDeque<Begun> = each.collect();
        let everywhere = Ground {
            series: 20_000,
            of_device: &|_| 100,
            of_site: &|_| 20_000,
            of_metric: &|_| 20_000,
        };
        assert!(find(&mut recent, everywhere).is_empty());
        let mut none = VecDeque::new();
        assert!(find(&mut none, ground()).is_empty());
    }

    #[test]
    fn what_reaches_one_metric_everywhere_is_of_the_metric() {
        let devices = (1..=9_u8).map(|number| DeviceId::from_bytes([number; 16]));
        let sites = ["lyon", "oslo", "rome"];
        let each = devices.zip(sites.iter().cycle());
        let mut recent: VecDeque<Begun> = each.map(|(id, site)| begun(id, site, 0)).collect();
        let few = Ground {
            of_metric: &|_| 50,
            ..ground()
        };
        let found = find(&mut recent, few);
        assert_eq!(found.len(), 9);
        assert!(
            found
                .values()
                .all(|group| group.scope == GroupScope::Metric)
        );
    }
}
