//! What can be saved of a SQLite file that is damaged: it is renamed, never deleted, and its rows
//! are read one by one for as long as they can be found.
//!
//! What is saved is put into a file of its own beside it ([`rows`] into what [`remake`] makes), which
//! takes its place only when it is whole and synced: cut short anywhere, the file is the damaged one, or
//! the new one is taken by the next [`settle`].

use crate::disk::sync_folder;
use rusqlite::types::Value;
use rusqlite::{Connection, MAIN_DB, OpenFlags, Row, ffi, params};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Damaged files of one name that are kept apart.
pub(crate) const ASIDE_MAX: u32 = 100;

/// Numbers in a row that have no row, after which no more are expected.
const MISSING_MAX: i64 = 100_000;

/// Octets of a file that is looked through as a whole: tens of milliseconds. What is larger is found
/// damaged where it is read.
const LOOKED_THROUGH_MAX: i64 = 8 << 20;

/// How long to wait for another process that has a damaged file open.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// How the name of a new file ends while it is made; a start begins it again.
const MAKING: &str = ".making";
/// How it ends when it is whole.
const WHOLE: &str = ".new";
/// How that of a copy ends from which rows are read.
const COPY: &str = ".copy";
/// What belongs to a file and holds a part of it; SQLite finds it by this name.
const JOURNALS: [&str; 2] = ["-journal", "-wal"];
/// What belongs to a file while it is open.
const SHARED: &str = "-shm";

/// Fails as for damage where the pages, tables and indexes of a file do not agree: a row that is
/// missing in one of them is else missing in answers, without a word.
pub(crate) fn look_through(connection: &Connection) -> rusqlite::Result<()> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (pages, each) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
    if is_of_another_form(connection)? {
        return Err(damage("its header says that a later SQLite wrote it"));
    }
    if pages.saturating_mul(each) > LOOKED_THROUGH_MAX {
        return Ok(());
    }
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(damage(verdict))
}

/// Fails as for damage where a file does not define its tables and indexes, in these places, as `made`
/// does in a new one. No checksum of a row covers them, and with one bit of a definition SQLite may
/// find no row without a word.
pub(crate) fn prove_tables(connection: &Connection, made: &str) -> rusqlite::Result<()> {
    let new = Connection::open_in_memory()?;
    new.execute_batch(made)?;
    if definitions(connection)? == definitions(&new)? {
        return Ok(());
    }
    Err(damage("its tables are not defined as they were made"))
}

/// Kind, name, table, first page and SQL of each table and index.
fn definitions(connection: &Connection) -> rusqlite::Result<Vec<[Value; 5]>> {
    connection
        .prepare("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid")?
        .query_map([], |row| {
            Ok([
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ])
        })?
        .collect()
}

/// What SQLite itself would say of damage.
fn damage(what: impl Into<String>) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what.into()))
}

/// Whether SQLite reads a file and refuses to write it, because of one octet of its header: that of
/// the form that writers must know, 1 or 2. Source: <https://sqlite.org/fileformat2.html>.
///
/// The octet is not read here: closing any handle of a file lets go of all locks that this process has
/// of it, those of SQLite too. SQLite itself says it, once it has read the header.
fn is_of_another_form(connection: &Connection) -> rusqlite::Result<bool> {
    let path = connection.path().filter(|path| !path.is_empty());
    let Some(path) = path.filter(|_| connection.is_readonly(MAIN_DB).unwrap_or(false)) else {
        return Ok(false);
    };
    // Before it has read the header it knows only whether the file may be written at all.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let unread = Connection::open_with_flags(path, flags)?;
    Ok(!unread.is_readonly(MAIN_DB)?)
}

/// Whether SQLite found its pages or a row to be nonsense, as against being unable to work.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    ) || matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

/// Whether a statement could not be prepared, as where the table's own row is lost, or the header says
/// that the file is of a form that SQLite does not know.
pub(crate) fn lacks_table(error: &rusqlite::Error) -> bool {
    let is_of_sql = matches!(error, rusqlite::Error::SqlInputError { .. });
    is_of_sql || error.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown)
}

