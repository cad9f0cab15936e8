//! The one place where samples and roll-ups become steps: of one device, the series that are wanted.
//! Nothing else of a query knows what the steps are made from.
//!
//! Where the range has days that are rolled up, what roll-ups answer is gone through as
//! [`rollup::steps`](crate::series::rollup::steps) does for one series; all else is read of samples, many
//! series at a time. The answers are the same.

use super::QueryError;
use super::levels::Levels;
use super::reach::Reach;
use crate::series::rollup::sums::is_rolled_up;
use crate::series::rollup::{Ask, Budget, steps};
use crate::series::{
    Aggregation, Breaks, Column, Points, SeriesError, SeriesStore, aggregate, bucket_count, read,
    resets,
};
use model::metric::Kind;
use model::{DeviceId, Metric, Timestamp, Value};
use std::time::{Duration, Instant};

/// Samples that are held at a time, 24 octets each, and steps: 48 MB.
pub(super) const HELD_MAX: u64 = 2_000_000;

/// Polls that are read on either side of what is asked for, so that pairs across its edges have others
/// next to them; as for charts.
const MARGIN_POLLS: u32 = 8;

/// The least of that, for what was polled less often than now.
const MARGIN_MIN: Duration = Duration::from_mins(5);
/// The most of it.
const MARGIN_MAX: Duration = Duration::from_hours(24);
/// The longest time between two samples that memory is reckoned by: what is polled seldom now may have
/// been polled each minute, or six times.
const SPACING_MAX: Duration = Duration::from_secs(10);

/// What is asked of a device.
pub(super) struct Asked<'a> {
    pub(super) device_id: DeviceId,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) step: Duration,
    /// From poll to poll.
    pub(super) interval: Duration,
    /// When another machine took its place; ascending.
    pub(super) replaced_at: &'a [Timestamp],
    /// When nobody waits any more.
    pub(super) until: Instant,
    /// What there is of the range.
    pub(super) reach: Reach,
    /// Samples that are held at a time; [`HELD_MAX`].
    pub(super) held_max: u64,
}

/// A series that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) column: Column,
    pub(super) kind: Kind,
    /// How its samples become steps.
    pub(super) how: Aggregation,
}

