//! Looking over files of SQLite: whether their pages hold together, and whether their rows prove
//! themselves.

use super::FileReport;
use crate::blocks::codec::decode;
use crate::documents::sqlite;
use crate::{catalog, events, history, series};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for a tool that reads the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// What SQLite is asked for at most of what is wrong with the pages of one file.
const PAGES_NAMED_MAX: u32 = 100;

/// What a look at the rows found: how many, and what of them is damaged.
type Looked = rusqlite::Result<(u64, Vec<String>)>;

pub(super) fn documents(path: &Path, deep: bool, mut file: FileReport) -> FileReport {
    // Before SQLite sees it: it would cut the log where it is damaged.
    let log = fs::read(beside(path, "-wal")).unwrap_or_default();
    if sqlite::log_is_damaged(&log) {
        file.note_damage(
            "its write-ahead log is damaged; the next start saves of it what it can".to_owned(),
        );
        return file;
    }
    match sqlite::header_is_sound(path, log.is_empty()) {
        Ok(true) => {}
        Ok(false) => file.note_damage("its header is damaged".to_owned()),
        Err(error) => file.note_damage(error.to_string()),
    }
    let rows = |connection: &Connection| sqlite::inspect(connection, catalog::ALL);
    let count = "SELECT coalesce(sum(documents), 0) FROM collections";
    look(path, deep, count, rows, file)
}

pub(super) fn registry(path: &Path, deep: bool, file: FileReport) -> FileReport {
    let count = "SELECT count(*) FROM series";
    look(path, deep, count, series::inspect_registry, file)
}

pub(super) fn blocks(path: &Path, deep: bool, file: FileReport) -> FileReport {
    let rows = |connection: &Connection| -> Looked {
        let select = "SELECT level, start, CAST(bytes AS BLOB) FROM block";
        let mut statement = connection.prepare(select)?;
        let mut rows = statement.query([])?;
        let (mut count, mut damage) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            count += 1;
            let bytes: Vec<u8> = row.get(2)?;
            if let Err(error) = decode(&bytes) {
                let (level, start): (i64, i64) = (row.get(0)?, row.get(1)?);
                damage.push(format!("a block of level {level} from {start} on: {error}"));
            }
        }
        Ok((count, damage))
    };
    look(path, deep, "SELECT count(*) FROM block", rows, file)
}

pub(super) fn history(path: &Path, deep: bool, file: FileReport) -> FileReport {
    let rows = |connection: &Connection| history::inspect(connection).map(named);
    look(path, deep, "SELECT count(*) FROM change", rows, file)
}

pub(super) fn events(path: &Path, deep: bool, file: FileReport) -> FileReport {
    let rows = |connection: &Connection| events::inspect(connection).map(named);
    look(path, deep, "SELECT count(*) FROM event", rows, file)
}

/// Rows that are not told apart by name.
fn named((rows, damaged): (u64, u64)) -> (u64, Vec<String>) {
    let what = "a row does not agree with its checksum";
    let damaged = usize::try_from(damaged).unwrap_or(usize::MAX);
    (rows, vec![what.to_owned(); damaged.min(super::NAMED_MAX)])
}

/// Looks over a file: its pages, and where it is deep each row, else how many there are.
fn look(
    path: &Path,
    deep: bool,
    count: &str,
    rows: impl FnOnce(&Connection) -> Looked,
    mut file: FileReport,
) -> FileReport {
    let looked = open(path).and_then(|connection| {
        pages(&connection, deep, &mut file)?;
        if deep {
            return rows(&connection);
        }
        let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
        Ok((u64::try_from(count).unwrap_or(0), Vec::new()))
    });
    match looked {
        Ok((rows, damage)) => {
            file.rows = Some(rows);
            for what in damage {
                file.note_damage(what);
            }
        }
        Err(error) => file.note_damage(error.to_string()),
    }
    file
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Not read-only: a transaction that a crash cut short is to be taken back first.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    // What stands in a log beside it stays there.
    let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|found| found.len() > 0);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

fn pages(connection: &Connection, deep: bool, file: &mut FileReport) -> rusqlite::Result<()> {
    let check = if deep {
        "integrity_check"
    } else {
        "quick_check"
    };
    let mut statement = connection.prepare(&format!("PRAGMA {check}({PAGES_NAMED_MAX})"))?;
    let mut verdicts = statement.query([])?;
    while let Some(verdict) = verdicts.next()? {
        let verdict: String = verdict.get(0)?;
        if verdict != "ok" {
            file.note_damage(verdict);
        }
    }
    Ok(())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
