//! Reading tops of flows that are kept, and adding them up: over time, over interfaces, and by steps
//! of time.

use crate::problem::{Answer, Kind, Problem};
use crate::sampling::{Point, Span};
use crate::state::State;
use model::flow::{FlowDimension, FlowDirection, FlowTop, GRACE, Merging, WINDOW_SECS};
use model::{DeviceId, EventKind, EventRecord, InterfaceId, Timestamp};
use serde::Deserialize as _;
use std::collections::HashMap;
use std::time::Duration;
use store::events::{EventQuery, LIMIT_MAX};

/// Longest range that is added up.
const RANGE_MAX: Duration = Duration::from_hours(24 * 31);
/// Minutes of interfaces that one answer adds up: two weeks of one interface, or a day of fourteen. A
/// second of work, 40 MB read.
const RECORDS_MAX: usize = 20_160;
/// Steps that a series has at most where it chooses them.
const STEPS_WANTED: i64 = 300;
/// The steps that are chosen from, in seconds: whole windows.
const STEPS_SECS: [u32; 10] = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400];
/// Length of a window.
const WINDOW_MS: i64 = WINDOW_SECS as i64 * 1_000;
/// Within so long a window that is sealed is kept, also on a busy machine. Until then it is not taken to
/// be without traffic because nothing of it is there.
const KEPT_WITHIN: Duration = Duration::from_secs(10);

/// Whose tops, and which.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Of this device.
    pub(crate) device_id: DeviceId,
    /// Of this interface; none adds up all that the device has.
    pub(crate) interface_id: Option<InterfaceId>,
    /// Which way.
    pub(crate) direction: FlowDirection,
    /// By what.
    pub(crate) by: FlowDimension,
    /// Over which range; windows count that begin in it.
    pub(crate) span: Span,
}

/// What was read of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Tops that were added up.
    pub(crate) records: usize,
    /// There were more than one answer adds up: what is older than this was left out.
    pub(crate) cut_before: Option<Timestamp>,
    /// When the newest of them began.
    pub(crate) newest: Option<Timestamp>,
}

/// The time that was added up: whole windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    from_ms: i64,
    to_ms: i64,
}

impl Coverage {
    /// Of a range what was added up by now: the windows that begin in it, without what was left out,
    /// and without those that are not kept yet.
    pub(crate) fn added(self, span: Span, now: Timestamp) -> Added {
        let from = self.cut_before.map_or(span.from, |cut| cut.max(span.from));
        let newest = self.newest.map(|newest| newest.unix_ms() + WINDOW_MS);
        let kept = sealed_until(now.minus(KEPT_WITHIN)).max(newest.unwrap_or(i64::MIN));
        Added {
            from_ms: next_window(from.unix_ms()),
            to_ms: next_window(span.to.unix_ms()).min(kept),
        }
    }
}

impl Added {
    /// Its seconds, at least those of one window.
    pub(crate) fn secs(self) -> f64 {
        self.secs_of(i64::MIN, i64::MAX)
    }

    /// The seconds of it between two times, at least those of one window.
    fn secs_of(self, from_ms: i64, to_ms: i64) -> f64 {
        let ms = self.to_ms.min(to_ms) - self.from_ms.max(from_ms);
        ms.max(WINDOW_MS) as f64 / 1_000.0
    }
}

/// Where the last window that is sealed ends.
fn sealed_until(now: Timestamp) -> i64 {
    now.minus(GRACE).unix_ms().div_euclid(WINDOW_MS) * WINDOW_MS
}

/// Where the first window begins that does not begin before a time.
fn next_window(ms: i64) -> i64 {
    let into = ms.rem_euclid(WINDOW_MS);
    ms - into + if into == 0 { 0 } else { WINDOW_MS }
}

