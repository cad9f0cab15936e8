//! What can be saved of a SQLite file that is damaged: it is renamed, never deleted, and its rows
//! are read one by one for as long as they can be found.

use rusqlite::{Connection, Row, ffi, params};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Damaged files of one name that are kept apart.
const ASIDE_MAX: u32 = 100;

/// Numbers in a row that have no row, after which no more are expected.
const MISSING_MAX: i64 = 100_000;

/// Octets of a file that is looked through as a whole: tens of milliseconds. What is larger is found
/// damaged where it is read.
const LOOKED_THROUGH_MAX: i64 = 8 << 20;

/// Fails as for damage where the pages, tables and indexes of a file do not agree: a row that is
/// missing in one of them is else missing in answers, without a word.
pub(crate) fn look_through(connection: &Connection) -> rusqlite::Result<()> {
    let damaged = |what| {
        let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, Some(what)))
    };
    if connection.path().is_some_and(is_of_another_form) {
        return damaged("its header says that a later SQLite wrote it".to_owned());
    }
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (pages, each) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
    if pages.saturating_mul(each) > LOOKED_THROUGH_MAX {
        return Ok(());
    }
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    damaged(verdict)
}

/// Whether SQLite would read a file and refuse to write it, because of one octet of its header: that of
/// the form that writers must know, 1 or 2. Source: <https://sqlite.org/fileformat2.html>.
fn is_of_another_form(path: &str) -> bool {
    let mut header = [0; 19];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.last().is_some_and(|form| *form > 2)
}

/// Whether SQLite found its pages or a row to be nonsense, as against being unable to work.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error,
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames a file and its journal; answers the new name and how many were renamed so before.
pub(crate) fn set_aside(path: &Path) -> io::Result<(PathBuf, u32)> {
    let (number, aside) = (0..ASIDE_MAX)
        .map(|number| (number, beside(path, &format!(".{number}.damaged"))))
        .find(|(_, aside)| !aside.exists())
        .ok_or_else(|| io::Error::other("too many damaged files of this name are kept"))?;
    fs::rename(path, &aside)?;
    // A journal belongs to its file; SQLite finds it by this name.
    for journal in ["-journal", "-wal"] {
        match fs::rename(beside(path, journal), beside(&aside, journal)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let _ = fs::remove_file(beside(path, "-shm"));
    Ok((aside, number))
}

/// Visits the rows of a table that can still be read. `select` takes the number of a row. Where there
/// are none, as where the first page is damaged, which says what is where, a copy is read that has the
/// first page of a new file: one with the same tables, which `made` makes.
pub(crate) fn rows(
    aside: &Path,
    made: &str,
    table: &str,
    select: &str,
    mut visit: impl FnMut(&Row) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let found = visited(aside, table, select, &mut visit);
    match &found {
        Ok(1..) => return found,
        Err(error) if !is_damage(error) && !lacks_table(error) => return found,
        _ => {}
    }
    let copy = beside(aside, ".copy");
    let again = with_new_first_page(aside, &copy, made);
    let again = again.map(|()| visited(&copy, table, select, &mut visit));
    for left in ["", "-journal"] {
        let _ = fs::remove_file(beside(&copy, left));
    }
    match again {
        Ok(Ok(saved)) => Ok(saved),
        _ => found,
    }
}

/// Copies a file, all but the first page, which is that of a new file. It has no list of free pages,
/// for nothing is to be written.
fn with_new_first_page(aside: &Path, copy: &Path, made: &str) -> io::Result<()> {
    let _ = fs::remove_file(copy);
    let new = Connection::open(copy).and_then(|new| new.execute_batch(made));
    new.map_err(io::Error::other)?;
    let mut first = fs::read(copy)?;
    let Some(&[high, low]) = first.get(16..18) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let page = u16::from_be_bytes([high, low]);
    first.truncate(page.into());
    let pages = fs::copy(aside, copy)? / u64::from(page.max(1));
    let pages = u32::try_from(pages).map_err(io::Error::other)?;
    // How many pages there are, where the first free one is, and how many are free.
    let header = pages.to_be_bytes().into_iter().chain([0; 8]);
    for (octet, from) in first.iter_mut().skip(28).zip(header) {
        *octet = from;
    }
    let mut file = fs::OpenOptions::new().write(true).open(copy)?;
    file.write_all(&first)
}

fn visited(
    aside: &Path,
    table: &str,
    select: &str,
    visit: &mut impl FnMut(&Row) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let connection = Connection::open(aside)?;
    let last: Option<i64> = connection
        .query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap_or(None);
    let mut statement = connection.prepare(select)?;
    // Numbers of what was deleted are not used again, so that gaps may be long.
    let next = format!("SELECT rowid FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT 1");
    let mut next = connection.prepare(&next)?;
    let (mut number, mut missing, mut saved) = (0i64, 0i64, 0);
    while missing < MISSING_MAX && last.is_none_or(|last| number < last) {
        number += 1;
        match statement.query_row(params![number], |row| visit(row)) {
            Ok(()) => (missing, saved) = (0, saved + 1),
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                missing += 1;
                match next.query_row([number], |row| row.get::<_, i64>(0)) {
                    Ok(found) if found > number => number = found - 1,
                    // It may be an index that says so; one by one all are looked for.
                    _ => {}
                }
            }
            Err(_) => missing += 1,
        }
    }
    Ok(saved)
}
