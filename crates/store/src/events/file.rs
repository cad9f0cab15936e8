//! One day's file: its tables, the connection that writes, and those that read.

use super::day::places;
use super::error::EventsError;
use super::row;
use super::words;
use crate::blocks::salvage;
use model::EventRecord;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The form of the tables; `PRAGMA user_version`.
const VERSION: i64 = 1;

/// How long to wait for another process that has the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Connections of a day that are kept for the next reader: each may hold two megabytes of pages, and
/// there are as many days as are kept.
const IDLE_MAX: usize = 1;

// A write-ahead log, unlike the days of blocks: a page of words is changed by many commits, and is
// taken into the file once for all of them; readers do not wait for the writer, nor it for them. A
// commit is synced before it is answered. The file of a day that is over has no log any more.
const SETTINGS: &str = "
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA journal_size_limit = 33554432;
    PRAGMA cache_size = -32768;
";

// The words are without the texts themselves and without places of words in them: half the index and
// half the work. `hashsize` is the memory in which the words of a commit are gathered.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS event (
        number INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL,
        severity INTEGER, source BLOB NOT NULL, device BLOB, interface BLOB, vantage TEXT,
        text TEXT NOT NULL, body BLOB, crc INTEGER NOT NULL
    );
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
        text, content = '', columnsize = 0, detail = none, tokenize = 'ascii'
    );
    INSERT INTO words (words, rank) VALUES ('hashsize', 8388608);
    PRAGMA user_version = 1;
    COMMIT;
";

/// A day's file as readers see it.
pub(super) struct DayFile {
    path: PathBuf,
    /// True when the file was deleted or set aside. Held for as long as somebody reads: SQLite finds
    /// a file's log by its name, which must not be another's meanwhile.
    gone: RwLock<bool>,
    idle: Mutex<Vec<Connection>>,
}

impl DayFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            gone: RwLock::new(false),
            idle: Mutex::default(),
        }
    }

    /// Reads, with a connection that sees all that was committed; none where the file is gone.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, EventsError> {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Ok(None);
        }
        let work = || {
            let connection = match self.idle().pop() {
                Some(connection) => connection,
                None => open_to_read(&self.path)?,
            };
            let done = read(&connection)?;
            let mut idle = self.idle();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
            Ok(Some(done))
        };
        work().map_err(failed("reading events", &self.path))
    }

    /// Waits until nobody reads, and lets nobody read again.
    pub(super) fn retire(&self) {
        let mut gone = self.gone.write().unwrap_or_else(PoisonError::into_inner);
        *gone = true;
        self.idle().clear();
    }

    /// Lets go of what is kept for the next reader.
    pub(super) fn rest(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proves that a file's tables can be read; one that has none yet gets them.
pub(super) fn prove(path: &Path) -> Result<(), EventsError> {
    let prove = || -> rusqlite::Result<i64> {
        let connection = open_to_read(path)?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version >= VERSION {
            connection.query_row("SELECT max(number) FROM event", [], |_| Ok(()))?;
        }
        if version == VERSION {
            salvage::prove_tables(&connection, TABLES)?;
        }
        Ok(version)
    };
    if prove().map_err(failed("opening the day", path))? < VERSION {
        DayWriter::open(path)?.end();
    }
    Ok(())
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A day's file as the one thread writes it.
pub(super) struct DayWriter {
    path: PathBuf,
    connection: Connection,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) stored: u64,
    pub(super) duplicates: u64,
    pub(super) cut: u64,
}

impl DayWriter {
    /// Opens the file, made where it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, EventsError> {
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
                connection,
            })
        };
        open().map_err(failed("opening the day", path))
    }

    /// Writes events with their numbers; durable when it returns. All or nothing.
    pub(super) fn write(&mut self, events: &[(i64, &EventRecord)]) -> Result<Written, EventsError> {
        let connection = &mut self.connection;
        let mut write = || -> rusqlite::Result<Written> {
            let transaction = connection.transaction()?;
            let written = insert(&transaction, events)?;
            transaction.commit()?;
            Ok(written)
        };
        write().map_err(failed("writing events", &self.path))
    }

    /// Ends the file of a day that is over: without a log, it is read on a full disk too. Where
    /// somebody reads it this moment it stays as it is, which does no harm.
    pub(super) fn end(self) {
        let _ = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;");
    }
}

fn insert(connection: &Connection, events: &[(i64, &EventRecord)]) -> rusqlite::Result<Written> {
    let mut words_statement =
        connection.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
    let (mut written, mut text, mut body) = (Written::default(), String::new(), Vec::new());
    for (number, event) in events {
        let Some((number, cut)) = insert_row(connection, *number, event, &mut body)? else {
            written.duplicates += 1;
            continue;
        };
        words::indexed(&mut text, event);
        words_statement.raw_bind_parameter(1, number)?;
        words_statement.raw_bind_parameter(2, text.as_str())?;
        words_statement.raw_execute()?;
        written.stored += 1;
        written.cut += cut;
    }
    Ok(written)
}

/// Inserts a row under its number, or the next of its [`places`] that is free; answers that number, and
/// what was cut for its length. None where the event is there already.
fn insert_row(
    connection: &Connection,
    number: i64,
    event: &EventRecord,
    body: &mut Vec<u8>,
) -> rusqlite::Result<Option<(i64, u64)>> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO event ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT DO NOTHING",
        row::COLUMNS
    ))?;
    for place in places(number, event) {
        let cut = row::bind(&mut statement, place, event, body)?;
        if statement.raw_execute()? == 1 {
            return Ok(Some((place, cut)));
        }
        if holder(connection, place)? == *event.id.as_bytes() {
            return Ok(None);
        }
    }
    // A million events of one millisecond: a clock that stands still.
    let full = "no number is free in the event's millisecond";
    Err(rusqlite::Error::ToSqlConversionFailure(full.into()))
}

/// Looks at every row and changes nothing: how many there are, and how many do not prove themselves.
pub(crate) fn inspect(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let query = format!("SELECT {} FROM event", row::COLUMNS);
    let mut statement = connection.prepare(&query)?;
    let (mut rows, mut damaged) = (0, 0);
    for row in statement.query_map([], row::read)? {
        rows += 1;
        damaged += u64::from(row?.is_none());
    }
    Ok((rows, damaged))
}

/// The id of the event that has a number.
fn holder(connection: &Connection, number: i64) -> rusqlite::Result<[u8; 16]> {
    connection
        .prepare_cached("SELECT id FROM event WHERE number = ?1")?
        .query_row([number], |row| row.get(0))
}

pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(rusqlite::Error) -> EventsError {
    let path = path.to_owned();
    move |source| EventsError::File {
        operation,
        path,
        source: Arc::new(source),
    }
}

/// Whether the file itself is damaged.
pub(super) fn is_damage(error: &EventsError) -> bool {
    matches!(error, EventsError::File { source, .. }
        if salvage::is_damage(source) || salvage::lacks_table(source))
}
