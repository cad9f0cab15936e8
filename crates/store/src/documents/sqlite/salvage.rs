//! Opening a file whatever state it is in. Where SQLite finds it damaged, a new file is made of
//! every row that its own checksum proves; the damaged one is kept beside it.

use super::log::Log;
use super::migrate::{self, Upgrade};
use super::pages::{Column, PAGE_LEN, Pages, rows};
use super::{SqliteOptions, file, row, verify};
use crate::OpenError;
use crate::documents::{CollectionSpec, Document};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use tracing::error;

/// Damaged files that are kept; beyond that the latest takes the place of the one before it. An
/// operator acts long before.
const ASIDE_MAX: u32 = 100;

/// Opens the file to write, sound or made sound, its documents of the present versions.
pub(super) fn open(
    path: &Path,
    collections: &[&'static CollectionSpec],
    options: &SqliteOptions,
) -> Result<(Connection, Upgrade), OpenError> {
    finish(path).map_err(|e| failed("putting the salvaged file in the place of", path, e))?;
    // Before SQLite sees it: it would cut the log where it is damaged.
    let log = read(&beside(path, "-wal"))?;
    if Log::read(&log).is_damaged() {
        salvage(path, &log, collections, "the log was damaged")?;
    } else if !header_is_sound(path, log.is_empty())? {
        salvage(path, &log, collections, "the file's header was damaged")?;
    }
    match attempt(path, collections, options) {
        Err(OpenError::Database { source, .. }) if is_damage(path, &source) => {
            let log = read(&beside(path, "-wal"))?;
            if salvage(path, &log, collections, &source.to_string())? {
                attempt(path, collections, options)
            } else {
                Err(OpenError::Unreadable {
                    path: path.to_owned(),
                    source,
                })
            }
        }
        other => other,
    }
}

fn attempt(
    path: &Path,
    collections: &[&'static CollectionSpec],
    options: &SqliteOptions,
) -> Result<(Connection, Upgrade), OpenError> {
    let connection = file::open_to_write(path, collections, options)?;
    verify::verify(&connection, collections).map_err(|e| file::failed("verifying", path, e))?;
    let upgrade = migrate::migrate(&connection, path, collections)?;
    Ok((connection, upgrade))
}

/// Whether an error says that the file is damaged, and not that it could not be had.
fn is_damage(path: &Path, error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        // A header that says so makes a file read-only to SQLite that is not.
        Some(ErrorCode::ReadOnly) => File::options().write(true).open(path).is_ok(),
        // What a damaged header or schema makes SQLite say is of many kinds; what keeps it from a
        // sound file is of few.
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure,
        ) => false,
        // So with a table or a value of it that is not what it should be.
        Some(_) | None => true,
    }
}

/// How far ahead of ours the version of a document may be by which its checksum is tried: it shows
/// that a newer server wrote the file.
const VERSIONS_AHEAD: u32 = 16;

/// A file and the log over it.
struct State<'a> {
    file: &'a [[u8; PAGE_LEN]],
    log: HashMap<u32, &'a [u8; PAGE_LEN]>,
}

impl Pages for State<'_> {
    fn page(&self, number: u32) -> Option<&[u8; PAGE_LEN]> {
        let from_file = || self.file.get(usize::try_from(number).ok()?.checked_sub(1)?);
        self.log.get(&number).copied().or_else(from_file)
    }
    fn count(&self) -> u32 {
        let file = u32::try_from(self.file.len()).unwrap_or(u32::MAX);
        // A damaged page number in the log must not make the file longer than its octets.
        let log = u32::try_from(self.log.len()).unwrap_or(u32::MAX);
        let last = self.log.keys().copied().max().unwrap_or(0);
        file.max(last.min(file.saturating_add(log)))
    }
}

