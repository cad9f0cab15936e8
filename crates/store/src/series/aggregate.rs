//! Samples summed up by buckets of time. Pure: no store, no clock.
//!
//! **Buckets** are aligned: each begins at a multiple of `step` since 1970-01-01T00:00:00Z and is
//! half open, `[start, start + step)`. The answer has one entry for every bucket that meets
//! `[from, to)`, in order, each with its start; a bucket without data is `None`: a gap is a gap and
//! is never filled in. Only what lies in `[from, to)` counts, also in the first and last bucket.
//!
//! **Min, Max, Avg, Sum, Count, Last, Stddev, Quantile** are over the samples whose time lies in the
//! bucket. The average is of samples, unweighted; the standard deviation is of them as the whole
//! population; the quantile is between the two nearest by a straight line.
//!
//! **Rate** is per second, for counters. Two samples next to each other give one increase, taken to
//! be spread evenly between them. A bucket's rate is the sum of the increases that fall in it,
//! divided by the seconds of it that are covered by such pairs; `None` where nothing is covered. So
//! a step shorter than the poll interval still has a rate in each bucket, and a bucket covered in
//! part is not made smaller by what is missing. A counter of 32 bits that has wrapped is taken on
//! ([`increase`]). A pair is no increase, and covers nothing, where the counter is lower than before
//! otherwise, where the device restarted or was
//! replaced between the two ([`Breaks::resets`]), or where a gap of over three polls lies between them. What a poll was
//! is taken from the data, since intervals are changed: the longer of the usual spacings before and
//! after the pair, each the median of the [`SPACINGS`] next to it. Only a pair that stands alone is
//! judged by [`Breaks::interval`]. To cover the edges, give some points before `from` and after
//! `to`.
//!
//! **Increase** is the same sum of increases, not divided: how much was counted in what is covered of
//! the bucket. Increases of neighbouring buckets add up.
//!
//! **Peak** is the greatest rate of the pairs that a bucket has any part of.
//!
//! **Delta** is by how much a gauge changed: of each pair of samples the difference, spread evenly
//! between them, up or down. A gap or a restart is no break, as a gauge does not begin anew. Deltas of
//! neighbouring buckets add up, where the samples on either side of their edge were given.

use super::statistics::{Moments, Quantile};
use model::{Timestamp, Value};
use std::time::Duration;

/// The most buckets that are answered: a year by the hour, and more than any screen has pixels.
pub const BUCKETS_MAX: usize = 20_000;

/// Spacings that are looked at on either side of a pair: enough that two lost or hurried polls do
/// not change the median.
pub(super) const SPACINGS: usize = 5;
/// Polls from one sample to the next that are still an increase: two were lost.
const GAP_POLLS: i64 = 3;

pub(super) type Point = (Timestamp, Value);

/// How the samples of a bucket become one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The mean of the samples.
    Avg,
    /// The sum of the samples.
    Sum,
    /// How many samples there are.
    Count,
    /// The latest.
    Last,
    /// The standard deviation.
    Stddev,
    /// A quantile.
    Quantile(Quantile),
    /// Increase per second of a counter.
    Rate,
    /// Increase of a counter.
    Increase,
    /// The greatest increase per second between two samples next to each other, of those that fall in
    /// the bucket in part or whole; breaks where a rate does.
    Peak,
    /// Change of a gauge.
    Delta,
}

/// Where two samples next to each other do not make an increase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaks {
    /// When the device restarted, see [`resets`], or was replaced by another; ascending.
    pub resets: Vec<Timestamp>,
    /// From poll to poll, for a pair of samples that has no others next to it; the data tell for
    /// all others. `None`: no gap is one.
    pub interval: Option<Duration>,
}

impl Breaks {
    /// The breaks of a device polled every `interval`, restarted at `resets` and replaced by
    /// another machine at `replaced`: the counters of that go on from wherever they are, whatever
    /// its sysUpTime.
    pub fn new(interval: Duration, mut resets: Vec<Timestamp>, replaced: &[Timestamp]) -> Self {
        resets.extend(replaced);
        resets.sort_unstable();
        Self {
            resets,
            interval: Some(interval),
        }
    }

