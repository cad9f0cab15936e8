//! Answering how series were by steps of time: of roll-ups where they are all that is needed, of
//! samples else.
//!
//! The range is gone through by UTC days, and what there is of each is added up: a day that is in the
//! range as a whole is taken of its roll-ups where the step is a multiple of their buckets and where
//! they are of all its samples; all else, and the first day and the last, of samples. Where samples are
//! gone and roll-ups are there, these are taken whatever the step.

use super::ask::{Ask, Grain, Part, Stepped};
use super::cache::Cache;
use super::days::{self, Day};
use super::read::Rolled;
use super::sums::{Folds, Rates, Restarts, Sum, is_rolled_up};
use crate::blocks::{Column, Level};
use crate::pack::PackId;
use crate::series::aggregate::{Grid, bucket_count};
use crate::series::parts::Parts;
use crate::series::read;
use crate::series::registry::with;
use crate::series::{Aggregation, BUCKETS_MAX, Breaks, SeriesError, aggregate};
use model::metric::Kind;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What is read on either side of the range, so that pairs across its edges have others next to them.
const MARGIN_POLLS: u32 = 8;
/// The least of that, for what was polled less often than now.
const MARGIN_MIN: Duration = Duration::from_mins(5);

/// Series that are read at once: a month by hours of one is 100 KB in memory.
const SERIES_AT_ONCE: usize = 512;
/// Where they are read by five minutes: a month of one is a megabyte.
const FINE_SERIES_AT_ONCE: usize = 64;

/// What is read on either side of where a long range is cut, so that parts put together are what one
/// reading would give, also of what is polled seldom.
const CUT_MARGIN: Duration = Duration::from_hours(24);

/// Samples of a series that are read at once where all of a step are needed together: 16 MB.
const SAMPLES_AT_ONCE: i64 = 500_000;
/// The shortest time between two samples of a series that it is reckoned with: the shortest interval
/// that may be set. Up to two and a half times as many fit
/// ([`ROWS_PER_SEAL_MAX`](crate::series::ROWS_PER_SEAL_MAX)).
const SPACING_MIN_MS: i64 = 5_000;

/// Answers for series of a device, in the order of `columns`. What is of a metric that is not known has
/// no kind, and is read of samples alone.
pub(in crate::series) fn steps(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[(Column, Option<Kind>)],
    ask: &Ask,
) -> Result<Vec<Stepped>, SeriesError> {
    read::touch(parts, device_id)?;
    let mut ascending = columns.to_vec();
    ascending.sort_unstable_by_key(|(column, _)| *column);
    ascending.dedup_by_key(|(column, _)| *column);
    let rated = |how| {
        matches!(
            how,
            Aggregation::Rate | Aggregation::Increase | Aggregation::Peak
        )
    };
    let margin = match ask.how {
        Aggregation::Delta => margin_of(ask.interval),
        how if rated(how) => margin_of(ask.interval),
        _ => Duration::ZERO,
    };
    let walk = Walk::new(device_id, ask, margin);
    let restarts = if rated(ask.how) {
        let uptime = with(&parts.index, |index| index.uptime_column(device_id));
        walk.restarts(parts, uptime)?
    } else {
        Restarts::default()
    };
    let mut unknown: Vec<Timestamp> = restarts.across;
    unknown.extend(&ask.replaced);
    unknown.sort_unstable();
    let breaks = Breaks::new(ask.interval, restarts.found, &ask.replaced);
    let served = |kind: &Option<Kind>| kind.is_some_and(|kind| is_rolled_up(ask.how, kind));
    let (rolled, others): (Vec<_>, Vec<_>) = ascending
        .iter()
        .copied()
        .partition(|(_, kind)| served(kind));
    let mut answers: BTreeMap<Column, Stepped> = BTreeMap::new();
    let grid = Grid::new(ask.from, ask.to, ask.step);
    let count = bucket_count(ask.from, ask.to, ask.step).min(BUCKETS_MAX);
    let at_once = if walk.grains.as_slice() == [Grain::FiveMinutes] {
        FINE_SERIES_AT_ONCE
    } else {
        SERIES_AT_ONCE
    };
    for lot in rolled.chunks(at_once) {
        let columns: Vec<Column> = lot.iter().map(|(column, _)| *column).collect();
        let sum = |_: &Column| {
            if rated(ask.how) {
                Sum::Rates(Rates::new(ask.how, grid, count, &breaks, &unknown))
            } else {
                Sum::Folds(Folds::new(ask.how, grid, count))
            }
        };
        let mut sums: Vec<Sum> = columns.iter().map(sum).collect();
        let told = walk.through(parts, &columns, &mut sums)?;
        for ((column, sum), parts) in columns.iter().zip(sums).zip(told) {
            let starts = (0..).map(|n: i64| Timestamp::from_unix_ms(grid.start(n)));
            let steps = starts.zip(sum.values()).collect();
            answers.insert(*column, Stepped { steps, parts });
        }
    }
    for (column, _) in others {
        let steps = of_samples(parts, device_id, column, ask, margin, &breaks)?;
        let parts = all_raw(ask.from, ask.to);
        answers.insert(column, Stepped { steps, parts });
    }
    let answer = |(column, _): &(Column, Option<Kind>)| answers.get(column).cloned();
    Ok(columns
        .iter()
        .map(|of| answer(of).unwrap_or_default())
        .collect())
}

