//! Answering how series were by steps of time: of roll-ups where they are all that is needed, of
//! samples else.
//!
//! The range is gone through by UTC days, and what there is of each is added up: a day that is in the
//! range as a whole is taken of its roll-ups where the step is a multiple of their buckets and where
//! they are of all its samples; all else, and the first day and the last, of samples. Where roll-ups are
//! of more samples than there are, as these are not kept as long, roll-ups are taken; where there are no
//! samples any more, whatever the step. Samples of archived days that are not here are fetched where roll-ups
//! do not answer.

use super::ask::{Ask, Budget, Grain, Part, Stepped};
use super::cache::Cache;
use super::days::{self, Day};
use super::read::{Rolled, Wanted};
use super::sums::{Folds, Rates, Restarts, Sum, is_rolled_up};
use crate::blocks::{Column, Level};
use crate::pack::PackId;
use crate::series::aggregate::{Grid, bucket_count};
use crate::series::cold::fetch;
use crate::series::parts::Parts;
use crate::series::read;
use crate::series::registry::with;
use crate::series::tombstones::Hidden;
use crate::series::{Aggregation, BUCKETS_MAX, Breaks, Points, SeriesError, aggregate};
use model::metric::Kind;
use model::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What is read on either side of the range, so that pairs across its edges have others next to them.
const MARGIN_POLLS: u32 = 8;
/// The least of that, for what was polled less often than now.
const MARGIN_MIN: Duration = Duration::from_mins(5);

/// Samples and steps that are held at once of series that are read together, 24 to 40 octets each.
const HELD_MAX: usize = 2_000_000;
/// Samples of a day of a series that is polled as often as may be.
const A_DAY_MAX: usize = 17_280;

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
    budget: &mut Budget,
) -> Result<Vec<Stepped>, SeriesError> {
    let mut ascending = columns.to_vec();
    ascending.sort_unstable_by_key(|(column, _)| *column);
    ascending.dedup_by_key(|(column, _)| *column);
    let mut answers: BTreeMap<Column, Stepped> = BTreeMap::new();
    each(
        parts,
        device_id,
        &ascending,
        ask,
        budget,
        |column, steps| {
            answers.insert(column, steps);
            Ok::<(), SeriesError>(())
        },
    )?;
    // A column that is asked for twice is answered twice.
    let once = columns.len() == ascending.len();
    let answer = |(column, _): &(Column, Option<Kind>)| {
        if once {
            answers.remove(column)
        } else {
            answers.get(column).cloned()
        }
    };
    let all = columns.iter().map(answer);
    Ok(all.map(Option::unwrap_or_default).collect())
}

/// As [`steps`], of columns that ascend, each once: hands over each when it is made, those that roll-ups
/// answer first, so that only some are in memory.
pub(in crate::series) fn each<E: From<SeriesError>>(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[(Column, Option<Kind>)],
    ask: &Ask,
    budget: &mut Budget,
    mut take: impl FnMut(Column, Stepped) -> Result<(), E>,
) -> Result<(), E> {
    read::touch(parts, device_id)?;
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
        walk.restarts(parts, uptime, budget)?
    } else {
        Restarts::default()
    };
    let mut unknown: Vec<Timestamp> = restarts.across;
    unknown.extend(&ask.replaced);
    unknown.sort_unstable();
    let breaks = Breaks::new(ask.interval, restarts.found, &ask.replaced);
    let served = |kind: &Option<Kind>| kind.is_some_and(|kind| is_rolled_up(ask.how, kind));
    let (rolled, others): (Vec<_>, Vec<_>) =
        columns.iter().copied().partition(|(_, kind)| served(kind));
    let grid = Grid::new(ask.from, ask.to, ask.step);
    let count = bucket_count(ask.from, ask.to, ask.step).min(BUCKETS_MAX);
    for lot in rolled.chunks(walk.at_once(count)) {
        let columns: Vec<Column> = lot.iter().map(|(column, _)| *column).collect();
        let sum = |_: &Column| {
            if rated(ask.how) {
                Sum::Rates(Rates::new(ask.how, grid, count, &breaks, &unknown))
            } else {
                Sum::Folds(Folds::new(ask.how, grid, count))
            }
        };
        let mut sums: Vec<Sum> = columns.iter().map(sum).collect();
        let told = walk.through(parts, &columns, &mut sums, budget)?;
        for ((column, sum), parts) in columns.iter().zip(sums).zip(told) {
            let starts = (0..).map(|n: i64| Timestamp::from_unix_ms(grid.start(n)));
            let steps = starts.zip(sum.values()).collect();
            take(*column, Stepped { steps, parts })?;
        }
    }
    for (column, _) in others {
        let steps = of_samples(parts, (device_id, column), ask, margin, &breaks, budget)?;
        let range = (ask.from, ask.to);
        let parts = budget.fetch.parts_of(device_id, column, range);
        take(column, Stepped { steps, parts })?;
    }
    Ok(())
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
    (device_id, column): (DeviceId, Column),
    ask: &Ask,
    margin: Duration,
    breaks: &Breaks,
    budget: &mut Budget,
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
        let points = many(parts, device_id, &[column], (early, late), budget)?;
        let points = points.first().map_or(&[][..], Vec::as_slice);
        steps.extend(aggregate(points, from, to, ask.step, ask.how, breaks));
        from = to;
    }
    steps.truncate(BUCKETS_MAX);
    Ok(steps)
}

