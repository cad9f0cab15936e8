//! Roll-ups that there are of a day already, as new ones take them over. Where samples went, by age or by
//! damage, what was made of more of them stands: that is told series by series, by how many samples there
//! were ([`Kept::count`]).

use super::fold::{filling, folded};
use super::read::{Rolls, number};
use super::{COLUMNS_A_SERIES, DAY_MS, EDGES, FIVE_MS, Field, HOUR_MS, series_of, write};
use crate::blocks::{Column, Level, Values};
use crate::pack::{Damage, Kind};
use crate::series::aggregate::Point;
use model::{Timestamp, Value, metric};
use std::collections::{BTreeMap, BTreeSet};

/// A series' day of one kind of roll-ups, field by field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::series) struct Kept {
    /// How many samples it was made of.
    pub(super) count: u64,
    /// The columns of its fields, ascending, each with the rows that have a value.
    fields: Vec<(Column, Vec<(usize, Value)>)>,
}

impl Kept {
    /// It without what was deleted of its day since: buckets that meet it go as a whole, and samples of
    /// the edges with it; those that are left keep their places. None where nothing is left.
    pub(in crate::series) fn without(
        mut self,
        ranges: &[(i64, i64)],
        kind: Kind,
        day: Timestamp,
    ) -> Option<Self> {
        if ranges.is_empty() {
            return Some(self);
        }
        let (begin, step_ms) = (day.unix_ms(), step_ms(kind));
        let meets = |from: i64, to: i64| ranges.iter().any(|range| from < range.1 && to > range.0);
        let is_left = |row: usize| {
            let behind = i64::try_from(row).unwrap_or(DAY_MS).saturating_mul(step_ms);
            let start = begin.saturating_add(behind);
            !meets(start, start.saturating_add(step_ms))
        };
        let of = self.of();
        let edges: Vec<(usize, i64)> = self
            .rows(Field::EdgeAt)
            .map(|(row, behind)| (row, time(day, behind).unix_ms()))
            .collect();
        let gone = edges
            .iter()
            .filter(|(_, at)| meets(*at, at.saturating_add(1)));
        let gone: BTreeSet<usize> = gone.map(|(row, _)| *row).collect();
        for (column, rows) in &mut self.fields {
            match column.0 % COLUMNS_A_SERIES {
                field if field == Field::EdgeAt as u32 || field == Field::Edge as u32 => {
                    rows.retain(|(row, _)| !gone.contains(row));
                }
                // That the device restarted is no sample of the series.
                field if field == Field::Restart as u32 || field == Field::Cut as u32 => {}
                _ => rows.retain(|(row, _)| is_left(*row)),
            }
        }
        let counts = self.list(Field::Count).map(number);
        let left = counts.fold(0, u64::saturating_add);
        let is_cut = left < self.count || !gone.is_empty();
        let series = self.fields.first().map(|(column, _)| series_of(*column));
        if let Some(series) = series.filter(|_| is_cut && !edges.is_empty()) {
            self.put(Field::Cut, series, 0, Value::U64(of));
        }
        self.count = left;
        (self.count > 0).then_some(self)
    }

    /// Of how many samples its edges are, with those that were deleted since.
    fn of(&self) -> u64 {
        self.list(Field::Cut).next().map_or(self.count, number)
    }

    /// Whether all its samples are at its edges.
    pub(super) fn is_all_edges(&self) -> bool {
        self.of() <= EDGES as u64
    }

    /// The samples at its edges, ascending.
    pub(super) fn edges(&self, day: Timestamp) -> Vec<Point> {
        let samples: BTreeMap<usize, Value> = self.rows(Field::Edge).collect();
        let times = self.rows(Field::EdgeAt);
        let edges = times.filter_map(|(row, behind)| {
            let value = samples.get(&row)?;
            Some((time(day, behind), *value))
        });
        edges.collect()
    }

    /// Of samples of its day that there are, ascending, how many are in buckets in which it has some too;
    /// and the others.
    pub(super) fn split(&self, points: &[Point], kind: Kind, day: Timestamp) -> (u64, Vec<Point>) {
        let counts = self
            .rows(Field::Count)
            .filter(|(_, count)| number(*count) > 0);
        let has: BTreeSet<usize> = counts.map(|(row, _)| row).collect();
        let is_in = |(at, _): &Point| row_of(*at, day, kind).is_some_and(|row| has.contains(&row));
        let fill: Vec<Point> = points
            .iter()
            .filter(|point| !is_in(point))
            .copied()
            .collect();
        ((points.len() - fill.len()) as u64, fill)
    }

    /// It with what came to buckets in which it has nothing, of which edges know nothing.
    pub(super) fn filled(
        mut self,
        series: Column,
        fill: &[Point],
        (kind, of, day): (Kind, metric::Kind, Timestamp),
        restarts: &[Timestamp],
    ) -> Self {
        let covered = self.rows(Field::Covered).map(|(row, _)| row);
        let known: BTreeSet<usize> = covered
            .chain(self.rows(Field::Count).map(|(row, _)| row))
            .collect();
        let step_ms = step_ms(kind);
        let is_counter = of == metric::Kind::Counter;
        if self.is_all_edges() && self.rows(Field::EdgeAt).next().is_some() {
            let of = self.of();
            self.put(Field::Cut, series, 0, Value::U64(of));
        }
        let spreads = is_counter.then(|| filling(fill, (day, step_ms), restarts, &known));
        let spreads = spreads.unwrap_or_default();
        for (row, bucket) in folded(fill, (day, step_ms)) {
            let (fold, last) = (bucket.fold, bucket.last);
            let all = [fold.sum, fold.min, fold.max];
            let Some(last) = last.filter(|_| all.iter().all(|number| number.is_finite())) else {
                continue;
            };
            self.put(Field::Count, series, row, Value::U64(fold.count.into()));
            self.put(Field::Last, series, row, last);
            self.count = self.count.saturating_add(fold.count.into());
            if is_counter {
                continue;
            }
            self.put(Field::Min, series, row, Value::F64(fold.min));
            self.put(Field::Max, series, row, Value::F64(fold.max));
            self.put(Field::Sum, series, row, Value::F64(fold.sum));
        }
        for (row, spread) in spreads {
            let covered = spread.covered_ms.unsigned_abs();
            self.put(Field::Increase, series, row, Value::F64(spread.sum));
            self.put(Field::Covered, series, row, Value::U64(covered));
            self.put(
                Field::Peak,
                series,
                row,
                Value::F64(write::rounded_up(spread.peak)),
            );
        }
        self
    }