/// The steps of a series that is not there.
pub(in crate::series) fn nothing(ask: &Ask) -> Stepped {
    let grid = Grid::new(ask.from, ask.to, ask.step);
    let count = bucket_count(ask.from, ask.to, ask.step).min(BUCKETS_MAX);
    let starts = (0..).map(|n: i64| Timestamp::from_unix_ms(grid.start(n)));
    Stepped {
        steps: starts.take(count).map(|start| (start, None)).collect(),
        parts: all_raw(ask.from, ask.to),
    }
}

fn all_raw(from: Timestamp, to: Timestamp) -> Vec<Part> {
    let mut told = Vec::new();
    tell(&mut told, from, to, Grain::Raw);
    told
}

fn margin_of(interval: Duration) -> Duration {
    (interval * MARGIN_POLLS).max(MARGIN_MIN)
}

/// Steps for which all samples are needed together, or that roll-ups do not have: some steps at a time.
fn of_samples(
    parts: &Parts,
    device_id: DeviceId,
    column: Column,
    ask: &Ask,
    margin: Duration,
    breaks: &Breaks,
) -> Result<Vec<(Timestamp, Option<f64>)>, SeriesError> {
    let step_ms = Grid::new(ask.from, ask.to, ask.step).step;
    // A part is whole steps, so that parts put together are what one reading would give.
    let part_ms = (SAMPLES_AT_ONCE * SPACING_MIN_MS / step_ms).max(1);
    let part_ms = part_ms.saturating_mul(step_ms);
    let mut steps = Vec::new();
    let mut from = ask.from;
    while from < ask.to && steps.len() < BUCKETS_MAX {
        in_time(ask.until)?;
        let first = from.unix_ms().div_euclid(step_ms).saturating_mul(step_ms);
        let to = Timestamp::from_unix_ms(first.saturating_add(part_ms)).min(ask.to);
        let beside = |is_cut| {
            if is_cut {
                CUT_MARGIN.max(margin)
            } else {
                margin
            }
        };
        let early = from.minus(beside(from > ask.from && !margin.is_zero()));
        let late = to.plus(beside(to < ask.to && !margin.is_zero()));
        let points = read::read(parts, device_id, column, early, late)?;
        steps.extend(aggregate(&points, from, to, ask.step, ask.how, breaks));
        from = to;
    }
    steps.truncate(BUCKETS_MAX);
    Ok(steps)
}

/// Whether somebody still waits.
fn in_time(until: Option<Instant>) -> Result<(), SeriesError> {
    if until.is_none_or(|until| Instant::now() < until) {
        Ok(())
    } else {
        Err(SeriesError::GivenUp)
    }
}

/// A range that is gone through.
struct Walk<'a> {
    device_id: DeviceId,
    ask: &'a Ask,
    /// The range, and what is read on either side.
    begin: Timestamp,
    end: Timestamp,
    /// The roll-ups that answer the step, the coarsest first.
    grains: Vec<Grain>,
}

/// What there is of a device in a range.
struct There {
    days: BTreeMap<Timestamp, Day>,
    /// Days of which something was not in packs.
    loose: BTreeSet<Timestamp>,
}