/// Refuses a range that is too long to add up.
pub(crate) fn check(span: Span) -> Answer<()> {
    if span.to.since(span.from) > RANGE_MAX {
        let detail = format!("at most {} days are added up", RANGE_MAX.as_secs() / 86_400);
        return Err(Problem::field(Kind::BadQuery, "?from", detail));
    }
    Ok(())
}

/// Reads the tops of a question, the newest first, a page at a time, and takes each page in.
pub(crate) async fn read<T: Send + 'static>(
    state: &State,
    question: &Question,
    mut sum: T,
    take: fn(&mut T, &EventRecord, &FlowTop),
) -> Answer<(T, Coverage)> {
    let mut coverage = Coverage::default();
    let words = match question.interface_id {
        None => format!("{} {}", question.direction, question.by),
        id => FlowTop::words(question.direction, question.by, id),
    };
    let mut query = EventQuery {
        kind: Some(EventKind::FlowTop),
        device_id: Some(question.device_id),
        text: words,
        from: Some(question.span.from),
        to: Some(question.span.to),
        limit: LIMIT_MAX,
        ..EventQuery::default()
    };
    loop {
        let page = state.services.store.events.query(query.clone()).await;
        let page = page.map_err(|error| Problem::internal("the event store", &error))?;
        let oldest = page.items.last().map(|event| event.at);
        let newest = page.items.first().map(|event| event.at);
        coverage.newest = coverage.newest.max(newest);
        let (direction, by) = (question.direction, question.by);
        let (done, taken) = state
            .blocking(move || {
                let mut taken = 0;
                for event in &page.items {
                    let Ok(top) = FlowTop::deserialize(&event.body) else {
                        continue;
                    };
                    if top.direction == direction && top.dimension == by {
                        take(&mut sum, event, &top);
                        taken += 1;
                    }
                }
                (sum, taken)
            })
            .await?;
        sum = done;
        coverage.records += taken;
        let Some(next) = page.next else {
            return Ok((sum, coverage));
        };
        if coverage.records >= RECORDS_MAX {
            coverage.cut_before = oldest;
            return Ok((sum, coverage));
        }
        query.cursor = Some(next);
    }
}

/// Takes a top into a sum.
pub(crate) fn merge(sum: &mut Merging, _: &EventRecord, top: &FlowTop) {
    sum.add(top);
}

/// Tops by steps of time.
#[derive(Debug)]
pub(crate) struct Steps {
    /// All of it.
    pub(crate) merging: Merging,
    step_ms: i64,
    from_ms: i64,
    keys: HashMap<String, u32>,
    by_key: HashMap<(u32, i64), u64>,
    totals: HashMap<i64, u64>,
}

impl Steps {
    /// Of a span, by steps of so many seconds, or of as many as make some 300 steps.
    pub(crate) fn new(span: Span, step_secs: Option<u32>) -> Self {
        let step_secs = step_secs.unwrap_or_else(|| {
            let range_ms = span.to.unix_ms() - span.from.unix_ms();
            let enough = |step: &u32| range_ms / (i64::from(*step) * 1_000) <= STEPS_WANTED;
            STEPS_SECS.into_iter().find(enough).unwrap_or(86_400)
        });
        let step_ms = i64::from(step_secs) * 1_000;
        Self {
            merging: Merging::default(),
            step_ms,
            from_ms: span.from.unix_ms().div_euclid(step_ms) * step_ms,
            keys: HashMap::new(),
            by_key: HashMap::new(),
            totals: HashMap::new(),
        }
    }

    /// Seconds of a step.
    pub(crate) fn step_secs(&self) -> i64 {
        self.step_ms / 1_000
    }

    /// Takes a top in.
    pub(crate) fn take(&mut self, event: &EventRecord, top: &FlowTop) {
        self.merging.add(top);
        let step = (event.at.unix_ms() - self.from_ms).div_euclid(self.step_ms);
        let total = self.totals.entry(step).or_default();
        *total = total.saturating_add(top.total.octets);
        for row in &top.rows {
            let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
            let key = match self.keys.get(&row.key) {
                Some(key) => *key,
                None => *self.keys.entry(row.key.clone()).or_insert(next),
            };
            let octets = self.by_key.entry((key, step)).or_default();
            *octets = octets.saturating_add(row.octets);
        }
    }

