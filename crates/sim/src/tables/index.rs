//! The rows of a table, as the arcs that name them, in order.

use std::cmp::Ordering;

/// The rows of a table.
// Invariant: rows rise by their arcs, and no two are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    arcs: Vec<u32>,
    /// Where each row ends in `arcs`.
    ends: Vec<u32>,
}

impl Index {
    /// Rows of one arc each. They must rise.
    pub(crate) fn of_numbers(numbers: impl IntoIterator<Item = u32>) -> Self {
        let arcs: Vec<u32> = numbers.into_iter().collect();
        debug_assert!(arcs.is_sorted(), "rows rise");
        Self {
            ends: (1..=u32::try_from(arcs.len()).unwrap_or(u32::MAX)).collect(),
            arcs,
        }
    }

    /// The one row of a scalar.
    pub(crate) fn scalar() -> &'static Self {
        static SCALAR: std::sync::LazyLock<Index> =
            std::sync::LazyLock::new(|| Index::of_numbers([0]));
        &SCALAR
    }

    /// Rows of several arcs each, with what belongs to them, put in order. Of two rows of the same
    /// arcs the first stays.
    pub(crate) fn sorted<T>(mut rows: Vec<(Vec<u32>, T)>) -> (Self, Vec<T>) {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut index = Self::default();
        let mut values = Vec::with_capacity(rows.len());
        for (arcs, value) in rows {
            index.arcs.extend_from_slice(&arcs);
            index
                .ends
                .push(u32::try_from(index.arcs.len()).unwrap_or(u32::MAX));
            values.push(value);
        }
        (index, values)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The arcs of a row.
    pub(crate) fn row(&self, row: usize) -> &[u32] {
        let bound = |row: usize| {
            self.ends
                .get(row)
                .and_then(|&end| usize::try_from(end).ok())
        };
        let from = row.checked_sub(1).and_then(bound).unwrap_or(0);
        bound(row)
            .and_then(|to| self.arcs.get(from..to))
            .unwrap_or(&[])
    }

    /// The row of exactly these arcs.
    pub(crate) fn find(&self, arcs: &[u32]) -> Option<usize> {
        let place = self.place(|row| row.cmp(arcs) == Ordering::Less);
        (place < self.len() && self.row(place) == arcs).then_some(place)
    }

    /// The first row after these arcs.
    pub(crate) fn after(&self, arcs: &[u32]) -> usize {
        self.place(|row| row.cmp(arcs) != Ordering::Greater)
    }

    /// How many rows, from the first on, are before.
    fn place(&self, is_before: impl Fn(&[u32]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.row(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_and_gone_past() {
        let rows = vec![
            (vec![2, 1], 'c'),
            (vec![1], 'a'),
            (vec![1, 9], 'b'),
            (vec![1], 'x'),
        ];
        let (index, values) = Index::sorted(rows);
        assert_eq!(values, ['a', 'b', 'c']);
        assert_eq!((index.row(0), index.row(2)), (&[1][..], &[2, 1][..]));
        assert_eq!(index.find(&[1, 9]), Some(1));
        assert_eq!(index.find(&[1, 8]), None);
        for (arcs, row) in [
            (&[][..], 0),
            (&[1], 1),
            (&[1, 0], 1),
            (&[1, 9], 2),
            (&[1, 9, 0], 2),
            (&[2, 1], 3),
            (&[9], 3),
        ] {
            assert_eq!(index.after(arcs), row, "{arcs:?}");
        }
        assert_eq!(Index::default().after(&[1]), 0);
        assert_eq!(Index::scalar().row(0), [0]);
    }
}
