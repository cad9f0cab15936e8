//! The registry on disk: `series.sqlite`. Each row carries a checksum; one that does not agree is
//! left out and named.

use super::index::{Index, Registered};
use super::labels::Set;
use super::metrics::Measured;
use super::saved;
use crate::blocks::salvage;
use crate::series::tombstones::Tombstone;
use crate::series::{Column, Resolved};
use model::{DeviceId, Labels, SeriesId, Timestamp};
use rusqlite::{Connection, Row, Transaction, ffi, params};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::time::Duration;
use tracing::warn;

pub(super) const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS series (
        id BLOB PRIMARY KEY, device BLOB NOT NULL, slot INTEGER NOT NULL, metric TEXT NOT NULL,
        labels TEXT NOT NULL, interface TEXT, crc INTEGER NOT NULL, UNIQUE (device, slot)
    );
    CREATE TABLE IF NOT EXISTS deleted (
        device BLOB PRIMARY KEY, next INTEGER NOT NULL, cleaned INTEGER NOT NULL, crc INTEGER
    );
    CREATE TABLE IF NOT EXISTS floor (next INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS tombstones (
        id INTEGER PRIMARY KEY, device BLOB NOT NULL, columns BLOB, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, generation INTEGER NOT NULL, cut INTEGER NOT NULL,
        patched INTEGER NOT NULL, crc INTEGER NOT NULL, made_ms INTEGER
    );
    PRAGMA user_version = 1;
    COMMIT;
";

/// Where the registry is of an earlier version this is made with the first tombstone: a start on a full
/// disk writes nothing.
const TOMBSTONES: &str = "
    CREATE TABLE IF NOT EXISTS tombstones (
        id INTEGER PRIMARY KEY, device BLOB NOT NULL, columns BLOB, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, generation INTEGER NOT NULL, cut INTEGER NOT NULL,
        patched INTEGER NOT NULL, crc INTEGER NOT NULL, made_ms INTEGER
    );
";

/// How long to wait for another process that reads the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// What changes in the registry.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A new series.
    Register {
        device_id: DeviceId,
        series: Resolved,
        metric: Measured,
        /// Those that take part in the key, as JSON.
        labels: String,
        interface: Option<String>,
    },
    /// Another name of the interface, for people.
    Rename {
        device_id: DeviceId,
        column: Column,
        interface: Option<String>,
    },
    /// The series of a device are gone; its blocks are to be deleted.
    Delete { device_id: DeviceId },
    /// The blocks of a deleted device are gone.
    Cleaned { device_id: DeviceId },
    /// Ranges of series are deleted.
    Bury { stones: Vec<Tombstone> },
    /// Patches were written again without what these hide.
    Patched { ids: Vec<i64> },
    /// These hide nothing any more.
    Forget { ids: Vec<i64> },
}

/// What opening the table found.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) index: Index,
    /// Deleted devices whose blocks may still be there.
    pub(crate) unclean: Vec<DeviceId>,
    /// Ranges of series that were deleted.
    pub(crate) tombstones: Vec<Tombstone>,
    /// An id above those of all of them, also of those that are damaged.
    pub(crate) next_tombstone: i64,
    /// What is damaged, each named.
    pub(crate) damage: Vec<String>,
}

/// The open file.
pub(crate) struct Table {
    pub(super) connection: Connection,
    /// Rows of deleted devices have a checksum: not in a file of before, until one is written.
    proves_deleted: bool,
}

/// Columns that are left out after a registry was lost, above all that it can have given out.
pub(super) const FLOOR_STEP: u32 = 1 << 24;

