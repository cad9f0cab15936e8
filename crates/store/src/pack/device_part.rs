//! What a pack holds of one device, weighed entry by entry: what would be left of it without some of
//! its columns, known before anything is written.

use super::device_index::{ENTRY_LEN, Entry};
use super::directory::{self, part_len};
use super::reader::Window;
use super::{Pack, PackError, failed};
use crate::blocks::Column;
use crate::blocks::codec::column::encode_times;
use model::DeviceId;
use std::io;

/// What a pack holds of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePart {
    /// Whose.
    pub device_id: DeviceId,
    /// Octets of the file that go with all of it, those of the index of devices too.
    pub bytes: u64,
    /// Its rows.
    pub rows: usize,
    /// Octets that their times take.
    pub times_bytes: usize,
    /// Its columns, ascending; one that has both types of number is there twice.
    pub entries: Vec<EntryPart>,
}

/// One entry of a device's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPart {
    /// Of which column.
    pub column: Column,
    /// Octets of its payload.
    pub bytes: usize,
    /// Its samples.
    pub samples: u64,
}

impl DevicePart {
    /// Octets that it takes where only these columns are kept, with the rows that there are.
    pub fn bytes_with(&self, mut keep: impl FnMut(Column) -> bool) -> u64 {
        let kept = self.entries.iter().filter(|entry| keep(entry.column));
        let kept: Vec<_> = kept.map(|entry| (entry.column, entry.bytes)).collect();
        if kept.is_empty() {
            return 0;
        }
        part_len(self.rows, self.times_bytes, &kept) + ENTRY_LEN as u64
    }

    /// All its samples.
    pub fn samples(&self) -> u64 {
        self.entries.iter().map(|entry| entry.samples).sum()
    }
}

impl Pack {
    /// Weighs what it holds of a device. Reads its head, and of columns that lack rows the sections.
    /// One whose section is damaged has no samples.
    pub fn weigh(&self, entry: &Entry) -> Result<DevicePart, PackError> {
        let head = self.head(entry)?;
        let mut window = Window::default();
        let mut entries = Vec::with_capacity(head.slots().len());
        for slot in head.slots() {
            let samples = head.count(slot, || {
                let section = self.section(&[slot], &mut window);
                Ok::<_, Unweighed>(directory::proven(section?)?.to_vec())
            });
            let samples = match samples {
                Ok(samples) => samples as u64,
                Err(Unweighed::Unsound) => 0,
                Err(Unweighed::Unread(error)) => {
                    return Err(failed("reading", self.path())(error));
                }
            };
            entries.push(EntryPart {
                column: slot.column,
                bytes: slot.payload_len(),
                samples,
            });
        }
        let (_, times) = encode_times(head.times());
        let part = DevicePart {
            device_id: entry.device_id,
            bytes: entry.bytes() + ENTRY_LEN as u64,
            rows: head.times().len(),
            times_bytes: times.len(),
            entries,
        };
        Ok(part)
    }
}

/// Why an entry was not counted.
enum Unweighed {
    Unsound,
    Unread(io::Error),
}

impl From<super::Unsound> for Unweighed {
    fn from(_: super::Unsound) -> Self {
        Self::Unsound
    }
}

impl From<io::Error> for Unweighed {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}
