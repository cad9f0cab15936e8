//! Samples and roll-ups added up as they come, ascending in time, without holding them.

use super::read::Rolled;
use super::{EDGE, Field};
use crate::series::aggregate::{Fold, Grid, Point, SPACINGS, Spread, increase};
use crate::series::read::newest_of_each_time;
use crate::series::{Aggregation, Breaks, resets};
use model::Timestamp;
use model::metric::Kind;

/// What is added up of a series.
pub(super) enum Sum<'a> {
    /// Its samples by themselves.
    Folds(Folds),
    /// The increases from sample to sample.
    Rates(Rates<'a>),
    /// When its device restarted.
    Restarts(Restarts),
}

impl Sum<'_> {
    /// The fields of roll-ups that are wanted for it, ascending.
    pub(super) fn fields(&self) -> &'static [Field] {
        match self {
            Self::Folds(folds) => match folds.how {
                Aggregation::Min => &[Field::Count, Field::Min],
                Aggregation::Max => &[Field::Count, Field::Max],
                Aggregation::Avg | Aggregation::Sum => &[Field::Count, Field::Sum],
                Aggregation::Last => &[Field::Count, Field::Last],
                _ => &[Field::Count],
            },
            Self::Rates(rates) if rates.how == Aggregation::Peak => &[
                Field::Count,
                Field::Increase,
                Field::Covered,
                Field::Peak,
                Field::EdgeAt,
                Field::Edge,
                Field::Cut,
            ],
            Self::Rates(_) => &[
                Field::Count,
                Field::Increase,
                Field::Covered,
                Field::EdgeAt,
                Field::Edge,
                Field::Cut,
            ],
            Self::Restarts(_) => &[Field::Count, Field::EdgeAt, Field::Edge, Field::Restart],
        }
    }

    /// Whether a rolled day is all that is needed of it. Of a counter it is not where a break that the
    /// day alone does not know of falls among the increases that were added up.
    pub(super) fn is_served_by(&self, day: &Rolled) -> bool {
        match self {
            Self::Rates(rates) => rates.is_served_by(day),
            _ => self.can_use(day),
        }
    }

    /// Whether a rolled day makes sense: it is used, where there are no samples, whatever breaks there
    /// are.
    pub(super) fn can_use(&self, day: &Rolled) -> bool {
        match self {
            Self::Folds(_) => true,
            Self::Restarts(_) => day.edges().next().is_some() || !day.restarts.is_empty(),
            Self::Rates(_) => day.has_edges(),
        }
    }

    /// Takes in samples.
    pub(super) fn raw(&mut self, points: &[Point]) {
        match self {
            Self::Folds(folds) => points.iter().for_each(|point| folds.raw(point)),
            Self::Rates(rates) => points.iter().for_each(|point| rates.raw(*point)),
            Self::Restarts(restarts) => restarts.raw(points),
        }
    }

    /// Takes in a day, with samples that came to buckets in which it has none.
    pub(super) fn rolled(&mut self, day: &Rolled, fill: &[Point]) {
        match self {
            Self::Folds(folds) => folds.rolled(day, fill),
            Self::Rates(rates) => rates.rolled(day, fill),
            Self::Restarts(restarts) => restarts.rolled(day),
        }
    }

    /// The value of each bucket that was asked for.
    pub(super) fn values(self) -> Vec<Option<f64>> {
        match self {
            Self::Folds(folds) => {
                let how = folds.how;
                folds.buckets.iter().map(|fold| fold.value(how)).collect()
            }
            Self::Rates(rates) => rates.values(),
            Self::Restarts(_) => Vec::new(),
        }
    }
}

/// Whether roll-ups have what a question of a series of that kind needs.
pub(in crate::series) fn is_rolled_up(how: Aggregation, kind: Kind) -> bool {
    match how {
        Aggregation::Count | Aggregation::Last => true,
        Aggregation::Min | Aggregation::Max | Aggregation::Avg | Aggregation::Sum => {
            kind != Kind::Counter
        }
        Aggregation::Rate | Aggregation::Increase | Aggregation::Peak => kind == Kind::Counter,
        Aggregation::Stddev | Aggregation::Quantile(_) | Aggregation::Delta => false,
    }
}

