//! What a pack holds of one device, as octets: a head with the times and the directory of its
//! columns, and the sections behind it. Pure, both ways.

use super::device_index::Entry;
use super::{PackError, Unsound};
use crate::blocks::codec::column::{
    Entry as Numbers, count, decode_entry, decode_times, encode_float, encode_times, encode_whole,
    is_sparse,
};
use crate::blocks::codec::{DecodeError, ROWS_MAX};
use crate::blocks::octets::{Octets, put_length, put_varint};
use crate::blocks::{Column, DenseError, Values};
use model::DeviceId;
use std::ops::Range;

/// Columns of a device in one pack, one with both types of number counted twice. Four times what a
/// device may have at once, as columns are not used again.
pub const ENTRIES_MAX: usize = 1 << 16;

/// Octets of a head: that many columns, each with its payload beside it, and the times at their
/// longest. Bounds what reading a head takes.
pub(super) const HEAD_LEN_MAX: usize = 4 << 20;

/// Octets of a device's part in the making. A device with all the series it may have, polled a day
/// long each five seconds, has some 600 MB.
const PART_LEN_MAX: usize = 1 << 30;

/// A payload so short stands in the directory itself: a checksum and a read of its own would cost
/// more than it. All constants are such.
const BESIDE_MAX: usize = 16;

/// Device, length of the head, length of the part.
pub(super) const PREFIX_LEN: usize = 24;
const CRC_LEN: usize = 4;

/// A device's part in the making.
pub(super) struct Part {
    device_id: DeviceId,
    range_ms: (i64, i64),
    rows: usize,
    times: (u8, Vec<u8>),
    entries: usize,
    directory: Vec<u8>,
    sections: Vec<u8>,
    last: Option<Column>,
    samples: u64,
}

impl Part {
    /// The caller has checked the times. `None` where there is none.
    pub(super) fn new(device_id: DeviceId, times: &[i64]) -> Option<Self> {
        Some(Self {
            device_id,
            range_ms: (*times.first()?, *times.last()?),
            rows: times.len(),
            times: encode_times(times),
            entries: 0,
            directory: Vec::new(),
            sections: Vec::new(),
            last: None,
            samples: 0,
        })
    }

    /// The times of its first row and its last.
    pub(super) fn range_ms(&self) -> (i64, i64) {
        self.range_ms
    }

    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Adds a column, which comes after those there are. One that is refused is left out.
    pub(super) fn push(&mut self, column: Column, values: &Values) -> Result<(), PackError> {
        let device_id = self.device_id;
        let refused = |source| PackError::Samples { device_id, source };
        if self.last.is_some_and(|last| last >= column) {
            let column = column.0;
            return Err(refused(DenseError::Order { column }));
        }
        values.check(column, self.rows).map_err(refused)?;
        if self.entries + 2 > ENTRIES_MAX {
            return Err(PackError::TooLarge {
                what: "columns of a device",
                max: ENTRIES_MAX,
            });
        }
        if self.sections.len() > PART_LEN_MAX {
            return Err(PackError::TooLarge {
                what: "octets of a device",
                max: PART_LEN_MAX,
            });
        }
        let before = self.last.map_or(0, |last| last.0);
        let mut step = column.0 - before;
        if let Some(whole) = values.whole() {
            let begin = self.sections.len();
            let tag = encode_whole(whole, &mut self.sections);
            self.entry(std::mem::take(&mut step), tag, begin);
        }
        if let Some(float) = values.float() {
            let begin = self.sections.len();
            let tag = encode_float(float, &mut self.sections);
            self.entry(step, tag, begin);
        }
        self.last = Some(column);
        self.samples += values.len() as u64;
        Ok(())
    }

    /// Enters the payload that was written behind `begin`.
    fn entry(&mut self, step: u32, tag: u8, begin: usize) {
        let payload = self.sections.get(begin..).unwrap_or_default();
        put_varint(&mut self.directory, u64::from(step));
        self.directory.push(tag);
        put_length(&mut self.directory, payload.len());
        if payload.len() <= BESIDE_MAX {
            self.directory.extend(payload);
            self.sections.truncate(begin);
        } else {
            let crc = crc32c::crc32c(payload);
            self.sections.extend(crc.to_le_bytes());
        }
        self.entries += 1;
    }

