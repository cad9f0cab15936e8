//! Finding series by their labels.
//!
//! A matcher is held against each value of its label once, and against each device once; what that
//! says of sets and devices is then looked up series by series. Which series are looked at at all is
//! chosen by what is fewest: those of the metrics that are meant, or those of the devices that can
//! have one.

use super::index::{Index, Row, SeriesNo};
use crate::series::attached::{Attached, DEVICE_ID, INTERFACE_LABELS, METRIC};
use crate::series::{Comparison, Matcher, Selected, Selection, Selector};
use model::series::NETWORK;
use model::{InterfaceId, Labels, Metric, SeriesId};
use std::collections::HashMap;

/// What a matcher says of a label of a set or of an interface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The label is not there: what is attached decides.
    Absent,
    No,
    Yes,
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What a matcher says.
struct Test {
    /// Of each set.
    sets: Vec<Verdict>,
    /// Of each name of an interface, by its pair; empty where the matcher is of another label.
    names: Vec<Verdict>,
    /// Of each device, where its series has no such label.
    devices: Vec<bool>,
}

impl Test {
    fn holds(&self, row: &Row) -> bool {
        let of_name = row.interface.and_then(|pair| self.names.get(pair.place()));
        let mut verdict = of_name.copied().unwrap_or(Verdict::Absent);
        if verdict == Verdict::Absent {
            let of_set = self.sets.get(row.set.place());
            verdict = of_set.copied().unwrap_or(Verdict::Absent);
        }
        match verdict {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::Absent => self.devices.get(row.device as usize) == Some(&true),
        }
    }
}

impl Index {
    /// The series that are meant, by id, above `after` and at most `limit`. Those whose metric is
    /// not known are left out.
    pub(crate) fn select(
        &self,
        selector: &Selector,
        attached: &Attached,
        after: Option<SeriesId>,
        limit: usize,
    ) -> Selected {
        let metrics = self.metrics_meant(selector);
        let of_labels = |matcher: &&Matcher| matcher.name() != METRIC;
        let tests: Vec<Test> = selector
            .matchers()
            .iter()
            .filter(of_labels)
            .map(|matcher| self.test(matcher, attached))
            .collect();
        let devices = self.devices_possible(&tests);
        let mut found = Found {
            after,
            limit,
            matched: 0,
            smallest: Vec::new(),
            more: false,
        };
        let look = |number: &SeriesNo| {
            let row = self.row(*number)?;
            let metric = *metrics.get(row.metric.place())?;
            let possible = *devices.get(row.device as usize)?;
            if !possible || !tests.iter().all(|test| test.holds(row)) {
                return None;
            }
            Some(Selection {
                id: row.id,
                device_id: self.devices.get(row.device as usize)?.id,
                column: row.column,
                metric: metric?,
            })
        };
        let by_metric = || chosen(&self.by_metric, &metrics, Option::is_some);
        let by_device = || {
            let devices = chosen(&self.devices, &devices, |possible| *possible);
            devices.map(|device| &device.by_column)
        };
        let of_devices: usize = by_device().map(Vec::len).sum();
        let of_metrics: usize = by_metric().map(Vec::len).sum();
        if of_devices < of_metrics {
            let meant = by_device().flatten().filter_map(look);
            meant.for_each(|series| found.take(series));
        } else {
            let meant = by_metric().flatten().filter_map(look);
            meant.for_each(|series| found.take(series));
        }
        found.told()
    }

    /// The metrics that are meant, by their numbers; none that is not known.
    fn metrics_meant(&self, selector: &Selector) -> Vec<Option<Metric>> {
        let of_metric = selector
            .matchers()
            .iter()
            .filter(|matcher| matcher.name() == METRIC);
        let is_meant = |metric: &Metric| {
            let name = metric.name();
            let is_it = selector.metric().is_none_or(|meant| meant == name);
            is_it && of_metric.clone().all(|matcher| matcher.holds([name]))
        };
        let numbers = self.metrics.all();
        numbers
            .map(|number| self.metrics.known(number).filter(is_meant))
            .collect()
    }

    fn test(&self, matcher: &Matcher, attached: &Attached) -> Test {
        let devices = self.devices_held(matcher, attached);
        let for_people = matcher.name() == Labels::INTERFACE;
        let names_len = if for_people {
            self.labels.pair_count()
        } else {
            0
        };
        let mut names = vec![Verdict::Absent; names_len];
        let mut sets = vec![Verdict::Absent; self.labels.set_count()];
        let of_interface = INTERFACE_LABELS.contains(&matcher.name());
        // Where another value says no more than none, only the one that is meant is looked at.
        let one =
            matcher.comparison() == Comparison::Equal && !of_interface && !devices.contains(&true);
        let meant = self.labels.pair(matcher.name(), matcher.text());
        let pairs = if one {
            meant.as_slice()
        } else {
            self.labels.pairs_named(matcher.name())
        };
        for pair in pairs {
            let verdict = Verdict::of(matcher.holds([self.labels.value(*pair)]));
            for set in self.labels.sets_with(*pair) {
                put(&mut sets, set.place(), verdict);
            }
            if for_people {
                put(&mut names, pair.place(), verdict);
            }
        }
        if of_interface {
            self.test_interfaces(matcher, attached, &mut sets);
        }
        Test {
            sets,
            names,
            devices,
        }
    }