impl Table {
    /// Opens the registry. One that is damaged is set aside, and begun anew with what can still be read
    /// of it.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<(Self, Loaded)> {
        salvage::settle(path).map_err(unable)?;
        match Self::open_sound(path) {
            Err(error) if salvage::is_damage(&error) || salvage::lacks_table(&error) => {
                Self::begin_anew(path, &error)
            }
            opened => opened,
        }
    }

    fn begin_anew(path: &Path, error: &rusqlite::Error) -> rusqlite::Result<(Self, Loaded)> {
        let (before, _) = salvage::next_aside(path).map_err(unable)?;
        let floor = FLOOR_STEP.saturating_mul(before);
        let made = salvage::remake(path, unable, |new| saved::save(path, new, floor));
        let (saved, aside) = made?;
        let (table, mut loaded) = Self::open_sound(path)?;
        let what = format!(
            "{}: {error}; {saved} series saved, kept as {}",
            path.display(),
            aside.display()
        );
        warn!("{what}");
        loaded.damage.push(what);
        Ok((table, loaded))
    }

    pub(super) fn open_sound(path: &Path) -> rusqlite::Result<(Self, Loaded)> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_WAIT)?;
        // No write-ahead journal: a damaged one ends early without a word, and the columns in it
        // would be given out again.
        connection.execute_batch("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;")?;
        // Only where it is new: a start on a full disk writes nothing.
        let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'floor'";
        if !connection.query_row(made, [], |row| row.get::<_, bool>(0))? {
            connection.execute_batch(TABLES)?;
        }
        salvage::look_through(&connection)?;
        let loaded = load(&connection)?;
        let proves = "SELECT count(*) FROM pragma_table_info('deleted') WHERE name = 'crc'";
        let table = Self {
            proves_deleted: connection.query_row(proves, [], |row| row.get(0))?,
            connection,
        };
        Ok((table, loaded))
    }

    /// Makes all changes, or none; durable when it returns.
    pub(crate) fn commit(&mut self, changes: &[Change]) -> rusqlite::Result<()> {
        let deletes = changes
            .iter()
            .any(|change| matches!(change, Change::Delete { .. }));
        let transaction = self.connection.transaction()?;
        // Not when it is opened: a start on a full disk writes nothing.
        if deletes && !self.proves_deleted {
            transaction.execute_batch("ALTER TABLE deleted ADD COLUMN crc INTEGER")?;
        }
        for change in changes {
            write(&transaction, change)?;
        }
        transaction.commit()?;
        self.proves_deleted |= deletes;
        Ok(())
    }
}

fn unable(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Looks at every row and changes nothing: how many series there are, and what is wrong, each named.
pub(crate) fn inspect(connection: &Connection) -> rusqlite::Result<(u64, Vec<String>)> {
    let mut statement = connection.prepare(
        "SELECT id, device, slot, metric, labels, interface, crc FROM series ORDER BY rowid",
    )?;
    let mut rows = statement.query([])?;
    let (mut series, mut damage) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        series += 1;
        match Read::of(row) {
            Ok(read) if read.change().is_some() => {}
            Ok(read) => damage.push(format!(
                "series {}: the checksum does not agree",
                read.series.id
            )),
            Err(error) => damage.push(format!("a series: {error}")),
        }
    }
    let mut statement = connection.prepare("SELECT * FROM deleted ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match Deleted::of(row) {
            Ok(deleted) => damage.extend(deleted.damage()),
            Err(error) => damage.push(format!("a deleted device: {error}")),
        }
    }
    each_tombstone(connection, |stone| damage.extend(stone.err()))?;
    Ok((series, damage))
}

fn write(transaction: &Transaction, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Register { .. } => insert(transaction, "INSERT", change),
        Change::Bury { stones } => bury(transaction, stones),
        Change::Patched { ids } => {
            let mut patched =
                transaction.prepare("UPDATE tombstones SET patched = 1 WHERE id = ?1")?;
            ids.iter()
                .try_for_each(|id| patched.execute([id]).map(|_| ()))
        }
        // As where the first could not be written.
        Change::Forget { .. } if !has_tombstones(transaction)? => Ok(()),
        Change::Forget { ids } => {
            let mut forget = transaction.prepare("DELETE FROM tombstones WHERE id = ?1")?;
            ids.iter()
                .try_for_each(|id| forget.execute([id]).map(|_| ()))
        }
        Change::Rename {
            device_id,
            column,
            interface,
        } => transaction
            .execute(
                "UPDATE series SET interface = ?3 WHERE device = ?1 AND slot = ?2",
                params![device_id.as_bytes(), column.0, interface],
            )
            .map(|_| ()),
        Change::Delete { device_id } => {
            let next = transaction.query_row(
                "SELECT max(coalesce((SELECT 1 + max(slot) FROM series WHERE device = ?1), 0),
                            coalesce((SELECT next FROM deleted WHERE device = ?1), 0))",
                [device_id.as_bytes()],
                |row| row.get(0),
            )?;
            let deleted = Deleted {
                device_id: *device_id,
                next,
                cleaned: false,
                sound: true,
            };
            put_deleted(transaction, &deleted)?;
            let series = "DELETE FROM series WHERE device = ?1";
            transaction
                .execute(series, [device_id.as_bytes()])
                .map(|_| ())
        }
        Change::Cleaned { device_id } => transaction
            .execute(
                "UPDATE deleted SET cleaned = 1 WHERE device = ?1",
                [device_id.as_bytes()],
            )
            .map(|_| ()),
    }
}