    pub(super) fn restarted(&self, earlier: Timestamp, later: Timestamp) -> bool {
        let next = self.resets.partition_point(|reset| *reset <= earlier);
        self.resets.get(next).is_some_and(|reset| *reset <= later)
    }

    /// Whether over three polls lie between `points[at]` and the next.
    pub(super) fn gap(&self, points: &[(Timestamp, Value)], at: usize) -> bool {
        let Some(interval) = self.interval else {
            return false;
        };
        let Some(took) = usual(points.get(at..at + 2)) else {
            return false;
        };
        let is_longer = |poll: i64| took > poll.saturating_mul(GAP_POLLS);
        let before = usual(points.get(at.saturating_sub(SPACINGS)..=at));
        // Most pairs are told by this alone.
        if before.is_some_and(|poll| !is_longer(poll)) {
            return false;
        }
        let after = usual(points.get(at + 1..points.len().min(at + 2 + SPACINGS)));
        is_longer(before.max(after).unwrap_or_else(|| millis(interval)))
    }
}

/// Whether the points are so evenly spaced that no gap is among them, whatever is usual where: so it
/// mostly is, and the medians need not be made. A pair that stands alone is judged otherwise.
fn are_even(points: &[Point]) -> bool {
    let pairs = points.iter().zip(points.iter().skip(1));
    let spacings = pairs.map(|(a, b)| b.0.unix_ms().saturating_sub(a.0.unix_ms()));
    let (least, most) = spacings.fold((i64::MAX, 0), |(least, most), spacing| {
        (spacing.min(least), spacing.max(most))
    });
    points.len() > 2 && most <= least.saturating_mul(GAP_POLLS)
}

/// The median of the milliseconds from point to point; none where there is no pair.
fn usual(points: Option<&[(Timestamp, Value)]>) -> Option<i64> {
    let points = points?;
    let mut spacings = [0i64; SPACINGS];
    let mut count = 0;
    let pairs = points.iter().zip(points.iter().skip(1));
    for (place, ((earlier, _), (later, _))) in spacings.iter_mut().zip(pairs) {
        *place = later.unix_ms().saturating_sub(earlier.unix_ms());
        count += 1;
    }
    let told = spacings.get_mut(..count)?;
    told.sort_unstable();
    told.get(count / 2).copied()
}

/// `sysUpTime` wraps after 2^32 hundredths of a second, 497 days. Source: RFC 3418, RFC 2578.
const UPTIME_WRAP_SECS: f64 = 42_949_672.96;
/// How far a wrap may lie from where it is expected: the jitter of a poll.
const UPTIME_SLACK_SECS: f64 = 30.0;

/// When the device restarted, as its samples of sysUpTime (seconds, ascending in time) tell:
/// wherever it fell, but for its own wrap after 497 days.
pub fn resets(uptime: &[(Timestamp, Value)]) -> Vec<Timestamp> {
    let pairs = uptime.iter().zip(uptime.iter().skip(1));
    pairs
        .filter_map(|(&(earlier, before), &(later, after))| {
            let (before, after) = (before.as_f64(), after.as_f64());
            let wrapped = before + later.since(earlier).as_secs_f64() - UPTIME_WRAP_SECS;
            if after >= before || (wrapped - after).abs() <= UPTIME_SLACK_SECS {
                return None;
            }
            // The moment of restart, held between the two samples.
            let ago = Duration::try_from_secs_f64(after).unwrap_or_default();
            let first = earlier.plus(Duration::from_millis(1)).min(later);
            Some(later.minus(ago).clamp(first, later))
        })
        .collect()
}

/// How many buckets `[from, to)` has. Callers refuse more than [`BUCKETS_MAX`].
pub fn bucket_count(from: Timestamp, to: Timestamp, step: Duration) -> usize {
    let step = millis(step);
    if to <= from {
        return 0;
    }
    let first = from.unix_ms().div_euclid(step);
    let last = (to.unix_ms().saturating_sub(1)).div_euclid(step);
    usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(usize::MAX)
}

