//! The samples of one device by column: one shared column of times, and for each series its numbers
//! side by side, without a place for the rows that it lacks.
//!
//! What packs are written from and read as. To take in samples one poll at a time there is
//! [`Block`]; each becomes the other.

use super::codec::ROWS_MAX;
use super::rows::{Block, Cells, Column};
use model::{Timestamp, Value};

/// The bits of a mark: there is a value, and it is floating-point.
pub(crate) const PRESENT: u8 = 1;
pub(crate) const FLOAT: u8 = 2;

/// Samples of one device, by column.
#[derive(Clone, Debug, Default, PartialEq)]
// Invariant: `times` ascends strictly and is no longer than ROWS_MAX; `columns` ascends strictly by
// its column; each column has a number, and none at a row that is not there.
pub struct Dense {
    times: Vec<i64>,
    columns: Vec<(Column, Values)>,
}

/// The values of one column: whole numbers, floating-point numbers, or some rows of either.
#[derive(Clone, Debug, PartialEq)]
// Invariant: `Both` has at least one number of each, and no row twice.
pub enum Values {
    /// Whole numbers.
    Whole(Run<u64>),
    /// Floating-point numbers.
    Float(Run<f64>),
    /// Some rows are whole numbers, others floating-point ones.
    Both(Run<u64>, Run<f64>),
}

/// Numbers of one type, and the rows that they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
// Invariant: as many numbers as bits that are set in `present`; where it is `None`, every row has one.
pub struct Run<T> {
    /// A bit a row, the first row in the lowest bit of the first octet.
    present: Option<Vec<u8>>,
    numbers: Vec<T>,
}

/// Samples that no block may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DenseError {
    /// More rows than a block may have.
    #[error("{rows} rows are more than a block may have")]
    TooManyRows {
        /// How many.
        rows: usize,
    },
    /// The times do not ascend strictly.
    #[error("the times do not ascend")]
    Times,
    /// A column does not come after the one before it.
    #[error("column {column} comes out of order")]
    Order {
        /// Which.
        column: u32,
    },
    /// A column has no number, or not as many rows as there are times.
    #[error("column {column} has not the rows of its block")]
    Rows {
        /// Which.
        column: u32,
    },
    /// A number is not finite.
    #[error("column {column} has a number that is not finite")]
    NotFinite {
        /// Which.
        column: u32,
    },
}

impl Dense {
    /// Rows without columns. The times are in milliseconds since 1970, and ascend strictly.
    pub fn new(times: Vec<i64>) -> Result<Self, DenseError> {
        check_times(&times)?;
        Ok(Self {
            times,
            columns: Vec::new(),
        })
    }

    /// Adds a column, whose number is greater than those there are.
    pub fn push(&mut self, column: Column, values: Values) -> Result<(), DenseError> {
        if self.columns.last().is_some_and(|(last, _)| *last >= column) {
            return Err(DenseError::Order { column: column.0 });
        }
        values.check(column, self.times.len())?;
        self.columns.push((column, values));
        Ok(())
    }

    /// The times of its rows, ascending, in milliseconds since 1970.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Its columns, ascending.
    pub fn columns(&self) -> &[(Column, Values)] {
        &self.columns
    }

    /// The values of a column.
    pub fn column(&self, column: Column) -> Option<&Values> {
        let found = self
            .columns
            .binary_search_by_key(&column, |(here, _)| *here);
        self.columns.get(found.ok()?).map(|(_, values)| values)
    }

    /// How many samples it holds.
    pub fn samples(&self) -> usize {
        self.columns.iter().map(|(_, values)| values.len()).sum()
    }

    /// The same samples, as a block.
    pub fn to_block(&self) -> Block {
        let cells = |values: &Values| {
            let mut cells = Cells::default();
            for (row, value) in values.iter() {
                cells.set(row, value);
            }
            cells
        };
        let columns = self.columns.iter();
        let columns = columns.map(|(column, values)| (*column, cells(values)));
        Block::from_parts(self.times.clone(), columns.collect())
    }
}

impl TryFrom<&Block> for Dense {
    type Error = DenseError;

    /// A column without a value is left out.
    fn try_from(block: &Block) -> Result<Self, DenseError> {
        let mut dense = Self::new(block.times().to_vec())?;
        for (column, cells) in block.cells() {
            if let Some(values) = Values::of(cells, block.times().len()) {
                dense.push(*column, values)?;
            }
        }
        Ok(dense)
    }
}

/// Times that rows may have.
pub(crate) fn check_times(times: &[i64]) -> Result<(), DenseError> {
    if times.len() > ROWS_MAX {
        return Err(DenseError::TooManyRows { rows: times.len() });
    }
    let ascending = times.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    ascending.then_some(()).ok_or(DenseError::Times)
}

