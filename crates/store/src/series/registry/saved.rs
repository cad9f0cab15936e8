//! What is saved of a damaged registry: row by row, as far as each can be read and its checksum agrees.

use super::table::{
    Deleted, FLOOR_STEP, Read, TABLES, Table, bury, insert, put_deleted, tombstone,
};
use crate::blocks::salvage;
use rusqlite::{Connection, Row};
use std::path::Path;

/// Puts a row that was saved into a new registry.
type Keep = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()>>;

/// A table that is saved of a damaged registry.
struct Saved {
    table: salvage::Table<'static>,
    /// None where the row is damaged.
    read: fn(&Row) -> rusqlite::Result<Option<Keep>>,
}

/// All of them: what a registry is to have, after damage too, is a line here. Where a table of
/// before has fewer columns they are not named.
const SAVED: &[Saved] = &[
    Saved {
        table: salvage::Table {
            name: "series",
            select: "SELECT id, device, slot, metric, labels, interface, crc FROM series WHERE rowid = ?1",
        },
        read: keep_series,
    },
    Saved {
        table: salvage::Table {
            name: "deleted",
            select: "SELECT * FROM deleted WHERE rowid = ?1",
        },
        read: keep_deleted,
    },
    Saved {
        table: salvage::Table {
            name: "floor",
            select: "SELECT next FROM floor WHERE rowid = ?1",
        },
        read: keep_floor,
    },
    // What was deleted must stay so.
    Saved {
        table: salvage::Table {
            name: "tombstones",
            select: "SELECT * FROM tombstones WHERE rowid = ?1",
        },
        read: keep_tombstone,
    },
];

/// Makes a new registry of what can be read of a damaged one, which may have given out columns up to
/// `floor`, or up to the floor that it has itself; answers how many series it has.
pub(super) fn save(damaged: &Path, new: &Path, floor: u32) -> rusqlite::Result<u32> {
    let (mut table, _) = Table::open_sound(new)?;
    let transaction = table.connection.transaction()?;
    let tables: Vec<_> = SAVED.iter().map(|saved| saved.table).collect();
    let read =
        |place: usize, row: &Row| SAVED.get(place).map_or(Ok(None), |saved| (saved.read)(row));
    salvage::rows(damaged, TABLES, &tables, read, |row| {
        row.map_or(Ok(()), |keep| keep(&transaction))
    })?;
    let known = "SELECT max(next) FROM floor";
    let known: Option<u32> = transaction.query_row(known, [], |row| row.get(0))?;
    let floor = floor.max(known.unwrap_or(0)).saturating_add(FLOOR_STEP);
    transaction.execute("INSERT INTO floor (next) VALUES (?1)", [floor])?;
    let saved = transaction.query_row("SELECT count(*) FROM series", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(saved)
}

fn keep_series(row: &Row) -> rusqlite::Result<Option<Keep>> {
    let Some(change) = Read::of(row)?.change() else {
        return Ok(None);
    };
    // Of two with one id or one column, where a page is there twice, the first.
    Ok(Some(Box::new(move |new| {
        insert(new, "INSERT OR IGNORE", &change)
    })))
}

fn keep_deleted(row: &Row) -> rusqlite::Result<Option<Keep>> {
    let deleted = Deleted::of(row)?;
    if !deleted.sound {
        return Ok(None);
    }
    Ok(Some(Box::new(move |new| put_deleted(new, &deleted))))
}

/// It has no checksum: one that no registry can have is none.
fn keep_floor(row: &Row) -> rusqlite::Result<Option<Keep>> {
    let next: u32 = row.get(0)?;
    if !next.is_multiple_of(FLOOR_STEP) || next / FLOOR_STEP > salvage::ASIDE_MAX {
        return Ok(None);
    }
    Ok(Some(Box::new(move |new| {
        new.execute("INSERT INTO floor (next) VALUES (?1)", [next])
            .map(|_| ())
    })))
}

#[expect(clippy::unnecessary_wraps, reason = "as all that keep a row")]
fn keep_tombstone(row: &Row) -> rusqlite::Result<Option<Keep>> {
    Ok(tombstone(row)
        .ok()
        .map(|stone| -> Keep { Box::new(move |new| bury(new, &[stone])) }))
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