impl<'a> Walk<'a> {
    fn new(device_id: DeviceId, ask: &'a Ask, margin: Duration) -> Self {
        let step_ms = Grid::new(ask.from, ask.to, ask.step).step;
        let mut grains = vec![Grain::Hours, Grain::FiveMinutes];
        grains.retain(|grain| step_ms % grain.step_ms() == 0);
        Self {
            device_id,
            ask,
            begin: ask.from.minus(margin),
            end: ask.to.plus(margin),
            grains,
        }
    }

    fn restarts(&self, parts: &Parts, uptime: Option<Column>) -> Result<Restarts, SeriesError> {
        let Some(uptime) = uptime else {
            return Ok(Restarts::default());
        };
        let mut sums = [Sum::Restarts(Restarts::default())];
        // Any roll-up tells of them.
        let walk = Walk {
            device_id: self.device_id,
            ask: self.ask,
            begin: self.begin,
            end: self.end,
            grains: vec![Grain::Hours, Grain::FiveMinutes],
        };
        walk.through(parts, &[uptime], &mut sums)?;
        let [Sum::Restarts(restarts)] = sums else {
            return Ok(Restarts::default());
        };
        Ok(restarts)
    }

    /// Looks at what there is the way that samples go, so that what moves meanwhile is seen of one or
    /// of both: first the head, then patches, then packs.
    fn there(&self, parts: &Parts) -> Result<There, SeriesError> {
        let day = |ms: i64| Level::Day.start(Timestamp::from_unix_ms(ms));
        let held = parts.head.starts_of(self.device_id).into_iter();
        let mut loose: BTreeSet<Timestamp> = held.map(day).collect();
        let first = Level::Day.start(self.begin);
        for patched in parts.blocks.days()? {
            if patched < first || patched >= self.end {
                continue;
            }
            let keys = parts.blocks.keys(patched, Level::Day.end(patched))?;
            if keys.iter().any(|key| key.device_id == self.device_id) {
                loose.insert(patched);
            }
        }
        loose.retain(|day| *day >= first && *day < self.end);
        let days = days::days(&parts.packs.list(), self.begin, self.end);
        Ok(There { days, loose })
    }

    /// Adds up what there is of series, which ascend, and answers what of each was made of what.
    fn through(
        &self,
        parts: &Parts,
        columns: &[Column],
        sums: &mut [Sum],
    ) -> Result<Vec<Vec<Part>>, SeriesError> {
        let fields = sums.first().map_or(&[][..], Sum::fields);
        let there = self.there(parts)?;
        let mut told: Vec<Vec<Part>> = vec![Vec::new(); columns.len()];
        let mut cache = Cache {
            parts,
            columns,
            fields,
            end: self.end,
            device_id: self.device_id,
            loaded: Vec::new(),
        };
        let all: BTreeSet<Timestamp> = there.days.keys().chain(&there.loose).copied().collect();
        let nothing = Day::default();
        for day in all {
            in_time(self.ask.until)?;
            let of = there.days.get(&day).unwrap_or(&nothing);
            let is_loose = there.loose.contains(&day);
            let chosen = self.choose(day, of, is_loose, &mut cache);
            let (begin, end) = (day.max(self.begin), Level::Day.end(day).min(self.end));
            // What was deleted since they were made is not taken of them.
            let hidden = chosen.as_ref().and_then(|chosen| {
                let (generation, whole) = (chosen.id.generation, (day, Level::Day.end(day)));
                parts.tombstones.of_pack(self.device_id, generation, whole)
            });
            let hidden_of = |place: usize| {
                let (hidden, column) = hidden.as_ref().zip(columns.get(place))?;
                Some(hidden.ranges(*column)).filter(|ranges| !ranges.is_empty())
            };
            let mut wanted = Vec::new();
            for (place, (sum, told)) in sums.iter_mut().zip(&mut told).enumerate() {
                let rolled = chosen
                    .as_ref()
                    .filter(|chosen| chosen.serves && hidden_of(place).is_none())
                    .and_then(|chosen| chosen.day(&cache, place, day));
                match rolled {
                    Some(rolled) if sum.is_served_by(&rolled) => {
                        sum.rolled(&rolled);
                        let (from, to) = (begin.max(self.ask.from), end.min(self.ask.to));
                        tell(told, from, to, rolled.grain());
                    }
                    _ => wanted.push(place),
                }
            }
            let raw: Vec<Column> = wanted
                .iter()
                .filter_map(|n| columns.get(*n))
                .copied()
                .collect();
            if raw.is_empty() {
                continue;
            }
            let points = read::read_many(parts, self.device_id, &raw, begin, end)?;
            for (place, points) in wanted.into_iter().zip(points) {
                let (Some(sum), Some(told)) = (sums.get_mut(place), told.get_mut(place)) else {
                    continue;
                };
                let mut grain = Grain::Raw;
                // Where its samples are gone, roll-ups that do not know of a break, or of what came
                // since, are all there is.
                let rolled = chosen
                    .as_ref()
                    .and_then(|chosen| Some((chosen, chosen.day(&cache, place, day)?)));
                let ranges = hidden_of(place);
                let is_cut = ranges.is_some();
                let rolled = rolled.map(|(chosen, rolled)| match ranges {
                    Some(ranges) => (chosen, rolled.without(ranges)),
                    None => (chosen, rolled),
                });
                let has_more = |chosen: &Chosen, rolled: &Rolled| {
                    if is_cut {
                        return rolled.left_of(&points) < rolled.left();
                    }
                    points.is_empty() || (chosen.fits && (points.len() as u64) < rolled.count)
                };
                match rolled {
                    Some((chosen, rolled)) if has_more(chosen, &rolled) && sum.can_use(&rolled) => {
                        sum.rolled(&rolled);
                        grain = rolled.grain();
                    }
                    _ => sum.raw(&points),
                }
                tell(told, begin.max(self.ask.from), end.min(self.ask.to), grain);
            }
        }
        for told in &mut told {
            self.fill(told);
        }
        Ok(told)
    }

