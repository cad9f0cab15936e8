//! The octets of the log, both ways. Pure: never panics, whatever it is given.
//!
//! A segment is a header and frames. [`frames`] reads what lies behind the header: a frame that is
//! damaged is told with its place and the next good one is looked for, so that one flipped bit
//! costs one frame; where no good one follows, the rest was torn off by a crash.

use crate::blocks::octets::{Octets, Short, put_length, put_varint};
use crate::series::{Batch, Column, SERIES_PER_DEVICE_MAX};
use model::{DeviceId, Timestamp, Value};

/// The octets of a segment's header.
pub const HEADER_LEN: usize = 20;
const SEGMENT_MAGIC: [u8; 6] = *b"FTLOG\0";
const VERSION: u16 = 1;

/// Begins each frame, so that the next one is found behind a damaged one.
const FRAME_MAGIC: [u8; 4] = *b"FTfr";
/// Magic, length and checksum.
const FRAME_HEAD_LEN: usize = 12;
/// Octets of a payload: a poll of all the series a device may have, at the most octets each.
pub const PAYLOAD_MAX: usize = 64 + SERIES_PER_DEVICE_MAX * 16;
/// The kind of a payload: the samples of one poll.
const SAMPLES: u8 = 1;

/// What a segment holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A poll.
    Batch(Batch),
    /// Octets that are no frame, with good frames behind them; places count from the first frame.
    Damaged {
        /// Where they begin.
        offset: usize,
        /// How many.
        length: usize,
    },
    /// The rest, which holds no good frame.
    Torn {
        /// Where it begins.
        offset: usize,
        /// How many octets.
        length: usize,
    },
}

/// The header of a segment.
pub fn header(number: u64) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    let body = SEGMENT_MAGIC
        .into_iter()
        .chain(VERSION.to_le_bytes())
        .chain(number.to_le_bytes());
    for (octet, from) in bytes.iter_mut().zip(body) {
        *octet = from;
    }
    if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = crc32c::crc32c(body).to_le_bytes();
    }
    bytes
}

/// The number of the segment that begins so; `None` where it is no header.
pub fn parse_header(bytes: &[u8]) -> Option<u64> {
    let (body, crc) = bytes.get(..HEADER_LEN)?.split_last_chunk::<4>()?;
    let mut octets = Octets(body);
    let known = octets.array() == Ok(SEGMENT_MAGIC) && octets.array() == Ok(VERSION.to_le_bytes());
    (known && crc32c::crc32c(body) == u32::from_le_bytes(*crc))
        .then(|| octets.u64().ok())
        .flatten()
}

/// Appends the frame of a poll. The values ascend by column.
pub fn encode(batch: &Batch, into: &mut Vec<u8>) {
    let begin = into.len();
    into.extend(FRAME_MAGIC);
    into.extend([0; FRAME_HEAD_LEN - FRAME_MAGIC.len()]);
    into.push(SAMPLES);
    into.extend(batch.device_id.as_bytes());
    into.extend(batch.at.unix_ms().to_le_bytes());
    put_length(into, batch.values.len());
    let mut before = 0;
    for (column, value) in &batch.values {
        let step = u64::from(column.0.wrapping_sub(before));
        before = column.0;
        match value {
            Value::U64(value) => {
                put_varint(into, step << 1);
                put_varint(into, *value);
            }
            Value::F64(value) => {
                put_varint(into, step << 1 | 1);
                into.extend(value.to_bits().to_le_bytes());
            }
        }
    }
    let Some((head, payload)) = into
        .get_mut(begin..)
        .and_then(|frame| frame.split_first_chunk_mut::<FRAME_HEAD_LEN>())
    else {
        return;
    };
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let crc = checksum(length, payload).to_le_bytes();
    for (octet, from) in head
        .iter_mut()
        .zip(FRAME_MAGIC.into_iter().chain(length).chain(crc))
    {
        *octet = from;
    }
}

/// The checksum is over the length as well, so that a length that was flipped is noticed.
fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), payload)
}

/// What a scan sees of a segment: the frames, their samples not kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// A poll; places count from the first frame.
    Frame {
        /// Where its frame begins.
        offset: usize,
        /// How many octets the frame has.
        length: usize,
        /// Whose.
        device_id: DeviceId,
        /// When.
        at: Timestamp,
        /// The columns that it has values of, ascending.
        columns: &'a [Column],
    },
    /// As [`Found::Damaged`].
    Damaged {
        /// Where they begin.
        offset: usize,
        /// How many.
        length: usize,
    },
    /// As [`Found::Torn`].
    Torn {
        /// Where it begins.
        offset: usize,
        /// How many octets.
        length: usize,
    },
}