/// The points (ascending in time) by buckets of `step` over `[from, to)`, as the module describes.
/// A step under a millisecond is one millisecond; no more than the first [`BUCKETS_MAX`] buckets
/// are answered.
pub fn aggregate(
    points: &[(Timestamp, Value)],
    from: Timestamp,
    to: Timestamp,
    step: Duration,
    how: Aggregation,
    breaks: &Breaks,
) -> Vec<(Timestamp, Option<f64>)> {
    let count = bucket_count(from, to, step).min(BUCKETS_MAX);
    let grid = Grid::new(from, to, step);
    let values = match how {
        Aggregation::Rate | Aggregation::Increase | Aggregation::Peak => {
            let even = are_even(points);
            let sums = spread(points, &grid, count, |at, (earlier, later)| {
                let is_whole =
                    !breaks.restarted(earlier.0, later.0) && (even || !breaks.gap(points, at));
                increase(earlier.1, later.1).filter(|_| is_whole)
            });
            sums.into_iter().map(|sum| sum.value(how)).collect()
        }
        Aggregation::Delta => {
            let change =
                |_, (earlier, later): (Point, Point)| Some(later.1.as_f64() - earlier.1.as_f64());
            let sums = spread(points, &grid, count, change);
            sums.into_iter().map(Spread::sum).collect()
        }
        Aggregation::Stddev | Aggregation::Quantile(_) => gathered(points, &grid, count, how),
        _ => folds(points, &grid, count, how),
    };
    (0i64..)
        .zip(values)
        .map(|(i, value)| (Timestamp::from_unix_ms(grid.start(i)), value))
        .collect()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// The buckets, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    first: i64,
    pub(super) step: i64,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Grid {
    /// The buckets of `step` over `[from, to)`.
    pub(super) fn new(from: Timestamp, to: Timestamp, step: Duration) -> Self {
        let step = millis(step);
        Self {
            first: from.unix_ms().div_euclid(step).saturating_mul(step),
            step,
            from: from.unix_ms(),
            to: to.unix_ms(),
        }
    }
    pub(super) fn start(&self, bucket: i64) -> i64 {
        self.first.saturating_add(bucket.saturating_mul(self.step))
    }
    pub(super) fn bucket(&self, at: i64) -> i64 {
        at.saturating_sub(self.first).div_euclid(self.step)
    }
}

/// What is known of the samples of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fold {
    pub(super) count: u32,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) last: f64,
}

impl Fold {
    /// Of one sample.
    pub(super) fn of(value: f64) -> Self {
        Self {
            count: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
        }
    }

    /// Takes in what came later.
    pub(super) fn add(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        let seen = self.count > 0;
        self.min = if seen {
            self.min.min(later.min)
        } else {
            later.min
        };
        self.max = if seen {
            self.max.max(later.max)
        } else {
            later.max
        };
        self.last = later.last;
        self.sum += later.sum;
        self.count = self.count.saturating_add(later.count);
    }

    /// Its number; none without samples.
    pub(super) fn value(&self, how: Aggregation) -> Option<f64> {
        (self.count > 0).then(|| match how {
            Aggregation::Min => self.min,
            Aggregation::Max => self.max,
            Aggregation::Sum => self.sum,
            Aggregation::Avg => self.sum / f64::from(self.count),
            Aggregation::Count => f64::from(self.count),
            _ => self.last,
        })
    }
}

fn folds(
    points: &[(Timestamp, Value)],
    grid: &Grid,
    count: usize,
    how: Aggregation,
) -> Vec<Option<f64>> {
    let mut folds = vec![Fold::default(); count];
    for (at, value) in points {
        let (at, value) = (at.unix_ms(), value.as_f64());
        if at < grid.from || at >= grid.to {
            continue;
        }
        let Some(fold) = usize::try_from(grid.bucket(at))
            .ok()
            .and_then(|i| folds.get_mut(i))
        else {
            continue;
        };
        fold.add(&Fold::of(value));
    }
    folds.iter().map(|fold| fold.value(how)).collect()
}

