//! Finding series by their labels.
//!
//! A matcher is held against each value of its label once, and against each device once; what that
//! says of sets and devices is then looked up series by series. Which series are looked at at all is
//! chosen by what is fewest: those of the metrics that are meant, or those of the devices that can
//! have one.
//!
//! Expressions take whatever time they take, and new series wait while the index is read. So values
//! are copied out some at a time and judged where nothing is held ([`super::judge`]); in the end, when
//! no more than a few have come meanwhile, the index is gone through once.

use super::index::{Index, Row, SeriesNo};
use super::judge::{Judgement, Lot, Until, Verdict};
use super::labels::Pair;
use super::{Shared, with};
use crate::series::attached::{Attached, METRIC};
use crate::series::{Selected, Selection, Selector};
use model::{Labels, Metric, SeriesId};
use std::collections::BTreeSet;
use std::time::Instant;

/// Values and devices that came while others were judged and are judged while the index is held: few,
/// as an expression may take milliseconds for one.
const HELD_MAX: usize = 8;

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

/// What is done next.
enum Step {
    Judge(Vec<Lot>),
    Found(Found),
}

/// The series that are meant, by id: at most the `limit` of those above `after`. Those whose metric is
/// not known are left out. `None` where it is not done by the time `until`.
pub(crate) fn select(
    index: &Shared,
    selector: &Selector,
    attached: &Attached,
    (after, limit): (Option<SeriesId>, usize),
    until: Option<Instant>,
) -> Option<Selected> {
    let mut until = Until::new(until);
    let metrics = metrics_meant(selector, &until)?;
    let matchers = selector.matchers().iter();
    let of_labels = matchers.filter(|matcher| matcher.name() != METRIC);
    let mut all: Vec<Judgement> = of_labels
        .map(|matcher| Judgement::new(matcher, attached))
        .collect();
    let mut generation = None;
    loop {
        until.now()?;
        let step = with(index, |index| {
            // Numbers of another generation mean other values.
            if generation.replace(index.generation) != Some(index.generation) {
                all.iter_mut().for_each(Judgement::forget);
            }
            let mut lots = lots(&all, index);
            if count(&lots) <= HELD_MAX {
                judge(&mut all, &lots, &mut until)?;
                // What is known of devices may decide whether values have to be looked at.
                lots = self::lots(&all, index);
            }
            Some(if count(&lots) == 0 {
                Step::Found(index.select(&metrics, &all, after, limit))
            } else {
                Step::Judge(lots)
            })
        });
        match step? {
            // Sorted where nothing is held: it may be all series.
            Step::Found(found) => return Some(found.told()),
            Step::Judge(lots) => judge(&mut all, &lots, &mut until)?,
        }
    }
}

fn lots(all: &[Judgement], index: &Index) -> Vec<Lot> {
    all.iter().map(|judgement| judgement.lot(index)).collect()
}

fn count(lots: &[Lot]) -> usize {
    lots.iter().map(Lot::len).sum()
}

fn judge(all: &mut [Judgement], lots: &[Lot], until: &mut Until) -> Option<()> {
    let mut both = all.iter_mut().zip(lots);
    both.try_for_each(|(judgement, lot)| judgement.judge(lot, until))
}

/// The metrics that are meant, of those that are known.
fn metrics_meant(selector: &Selector, until: &Until) -> Option<BTreeSet<Metric>> {
    let matchers = selector.matchers().iter();
    let of_metric = matchers.filter(|matcher| matcher.name() == METRIC);
    let mut meant = BTreeSet::new();
    for metric in Metric::all() {
        let name = metric.name();
        let is_it = selector.metric().is_none_or(|meant| meant == name);
        if is_it && of_metric.clone().all(|matcher| matcher.holds([name])) {
            meant.insert(metric);
        }
        until.now()?;
    }
    Some(meant)
}

impl Index {
    fn select(
        &self,
        metrics: &BTreeSet<Metric>,
        judgements: &[Judgement],
        after: Option<SeriesId>,
        limit: usize,
    ) -> Found {
        let is_meant = |metric: &Metric| metrics.contains(metric);
        let numbers = self.metrics.all();
        let metrics: Vec<Option<Metric>> = numbers
            .map(|number| self.metrics.known(number).filter(is_meant))
            .collect();
        let tests: Vec<Test> = judgements
            .iter()
            .map(|judgement| self.test(judgement))
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
        found
    }