/// Puts a new series, which is all that is put so.
pub(super) fn insert(connection: &Connection, how: &str, change: &Change) -> rusqlite::Result<()> {
    let Change::Register {
        device_id,
        series,
        metric,
        labels,
        interface,
    } = change
    else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(&format!(
        "{how} INTO series (id, device, slot, metric, labels, interface, crc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    ))?;
    let row = params![
        series.id.as_bytes(),
        device_id.as_bytes(),
        series.column.0,
        metric.name(),
        labels,
        interface,
        checksum(series.id, *device_id, series.column, metric.name(), labels),
    ];
    statement.execute(row).map(|_| ())
}

/// Puts a deleted device in the place of what was known of it.
pub(super) fn put_deleted(connection: &Connection, deleted: &Deleted) -> rusqlite::Result<()> {
    let Deleted {
        device_id,
        next,
        cleaned,
        ..
    } = *deleted;
    let sum = deleted_checksum(device_id, next);
    connection
        .execute(
            "INSERT OR REPLACE INTO deleted (device, next, cleaned, crc) VALUES (?1, ?2, ?3, ?4)",
            params![device_id.as_bytes(), next, cleaned, sum],
        )
        .map(|_| ())
}

/// Over all but whether its samples are gone, which changes.
fn deleted_checksum(device_id: DeviceId, next: u32) -> u32 {
    let crc = crc32c::crc32c(device_id.as_bytes());
    crc32c::crc32c_append(crc, &next.to_le_bytes())
}

/// A deleted device as its row says it.
pub(super) struct Deleted {
    device_id: DeviceId,
    next: u32,
    /// Its samples are gone too.
    cleaned: bool,
    /// The checksum agrees, or there is none, as in rows of before.
    pub(super) sound: bool,
}

impl Deleted {
    /// Of a row with all columns that there are.
    pub(super) fn of(row: &Row) -> rusqlite::Result<Self> {
        let (device_id, next) = (DeviceId::from_bytes(row.get("device")?), row.get("next")?);
        let sum: Option<u32> = match row.get("crc") {
            Err(rusqlite::Error::InvalidColumnName(_)) => None,
            sum => sum?,
        };
        Ok(Self {
            device_id,
            next,
            cleaned: row.get("cleaned")?,
            sound: sum.is_none_or(|sum| sum == deleted_checksum(device_id, next)),
        })
    }

    /// What is wrong with it.
    fn damage(&self) -> Option<String> {
        let id = self.device_id;
        let what = format!("deleted device {id}: the checksum does not agree");
        (!self.sound).then_some(what)
    }
}

pub(super) fn bury(connection: &Connection, stones: &[Tombstone]) -> rusqlite::Result<()> {
    connection.execute_batch(TOMBSTONES)?;
    let has_made = "SELECT count(*) FROM pragma_table_info('tombstones') WHERE name = 'made_ms'";
    if !connection.query_row(has_made, [], |row| row.get(0))? {
        connection.execute_batch("ALTER TABLE tombstones ADD COLUMN made_ms INTEGER")?;
    }
    let mut insert = connection.prepare(
        "INSERT INTO tombstones
            (id, device, columns, from_ms, to_ms, generation, cut, patched, crc, made_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for stone in stones {
        insert.execute(params![
            stone.id,
            stone.device_id.as_bytes(),
            stone.columns_octets(),
            stone.from_ms,
            stone.to_ms,
            stone.generation.cast_signed(),
            stone.cut.cast_signed(),
            stone.patched,
            stone.checksum(),
            stone.made_at.map(Timestamp::unix_ms),
        ])?;
    }
    Ok(())
}

/// A tombstone of a row with all columns that there are; an error says what is wrong with it.
pub(super) fn tombstone(row: &Row) -> Result<Tombstone, String> {
    let read = || -> rusqlite::Result<_> {
        let columns: Option<Vec<u8>> = row.get(2)?;
        let stone = Tombstone {
            id: row.get(0)?,
            device_id: DeviceId::from_bytes(row.get(1)?),
            columns: None,
            from_ms: row.get(3)?,
            to_ms: row.get(4)?,
            generation: row.get::<_, i64>(5)?.cast_unsigned(),
            cut: row.get::<_, i64>(6)?.cast_unsigned(),
            patched: row.get(7)?,
            // Rows of before do not say it.
            made_at: row.get(9).unwrap_or(None).map(Timestamp::from_unix_ms),
        };
        Ok((stone, columns, row.get::<_, u32>(8)?))
    };
    let (mut stone, columns, crc) = read().map_err(|error| format!("a tombstone: {error}"))?;
    let damaged = format!("tombstone {}: the checksum does not agree", stone.id);
    if let Some(octets) = columns {
        let columns = Tombstone::columns_of(&octets);
        stone.columns = Some(columns.ok_or_else(|| damaged.clone())?);
    }
    if stone.checksum() == crc {
        Ok(stone)
    } else {
        Err(damaged)
    }
}

/// Reads the tombstones; one that is damaged is named: what it hid may be there again.
fn load_tombstones(connection: &Connection, loaded: &mut Loaded) -> rusqlite::Result<()> {
    if !has_tombstones(connection)? {
        return Ok(());
    }
    let last = "SELECT coalesce(max(id), 0) FROM tombstones";
    let last: i64 = connection.query_row(last, [], |row| row.get(0))?;
    loaded.next_tombstone = last.saturating_add(1);
    each_tombstone(connection, |stone| match stone {
        Ok(stone) => loaded.tombstones.push(stone),
        Err(what) => loaded.damage.push(what),
    })
}

fn has_tombstones(connection: &Connection) -> rusqlite::Result<bool> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'tombstones'";
    connection.query_row(there, [], |row| row.get(0))
}

/// Hands over the tombstones by id, and what is wrong with those that are damaged.
fn each_tombstone(
    connection: &Connection,
    mut take: impl FnMut(Result<Tombstone, String>),
) -> rusqlite::Result<()> {
    if !has_tombstones(connection)? {
        return Ok(());
    }
    let mut statement = connection.prepare("SELECT * FROM tombstones ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let again = |what| format!("{what}: samples that were deleted may be there again");
        take(tombstone(row).map_err(again));
    }
    Ok(())
}

/// Over all but the name for people, which may change.
fn checksum(id: SeriesId, device_id: DeviceId, column: Column, metric: &str, labels: &str) -> u32 {
    let parts: [&[u8]; 5] = [
        id.as_bytes(),
        device_id.as_bytes(),
        &column.0.to_le_bytes(),
        metric.as_bytes(),
        labels.as_bytes(),
    ];
    parts
        .iter()
        .fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

fn load(connection: &Connection) -> rusqlite::Result<Loaded> {
    let mut loaded = Loaded::default();
    let floor: Option<u32> =
        connection.query_row("SELECT max(next) FROM floor", [], |row| row.get(0))?;
    loaded.index.raise_floor(floor.unwrap_or(0));
    let mut statement = connection.prepare("SELECT * FROM deleted")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let deleted = Deleted::of(row)?;
        let (device_id, next) = (deleted.device_id, deleted.next);
        if let Some(what) = deleted.damage() {
            // Whether it was deleted is not known; its columns stay taken all the same.
            loaded.index.reserve(device_id, next);
            loaded.damage.push(what);
            continue;
        }
        loaded.index.was_deleted(device_id, next);
        if !deleted.cleaned {
            loaded.unclean.push(device_id);
        }
    }
    load_tombstones(connection, &mut loaded)?;
    let indexed = load_devices(connection, &mut loaded)?;
    // In the order of the file, which is that of their registration: in the order of an index each
    // row would be looked up by itself.
    let mut statement = connection.prepare(
        "SELECT id, device, slot, metric, labels, interface, crc FROM series ORDER BY rowid",
    )?;
    let mut rows = statement.query([])?;
    let mut texts = Texts::default();
    let mut read = 0;
    while let Some(row) = rows.next()? {
        read += 1;
        if let Err(what) = take(row, &mut loaded.index, &mut texts) {
            // The column stays taken, so that no other series gets its samples.
            if let (Ok(device), Ok(column)) = (row.get(1), row.get::<_, u32>(2)) {
                let next = column.saturating_add(1);
                loaded.index.reserve(DeviceId::from_bytes(device), next);
            }
            loaded.damage.push(what);
        }
    }
    if read != indexed {
        // Rows are missing in the table or in its index: SQLite notices neither by itself.
        let what = format!("{read} series are in the table, {indexed} in its index");
        let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(what)));
    }
    let unknown: Vec<String> = loaded.index.unknown_metrics();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        warn!("series of metrics that this version does not know are kept: {names}");
    }
    Ok(loaded)
}