    /// What a matcher says of what is attached to interfaces, where their sets say nothing.
    fn test_interfaces(&self, matcher: &Matcher, attached: &Attached, sets: &mut [Verdict]) {
        let mut met = Met::default();
        for pair in self.labels.pairs_named(Labels::INTERFACE_ID) {
            let id: Option<InterfaceId> = self.labels.value(*pair).parse().ok();
            let value = id.and_then(|id| attached.of_interface(id, matcher.name()));
            let Some(value) = value else { continue };
            let verdict = Verdict::of(met.holds(matcher, value));
            for set in self.labels.sets_with(*pair) {
                if sets.get(set.place()) == Some(&Verdict::Absent) {
                    put(sets, set.place(), verdict);
                }
            }
        }
    }

    /// Of each device, whether a matcher holds for its series that have no such label of their own.
    fn devices_held(&self, matcher: &Matcher, attached: &Attached) -> Vec<bool> {
        let mut met = Met::default();
        let without = matcher.holds([]);
        let held = self.devices.iter().map(|device| {
            if matcher.name() == DEVICE_ID {
                let text = (device.id != NETWORK).then(|| device.id.to_string());
                return matcher.holds(text.as_deref());
            }
            let Some(of_device) = attached.device(device.id) else {
                return without;
            };
            let mut values = of_device.values(matcher.name());
            match (values.next(), values.next()) {
                (None, _) => without,
                (Some(one), None) => met.holds(matcher, one),
                // Only tags have several.
                _ => matcher.holds(of_device.values(matcher.name())),
            }
        });
        held.collect()
    }

    /// Of each device, whether it can have a series for which all tests hold.
    fn devices_possible(&self, tests: &[Test]) -> Vec<bool> {
        let mut possible = vec![true; self.devices.len()];
        for test in tests {
            // A name for people is of one row, and there is no list of those.
            if test.names.contains(&Verdict::Yes) {
                continue;
            }
            let mut by_test = test.devices.clone();
            let yes = self.labels.all_sets().zip(&test.sets);
            let yes = yes.filter(|(_, verdict)| **verdict == Verdict::Yes);
            for device in yes.flat_map(|(set, _)| self.labels.devices_with(set)) {
                if let Some(by_test) = by_test.get_mut(device as usize) {
                    *by_test = true;
                }
            }
            for (possible, by_test) in possible.iter_mut().zip(by_test) {
                *possible &= by_test;
            }
        }
        possible
    }
}

/// Series that are found before the largest ids are let go: 2.5 MiB of them.
const FOUND_MAX: usize = 1 << 16;

/// The smallest ids of what is found.
// Invariant: whatever is let go has a larger id than `limit` of those that are kept.
struct Found {
    after: Option<SeriesId>,
    limit: usize,
    matched: usize,
    smallest: Vec<Selection>,
    more: bool,
}

impl Found {
    fn take(&mut self, series: Selection) {
        self.matched += 1;
        if self.after.is_none_or(|after| series.id > after) {
            self.smallest.push(series);
            // At least as many as are kept come before the next time, so that it stays linear.
            if self.smallest.len() >= self.limit.saturating_mul(2).max(FOUND_MAX) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.smallest.len() > self.limit {
            self.more = true;
            let id = |series: &Selection| series.id;
            if let Some(last) = self.limit.checked_sub(1) {
                self.smallest.select_nth_unstable_by_key(last, id);
            }
            self.smallest.truncate(self.limit);
        }
    }

    fn told(mut self) -> Selected {
        self.cut();
        self.smallest.sort_unstable_by_key(|series| series.id);
        Selected {
            series: self.smallest,
            matched: self.matched,
            more: self.more,
        }
    }
}

/// Those of a list whose flag says so.
fn chosen<'a, T, F>(
    all: &'a [T],
    flags: &'a [F],
    says_so: impl Fn(&F) -> bool,
) -> impl Iterator<Item = &'a T> {
    let chosen = all.iter().zip(flags).filter(move |(_, flag)| says_so(flag));
    chosen.map(|(one, _)| one)
}

fn put(verdicts: &mut [Verdict], place: usize, verdict: Verdict) {
    if let Some(place) = verdicts.get_mut(place) {
        *place = verdict;
    }
}

/// What a matcher said of values that were met: thousands of interfaces have the same type.
#[derive(Default)]
struct Met<'a>(HashMap<&'a str, bool>);

impl<'a> Met<'a> {
    fn holds(&mut self, matcher: &Matcher, value: &'a str) -> bool {
        let holds = || matcher.holds([value]);
        *self.0.entry(value).or_insert_with(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Column;
    use model::DeviceId;

    #[test]
    fn of_many_the_smallest_ids_are_kept() {
        let numbers = 3 * u64::try_from(FOUND_MAX).unwrap() + 7;
        let id = |number: u64| SeriesId::from_bytes(u128::from(number).to_be_bytes());
        for (after, limit) in [(None, 10), (Some(1_000), 10), (None, FOUND_MAX), (None, 0)] {
            let mut found = Found {
                after: after.map(id),
                limit,
                matched: 0,
                smallest: Vec::new(),
                more: false,
            };
            // Each once, in no order: the factor is prime and divides no count.
            for n in 0..numbers {
                found.take(Selection {
                    id: id(n * 1_000_003 % numbers),
                    device_id: DeviceId::from_bytes([1; 16]),
                    column: Column(0),
                    metric: Metric::ICMP_RTT,
                });
                assert!(found.smallest.len() <= 2 * FOUND_MAX);
            }
            let told = found.told();
            let first = after.map_or(0, |after| after + 1);
            let ids: Vec<SeriesId> = told.series.iter().map(|series| series.id).collect();
            let expected: Vec<SeriesId> = (first..).take(limit).map(id).collect();
            assert_eq!(ids, expected);
            assert!(told.more);
            assert_eq!(told.matched as u64, numbers);
        }
    }
}
