//! Rows of a file by their UTC days, on the disk: a file is in the order of whoever wrote it, mostly a
//! series after the other, and samples are written a day after the other.
//!
//! Of a row 25 octets are kept, little-endian: series u32, line u32, milliseconds i64, tag u8 (0 whole, 1
//! floating-point), bits u64. What is here is of one import and goes with it.

use model::{Timestamp, Value};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
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

/// The rows of an import.
pub(super) struct Spool {
    folder: PathBuf,
    /// Rows of each day that are not written yet; an entry for each day there is.
    days: BTreeMap<i64, Vec<u8>>,
    buffered: usize,
    rows: u64,
}

impl Spool {
    /// Begins one in a folder that is not there yet.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        if folder.exists() {
            // Of an import that was broken off.
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            days: BTreeMap::new(),
            buffered: 0,
            rows: 0,
        })
    }

    /// Takes a row; `false` where it is of one day too many.
    pub(super) fn push(&mut self, row: Spooled) -> io::Result<bool> {
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

    /// Writes what is buffered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
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

    /// The rows of a day in the order in which they came, at most `max` at a time.
    pub(super) fn read(
        &self,
        day: i64,
        max: usize,
        mut each: impl FnMut(Vec<Spooled>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path(&self.folder, day))?);
        let mut octets = [0; ROW_LEN];
        let mut rows = Vec::new();
        loop {
            match file.read_exact(&mut octets) {
                Ok(()) => rows.extend(of(&octets)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            if rows.len() >= max {
                each(std::mem::take(&mut rows))?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        each(rows)
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

    #[test]
    fn rows_come_back_by_day_in_their_order_and_the_folder_goes() {
        let folder = tempfile::tempdir().unwrap();
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
        let mut spool = Spool::begin(&folder).unwrap();
        for row in rows {
            assert!(spool.push(row).unwrap());
        }
        spool.flush().unwrap();
        assert_eq!((spool.days(), spool.rows()), (vec![0, 1], 4));
        let mut parts = Vec::new();
        spool
            .read(1, 2, |part| {
                parts.push(part);
                Ok(())
            })
            .unwrap();
        assert_eq!(parts, [vec![rows[0], rows[2]], vec![rows[3]]]);
        drop(spool);
        assert!(!folder.exists());
    }
}