/// Makes room for the series of each device, and answers how many there are, by the index of the
/// table alone.
fn load_devices(connection: &Connection, loaded: &mut Loaded) -> rusqlite::Result<usize> {
    let mut statement =
        connection.prepare("SELECT device, count(*), max(slot) FROM series GROUP BY device")?;
    let mut rows = statement.query([])?;
    let mut all: usize = 0;
    while let Some(row) = rows.next()? {
        let count = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        all = all.saturating_add(count);
        // What is wrong with a row is told where it is read.
        if let (Ok(device), Ok(last)) = (row.get(0), row.get::<_, u32>(2)) {
            let next = last.saturating_add(1);
            let device_id = DeviceId::from_bytes(device);
            loaded.index.expect(device_id, count, next);
        }
    }
    loaded.index.expect_all(all);
    Ok(all)
}

/// Makes the series of a row known, or says what is wrong with it.
fn take(row: &Row, index: &mut Index, texts: &mut Texts) -> Result<(), String> {
    let read = Read::of(row).map_err(|error| format!("a series: {error}"))?;
    let Read { series, metric, .. } = read;
    let set = read.sound.then(|| texts.set(index, read.labels)).flatten();
    let set = set.ok_or_else(|| format!("series {}: the checksum does not agree", series.id))?;
    let known = index.register(&Registered {
        device_id: read.device_id,
        series,
        metric,
        set,
        interface: read.interface,
    });
    if known {
        return Ok(());
    }
    let id = series.id;
    Err(format!(
        "series {id} of {metric}: there is another like it, or too many metrics are not known"
    ))
}

