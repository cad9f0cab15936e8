//! Bringing the documents of an older server to the present versions, when the file is opened.
//!
//! Free room is looked at and a copy of the file is kept first. Each collection is one transaction,
//! so that after a crash each is as it was or as it shall be, and the next start goes on; a document
//! that cannot be brought along is set aside as it was, with the reason.

use super::file::failed;
use super::row::{self, COLUMNS, Found, checksum, found_at, key_of, keys_sum};
use super::salvage::{beside, remove};
use super::version;
use crate::OpenError;
use crate::disk::{Leave, Room};
use crate::documents::{CollectionSpec, DOCUMENT_BYTES_MAX, Document};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tracing::{error, info};

/// Free room that is wanted, as often as the file is long: once for the copy, once for the log of
/// the largest collection, once for what the file may grow by.
const ROOM_TIMES: u64 = 3;
/// Copies of before that are kept; the oldest goes. Whoever goes back goes back one server, or two.
const COPIES_KEPT: usize = 3;
/// How the name of a copy goes on behind the file's; a number follows.
const BEFORE: &str = ".before-";

/// What was done to documents of older versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// The file as it was; none where there was nothing in it to be changed.
    pub copy: Option<PathBuf>,
    /// Each collection that was changed.
    pub collections: Vec<Migrated>,
}

/// What was done to a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Which.
    pub collection: &'static str,
    /// The version that it had.
    pub from: u32,
    /// The version that it has.
    pub to: u32,
    /// Documents that were brought along.
    pub documents: u64,
    /// Documents that could not be, and were set aside.
    pub set_aside: u64,
}

/// A collection that is of an older version.
struct Due {
    spec: &'static CollectionSpec,
    from: u32,
}