    /// Days of which there is nothing are told as samples of which there are none.
    fn fill(&self, told: &mut Vec<Part>) {
        let mut all = Vec::with_capacity(told.len());
        let mut from = self.ask.from;
        for part in told.drain(..) {
            tell(&mut all, from, part.from, Grain::Raw);
            tell(&mut all, part.from, part.to, part.grain);
            from = part.to;
        }
        tell(&mut all, from, self.ask.to, Grain::Raw);
        *told = all;
    }

    /// The roll-ups to take a day of, if any.
    fn choose(
        &self,
        day: Timestamp,
        of: &Day,
        is_loose: bool,
        cache: &mut Cache,
    ) -> Option<Chosen> {
        let (from, to) = (self.ask.from, self.ask.to);
        let next = Level::Day.end(day);
        if day >= to || next <= from {
            return None;
        }
        let is_whole = day >= from && next <= to;
        let others = [Grain::FiveMinutes, Grain::Hours];
        let fits = |grain: Grain| self.grains.contains(&grain);
        let others = others.into_iter().filter(|grain| !fits(*grain));
        let all = self.grains.iter().copied().chain(others);
        for grain in all.collect::<Vec<Grain>>() {
            for id in of.rolled(grain.kind()).iter().rev() {
                let fits = is_whole && fits(grain);
                let serves = fits && !is_loose && !of.after(id).any(|id| cache.has_device(id));
                // Else it is used for series of which what it was made of is gone: it is all there is.
                if !serves && of.before(id).any(|id| cache.has_device(id)) {
                    continue;
                }
                if cache.load(id, day) {
                    return Some(Chosen {
                        id: *id,
                        grain,
                        fits,
                        serves,
                    });
                }
            }
        }
        None
    }
}

/// Appends a part, to the one before where it is of the same.
fn tell(told: &mut Vec<Part>, from: Timestamp, to: Timestamp, grain: Grain) {
    if from >= to {
        return;
    }
    match told.last_mut() {
        Some(last) if last.grain == grain && last.to == from => last.to = to,
        _ => told.push(Part { from, to, grain }),
    }
}

/// Roll-ups that were chosen for a day.
struct Chosen {
    id: PackId,
    grain: Grain,
    /// The day lies in the range as a whole, and the steps are of whole buckets.
    fits: bool,
    /// It is of all the samples that there are, whatever series it is asked for.
    serves: bool,
}

impl Chosen {
    /// The day of a series.
    fn day(&self, cache: &Cache, place: usize, day: Timestamp) -> Option<Rolled> {
        cache.get(&self.id)?.day(place, day, self.grain)
    }
}
