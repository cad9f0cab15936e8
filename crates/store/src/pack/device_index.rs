//! The last octets of a pack: where each device's part is, how much there is in all, and the header
//! once more. Pure, both ways.

use super::directory::{HEAD_LEN_MAX, PREFIX_LEN};
use super::header::{self, HEADER_LEN};
use super::{PackId, Totals, Unsound};
use crate::blocks::octets::Octets;
use model::DeviceId;

/// Devices of one pack. Shards are far smaller; this bounds the index that is kept in memory to
/// 5 MiB.
pub const DEVICES_MAX: usize = 1 << 17;

/// Octets of one device in the index.
pub(super) const ENTRY_LEN: usize = 40;
const MAGIC: [u8; 8] = *b"FTPKEND\0";
/// Totals, header, length of the index, checksum, magic.
pub(super) const TAIL_LEN: usize = 40 + HEADER_LEN + 8 + 4 + 8;

/// What the index says of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose part it is.
    pub device_id: DeviceId,
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// Octets of its head.
    pub(super) head_len: u32,
    /// Octets of all of it.
    pub(super) len: u32,
    /// Its columns, one that has both types of number counted twice.
    pub entries: u32,
    /// Its rows.
    pub rows: u32,
}

impl Entry {
    /// Where its part ends.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }

    /// Octets of its part in the file.
    pub fn bytes(&self) -> u64 {
        u64::from(self.len)
    }
}

/// The end of a pack, read and checked.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) id: PackId,
    pub(super) header: [u8; HEADER_LEN],
    pub(super) entries: Vec<Entry>,
    pub(super) totals: Totals,
    pub(super) crc: u32,
}

/// The end of a pack, and its checksum.
pub(super) fn write(id: &PackId, entries: &[Entry], totals: &Totals) -> (Vec<u8>, u32) {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_LEN + TAIL_LEN);
    for entry in entries {
        bytes.extend(entry.device_id.as_bytes());
        bytes.extend(entry.offset.to_le_bytes());
        for number in [entry.head_len, entry.len, entry.entries, entry.rows] {
            bytes.extend(number.to_le_bytes());
        }
    }
    let length = bytes.len() as u64;
    put_totals(&mut bytes, totals);
    bytes.extend(header::write(id));
    bytes.extend(length.to_le_bytes());
    let crc = crc32c::crc32c(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(MAGIC);
    (bytes, crc)
}

/// Appends totals, as the end of a pack and the manifest write them.
pub(super) fn put_totals(bytes: &mut Vec<u8>, totals: &Totals) {
    for number in [totals.devices, totals.series, totals.samples] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(totals.first_ms.to_le_bytes());
    bytes.extend(totals.last_ms.to_le_bytes());
}

/// Reads totals.
pub(super) fn totals(octets: &mut Octets) -> Result<Totals, Unsound> {
    Ok(Totals {
        devices: octets.u64()?,
        series: octets.u64()?,
        samples: octets.u64()?,
        first_ms: octets.i64()?,
        last_ms: octets.i64()?,
    })
}

/// How long the index is, of the last octets of a file of `file_len` octets; checked against both.
pub(super) fn index_len(tail: &[u8; TAIL_LEN], file_len: u64) -> Result<usize, Unsound> {
    let what = "the end of a pack";
    let mut octets = Octets(tail);
    octets.take(TAIL_LEN - 20)?;
    let length = octets.u64()?;
    octets.u32()?;
    if octets.array()? != MAGIC {
        return Err(Unsound::NotAPack);
    }
    let room = file_len.saturating_sub((HEADER_LEN + TAIL_LEN) as u64);
    let length = usize::try_from(length).map_err(|_| Unsound::Malformed { what })?;
    let fits = length as u64 <= room && length <= DEVICES_MAX * ENTRY_LEN;
    if fits && length.is_multiple_of(ENTRY_LEN) {
        Ok(length)
    } else {
        Err(Unsound::Malformed { what })
    }
}

/// Reads the index and what is behind it: the last octets of a file of `file_len` octets.
pub(super) fn parse(bytes: &[u8], file_len: u64) -> Result<Footer, Unsound> {
    let what = "the index of devices";
    let malformed = || Unsound::Malformed { what };
    let (index, tail) = bytes.split_last_chunk::<TAIL_LEN>().ok_or_else(malformed)?;
    if index.len() != index_len(tail, file_len)? {
        return Err(malformed());
    }
    let (covered, behind) = bytes.split_last_chunk::<12>().ok_or_else(malformed)?;
    let crc = Octets(behind).u32()?;
    if crc32c::crc32c(covered) != crc {
        return Err(Unsound::Checksum { what });
    }
    let mut octets = Octets(index);
    let mut entries = Vec::with_capacity(index.len() / ENTRY_LEN);
    let mut place = HEADER_LEN as u64;
    let mut before: Option<DeviceId> = None;
    while !octets.0.is_empty() {
        let entry = Entry {
            device_id: DeviceId::from_bytes(octets.array()?),
            offset: octets.u64()?,
            head_len: octets.u32()?,
            len: octets.u32()?,
            entries: octets.u32()?,
            rows: octets.u32()?,
        };
        let ascends = before.is_none_or(|before| before < entry.device_id);
        if !ascends || entry.offset != place || !lengths_make_sense(entry.head_len, entry.len) {
            return Err(malformed());
        }
        before = Some(entry.device_id);
        place = entry.end();
        entries.push(entry);
    }
    if place != file_len.saturating_sub(bytes.len() as u64) {
        return Err(malformed());
    }
    let mut octets = Octets(tail);
    let totals = totals(&mut octets)?;
    let header = octets.array()?;
    Ok(Footer {
        id: header::parse(&header)?,
        header,
        entries,
        totals,
        crc,
    })
}

/// Whether a part may have a head and a whole of these lengths.
pub(super) fn lengths_make_sense(head_len: u32, len: u32) -> bool {
    let head = usize::try_from(head_len).unwrap_or(usize::MAX);
    head_len <= len && head > PREFIX_LEN && head <= HEAD_LEN_MAX
}
