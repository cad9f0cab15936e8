//! The file: opening it, its format's version, its tables.

use super::row::fill_index;
use super::{SqliteOptions, version};
use crate::OpenError;
use crate::documents::CollectionSpec;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// Says in the file's header that it is ours: `FtlD`.
const APPLICATION_ID: i64 = 0x4674_6c44;
/// The format that this server writes. See `docs/formats/documents.md`.
const FORMAT: i64 = 2;
/// Octets of a page, by which a bound in octets becomes one in pages.
const PAGE_BYTES: i64 = 4096;
/// Octets that the write-ahead log is cut back to once it was taken into the file.
const LOG_BYTES_KEPT: i64 = 16 << 20;
/// How long to wait for a lock that only a tool run by an operator can hold.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements kept by a connection: some ten for each of the collections.
const STATEMENTS_KEPT: usize = 256;

pub(super) fn failed(operation: &'static str, path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Database {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// Opens the file to write, made where it is not there, and brings its tables up to what the
/// collections declare.
pub(super) fn open_to_write(
    path: &Path,
    collections: &[&'static CollectionSpec],
    options: &SqliteOptions,
) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|e| failed("opening", path, e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let current = is_current(&connection, path)?;
    settle(&connection, options).map_err(|e| failed("settling", path, e))?;
    if has_versions(&connection) {
        version::refuse_newer(&connection, path, collections)?;
    }
    prepare(&connection, collections, current).map_err(|e| failed("making tables in", path, e))?;
    Ok(connection)
}

/// Opens the file to read only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|e| failed("opening", path, e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection
        .busy_timeout(BUSY)
        .map_err(|e| failed("settling", path, e))?;
    Ok(connection)
}

/// Refuses what another program or a newer Foretell wrote; answers whether the file states our
/// format.
fn is_current(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let look = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|e| failed("reading the format of", path, e))
    };
    let (application, format, tables) = (
        look("application_id")?,
        look("user_version")?,
        look("schema_version")?,
    );
    // A second witness, since nothing watches over the header: one flipped bit there must not keep
    // the server from starting.
    let witness = connection
        .query_row("SELECT version FROM foretell_format", [], |row| row.get(0))
        .unwrap_or(i64::MAX);
    if witness <= FORMAT {
        return Ok(application == APPLICATION_ID && format == FORMAT && witness == FORMAT);
    }
    let empty = tables == 0 && application == 0;
    if !empty && application != APPLICATION_ID {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    if format > FORMAT {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    Ok(false)
}

fn settle(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // Of no effect on a file that is there.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is synced before it is answered.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What was deleted is gone from the file, so that salvaging cannot bring it back.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |_| Ok(()))?;
    if let Some(bytes) = options.bytes_max {
        let pages = (i64::try_from(bytes).unwrap_or(i64::MAX) / PAGE_BYTES).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// Makes what tables are not there yet, in one transaction.
fn prepare(
    connection: &Connection,
    collections: &[&'static CollectionSpec],
    current: bool,
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    if !current {
        make_format(&transaction)?;
    }
    for spec in collections {
        make_tables(&transaction, spec)?;
    }
    transaction.commit()
}

/// Whether the file states the versions of its collections: not before format 2.
pub(super) fn has_versions(connection: &Connection) -> bool {
    let looked = connection.prepare("SELECT version FROM collections");
    looked.is_ok()
}

/// Makes the tables that are for all collections, or brings those of format 1 to the present one:
/// what was written before there were versions is of version 1.
fn make_format(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS foretell_format (
            number INTEGER PRIMARY KEY CHECK (number = 1), version INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS collections (
            name TEXT PRIMARY KEY, indexes TEXT NOT NULL,
            documents INTEGER NOT NULL, digest INTEGER NOT NULL,
            keys INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS upgrade (
            number INTEGER PRIMARY KEY CHECK (number = 1), copy TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS damaged (
            number INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT,
            revision INTEGER, body BLOB, crc INTEGER, reason TEXT NOT NULL);",
    )?;
    if !has_versions(connection) {
        connection.execute_batch(
            "ALTER TABLE collections ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
        )?;
    }
    connection.execute(
        "INSERT OR REPLACE INTO foretell_format (number, version) VALUES (1, ?1)",
        [FORMAT],
    )?;
    Ok(())
}

/// Makes a collection's tables where they are not there, and its index anew where it is declared
/// otherwise than it was.
fn make_tables(connection: &Connection, spec: &CollectionSpec) -> rusqlite::Result<()> {
    let name = spec.name;
    let declared = spec.declaration();
    let made: Option<String> = connection
        .query_row(
            "SELECT indexes FROM collections WHERE name = ?1",
            [name],
            |row| row.get(0),
        )
        .optional()?;
    if made.as_deref() == Some(declared.as_str()) {
        return Ok(());
    }
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS doc_{name} (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
            body BLOB NOT NULL, crc INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS key_{name} (
            name TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
            PRIMARY KEY (name, key, id)) WITHOUT ROWID;"
    ))?;
    connection.execute(
        "INSERT INTO collections (name, indexes, documents, digest, keys, version)
         VALUES (?1, ?2, 0, 0, 0, ?3)
         ON CONFLICT (name) DO UPDATE SET indexes = excluded.indexes",
        params![name, declared, spec.version],
    )?;
    fill_index(connection, spec)
}