/// Whether SQLite was kept from its work, as against having found something wrong in the file. What
/// it says where a page cannot be read is not among them: other pages can.
fn is_kept_from_work(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed,
        PermissionDenied,
    };
    matches!(
        error.sqlite_error_code(),
        Some(
            CannotOpen
                | DatabaseBusy
                | DatabaseLocked
                | DiskFull
                | FileLockingProtocolFailed
                | PermissionDenied
        )
    )
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a new file in the place of a damaged one. `fill` makes it under the name that it is given, of
/// what it can read of the damaged one, and has it closed when it returns; answers what that answers,
/// and where the damaged one is kept. Nobody else may open, make or delete either meanwhile.
///
/// Where anything fails the damaged file is where it was, or the new one is whole and taken by the next
/// [`settle`]. `failed` says what became of files that could not be renamed.
pub(crate) fn remake<T, E>(
    path: &Path,
    failed: impl Fn(io::Error) -> E,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<(T, PathBuf), E> {
    let (making, whole) = (beside(path, MAKING), beside(path, WHOLE));
    // Never the new file of one that was set aside before.
    settle(path).map_err(&failed)?;
    remove_all(&making).map_err(&failed)?;
    let filled = fill(&making)?;
    let place = || -> io::Result<PathBuf> {
        #[cfg(test)]
        steps::step()?;
        // Durable as a whole, its name too, before the other loses its own.
        File::open(&making)?.sync_all()?;
        for journal in JOURNALS {
            remove(&beside(&making, journal))?;
        }
        fs::rename(&making, &whole)?;
        sync_folder(&whole)?;
        #[cfg(test)]
        steps::step()?;
        let aside = set_aside(path)?;
        #[cfg(test)]
        steps::step()?;
        settle(path)?;
        #[cfg(test)]
        steps::step()?;
        Ok(aside)
    };
    let placed = place();
    if placed.is_err() && path.exists() {
        // The damaged file is still in use. Where it is deleted one day, this must not come after it.
        let _ = remove_all(&whole);
    }
    Ok((filled, placed.map_err(failed)?))
}

/// Ends what a [`remake`] could not: a new file that is whole takes the place of one that was set aside.
/// To be called before a file is opened, by whoever may [`remake`] it. Answers whether one did.
pub(crate) fn settle(path: &Path) -> io::Result<bool> {
    let whole = beside(path, WHOLE);
    if !whole.try_exists()? {
        return Ok(false);
    }
    if path.try_exists()? {
        // It was not set aside, and may have been written since.
        remove_all(&whole)?;
        return Ok(false);
    }
    // One of the damaged file must never be taken for one of the new.
    for left in JOURNALS.iter().chain([&SHARED]) {
        remove(&beside(path, left))?;
    }
    fs::rename(&whole, path)?;
    sync_folder(path)?;
    Ok(true)
}

/// Does as [`settle`] for each file of a folder of which the name is meant.
pub(crate) fn settle_all(folder: &Path, is_meant: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(WHOLE));
        if let Some(name) = name.filter(|name| is_meant(name)) {
            settle(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Removes what belongs to a file that is deleted: its journal, and what a [`remake`] that was cut short
/// left. Nothing of it may come back; what cannot be removed now is in nobody's way.
pub(crate) fn remove_left(path: &Path) {
    for left in JOURNALS.iter().chain([&SHARED]) {
        let _ = remove(&beside(path, left));
    }
    for left in [MAKING, WHOLE, COPY] {
        let _ = remove_all(&beside(path, left));
    }
}

/// Removes a file with its journals.
fn remove_all(path: &Path) -> io::Result<()> {
    remove(path)?;
    for left in JOURNALS.iter().chain([&SHARED]) {
        remove(&beside(path, left))?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// How often a file of this name was set aside, as far as those are kept, and the name of the next.
pub(crate) fn next_aside(path: &Path) -> io::Result<(u32, PathBuf)> {
    (0..ASIDE_MAX)
        .map(|number| (number, beside(path, &format!(".{number}.damaged"))))
        .find(|(_, aside)| !aside.exists())
        .ok_or_else(|| io::Error::other("too many damaged files of this name are kept"))
}

/// Renames a file and its journal; answers the new name.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let (_, aside) = next_aside(path)?;
    // The journals first: one must never lie beside another file of that name, whose it would be then.
    for journal in JOURNALS {
        let from = beside(path, journal);
        match fs::metadata(&from) {
            Ok(found) if found.len() > 0 => fs::rename(&from, beside(&aside, journal))?,
            Ok(_) => remove(&from)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let _ = fs::remove_file(beside(path, SHARED));
    #[cfg(test)]
    steps::step()?;
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// A table of which rows are saved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub(crate) name: &'a str,
    /// Takes the number of a row.
    pub(crate) select: &'a str,
}

/// Reads the rows of tables that can still be read, and has each kept: `read` is told the place of its
/// table among these. Where none can be found, as where the first page is damaged, which says what is
/// where, a copy is read that has the first page of a new file: one with the same tables, which `made`
/// makes. Fails only where it was kept from its work: a disk without room must not make a file look
/// empty.
pub(crate) fn rows<T>(
    damaged: &Path,
    made: &str,
    tables: &[Table<'_>],
    read: impl Fn(usize, &Row) -> rusqlite::Result<T>,
    mut keep: impl FnMut(T) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (mut found, mut empty, mut lost) = (0, Vec::new(), Vec::new());
    for (place, table) in tables.iter().enumerate() {
        match visited(damaged, table, |row| read(place, row), &mut keep) {
            Ok(0) => empty.push((place, table)),
            Ok(rows) => found += rows,
            Err(error) if is_damage(&error) || lacks_table(&error) => lost.push((place, table)),
            Err(error) => return Err(error),
        }
    }
    if found == 0 {
        lost.append(&mut empty);
    }
    if lost.is_empty() {
        return Ok(());
    }
    let copy = beside(damaged, COPY);
    let again = || -> rusqlite::Result<()> {
        if !with_new_first_page(damaged, &copy, made)? {
            return Ok(());
        }
        for (place, table) in lost {
            match visited(&copy, table, |row| read(place, row), &mut keep) {
                Err(error) if !is_damage(&error) && !lacks_table(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    let done = again();
    let _ = remove_all(&copy);
    done
}

/// Copies a file, all but the first page, which is that of a new file. It has no list of free pages,
/// for nothing is to be written. Answers whether it could: not where the file cannot be read at all.
fn with_new_first_page(damaged: &Path, copy: &Path, made: &str) -> rusqlite::Result<bool> {
    remove_all(copy).map_err(|error| unable(&error))?;
    let new = Connection::open(copy)?;
    new.execute_batch(made)?;
    drop(new);
    let mut first = fs::read(copy).map_err(|error| unable(&error))?;
    let Some(&[high, low]) = first.get(16..18) else {
        return Ok(false);
    };
    let page = u16::from_be_bytes([high, low]);
    first.truncate(page.into());
    let octets = match fs::copy(damaged, copy) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => return Ok(false),
        copied => copied.map_err(|error| unable(&error))?,
    };
    let Ok(pages) = u32::try_from(octets / u64::from(page.max(1))) else {
        return Ok(false);
    };
    // How many pages there are, where the first free one is, and how many are free.
    let header = pages.to_be_bytes().into_iter().chain([0; 8]);
    for (octet, from) in first.iter_mut().skip(28).zip(header) {
        *octet = from;
    }
    let written = fs::OpenOptions::new().write(true).open(copy);
    written
        .and_then(|mut file| file.write_all(&first))
        .map_err(|error| unable(&error))?;
    Ok(true)
}

/// A failure of the disk, as SQLite would say it.
fn unable(error: &io::Error) -> rusqlite::Error {
    let is_full = matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    );
    let code = if is_full {
        ffi::SQLITE_FULL
    } else {
        ffi::SQLITE_IOERR
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(error.to_string()))
}

fn visited<T>(
    path: &Path,
    table: &Table<'_>,
    read: impl Fn(&Row) -> rusqlite::Result<T>,
    keep: &mut impl FnMut(T) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let name = table.name;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    let last = format!("SELECT max(rowid) FROM {name}");
    let last = match connection.query_row(&last, [], |row| row.get::<_, Option<i64>>(0)) {
        Ok(None) => return Ok(0),
        Err(error) if is_kept_from_work(&error) => return Err(error),
        last => last.unwrap_or(None),
    };
    let mut statement = connection.prepare(table.select)?;
    // Numbers of what was deleted are not used again, so that gaps may be long.
    let next = format!("SELECT rowid FROM {name} WHERE rowid > ?1 ORDER BY rowid LIMIT 1");
    let mut next = connection.prepare(&next)?;
    let (mut number, mut missing, mut saved) = (0i64, 0i64, 0);
    while missing < MISSING_MAX && last.is_none_or(|last| number < last) {
        number += 1;
        match statement.query_row(params![number], &read) {
            Ok(row) => {
                #[cfg(test)]
                steps::step().map_err(|error| unable(&error))?;
                keep(row)?;
                (missing, saved) = (0, saved + 1);
            }
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                missing += 1;
                match next.query_row([number], |row| row.get::<_, i64>(0)) {
                    Ok(found) if found > number => number = found - 1,
                    // It may be an index that says so; one by one all are looked for.
                    _ => {}
                }
            }
            Err(error) if is_kept_from_work(&error) => return Err(error),
            Err(_) => missing += 1,
        }
    }
    Ok(saved)
}

/// Where a salvage is between two steps: tests look at the folder there, as a kill would leave it, or
/// have the disk be full from there on.
#[cfg(test)]
pub(crate) mod steps {
    use std::cell::RefCell;
    use std::fs;
    use std::io;
    use std::path::Path;
    use tempfile::TempDir;

    type AtStep = Box<dyn FnMut() -> io::Result<()>>;

    thread_local! {
        static AT_STEP: RefCell<Option<AtStep>> = const { RefCell::new(None) };
    }

    pub(super) fn step() -> io::Result<()> {
        AT_STEP.with_borrow_mut(|at_step| at_step.as_mut().map_or(Ok(()), |at_step| at_step()))
    }

    /// Does something of which the salvages are in this thread; `at_step` is called at each step.
    fn with<T>(at_step: impl FnMut() -> io::Result<()> + 'static, work: impl FnOnce() -> T) -> T {
        AT_STEP.set(Some(Box::new(at_step)));
        let done = work();
        AT_STEP.set(None);
        done
    }

    /// Salvages the damaged file of a folder again and again, killed at each step, and with a disk that
    /// is full from each step on. After each, it must hold all that it holds where nothing goes wrong:
    /// `open` opens it, has it salvaged where it is damaged, and answers what it holds in words; none
    /// where that fails.
    pub(crate) fn check(folder: &Path, open: impl Fn(&Path) -> Option<String>) {
        let whole = open(copied(folder).path()).expect("it can be salvaged");
        let kept = tempfile::tempdir().unwrap();
        let (from, to) = (copied(folder), kept.path().to_owned());
        let (at, mut count) = (from.path().to_owned(), 0);
        let killed = move || {
            count += 1;
            copy_all(&at, &to.join(count.to_string()));
            Ok(())
        };
        with(killed, || open(from.path())).expect("it can be salvaged");
        let steps = fs::read_dir(kept.path()).unwrap().count();
        assert!(steps > 5, "{steps} steps");
        for step in 1..=steps {
            let at = kept.path().join(step.to_string());
            let found = open(&at);
            assert_eq!(found.as_ref(), Some(&whole), "killed at step {step}");
            assert_eq!(open(&at), found, "opened again after a kill at step {step}");

            let at = copied(folder);
            let mut left = step;
            let full = move || {
                left = left.saturating_sub(1);
                let is_full = left == 0;
                let error = io::Error::from(io::ErrorKind::StorageFull);
                if is_full { Err(error) } else { Ok(()) }
            };
            // It may fail, or hold less for now.
            let _ = with(full, || open(at.path()));
            let found = open(at.path());
            assert_eq!(found.as_ref(), Some(&whole), "full at step {step}");
        }
    }

    fn copied(folder: &Path) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(folder, copy.path());
        copy
    }

    fn copy_all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
