//! One day's file: its table and its connection.

use super::super::{BlockKey, BlocksError, Level, salvage};
use model::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The form of the tables; `PRAGMA user_version`.
const VERSION: i64 = 1;

/// How long to wait for another process that reads the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);

// A rollback journal, not a write-ahead one: that needs room on the disk even to be read, and where
// it is damaged it ends early without a word. New pages are not journalled, so that sealing, which
// only adds, writes each block once. Blocks are some kilobytes, so larger pages keep one in few.
const SETTINGS: &str = "
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = FULL;
";

const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS block (
        device BLOB NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL,
        UNIQUE (device, level, start)
    );
    CREATE INDEX IF NOT EXISTS block_by_level ON block (level, start, device);
    CREATE TABLE IF NOT EXISTS damaged (
        device BLOB NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL,
        reason TEXT NOT NULL
    );
    PRAGMA user_version = 1;
    COMMIT;
";

pub(super) struct DayFile {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl DayFile {
    pub(super) fn open(path: &Path) -> Result<Self, BlocksError> {
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
        open().map_err(|source| BlocksError::File {
            operation: "opening the day",
            path: path.to_owned(),
            source,
        })
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> BlocksError {
        let path = self.path.clone();
        move |source| BlocksError::File {
            operation,
            path,
            source,
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where the file does not hold together.
    pub(super) fn look_through(&self) -> Result<(), BlocksError> {
        let looked = salvage::look_through(&self.connection());
        looked.map_err(self.failed("looking through the day"))
    }

    pub(super) fn write<'a>(
        &self,
        put: impl Iterator<Item = &'a (BlockKey, Vec<u8>)>,
        remove: impl Iterator<Item = &'a BlockKey>,
    ) -> Result<(), BlocksError> {
        let mut connection = self.connection();
        let write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO block (device, level, start, bytes) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
                )?;
                for (key, bytes) in put {
                    let (device, level, start) = columns(key);
                    statement.execute(params![device, level, start, bytes])?;
                }
                let mut statement = transaction
                    .prepare("DELETE FROM block WHERE device = ?1 AND level = ?2 AND start = ?3")?;
                for key in remove {
                    statement.execute(columns(key))?;
                }
            }
            transaction.commit()
        };
        write().map_err(self.failed("writing blocks"))
    }

    pub(super) fn get(&self, key: &BlockKey) -> Result<Option<Vec<u8>>, BlocksError> {
        let connection = self.connection();
        let get = || -> rusqlite::Result<Option<Vec<u8>>> {
            let mut statement = connection.prepare_cached(
                "SELECT CAST(bytes AS BLOB) FROM block WHERE device = ?1 AND level = ?2 AND start = ?3",
            )?;
            statement
                .query_row(columns(key), |row| row.get(0))
                .optional()
        };
        get().map_err(self.failed("reading a block"))
    }

    /// One statement a day, so that a merge is seen whole or not at all.
    pub(super) fn read(
        &self,
        device_id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(BlockKey, Vec<u8>)>, BlocksError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Vec<(BlockKey, Vec<u8>)>> {
            let mut statement = connection.prepare_cached(
                "SELECT level, start, CAST(bytes AS BLOB) FROM block WHERE device = ?1
                 AND ((level = 0 AND start BETWEEN ?2 AND ?4) OR (level = 1 AND start BETWEEN ?3 AND ?4))",
            )?;
            let first = |level: Level| level.start(from).unix_ms();
            let last = to.unix_ms().saturating_sub(1);
            let bounds = params![
                device_id.as_bytes(),
                first(Level::HalfHour),
                first(Level::TwoHours),
                last
            ];
            let rows = statement.query_map(bounds, |row| {
                Ok((key(device_id, row.get(0)?, row.get(1)?), row.get(2)?))
            })?;
            rows.filter_map(|row| match row {
                Ok((key, bytes)) => key.map(|key| Ok((key, bytes))),
                Err(error) => Some(Err(error)),
            })
            .collect()
        };
        read().map_err(self.failed("reading blocks"))
    }