    /// The part, behind what `into` holds, and what the device index says of it but for its place.
    pub(super) fn finish(self, into: &mut Vec<u8>) -> Result<Entry, PackError> {
        let begin = into.len();
        into.extend(self.device_id.as_bytes());
        into.extend([0; PREFIX_LEN - 16]);
        put_length(into, self.rows);
        put_length(into, self.entries);
        let (tag, times) = &self.times;
        into.push(*tag);
        put_length(into, times.len());
        into.extend(times);
        into.extend(&self.directory);
        let head_len = into.len() - begin + CRC_LEN;
        if head_len > HEAD_LEN_MAX {
            return Err(PackError::TooLarge {
                what: "octets of a device's directory",
                max: HEAD_LEN_MAX,
            });
        }
        let fits = |length: usize| {
            u32::try_from(length).map_err(|_| PackError::TooLarge {
                what: "octets of a device",
                max: PART_LEN_MAX,
            })
        };
        let entry = Entry {
            device_id: self.device_id,
            offset: 0,
            head_len: fits(head_len)?,
            len: fits(head_len + self.sections.len())?,
            entries: fits(self.entries)?,
            rows: fits(self.rows)?,
        };
        let lengths = entry.head_len.to_le_bytes().into_iter();
        let lengths = lengths.chain(entry.len.to_le_bytes());
        for (octet, from) in into.iter_mut().skip(begin + 16).zip(lengths) {
            *octet = from;
        }
        let crc = crc32c::crc32c(into.get(begin..).unwrap_or_default());
        into.extend(crc.to_le_bytes());
        into.extend(self.sections);
        Ok(entry)
    }
}

/// Octets that a device's part has with so many rows, whose times take so many octets, and these
/// entries: each column with the octets of its payload, as [`Part`] writes them.
pub(super) fn part_len(rows: usize, times_len: usize, entries: &[(Column, usize)]) -> u64 {
    let mut len = PREFIX_LEN + CRC_LEN + 1 + times_len;
    for number in [rows, entries.len(), times_len] {
        len += varint_len(number as u64);
    }
    let mut before = 0;
    for (column, payload) in entries {
        let step = column.0.saturating_sub(before);
        before = column.0;
        len += varint_len(u64::from(step)) + 1 + varint_len(*payload as u64) + payload;
        if *payload > BESIDE_MAX {
            len += CRC_LEN;
        }
    }
    len as u64
}

fn varint_len(number: u64) -> usize {
    let bits = u64::BITS - number.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

/// The head of a device's part, read and checked: its times and where its columns are, or those of
/// them that are wanted.
#[derive(Clone, Debug)]
pub struct Head {
    bytes: Vec<u8>,
    times: Vec<i64>,
    /// How many entries its directory has.
    entries: usize,
    slots: Vec<Slot>,
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) column: Column,
    tag: u8,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// In the head.
    Beside(Range<usize>),
    /// In a section of its own: octets of the file, without the checksum behind them.
    Section(Range<u64>),
}

/// What the first octets of a part say: whose it is, how long its head is and the whole of it.
pub(super) fn prefix(bytes: &[u8]) -> Result<(DeviceId, u32, u32), Unsound> {
    let mut octets = Octets(bytes);
    let device_id = DeviceId::from_bytes(octets.array()?);
    Ok((device_id, octets.u32()?, octets.u32()?))
}

impl Head {
    /// Reads the head of the part that begins at `offset` of the file; the octets are all of it. Of
    /// `wanted` columns alone, which ascend, where it is not all that are wanted.
    pub(super) fn parse(
        bytes: Vec<u8>,
        offset: u64,
        wanted: Option<&[Column]>,
    ) -> Result<Self, Unsound> {
        let what = "the directory of a device";
        let (body, crc) = bytes
            .split_last_chunk::<CRC_LEN>()
            .ok_or(Unsound::Malformed { what })?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(Unsound::Checksum { what });
        }
        let (_, head_len, len) = prefix(body)?;
        let mut octets = Octets(body);
        octets.take(PREFIX_LEN)?;
        let (rows, entries) = (octets.length()?, octets.length()?);
        // An entry has three octets at least.
        if rows == 0 || rows > ROWS_MAX || entries > ENTRIES_MAX.min(octets.0.len() / 3) {
            let columns = entries;
            return Err(DecodeError::TooLarge { rows, columns }.into());
        }
        let (tag, length) = (octets.u8()?, octets.length()?);
        let times = decode_times(tag, octets.take(length)?, rows)?;
        let end = offset.saturating_add(u64::from(len));
        let begin = offset.saturating_add(u64::from(head_len));
        let (slots, sections_end) = slots(body, octets, entries, begin, wanted)?;
        if sections_end != end || usize::try_from(head_len) != Ok(bytes.len()) {
            return Err(Unsound::Malformed {
                what: "the length of a device's part",
            });
        }
        Ok(Self {
            bytes,
            times,
            entries,
            slots,
        })
    }

    /// The times of the rows, ascending, in milliseconds since 1970.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// How many entries its directory has, wanted or not.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// The columns, ascending.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        let mut before = None;
        let columns = self.slots.iter().map(|slot| slot.column);
        columns.filter(move |column| before.replace(*column) != Some(*column))
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The entries of a column: one, or two where it has both types of number; none where it is
    /// not there.
    pub(super) fn slots_of(&self, column: Column) -> Range<usize> {
        let first = self.slots.partition_point(|slot| slot.column < column);
        let behind = self.slots.get(first..).unwrap_or_default();
        let count = behind.iter().take_while(|slot| slot.column == column);
        first..first + count.count()
    }

    /// The payload of an entry that stands in the head.
    pub(super) fn beside(&self, slot: &Slot) -> Option<&[u8]> {
        match &slot.place {
            Place::Beside(range) => self.bytes.get(range.clone()),
            Place::Section(_) => None,
        }
    }

    /// How many numbers an entry has; `payload` is asked for where that says so.
    pub(super) fn count<E: From<Unsound>>(
        &self,
        slot: &Slot,
        payload: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<usize, E> {
        let rows = self.times.len();
        if !is_sparse(slot.tag) {
            return Ok(rows);
        }
        let counted = match self.beside(slot) {
            Some(payload) => count(slot.tag, payload, rows),
            None => count(slot.tag, &payload()?, rows),
        };
        counted.map_err(|short| Unsound::from(short).into())
    }

    /// The numbers of an entry, of its payload.
    pub(super) fn decode(&self, slot: &Slot, payload: &[u8]) -> Result<Numbers, Unsound> {
        Ok(decode_entry(slot.tag, payload, self.times.len())?)
    }
}

