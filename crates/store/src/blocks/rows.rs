//! The samples of one device over a range of time, in memory: one shared column of times, one
//! column of values per series, any of which may lack a row.
//!
//! The head keeps these, sealing encodes them, merging lays one over another. Their octets are in
//! [`super::codec`].

use model::{Timestamp, Value};

/// A series within its device: what samples are appended under. Given out by
/// `SeriesStore::resolve` and never used again for another series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(pub u32);

/// Samples of one device, row by time, column by series.
#[derive(Clone, Debug, Default)]
// Invariant: `times` ascends strictly; `columns` ascends strictly by its column.
pub struct Block {
    times: Vec<i64>,
    columns: Vec<(Column, Cells)>,
}

/// The values of one column.
#[derive(Clone, Debug, Default)]
// Invariant: as many bits as rows or fewer (the missing ones are absent); marks cover the bits.
pub(crate) struct Cells {
    /// A whole number, or the bits of a floating-point number.
    bits: Vec<u64>,
    /// Two bits a row: present, and floating-point.
    marks: Vec<u64>,
}

const ROWS_PER_MARK: usize = 32;
const PRESENT: u64 = 1;
const FLOAT: u64 = 2;

impl Cells {
    fn mark(&self, row: usize) -> u64 {
        let word = self.marks.get(row / ROWS_PER_MARK).copied().unwrap_or(0);
        (word >> (2 * (row % ROWS_PER_MARK))) & 3
    }

    pub(crate) fn get(&self, row: usize) -> Option<Value> {
        let mark = self.mark(row);
        if mark & PRESENT == 0 {
            return None;
        }
        let bits = *self.bits.get(row)?;
        Some(if mark & FLOAT == 0 {
            Value::U64(bits)
        } else {
            Value::F64(f64::from_bits(bits))
        })
    }

    pub(crate) fn set(&mut self, row: usize, value: Value) {
        let (bits, mark) = match value {
            Value::U64(value) => (value, PRESENT),
            Value::F64(value) => (value.to_bits(), PRESENT | FLOAT),
        };
        if self.bits.len() <= row {
            self.bits.resize(row + 1, 0);
            self.marks
                .resize(self.bits.len().div_ceil(ROWS_PER_MARK), 0);
        }
        if let Some(cell) = self.bits.get_mut(row) {
            *cell = bits;
        }
        if let Some(word) = self.marks.get_mut(row / ROWS_PER_MARK) {
            let shift = 2 * (row % ROWS_PER_MARK);
            *word = (*word & !(3 << shift)) | (mark << shift);
        }
    }

    /// Makes room for a row that has no value yet.
    fn insert(&mut self, row: usize) {
        if row < self.bits.len() {
            let mut moved = Self::default();
            for old in 0..self.bits.len() {
                if let Some(value) = self.get(old) {
                    moved.set(old + usize::from(old >= row), value);
                }
            }
            *self = moved;
        }
    }

    fn count(&self) -> usize {
        const ALL_PRESENT: u64 = 0x5555_5555_5555_5555;
        let ones = self
            .marks
            .iter()
            .map(|word| (word & ALL_PRESENT).count_ones() as usize);
        ones.sum()
    }
}

impl Block {
    /// A block without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// From parts that were checked by the caller (the decoder).
    pub(super) fn from_parts(times: Vec<i64>, columns: Vec<(Column, Cells)>) -> Self {
        Self { times, columns }
    }

    /// Sets values at a time, adding a row where there is none. The later of two values holds.
    pub fn set(&mut self, at: Timestamp, values: &[(Column, Value)]) {
        let row = self.row(at.unix_ms());
        let mut next = 0;
        for (column, value) in values {
            // Polls give columns in the same order each time, so the next one is mostly the right one.
            let found = match self.columns.get(next) {
                Some((here, _)) if here == column => next,
                _ => self.column(*column),
            };
            if let Some((_, cells)) = self.columns.get_mut(found) {
                cells.set(row, *value);
            }
            next = found + 1;
        }
    }