    fn test(&self, judgement: &Judgement) -> Test {
        let matcher = judgement.matcher();
        let for_people = matcher.name() == Labels::INTERFACE;
        let names_len = if for_people {
            self.labels.pair_count()
        } else {
            0
        };
        let mut names = vec![Verdict::Absent; names_len];
        let mut sets = vec![Verdict::Absent; self.labels.set_count()];
        let mut tell = |pair: Pair, verdict| {
            for set in self.labels.sets_with(pair) {
                put(&mut sets, set.place(), verdict);
            }
            if for_people {
                put(&mut names, pair.place(), verdict);
            }
        };
        if judgement.is_of_one() {
            let meant = self.labels.pair(matcher.name(), matcher.text());
            if let Some(pair) = meant {
                tell(pair, Verdict::Yes);
            }
        } else {
            let pairs = self.labels.pairs_named(matcher.name());
            for (pair, verdict) in pairs.iter().zip(judgement.values()) {
                tell(*pair, *verdict);
            }
        }
        let ids = self.labels.pairs_named(Labels::INTERFACE_ID);
        for (pair, verdict) in ids.iter().zip(judgement.interfaces()) {
            if *verdict == Verdict::Absent {
                continue;
            }
            for set in self.labels.sets_with(*pair) {
                if sets.get(set.place()) == Some(&Verdict::Absent) {
                    put(&mut sets, set.place(), *verdict);
                }
            }
        }
        Test {
            sets,
            names,
            devices: judgement.devices().to_vec(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Column;
    use model::DeviceId;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, PoisonError};
    use std::time::Duration;

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

    /// Registering waits for whoever reads the index: it must not wait for an expression. This one
    /// takes seconds: each letter of a long value is compared with hundreds of places in it.
    #[test]
    fn an_expression_that_is_slow_holds_up_nobody_and_ends_in_time() {
        let mut index = Index::default();
        let device_id = DeviceId::new();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut letter = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random >> 63 == 0 { 'a' } else { 'b' }
        };
        let mut sensor = |_| {
            let text: String = (0..2_000).map(|_| letter()).collect();
            Labels::default().with("sensor", text)
        };
        let keys: Vec<_> = (0..4_000).map(|n| (Metric::ICMP_RTT, sensor(n))).collect();
        let apply = |index: &mut Index, keys: &[(Metric, Labels)]| {
            let (changes, _) = index.plan(device_id, keys).unwrap();
            for change in changes {
                index.apply(change);
            }
        };
        apply(&mut index, &keys);
        let index: Shared = Arc::new(index.into());
        let selector: Selector = r#"{sensor=~"[ab]*a[ab]{500}c"}"#.parse().unwrap();
        let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut registered = 0;
        std::thread::scope(|scope| {
            let selecting = scope.spawn(|| {
                begun.store(true, Ordering::SeqCst);
                let until = Instant::now() + Duration::from_secs(1);
                let attached = Attached::default();
                let page = (None, 10);
                let selected = select(&index, &selector, &attached, page, Some(until));
                done.store(true, Ordering::SeqCst);
                selected
            });
            while !begun.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            while !done.load(Ordering::SeqCst) {
                let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                let key = (
                    Metric::ICMP_LOSS,
                    Labels::default().with("n", registered.to_string()),
                );
                apply(&mut index, &[key]);
                drop(index);
                if !done.load(Ordering::SeqCst) {
                    registered += 1;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(
                selecting.join().unwrap(),
                None,
                "it is told that it took too long"
            );
        });
        assert!(registered >= 20, "{registered} were registered meanwhile");
    }

    /// What is found is what there is in the end, also where the numbers of labels change meanwhile.
    #[test]
    fn series_that_come_while_others_are_judged_are_found() {
        let mut index = Index::default();
        let device_id = DeviceId::new();
        let port = |n: usize| {
            let id = model::InterfaceId::from_bytes((n as u128 + 1).to_be_bytes());
            Labels::default().with(Labels::INTERFACE_ID, id.to_string())
        };
        let apply = |index: &mut Index, n: usize, name: String| {
            let key = (Metric::ICMP_RTT, port(n).with(Labels::INTERFACE, name));
            let (changes, _) = index.plan(device_id, &[key]).unwrap();
            for change in changes {
                index.apply(change);
            }
        };
        for n in 0..100 {
            apply(&mut index, n, format!("eth{n}"));
        }
        let index: Shared = Arc::new(index.into());
        let selector: Selector = r#"{interface=~"eth.*"}"#.parse().unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 100..1_100 {
                    let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                    apply(&mut index, n, format!("eth{n}"));
                    apply(&mut index, n % 100, format!("eth{n}.{n}"));
                    if n % 100 == 0 {
                        index.forget_names();
                    }
                }
                done.store(true, Ordering::SeqCst);
            });
            let mut found = 100;
            loop {
                let last = done.load(Ordering::SeqCst);
                let page = (None, usize::MAX);
                let selected = select(&index, &selector, &Attached::default(), page, None);
                let matched = selected.unwrap().matched;
                assert!(matched >= found, "{matched} after {found}");
                found = matched;
                if last {
                    break;
                }
            }
            assert_eq!(found, 1_100);
        });
    }
}