    /// The keys of the blocks whose range meets `[from, to)`.
    pub(super) fn keys(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<BlockKey>, BlocksError> {
        let connection = self.connection();
        let list = || -> rusqlite::Result<Vec<BlockKey>> {
            let mut statement = connection.prepare_cached(
                "SELECT device, level, start FROM block
                 WHERE (level = 0 AND start BETWEEN ?1 AND ?3) OR (level = 1 AND start BETWEEN ?2 AND ?3)",
            )?;
            let first = |level: Level| level.start(from).unix_ms();
            let last = to.unix_ms().saturating_sub(1);
            let bounds = params![first(Level::HalfHour), first(Level::TwoHours), last];
            let rows = statement.query_map(bounds, |row| {
                Ok(key(
                    DeviceId::from_bytes(row.get(0)?),
                    row.get(1)?,
                    row.get(2)?,
                ))
            })?;
            rows.filter_map(Result::transpose).collect()
        };
        list().map_err(self.failed("listing blocks"))
    }

    /// Whether it holds nothing, set aside or not.
    pub(super) fn is_empty(&self) -> Result<bool, BlocksError> {
        let connection = self.connection();
        let some = "SELECT EXISTS (SELECT 1 FROM block) OR EXISTS (SELECT 1 FROM damaged)";
        let some = connection.query_row(some, [], |row| row.get::<_, bool>(0));
        some.map(|some| !some)
            .map_err(self.failed("looking for blocks"))
    }

    pub(super) fn set_aside(&self, key: &BlockKey, reason: &str) -> Result<(), BlocksError> {
        let mut connection = self.connection();
        let mut move_aside = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let (device, level, start) = columns(key);
            transaction.execute(
                "INSERT INTO damaged SELECT device, level, start, bytes, ?4 FROM block
                 WHERE device = ?1 AND level = ?2 AND start = ?3",
                params![device, level, start, reason],
            )?;
            transaction.execute(
                "DELETE FROM block WHERE device = ?1 AND level = ?2 AND start = ?3",
                columns(key),
            )?;
            transaction.commit()
        };
        move_aside().map_err(self.failed("setting a block aside"))
    }

    /// Takes over the blocks of a damaged file that can be read; answers how many. Their own
    /// checksums tell later whether they are sound.
    pub(super) fn save_from(&self, damaged: &Path) -> Result<u64, BlocksError> {
        let mut connection = self.connection();
        let mut save = || -> rusqlite::Result<u64> {
            let transaction = connection.transaction()?;
            let table = salvage::Table {
                name: "block",
                select: "SELECT device, level, start, CAST(bytes AS BLOB) FROM block WHERE rowid = ?1",
            };
            let mut saved = 0;
            {
                let mut statement = transaction.prepare(
                    "INSERT OR REPLACE INTO block (device, level, start, bytes) VALUES (?1, ?2, ?3, ?4)",
                )?;
                let made = format!("{SETTINGS}{TABLES}");
                salvage::rows(damaged, &made, &[table], block_of, |block| {
                    let (device, level, start, bytes) = block;
                    saved += 1;
                    statement
                        .execute(params![device, level, start, bytes])
                        .map(|_| ())
                })?;
            }
            transaction.commit()?;
            Ok(saved)
        };
        save().map_err(self.failed("saving blocks"))
    }

    pub(super) fn delete_device(&self, device_id: DeviceId) -> Result<(), BlocksError> {
        let mut connection = self.connection();
        let mut delete = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            for table in ["block", "damaged"] {
                let statement = format!("DELETE FROM {table} WHERE device = ?1");
                transaction.execute(&statement, [device_id.as_bytes()])?;
            }
            transaction.commit()
        };
        delete().map_err(self.failed("deleting a device"))
    }
}

/// A block as its row has it: device, level, start and octets.
type RawBlock = ([u8; 16], i64, i64, Vec<u8>);

fn block_of(_: usize, row: &Row) -> rusqlite::Result<RawBlock> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn columns(key: &BlockKey) -> (&[u8; 16], i64, i64) {
    (
        key.device_id.as_bytes(),
        key.level.number(),
        key.start.unix_ms(),
    )
}

/// The key of a row; `None` for a level that a later version wrote.
fn key(device_id: DeviceId, level: i64, start: i64) -> Option<BlockKey> {
    let level = Level::LARGEST_FIRST
        .into_iter()
        .find(|known| known.number() == level)?;
    Some(BlockKey {
        device_id,
        level,
        start: Timestamp::from_unix_ms(start),
    })
}
