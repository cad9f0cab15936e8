//! Rows of a file by their UTC days, on the disk: a file is in the order of whoever wrote it, mostly a
//! series after the other, and samples are written a day after the other.
//!
//! Of a row 25 octets are kept, little-endian: series u32, line u32, milliseconds i64, tag u8 (0 whole, 1
//! floating-point), bits u64. What is here is of one import and goes with it.

use crate::disk::{NoRoom, RoomOf};
use model::{Timestamp, Value};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Octets of a row.
pub(super) const ROW_LEN: usize = 25;
/// Days of a file: 27 years.
pub(super) const DAYS_MAX: usize = 10_000;
/// Rows that are buffered before they are written: 25 MB.
const BUFFERED_ROWS_MAX: usize = 1 << 20;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A row as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spooled {
    pub(super) series: u32,
    pub(super) line: u32,
    pub(super) at_ms: i64,
    pub(super) value: Value,
}

/// Rows could not be put by, or not be read again.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    /// The disk failed.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It has no room for more.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// The rows of an import.
pub(super) struct Spool {
    folder: PathBuf,
    room: RoomOf,
    /// Rows of each day that are not written yet; an entry for each day there is.
    days: BTreeMap<i64, Vec<u8>>,
    buffered: usize,
    rows: u64,
}

impl Spool {
    /// Begins one in a folder that is not there yet.
    pub(super) fn begin(folder: &Path, room: RoomOf) -> io::Result<Self> {
        if folder.exists() {
            // Of an import that was broken off.
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            room,
            days: BTreeMap::new(),
            buffered: 0,
            rows: 0,
        })
    }

    /// Takes a row; `false` where it is of one day too many.
    pub(super) fn push(&mut self, row: Spooled) -> Result<bool, SpoolError> {
        let day = row.at_ms.div_euclid(DAY_MS);
        if self.days.len() >= DAYS_MAX && !self.days.contains_key(&day) {
            return Ok(false);
        }
        let buffer = self.days.entry(day).or_default();
        let (tag, bits) = match row.value {
            Value::U64(whole) => (0, whole),
            Value::F64(number) => (1, number.to_bits()),
        };
        buffer.extend_from_slice(&row.series.to_le_bytes());
        buffer.extend_from_slice(&row.line.to_le_bytes());
        buffer.extend_from_slice(&row.at_ms.to_le_bytes());
        buffer.push(tag);
        buffer.extend_from_slice(&bits.to_le_bytes());
        self.buffered += 1;
        self.rows += 1;
        if self.buffered >= BUFFERED_ROWS_MAX {
            self.flush()?;
        }
        Ok(true)
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Days since 1970 of which there are rows, ascending.
    pub(super) fn days(&self) -> Vec<i64> {
        self.days.keys().copied().collect()
    }

    /// Writes what is buffered, where the disk has room for it.
    pub(super) fn flush(&mut self) -> Result<(), SpoolError> {
        self.room.look((self.buffered * ROW_LEN) as u64)?;
        for (day, buffer) in &mut self.days {
            if buffer.is_empty() {
                continue;
            }
            let path = path(&self.folder, *day);
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(buffer)?;
            *buffer = Vec::new();
        }
        self.buffered = 0;
        Ok(())
    }

    /// Tells the rows of a day in the order in which they came, until somebody breaks off.
    pub(super) fn read<B>(
        &self,
        day: i64,
        mut each: impl FnMut(Spooled) -> ControlFlow<B>,
    ) -> io::Result<ControlFlow<B>> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path(&self.folder, day))?);
        let mut octets = [0; ROW_LEN];
        loop {
            match file.read_exact(&mut octets) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(ControlFlow::Continue(()));
                }
                Err(error) => return Err(error),
            }
            if let Some(row) = of(&octets)
                && let ControlFlow::Break(broken) = each(row)
            {
                return Ok(ControlFlow::Break(broken));
            }
        }
    }

    /// The rows of a day are not needed any more.
    pub(super) fn done(&self, day: i64) {
        // What stays is removed with the folder.
        let _ = fs::remove_file(path(&self.folder, day));
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn path(folder: &Path, day: i64) -> PathBuf {
    let at = Timestamp::from_unix_ms(day.saturating_mul(DAY_MS)).to_string();
    let day = at.split('T').next().unwrap_or(&at).to_owned();
    folder.join(format!("{day}.rows"))
}

fn of(octets: &[u8; ROW_LEN]) -> Option<Spooled> {
    let (series, rest) = octets.split_first_chunk()?;
    let (line, rest) = rest.split_first_chunk()?;
    let (at_ms, rest) = rest.split_first_chunk()?;
    let (tag, rest) = rest.split_first()?;
    let (bits, _) = rest.split_first_chunk()?;
    let bits = u64::from_le_bytes(*bits);
    Some(Spooled {
        series: u32::from_le_bytes(*series),
        line: u32::from_le_bytes(*line),
        at_ms: i64::from_le_bytes(*at_ms),
        value: match tag {
            0 => Value::U64(bits),
            _ => Value::F64(f64::from_bits(bits)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Room;

    #[test]
    fn rows_come_back_by_day_in_their_order_and_the_folder_goes() {
        let folder = tempfile::tempdir().unwrap();
        let room = RoomOf::new(Room::default(), folder.path());
        let folder = folder.path().join("spool");
        let row = |series, at_ms, value| Spooled {
            series,
            line: series + 1,
            at_ms,
            value,
        };
        let rows = [
            row(0, DAY_MS + 5, Value::U64(u64::MAX)),
            row(1, 0, Value::F64(-0.0)),
            row(2, DAY_MS, Value::F64(f64::MIN_POSITIVE / 2.0)),
            row(3, DAY_MS + 5, Value::U64(0)),
        ];
        let mut spool = Spool::begin(&folder, room).unwrap();
        for row in rows {
            assert!(spool.push(row).unwrap());
        }
        spool.flush().unwrap();
        assert_eq!((spool.days(), spool.rows()), (vec![0, 1], 4));
        let mut read = Vec::new();
        let whole = spool.read(1, |row| {
            read.push(row);
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(whole.unwrap(), ControlFlow::Continue(()));
        assert_eq!(read, [rows[0], rows[2], rows[3]]);
        let broken = spool.read(1, |row| ControlFlow::Break(row.series));
        assert_eq!(broken.unwrap(), ControlFlow::Break(0));
        drop(spool);
        assert!(!folder.exists());
    }
}