    /// Sets a field of a row.
    fn put(&mut self, field: Field, series: Column, row: usize, value: Value) {
        let Some(column) = field.column(series) else {
            return;
        };
        let found = self
            .fields
            .binary_search_by_key(&column, |(column, _)| *column);
        let place = found.unwrap_or_else(|place| {
            self.fields.insert(place, (column, Vec::new()));
            place
        });
        let Some((_, rows)) = self.fields.get_mut(place) else {
            return;
        };
        match rows.binary_search_by_key(&row, |(row, _)| *row) {
            Ok(place) => {
                if let Some(there) = rows.get_mut(place) {
                    there.1 = value;
                }
            }
            Err(place) => rows.insert(place, (row, value)),
        }
    }

    /// Its fields as a pack of so many rows a day takes them.
    pub(super) fn into_values(self, rows: usize) -> Vec<(Column, Values)> {
        let fields = self.fields.into_iter();
        let values = fields.filter_map(|(column, at)| {
            let values = write::both(rows, at.into_iter())?;
            Some((column, values))
        });
        values.collect()
    }

    /// What a field has in its rows, one after the other.
    pub(super) fn list(&self, field: Field) -> impl Iterator<Item = Value> {
        self.rows(field).map(|(_, value)| value)
    }

    /// The rows of a field that have a value.
    fn rows(&self, field: Field) -> impl Iterator<Item = (usize, Value)> {
        let of = self
            .fields
            .iter()
            .filter(move |(column, _)| column.0 % COLUMNS_A_SERIES == field as u32);
        of.flat_map(|(_, at)| at.iter().copied())
    }
}

impl Rolls {
    /// The series that it has anything of, whatever the day.
    pub(in crate::series) fn series(&self) -> BTreeSet<Column> {
        self.head.columns().map(series_of).collect()
    }

    /// Whether it has rows of the day that begins then: that of a month may be of other days alone.
    pub(in crate::series) fn has_day(&self, day: Timestamp) -> bool {
        let times = self.head.times();
        let first = times.partition_point(|at| *at < day.unix_ms());
        let end = Level::Day.end(day).unix_ms();
        times.get(first).is_some_and(|at| *at < end)
    }

    /// A day of series, which ascend, in their order; of one that has nothing of it, or of which some is
    /// damaged, none. Answers what is damaged too.
    pub(in crate::series) fn kept(
        &self,
        series: &[Column],
        day: Timestamp,
    ) -> (Vec<Option<Kept>>, Vec<Damage>) {
        let place_of = |column: Column| series.binary_search(&series_of(column)).ok();
        let wanted: Vec<Column> = self
            .head
            .columns()
            .filter(|column| place_of(*column).is_some())
            .collect();
        let mut kept = vec![Kept::default(); series.len()];
        let (kind, end) = (self.id().kind, Level::Day.end(day));
        let (head, entry) = (&self.head, &self.entry);
        let damage = self
            .pack
            .read_with(head, entry, &wanted, day, end, |n, slice| {
                let column = wanted.get(n).copied();
                let of = column.and_then(|column| {
                    let of = kept.get_mut(place_of(column)?)?;
                    Some((column, of))
                });
                let Some((column, of)) = of else {
                    return;
                };
                let at = slice.points();
                let at: Vec<(usize, Value)> = at
                    .filter_map(|(at, value)| Some((row_of(at, day, kind)?, value)))
                    .collect();
                if column.0 % COLUMNS_A_SERIES == Field::Count as u32 {
                    let counts = at.iter().map(|(_, value)| number(*value));
                    of.count = counts.fold(0, u64::saturating_add);
                }
                of.fields.push((column, at));
            });
        let is_damaged = |series: Column| {
            let of = |damage: &Damage| damage.column.is_none_or(|of| series_of(of) == series);
            damage.iter().any(of)
        };
        let kept = kept.into_iter().zip(series);
        let kept = kept.map(|(kept, series)| {
            let is_sound = kept.count > 0 && !is_damaged(*series);
            is_sound.then_some(kept)
        });
        (kept.collect(), damage)
    }
}

/// The time that a list has as milliseconds of the day.
fn time(day: Timestamp, behind: Value) -> Timestamp {
    let behind = i64::try_from(number(behind)).unwrap_or(DAY_MS);
    Timestamp::from_unix_ms(day.unix_ms().saturating_add(behind.min(DAY_MS)))
}

/// The row of the day in which a time is.
fn row_of(at: Timestamp, day: Timestamp, kind: Kind) -> Option<usize> {
    let behind = at.unix_ms().saturating_sub(day.unix_ms()).min(DAY_MS);
    usize::try_from(behind / step_ms(kind)).ok()
}

fn step_ms(kind: Kind) -> i64 {
    match kind {
        Kind::FiveMinutes => FIVE_MS,
        Kind::Samples | Kind::Hours => HOUR_MS,
    }
}