/// Goes over what [`frames`] would answer, without making its batches.
pub fn scan(bytes: &[u8], mut see: impl FnMut(Seen<'_>)) {
    let mut columns: Vec<Column> = Vec::new();
    let mut offset = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        columns.clear();
        if let Some((device_id, at, length)) = prove(rest, |column, _| columns.push(column)) {
            see(Seen::Frame {
                offset,
                length,
                device_id,
                at,
                columns: &columns,
            });
            offset += length;
            continue;
        }
        let begin = offset;
        offset = next_frame(bytes, begin + 1).unwrap_or(bytes.len());
        let length = offset - begin;
        see(if offset < bytes.len() {
            Seen::Damaged {
                offset: begin,
                length,
            }
        } else {
            Seen::Torn {
                offset: begin,
                length,
            }
        });
    }
}

/// Whether octets that are no frame are one that was cut short, as by a crash while it was written: it
/// says that it is longer than what is there. Else something of it is damaged.
pub fn is_cut_short(bytes: &[u8]) -> bool {
    let mut octets = Octets(bytes);
    let Ok(magic) = octets.array::<{ FRAME_MAGIC.len() }>() else {
        return true;
    };
    let Ok(length) = octets.u32() else {
        return magic == FRAME_MAGIC;
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    magic == FRAME_MAGIC
        && length <= PAYLOAD_MAX
        && length > bytes.len().saturating_sub(FRAME_HEAD_LEN)
}

/// What the octets behind a segment's header hold.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = Found> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        if let Some((batch, length)) = decode(rest) {
            offset += length;
            return Some(Found::Batch(batch));
        }
        let begin = offset;
        offset = next_frame(bytes, begin + 1).unwrap_or(bytes.len());
        let length = offset - begin;
        Some(if offset < bytes.len() {
            Found::Damaged {
                offset: begin,
                length,
            }
        } else {
            Found::Torn {
                offset: begin,
                length,
            }
        })
    })
}

/// Where the next good frame begins.
fn next_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let mut place = from;
    loop {
        let rest = bytes.get(place..)?;
        place += rest
            .windows(FRAME_MAGIC.len())
            .position(|window| window == FRAME_MAGIC)?;
        let proved = bytes.get(place..).and_then(|rest| prove(rest, |_, _| ()));
        if proved.is_some() {
            return Some(place);
        }
        place += 1;
    }
}

/// The frame at the front of the octets, and its length.
pub fn decode(bytes: &[u8]) -> Option<(Batch, usize)> {
    let mut values = Vec::new();
    let (device_id, at, length) = prove(bytes, |column, value| values.push((column, value)))?;
    let batch = Batch {
        device_id,
        at,
        values,
    };
    Some((batch, length))
}

/// Whose the frame at the front of the octets is, its time and its length; its values are handed to
/// `take`. Where it does not prove itself there is no answer, and what was taken is to be forgotten.
fn prove(bytes: &[u8], take: impl FnMut(Column, Value)) -> Option<(DeviceId, Timestamp, usize)> {
    let mut octets = Octets(bytes);
    if octets.array().ok()? != FRAME_MAGIC {
        return None;
    }
    let length_octets: [u8; 4] = octets.array().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length_octets)).ok()?;
    let crc = octets.u32().ok()?;
    if length > PAYLOAD_MAX {
        return None;
    }
    let payload = octets.take(length).ok()?;
    if checksum(length_octets, payload) != crc {
        return None;
    }
    let (device_id, at) = samples(payload, take).ok()??;
    Some((device_id, at, FRAME_HEAD_LEN + length))
}

/// Goes over the samples of a payload; `None` where it is of another kind or does not make sense.
fn samples(
    payload: &[u8],
    mut take: impl FnMut(Column, Value),
) -> Result<Option<(DeviceId, Timestamp)>, Short> {
    let mut octets = Octets(payload);
    if octets.u8()? != SAMPLES {
        return Ok(None);
    }
    let device_id = DeviceId::from_bytes(octets.array()?);
    let at = Timestamp::from_unix_ms(octets.i64()?);
    let count = octets.length()?;
    let mut column = 0u32;
    for n in 0..count {
        let step = octets.varint()?;
        let float = step & 1 == 1;
        let Ok(step) = u32::try_from(step >> 1) else {
            return Ok(None);
        };
        column = match column.checked_add(step) {
            Some(next) if n == 0 || step > 0 => next,
            _ => return Ok(None),
        };
        let value = if float {
            Value::F64(f64::from_bits(octets.u64()?))
        } else {
            Value::U64(octets.varint()?)
        };
        if !value.as_f64().is_finite() {
            return Ok(None);
        }
        take(Column(column), value);
    }
    Ok(octets.0.is_empty().then_some((device_id, at)))
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