/// Samples by themselves.
pub(super) struct Folds {
    how: Aggregation,
    grid: Grid,
    buckets: Vec<Fold>,
}

impl Folds {
    pub(super) fn new(how: Aggregation, grid: Grid, count: usize) -> Self {
        Self {
            how,
            grid,
            buckets: vec![Fold::default(); count],
        }
    }

    fn raw(&mut self, (at, value): &Point) {
        if (self.grid.from..self.grid.to).contains(&at.unix_ms()) {
            self.add(at.unix_ms(), &Fold::of(value.as_f64()));
        }
    }

    /// A bucket stands where it begins, or where the range does.
    fn rolled(&mut self, day: &Rolled, fill: &[Point]) {
        let mut fill = fill.iter().peekable();
        for (start, bucket) in &day.buckets {
            while let Some(point) = fill.next_if(|(at, _)| at.unix_ms() < *start) {
                self.raw(point);
            }
            let end = start.saturating_add(day.step_ms());
            if *start < self.grid.to && end > self.grid.from {
                self.add((*start).max(self.grid.from), &bucket.fold);
            }
        }
        fill.for_each(|point| self.raw(point));
    }

    fn add(&mut self, at: i64, fold: &Fold) {
        let place = usize::try_from(self.grid.bucket(at)).ok();
        if let Some(into) = place.and_then(|place| self.buckets.get_mut(place)) {
            into.add(fold);
        }
    }
}

/// Increases from sample to sample. A pair is taken in when enough samples behind it are known to tell
/// whether it is an increase.
pub(super) struct Rates<'a> {
    how: Aggregation,
    grid: Grid,
    spreads: Vec<Spread>,
    breaks: &'a Breaks,
    /// Breaks that a day alone does not know of, ascending.
    unknown: &'a [Timestamp],
    /// The latest samples: those before the first pair that is not taken in yet, as many as tell of
    /// it, and all behind it.
    window: Vec<Point>,
    /// The place in it where that pair begins.
    next: usize,
}

impl<'a> Rates<'a> {
    pub(super) fn new(
        how: Aggregation,
        grid: Grid,
        count: usize,
        breaks: &'a Breaks,
        unknown: &'a [Timestamp],
    ) -> Self {
        Self {
            how,
            grid,
            spreads: vec![Spread::default(); count],
            breaks,
            unknown,
            window: Vec::with_capacity(2 * SPACINGS + 3),
            next: 0,
        }
    }

    fn raw(&mut self, point: Point) {
        self.window.push(point);
        // The samples of the pair, and of the spacings behind it.
        if self.window.len() >= self.next + SPACINGS + 2 {
            self.take_in();
            if self.next > SPACINGS {
                self.window.remove(0);
                self.next -= 1;
            }
        }
    }

    /// Takes in the pair whose turn it is.
    fn take_in(&mut self) {
        let at = self.next;
        self.next += 1;
        if let Some((earlier, later)) = self.whole(&self.window, at) {
            self.add(earlier, later);
        }
    }

    /// A pair of samples next to each other that touches the range, where nothing breaks it.
    fn whole(&self, points: &[Point], at: usize) -> Option<(Point, Point)> {
        let (earlier, later) = (*points.get(at)?, *points.get(at + 1)?);
        let (start, end) = (earlier.0.unix_ms(), later.0.unix_ms());
        let is_beside = end <= start || end <= self.grid.from || start >= self.grid.to;
        let is_broken = || self.breaks.restarted(earlier.0, later.0) || self.breaks.gap(points, at);
        (!is_beside && !is_broken()).then_some((earlier, later))
    }

    fn add(&mut self, earlier: Point, later: Point) {
        let (start, end) = (earlier.0.unix_ms(), later.0.unix_ms());
        if let Some(increase) = increase(earlier.1, later.1) {
            let per_ms = increase / (end as f64 - start as f64);
            self.spread(start, end, |spread, covered_ms| {
                spread.add(per_ms, covered_ms);
            });
        }
    }

