//! The samples of a series over a day, as buckets. Pure.

use super::{DAY_MS, EDGE, FIVE_MS, FIVES, FIVES_AN_HOUR};
use crate::series::aggregate::{self, Fold, Grid, Point, SPACINGS, Spread, increase};
use crate::series::{Breaks, resets};
use model::metric::Kind;
use model::{Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bucket {
    pub(super) fold: Fold,
    /// The latest sample, as it was.
    pub(super) last: Option<Value>,
    /// Of a counter: the increases that fall in it and that the day alone can tell.
    pub(super) spread: Spread,
}

impl Bucket {
    /// Takes in the bucket behind it.
    fn add(&mut self, later: &Self) {
        self.fold.add(&later.fold);
        self.last = later.last.or(self.last);
        self.spread.sum += later.spread.sum;
        self.spread.covered_ms += later.spread.covered_ms;
        self.spread.peak = self.spread.peak.max(later.spread.peak);
    }
}

/// A series' day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// By five minutes, all of the day.
    pub(super) fives: Vec<Bucket>,
    /// Of a counter: the first and the last samples of the day, [`EDGE`] each; all where there are no
    /// more than both.
    pub(super) edges: Vec<Point>,
}

impl Folded {
    /// How many samples there are.
    pub fn samples(&self) -> u64 {
        let counts = self.fives.iter().map(|bucket| bucket.fold.count);
        counts.map(u64::from).sum()
    }

    /// The same by hours.
    pub(super) fn hours(&self) -> Vec<Bucket> {
        let hours = self.fives.chunks(FIVES_AN_HOUR).map(|fives| {
            let mut hour = Bucket::default();
            for five in fives {
                hour.add(five);
            }
            hour
        });
        hours.collect()
    }
}

/// Folds the samples of a series over the UTC day that begins at `day`: ascending in time, none of
/// another day. `restarts` is when the device restarted in it.
pub fn fold(points: &[Point], day: Timestamp, kind: Kind, restarts: &[Timestamp]) -> Folded {
    let mut fives = vec![Bucket::default(); FIVES];
    for (at, value) in points {
        let row = row_of(*at, (day, FIVE_MS));
        if let Some(bucket) = row.and_then(|row| fives.get_mut(row)) {
            bucket.fold.add(&Fold::of(value.as_f64()));
            bucket.last = Some(*value);
        }
    }
    if kind != Kind::Counter {
        let edges = Vec::new();
        return Folded { fives, edges };
    }
    let Some(inner) = points.len().checked_sub(2 * EDGE).filter(|more| *more > 0) else {
        let edges = points.to_vec();
        return Folded { fives, edges };
    };
    let (head, rest) = points.split_at(EDGE.min(points.len()));
    let tail = rest.get(inner..).unwrap_or_default();
    // The others at each end wait for what the days beside it have.
    let told = SPACINGS..points.len() - SPACINGS - 1;
    // Each of these pairs has others next to it, so how long a poll is meant to be plays no part.
    let breaks = Breaks::new(Duration::from_mins(1), restarts.to_vec(), &[]);
    let end = Timestamp::from_unix_ms(day.unix_ms().saturating_add(DAY_MS));
    let grid = Grid::new(day, end, Duration::from_mins(5));
    let spreads = aggregate::spread(points, &grid, FIVES, |at, (earlier, later)| {
        let is_whole =
            told.contains(&at) && !breaks.restarted(earlier.0, later.0) && !breaks.gap(points, at);
        increase(earlier.1, later.1).filter(|_| is_whole)
    });
    for (bucket, spread) in fives.iter_mut().zip(spreads) {
        bucket.spread = spread;
    }
    let edges = [head, tail].concat();
    Folded { fives, edges }
}

/// Samples of a day by buckets of some milliseconds, those that have any.
pub(super) fn folded(
    points: &[Point],
    (day, step_ms): (Timestamp, i64),
) -> BTreeMap<usize, Bucket> {
    let mut buckets: BTreeMap<usize, Bucket> = BTreeMap::new();
    for (at, value) in points {
        if let Some(row) = row_of(*at, (day, step_ms)) {
            let bucket = buckets.entry(row).or_default();
            bucket.fold.add(&Fold::of(value.as_f64()));
            bucket.last = Some(*value);
        }
    }
    buckets
}

/// What the samples of a counter that came to buckets of which nothing was known tell by themselves: in runs
/// between those of which something is.
pub(super) fn filling(
    points: &[Point],
    (day, step_ms): (Timestamp, i64),
    restarts: &[Timestamp],
    known: &BTreeSet<usize>,
) -> BTreeMap<usize, Spread> {
    let breaks = Breaks::new(Duration::from_mins(1), restarts.to_vec(), &[]);
    let end = Timestamp::from_unix_ms(day.unix_ms().saturating_add(DAY_MS));
    let step = Duration::from_millis(step_ms.unsigned_abs());
    let grid = Grid::new(day, end, step);
    let rows = usize::try_from(DAY_MS / step_ms.max(1)).unwrap_or(0);
    let place = |at: Timestamp| {
        let row = row_of(at, (day, step_ms)).unwrap_or(usize::MAX);
        (known.range(..row).count(), known.contains(&row))
    };
    let mut all: BTreeMap<usize, Spread> = BTreeMap::new();
    for run in points.chunk_by(|a, b| place(a.0) == place(b.0)) {
        if run.first().is_none_or(|(at, _)| place(*at).1) {
            continue;
        }
        let spreads = aggregate::spread(run, &grid, rows, |at, (earlier, later)| {
            let is_whole = !breaks.restarted(earlier.0, later.0) && !breaks.gap(run, at);
            increase(earlier.1, later.1).filter(|_| is_whole)
        });
        let told = spreads.into_iter().enumerate();
        all.extend(told.filter(|(_, spread)| spread.covered_ms > 0 && spread.sum.is_finite()));
    }
    all
}

fn row_of(at: Timestamp, (day, step_ms): (Timestamp, i64)) -> Option<usize> {
    let behind = at.unix_ms().checked_sub(day.unix_ms())?;
    usize::try_from(behind.div_euclid(step_ms.max(1))).ok()
}

/// When a device was up, as its day tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Uptime {
    /// When it restarted between two samples of the day.
    pub(super) restarts: Vec<Timestamp>,
    /// The first sample and the last, from which restarts across the ends of the day are told.
    pub(super) ends: Vec<Point>,
}

impl Uptime {
    /// Of the day's samples of sysUpTime, ascending.
    pub(super) fn of(points: &[Point]) -> Self {
        Self {
            restarts: resets(points),
            ends: points
                .first()
                .into_iter()
                .chain(points.last())
                .copied()
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
