//! Of which version the documents of a collection are: what the file states, and what the
//! documents prove, whose checksums cover it. Where the two differ the documents are right, so that
//! one flipped bit in what is stated does not make a sound collection unreadable.

use super::file::failed;
use super::row::{COLUMNS, Found, found_at};
use crate::OpenError;
use crate::documents::CollectionSpec;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Refuses documents that a newer server wrote, before anything is changed.
pub(super) fn refuse_newer(
    connection: &Connection,
    path: &Path,
    collections: &[&'static CollectionSpec],
) -> Result<(), OpenError> {
    for spec in collections {
        let found = of(connection, spec).map_err(|e| failed("reading the versions of", path, e))?;
        if let Some(found) = found.filter(|found| *found > spec.version) {
            return Err(OpenError::NewerDocuments {
                path: path.to_owned(),
                collection: spec.name,
                found,
                known: spec.version,
            });
        }
    }
    Ok(())
}

/// The version that the file states of a collection; none where the collection is not there.
pub(super) fn stated(
    connection: &Connection,
    spec: &CollectionSpec,
) -> rusqlite::Result<Option<u32>> {
    connection
        .query_row(
            "SELECT version FROM collections WHERE name = ?1",
            [spec.name],
            |row| row.get::<_, i64>(0),
        )
        .map(|version| u32::try_from(version.max(1)).unwrap_or(u32::MAX))
        .optional()
}

/// The version of a collection's documents; none where the collection is not there. Of an empty one
/// no later than the present version, for there is nothing in it that could not be read.
pub(super) fn of(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<Option<u32>> {
    let Some(stated) = stated(connection, spec)? else {
        return Ok(None);
    };
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM doc_{} AS d ORDER BY number",
        spec.name
    ))?;
    let mut rows = statement.query([])?;
    let mut empty = true;
    // The first one that is sound decides; mostly that is the first.
    while let Some(row) = rows.next()? {
        empty = false;
        let likely = Some(stated).filter(|version| *version <= spec.version);
        for version in likely.into_iter().chain(1..=spec.version) {
            if let Found::Sound(_) = found_at(spec, version, row)? {
                return Ok(Some(version));
            }
        }
    }
    Ok(Some(if empty {
        stated.min(spec.version)
    } else {
        stated
    }))
}