    fn row(&mut self, at: i64) -> usize {
        if self.times.last().is_none_or(|last| *last < at) {
            self.times.push(at);
            return self.times.len() - 1;
        }
        match self.times.binary_search(&at) {
            Ok(row) => row,
            Err(row) => {
                self.times.insert(row, at);
                for (_, cells) in &mut self.columns {
                    cells.insert(row);
                }
                row
            }
        }
    }

    fn column(&mut self, column: Column) -> usize {
        let found = self
            .columns
            .binary_search_by_key(&column, |(here, _)| *here);
        found.unwrap_or_else(|place| {
            self.columns.insert(place, (column, Cells::default()));
            place
        })
    }

    /// Lays a newer block over this one: where both have a value, the newer one's holds.
    #[must_use]
    pub fn overlaid_by(&self, newer: &Self) -> Self {
        let mut times: Vec<i64> = self.times.iter().chain(&newer.times).copied().collect();
        times.sort_unstable();
        times.dedup();
        let mut columns: Vec<(Column, Cells)> = Vec::with_capacity(self.columns.len());
        for block in [self, newer] {
            let rows: Vec<usize> = block
                .times
                .iter()
                .map(|at| times.partition_point(|t| t < at))
                .collect();
            for (column, cells) in &block.columns {
                let place = match columns.binary_search_by_key(column, |(here, _)| *here) {
                    Ok(place) => place,
                    Err(place) => {
                        columns.insert(place, (*column, Cells::default()));
                        place
                    }
                };
                let Some((_, into)) = columns.get_mut(place) else {
                    continue;
                };
                for (old, row) in rows.iter().enumerate() {
                    if let Some(value) = cells.get(old) {
                        into.set(*row, value);
                    }
                }
            }
        }
        Self { times, columns }
    }

    /// The block without some values; rows and columns that have none left are left out.
    #[must_use]
    pub fn without(&self, hidden: impl Fn(Column, i64) -> bool) -> Self {
        let mut stays = vec![false; self.times.len()];
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, cells) in &self.columns {
            let rows = self.times.iter().zip(&mut stays).enumerate();
            let left = rows.filter_map(|(row, (at, stays))| {
                let value = cells.get(row).filter(|_| !hidden(*column, *at))?;
                *stays = true;
                Some((*at, value))
            });
            columns.push((*column, left.collect::<Vec<_>>()));
        }
        let times = self.times.iter().zip(&stays);
        let times: Vec<i64> = times
            .filter(|(_, stays)| **stays)
            .map(|(at, _)| *at)
            .collect();
        columns.retain(|(_, left)| !left.is_empty());
        let columns = columns.into_iter().map(|(column, left)| {
            let mut cells = Cells::default();
            for (at, value) in left {
                cells.set(times.partition_point(|time| *time < at), value);
            }
            (column, cells)
        });
        let columns = columns.collect();
        Self { times, columns }
    }

    /// The times of its rows, ascending, in milliseconds since 1970.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Its columns, ascending.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = Column> {
        self.columns.iter().map(|(column, _)| *column)
    }

    pub(super) fn cells(&self) -> &[(Column, Cells)] {
        &self.columns
    }

    /// How many values it has.
    pub fn values(&self) -> usize {
        self.columns.iter().map(|(_, cells)| cells.count()).sum()
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The values of a column in `[from, to)`, ascending in time.
    pub fn points(
        &self,
        column: Column,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Value)> {
        let first = self.times.partition_point(|at| *at < from.unix_ms());
        let found = self
            .columns
            .binary_search_by_key(&column, |(here, _)| *here)
            .ok();
        let cells = found
            .and_then(|place| self.columns.get(place))
            .map(|(_, cells)| cells);
        cells.into_iter().flat_map(move |cells| {
            let rows = self.times.iter().enumerate().skip(first);
            rows.take_while(move |(_, at)| **at < to.unix_ms())
                .filter_map(|(row, at)| Some((Timestamp::from_unix_ms(*at), cells.get(row)?)))
        })
    }
}

