//! The second pass: a day after the other is written and sealed, so that the head stays small.

use super::super::find::Finder;
use super::super::row::{Refused, Why};
use super::super::spool::{DAY_MS, Spool};
use super::lay::{Laid, ROWS_A_PART, Reader};
use super::{ImportError, Imported, ROWS_PER_DEVICE_DAY_MAX, is_held};
use crate::blocks::Column;
use crate::disk::RoomOf;
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::retention::{Keeping, Retention, RetentionError};
use crate::series::{AppendError, Batch, ROWS_PER_SEAL_MAX, SeriesStore};
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::{BTreeSet, HashMap};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// Values after which the store is asked to seal.
const VALUES_A_SEAL: usize = 1_000_000;
/// Rows that are looked at and appended together: no hold is placed from when what is there is looked at
/// until then, some tenths of a second. Of one device and time all are together.
const ROWS_A_LOT: usize = 1 << 16;
/// Columns of a device that are read at a time.
const COLUMNS_A_READ: usize = 512;
/// Milliseconds of a half-hour.
const HALF_HOUR_MS: i64 = 1_800_000;
/// Times of a device in a half-hour after which is sealed: with room for polls that are there.
const TIMES_A_SEAL: usize = ROWS_PER_SEAL_MAX / 2;
/// Octets of room that are looked for again and again: more than is written until the next look, in the
/// log and in the packs that it is sealed into.
const ROOM_A_LOOK: u64 = 128 << 20;

/// What writing goes by.
pub(super) struct Ways<'a> {
    pub(super) series: &'a SeriesStore,
    pub(super) inventory: &'a Inventory,
    pub(super) retention: &'a Retention,
    pub(super) handle: &'a Handle,
    pub(super) progress: &'a Progress,
    pub(super) room: &'a RoomOf,
    /// What of the progress is left for writing.
    pub(super) rest: u64,
    /// Rows that are in memory at a time, where not as many as usual.
    pub(super) rows_a_part: Option<usize>,
}

/// Writes all that was put by.
pub(super) fn all(
    ways: &Ways<'_>,
    finder: &Finder,
    spool: &Spool,
    told: &mut Imported,
) -> Result<(), ImportError> {
    let mut writer = Writer {
        ways,
        ids: ids(finder),
        keeping: None,
        permit: None,
        lot: Vec::new(),
        in_lot: 0,
        values: 0,
        times: HashMap::new(),
        of_day: HashMap::new(),
        rows_done: 0,
        rows_total: spool.rows(),
        did: 0,
    };
    let reader = Reader {
        finder,
        spool,
        progress: ways.progress,
        rows_max: ways.rows_a_part.unwrap_or(ROWS_A_PART),
    };
    for day in spool.days() {
        writer.day(day, &reader, told)?;
        told.days_done += 1;
        spool.done(day);
    }
    writer.seal(told)?;
    // Also where no row was taken.
    writer.finished();
    Ok(())
}

/// The ids of the series, by device and column.
fn ids(finder: &Finder) -> HashMap<(DeviceId, Column), SeriesId> {
    let targets = finder.targets().iter();
    let known = targets.filter_map(|target| match target {
        super::Target::Known(found) => Some(((found.device_id, found.column), found.id)),
        _ => None,
    });
    known.collect()
}

/// A batch that is not appended yet.
struct Waiting {
    batch: Batch,
    /// The line of its first row.
    line: u32,
    /// Samples of times that have none.
    added: u64,
    /// Samples in whose place another value is.
    replaced: u64,
}

/// Times of a device in the day that is written.
struct Times {
    /// Those that were there before any of this file.
    there: usize,
    /// Those that this file brought.
    new: usize,
}

