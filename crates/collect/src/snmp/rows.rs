//! Objects and values as an agent gave them, found again by column and index.

use snmp::{Oid, Value};
use std::cmp::Ordering;

/// Objects and values of one look.
// Invariant: strictly ascending by OID. A list that is searched, rather than a tree: it is filled
// once, mostly in order, and read some ten times as often.
#[derive(Clone, Debug, Default)]
pub struct Rows(Vec<(Oid, Value)>);

impl Rows {
    /// Adds what was read; a later value takes an earlier one's place.
    pub fn extend(&mut self, objects: impl IntoIterator<Item = (Oid, Value)>) {
        self.0.extend(objects);
        let ascending = |pair: &[(Oid, Value)]| matches!(pair, [a, b] if a.0 < b.0);
        if self.0.windows(2).all(ascending) {
            return;
        }
        // Stable, and quick on what comes column by column.
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            same
        });
    }

    /// The value of a scalar, whose instance is 0.
    pub fn scalar(&self, object: &[u32]) -> Option<&Value> {
        self.cell(object, &[0])
    }

    /// The value of a column at an index.
    pub fn cell(&self, column: &[u32], index: &[u32]) -> Option<&Value> {
        let place = self
            .0
            .binary_search_by(|(oid, _)| cmp_joined(oid.arcs(), column, index));
        self.0.get(place.ok()?).map(|(_, value)| value)
    }

    /// A column: indexes and values, by index.
    pub fn column<'a>(
        &'a self,
        column: &'a [u32],
    ) -> impl Iterator<Item = (&'a [u32], &'a Value)> + 'a {
        let from = self.0.partition_point(|(oid, _)| oid.arcs() < column);
        self.0
            .get(from..)
            .unwrap_or_default()
            .iter()
            .map_while(|(oid, value)| Some((oid.arcs().strip_prefix(column)?, value)))
    }

    /// The indexes that any of several columns has, ascending, each once.
    pub fn indexes<'a>(&'a self, columns: &[&'a [u32]]) -> Vec<&'a [u32]> {
        let mut indexes: Vec<&[u32]> = columns
            .iter()
            .flat_map(|column| self.column(column).map(|(index, _)| index))
            .collect();
        indexes.sort();
        indexes.dedup();
        indexes
    }

    /// Whether there is anything under an object.
    pub fn has(&self, object: &[u32]) -> bool {
        self.column(object).next().is_some()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How an OID compares with a column and an index put together.
fn cmp_joined(oid: &[u32], column: &[u32], index: &[u32]) -> Ordering {
    let (begin, rest) = oid.split_at(oid.len().min(column.len()));
    begin.cmp(column).then_with(|| rest.cmp(index))
}

impl FromIterator<(Oid, Value)> for Rows {
    fn from_iter<T: IntoIterator<Item = (Oid, Value)>>(objects: T) -> Self {
        let mut rows = Self::default();
        rows.extend(objects);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn rows_are_found_as_in_a_tree(
            lots in prop::collection::vec(
                prop::collection::vec((prop::collection::vec(0_u32..3, 0..5), any::<u32>()), 0..20),
                0..4,
            ),
            column in prop::collection::vec(0_u32..3, 0..3),
            index in prop::collection::vec(0_u32..3, 0..3),
        ) {
            let mut rows = Rows::default();
            let mut tree = BTreeMap::new();
            for lot in lots {
                rows.extend(lot.iter().map(|(arcs, value)| (Oid::from_slice(arcs), Value::Gauge32(*value))));
                tree.extend(lot);
            }
            let whole = [column.clone(), index.clone()].concat();
            prop_assert_eq!(rows.cell(&column, &index).cloned(), tree.get(&whole).map(|v| Value::Gauge32(*v)));
            let found: Vec<_> = rows.column(&column).map(|(index, value)| (index.to_vec(), value.clone())).collect();
            let wanted: Vec<_> = tree
                .iter()
                .filter_map(|(arcs, value)| Some((arcs.strip_prefix(&column[..])?.to_vec(), Value::Gauge32(*value))))
                .collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(rows.len(), tree.len());
        }
    }
}