/// How many rows of three columns a damaged file shows, given its octets and those of its
/// write-ahead log, whatever they are: what a salvage looks at before checksums decide. Public so
/// that it can be fuzzed.
pub fn rows_shown(file: &[u8], log: &[u8]) -> usize {
    let file = file.as_chunks().0;
    let log = Log::read(log);
    let mut shown = 0;
    for log in [log.sound_pages(), log.pages()] {
        rows(&State { file, log }, |_: [Column<'_>; 3]| shown += 1);
    }
    shown
}

/// A row that its checksum proves.
#[derive(Default)]
struct Row {
    revision: u64,
    /// Of the collection, by which the checksum holds.
    version: u32,
    body: Vec<u8>,
    crc: u32,
}

/// What was read of a damaged file.
#[derive(Default)]
struct Salvaged {
    /// By collection and id.
    documents: BTreeMap<(&'static str, String), Row>,
    /// What had been set aside before: collection, id, reason.
    damaged: BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    /// A collection with a document that its checksum proves to be of a later version than ours.
    newer: Option<(&'static CollectionSpec, u32)>,
}

/// Makes a new file of what can be read of this one, and puts it in its place; answers whether it
/// did. Where nothing can be read all is left as it is.
fn salvage(
    path: &Path,
    log: &[u8],
    collections: &[&'static CollectionSpec],
    reason: &str,
) -> Result<bool, OpenError> {
    error!(path = %path.display(), reason, "the documents are damaged and are salvaged");
    let octets = read(path)?;
    let file = octets.as_chunks().0;
    let log = Log::read(log);
    let mut salvaged = Salvaged::default();
    // The log up to its damage is what SQLite would see. Behind the damage there may be later
    // rows, but also pages whose rows moved to one that is lost: neither alone has all.
    for log in [log.sound_pages(), log.pages()] {
        carve(&State { file, log }, collections, &mut salvaged);
    }
    if let Some((spec, found)) = salvaged.newer {
        // The server that wrote it reads all of it; here they would be lost.
        return Err(OpenError::NewerDocuments {
            path: path.to_owned(),
            collection: spec.name,
            found,
            known: spec.version,
        });
    }
    if salvaged.documents.is_empty() {
        return Ok(false);
    }
    let making = beside(path, ".salvaging");
    for end in ["", "-wal", "-shm"] {
        remove(&beside(&making, end)).map_err(|e| failed("removing", &making, e))?;
    }
    let connection = file::open_to_write(&making, collections, &SqliteOptions::default())?;
    // It is synced as a whole before it takes the other's place.
    connection
        .pragma_update(None, "synchronous", "OFF")
        .and_then(|()| fill(&connection, path, collections, &salvaged, reason))
        .map_err(|e| file::failed("salvaging", &making, e))?;
    connection
        .close()
        .map_err(|(_, e)| file::failed("closing", &making, e))?;
    File::open(&making)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&making, beside(path, ".salvaged")))
        .and_then(|()| finish(path))
        .map_err(|e| failed("putting the salvaged file in the place of", path, e))?;
    Ok(true)
}

/// Takes every row that its checksum proves; of one document's several the latest.
fn carve(state: &State<'_>, collections: &[&'static CollectionSpec], into: &mut Salvaged) {
    rows(state, |columns: [Column<'_>; 5]| {
        let [
            _,
            Column::Bytes(id),
            Column::Integer(revision),
            Column::Bytes(body),
            Column::Integer(crc),
        ] = columns
        else {
            return;
        };
        let (Ok(id), Ok(revision), Ok(crc)) = (
            std::str::from_utf8(id),
            u64::try_from(revision),
            u32::try_from(crc),
        ) else {
            return;
        };
        let of = collections.iter().find_map(|spec| {
            let proves =
                |version: &u32| row::checksum(spec.name, *version, id, revision, body) == crc;
            let ahead = spec.version + 1..=spec.version + VERSIONS_AHEAD;
            let version = (1..=spec.version).rev().chain(ahead).find(proves)?;
            Some((*spec, version))
        });
        if let Some((spec, version)) = of {
            if version > spec.version {
                into.newer = Some((spec, version));
                return;
            }
            let name = spec.name;
            let known = into.documents.entry((name, id.to_owned())).or_default();
            if (known.revision, known.version) < (revision, version) {
                *known = Row {
                    revision,
                    version,
                    body: body.to_vec(),
                    crc,
                };
            }
        }
    });
    rows(state, |columns: [Column<'_>; 7]| {
        if let [
            _,
            Column::Bytes(collection),
            id,
            _,
            _,
            _,
            Column::Bytes(reason),
        ] = columns
        {
            let id = match id {
                Column::Bytes(id) => id.to_vec(),
                _ => Vec::new(),
            };
            into.damaged
                .insert((collection.to_vec(), id), reason.to_vec());
        }
    });
}

fn fill(
    connection: &Connection,
    path: &Path,
    collections: &[&'static CollectionSpec],
    salvaged: &Salvaged,
    reason: &str,
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for spec in collections {
        let name = spec.name;
        let mut insert = transaction.prepare(&format!(
            "INSERT INTO doc_{name} (id, revision, body, crc) VALUES (?1, ?2, ?3, ?4)"
        ))?;
        let range = (name, String::new())..;
        let theirs = salvaged
            .documents
            .range(range)
            .take_while(|(key, _)| key.0 == name);
        for ((_, id), found) in theirs {
            let (document, crc) = match present(spec, id, found) {
                Ok(present) => present,
                Err(reason) => {
                    let revision = i64::try_from(found.revision).unwrap_or(i64::MAX);
                    let row = params![name, id, revision, found.body, found.crc, reason];
                    transaction.execute(
                        "INSERT INTO damaged (collection, id, revision, body, crc, reason)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        row,
                    )?;
                    continue;
                }
            };
            let revision = i64::try_from(document.revision).unwrap_or(i64::MAX);
            insert.execute(params![id, revision, document.body, crc])?;
            let change = row::Account {
                documents: 1,
                digest: crc,
                keys: 0,
            };
            row::account(&transaction, spec, &change)?;
        }
        row::fill_index(&transaction, spec)?;
    }
    for ((collection, id), reason) in &salvaged.damaged {
        let text = String::from_utf8_lossy;
        let id = (!id.is_empty()).then(|| text(id));
        transaction.execute(
            "INSERT INTO damaged (collection, id, reason) VALUES (?1, ?2, ?3)",
            params![text(collection), id, text(reason)],
        )?;
    }
    let count = salvaged.documents.len();
    let missing = missing(path, salvaged);
    for (collection, missing, of) in &missing {
        let reason = format!("{missing} of {of} documents are missing");
        row::note_missing(&transaction, collection, &reason)?;
    }
    let kept = aside(path).display().to_string();
    let note = format!("{reason}; {count} documents were salvaged; it is kept as {kept}");
    row::note_missing(&transaction, "documents", &note)?;
    error!(count, ?missing, kept, "documents were salvaged");
    transaction.commit()
}

/// A row that was found as a document of the present version, with its checksum; an error says why
/// it cannot be one.
fn present(spec: &CollectionSpec, id: &str, found: &Row) -> Result<(Document, u32), String> {
    let document = Document {
        id: id.to_owned(),
        revision: found.revision,
        body: found.body.clone(),
    };
    if found.version == spec.version {
        return Ok((document, found.crc));
    }
    migrate::brought(spec, found.version, document)
}

/// How many documents of each collection are missing, where the damaged file can still tell.
fn missing(path: &Path, salvaged: &Salvaged) -> Vec<(String, i64, i64)> {
    let look = || -> rusqlite::Result<Vec<(String, i64)>> {
        // To read only: nothing is taken from the log, which is kept as it is.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = connection.prepare("SELECT name, documents FROM collections")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    let mut missing = Vec::new();
    for (name, of) in look().unwrap_or_default() {
        let found = salvaged
            .documents
            .keys()
            .filter(|(c, _)| *c == name)
            .count();
        let lost = of - i64::try_from(found).unwrap_or(i64::MAX);
        if lost > 0 {
            missing.push((name, lost, of));
        }
    }
    missing
}

/// Puts a file that was salvaged in the place of the damaged one. Goes on where it was cut short.
fn finish(path: &Path) -> io::Result<()> {
    let salvaged = beside(path, ".salvaged");
    if !salvaged.exists() {
        return Ok(());
    }
    if path.exists() {
        let aside = aside(path);
        // The log first: a new file must never be opened with an old log.
        let log = beside(path, "-wal");
        match fs::metadata(&log) {
            Ok(log_file) if log_file.len() > 0 => fs::rename(log, beside(&aside, "-wal"))?,
            _ => remove(&log)?,
        }
        remove(&beside(path, "-shm"))?;
        fs::rename(path, aside)?;
    }
    fs::rename(salvaged, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The first name that is free for a damaged file.
fn aside(path: &Path) -> PathBuf {
    (1..=ASIDE_MAX)
        .map(|number| beside(path, &format!(".damaged-{number}")))
        .find(|aside| !aside.exists())
        .unwrap_or_else(|| beside(path, ".damaged"))
}

pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Whether the header of a file is one of ours, as far as it is always the same; without a log,
/// whether the file is as long as it says, to which SQLite would cut it.
pub(crate) fn header_is_sound(path: &Path, without_log: bool) -> Result<bool, OpenError> {
    let look = || -> io::Result<(u64, [u8; 100])> {
        let mut file = File::open(path)?;
        let mut header = [0; 100];
        let len = file.metadata()?.len();
        file.read_exact(&mut header)?;
        Ok((len, header))
    };
    let (len, header) = match look() {
        Ok(found) => found,
        // New, or too short for SQLite to make anything of it.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {
            return Ok(true);
        }
        Err(e) => return Err(failed("reading", path, e)),
    };
    let pages = header.get(28..32).and_then(<[u8]>::first_chunk::<4>);
    let stated = pages.map_or(0, |pages| u64::from(u32::from_be_bytes(*pages)));
    // Mark, length of a page, write-ahead log for writing and reading, and what never varies.
    let constant = header.starts_with(b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20");
    Ok(constant && (!without_log || stated * PAGE_LEN as u64 == len))
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    match fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|e| failed("reading", path, e)),
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}