struct Writer<'a> {
    ways: &'a Ways<'a>,
    ids: HashMap<(DeviceId, Column), SeriesId>,
    /// What holds keep, as it was when they were looked at.
    keeping: Option<Keeping>,
    /// While it is there no hold is placed or changed.
    permit: Option<OwnedSemaphorePermit>,
    /// Batches that are not appended yet.
    lot: Vec<Waiting>,
    /// Rows that were looked at since no hold is placed, those that need not be written among them.
    in_lot: usize,
    /// Values since the store was asked to seal.
    values: usize,
    /// Times of a device in a half-hour since it was sealed.
    times: HashMap<(DeviceId, i64), usize>,
    of_day: HashMap<DeviceId, Times>,
    rows_done: u64,
    rows_total: u64,
    did: u64,
}

impl Writer<'_> {
    fn told(&mut self, rows: u64) {
        self.rows_done += rows;
        let part = u128::from(self.ways.rest) * u128::from(self.rows_done);
        let upto = part / u128::from(self.rows_total.max(1));
        let upto = u64::try_from(upto).unwrap_or(self.ways.rest);
        self.ways.progress.did(upto.saturating_sub(self.did));
        self.did = upto;
    }

    fn finished(&mut self) {
        let left = self.ways.rest.saturating_sub(self.did);
        self.ways.progress.did(left);
        self.did = self.ways.rest;
    }

    fn day(
        &mut self,
        day: i64,
        reader: &Reader<'_>,
        told: &mut Imported,
    ) -> Result<(), ImportError> {
        let begin_ms = day.saturating_mul(DAY_MS);
        let end_ms = begin_ms.saturating_add(DAY_MS);
        let (mut from_ms, mut of_day, mut written) = (begin_ms, 0, 0);
        self.of_day.clear();
        while from_ms < end_ms {
            self.ways.room.look(ROOM_A_LOOK)?;
            let part = reader.part(day, from_ms, told)?;
            self.part(day, &part.rows, told)?;
            of_day += part.of_day;
            written += part.rows.len() as u64;
            from_ms = part.to_ms;
        }
        told.repeated += of_day.saturating_sub(written);
        self.told(of_day);
        Ok(())
    }

    fn part(&mut self, day: i64, laid: &[Laid], told: &mut Imported) -> Result<(), ImportError> {
        for rows in laid.chunk_by(|a, b| a.device_id == b.device_id) {
            let Some(first) = rows.first() else { continue };
            let fitting = self.full_from(day, first.device_id, rows)?;
            let mut left = rows;
            while !left.is_empty() {
                self.ways.progress.go_on()?;
                left = self.some(left, fitting.as_ref(), told)?;
            }
        }
        self.append(told)
    }

    /// Takes rows of a device, as many as the lot has room for or until the store has sealed, and answers
    /// those that are left. What is there is looked at anew for these: between two lots it may be changed,
    /// and a hold be placed that keeps it so.
    fn some<'a>(
        &mut self,
        rows: &'a [Laid],
        fitting: Option<&BTreeSet<i64>>,
        told: &mut Imported,
    ) -> Result<&'a [Laid], ImportError> {
        // From before what is there is looked at.
        self.hold_still()?;
        let lot = whole_times(rows, ROWS_A_LOT.saturating_sub(self.in_lot));
        let there = self.there(lot)?;
        let mut taken = 0;
        for at_once in lot.chunk_by(|a, b| a.at_ms == b.at_ms) {
            taken += at_once.len();
            self.in_lot += at_once.len();
            let fits = |row: &Laid| fitting.is_none_or(|times| times.contains(&row.at_ms));
            if !at_once.first().is_some_and(fits) {
                for row in at_once {
                    told.refuse(day_full(row.line, row.device_id));
                }
                continue;
            }
            self.at_once(at_once, &there, told)?;
            if self.permit.is_none() {
                break;
            }
        }
        if self.in_lot >= ROWS_A_LOT {
            self.append(told)?;
        }
        Ok(rows.get(taken..).unwrap_or_default())
    }

    /// No hold is placed from now on until what waits is appended, and what they keep is known.
    fn hold_still(&mut self) -> Result<(), ImportError> {
        if self.permit.is_some() {
            return Ok(());
        }
        let Ways {
            series,
            inventory,
            retention,
            ..
        } = self.ways;
        let permit = self.ways.handle.block_on(retention.no_hold_meanwhile());
        let permit = permit.map_err(|_| ImportError::Holds(RetentionError::GivenUp))?;
        let before = self.keeping.take();
        let keeping = retention.keeping_since(before, series, || inventory.attached())?;
        (self.keeping, self.permit) = (Some(keeping), Some(permit));
        Ok(())
    }

    /// Rows of a device and a time.
    fn at_once(
        &mut self,
        rows: &[Laid],
        there: &HashMap<Column, Vec<(Timestamp, Value)>>,
        told: &mut Imported,
    ) -> Result<(), ImportError> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let holds = self.keeping.as_ref().map_or(&[][..], Keeping::holds);
        let at = Timestamp::from_unix_ms(first.at_ms);
        let mut values = Vec::with_capacity(rows.len());
        let (mut added, mut replaced) = (0, 0);
        for row in rows {
            let points = there.get(&row.column).map_or(&[][..], Vec::as_slice);
            let place = points.binary_search_by_key(&at, |(at, _)| *at).ok();
            let before = place
                .and_then(|place| points.get(place))
                .map(|(_, value)| *value);
            match before {
                None => added += 1,
                Some(before) if is_same(before, row.value) => {
                    told.same += 1;
                    continue;
                }
                Some(_) if is_held(holds, row, row.device_id) => {
                    let detail = "a hold keeps the sample that is there";
                    told.refuse(Refused::new(row.line.into(), Why::Held, detail));
                    continue;
                }
                Some(_) => replaced += 1,
            }
            values.push((row.column, row.value));
        }
        if values.is_empty() {
            return Ok(());
        }
        self.values += values.len();
        let half_hour = (first.device_id, first.at_ms.div_euclid(HALF_HOUR_MS));
        let times = self.times.entry(half_hour).or_default();
        *times += 1;
        let many = *times >= TIMES_A_SEAL;
        let batch = Batch {
            device_id: first.device_id,
            at,
            values,
        };
        self.lot.push(Waiting {
            batch,
            line: first.line,
            added,
            replaced,
        });
        if many || self.values >= VALUES_A_SEAL {
            self.seal(told)?;
        }
        Ok(())
    }

    /// Appends what waits, and has sealed what is due, where there is anything.
    fn seal(&mut self, told: &mut Imported) -> Result<(), ImportError> {
        self.append(told)?;
        if self.values == 0 {
            return Ok(());
        }
        self.ways.room.look(ROOM_A_LOOK)?;
        self.values = 0;
        self.times.clear();
        self.ways.handle.block_on(self.ways.series.maintain())?;
        Ok(())
    }

    /// Appends what waits: it is durable then, and counted.
    fn append(&mut self, told: &mut Imported) -> Result<(), ImportError> {
        let lot = std::mem::take(&mut self.lot);
        self.in_lot = 0;
        let done = self.append_lot(lot, told);
        self.permit = None;
        done
    }

    fn append_lot(&self, lot: Vec<Waiting>, told: &mut Imported) -> Result<(), ImportError> {
        if lot.is_empty() {
            return Ok(());
        }
        let (batches, lots): (Vec<Batch>, Vec<(u32, u64, u64)>) = lot
            .into_iter()
            .map(|waiting| {
                let counts = (waiting.line, waiting.added, waiting.replaced);
                (waiting.batch, counts)
            })
            .unzip();
        let series = self.ways.series;
        let appended = self.ways.handle.block_on(series.append_at_any_age(batches));
        let mut failed = None;
        for (appended, (line, added, replaced)) in appended.into_iter().zip(lots) {
            let error = match appended {
                Ok(()) => {
                    told.added += added;
                    told.replaced += replaced;
                    continue;
                }
                Err(error) => error,
            };
            let why = match error {
                AppendError::TooManyRows { .. } => Why::DayFull,
                AppendError::UnknownColumn { .. } | AppendError::OutOfTime { .. } => Why::NotTaken,
                error => {
                    // Others of the lot may be there: they are counted to the end.
                    failed.get_or_insert(error);
                    continue;
                }
            };
            let refused = Refused::new(line.into(), why, error.to_string());
            told.refuse_many(refused, added + replaced);
        }
        failed.map_or(Ok(()), |error| Err(ImportError::Append(error)))
    }

    /// What is there of the series of rows of a device, from the first to the last.
    fn there(
        &self,
        rows: &[Laid],
    ) -> Result<HashMap<Column, Vec<(Timestamp, Value)>>, ImportError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(HashMap::new());
        };
        let device_id = first.device_id;
        let from = Timestamp::from_unix_ms(first.at_ms);
        let to = Timestamp::from_unix_ms(last.at_ms.saturating_add(1));
        let mut columns: Vec<Column> = rows.iter().map(|row| row.column).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut there = HashMap::new();
        for some in columns.chunks(COLUMNS_A_READ) {
            let known = some.iter().filter_map(|column| {
                let id = self.ids.get(&(device_id, *column))?;
                Some((*column, *id))
            });
            let (some, ids): (Vec<Column>, Vec<SeriesId>) = known.unzip();
            let read = self.ways.series.read_many(device_id, &ids, from, to)?;
            there.extend(some.into_iter().zip(read));
        }
        Ok(there)
    }

    /// The times of rows that fit, where all of the day together would be more than
    /// [`ROWS_PER_DEVICE_DAY_MAX`]; `None` where all fit.
    fn full_from(
        &mut self,
        day: i64,
        device_id: DeviceId,
        rows: &[Laid],
    ) -> Result<Option<BTreeSet<i64>>, ImportError> {
        let from = Timestamp::from_unix_ms(day.saturating_mul(DAY_MS));
        let to = Timestamp::from_unix_ms(from.unix_ms().saturating_add(DAY_MS));
        let there = self.ways.series.times_of(device_id, from, to)?;
        let mut times: Vec<i64> = rows.iter().map(|row| row.at_ms).collect();
        times.dedup();
        // Parts of a day have no time in common, so that none of these is of this file.
        let new = times.iter().filter(|ms| there.binary_search(ms).is_err());
        let count = new.clone().count();
        let of_day = self.of_day.entry(device_id).or_insert_with(|| Times {
            there: there.len(),
            new: 0,
        });
        let room = ROWS_PER_DEVICE_DAY_MAX.saturating_sub(of_day.there + of_day.new);
        of_day.new += count.min(room);
        if count <= room {
            return Ok(None);
        }
        let fitting = new.take(room).copied();
        Ok(Some(fitting.chain(there.iter().copied()).collect()))
    }
}

/// The first of some rows, so many at least where there are: of their last time all.
fn whole_times(rows: &[Laid], count: usize) -> &[Laid] {
    let Some(last) = rows.get(count.saturating_sub(1)) else {
        return rows;
    };
    let end = rows.partition_point(|row| row.at_ms <= last.at_ms);
    rows.get(..end).unwrap_or(rows)
}

fn day_full(line: u32, device_id: DeviceId) -> Refused {
    let detail = format!(
        "{device_id} has samples at {ROWS_PER_DEVICE_DAY_MAX} times of that day, which is as many as \
         are kept"
    );
    Refused::new(line.into(), Why::DayFull, detail)
}

/// Bit for bit: zero and its negative are two values.
fn is_same(a: Value, b: Value) -> bool {
    match (a, b) {
        (Value::U64(a), Value::U64(b)) => a == b,
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_bit_for_bit() {
        assert!(is_same(Value::U64(1), Value::U64(1)));
        assert!(!is_same(Value::U64(1), Value::F64(1.0)));
        assert!(!is_same(Value::F64(0.0), Value::F64(-0.0)));
    }
}