impl PartialEq for Block {
    /// Equal where they hold the same values at the same times.
    fn eq(&self, other: &Self) -> bool {
        fn values(block: &Block) -> impl Iterator<Item = (Column, usize, bool, u64)> {
            block.columns.iter().flat_map(|(column, cells)| {
                (0..block.times.len()).filter_map(|row| {
                    Some(match cells.get(row)? {
                        Value::U64(value) => (*column, row, false, value),
                        Value::F64(value) => (*column, row, true, value.to_bits()),
                    })
                })
            })
        }
        self.times == other.times && values(self).eq(values(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<(u32, i64), u64>;

    fn filled(writes: &[(i64, u32, u64)]) -> (Block, Model) {
        let (mut block, mut model) = (Block::new(), Model::new());
        for (at, column, bits) in writes {
            let value = if bits % 3 == 0 {
                Value::F64(*bits as f64)
            } else {
                Value::U64(*bits)
            };
            block.set(Timestamp::from_unix_ms(*at), &[(Column(*column), value)]);
            model.insert((*column, *at), *bits);
        }
        (block, model)
    }

    fn read(block: &Block) -> Model {
        let (first, last) = (
            Timestamp::from_unix_ms(i64::MIN),
            Timestamp::from_unix_ms(i64::MAX),
        );
        let columns: Vec<Column> = block.columns().collect();
        let points = columns.into_iter().flat_map(|column| {
            block
                .points(column, first, last)
                .map(move |(at, value)| (column, at, value))
        });
        points
            .map(|(column, at, value)| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let bits = match value {
                    Value::U64(bits) => bits,
                    Value::F64(bits) => bits as u64,
                };
                ((column.0, at.unix_ms()), bits)
            })
            .collect()
    }

    fn writes() -> impl Strategy<Value = Vec<(i64, u32, u64)>> {
        prop::collection::vec((-40i64..40, 0u32..5, 0u64..1000), 0..200)
    }

    proptest! {
        #[test]
        fn holds_what_a_map_holds(writes in writes(), from in -50i64..50, to in -50i64..50) {
            let (block, model) = filled(&writes);
            prop_assert_eq!(read(&block), model.clone());
            prop_assert_eq!(block.values(), model.len());
            let (from, to) = (Timestamp::from_unix_ms(from), Timestamp::from_unix_ms(to));
            let told: Vec<i64> = block.points(Column(2), from, to).map(|(at, _)| at.unix_ms()).collect();
            let expected: Vec<i64> = model.keys().filter(|(column, at)| {
                *column == 2 && *at >= from.unix_ms() && *at < to.unix_ms()
            }).map(|(_, at)| *at).collect();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn what_is_left_out_is_gone_and_no_more(writes in writes(), bound in -40i64..40) {
            let (block, mut model) = filled(&writes);
            let hidden = |column: Column, at: i64| column.0.is_multiple_of(2) && at < bound;
            let left = block.without(hidden);
            model.retain(|(column, at), _| !hidden(Column(*column), *at));
            prop_assert_eq!(read(&left), model.clone());
            let times: std::collections::BTreeSet<i64> = model.keys().map(|(_, at)| *at).collect();
            prop_assert!(left.times().iter().eq(&times));
            let (written, _) = filled(&[]);
            prop_assert!(!model.is_empty() || left == written);
        }

        #[test]
        fn the_newer_block_holds(older in writes(), newer in writes()) {
            let (a, mut model) = filled(&older);
            let (b, over) = filled(&newer);
            model.extend(over);
            let both = a.overlaid_by(&b);
            prop_assert_eq!(read(&both), model);
            let (written, _) = filled(&[older, newer].concat());
            prop_assert_eq!(both, written);
        }
    }
}