/// The sets of label texts that were met: the ten series of a port have the same, and reading one
/// as JSON takes longer than all else of a row.
#[derive(Default)]
struct Texts {
    hasher: RandomState,
    sets: HashMap<u64, Set>,
    scratch: String,
    /// The text of the row before, and its set.
    last: Option<(String, Set)>,
}

impl Texts {
    /// The set of a text, made where it is new; none where the text is not labels.
    fn set(&mut self, index: &mut Index, text: &str) -> Option<Set> {
        if let Some((_, set)) = self.last.as_ref().filter(|(last, _)| last == text) {
            return Some(*set);
        }
        let set = self.find(index, text)?;
        let last = self.last.get_or_insert_with(|| (String::new(), set));
        last.0.clear();
        last.0.push_str(text);
        last.1 = set;
        Some(set)
    }

    fn find(&mut self, index: &mut Index, text: &str) -> Option<Set> {
        let hash = self.hasher.hash_one(text);
        let known = self.sets.get(&hash).copied();
        let labels = &index.labels;
        if let Some(set) = known.filter(|set| labels.is_written(*set, text, &mut self.scratch)) {
            return Some(set);
        }
        let labels: Labels = serde_json::from_str(text).ok()?;
        let set = index.labels.intern(&labels);
        self.sets.insert(hash, set);
        Some(set)
    }
}

/// A row of the table, as it is there.
pub(super) struct Read<'a> {
    device_id: DeviceId,
    series: Resolved,
    metric: &'a str,
    labels: &'a str,
    interface: Option<&'a str>,
    /// The checksum agrees.
    sound: bool,
}

impl<'a> Read<'a> {
    pub(super) fn of(row: &'a Row) -> rusqlite::Result<Self> {
        let device_id = DeviceId::from_bytes(row.get(1)?);
        let series = Resolved {
            id: SeriesId::from_bytes(row.get(0)?),
            column: Column(row.get(2)?),
        };
        let (metric, labels) = (row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
        let sum = checksum(series.id, device_id, series.column, metric, labels);
        Ok(Self {
            device_id,
            series,
            metric,
            labels,
            interface: row.get_ref(5)?.as_str_or_null()?,
            sound: row.get::<_, u32>(6)? == sum,
        })
    }

    /// What makes it known; none where it is damaged.
    pub(super) fn change(&self) -> Option<Change> {
        let is_labels = || serde_json::from_str::<Labels>(self.labels).is_ok();
        (self.sound && is_labels()).then(|| Change::Register {
            device_id: self.device_id,
            series: self.series,
            metric: Measured::named(self.metric),
            labels: self.labels.to_owned(),
            interface: self.interface.map(str::to_owned),
        })
    }
}