/// Reads columns of a device by steps, which ascend, each in its own way. Hands over the place of each in
/// `wanted` with its steps, every step of the range in turn: first those that roll-ups answer, then the
/// others. Counts what is read, and tells from what the steps are made.
pub(super) fn read(
    store: &SeriesStore,
    asked: &Asked,
    wanted: &[Wanted],
    (budget, levels): (&mut Budget, &mut Levels),
    mut take: impl FnMut(usize, Vec<Option<f64>>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let places = 0..wanted.len();
    let is_rolled = |place: &usize| {
        let one = wanted.get(*place);
        asked.reach.is_rolled && one.is_some_and(|one| is_rolled_up(one.how, one.kind))
    };
    let (rolled, others): (Vec<usize>, Vec<usize>) = places.partition(is_rolled);
    let both = (&mut *budget, &mut *levels);
    of_rolls(store, asked, (wanted, &rolled), both, &mut take)?;
    let mut bare = Vec::new();
    of_samples(store, asked, (wanted, &others), budget, |place, steps| {
        let one = wanted.get(place);
        let may_be_rolled = one.is_some_and(|one| is_rolled_up(one.how, one.kind));
        if asked.reach.has_rolls && may_be_rolled && steps.iter().all(Option::is_none) {
            // Of part of a day: its samples went, or nothing was polled then.
            bare.push(place);
            return Ok(());
        }
        take(place, steps)
    })?;
    levels.merge(&budget.fetch.parts(asked.from, asked.to));
    of_rolls(store, asked, (wanted, &bare), (budget, levels), &mut take)
}

/// Of roll-ups where they answer.
fn of_rolls(
    store: &SeriesStore,
    asked: &Asked,
    (wanted, places): (&[Wanted], &[usize]),
    (budget, levels): (&mut Budget, &mut Levels),
    take: &mut impl FnMut(usize, Vec<Option<f64>>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let mut left = places.to_vec();
    while let Some(how) = left.first().and_then(|place| Some(wanted.get(*place)?.how)) {
        let of_it = |place: &usize| wanted.get(*place).is_some_and(|one| one.how == how);
        let (some, others): (Vec<usize>, Vec<usize>) = left.into_iter().partition(of_it);
        let columns = some.iter().filter_map(|place| wanted.get(*place));
        let columns: Vec<_> = columns.map(|one| (one.column, Some(one.kind))).collect();
        let ask = Ask {
            from: asked.from,
            to: asked.to,
            step: asked.step,
            how,
            interval: asked.interval,
            replaced: asked.replaced_at.to_vec(),
            until: Some(asked.until),
        };
        let (parts, device_id) = (&store.0.parts, asked.device_id);
        steps::each(parts, device_id, &columns, &ask, budget, |column, read| {
            levels.merge(&read.parts);
            let found = columns.binary_search_by_key(&column, |(column, _)| *column);
            let values = read.steps.into_iter().map(|(_, value)| value);
            match found.ok().and_then(|n| some.get(n)) {
                Some(place) => take(*place, values.collect()),
                None => Ok(()),
            }
        })?;
        left = others;
    }
    Ok(())
}

/// Of samples, as many series at a time as are held.
fn of_samples(
    store: &SeriesStore,
    asked: &Asked,
    (wanted, places): (&[Wanted], &[usize]),
    budget: &mut Budget,
    mut take: impl FnMut(usize, Vec<Option<f64>>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let wanted: Vec<(usize, Wanted)> = places
        .iter()
        .filter_map(|place| Some((*place, *wanted.get(*place)?)))
        .collect();
    let counts = |(_, one): &(usize, Wanted)| {
        matches!(
            one.how,
            Aggregation::Rate | Aggregation::Increase | Aggregation::Peak
        )
    };
    let uptime = if wanted.iter().any(counts) {
        uptime_of(store, asked.device_id)
    } else {
        None
    };
    let mut parts = Parts::of(asked);
    let steps = bucket_count(asked.from, asked.to, asked.step) as u64;
    let at_a_time = asked.held_max / parts.polls.max(steps).max(1);
    let mut at_a_time = usize::try_from(at_a_time).unwrap_or(usize::MAX).max(1);
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let (some, later) = rest.split_at(at_a_time.min(rest.len()));
        let shorter = parts.halved();
        let may_fit = some.len() > 1 || shorter.is_some();
        let read = together(store, asked, (some, uptime), (&parts, may_fit), budget)?;
        match (read, shorter) {
            (Some(all), _) => {
                for ((place, _), values) in some.iter().zip(all) {
                    take(*place, values)?;
                }
                rest = later;
            }
            // It was polled more often than it is now: fewer series, then less time of one.
            (None, _) if some.len() > 1 => at_a_time = some.len() / 2,
            (None, Some(shorter)) => parts = shorter,
            // One step of one series, which is not cut, was read whatever it has.
            (None, None) => return Err(SeriesError::GivenUp.into()),
        }
    }
    Ok(())
}

/// The steps of series that are read together; `None` where there are more samples than are held and
/// fewer may be read at a time.
fn together(
    store: &SeriesStore,
    asked: &Asked,
    (some, uptime): (&[(usize, Wanted)], Option<Column>),
    (parts, may_fit): (&Parts, bool),
    budget: &mut Budget,
) -> Result<Option<Vec<Vec<Option<f64>>>>, QueryError> {
    let mut columns: Vec<Column> = some.iter().map(|(_, one)| one.column).collect();
    columns.extend(uptime);
    let mut steps: Vec<Vec<Option<f64>>> = vec![Vec::new(); some.len()];
    for (from, to) in parts.clone() {
        if Instant::now() >= asked.until {
            return Err(QueryError::Late);
        }
        let margin = margin(asked.interval);
        let range = (from.minus(margin), to.plus(margin));
        let held_max = if may_fit { asked.held_max } else { u64::MAX };
        let max = held_max.min(budget.left());
        let (of, fetch) = (&store.0.parts, Some(&mut budget.fetch));
        let read = read::read_at_most(of, asked.device_id, &columns, range, max, fetch)?;
        let Some(mut points) = read else {
            if held_max > budget.left() {
                return Err(budget.spent().into());
            }
            return Ok(None);
        };
        for points in &points {
            budget.take(points.len())?;
        }
        let restarts: Option<Points> = uptime.and_then(|_| points.pop());
        let restarts = restarts.as_deref().map(resets).unwrap_or_default();
        let breaks = Breaks::new(asked.interval, restarts, asked.replaced_at);
        for ((steps, (_, one)), points) in steps.iter_mut().zip(some).zip(points) {
            fold(&points, (from, to), asked.step, one.how, &breaks, steps);
        }
    }
    Ok(Some(steps))
}

fn fold(
    points: &[(Timestamp, Value)],
    (from, to): (Timestamp, Timestamp),
    step: Duration,
    way: Aggregation,
    breaks: &Breaks,
    steps: &mut Vec<Option<f64>>,
) {
    let part = aggregate(points, from, to, step, way, breaks);
    steps.extend(part.into_iter().map(|(_, value)| value));
}

fn margin(interval: Duration) -> Duration {
    (interval * MARGIN_POLLS).clamp(MARGIN_MIN, MARGIN_MAX)
}

/// Where restarts of a device are read from.
fn uptime_of(store: &SeriesStore, device_id: DeviceId) -> Option<Column> {
    let all = store.series_named(device_id, Metric::SYS_UP_TIME);
    let (_, column) = store.place(all.first()?.id).ok()?;
    Some(column)
}

/// The range in parts of whole steps, so that those put together are what one reading would give: one
/// part, unless it has more samples of a series than are held.
#[derive(Clone)]
struct Parts {
    next: Timestamp,
    to: Timestamp,
    step_ms: i64,
    part_ms: i64,
    /// Polls of a part, with those on either side of it.
    polls: u64,
}

impl Parts {
    fn of(asked: &Asked) -> Self {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1);
        let (step_ms, interval_ms) = (ms(asked.step), ms(asked.interval.min(SPACING_MAX)));
        let held = i64::try_from(asked.held_max).unwrap_or(i64::MAX);
        // A step is not cut, however long it is.
        let part_ms = held.saturating_mul(interval_ms) / step_ms;
        let part_ms = part_ms.max(1).saturating_mul(step_ms);
        let longest = ms(asked.to.since(asked.from)).min(part_ms);
        let sides = 2 * ms(margin(asked.interval));
        let polls = longest.saturating_add(sides) / interval_ms + 1;
        Self {
            next: asked.from,
            to: asked.to,
            step_ms,
            part_ms,
            polls: polls.unsigned_abs(),
        }
    }

    /// The same in parts of half as many steps; none where a part is one step.
    fn halved(&self) -> Option<Self> {
        let left = self.to.unix_ms().saturating_sub(self.next.unix_ms());
        let longest = self.part_ms.min(left.max(0));
        let steps = longest.saturating_add(self.step_ms - 1) / self.step_ms / 2;
        (steps > 0).then(|| Self {
            part_ms: steps.saturating_mul(self.step_ms),
            ..self.clone()
        })
    }
}

impl Iterator for Parts {
    type Item = (Timestamp, Timestamp);

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next;
        if from >= self.to {
            return None;
        }
        let aligned = from.unix_ms().div_euclid(self.step_ms) * self.step_ms;
        let end = Timestamp::from_unix_ms(aligned.saturating_add(self.part_ms));
        self.next = end.min(self.to);
        Some((from, self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(from: i64, to: i64, step: Duration, interval: Duration) -> Vec<(i64, i64)> {
        let asked = Asked {
            device_id: DeviceId::new(),
            from: Timestamp::from_unix_ms(from),
            to: Timestamp::from_unix_ms(to),
            step,
            interval,
            replaced_at: &[],
            until: Instant::now(),
            reach: Reach::default(),
            held_max: HELD_MAX,
        };
        let told = Parts::of(&asked);
        told.map(|(from, to)| (from.unix_ms(), to.unix_ms()))
            .collect()
    }

    #[test]
    fn long_ranges_are_read_in_parts_of_whole_steps() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let hour_ms = 3_600_000;
        // Two million seconds are 555 hours and some.
        let told = parts(5, 1_000 * hour_ms + 7, hour, second);
        let cut = 555 * hour_ms;
        assert_eq!(told, [(5, cut), (cut, 1_000 * hour_ms + 7)]);
        assert_eq!(parts(5, hour_ms, hour, second), [(5, hour_ms)]);
        assert_eq!(parts(7, 7, hour, second), []);
        // One step is longer than what is held.
        let year = Duration::from_hours(24 * 365);
        let to = i64::try_from(year.as_millis()).unwrap();
        assert_eq!(parts(0, to, year, second), [(0, to)]);
    }

    #[test]
    fn parts_are_halved_down_to_a_step() {
        let hour_ms = 3_600_000;
        let asked = Asked {
            device_id: DeviceId::new(),
            from: Timestamp::from_unix_ms(5),
            to: Timestamp::from_unix_ms(7 * hour_ms),
            step: Duration::from_hours(1),
            interval: Duration::from_mins(1),
            replaced_at: &[],
            until: Instant::now(),
            reach: Reach::default(),
            held_max: HELD_MAX,
        };
        let mut parts = Some(Parts::of(&asked));
        let mut counts = Vec::new();
        while let Some(some) = parts {
            counts.push(some.clone().count());
            parts = some.halved();
        }
        assert_eq!(counts, [1, 3, 7]);
    }

    /// A device was polled each second, and its interval was raised since: what is held is found out.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_polled_more_often_is_read_in_smaller_parts() {
        use crate::series::{Batch, Fetch, SeriesOptions, SyncPolicy};
        use model::{Clock, Labels};
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(10_000_000));
        let options = SeriesOptions {
            sync: SyncPolicy::Every(Duration::from_millis(5)),
            maintain_every: None,
            ..SeriesOptions::default()
        };
        let (store, _) = SeriesStore::open(folder.path(), options, clock).unwrap();
        let device_id = DeviceId::new();
        let labels = |n: u32| Labels::default().with("n", n.to_string());
        let keys = (0..3).map(|n| (Metric::ICMP_RTT, labels(n))).collect();
        let series = store.resolve(device_id, keys).await.unwrap();
        let mut waiting = Vec::new();
        for second in 0..900 {
            let value = |n: usize| Value::U64(second * 7 % 13 + n as u64);
            let values = series.iter().enumerate();
            let batch = Batch {
                device_id,
                at: Timestamp::from_unix_ms(1_000 * second.cast_signed()),
                values: values.map(|(n, one)| (one.column, value(n))).collect(),
            };
            let store = store.clone();
            waiting.push(tokio::spawn(async move { store.append(batch).await }));
        }
        for append in waiting {
            append.await.unwrap().unwrap();
        }
        let wanted: Vec<Wanted> = series
            .iter()
            .map(|one| Wanted {
                column: one.column,
                kind: Kind::Gauge,
                how: Aggregation::Stddev,
            })
            .collect();
        let read = |held_max, max| {
            let asked = Asked {
                device_id,
                from: Timestamp::from_unix_ms(0),
                to: Timestamp::from_unix_ms(900_000),
                step: Duration::from_secs(10),
                interval: Duration::from_mins(5),
                replaced_at: &[],
                until: Instant::now() + Duration::from_mins(5),
                reach: Reach::default(),
                held_max,
            };
            let mut budget = Budget::new(max, Fetch::default());
            let mut levels = Levels::raw(asked.from, asked.to);
            let mut all = vec![Vec::new(); 3];
            let told = read(
                &store,
                &asked,
                &wanted,
                (&mut budget, &mut levels),
                |n, of| {
                    all[n] = of;
                    Ok(())
                },
            );
            told.map(|()| (all, budget.read()))
        };
        let (all, samples) = read(HELD_MAX, u64::MAX).unwrap();
        assert_eq!(samples, 2_700);
        assert!(
            all.iter()
                .all(|of| of.len() == 90 && of.iter().all(Option::is_some))
        );
        // The margins alone have as many: each is read by itself, and its shortest parts whatever they have.
        for held_max in [2_600, 1_000, 899, 10] {
            assert_eq!(read(held_max, u64::MAX).unwrap().0, all, "{held_max}");
        }
        for max in [100, 2_699] {
            let refused = read(HELD_MAX, max);
            let refused = matches!(
                refused,
                Err(QueryError::Read(SeriesError::TooMuch { max: told, .. })) if told == max
            );
            assert!(refused, "{max}");
        }
    }
}
