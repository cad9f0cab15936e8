//! One month's file: its table and its connection.

use super::HistoryError;
use super::row::{Kind, Row, Subject};
use crate::blocks::salvage;
use rusqlite::{Connection, Params, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The form of the table; `PRAGMA user_version`.
const VERSION: i64 = 1;

/// How long to wait for another process that reads the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);

// A rollback journal for the reasons that the days of blocks have one.
const SETTINGS: &str = "
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = FULL;
";

const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS change (
        kind INTEGER NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL,
        text TEXT, crc INTEGER NOT NULL, UNIQUE (kind, id, at)
    );
    PRAGMA user_version = 1;
    COMMIT;
";

const COLUMNS: &str = "kind, id, at, value, text, crc";

/// An open month.
pub(super) struct MonthFile {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// Rows that were read, and how many others do not agree with their checksum.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) damaged: u64,
}

impl MonthFile {
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let open = || -> rusqlite::Result<Self> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            connection.execute_batch(SETTINGS)?;
            let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if version < VERSION {
                connection.execute_batch(TABLES)?;
            }
            Ok(Self {
                path: path.to_owned(),
                connection: Mutex::new(connection),
            })
        };
        open().map_err(failed("opening the month", path))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where the file does not hold together.
    pub(super) fn look_through(&self) -> Result<(), HistoryError> {
        let looked = salvage::look_through(&self.connection());
        looked.map_err(failed("looking through the month", &self.path))
    }

    /// Writes rows, each in the place of one of the same subject and time. All or nothing.
    pub(super) fn write(&self, rows: &[Row]) -> Result<(), HistoryError> {
        let mut connection = self.connection();
        let mut write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(&format!(
                    "INSERT INTO change ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT DO UPDATE SET value = excluded.value, text = excluded.text,
                     crc = excluded.crc"
                ))?;
                for row in rows {
                    statement.execute(params![
                        row.subject.kind as i64,
                        row.subject.id,
                        row.at,
                        row.value,
                        row.text,
                        row.crc()
                    ])?;
                }
            }
            transaction.commit()
        };
        write().map_err(failed("writing changes", &self.path))
    }

    /// The rows of a subject in `[from, to)`, ascending in time; at most `limit`.
    pub(super) fn range(
        &self,
        subject: Subject,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Rows, HistoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let which = "kind = ?1 AND id = ?2 AND at >= ?3 AND at < ?4 ORDER BY at LIMIT ?5";
        let bounds = params![subject.kind as i64, subject.id, from, to, limit];
        self.select(which, bounds)
    }

    /// The last row of a subject before a time.
    pub(super) fn last_before(&self, subject: Subject, at: i64) -> Result<Rows, HistoryError> {
        let which = "kind = ?1 AND id = ?2 AND at < ?3 ORDER BY at DESC LIMIT 1";
        self.select(which, params![subject.kind as i64, subject.id, at])
    }

    fn select(&self, which: &str, bounds: impl Params) -> Result<Rows, HistoryError> {
        let connection = self.connection();
        let select = || -> rusqlite::Result<Rows> {
            let query = format!("SELECT {COLUMNS} FROM change WHERE {which}");
            let mut statement = connection.prepare_cached(&query)?;
            let mut found = Rows::default();
            for read in statement.query_map(bounds, read)? {
                match read? {
                    Some(row) => found.rows.push(row),
                    None => found.damaged += 1,
                }
            }
            Ok(found)
        };
        select().map_err(failed("reading changes", &self.path))
    }

    /// Deletes all rows of some subjects.
    pub(super) fn forget(&self, subjects: &[Subject]) -> Result<(), HistoryError> {
        let mut connection = self.connection();
        let mut forget = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            {
                let mut statement =
                    transaction.prepare_cached("DELETE FROM change WHERE kind = ?1 AND id = ?2")?;
                for subject in subjects {
                    statement.execute(params![subject.kind as i64, subject.id])?;
                }
            }
            transaction.commit()
        };
        forget().map_err(failed("deleting changes", &self.path))
    }

    /// Takes over the rows of a damaged file that can be read and prove themselves; answers how many.
    pub(super) fn save_from(&self, damaged: &Path) -> Result<u64, HistoryError> {
        let mut saved = Vec::new();
        let select = format!("SELECT {COLUMNS} FROM change WHERE rowid = ?1");
        let table = salvage::Table {
            name: "change",
            select: &select,
        };
        let visited = salvage::rows(
            damaged,
            TABLES,
            &[table],
            |_, row| read(row),
            |row| {
                saved.extend(row);
                Ok(())
            },
        );
        visited.map_err(failed("saving changes", damaged))?;
        self.write(&saved)?;
        Ok(saved.len() as u64)
    }
}

/// Looks at every row and changes nothing: how many there are, and how many do not prove themselves.
pub(crate) fn inspect(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM change"))?;
    let (mut rows, mut damaged) = (0, 0);
    for row in statement.query_map([], read)? {
        rows += 1;
        damaged += u64::from(row?.is_none());
    }
    Ok((rows, damaged))
}

/// A row as it is read; none where it does not prove itself, or is of a kind that a later version
/// writes.
fn read(row: &rusqlite::Row) -> rusqlite::Result<Option<Row>> {
    let (kind, crc): (i64, u32) = (row.get(0)?, row.get(5)?);
    let Some(kind) = Kind::numbered(kind) else {
        return Ok(None);
    };
    let read = Row {
        subject: Subject {
            kind,
            id: row.get(1)?,
        },
        at: row.get(2)?,
        value: row.get(3)?,
        text: row.get(4)?,
    };
    Ok((read.crc() == crc).then_some(read))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::File {
        operation,
        path,
        source: Arc::new(source),
    }
}

/// Whether the file itself is damaged.
pub(super) fn is_damage(error: &HistoryError) -> bool {
    matches!(error, HistoryError::File { source, .. }
        if salvage::is_damage(source) || salvage::lacks_table(source))
}