/// What needs all samples of a bucket; they lie next to each other.
fn gathered(points: &[Point], grid: &Grid, count: usize, how: Aggregation) -> Vec<Option<f64>> {
    let mut values = vec![None; count];
    let bucket = |point: &Point| grid.bucket(point.0.unix_ms());
    let inside = |point: &&Point| (grid.from..grid.to).contains(&point.0.unix_ms());
    let first = points.iter().position(|point| inside(&point));
    let rest = points
        .get(first.unwrap_or(points.len())..)
        .unwrap_or_default();
    let end = rest.iter().take_while(inside).count();
    let rest = rest.get(..end).unwrap_or_default();
    for lot in rest.chunk_by(|a, b| bucket(a) == bucket(b)) {
        let place = lot
            .first()
            .and_then(|point| usize::try_from(bucket(point)).ok());
        let Some(value) = place.and_then(|place| values.get_mut(place)) else {
            continue;
        };
        let all = lot.iter().map(|(_, value)| value.as_f64());
        *value = if let Aggregation::Quantile(quantile) = how {
            quantile.of(&mut all.collect::<Vec<f64>>())
        } else {
            let mut moments = Moments::default();
            all.for_each(|value| moments.add(value));
            moments.stddev()
        };
    }
    values
}

/// What of the differences of pairs falls in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) sum: f64,
    pub(super) covered_ms: i64,
    /// The greatest of the pairs, per second.
    pub(super) peak: f64,
}

impl Spread {
    fn sum(self) -> Option<f64> {
        (self.covered_ms > 0).then_some(self.sum)
    }

    /// Takes in a part of what grew by `per_ms`.
    pub(super) fn add(&mut self, per_ms: f64, covered_ms: i64) {
        self.sum += per_ms * covered_ms as f64;
        self.covered_ms = self.covered_ms.saturating_add(covered_ms);
        self.peak = self.peak.max(per_ms * 1000.0);
    }

    /// Its number, where it is a rate, a peak or else an increase.
    pub(super) fn value(self, how: Aggregation) -> Option<f64> {
        let sum = self.sum()?;
        Some(match how {
            Aggregation::Rate => sum * 1000.0 / self.covered_ms as f64,
            Aggregation::Peak => self.peak,
            _ => sum,
        })
    }
}

/// The differences of samples next to each other, each spread evenly between the two; `difference`
/// is given the place of the earlier one.
pub(super) fn spread(
    points: &[Point],
    grid: &Grid,
    count: usize,
    difference: impl Fn(usize, (Point, Point)) -> Option<f64>,
) -> Vec<Spread> {
    let mut spreads = vec![Spread::default(); count];
    let pairs = points.iter().zip(points.iter().skip(1)).enumerate();
    for (at, (&earlier, &later)) in pairs {
        let (start, end) = (earlier.0.unix_ms(), later.0.unix_ms());
        if end <= start || end <= grid.from || start >= grid.to {
            continue;
        }
        let Some(difference) = difference(at, (earlier, later)) else {
            continue;
        };
        let per_ms = difference / (end as f64 - start as f64);
        let (start, end) = (start.max(grid.from), end.min(grid.to));
        for bucket in grid.bucket(start)..=grid.bucket(end.saturating_sub(1)) {
            let place = usize::try_from(bucket).ok();
            let Some(spread) = place.and_then(|place| spreads.get_mut(place)) else {
                break;
            };
            let (first, next) = (grid.start(bucket), grid.start(bucket + 1));
            let covered = end.min(next).saturating_sub(start.max(first));
            spread.add(per_ms, covered);
        }
    }
    spreads
}

/// How much a counter grew from one sample to the next, exactly also above 2^53; `None` where it
/// fell. A fall within 32 bits is a wrap of a Counter32 (RFC 2578 section 7.1.6) if by that it grew
/// by less than half its range: a counter that was cleared in the lower half of the range, or went
/// back a little, would have grown by more. One that was cleared in the upper half cannot be told
/// from a wrap. Restarts are the caller's to rule out.
pub fn increase(before: Value, after: Value) -> Option<f64> {
    const RANGE: u64 = 1 << 32;
    let (Value::U64(before), Value::U64(after)) = (before, after) else {
        let by = after.as_f64() - before.as_f64();
        return (by >= 0.0).then_some(by);
    };
    if let Some(by) = after.checked_sub(before) {
        return Some(by as f64);
    }
    let by = after.checked_add(RANGE)?.checked_sub(before)?;
    (before < RANGE && by < RANGE / 2).then_some(by as f64)
}

#[cfg(test)]
#[path = "aggregate_tests.rs"]
mod tests;
