//! Which anomalies happen together, more than chance would have it: those of a device, of a site, of a metric.
//!
//! Of a group of n series k are out of the ordinary, where elsewhere one in so many is; how rare that is, is
//! bounded by Hoeffding ("Probability Inequalities for Sums of Bounded Random Variables", 1963): at most
//! exp(-n · D), D the relative entropy of k/n to the share elsewhere. It is corrected for the groups that were
//! looked at (Bonferroni).

use std::collections::BTreeMap;

/// Groups that are told at most: an operator reads no more at once.
pub const GROUPS_MAX: usize = 32;
/// Anomalies that a group has at least.
const MEMBERS_MIN: usize = 2;
/// Rareness, in decimal digits and after correction, from which anomalies belong together: one in a thousand.
const TOGETHER: f64 = 3.0;

/// What anomalies may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// All of one device.
    Device(u64),
    /// All of one site.
    Site(u64),
    /// All of one metric.
    Metric(u64),
}

/// An anomaly of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anomaly {
    /// The series.
    pub series: u64,
    /// Its device.
    pub device: u64,
    /// The site of the device, where it has one.
    pub site: Option<u64>,
    /// Its metric.
    pub metric: u64,
    /// When it began, Unix time in seconds.
    pub start: i64,
    /// Its score, 0 to 1.
    pub score: f64,
}

/// Anomalies that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they have in common.
    pub key: Key,
    /// The series, ascending.
    pub series: Vec<u64>,
    /// Series that the group has in all.
    pub of: u64,
    /// When the first began, Unix time in seconds.
    pub start: i64,
    /// The greatest score.
    pub score: f64,
    /// How rare it is by chance, in decimal digits after correction: 3 is one in a thousand. At most that rare.
    pub rareness: f64,
}

/// The groups among anomalies of about one time, the rarest first; each anomaly is in one at most. `sizes` says how
/// many series each device, site and metric has, `all` how many there are; a key without a size has as many as
/// anomalies. A series counts once. O(a log a) for a anomalies, times the groups found, at most [`GROUPS_MAX`].
pub fn groups(anomalies: &[Anomaly], sizes: &BTreeMap<Key, u64>, all: u64) -> Vec<Group> {
    let mut left: BTreeMap<u64, Anomaly> = BTreeMap::new();
    for anomaly in anomalies {
        let known = left.entry(anomaly.series).or_insert(*anomaly);
        if anomaly.score > known.score {
            known.score = anomaly.score;
        }
        known.start = known.start.min(anomaly.start);
    }
    let mut found = Vec::new();
    while found.len() < GROUPS_MAX {
        let Some(group) = rarest(&left, sizes, all) else {
            break;
        };
        for series in &group.series {
            left.remove(series);
        }
        found.push(group);
    }
    found
}

fn rarest(left: &BTreeMap<u64, Anomaly>, sizes: &BTreeMap<Key, u64>, all: u64) -> Option<Group> {
    let mut members: BTreeMap<Key, Vec<&Anomaly>> = BTreeMap::new();
    for anomaly in left.values() {
        let site = anomaly.site.map(Key::Site);
        for key in [Key::Device(anomaly.device), Key::Metric(anomaly.metric)]
            .into_iter()
            .chain(site)
        {
            members.entry(key).or_default().push(anomaly);
        }
    }
    let looked_at = (sizes.len().max(members.len()).max(1) as f64).log10();
    let mut best: Option<Group> = None;
    for (key, of_key) in &members {
        if of_key.len() < MEMBERS_MIN {
            continue;
        }
        let here = of_key.len() as u64;
        let of = sizes.get(key).copied().unwrap_or(here).max(here);
        let elsewhere = (left.len() as u64 - here, all.max(of) - of);
        let rareness = rareness(here, of, elsewhere) - looked_at;
        if rareness < TOGETHER || best.as_ref().is_some_and(|best| best.rareness >= rareness) {
            continue;
        }
        best = Some(Group {
            key: *key,
            series: of_key.iter().map(|anomaly| anomaly.series).collect(),
            of,
            start: of_key.iter().map(|anomaly| anomaly.start).min()?,
            score: of_key
                .iter()
                .map(|anomaly| anomaly.score)
                .fold(0.0, f64::max),
            rareness,
        });
    }
    best
}

/// Decimal digits of how rare it is that so many of so many are out of the ordinary, where of others so many of so
/// many are.
fn rareness(here: u64, of: u64, (others, of_others): (u64, u64)) -> f64 {
    let part = here as f64 / of as f64;
    let usual = ((others as f64 + 1.0) / (of_others as f64 + 2.0)).clamp(1e-9, 1.0 - 1e-9);
    if part <= usual {
        return 0.0;
    }
    let rest = if part < 1.0 {
        (1.0 - part) * ((1.0 - part) / (1.0 - usual)).ln()
    } else {
        0.0
    };
    of as f64 * (part * (part / usual).ln() + rest) / std::f64::consts::LN_10
}
