//! Looking at every row once at the start: what is damaged is set aside, what is missing is noted.
//!
//! SQLite itself checks that its trees and indexes hold together; the checksums, numbers and
//! digests here check what it does not.

use super::log::Log;
use super::row::{self, CHECKSUM, COLUMNS, Found, found_at};
use super::{file, version};
use crate::documents::CollectionSpec;
use rusqlite::ffi;
use rusqlite::{Connection, params};
use tracing::{error, warn};

/// Tables beside those of collections, whose names and columns SQLite takes as the file has them.
const OTHERS: [&str; 3] = [
    "SELECT number, collection, id, revision, body, crc, reason FROM damaged",
    "SELECT number, copy FROM upgrade",
    "SELECT number, version FROM foretell_format",
];

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
    for columns in OTHERS {
        connection.prepare(columns)?;
    }
    let transaction = connection.unchecked_transaction()?;
    for spec in collections {
        verify_one(&transaction, spec)?;
    }
    transaction.commit()
}

/// Looks at every row and changes nothing: how many documents there are, and what is wrong, each named.
pub(crate) fn inspect(
    connection: &Connection,
    collections: &[&'static CollectionSpec],
) -> rusqlite::Result<(u64, Vec<String>)> {
    let (mut documents, mut damage) = (0, Vec::new());
    // Those of the first format are of the first version.
    let versions = file::has_versions(connection);
    for spec in collections {
        let name = spec.name;
        let made = "SELECT count(*) FROM collections WHERE name = ?1";
        if !connection.query_row(made, [name], |row| row.get::<_, bool>(0))? {
            continue;
        }
        let version = if versions {
            version::of(connection, spec)?.unwrap_or(spec.version)
        } else {
            1
        };
        let rows = look(connection, spec, version)?;
        documents += u64::try_from(rows.documents).unwrap_or(0);
        for (_, id) in &rows.damaged {
            damage.push(format!("{name} {id}: {CHECKSUM}"));
        }
        let (expected, digest, keys_digest): (i64, i64, i64) = connection.query_row(
            "SELECT documents, digest, keys FROM collections WHERE name = ?1",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        if expected != rows.documents {
            let found = rows.documents;
            damage.push(format!(
                "{name}: {found} documents, {expected} were written"
            ));
        } else if digest != i64::from(rows.digest) && rows.damaged.is_empty() {
            damage.push(format!("{name}: one is not the one that was written last"));
        }
        if keys_digest != i64::from(keys(connection, spec)?) {
            damage.push(format!("{name}: its index is damaged"));
        }
    }
    Ok((documents, damage))
}

/// Whether octets are a write-ahead log that is damaged, which SQLite would cut there.
pub(crate) fn log_is_damaged(octets: &[u8]) -> bool {
    Log::read(octets).is_damaged()
}

/// What the rows of a collection are, taken together.
#[derive(Default)]
struct Rows {
    documents: i64,
    digest: u32,
    damaged: Vec<(i64, String)>,
}

fn verify_one(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<()> {
    let name = spec.name;
    // Of an older server's documents; they are brought to the present version afterwards.
    let version = version::of(connection, spec)?.unwrap_or(spec.version);
    let rows = look(connection, spec, version)?;
    let (expected, expected_digest, expected_keys): (i64, i64, i64) = connection.query_row(
        "SELECT documents, digest, keys FROM collections WHERE name = ?1",
        [name],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
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
        let left = look(connection, spec, version)?;
        connection.execute(
            "UPDATE collections SET documents = ?2, digest = ?3 WHERE name = ?1",
            params![name, left.documents, left.digest],
        )?;
    }
    let sound = missing == 0 && !differs && rows.damaged.is_empty();
    if !sound || expected_keys != i64::from(keys(connection, spec)?) {
        warn!(collection = name, "the index is made anew");
        row::fill_index(connection, spec)?;
    }
    Ok(())
}

fn look(connection: &Connection, spec: &CollectionSpec, version: u32) -> rusqlite::Result<Rows> {
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
        if let Found::Damaged { number, id } = found_at(spec, version, row)? {
            all.damaged.push((number, id));
        }
    }
    Ok(all)
}

/// The digest of the keys that are there.
fn keys(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<u32> {
    let mut sum = 0;
    let mut statement =
        connection.prepare(&format!("SELECT name, key, id FROM key_{}", spec.name))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sum ^= row::key_sum(row::text(row, 0)?, row::text(row, 1)?, row::text(row, 2)?);
    }
    Ok(sum)
}