impl Values {
    /// Those of a column of a block; `None` where it has none.
    pub(crate) fn of(cells: &Cells, rows: usize) -> Option<Self> {
        // Most columns are whole numbers in every row.
        let numbers = (0..rows).map_while(|row| match cells.get(row) {
            Some(Value::U64(number)) => Some(number),
            _ => None,
        });
        let mut all = Vec::with_capacity(rows);
        all.extend(numbers);
        if all.len() == rows {
            return Self::new(Run::full(all), Run::full(Vec::new()));
        }
        let (mut whole, mut float) = (Vec::new(), Vec::new());
        for row in 0..rows {
            match cells.get(row) {
                Some(Value::U64(number)) => whole.push((row, number)),
                Some(Value::F64(number)) => float.push((row, number)),
                None => {}
            }
        }
        Self::new(Run::at(rows, whole), Run::at(rows, float))
    }

    /// Those of rows by their words, a whole number or the bits of a floating-point one, and their marks
    /// ([`PRESENT`], [`FLOAT`]); `None` where there is none.
    pub(crate) fn of_words(words: Vec<u64>, marks: &[u8]) -> Option<Self> {
        let all = |mark| marks.len() == words.len() && marks.iter().all(|here| *here == mark);
        if all(PRESENT) {
            return Self::new(Run::full(words), Run::full(Vec::new()));
        }
        if all(PRESENT | FLOAT) {
            let numbers = words.into_iter().map(f64::from_bits).collect();
            return Self::new(Run::full(Vec::new()), Run::full(numbers));
        }
        let of = |mark| {
            let rows = words.iter().zip(marks).enumerate();
            rows.filter_map(move |(row, (word, here))| (*here == mark).then_some((row, *word)))
        };
        let float = of(PRESENT | FLOAT).map(|(row, word)| (row, f64::from_bits(word)));
        Self::new(
            Run::at(words.len(), of(PRESENT)),
            Run::at(words.len(), float),
        )
    }

    /// Numbers of both types, which share no row; `None` where there is none.
    pub(crate) fn new(whole: Run<u64>, float: Run<f64>) -> Option<Self> {
        match (whole.numbers.is_empty(), float.numbers.is_empty()) {
            (true, true) => None,
            (false, true) => Some(Self::Whole(whole)),
            (true, false) => Some(Self::Float(float)),
            (false, false) => Some(Self::Both(whole, float)),
        }
    }

    /// Its whole numbers.
    pub fn whole(&self) -> Option<&Run<u64>> {
        match self {
            Self::Whole(whole) | Self::Both(whole, _) => Some(whole),
            Self::Float(_) => None,
        }
    }

    /// Its floating-point numbers.
    pub fn float(&self) -> Option<&Run<f64>> {
        match self {
            Self::Float(float) | Self::Both(_, float) => Some(float),
            Self::Whole(_) => None,
        }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        let whole = self.whole().map_or(0, |run| run.numbers.len());
        whole + self.float().map_or(0, |run| run.numbers.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each value with its row, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Value)> + '_ {
        let mut whole = self.whole().into_iter().flat_map(Run::iter).peekable();
        let mut float = self.float().into_iter().flat_map(Run::iter).peekable();
        std::iter::from_fn(move || {
            let whole_is_next = match (whole.peek(), float.peek()) {
                (Some((whole, _)), Some((float, _))) => whole < float,
                (whole, _) => whole.is_some(),
            };
            if whole_is_next {
                whole.next().map(|(row, number)| (row, Value::U64(number)))
            } else {
                float.next().map(|(row, number)| (row, Value::F64(number)))
            }
        })
    }

    /// Whether a block of so many rows may hold it.
    pub(crate) fn check(&self, column: Column, rows: usize) -> Result<(), DenseError> {
        let column = column.0;
        let fits = self.whole().is_none_or(|run| run.fits(rows))
            && self.float().is_none_or(|run| run.fits(rows))
            && !matches!(self, Self::Both(whole, float) if whole.meets(float));
        if !fits {
            return Err(DenseError::Rows { column });
        }
        let finite = |run: &Run<f64>| run.numbers.iter().all(|number| number.is_finite());
        if !self.float().is_none_or(finite) {
            return Err(DenseError::NotFinite { column });
        }
        Ok(())
    }
}

impl<T: Copy> Run<T> {
    /// A number for every row.
    pub fn full(numbers: Vec<T>) -> Self {
        Self {
            present: None,
            numbers,
        }
    }

    /// Numbers at some of so many rows, ascending strictly. One that is out of order or behind the
    /// last row is left out.
    pub fn at(rows: usize, numbers_at: impl IntoIterator<Item = (usize, T)>) -> Self {
        let mut present = vec![0u8; rows.div_ceil(8)];
        let (mut numbers, mut next) = (Vec::new(), 0);
        for (row, number) in numbers_at {
            if row < next || row >= rows {
                continue;
            }
            if let Some(octet) = present.get_mut(row / 8) {
                *octet |= 1 << (row % 8);
                numbers.push(number);
                next = row + 1;
            }
        }
        Self {
            present: (numbers.len() < rows).then_some(present),
            numbers,
        }
    }