/// Brings every collection to its present version. The documents must have been verified.
pub(super) fn migrate(
    connection: &Connection,
    path: &Path,
    collections: &[&'static CollectionSpec],
) -> Result<Upgrade, OpenError> {
    let due =
        due(connection, collections).map_err(|e| failed("reading the versions of", path, e))?;
    let mut upgrade = Upgrade::default();
    if !due.is_empty() {
        upgrade.copy = Some(kept_copy(connection, path, collections)?);
    }
    for Due { spec, from } in due {
        let migrated =
            one(connection, spec, from).map_err(|e| failed("migrating documents in", path, e))?;
        info!(
            collection = spec.name,
            from,
            to = spec.version,
            documents = migrated.documents,
            set_aside = migrated.set_aside,
            "documents of an older version were brought to the present one"
        );
        upgrade.collections.push(migrated);
    }
    // Only where there was one: a start on a full disk writes nothing.
    let noted = "SELECT EXISTS (SELECT 1 FROM upgrade)";
    let ended = connection.query_row(noted, [], |row| row.get(0));
    let ended = ended.and_then(|noted: bool| {
        if noted {
            connection.execute("DELETE FROM upgrade", [])
        } else {
            Ok(0)
        }
    });
    ended.map_err(|e| failed("ending the migration of", path, e))?;
    Ok(upgrade)
}

/// Which collections have documents of an older version. Those that have none, or whose documents
/// prove that they are of the present version, are only stated to be.
fn due(
    connection: &Connection,
    collections: &[&'static CollectionSpec],
) -> rusqlite::Result<Vec<Due>> {
    let mut due = Vec::new();
    for spec in collections {
        let from = version::of(connection, spec)?.unwrap_or(spec.version);
        let empty: bool = connection.query_row(
            &format!("SELECT NOT EXISTS (SELECT 1 FROM doc_{})", spec.name),
            [],
            |row| row.get(0),
        )?;
        if from < spec.version && !empty {
            due.push(Due { spec, from });
        } else if version::stated(connection, spec)? != Some(spec.version) {
            connection.execute(
                "UPDATE collections SET version = ?2 WHERE name = ?1",
                params![spec.name, spec.version],
            )?;
        }
    }
    Ok(due)
}

/// The copy of the file as it was before any of this: made now, or by a start that was cut short
/// after it.
fn kept_copy(
    connection: &Connection,
    path: &Path,
    collections: &[&'static CollectionSpec],
) -> Result<PathBuf, OpenError> {
    let begun: Option<String> = connection
        .query_row("SELECT copy FROM upgrade", [], |row| row.get(0))
        .optional()
        .map_err(|e| failed("reading the copy of", path, e))?;
    if let Some(name) = begun {
        let copy = path.with_file_name(name);
        let present = accounts(connection).map_err(|e| failed("reading", path, e))?;
        if copy.exists() && is_of_before(&copy, &present, collections) {
            return Ok(copy);
        }
    }
    look_for_room(connection, path)?;
    let numbers = numbers(path).map_err(|e| io_failed("looking for copies of", path, e))?;
    let number = numbers.last().map_or(1, |last| last.saturating_add(1));
    let copy = beside(path, &format!("{BEFORE}{number}"));
    // Behind the last number there is none: no copy gives way to a newer one by its name.
    if copy.exists() {
        let there = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(io_failed("keeping", &copy, there));
    }
    make_copy(connection, path, &copy)?;
    let name = copy.file_name().unwrap_or_default().to_string_lossy();
    connection
        .execute(
            "INSERT OR REPLACE INTO upgrade (number, copy) VALUES (1, ?1)",
            [name],
        )
        .map_err(|e| failed("noting the copy of", path, e))?;
    let oldest = numbers.len().saturating_sub(COPIES_KEPT - 1);
    for number in numbers.iter().take(oldest) {
        let old = beside(path, &format!("{BEFORE}{number}"));
        remove(&old).map_err(|e| io_failed("removing", &old, e))?;
    }
    Ok(copy)
}

/// What a file states of its collections.
type Accounts = HashMap<String, Account>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    documents: i64,
    digest: i64,
    version: i64,
}

fn accounts(connection: &Connection) -> rusqlite::Result<Accounts> {
    let mut statement =
        connection.prepare("SELECT name, documents, digest, version FROM collections")?;
    let accounts = statement.query_map([], |row| {
        let account = Account {
            documents: row.get(1)?,
            digest: row.get(2)?,
            version: row.get(3)?,
        };
        Ok((row.get(0)?, account))
    })?;
    accounts.collect()
}

/// Whether a copy is of the file as it was before the migration that is gone on with, and not before
/// an earlier one: each collection is in the file as in the copy, or was migrated since. One that
/// cannot be read is none to go back to.
fn is_of_before(copy: &Path, present: &Accounts, collections: &[&'static CollectionSpec]) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(copy, flags).and_then(|copy| {
        copy.pragma_update(None, "query_only", true)?;
        accounts(&copy)
    });
    let Ok(before) = read else {
        return false;
    };
    collections.iter().all(|spec| {
        let of = |accounts: &Accounts| accounts.get(spec.name).copied().unwrap_or_default();
        let (before, present) = (of(&before), of(present));
        let is_same = (before.documents, before.digest) == (present.documents, present.digest);
        is_same || before.version < present.version
    })
}

/// Refuses where the disk has not [`ROOM_TIMES`] the room of the file.
fn look_for_room(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let look = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = look("page_count")
        .and_then(|pages| Ok(pages.saturating_mul(look("page_size")?)))
        .map_err(|e| failed("measuring", path, e))?;
    let folder = folder_of(path);
    let needed = u64::try_from(bytes).unwrap_or(0).saturating_mul(ROOM_TIMES);
    let lacking = Room::default().lacking(folder, needed, Leave::Nothing);
    match lacking.map_err(|e| io_failed("looking for free room at", folder, e))? {
        None => Ok(()),
        Some(lacking) => Err(OpenError::NoRoom {
            path: path.to_owned(),
            needed_bytes: lacking.needed_bytes,
            free_bytes: lacking.free_bytes,
        }),
    }
}

/// Numbers of the copies that there are, ascending.
fn numbers(path: &Path) -> io::Result<Vec<u32>> {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return Ok(Vec::new());
    };
    let begins = format!("{name}{BEFORE}");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?.file_name();
        let number = entry.to_str().and_then(|name| name.strip_prefix(&begins));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Copies the file with its log to `copy`, which is there as a whole or not at all.
fn make_copy(connection: &Connection, path: &Path, copy: &Path) -> Result<(), OpenError> {
    let making = beside(path, ".copying");
    for end in ["", "-wal", "-shm"] {
        remove(&beside(&making, end)).map_err(|e| io_failed("removing", &making, e))?;
    }
    let unnamed = || io::Error::new(io::ErrorKind::InvalidInput, "its name is no UTF-8");
    let name = making
        .to_str()
        .ok_or_else(|| io_failed("naming a copy of", path, unnamed()))?;
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(|e| failed("copying", path, e))?;
    // In the mode in which it is opened, so that the copy can simply be put back.
    Connection::open(&making)
        .and_then(|copy| {
            copy.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            copy.close().map_err(|(_, e)| e)
        })
        .map_err(|e| failed("finishing", &making, e))?;
    let placed = File::open(&making)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&making, copy))
        .and_then(|()| File::open(folder_of(path))?.sync_all());
    placed.map_err(|e| io_failed("keeping", copy, e))
}

