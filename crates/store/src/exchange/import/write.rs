//! The second pass: a day after the other is written and sealed, so that the head stays small.

use super::super::find::Finder;
use super::super::row::{Refused, Why};
use super::super::spool::{DAY_MS, Spool};
use super::lay::{Laid, lay};
use super::{ImportError, Imported, ROWS_PER_DEVICE_DAY_MAX, is_held};
use crate::blocks::Column;
use crate::progress::Progress;
use crate::retention::HeldBy;
use crate::series::{AppendError, Batch, ROWS_PER_SEAL_MAX, SeriesStore};
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::{BTreeSet, HashMap};
use std::io;
use tokio::runtime::Handle;

/// Rows that are in memory at a time: some 150 MB.
const ROWS_A_PART: usize = 2 << 20;
/// Values after which the store is asked to seal.
const VALUES_A_SEAL: usize = 1_000_000;
/// Columns of a device that are read at a time.
const COLUMNS_A_READ: usize = 512;
/// Milliseconds of a half-hour.
const HALF_HOUR_MS: i64 = 1_800_000;
/// Times of a device in a half-hour after which is sealed: with room for polls that are there.
const TIMES_A_SEAL: usize = ROWS_PER_SEAL_MAX / 2;

/// What writing goes by.
pub(super) struct Ways<'a> {
    pub(super) series: &'a SeriesStore,
    pub(super) handle: &'a Handle,
    pub(super) holds: &'a [HeldBy],
    pub(super) progress: &'a Progress,
    /// What of the progress is left for writing.
    pub(super) rest: u64,
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
        lot: Vec::new(),
        values: 0,
        times: HashMap::new(),
        rows_done: 0,
        rows_total: spool.rows(),
        did: 0,
    };
    for day in spool.days() {
        let mut failed = None;
        let read = spool.read(day, ROWS_A_PART, |rows| {
            let count = rows.len() as u64;
            let laid = lay(rows, finder, told);
            let done = writer.part(day, &laid, told);
            writer.told(count);
            done.map_err(|error| {
                failed = Some(error);
                io::Error::other("it ends early")
            })
        });
        if let Some(failed) = failed {
            return Err(failed);
        }
        read.map_err(ImportError::Spool)?;
        writer.append(told)?;
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

struct Writer<'a> {
    ways: &'a Ways<'a>,
    ids: HashMap<(DeviceId, Column), SeriesId>,
    /// Batches that are not appended yet, each with the line of its first row.
    lot: Vec<(Batch, u32)>,
    /// Values since the store was asked to seal.
    values: usize,
    /// Times of a device in a half-hour since it was sealed.
    times: HashMap<(DeviceId, i64), usize>,
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

    fn part(&mut self, day: i64, laid: &[Laid], told: &mut Imported) -> Result<(), ImportError> {
        for rows in laid.chunk_by(|a, b| a.device_id == b.device_id) {
            let Some(first) = rows.first() else { continue };
            self.ways.progress.go_on()?;
            let there = self.there(first.device_id, rows)?;
            let full = self.full_from(day, first.device_id, rows)?;
            for at_once in rows.chunk_by(|a, b| a.at_ms == b.at_ms) {
                let Some(first) = at_once.first() else {
                    continue;
                };
                if full
                    .as_ref()
                    .is_some_and(|taken| !taken.contains(&first.at_ms))
                {
                    for row in at_once {
                        told.refuse(day_full(row.line, row.device_id));
                    }
                    continue;
                }
                self.at_once(at_once, &there, told)?;
            }
        }
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
        let at = Timestamp::from_unix_ms(first.at_ms);
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let points = there.get(&row.column).map_or(&[][..], Vec::as_slice);
            let place = points.binary_search_by_key(&at, |(at, _)| *at).ok();
            let before = place
                .and_then(|place| points.get(place))
                .map(|(_, value)| *value);
            match before {
                None => told.added += 1,
                Some(before) if is_same(before, row.value) => {
                    told.same += 1;
                    continue;
                }
                Some(_) if is_held(self.ways.holds, row, row.device_id) => {
                    let detail = "a hold keeps the sample that is there";
                    told.refuse(Refused::new(row.line.into(), Why::Held, detail));
                    continue;
                }
                Some(_) => told.replaced += 1,
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
        self.lot.push((batch, first.line));
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
        self.values = 0;
        self.times.clear();
        self.ways.handle.block_on(self.ways.series.maintain())?;
        Ok(())
    }

    /// Appends what waits: it is durable then.
    fn append(&mut self, told: &mut Imported) -> Result<(), ImportError> {
        if self.lot.is_empty() {
            return Ok(());
        }
        let (batches, lines): (Vec<Batch>, Vec<(u32, usize)>) = std::mem::take(&mut self.lot)
            .into_iter()
            .map(|(batch, line)| {
                let values = batch.values.len();
                (batch, (line, values))
            })
            .unzip();
        let series = self.ways.series;
        let appended = self.ways.handle.block_on(series.append_at_any_age(batches));
        for (appended, (line, values)) in appended.into_iter().zip(lines) {
            let Err(error) = appended else { continue };
            let why = match error {
                AppendError::TooManyRows { .. } => Why::DayFull,
                AppendError::UnknownColumn { .. } | AppendError::OutOfTime { .. } => Why::NotTaken,
                error => return Err(ImportError::Append(error)),
            };
            // They were counted as added, or as replaced where all that is there was read before.
            told.added = told.added.saturating_sub(values as u64);
            let refused = Refused::new(line.into(), why, error.to_string());
            told.refuse_many(refused, values as u64);
        }
        Ok(())
    }

    /// What is there of the series of rows, from the first to the last.
    fn there(
        &self,
        device_id: DeviceId,
        rows: &[Laid],
    ) -> Result<HashMap<Column, Vec<(Timestamp, Value)>>, ImportError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(HashMap::new());
        };
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

    /// The times of a day that fit, where all together would be more than [`ROWS_PER_DEVICE_DAY_MAX`];
    /// `None` where all fit.
    fn full_from(
        &self,
        day: i64,
        device_id: DeviceId,
        rows: &[Laid],
    ) -> Result<Option<BTreeSet<i64>>, ImportError> {
        let from = Timestamp::from_unix_ms(day.saturating_mul(DAY_MS));
        let to = Timestamp::from_unix_ms(from.unix_ms().saturating_add(DAY_MS));
        let there = self.ways.series.times_of(device_id, from, to)?;
        let mut times: Vec<i64> = rows.iter().map(|row| row.at_ms).collect();
        times.dedup();
        let new = times.iter().filter(|ms| there.binary_search(ms).is_err());
        let room = ROWS_PER_DEVICE_DAY_MAX.saturating_sub(there.len());
        if new.clone().count() <= room {
            return Ok(None);
        }
        let fitting = new.take(room).copied();
        Ok(Some(fitting.chain(there.iter().copied()).collect()))
    }
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