    /// From parts that were checked by the caller (the decoder).
    pub(crate) fn from_parts(present: Option<Vec<u8>>, numbers: Vec<T>) -> Self {
        Self { present, numbers }
    }

    /// The numbers, ascending by row.
    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// Which rows have a number: a bit a row, the first in the lowest bit of the first octet.
    /// `None` where all have one.
    pub fn present(&self) -> Option<&[u8]> {
        self.present.as_deref()
    }

    /// Each number with its row, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, T)> + '_ {
        let rows = match &self.present {
            None => self.numbers.len(),
            Some(present) => present.len() * 8,
        };
        (0..rows)
            .filter(|row| self.has(*row))
            .zip(self.numbers.iter().copied())
    }

    fn has(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|present| {
            present
                .get(row / 8)
                .is_some_and(|octet| octet & (1 << (row % 8)) != 0)
        })
    }

    /// Whether it has a number, and is of a block of so many rows.
    fn fits(&self, rows: usize) -> bool {
        let behind = |present: &[u8]| {
            !rows.is_multiple_of(8) && present.last().is_some_and(|o| o >> (rows % 8) > 0)
        };
        !self.numbers.is_empty()
            && match &self.present {
                None => self.numbers.len() == rows,
                Some(present) => present.len() == rows.div_ceil(8) && !behind(present),
            }
    }

    /// Whether a row has a number in both.
    fn meets<U: Copy>(&self, other: &Run<U>) -> bool {
        match (&self.present, &other.present) {
            (Some(ours), Some(theirs)) => ours.iter().zip(theirs).any(|(a, b)| a & b != 0),
            // One of them has every row, the other at least one.
            _ => true,
        }
    }
}

/// Some rows of a column, as they are read of a pack.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSlice<'a> {
    times: &'a [i64],
    values: &'a Values,
    /// The rows that were asked for.
    first: usize,
    end: usize,
}

impl<'a> ColumnSlice<'a> {
    /// The rows `[first, end)` of a column, whose block has these times.
    pub(crate) fn new(times: &'a [i64], values: &'a Values, first: usize, end: usize) -> Self {
        Self {
            times,
            values,
            first,
            end,
        }
    }

    /// Each value with its time, ascending.
    pub fn points(&self) -> impl Iterator<Item = (Timestamp, Value)> + use<'a> {
        let (times, end) = (self.times, self.end);
        let rows = self.values.iter();
        let first = self.first;
        rows.skip_while(move |(row, _)| *row < first)
            .take_while(move |(row, _)| *row < end)
            .filter_map(move |(row, value)| {
                Some((Timestamp::from_unix_ms(*times.get(row)?), value))
            })
    }

    /// Adds each value with its time to `points`, ascending: the quick way to have [`points`](Self::points).
    pub fn extend(&self, points: &mut Vec<(Timestamp, Value)>) {
        match self.values {
            Values::Whole(run) => self.extend_of(run, Value::U64, points),
            Values::Float(run) => self.extend_of(run, Value::F64, points),
            Values::Both(..) => points.extend(self.points()),
        }
    }

    fn extend_of<T: Copy>(
        &self,
        run: &Run<T>,
        value: impl Fn(T) -> Value,
        points: &mut Vec<(Timestamp, Value)>,
    ) {
        let at = |ms: &i64| Timestamp::from_unix_ms(*ms);
        if let Some((times, numbers)) = self.side_by_side(run) {
            let both = times.iter().zip(numbers);
            points.extend(both.map(|(ms, number)| (at(ms), value(*number))));
            return;
        }
        for (row, number) in run.iter() {
            if row >= self.end {
                break;
            }
            if let Some(ms) = self.times.get(row).filter(|_| row >= self.first) {
                points.push((at(ms), value(number)));
            }
        }
    }

    /// Times (milliseconds since 1970) and numbers side by side, where every row of the column has
    /// a whole number: the quick way for most columns.
    pub fn whole(&self) -> Option<(&'a [i64], &'a [u64])> {
        match self.values {
            Values::Whole(run) => self.side_by_side(run),
            _ => None,
        }
    }

    /// As [`whole`](Self::whole), where every row has a floating-point number.
    pub fn float(&self) -> Option<(&'a [i64], &'a [f64])> {
        match self.values {
            Values::Float(run) => self.side_by_side(run),
            _ => None,
        }
    }

    fn side_by_side<'b, T>(&self, run: &'b Run<T>) -> Option<(&'a [i64], &'b [T])> {
        let rows = self.first..self.end;
        match run.present {
            None => Some((self.times.get(rows.clone())?, run.numbers.get(rows)?)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "dense_tests.rs"]
mod tests;
