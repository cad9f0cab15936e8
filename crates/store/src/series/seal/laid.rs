//! Samples that are laid over each other, row by row.

use crate::blocks::dense::{FLOAT, PRESENT};
use crate::blocks::{ColumnSlice, Values};
use model::{Timestamp, Value};

/// Some columns, row by row, over which more is laid.
pub(super) struct Laid<'a> {
    times: &'a [i64],
    pub(super) columns: Vec<LaidColumn>,
}

/// A column: a whole number or the bits of a floating-point one for each row, and its mark.
#[derive(Clone)]
pub(super) struct LaidColumn {
    words: Vec<u64>,
    marks: Vec<u8>,
}

impl<'a> Laid<'a> {
    /// So many columns without a value; the times of the rows ascend strictly.
    pub(super) fn new(times: &'a [i64], columns: usize) -> Self {
        let column = LaidColumn {
            words: vec![0; times.len()],
            marks: vec![0; times.len()],
        };
        Self {
            times,
            columns: vec![column; columns],
        }
    }

    /// Lays rows of a pack over what a column has.
    pub(super) fn lay_slice(&mut self, place: usize, slice: &ColumnSlice<'_>) {
        let done = match (slice.whole(), slice.float()) {
            (Some((times, numbers)), _) => {
                self.lay_run(place, times, PRESENT, numbers.iter().copied())
            }
            (_, Some((times, numbers))) => {
                let bits = numbers.iter().map(|number| number.to_bits());
                self.lay_run(place, times, PRESENT | FLOAT, bits)
            }
            _ => false,
        };
        if !done {
            self.lay(place, slice.points());
        }
    }

    /// Lays a run that has no gap among the rows; answers false where it has one.
    fn lay_run(
        &mut self,
        place: usize,
        times: &[i64],
        mark: u8,
        words: impl Iterator<Item = u64>,
    ) -> bool {
        let Some(first) = times.first() else {
            return true;
        };
        let begin = self.times.partition_point(|time| time < first);
        let rows = begin..begin + times.len();
        if self.times.get(rows.clone()) != Some(times) {
            return false;
        }
        let Some(column) = self.columns.get_mut(place) else {
            return true;
        };
        if let (Some(to), Some(marks)) = (
            column.words.get_mut(rows.clone()),
            column.marks.get_mut(rows),
        ) {
            marks.fill(mark);
            for (to, word) in to.iter_mut().zip(words) {
                *to = word;
            }
        }
        true
    }

    /// Lays points, ascending in time, over what a column has.
    pub(super) fn lay(&mut self, place: usize, points: impl Iterator<Item = (Timestamp, Value)>) {
        let Some(column) = self.columns.get_mut(place) else {
            return;
        };
        let cells = column.words.iter_mut().zip(&mut column.marks);
        let mut rows = self.times.iter().zip(cells).peekable();
        let mut first = true;
        for (at, value) in points {
            if std::mem::take(&mut first) {
                // Most sources begin far behind the first row.
                let behind = self.times.partition_point(|time| *time < at.unix_ms());
                if let Some(skipped) = behind.checked_sub(1) {
                    rows.nth(skipped);
                }
            }
            while rows.next_if(|(time, _)| **time < at.unix_ms()).is_some() {}
            if let Some((_, (word, mark))) = rows.next_if(|(time, _)| **time == at.unix_ms()) {
                (*word, *mark) = match value {
                    Value::U64(number) => (number, PRESENT),
                    Value::F64(number) => (number.to_bits(), PRESENT | FLOAT),
                };
            }
        }
    }
}

impl LaidColumn {
    /// Its values; none where it has none.
    pub(super) fn into_values(self) -> Option<Values> {
        Values::of_words(self.words, &self.marks)
    }

    /// Its values with their times.
    pub(super) fn points(&self, times: &[i64]) -> Vec<(Timestamp, Value)> {
        let rows = times.iter().enumerate();
        rows.filter_map(|(row, at)| Some((Timestamp::from_unix_ms(*at), self.get(row)?)))
            .collect()
    }

    /// The value of a row.
    pub(super) fn get(&self, row: usize) -> Option<Value> {
        let word = *self.words.get(row)?;
        match self.marks.get(row)? & (PRESENT | FLOAT) {
            PRESENT => Some(Value::U64(word)),
            0 => None,
            _ => Some(Value::F64(f64::from_bits(word))),
        }
    }
}
