//! Which anomalies happen together: of one device or one site, and more of them than chance would have it. Pure.

use model::foresight::{AnomalyGroup, GroupScope};
use model::{AnomalyId, DeviceId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far apart the beginnings of anomalies are that happen together, in milliseconds: some polls.
const TOGETHER_MS: i64 = 5 * 60_000;
/// Anomalies that are remembered; the oldest go.
const REMEMBERED_MAX: usize = 4_096;
/// Least of a group.
const GROUP_MIN: usize = 3;
/// How seldom chance may make a group, by each look at one device or site.
const CHANCE_MAX: f64 = 1e-4;

/// An anomaly that began.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Which.
    pub id: AnomalyId,
    /// Of which device.
    pub device_id: DeviceId,
    /// Where the device is.
    pub site: Option<String>,
    /// When it began, in milliseconds.
    pub at_ms: i64,
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
}

/// Forgets those that began long before the last, and answers the groups of those that are of one and were not
/// known to be: at least [`GROUP_MIN`] of one device, or of several devices of one site, and so many that, were they
/// spread over the series as those elsewhere are, chance would have them once in ten thousand looks (the tail of a
/// Poisson distribution; Kulldorff, A spatial scan statistic, 1997, without its scan). A group keeps the id of its
/// first anomaly; one that is of a group stays of it. O(n log n) of those that are remembered.
pub fn find(recent: &mut VecDeque<Begun>, ground: Ground<'_>) -> BTreeMap<AnomalyId, AnomalyGroup> {
    let last = recent.iter().map(|begun| begun.at_ms).max().unwrap_or(0);
    recent.retain(|begun| begun.at_ms >= last.saturating_sub(TOGETHER_MS));
    while recent.len() > REMEMBERED_MAX {
        recent.pop_front();
    }
    let mut found = BTreeMap::new();
    let mut by_device: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
    let mut by_site: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, begun) in recent.iter().enumerate() {
        by_device.entry(begun.device_id).or_default().push(at);
        if let Some(site) = &begun.site {
            by_site.entry(site.clone()).or_default().push(at);
        }
    }
    // A site before its devices: what reaches several of them is not of one.
    for (site, places) in by_site {
        let members = places.iter().filter_map(|at| recent.get(*at));
        let devices: BTreeSet<DeviceId> = members.map(|begun| begun.device_id).collect();
        let series = (ground.of_site)(&site);
        if devices.len() >= GROUP_MIN && is_more_than_chance(recent.len(), &places, series, ground)
        {
            put(recent, &places, GroupScope::Site, &mut found);
        }
    }
    for (device, places) in by_device {
        let series = (ground.of_device)(device);
        if is_more_than_chance(recent.len(), &places, series, ground) {
            put(recent, &places, GroupScope::Device, &mut found);
        }
    }
    found
}

fn is_more_than_chance(all: usize, places: &[usize], series: usize, ground: Ground<'_>) -> bool {
    let elsewhere = ground.series.saturating_sub(series as u64);
    if places.len() < GROUP_MIN || series == 0 {
        return false;
    }
    // One more elsewhere than there was: nothing is never to be expected.
    let outside = all.saturating_sub(places.len()) + 1;
    let share = outside as f64 / (elsewhere as f64 + 1.0);
    poisson_tail(share.min(1.0) * series as f64, places.len()) < CHANCE_MAX
        // Alone, a device has nothing to be held against: then so many of its own series do.
        || elsewhere == 0 && places.len() * 10 >= series
}

/// How likely a Poisson variable of that mean is `count` or more.
fn poisson_tail(mean: f64, count: usize) -> f64 {
    let mut term = (-mean).exp();
    let mut below = 0.0;
    for at in 0..count {
        below += term;
        term *= mean / (at as f64 + 1.0);
    }
    (1.0 - below).max(0.0)
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
    use model::{SeriesId, Timestamp};

    fn begun(device_id: DeviceId, site: &str, at_ms: i64) -> Begun {
        Begun {
            id: AnomalyId::of_series(SeriesId::new(), Timestamp::from_unix_ms(at_ms)),
            device_id,
            site: Some(site.to_owned()),
            at_ms,
            group: None,
        }
    }

    fn ground<'a>() -> Ground<'a> {
        Ground {
            series: 100_000,
            of_device: &|_| 100,
            of_site: &|_| 1_000,
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
        };
        assert!(find(&mut recent, everywhere).is_empty());
        let mut none = VecDeque::new();
        assert!(find(&mut none, ground()).is_empty());
        assert!((poisson_tail(1.0, 1) - 0.632_12).abs() < 1e-4);
        assert!(poisson_tail(0.0, 3) < 1e-12);
    }
}
