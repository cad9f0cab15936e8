//! Columns brought together by index.

use super::{Columns, WalkEnd};
use crate::defects::Defects;
use crate::value::Value;
use async_snmp::Oid;
use std::collections::BTreeMap;

/// The arcs that follow a column's OID.
pub type Index = Vec<u32>;
/// A row's values, in the order that the columns were asked; none where the agent has none.
pub type Row = Vec<Option<Value>>;

/// A table, as far as it was asked for.
#[derive(Clone, Debug)]
pub struct Table {
    /// Rows by index.
    pub rows: BTreeMap<Index, Row>,
    /// How each column ended, in the order asked.
    pub ends: Vec<WalkEnd>,
    /// What was wrong with the answers.
    pub defects: Defects,
}

impl Table {
    /// Whether every column was read to its end.
    pub fn is_complete(&self) -> bool {
        self.ends.iter().all(WalkEnd::is_complete)
    }
}

pub(super) fn arrange(columns: &[Oid], found: Columns) -> Table {
    let mut rows: BTreeMap<Index, Row> = BTreeMap::new();
    for (oid, value) in found.rows {
        let column = columns.iter().position(|column| oid.starts_with(column));
        let index = column
            .and_then(|position| columns.get(position))
            .and_then(|column| oid.arcs().get(column.len()..));
        if let (Some(position), Some(index)) = (column, index) {
            let row = rows
                .entry(index.to_vec())
                .or_insert_with(|| vec![None; columns.len()]);
            if let Some(cell) = row.get_mut(position) {
                *cell = Some(value);
            }
        }
    }
    Table {
        rows,
        ends: found.ends,
        defects: found.defects,
    }
}