    /// Does something with each bucket that has a part of `[start, end)`, and with how much it has.
    fn spread(&mut self, start: i64, end: i64, mut add: impl FnMut(&mut Spread, i64)) {
        let (start, end) = (start.max(self.grid.from), end.min(self.grid.to));
        if start >= end {
            return;
        }
        let grid = self.grid;
        for bucket in grid.bucket(start)..=grid.bucket(end.saturating_sub(1)) {
            let place = usize::try_from(bucket).ok();
            let Some(spread) = place.and_then(|place| self.spreads.get_mut(place)) else {
                break;
            };
            let (first, next) = (grid.start(bucket), grid.start(bucket + 1));
            add(spread, end.min(next).saturating_sub(start.max(first)));
        }
    }

    fn is_served_by(&self, day: &Rolled) -> bool {
        if !day.has_edges() {
            return false;
        }
        let Some((first, last)) = day.told() else {
            return true;
        };
        let next = self.unknown.partition_point(|at| *at <= first);
        self.unknown.get(next).is_none_or(|at| *at > last)
    }

    fn rolled(&mut self, day: &Rolled, fill: &[Point]) {
        if day.is_all_edges() {
            let mut all: Vec<Point> = day.edges().chain(fill.iter().copied()).collect();
            newest_of_each_time(&mut all);
            for point in all {
                self.raw(point);
            }
            return;
        }
        let (head, tail) = day.ends();
        for (_, point) in head {
            self.raw(*point);
        }
        // Pairs that no bucket has: of a day without a hole all are taken in by now.
        let told = head.iter().find(|(place, _)| *place >= SPACINGS);
        let told = told.map(|(_, (at, _))| *at);
        while self.next + 1 < self.window.len()
            && told.is_none_or(|told| self.window.get(self.next).is_some_and(|at| at.0 < told))
        {
            self.take_in();
        }
        // What was written again is told by itself.
        for run in day.runs(fill) {
            for at in 0..run.len() {
                if let Some((earlier, later)) = self.whole(run, at) {
                    self.add(earlier, later);
                }
            }
        }
        for (start, bucket) in &day.buckets {
            let told = bucket.spread;
            if told.covered_ms <= 0 {
                continue;
            }
            let step_ms = day.step_ms();
            let end = start.saturating_add(step_ms);
            self.spread(*start, end, |spread, part_ms| {
                // All of it, but where less than a bucket is asked for.
                let share = part_ms as f64 / step_ms as f64;
                let covered_ms = if part_ms == step_ms {
                    told.covered_ms
                } else {
                    scaled(told.covered_ms, part_ms, step_ms)
                };
                spread.sum += told.sum * share;
                spread.covered_ms = spread.covered_ms.saturating_add(covered_ms);
                spread.peak = spread.peak.max(told.peak);
            });
        }
        // The pairs before are in the buckets.
        let told = tail.partition_point(|(place, _)| *place < 2 * EDGE - 1 - SPACINGS);
        self.window.clear();
        self.window.extend(tail.iter().map(|(_, point)| *point));
        self.next = told;
    }

    fn values(mut self) -> Vec<Option<f64>> {
        while self.next + 1 < self.window.len() {
            self.take_in();
        }
        let how = self.how;
        self.spreads
            .into_iter()
            .map(|spread| spread.value(how))
            .collect()
    }
}

/// Of a bucket the share of a part of it, a millisecond at least, so that something is not nothing.
fn scaled(of_ms: i64, part_ms: i64, step_ms: i64) -> i64 {
    (of_ms.saturating_mul(part_ms) / step_ms.max(1)).max(1)
}

/// When a device restarted, from its samples of sysUpTime.
#[derive(Default)]
pub(super) struct Restarts {
    last: Option<Point>,
    /// All of them.
    pub(super) found: Vec<Timestamp>,
    /// Those between two samples that are not both of one day or one reading.
    pub(super) across: Vec<Timestamp>,
}

impl Restarts {
    fn raw(&mut self, points: &[Point]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        self.cross(*first);
        self.found.extend(resets(points));
        self.last = Some(*last);
    }

    fn rolled(&mut self, day: &Rolled) {
        let mut edges = day.edges();
        let first = edges.next();
        if let Some(first) = first {
            self.cross(first);
        }
        self.found.extend(&day.restarts);
        self.last = edges.next_back().or(first).or(self.last);
    }

    fn cross(&mut self, next: Point) {
        if let Some(last) = self.last {
            let found = resets(&[last, next]);
            self.across.extend(&found);
            self.found.extend(found);
        }
    }
}
