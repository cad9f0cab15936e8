//! What can be saved of a SQLite file that is damaged: it is renamed, never deleted, and its rows
//! are read one by one for as long as they can be found.

use rusqlite::{Connection, Row, params};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Damaged files of one name that are kept apart.
const ASIDE_MAX: u32 = 100;

/// Numbers in a row that have no row, after which no more are expected.
const MISSING_MAX: i64 = 100_000;

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

/// Whether a statement could not be prepared, as where the table's own row is lost.
pub(crate) fn lacks_table(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::Unknown)
    )
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

/// Visits the rows of a table that can still be read. `select` takes the number of a row.
pub(crate) fn rows(
    aside: &Path,
    table: &str,
    select: &str,
    mut visit: impl FnMut(&Row) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let connection = Connection::open(aside)?;
    let last: Option<i64> = connection
        .query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap_or(None);
    let mut statement = connection.prepare(select)?;
    let (mut number, mut missing, mut saved) = (0i64, 0i64, 0);
    while missing < MISSING_MAX && last.is_none_or(|last| number < last) {
        number += 1;
        match statement.query_row(params![number], |row| visit(row)) {
            Ok(()) => (missing, saved) = (0, saved + 1),
            Err(_) => missing += 1,
        }
    }
    Ok(saved)
}
