//! Roll-ups that there are of a day already, as new ones take them over. Where samples went, by age or by
//! damage, what was made of more of them stands: that is told series by series, by how many samples there
//! were ([`Kept::count`]).

use super::read::{Rolls, number};
use super::{COLUMNS_A_SERIES, DAY_MS, FIVE_MS, Field, HOUR_MS, series_of, write};
use crate::blocks::{Column, Level, Values};
use crate::pack::{Damage, Kind};
use model::{Timestamp, Value};
use std::collections::BTreeSet;

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
    /// the edges with it. None where nothing is left.
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
        let at = |value: Value| {
            let behind = i64::try_from(number(value)).unwrap_or(DAY_MS);
            begin.saturating_add(behind.min(DAY_MS))
        };
        let edges: Vec<bool> = self
            .list(Field::EdgeAt)
            .map(|value| !meets(at(value), at(value).saturating_add(1)))
            .collect();
        for (column, rows) in &mut self.fields {
            match column.0 % COLUMNS_A_SERIES {
                field if field == Field::EdgeAt as u32 || field == Field::Edge as u32 => {
                    let values = rows.drain(..).zip(&edges).filter(|(_, left)| **left);
                    let left: Vec<Value> = values.map(|((_, value), _)| value).collect();
                    rows.extend(left.into_iter().enumerate());
                }
                // That the device restarted is no sample of the series.
                field if field == Field::Restart as u32 => {}
                _ => rows.retain(|(row, _)| is_left(*row)),
            }
        }
        let counts = self.list(Field::Count).map(number);
        self.count = counts.fold(0, u64::saturating_add);
        (self.count > 0).then_some(self)
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
        let of = self
            .fields
            .iter()
            .filter(move |(column, _)| column.0 % COLUMNS_A_SERIES == field as u32);
        of.flat_map(|(_, at)| at.iter().map(|(_, value)| *value))
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
        let step_ms = step_ms(self.id().kind);
        let (begin, end) = (day.unix_ms(), Level::Day.end(day));
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
                let row = |at: Timestamp| {
                    let behind = at.unix_ms().saturating_sub(begin).min(DAY_MS);
                    usize::try_from(behind / step_ms).ok()
                };
                let at = slice.points();
                let at: Vec<(usize, Value)> = at
                    .filter_map(|(at, value)| Some((row(at)?, value)))
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

fn step_ms(kind: Kind) -> i64 {
    match kind {
        Kind::FiveMinutes => FIVE_MS,
        Kind::Samples | Kind::Hours => HOUR_MS,
    }
}
