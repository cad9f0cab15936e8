//! Looking at every row once at the start: what is damaged is set aside, what is missing is noted.
//!
//! SQLite itself checks that its trees and indexes hold together; the checksums, numbers and
//! digests here check what it does not.

use super::row::{self, CHECKSUM, COLUMNS, Found, found, key_of};
use crate::documents::CollectionSpec;
use rusqlite::ffi;
use rusqlite::{Connection, params};
use tracing::{error, warn};

/// Verifies the file, then each collection against its checksums, its number of rows and their
/// digest. The error of a damaged file says that it must be salvaged.
pub(super) fn verify(
    connection: &Connection,
    collections: &[&'static CollectionSpec],
) -> rusqlite::Result<()> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_CORRUPT),
            Some(verdict),
        ));
    }
    let transaction = connection.unchecked_transaction()?;
    for spec in collections {
        verify_one(&transaction, spec)?;
    }
    transaction.commit()
}

/// What the rows of a collection are, taken together.
#[derive(Default)]
struct Rows {
    documents: i64,
    digest: u32,
    /// Exclusive or of the checksums of all keys that the documents should be found by.
    keys: u32,
    damaged: Vec<(i64, String)>,
}

fn verify_one(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<()> {
    let name = spec.name;
    let rows = look(connection, spec)?;
    let (expected, expected_digest): (i64, i64) = connection.query_row(
        "SELECT documents, digest FROM collections WHERE name = ?1",
        [name],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (number, id) in &rows.damaged {
        error!(collection = name, id, "a damaged document was set aside");
        row::set_aside(connection, spec, *number, CHECKSUM)?;
    }
    let missing = expected - rows.documents;
    let differs = expected_digest != i64::from(rows.digest);
    // A row whose checksum was itself damaged is set aside above, and explains the digest.
    let reason = match missing {
        1.. => format!("{missing} of {expected} documents are missing"),
        ..0 => format!("{} documents more than were written", -missing),
        0 if differs && rows.damaged.is_empty() => {
            "a document is not the one that was written last".to_owned()
        }
        0 => String::new(),
    };
    if !reason.is_empty() {
        error!(collection = name, reason, "documents are damaged");
        row::note_missing(connection, name, &reason)?;
    }
    if missing != 0 || differs {
        let left = look(connection, spec)?;
        connection.execute(
            "UPDATE collections SET documents = ?2, digest = ?3 WHERE name = ?1",
            params![name, left.documents, left.digest],
        )?;
    }
    if !rows.damaged.is_empty() || rows.keys != keys_there(connection, spec)? {
        warn!(collection = name, "the index is made anew");
        row::fill_index(connection, spec)?;
    }
    Ok(())
}

fn look(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<Rows> {
    let mut all = Rows::default();
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM doc_{} AS d ORDER BY number",
        spec.name
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        all.documents += 1;
        let crc = row.get::<_, i64>(3).ok();
        all.digest ^= crc.and_then(|crc| u32::try_from(crc).ok()).unwrap_or(0);
        match found(spec, row)? {
            Found::Damaged { number, id } => all.damaged.push((number, id)),
            Found::Sound(document) => {
                for (index, key) in key_of(spec, &document.body) {
                    all.keys ^= key_sum(index.as_bytes(), key.as_bytes(), document.id.as_bytes());
                }
            }
        }
    }
    Ok(all)
}

/// The keys that are there, as [`Rows::keys`] has those that should be.
fn keys_there(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<u32> {
    let mut sum = 0;
    let mut statement =
        connection.prepare(&format!("SELECT name, key, id FROM key_{}", spec.name))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sum ^= key_sum(row::text(row, 0)?, row::text(row, 1)?, row::text(row, 2)?);
    }
    Ok(sum)
}

fn key_sum(index: &[u8], key: &[u8], id: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(index);
    for part in [key, id] {
        crc = crc32c::crc32c_append(crc, &[0]);
        crc = crc32c::crc32c_append(crc, part);
    }
    crc
}
