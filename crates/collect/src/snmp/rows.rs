//! Objects and values as an agent gave them, found again by column and index.

use snmp::{Oid, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Objects and values of one look.
#[derive(Clone, Debug, Default)]
pub struct Rows(BTreeMap<Vec<u32>, Value>);

impl Rows {
    /// Adds what was read; a later value takes an earlier one's place.
    pub fn extend(&mut self, objects: impl IntoIterator<Item = (Oid, Value)>) {
        self.0.extend(
            objects
                .into_iter()
                .map(|(oid, value)| (oid.arcs().to_vec(), value)),
        );
    }

    /// The value of a scalar, whose instance is 0.
    pub fn scalar(&self, object: &[u32]) -> Option<&Value> {
        self.cell(object, &[0])
    }

    /// The value of a column at an index.
    pub fn cell(&self, column: &[u32], index: &[u32]) -> Option<&Value> {
        self.0.get(&[column, index].concat())
    }

    /// A column: indexes and values, by index.
    pub fn column<'a>(
        &'a self,
        column: &'a [u32],
    ) -> impl Iterator<Item = (&'a [u32], &'a Value)> + 'a {
        self.0
            .range(column.to_vec()..)
            .take_while(|(oid, _)| oid.starts_with(column))
            .filter_map(|(oid, value)| Some((oid.get(column.len()..)?, value)))
    }

    /// The indexes that any of several columns has.
    pub fn indexes(&self, columns: &[&[u32]]) -> BTreeSet<Vec<u32>> {
        columns
            .iter()
            .flat_map(|column| self.column(column).map(|(index, _)| index.to_vec()))
            .collect()
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

impl FromIterator<(Oid, Value)> for Rows {
    fn from_iter<T: IntoIterator<Item = (Oid, Value)>>(objects: T) -> Self {
        let mut rows = Self::default();
        rows.extend(objects);
        rows
    }
}