    /// bit/s of all.
    pub(crate) fn total(&self, span: Span, added: Added) -> Vec<Point> {
        self.points(span, added, |step| self.totals.get(&step).copied())
    }

    /// bit/s of a key. In a step with traffic but without a row of it, it is 0.
    pub(crate) fn of(&self, key: &str, span: Span, added: Added) -> Vec<Point> {
        let key = self.keys.get(key).copied();
        self.points(span, added, |step| {
            self.totals.get(&step)?;
            let octets = key.and_then(|key| self.by_key.get(&(key, step)));
            Some(octets.copied().unwrap_or(0))
        })
    }

    fn points(&self, span: Span, added: Added, octets: impl Fn(i64) -> Option<u64>) -> Vec<Point> {
        let range_ms = (span.to.unix_ms() - self.from_ms).max(0);
        let steps = range_ms / self.step_ms + i64::from(range_ms % self.step_ms > 0);
        let point = |step: i64| {
            let begins = self.from_ms + step * self.step_ms;
            let seconds = added.secs_of(begins, begins + self.step_ms);
            Point(
                begins,
                octets(step).map(|octets| octets as f64 * 8.0 / seconds),
            )
        };
        (0..steps).map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T12:00:00Z and so many seconds.
    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_772_366_400_000 + secs * 1_000)
    }

    fn span(from: i64, to: i64) -> Span {
        Span {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn a_mean_is_of_the_time_that_was_added_up() {
        let check = |(from, to), now, (cut, newest): (Option<i64>, Option<i64>), expected: f64| {
            let coverage = Coverage {
                records: 0,
                cut_before: cut.map(at),
                newest: newest.map(at),
            };
            let secs = coverage.added(span(from, to), at(now)).secs();
            assert!((secs - expected).abs() < 1e-9, "{secs} {expected}");
        };
        check((0, 3_600), 9_000, (None, None), 3_600.0);
        check((0, 3_600), 9_000, (Some(1_800), None), 1_800.0);
        check((600, 3_600), 9_000, (Some(0), None), 3_000.0);
        // Windows count that begin in the range.
        check((30, 3_630), 9_000, (None, None), 3_600.0);
        // The minute that ended at 3,540 is sealed at 3,600, and kept a little later.
        check((0, 3_600), 3_600, (None, Some(3_480)), 3_540.0);
        check((0, 3_600), 3_600, (None, Some(3_420)), 3_480.0);
        check((0, 3_630), 3_630, (None, None), 3_540.0);
        check((0, 3_599), 3_599, (None, Some(3_420)), 3_480.0);
        // Nothing of it is kept.
        check((3_580, 3_600), 3_600, (None, None), 60.0);
    }

    #[test]
    fn the_newest_point_is_of_all_the_minutes_that_it_has() {
        let span = span(0, 600);
        let mut steps = Steps::new(span, Some(300));
        // Of the second step the minutes up to 480 are kept at 545, 1,000 octets each.
        steps.totals = HashMap::from([(0, 5_000), (1, 3_000)]);
        let told = |newest, secs| {
            let coverage = Coverage {
                newest: Some(at(newest)),
                ..Coverage::default()
            };
            let told = steps.total(span, coverage.added(span, at(secs)));
            told.iter().map(|point| point.1).collect::<Vec<_>>()
        };
        let each = 1_000.0 * 8.0 / 60.0;
        assert_eq!(told(420, 545), [Some(each), Some(each)]);
        // That of 480 is sealed by then, but not kept.
        assert_eq!(told(420, 605), [Some(each), Some(each)]);
        assert_eq!(told(420, 615), [Some(each), Some(each * 3.0 / 4.0)]);
    }
}