/// Samples of several columns, within what may be read.
fn many(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    range: (Timestamp, Timestamp),
    budget: &mut Budget,
) -> Result<Vec<Points>, SeriesError> {
    let (max, fetch) = (budget.left(), Some(&mut budget.fetch));
    let read = read::read_at_most(parts, device_id, columns, range, max, fetch)?;
    counted(read, budget)
}

/// As [`many`], of what is here.
fn kept_here(
    parts: &Parts,
    device_id: DeviceId,
    columns: &[Column],
    range: (Timestamp, Timestamp),
    budget: &mut Budget,
) -> Result<Vec<Points>, SeriesError> {
    let read = read::read_at_most(parts, device_id, columns, range, budget.left(), None)?;
    counted(read, budget)
}

fn counted(read: Option<Vec<Points>>, budget: &mut Budget) -> Result<Vec<Points>, SeriesError> {
    let Some(all) = read else {
        return Err(budget.spent());
    };
    for points in &all {
        budget.take(points.len())?;
    }
    Ok(all)
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

    /// Series that are read at once: what is held of one are its steps, or a day of samples.
    fn at_once(&self, steps: usize) -> usize {
        let most = if self.grains.contains(&Grain::Hours) {
            SERIES_AT_ONCE
        } else {
            FINE_SERIES_AT_ONCE
        };
        (HELD_MAX / steps.max(A_DAY_MAX)).clamp(1, most)
    }

    fn restarts(
        &self,
        parts: &Parts,
        uptime: Option<Column>,
        budget: &mut Budget,
    ) -> Result<Restarts, SeriesError> {
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
        walk.through(parts, &[uptime], &mut sums, budget)?;
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
        budget: &mut Budget,
    ) -> Result<Vec<Vec<Part>>, SeriesError> {
        let fields = sums.first().map_or(&[][..], Sum::fields);
        let numbers = fields.iter().filter(|field| !field.is_list()).count();
        let mut there = self.there(parts)?;
        let mut told: Vec<Vec<Part>> = vec![Vec::new(); columns.len()];
        let mut cache = Cache {
            parts,
            wanted: Wanted::new(columns, fields),
            end: self.end,
            device_id: self.device_id,
            loaded: Vec::new(),
            is_stale: false,
        };
        for day in self.days(parts, &there) {
            in_time(self.ask.until)?;
            let chosen = self.listed(&mut there, &mut cache, |there, cache| {
                self.choose(day, there, cache)
            })?;
            let (begin, end) = (day.max(self.begin), Level::Day.end(day).min(self.end));
            let asked = (begin.max(self.ask.from), end.min(self.ask.to));
            // What was deleted since they were made is not taken of them.
            let hidden = self.hidden_since(parts, chosen.as_ref(), day);
            let mut wanted = Vec::new();
            for (place, (sum, told)) in sums.iter_mut().zip(&mut told).enumerate() {
                let rolled = chosen
                    .as_ref()
                    .filter(|chosen| {
                        chosen.serves && ranges(hidden.as_ref(), columns.get(place)).is_none()
                    })
                    .and_then(|chosen| chosen.day(&cache, place, day));
                match rolled {
                    Some(rolled) if sum.is_served_by(&rolled) => {
                        budget.take(rolled.numbers(numbers))?;
                        sum.rolled(&rolled, &[]);
                        tell(told, asked.0, asked.1, rolled.grain());
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
            let both = (&mut there, &mut cache);
            let points = self.samples(both, (day, (begin, end)), (&wanted, &raw), budget)?;
            let raw = raw.into_iter().zip(&points);
            let bare: Vec<Column> = raw
                .filter(|(_, points)| points.is_empty())
                .map(|(column, _)| column)
                .collect();
            let spare = if chosen.is_none() && !bare.is_empty() {
                self.spare(&mut there, &mut cache, day, &bare, budget)?
            } else {
                None
            };
            let of_spare = spare.as_ref().map(|spare| &spare.chosen);
            let spare_hidden = self.hidden_since(parts, of_spare, day);
            for (place, points) in wanted.into_iter().zip(points) {
                let (Some(sum), Some(told)) = (sums.get_mut(place), told.get_mut(place)) else {
                    continue;
                };
                // Where samples went, roll-ups that do not know of a break, or of what came since, are
                // the more that there is.
                let column = columns.get(place);
                let rolled = match (&chosen, &spare) {
                    (Some(chosen), _) => {
                        let rolled = chosen.day(&cache, place, day);
                        let ranges = ranges(hidden.as_ref(), column);
                        more_than(rolled, ranges, &points)
                    }
                    (None, Some(spare)) if points.is_empty() => {
                        let there = column.and_then(|column| spare.there.get(column));
                        let rolled = spare.chosen.day(&cache, place, day);
                        let ranges = ranges(spare_hidden.as_ref(), column);
                        more_than(rolled, ranges, there.unwrap_or(&points))
                    }
                    _ => None,
                };
                let of_column = |column: &Column| {
                    let fetch = &budget.fetch;
                    fetch.grain_of(day, self.device_id, *column)
                };
                let mut grain = column.map_or(Grain::Raw, of_column);
                match rolled {
                    Some((rolled, fill)) if sum.can_use(&rolled) => {
                        budget.take(rolled.numbers(numbers))?;
                        sum.rolled(&rolled, &fill);
                        grain = rolled.grain();
                    }
                    _ => sum.raw(&points),
                }
                tell(told, asked.0, asked.1, grain);
            }
        }
        for told in &mut told {
            self.fill(told);
        }
        Ok(told)
    }

    /// The samples of a day of columns, whose places are wanted. Beside the range they are for one pair: no
    /// day is fetched for that where roll-ups answer, which have the samples at its edges.
    fn samples(
        &self,
        (there, cache): (&mut There, &mut Cache),
        (day, range): (Timestamp, (Timestamp, Timestamp)),
        (wanted, columns): (&[usize], &[Column]),
        budget: &mut Budget,
    ) -> Result<Vec<Points>, SeriesError> {
        let (parts, device_id) = (cache.parts, self.device_id);
        let is_beside = day >= self.ask.to || Level::Day.end(day) <= self.ask.from;
        if !is_beside || self.grains.is_empty() {
            return many(parts, device_id, columns, range, budget);
        }
        let mut here = kept_here(parts, device_id, columns, range, budget)?;
        self.with_edges((there, cache), (day, range), (wanted, columns), &mut here)?;
        Ok(here)
    }

    /// The days of which there is anything, here or in the archive.
    fn days(&self, parts: &Parts, there: &There) -> BTreeSet<Timestamp> {
        let archived = fetch::days(parts, self.begin, self.end);
        let archived = archived.iter().map(|archived| archived.day);
        let here = there.days.keys().chain(&there.loose).copied();
        here.chain(archived).collect()
    }

    /// What was deleted of a day since its roll-ups were made.
    fn hidden_since(
        &self,
        parts: &Parts,
        chosen: Option<&Chosen>,
        day: Timestamp,
    ) -> Option<Hidden> {
        let generation = chosen?.id.generation;
        let day = (day, Level::Day.end(day));
        parts.tombstones.of_pack(self.device_id, generation, day)
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

    /// What is found of what is listed; again, where one of it went meanwhile, as what took its place is
    /// listed now.
    fn listed<T>(
        &self,
        there: &mut There,
        cache: &mut Cache,
        find: impl Fn(&There, &mut Cache) -> T,
    ) -> Result<T, SeriesError> {
        let found = find(there, cache);
        if !cache.was_stale() {
            return Ok(found);
        }
        *there = self.there(cache.parts)?;
        let found = find(there, cache);
        cache.was_stale();
        Ok(found)
    }

    /// The roll-ups to take a day of, if any: where it lies in the range as a whole, and the steps are of
    /// whole buckets.
    fn choose(&self, day: Timestamp, there: &There, cache: &mut Cache) -> Option<Chosen> {
        if day < self.ask.from || Level::Day.end(day) > self.ask.to {
            return None;
        }
        let of = there.days.get(&day)?;
        for grain in self.grains.iter().copied() {
            for id in of.rolled(grain.kind()).iter().rev() {
                if cache.load(id, day) {
                    let is_loose = there.loose.contains(&day);
                    let serves = !is_loose && !of.after(id).any(|id| cache.has_device(id));
                    return Some(Chosen {
                        id: *id,
                        grain,
                        serves,
                    });
                }
            }
        }
        None
    }

    /// The roll-ups of a day for series that have no samples in the part of it that is asked for: where
    /// those of the day went, they are all there is, whatever the step.
    fn spare(
        &self,
        there: &mut There,
        cache: &mut Cache,
        day: Timestamp,
        bare: &[Column],
        budget: &mut Budget,
    ) -> Result<Option<Spare>, SeriesError> {
        let next = Level::Day.end(day);
        if day >= self.ask.to || next <= self.ask.from {
            return Ok(None);
        }
        let Some((chosen, may_be_there)) = self.any_rolled(there, cache, day)? else {
            return Ok(None);
        };
        let mut there = BTreeMap::new();
        // It may be that nothing was polled in the part alone.
        if may_be_there && (day < self.begin || next > self.end) {
            let points = many(cache.parts, self.device_id, bare, (day, next), budget)?;
            there.extend(bare.iter().copied().zip(points));
        }
        Ok(Some(Spare { chosen, there }))
    }

    /// The roll-ups of a day, whatever the step; and whether samples of before them may be there.
    fn any_rolled(
        &self,
        there: &mut There,
        cache: &mut Cache,
        day: Timestamp,
    ) -> Result<Option<(Chosen, bool)>, SeriesError> {
        let others = [Grain::FiveMinutes, Grain::Hours];
        let others = others.iter().filter(|grain| !self.grains.contains(grain));
        let all: Vec<Grain> = self.grains.iter().chain(others).copied().collect();
        self.listed(there, cache, |there, cache| {
            let of = there.days.get(&day)?;
            for grain in all.iter().copied() {
                for id in of.rolled(grain.kind()).iter().rev() {
                    if cache.load(id, day) {
                        let (id, serves) = (*id, false);
                        let may_be_there = of.before(&id).any(|id| cache.has_device(id));
                        return Some((Chosen { id, grain, serves }, may_be_there));
                    }
                }
            }
            None
        })
    }

    /// Lays what roll-ups of a day beside the range have of its edges under the samples that are here of
    /// it, where some of these went.
    fn with_edges(
        &self,
        (there, cache): (&mut There, &mut Cache),
        (day, range): (Timestamp, (Timestamp, Timestamp)),
        (wanted, columns): (&[usize], &[Column]),
        here: &mut [Points],
    ) -> Result<(), SeriesError> {
        let parts = cache.parts;
        let is_cold = !fetch::days(parts, day, Level::Day.end(day)).is_empty();
        if !is_cold && here.iter().all(|points| !points.is_empty()) {
            return Ok(());
        }
        let Some((chosen, _)) = self.any_rolled(there, cache, day)? else {
            return Ok(());
        };
        let hidden = self.hidden_since(parts, Some(&chosen), day);
        for ((place, column), points) in wanted.iter().zip(columns).zip(here) {
            let rolled = chosen.day(cache, *place, day).filter(Rolled::has_edges);
            let Some(rolled) = rolled.filter(|_| is_cold || points.is_empty()) else {
                continue;
            };
            let hidden = ranges(hidden.as_ref(), Some(column));
            let rolled = match hidden {
                Some(ranges) => rolled.without(&ranges),
                None => rolled,
            };
            let mut all = rolled.edges_next_to(day >= self.ask.to, range);
            all.append(points);
            read::newest_of_each_time(&mut all);
            *points = all;
        }
        Ok(())
    }
}

/// What is hidden of a series, where anything is.
fn ranges(hidden: Option<&Hidden>, column: Option<&Column>) -> Option<Vec<(i64, i64)>> {
    let ranges = hidden?.ranges(*column?);
    Some(ranges).filter(|ranges| !ranges.is_empty())
}

/// Roll-ups that were made of more samples than there are, without what was deleted since: bucket by bucket,
/// as what was written again is of buckets in which they have nothing. That is answered with them.
fn more_than(
    rolled: Option<Rolled>,
    hidden: Option<Vec<(i64, i64)>>,
    there: &Points,
) -> Option<(Rolled, Points)> {
    let rolled = rolled?;
    let left = match hidden {
        Some(ranges) => rolled.without(&ranges),
        None => rolled,
    };
    let (inside, fill) = left.split(there);
    (inside < left.count).then_some((left, fill))
}

/// Appends a part, to the one before where it is of the same.
pub(in crate::series) fn tell(told: &mut Vec<Part>, from: Timestamp, to: Timestamp, grain: Grain) {
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
    /// It is of all the samples that there are, whatever series it is asked for.
    serves: bool,
}

/// Roll-ups for what has no samples.
struct Spare {
    chosen: Chosen,
    /// The samples that there are in all of the day, of the series that have any.
    there: BTreeMap<Column, Points>,
}

impl Chosen {
    /// The day of a series.
    fn day(&self, cache: &Cache, place: usize, day: Timestamp) -> Option<Rolled> {
        cache.get(&self.id)?.day(place, day, self.grain)
    }
}
