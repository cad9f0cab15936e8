//! Which applications of an interface have a series each, one way: the largest over about a day, so that a scan of
//! all ports has none and one that is gone for an hour keeps its own. Pure.

use model::flow::Application;
use std::collections::{BTreeMap, BTreeSet};

/// An application among so many largest becomes a series.
pub(super) const JOINS_RANK: usize = 8;
/// One that is a series stays so while it is among so many.
pub(super) const STAYS_RANK: usize = 12;
/// The share of the interface's octets from which on one becomes a series.
const JOINS_SHARE: f64 = 0.01;
/// The share below which one is a series no longer.
const STAYS_SHARE: f64 = 0.001;
/// After so long a minute weighs half: what is largest is so over about a day.
const HALF_LIFE_MINUTES: f64 = 720.0;
/// How often it is chosen anew, and how long an interface is watched before it is for the first time.
const LOOK_MINUTES: i64 = 10;
/// How long one that was a series before the server started stays so, whatever is known of it.
const KEPT_MINUTES: i64 = 1_440;
/// Applications of an interface that are weighed: twice the rows of a top.
const CANDIDATES_MAX: usize = 64;

/// The applications of one interface, one way. Some 3 KiB.
// Invariant: at most CANDIDATES_MAX are weighed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chosen {
    /// Octets of each, an older minute weighing less.
    weights: BTreeMap<Application, f64>,
    /// Those of all.
    total: f64,
    /// The last minute that was taken in.
    minute: Option<i64>,
    /// When it was chosen last, or the first minute.
    looked: Option<i64>,
    /// Those that are series.
    active: BTreeSet<Application>,
    /// Those that were before the server started, which stay until then.
    kept: BTreeMap<Application, i64>,
}

impl Chosen {
    /// That of an interface of which these are series already, at a minute.
    pub(super) fn going_on(applications: impl Iterator<Item = Application>, minute: i64) -> Self {
        let active: BTreeSet<_> = applications.collect();
        let until = minute.saturating_add(KEPT_MINUTES);
        Self {
            kept: active.iter().map(|one| (*one, until)).collect(),
            active,
            ..Self::default()
        }
    }

    /// Takes in a minute: all octets, and those of its largest applications. O(n log n).
    pub(super) fn take(&mut self, minute: i64, total: u64, rows: &BTreeMap<Application, u64>) {
        let passed = minute.saturating_sub(self.minute.unwrap_or(minute)).max(0);
        self.minute = Some(self.minute.map_or(minute, |last| last.max(minute)));
        let leaves = 0.5_f64.powf(passed as f64 / HALF_LIFE_MINUTES);
        self.total = self.total * leaves + total as f64;
        for weight in self.weights.values_mut() {
            *weight *= leaves;
        }
        for (application, octets) in rows {
            *self.weights.entry(*application).or_default() += *octets as f64;
        }
        if self.weights.len() > CANDIDATES_MAX {
            let ranked = self.ranked();
            let lightest = ranked.into_iter().skip(CANDIDATES_MAX);
            for (application, _) in lightest.collect::<Vec<_>>() {
                self.weights.remove(&application);
            }
        }
    }

    /// Those that are to be series at a minute. Every ten minutes it is chosen anew, and before it was for the first
    /// time there are none but those of before. O(n log n).
    pub(super) fn at(&mut self, minute: i64) -> &BTreeSet<Application> {
        let looked = *self.looked.get_or_insert(minute);
        if minute.saturating_sub(looked).saturating_add(1) >= LOOK_MINUTES {
            self.looked = Some(minute.saturating_add(1));
            self.choose(minute);
        }
        &self.active
    }

    fn choose(&mut self, minute: i64) {
        self.kept.retain(|_, until| minute < *until);
        let mut active: BTreeSet<Application> = self.kept.keys().copied().collect();
        for (rank, (application, weight)) in self.ranked().into_iter().enumerate() {
            let is_there = self.active.contains(&application);
            let (rank_max, share) = if is_there {
                (STAYS_RANK, STAYS_SHARE)
            } else {
                (JOINS_RANK, JOINS_SHARE)
            };
            if rank < rank_max && weight > 0.0 && weight >= self.total * share {
                active.insert(application);
            }
        }
        self.active = active;
    }

