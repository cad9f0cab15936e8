//! The octets of a block, both ways. Pure; the format is in `docs/formats/blocks.md`.
//!
//! Whatever it is given, decoding neither panics nor allocates by a length that it has not checked:
//! [`ROWS_MAX`] and [`CELLS_MAX`] bound what a block may hold. A single series is read with
//! [`BlockView`], which decodes the times and one column and skips the rest.

pub(crate) mod column;

use super::dense::Values;
use super::octets::{Octets, Short, put_length, put_varint};
use super::rows::{Block, Cells, Column};
use column::{decode_times, encode_times};
use model::{Timestamp, Value};

const MAGIC: [u8; 4] = *b"FTBK";
const VERSION: u8 = 1;
const CRC_LEN: usize = 4;

/// Rows of a block: a day of one a second.
pub const ROWS_MAX: usize = 1 << 17;

/// Rows times columns of a block that is decoded whole, 8 octets each. Twice what the head of a
/// device may hold, as a column with whole and floating-point numbers is kept in two.
pub const CELLS_MAX: usize = 1 << 25;

/// A block could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It has no row.
    #[error("a block without rows")]
    Empty,
    /// It has more rows or cells than a block may have.
    #[error("a block of {rows} rows and {columns} columns is too large")]
    TooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
}

/// The octets are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They do not begin as a block does.
    #[error("not a block")]
    NotABlock,
    /// They were written by a later version of Foretell.
    #[error("a block of version {version}, which is not known")]
    Version {
        /// The version.
        version: u8,
    },
    /// The checksum does not agree.
    #[error("the checksum does not agree")]
    Checksum,
    /// They end too early.
    #[error(transparent)]
    Short(#[from] Short),
    /// It claims more rows or cells than a block may have.
    #[error("a block of {rows} rows and {columns} columns is too large")]
    TooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// A part does not make sense.
    #[error("{what} is malformed")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
}

/// The block as octets.
pub fn encode(block: &Block) -> Result<Vec<u8>, EncodeError> {
    let (rows, columns) = (block.times().len(), block.cells().len());
    if rows == 0 {
        return Err(EncodeError::Empty);
    }
    let too_large = EncodeError::TooLarge { rows, columns };
    if rows > ROWS_MAX {
        return Err(too_large);
    }
    let (mut body, mut entries, mut before) = (Vec::with_capacity(16 * columns), 0, 0);
    for (column, cells) in block.cells() {
        let Some(values) = Values::of(cells, rows) else {
            continue;
        };
        let mut put = |tag, payload: &[u8]| {
            put_varint(&mut body, u64::from(column.0 - before));
            before = column.0;
            put_section(&mut body, (tag, payload));
            entries += 1;
        };
        if let Some(whole) = values.whole() {
            let mut payload = Vec::new();
            put(column::encode_whole(whole, &mut payload), &payload);
        }
        if let Some(float) = values.float() {
            let mut payload = Vec::new();
            put(column::encode_float(float, &mut payload), &payload);
        }
    }
    if rows.saturating_mul(entries) > CELLS_MAX {
        return Err(too_large);
    }
    let mut bytes = Vec::with_capacity(64 + 3 * rows + body.len());
    bytes.extend(MAGIC);
    bytes.push(VERSION);
    put_length(&mut bytes, rows);
    put_length(&mut bytes, entries);
    let (tag, times) = encode_times(block.times());
    put_section(&mut bytes, (tag, &times));
    bytes.extend(body);
    let crc = crc32c::crc32c(&bytes);
    bytes.extend(crc.to_le_bytes());
    Ok(bytes)
}

fn put_section(bytes: &mut Vec<u8>, (tag, payload): (u8, &[u8])) {
    bytes.push(tag);
    put_length(bytes, payload.len());
    bytes.extend(payload);
}

fn section<'a>(octets: &mut Octets<'a>) -> Result<(u8, &'a [u8]), Short> {
    let tag = octets.u8()?;
    let length = octets.length()?;
    Ok((tag, octets.take(length)?))
}

