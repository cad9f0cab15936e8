//! Reading a pack: its ends once, then of a device the head, and of a head the columns that are
//! wanted.

use super::device_index::{
    self, DEVICES_MAX, ENTRY_LEN, Entry, Footer, TAIL_LEN, lengths_make_sense,
};
use super::directory::{self, Head, PREFIX_LEN, Slot};
use super::header::{self, HEADER_LEN};
use super::source::Source;
use super::{Damage, PackError, PackId, PackMeta, Totals, Unsound, failed, unsound};
use crate::blocks::codec::CELLS_MAX;
use crate::blocks::codec::column::Entry as Numbers;
use crate::blocks::{Column, ColumnSlice, Dense, Values};
use model::{DeviceId, Timestamp};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Octets that are read at once: many small columns in one call, and a bound on what it takes.
const READ_BYTES: u64 = 256 << 10;

/// Octets between two wanted sections that are rather read than skipped: a call costs as much.
const GAP_BYTES: u64 = 8 << 10;

/// A pack that is read. Its index of devices is in memory, 40 octets each; all else is read when it
/// is asked for, by any number of readers at once.
#[derive(Debug)]
pub struct Pack {
    source: Source,
    path: PathBuf,
    meta: PackMeta,
    entries: Vec<Entry>,
    /// Its ends are sound, so that it tells all that is in it.
    is_whole: bool,
}