    /// The heaviest first.
    fn ranked(&self) -> Vec<(Application, f64)> {
        let weights = self.weights.iter();
        let mut ranked: Vec<_> = weights.map(|(one, weight)| (*one, *weight)).collect();
        ranked.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(port: u16) -> Application {
        Application { protocol: 6, port }
    }

    /// Takes minutes with the same applications; the ports that are series at the last.
    fn run(
        chosen: &mut Chosen,
        minutes: std::ops::Range<i64>,
        total: u64,
        rows: &[(u16, u64)],
    ) -> Vec<u16> {
        let rows: BTreeMap<_, _> = rows.iter().map(|(port, n)| (tcp(*port), *n)).collect();
        let mut ports = Vec::new();
        for minute in minutes {
            chosen.take(minute, total, &rows);
            ports = chosen.at(minute).iter().map(|one| one.port).collect();
        }
        ports
    }

    #[test]
    fn the_largest_are_series_after_ten_minutes() {
        let mut chosen = Chosen::default();
        let rows: Vec<(u16, u64)> = (1..=20).map(|port| (port, u64::from(port) * 10)).collect();
        assert!(run(&mut chosen, 0..9, 2_100, &rows).is_empty());
        let expected: Vec<u16> = (13..=20).collect();
        assert_eq!(run(&mut chosen, 9..10, 2_100, &rows), expected);
    }

    #[test]
    fn a_scan_of_all_ports_makes_no_series() {
        let mut chosen = Chosen::default();
        for minute in 0..2_000_i64 {
            let first = u16::try_from(minute % 2_000).unwrap() * 32;
            let rows: Vec<(u16, u64)> = (0..32).map(|n| (first + n, 60)).collect();
            let ports = run(&mut chosen, minute..minute + 1, 60 * 1_000, &rows);
            assert!(ports.is_empty(), "{minute}");
            assert!(chosen.weights.len() <= CANDIDATES_MAX);
        }
    }

    #[test]
    fn one_at_the_border_stays_and_one_that_is_gone_for_days_goes() {
        let mut chosen = Chosen::default();
        let eight: Vec<(u16, u64)> = (1..=8).map(|port| (port, 1_000)).collect();
        assert_eq!(run(&mut chosen, 0..10, 8_000, &eight).len(), 8);
        // Four that are larger join, and none of the eight goes; of five it is the smallest.
        let more: Vec<(u16, u64)> = (1..=12)
            .map(|port| (port, if port > 8 { 9_000 } else { 1_000 }))
            .collect();
        let ports = run(&mut chosen, 10..2_000, 44_000, &more);
        assert_eq!(ports, (1..=12).collect::<Vec<u16>>());
        let other: Vec<(u16, u64)> = (2..=12).map(|port| (port, 4_000)).collect();
        assert!(run(&mut chosen, 2_000..2_600, 44_000, &other).contains(&1));
        assert!(!run(&mut chosen, 2_600..9_000, 44_000, &other).contains(&1));
    }

    #[test]
    fn a_silent_interface_loses_none() {
        let mut chosen = Chosen::default();
        run(&mut chosen, 0..10, 1_000, &[(443, 900)]);
        assert_eq!(run(&mut chosen, 9_000..9_100, 0, &[]), [443]);
        let ports = run(&mut chosen, i64::MAX - 30..i64::MAX, u64::MAX, &[(443, 9)]);
        assert!(ports.is_empty());
    }

    #[test]
    fn those_of_before_a_start_stay_for_a_day() {
        let mut chosen = Chosen::going_on([tcp(22)].into_iter(), 0);
        assert_eq!(run(&mut chosen, 0..1, 1_000, &[(443, 900)]), [22]);
        assert_eq!(run(&mut chosen, 1..1_440, 1_000, &[(443, 900)]), [22, 443]);
        assert_eq!(run(&mut chosen, 1_440..1_460, 1_000, &[(443, 900)]), [443]);
    }
}
