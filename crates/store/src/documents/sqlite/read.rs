//! The questions asked of the tables.

use super::row::{COLUMNS, Found, found};
use crate::documents::{CollectionSpec, Query};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// One row by id.
pub(super) fn get(
    connection: &Connection,
    spec: &CollectionSpec,
    id: &str,
) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM doc_{} AS d WHERE id = ?1",
            spec.name
        ))?
        .query_row([id], |row| found(spec, row))
        .optional()
}

/// One row by its number.
pub(super) fn numbered(
    connection: &Connection,
    spec: &CollectionSpec,
    number: i64,
) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM doc_{} AS d WHERE number = ?1",
            spec.name
        ))?
        .query_row([number], |row| found(spec, row))
        .optional()
}

/// Rows that a query finds, and the id to go on from where there are more.
pub(super) fn page(
    connection: &Connection,
    spec: &CollectionSpec,
    query: &Query,
) -> rusqlite::Result<(Vec<Found>, Option<String>)> {
    let name = spec.name;
    let mut parts: Vec<Value> = Vec::new();
    let mut wheres: Vec<String> = Vec::new();
    let mut also = |condition: &str, part: Value| {
        parts.push(part);
        wheres.push(format!("{condition} ?{}", parts.len()));
    };
    let (table, id) = match &query.index {
        Some((index, key)) => {
            also("k.name =", Value::Text((*index).to_owned()));
            also("k.key =", Value::Text(key.clone()));
            (
                format!("key_{name} AS k JOIN doc_{name} AS d ON d.id = k.id"),
                "k.id",
            )
        }
        None => (format!("doc_{name} AS d"), "d.id"),
    };
    if let Some(prefix) = &query.prefix {
        also(&format!("{id} >="), Value::Text(prefix.clone()));
        // No text that begins so sorts behind this.
        also(
            &format!("{id} <"),
            Value::Text(format!("{prefix}\u{10ffff}")),
        );
    }
    let (beyond, order) = if query.descending {
        ("<", "DESC")
    } else {
        (">", "ASC")
    };
    if let Some(after) = &query.after {
        also(&format!("{id} {beyond}"), Value::Text(after.clone()));
    }
    let condition = if wheres.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", wheres.join(" AND "))
    };
    // One more than asked for tells whether there is a next page.
    let limit = query.limit.saturating_add(1);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {table} {condition}
         ORDER BY {id} {order} LIMIT {limit}"
    ))?;
    let mut rows: Vec<Found> = statement
        .query_map(params_from_iter(parts), |row| found(spec, row))?
        .collect::<Result<_, _>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|last| match last {
        Found::Sound(document) => document.id.clone(),
        Found::Damaged { id, .. } => id.clone(),
    });
    Ok((rows, next))
}

/// How many rows there are, or how many have a key.
pub(super) fn count(
    connection: &Connection,
    spec: &CollectionSpec,
    index: Option<(&'static str, String)>,
) -> rusqlite::Result<u64> {
    let number = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let count = match index {
        None => connection
            .prepare_cached("SELECT documents FROM collections WHERE name = ?1")?
            .query_row([spec.name], number),
        Some((index, key)) => connection
            .prepare_cached(&format!(
                "SELECT count(*) FROM key_{} WHERE name = ?1 AND key = ?2",
                spec.name
            ))?
            .query_row([index, &key], number),
    }?;
    Ok(count.try_into().unwrap_or(0))
}
