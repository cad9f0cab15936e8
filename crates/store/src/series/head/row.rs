//! A poll as it is kept at first: one word a value, in the order of a list of columns that it shares
//! with the polls that have the same ones.

use crate::series::Column;
use model::{Timestamp, Value};
use std::sync::Arc;

/// The columns of polls, ascending strictly.
pub(super) type Layout = Arc<[Column]>;

/// Cells whose marks fit one word.
const CELLS_PER_MARK: usize = 32;
/// The bits of a mark: there is a value, and it is floating-point.
pub(super) const PRESENT: u64 = 1;
pub(super) const FLOAT: u64 = 2;

/// The values of one poll. Cheap to clone, never changed.
#[derive(Clone, Debug)]
// Invariant: `cells` has a word for each column of the layout, a whole number or the bits of a
// floating-point one, and behind them two bits of marks for each.
pub(super) struct Row {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) layout: Layout,
    cells: Arc<[u64]>,
}

/// Whether a layout has exactly the columns of these values.
pub(super) fn is_of(layout: &Layout, values: &[(Column, Value)]) -> bool {
    let columns = values.iter().map(|(column, _)| column);
    layout.len() == values.len() && layout.iter().eq(columns)
}

/// Whether a layout has all the columns of these values, and not many more: what is absent costs a
/// word all the same.
pub(super) fn has_most_of(layout: &Layout, values: &[(Column, Value)]) -> bool {
    if layout.len() < values.len() || layout.len() > values.len().saturating_mul(2) {
        return false;
    }
    let mut columns = layout.iter();
    values
        .iter()
        .all(|(column, _)| columns.any(|here| here == column))
}

/// A layout of its own for these values.
pub(super) fn layout_of(values: &[(Column, Value)]) -> Layout {
    values.iter().map(|(column, _)| *column).collect()
}

/// The word and the mark of a value.
fn cell(value: Value) -> (u64, u64) {
    match value {
        Value::U64(value) => (value, PRESENT),
        Value::F64(value) => (value.to_bits(), PRESENT | FLOAT),
    }
}

/// A mark as it is in [`crate::blocks::dense`].
pub(super) fn short(mark: u64) -> u8 {
    let [mark, ..] = (mark & (PRESENT | FLOAT)).to_le_bytes();
    mark
}

/// The value of a word and its mark.
pub(super) fn value(word: u64, mark: u64) -> Option<Value> {
    match mark & (PRESENT | FLOAT) {
        PRESENT => Some(Value::U64(word)),
        mark if mark & PRESENT != 0 => Some(Value::F64(f64::from_bits(word))),
        _ => None,
    }
}

impl Row {
    /// The row of some values, ascending by column; those that the layout lacks are left out.
    pub(super) fn new(at: i64, layout: &Layout, values: &[(Column, Value)]) -> Self {
        let columns = layout.len();
        let mut words = vec![0; columns + columns.div_ceil(CELLS_PER_MARK)];
        let (cells, marks) = words.split_at_mut(columns);
        let mut places = layout.iter().zip(cells).enumerate();
        for (column, value) in values {
            let found = places.find(|(_, (here, _))| *here == column);
            let Some((place, (_, word))) = found else {
                break;
            };
            let (bits, mark) = cell(*value);
            *word = bits;
            if let Some(marks) = marks.get_mut(place / CELLS_PER_MARK) {
                *marks |= mark << (2 * (place % CELLS_PER_MARK));
            }
        }
        Self {
            at,
            layout: Arc::clone(layout),
            cells: words.into(),
        }
    }

    /// The word and the mark at a place of the layout; nothing is marked behind its end.
    pub(super) fn cell(&self, place: usize) -> (u64, u64) {
        let columns = self.layout.len();
        let word = self.cells.get(place).copied().unwrap_or(0);
        let marks = self.cells.get(columns + place / CELLS_PER_MARK);
        let mark = marks.map_or(0, |marks| marks >> (2 * (place % CELLS_PER_MARK)));
        (word, mark & (PRESENT | FLOAT))
    }

    /// The value at a place of the layout.
    pub(super) fn get(&self, place: usize) -> Option<Value> {
        let (word, mark) = self.cell(place);
        value(word, mark)
    }

    /// The value of a column.
    pub(super) fn find(&self, column: Column) -> Option<Value> {
        self.get(self.layout.binary_search(&column).ok()?)
    }

    /// All its values, ascending by column.
    pub(super) fn values(&self) -> impl Iterator<Item = (Column, Value)> {
        let columns = self.layout.iter().enumerate();
        columns.filter_map(|(place, column)| Some((*column, self.get(place)?)))
    }

    /// When.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.at)
    }

    /// This row with the values of a newer one for the same time over it.
    pub(super) fn overlaid_by(&self, newer: &Self) -> Self {
        let mut values: Vec<(Column, Value)> = newer.values().collect();
        values.extend(self.values());
        // Stable, so that of one column the newer value is first.
        values.sort_by_key(|(column, _)| *column);
        values.dedup_by_key(|(column, _)| *column);
        let known = [&self.layout, &newer.layout];
        let layout = known.into_iter().find(|layout| is_of(layout, &values));
        let layout = layout.map_or_else(|| layout_of(&values), Arc::clone);
        Self::new(self.at, &layout, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &[(u32, Value)]) -> Vec<(Column, Value)> {
        text.iter()
            .map(|(column, value)| (Column(*column), *value))
            .collect()
    }

    #[test]
    fn a_row_holds_what_it_is_given() {
        let all = values(&[
            (0, Value::U64(u64::MAX)),
            (7, Value::F64(-0.0)),
            (9, Value::U64(0)),
        ]);
        let layout = layout_of(&all);
        let row = Row::new(5, &layout, &all);
        assert_eq!(row.values().collect::<Vec<_>>(), all);
        assert_eq!(
            (row.find(Column(7)), row.find(Column(8))),
            (Some(all[1].1), None)
        );
        let some = values(&[(9, Value::F64(0.5))]);
        let part = Row::new(5, &layout, &some);
        assert_eq!(part.values().collect::<Vec<_>>(), some);
        let more = values(&[(3, Value::U64(3)), (9, Value::U64(4))]);
        let more = Row::new(5, &layout_of(&more), &more);
        let both: Vec<_> = part.overlaid_by(&more).values().collect();
        assert_eq!(both, more.values().collect::<Vec<_>>());
        let under: Vec<_> = more.overlaid_by(&part).values().collect();
        assert_eq!(under, values(&[(3, Value::U64(3)), (9, Value::F64(0.5))]));
    }

    #[test]
    fn layouts_are_shared_where_most_is_there() {
        let of = |columns: &[u32]| -> Vec<(Column, Value)> {
            let value = |column: &u32| (Column(*column), Value::U64(1));
            columns.iter().map(value).collect()
        };
        let layout = layout_of(&of(&[1, 2, 3, 4]));
        assert!(is_of(&layout, &of(&[1, 2, 3, 4])) && !is_of(&layout, &of(&[1, 2, 3, 5])));
        for (columns, has) in [
            (&[1, 2, 3, 4][..], true),
            (&[2, 4], true),
            (&[2, 3, 4], true),
            (&[4], false),
            (&[1, 5], false),
            (&[1, 2, 3, 4, 5], false),
        ] {
            assert_eq!(has_most_of(&layout, &of(columns)), has, "{columns:?}");
        }
    }
}