impl Pack {
    /// Opens a pack whose ends are sound.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let file = File::open(path).map_err(failed("opening", path))?;
        Self::from_source(Source::File(file), path)
    }

    pub(super) fn from_source(source: Source, path: &Path) -> Result<Self, PackError> {
        let length = source.length().map_err(failed("reading", path))?;
        let header = read_header(&source, path, length)?;
        let id = header::parse(&header).map_err(unsound(path, None))?;
        let footer = read_footer(&source, path, length)?;
        if footer.header != header {
            let what = "the header, or its copy at the end,";
            return Err(unsound(path, None)(Unsound::Malformed { what }));
        }
        Ok(Self::new(source, path, id, length, footer))
    }

    fn new(source: Source, path: &Path, id: PackId, bytes: u64, footer: Footer) -> Self {
        Self {
            source,
            path: path.to_owned(),
            meta: PackMeta {
                id,
                bytes,
                totals: footer.totals,
                crc: footer.crc,
            },
            entries: footer.entries,
            is_whole: true,
        }
    }

    /// Whether its ends are sound. Of one that was saved, devices may be missing.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Which pack, and how much is in it.
    pub fn meta(&self) -> &PackMeta {
        &self.meta
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The devices in it, ascending.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it has of a device.
    pub fn find(&self, device_id: DeviceId) -> Option<Entry> {
        let found = self
            .entries
            .binary_search_by_key(&device_id, |entry| entry.device_id);
        self.entries.get(found.ok()?).copied()
    }

    /// The times and the columns that it has of a device.
    pub fn head(&self, entry: &Entry) -> Result<Head, PackError> {
        self.head_with(entry, None)
    }

    /// As [`head`](Self::head), of some columns alone, which ascend: as if the device had no others.
    pub fn head_of(&self, entry: &Entry, wanted: &[Column]) -> Result<Head, PackError> {
        self.head_with(entry, Some(wanted))
    }

    fn head_with(&self, entry: &Entry, wanted: Option<&[Column]>) -> Result<Head, PackError> {
        let mut bytes = Vec::new();
        let length = usize::try_from(entry.head_len).unwrap_or(usize::MAX);
        let read = self.source.read(entry.offset, length, &mut bytes);
        read.map_err(failed("reading", &self.path))?;
        let known = (entry.device_id, entry.head_len, entry.len);
        let head = directory::prefix(&bytes).and_then(|prefix| {
            let head = Head::parse(bytes, entry.offset, wanted)?;
            let counts = (head.times().len() as u64, head.entries() as u64);
            let expected = (u64::from(entry.rows), u64::from(entry.entries));
            if prefix == known && counts == expected {
                Ok(head)
            } else {
                Err(Unsound::Malformed {
                    what: "the head of another device, or the index",
                })
            }
        });
        head.map_err(unsound(&self.path, Some(entry.device_id)))
    }

    /// Reads columns of a device in `[from, to)`. `wanted` ascends; each column that is there is
    /// handed to `take` with its place in `wanted`, ascending. Answers the columns that are damaged
    /// or could not be read, which are left out.
    pub fn read(
        &self,
        entry: &Entry,
        wanted: &[Column],
        from: Timestamp,
        to: Timestamp,
        take: impl FnMut(usize, ColumnSlice<'_>),
    ) -> Result<Vec<Damage>, PackError> {
        let head = self.head_of(entry, wanted)?;
        Ok(self.read_with(&head, entry, wanted, from, to, take))
    }

    /// As [`read`](Self::read), with the head of the device, which need then not be read each time.
    pub fn read_with(
        &self,
        head: &Head,
        entry: &Entry,
        wanted: &[Column],
        from: Timestamp,
        to: Timestamp,
        mut take: impl FnMut(usize, ColumnSlice<'_>),
    ) -> Vec<Damage> {
        let times = head.times();
        let first = times.partition_point(|at| *at < from.unix_ms());
        let end = times.partition_point(|at| *at < to.unix_ms());
        if first >= end {
            return Vec::new();
        }
        let picked = wanted.iter().enumerate();
        let picked = picked.map(|(place, column)| (place, *column, head.slots_of(*column)));
        let picked = picked.filter(|(_, _, slots)| !slots.is_empty());
        let picked: Vec<_> = picked.collect();
        self.columns(entry, head, &picked, |place, _, values| {
            take(place, ColumnSlice::new(times, &values, first, end));
        })
    }

    /// Reads all of a device, but for what is damaged.
    pub fn dense(&self, entry: &Entry) -> Result<(Dense, Vec<Damage>), PackError> {
        let head = self.head(entry)?;
        if head.times().len().saturating_mul(head.slots().len()) > CELLS_MAX {
            return Err(PackError::TooLarge {
                what: "values of a device at once",
                max: CELLS_MAX,
            });
        }
        let refused = |source| PackError::Samples {
            device_id: entry.device_id,
            source,
        };
        let mut dense = Dense::new(head.times().to_vec()).map_err(refused)?;
        let columns = head.columns().enumerate();
        let picked = columns.map(|(place, column)| (place, column, head.slots_of(column)));
        let picked: Vec<_> = picked.collect();
        let mut refusals = Vec::new();
        let mut damage = self.columns(entry, &head, &picked, |_, column, values| {
            if let Err(error) = dense.push(column, values) {
                refusals.push(self.damage(entry, column, error.to_string()));
            }
        });
        damage.extend(refusals);
        Ok((dense, damage))
    }

    /// Reads the columns that are picked, with the entries of each, and visits those that are sound.
    fn columns(
        &self,
        entry: &Entry,
        head: &Head,
        picked: &[(usize, Column, Range<usize>)],
        mut visit: impl FnMut(usize, Column, Values),
    ) -> Vec<Damage> {
        let mut damage = Vec::new();
        let slots = picked.iter().flat_map(|(_, _, slots)| slots.clone());
        let slots: Vec<&Slot> = slots.filter_map(|n| head.slots().get(n)).collect();
        let mut window = Window::default();
        let mut done = 0;
        for (place, column, entries) in picked {
            let mut values = Ok((None, None));
            for _ in entries.clone() {
                let ahead = slots.get(done..).unwrap_or_default();
                done += 1;
                let numbers = self.numbers(head, ahead, &mut window);
                values = values.and_then(|(whole, float)| match numbers? {
                    Numbers::Whole(run) if whole.is_none() => Ok((Some(run), float)),
                    Numbers::Float(run) if float.is_none() => Ok((whole, Some(run))),
                    _ => Err("the column is given twice".to_owned()),
                });
            }
            let values = values.and_then(|(whole, float)| {
                let (whole, float) = (whole.unwrap_or_default(), float.unwrap_or_default());
                let values = Values::new(whole, float).ok_or("the column has no value")?;
                let checked = values.check(*column, head.times().len());
                checked.map_err(|error| error.to_string())?;
                Ok::<_, String>(values)
            });
            match values {
                Ok(values) => visit(*place, *column, values),
                Err(what) => damage.push(self.damage(entry, *column, what)),
            }
        }
        damage
    }

    /// The numbers of the first of the entries that are to be read.
    fn numbers(
        &self,
        head: &Head,
        ahead: &[&Slot],
        window: &mut Window,
    ) -> Result<Numbers, String> {
        let Some(slot) = ahead.first() else {
            return Err("the entry is not there".to_owned());
        };
        if let Some(payload) = head.beside(slot) {
            let numbers = head.decode(slot, payload);
            return numbers.map_err(|error| error.to_string());
        }
        let section = self.section(ahead, window);
        let section = section.map_err(|error| format!("its section could not be read: {error}"))?;
        let numbers = directory::proven(section).and_then(|payload| head.decode(slot, payload));
        numbers.map_err(|error| error.to_string())
    }

    /// The section of the first of the entries, with its checksum; what lies close behind it and is
    /// wanted too is read in the same call.
    pub(super) fn section<'w>(
        &self,
        ahead: &[&Slot],
        window: &'w mut Window,
    ) -> io::Result<&'w [u8]> {
        let mut sections = ahead.iter().filter_map(|slot| slot.section());
        let wanted = sections.next().ok_or(io::ErrorKind::InvalidInput)?;
        if !window.holds(&wanted) {
            let mut reach = wanted.clone();
            for next in sections {
                let near = reach.end..=reach.end.saturating_add(GAP_BYTES);
                if !near.contains(&next.start) || next.end - reach.start > READ_BYTES {
                    break;
                }
                reach.end = next.end;
            }
            if self.fill(window, reach).is_err() {
                // Perhaps only one of the sections cannot be read.
                self.fill(window, wanted.clone())?;
            }
        }
        window.get(&wanted)
    }

    fn fill(&self, window: &mut Window, range: Range<u64>) -> io::Result<()> {
        let length = range.end.saturating_sub(range.start);
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        window.start = range.start;
        let read = self.source.read(range.start, length, &mut window.octets);
        if read.is_err() {
            window.octets.clear();
        }
        read
    }

    pub(super) fn damage(&self, entry: &Entry, column: Column, what: String) -> Damage {
        Damage {
            path: self.path.clone(),
            device_id: Some(entry.device_id),
            column: Some(column),
            what,
        }
    }
}