/// The block that the octets hold.
pub fn decode(bytes: &[u8]) -> Result<Block, DecodeError> {
    let view = BlockView::parse(bytes)?;
    let mut columns: Vec<(Column, Cells)> = Vec::new();
    let rows = view.times.len();
    if rows.saturating_mul(view.entries) > CELLS_MAX {
        return Err(DecodeError::TooLarge {
            rows,
            columns: view.entries,
        });
    }
    view.each(|column, tag, payload| {
        if columns.last().is_none_or(|(last, _)| *last != column) {
            columns.push((column, Cells::default()));
        }
        let (_, cells) = columns
            .last_mut()
            .expect("one was pushed where there was none");
        column::decode(tag, payload, rows, cells)
    })?;
    Ok(Block::from_parts(view.times, columns))
}

/// A block whose checksum, shape and times have been read, and whose columns are read one by one.
#[derive(Clone, Debug)]
pub struct BlockView<'a> {
    times: Vec<i64>,
    entries: usize,
    columns: Octets<'a>,
}

impl<'a> BlockView<'a> {
    /// Checks the octets and reads the times.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (body, crc) = bytes.split_last_chunk::<CRC_LEN>().ok_or(Short)?;
        let mut octets = Octets(body);
        if octets.array()? != MAGIC {
            return Err(DecodeError::NotABlock);
        }
        let version = octets.u8()?;
        if version != VERSION {
            return Err(DecodeError::Version { version });
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(DecodeError::Checksum);
        }
        let (rows, entries) = (octets.length()?, octets.length()?);
        if rows == 0 || rows > ROWS_MAX {
            return Err(DecodeError::TooLarge {
                rows,
                columns: entries,
            });
        }
        let (tag, payload) = section(&mut octets)?;
        let times = decode_times(tag, payload, rows)?;
        Ok(Self {
            times,
            entries,
            columns: octets,
        })
    }

    /// The times of the rows, ascending, in milliseconds since 1970.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Its columns, ascending; one that has both types of number is given twice.
    pub fn columns(&self) -> Result<Vec<Column>, DecodeError> {
        let mut all = Vec::new();
        self.each(|column, _, _| {
            all.push(column);
            Ok(())
        })?;
        Ok(all)
    }

    /// The values of one column in `[from, to)`, ascending in time.
    pub fn points(
        &self,
        wanted: Column,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, Value)>, DecodeError> {
        let mut points = Vec::new();
        self.points_of(&[wanted], from, to, |_, more| points = more)?;
        Ok(points)
    }

    /// The values of several columns in `[from, to)`, the octets gone over once. Hands each column
    /// that is there to `take` by its place in `wanted`, which ascends.
    pub fn points_of(
        &self,
        wanted: &[Column],
        from: Timestamp,
        to: Timestamp,
        mut take: impl FnMut(usize, Vec<(Timestamp, Value)>),
    ) -> Result<(), DecodeError> {
        let first = self.times.partition_point(|at| *at < from.unix_ms());
        let points = |cells: &Cells| {
            let rows = self.times.iter().enumerate().skip(first);
            rows.take_while(|(_, at)| **at < to.unix_ms())
                .filter_map(|(row, at)| Some((Timestamp::from_unix_ms(*at), cells.get(row)?)))
                .collect()
        };
        // A column may be given twice, one after the other.
        let mut open: Option<(usize, Cells)> = None;
        self.each(|column, tag, payload| {
            let Ok(place) = wanted.binary_search(&column) else {
                return Ok(());
            };
            if let Some((before, cells)) = open.take_if(|(before, _)| *before != place) {
                take(before, points(&cells));
            }
            let (_, cells) = open.get_or_insert_with(|| (place, Cells::default()));
            column::decode(tag, payload, self.times.len(), cells)
        })?;
        if let Some((place, cells)) = open {
            take(place, points(&cells));
        }
        Ok(())
    }

    /// Goes over the columns without decoding them.
    fn each(
        &self,
        mut visit: impl FnMut(Column, u8, &'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut octets = self.columns;
        let (mut column, mut seen) = (0u32, 0u8);
        for entry in 0..self.entries {
            let step = u32::try_from(octets.varint()?).map_err(|_| Short)?;
            let next = column.checked_add(step).ok_or(DecodeError::Malformed {
                what: "a column number",
            })?;
            seen = if entry > 0 && step == 0 { seen + 1 } else { 1 };
            if seen > 2 {
                return Err(DecodeError::Malformed {
                    what: "a column given three times",
                });
            }
            column = next;
            let (tag, payload) = section(&mut octets)?;
            visit(Column(column), tag, payload)?;
        }
        if octets.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Malformed {
                what: "what follows the columns",
            })
        }
    }
}

#[cfg(test)]
#[path = "codec/tests.rs"]
mod tests;