/// Brings one collection to its present version, in one transaction.
fn one(
    connection: &Connection,
    spec: &'static CollectionSpec,
    from: u32,
) -> rusqlite::Result<Migrated> {
    let name = spec.name;
    let transaction = connection.unchecked_transaction()?;
    // Keys are made anew one by one, so that two documents that come to have the same one where
    // only one may are noticed.
    transaction.execute_batch(&format!("DELETE FROM key_{name}"))?;
    let mut update = transaction.prepare(&format!(
        "UPDATE doc_{name} SET revision = ?2, body = ?3, crc = ?4 WHERE number = ?1"
    ))?;
    let mut migrated = Migrated {
        collection: name,
        from,
        to: spec.version,
        documents: 0,
        set_aside: 0,
    };
    let (mut digest, mut keys_digest) = (0, 0);
    let mut before = i64::MIN;
    while let Some((number, found)) = next(&transaction, spec, from, before)? {
        before = number;
        let outcome = match found {
            Found::Sound(document) => brought_alone(&transaction, spec, from, document)?,
            Found::Damaged { .. } => Err(row::CHECKSUM.to_owned()),
        };
        match outcome {
            Ok(Brought {
                document,
                crc,
                keys,
            }) => {
                row::add_keys(&transaction, spec, &keys, &document.id)?;
                let revision = i64::try_from(document.revision).unwrap_or(i64::MAX);
                update.execute(params![number, revision, document.body, crc])?;
                digest ^= crc;
                keys_digest ^= keys_sum(&keys, &document.id);
                migrated.documents += 1;
            }
            Err(reason) => {
                error!(
                    collection = name,
                    number, reason, "a document was set aside"
                );
                row::set_aside(&transaction, spec, number, &reason)?;
                migrated.set_aside += 1;
            }
        }
    }
    drop(update);
    let documents = i64::try_from(migrated.documents).unwrap_or(i64::MAX);
    transaction.execute(
        "UPDATE collections SET documents = ?2, digest = ?3, keys = ?4, version = ?5
         WHERE name = ?1",
        params![name, documents, digest, keys_digest, spec.version],
    )?;
    transaction.commit()?;
    Ok(migrated)
}

/// The row with the lowest number above `before`.
fn next(
    connection: &Connection,
    spec: &CollectionSpec,
    version: u32,
    before: i64,
) -> rusqlite::Result<Option<(i64, Found)>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM doc_{} AS d WHERE number > ?1 ORDER BY number LIMIT 1",
            spec.name
        ))?
        .query_row([before], |row| {
            Ok((row.get(4)?, found_at(spec, version, row)?))
        })
        .optional()
}

/// A document of the present version, its checksum and its keys.
struct Brought {
    document: Document,
    crc: u32,
    keys: Vec<(&'static str, String)>,
}

/// A document of the present version, whose keys nobody has; else why there is none.
fn brought_alone(
    connection: &Connection,
    spec: &CollectionSpec,
    from: u32,
    document: Document,
) -> rusqlite::Result<Result<Brought, String>> {
    let to = spec.version;
    let (document, crc) = match brought(spec, from, document) {
        Ok(brought) => brought,
        Err(reason) => return Ok(Err(reason)),
    };
    let keys = key_of(spec, &document.body);
    Ok(match row::taken(connection, spec, &keys, &document.id)? {
        None => Ok(Brought {
            document,
            crc,
            keys,
        }),
        Some((index, other)) => Err(format!(
            "it cannot be of version {to}: {other} already has that {index}"
        )),
    })
}

/// A document of version `from` as one of the present version, with its checksum; an error says why
/// it cannot become one. Its revision goes up where it says something else than before.
pub(super) fn brought(
    spec: &CollectionSpec,
    from: u32,
    document: Document,
) -> Result<(Document, u32), String> {
    let to = spec.version;
    let wrong = |reason: String| format!("it cannot be of version {to}: {reason}");
    let before: serde_json::Value =
        serde_json::from_slice(&document.body).map_err(|e| wrong(e.to_string()))?;
    let after = spec.upgraded(from, before.clone()).map_err(wrong)?;
    let document = if after == before {
        document
    } else {
        let body = serde_json::to_vec(&after).map_err(|e| wrong(e.to_string()))?;
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(wrong(format!("it would have {} octets", body.len())));
        }
        Document {
            revision: document.revision.saturating_add(1),
            body,
            ..document
        }
    };
    let crc = checksum(
        spec.name,
        to,
        &document.id,
        document.revision,
        &document.body,
    );
    Ok((document, crc))
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

fn io_failed(operation: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}