impl Slot {
    /// Octets of its payload.
    pub(super) fn payload_len(&self) -> usize {
        match &self.place {
            Place::Beside(range) => range.len(),
            // A section is no longer than a device's part, whose length fits four octets.
            Place::Section(range) => {
                usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
            }
        }
    }

    /// Where its section is in the file, with the checksum at its end; `None` where the payload
    /// stands in the head.
    pub(super) fn section(&self) -> Option<Range<u64>> {
        match &self.place {
            Place::Beside(_) => None,
            Place::Section(range) => Some(range.start..range.end + CRC_LEN as u64),
        }
    }
}

/// The payload of a section that is read with its checksum.
pub(super) fn proven(section: &[u8]) -> Result<&[u8], Unsound> {
    let what = "the section of a column";
    let (payload, crc) = section
        .split_last_chunk::<CRC_LEN>()
        .ok_or(Unsound::Malformed { what })?;
    if crc32c::crc32c(payload) == u32::from_le_bytes(*crc) {
        Ok(payload)
    } else {
        Err(Unsound::Checksum { what })
    }
}

/// The entries of a directory, of wanted columns, and where the sections of all end in the file if
/// they begin at `begin`.
fn slots(
    body: &[u8],
    mut octets: Octets,
    entries: usize,
    begin: u64,
    wanted: Option<&[Column]>,
) -> Result<(Vec<Slot>, u64), Unsound> {
    let what = "the directory of a device";
    // A column has two entries at most.
    let most = wanted.map_or(entries, |wanted| entries.min(2 * wanted.len()));
    let mut slots = Vec::with_capacity(most);
    let mut ahead = wanted.unwrap_or_default();
    let (mut column, mut seen, mut place) = (0u32, 0u8, begin);
    for n in 0..entries {
        let step = u32::try_from(octets.varint()?).map_err(|_| Unsound::Malformed { what })?;
        seen = if n > 0 && step == 0 { seen + 1 } else { 1 };
        column = match column.checked_add(step) {
            Some(column) if seen <= 2 => column,
            _ => return Err(Unsound::Malformed { what }),
        };
        let (tag, length) = (octets.u8()?, octets.length()?);
        let here = if length <= BESIDE_MAX {
            let at = body.len() - octets.0.len();
            octets.take(length)?;
            Place::Beside(at..at + length)
        } else {
            let end = place.checked_add(length as u64);
            let end = end.ok_or(Unsound::Malformed { what })?;
            let section = place..end;
            place = end.saturating_add(CRC_LEN as u64);
            Place::Section(section)
        };
        if wanted.is_some() {
            while let [first, rest @ ..] = ahead
                && first.0 < column
            {
                ahead = rest;
            }
            if ahead.first() != Some(&Column(column)) {
                continue;
            }
        }
        slots.push(Slot {
            column: Column(column),
            tag,
            place: here,
        });
    }
    if octets.0.is_empty() {
        Ok((slots, place))
    } else {
        Err(Unsound::Malformed { what })
    }
}