/// Octets of a pack that were read and are looked at piece by piece.
#[derive(Default)]
pub(super) struct Window {
    start: u64,
    octets: Vec<u8>,
}

impl Window {
    fn holds(&self, range: &Range<u64>) -> bool {
        range.start >= self.start && range.end <= self.start + self.octets.len() as u64
    }

    fn get(&self, range: &Range<u64>) -> io::Result<&[u8]> {
        let place = |at: u64| usize::try_from(at.checked_sub(self.start)?).ok();
        let (begin, end) = (place(range.start), place(range.end));
        let found = begin
            .zip(end)
            .and_then(|(begin, end)| self.octets.get(begin..end));
        found.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Opens a pack whose ends may be damaged: each says what the other does, and what the device index
/// says can be had from the devices' own heads. `known` is which pack it ought to be, where that is
/// known. Answers what is wrong besides.
pub(super) fn salvage(
    source: Source,
    path: &Path,
    known: Option<PackId>,
) -> Result<(Pack, Vec<Damage>), PackError> {
    let length = source.length().map_err(failed("reading", path))?;
    let mut damage = Vec::new();
    let mut note = |what: String| damage.push(Damage::of_file(path, what));
    let header = read_header(&source, path, length).and_then(|header| {
        let id = header::parse(&header).map_err(unsound(path, None))?;
        Ok((header, id))
    });
    let (id, footer) = match (header, read_footer(&source, path, length)) {
        (Ok((header, _)), Ok(footer)) => {
            if header != footer.header {
                note("its header is not the one at its end".to_owned());
            }
            (footer.id, Some(footer))
        }
        (Ok((_, id)), Err(error)) => {
            note(format!("its end is not used: {}", reason(&error)));
            (id, None)
        }
        (Err(error), Ok(footer)) => {
            note(format!("its header is not used: {}", reason(&error)));
            (footer.id, Some(footer))
        }
        (Err(header), Err(footer)) => {
            let known = known.filter(|_| !is_later(&header));
            let Some(id) = known else {
                return Err(header);
            };
            for (end, error) in [("header", header), ("end", footer)] {
                note(format!("its {end} is not used: {}", reason(&error)));
            }
            (id, None)
        }
    };
    let footer = footer.unwrap_or_else(|| {
        let (found, missed) = scan(&source, id, length);
        missed.into_iter().for_each(&mut note);
        found
    });
    let mut pack = Pack::new(source, path, id, length, footer);
    pack.is_whole = false;
    Ok((pack, damage))
}

/// Whether a later version of Foretell wrote the file.
pub(super) fn is_later(error: &PackError) -> bool {
    let PackError::Unsound { source, .. } = error else {
        return false;
    };
    matches!(source, Unsound::Version { .. } | Unsound::Unknown { .. })
}

/// What is wrong, without the name of the file.
pub(super) fn reason(error: &PackError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn read_header(source: &Source, path: &Path, length: u64) -> Result<[u8; HEADER_LEN], PackError> {
    let short = || unsound(path, None)(Unsound::NotAPack);
    if length < HEADER_LEN as u64 {
        return Err(short());
    }
    let mut bytes = Vec::new();
    let read = source.read(0, HEADER_LEN, &mut bytes);
    read.map_err(failed("reading", path))?;
    bytes.try_into().map_err(|_| short())
}

fn read_footer(source: &Source, path: &Path, length: u64) -> Result<Footer, PackError> {
    let short = || unsound(path, None)(Unsound::NotAPack);
    let last = |octets: usize| length.checked_sub(octets as u64).ok_or_else(short);
    let mut bytes = Vec::new();
    let read = source.read(last(TAIL_LEN)?, TAIL_LEN, &mut bytes);
    read.map_err(failed("reading", path))?;
    let tail: &[u8; TAIL_LEN] = bytes.as_slice().try_into().map_err(|_| short())?;
    let index_len = device_index::index_len(tail, length).map_err(unsound(path, None))?;
    let footer_len = index_len + TAIL_LEN;
    let read = source.read(last(footer_len)?, footer_len, &mut bytes);
    read.map_err(failed("reading", path))?;
    device_index::parse(&bytes, length).map_err(unsound(path, None))
}

/// Makes the index of devices of what the parts say of themselves, one after the other, up to the
/// first that is not sound; and says what that leaves out.
fn scan(source: &Source, id: PackId, length: u64) -> (Footer, Option<String>) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut totals = Totals::default();
    let mut place = HEADER_LEN as u64;
    while entries.len() < DEVICES_MAX {
        let before = entries.last().map(|entry| entry.device_id);
        let Some((entry, head)) = part_at(source, place, length, before) else {
            break;
        };
        place = entry.end();
        if let (Some(first), Some(last)) = (head.times().first(), head.times().last()) {
            if totals.devices == 0 {
                (totals.first_ms, totals.last_ms) = (*first, *last);
            }
            totals.first_ms = totals.first_ms.min(*first);
            totals.last_ms = totals.last_ms.max(*last);
        }
        totals.devices += 1;
        totals.series += u64::from(entry.entries);
        entries.push(entry);
    }
    let rest = length.saturating_sub(place);
    let missed = (rest != (entries.len() * ENTRY_LEN + TAIL_LEN) as u64).then(|| {
        let devices = entries.len();
        format!("{rest} octets behind the parts of {devices} devices are not used")
    });
    let footer = Footer {
        id,
        header: header::write(&id),
        entries,
        totals,
        crc: 0,
    };
    (footer, missed)
}

/// The part that begins at a place of the file, if one does whose device comes after `before`.
fn part_at(
    source: &Source,
    place: u64,
    length: u64,
    before: Option<DeviceId>,
) -> Option<(Entry, Head)> {
    let room = length.checked_sub(place)?;
    let mut bytes = Vec::new();
    if room < PREFIX_LEN as u64 || source.read(place, PREFIX_LEN, &mut bytes).is_err() {
        return None;
    }
    let (device_id, head_len, len) = directory::prefix(&bytes).ok()?;
    let ascends = before.is_none_or(|before| before < device_id);
    let fits = lengths_make_sense(head_len, len) && u64::from(len) <= room;
    let head_octets = usize::try_from(head_len).ok().filter(|_| ascends && fits)?;
    source.read(place, head_octets, &mut bytes).ok()?;
    let head = Head::parse(bytes, place, None).ok()?;
    let entry = Entry {
        device_id,
        offset: place,
        head_len,
        len,
        entries: u32::try_from(head.slots().len()).ok()?,
        rows: u32::try_from(head.times().len()).ok()?,
    };
    Some((entry, head))
}
