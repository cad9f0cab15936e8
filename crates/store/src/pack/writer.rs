//! Making a pack: device after device, into a file that is not yet called one.
//!
//! The file ends in `.tmp` until all of it is on the disk, so that whatever is called a pack is
//! whole. A writer that is dropped before leaves nothing behind; what a crash leaves is removed when
//! the folder is opened.

use super::device_index::{self, DEVICES_MAX, Entry};
use super::directory::Part;
use super::header;
use super::{PackError, PackId, PackMeta, Totals, failed};
use crate::blocks::dense::check_times;
use crate::blocks::{Column, Dense, Values};
use crate::disk::{Disk, DiskFile};
use model::DeviceId;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Octets that are gathered before they are written: fewer, larger writes.
const BUFFER_BYTES: usize = 1 << 20;

/// Octets after which what was written is sent to the disk: left to the end, a large pack would
/// hold up the log's next sync.
const SYNC_BYTES: u64 = 8 << 20;

/// What the name of a pack in the making ends with.
pub(super) const UNFINISHED: &str = ".tmp";

/// A pack in the making. It takes memory for one device's part, and 40 octets for each device.
pub struct PackWriter {
    disk: Arc<dyn Disk>,
    /// `None` once the file has its name, or could not be written.
    file: Option<Box<dyn DiskFile>>,
    unfinished: PathBuf,
    path: PathBuf,
    id: PackId,
    buffer: Vec<u8>,
    written: u64,
    unsynced: u64,
    part: Option<Part>,
    entries: Vec<Entry>,
    totals: Totals,
}

impl PackWriter {
    /// Begins a pack in a folder of packs.
    pub fn create(disk: &Arc<dyn Disk>, folder: &Path, id: PackId) -> Result<Self, PackError> {
        if id.level.start(id.start) != id.start {
            return Err(PackError::Start { start: id.start });
        }
        let path = id.path(folder);
        let day = folder.join(id.day());
        make_folder(disk.as_ref(), folder, &day).map_err(failed("making", &day))?;
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let file = match disk.create(&unfinished) {
            // Of a writer whose remains could not be removed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let removed = disk.remove(&unfinished);
                removed.and_then(|()| disk.create(&unfinished))
            }
            created => created,
        };
        let file = file.map_err(failed("creating", &unfinished));
        if file.is_err() {
            let _ = disk.remove(&unfinished);
        }
        Ok(Self {
            disk: Arc::clone(disk),
            file: Some(file?),
            unfinished,
            path,
            id,
            buffer: header::write(&id).to_vec(),
            written: 0,
            unsynced: 0,
            part: None,
            entries: Vec::new(),
            totals: Totals::default(),
        })
    }

    /// What it will be.
    pub(crate) fn id(&self) -> PackId {
        self.id
    }

    /// Adds a device, all at once. Devices ascend; one without rows or without columns is passed
    /// over.
    pub fn push(&mut self, device_id: DeviceId, block: &Dense) -> Result<(), PackError> {
        self.begin(device_id, block.times())?;
        for (column, values) in block.columns() {
            self.column(*column, values)?;
        }
        Ok(())
    }

    /// Begins a device, whose columns follow one by one, so that a device of many series need not
    /// be in memory whole. The times of its rows ascend strictly, in milliseconds since 1970.
    pub fn begin(&mut self, device_id: DeviceId, times: &[i64]) -> Result<(), PackError> {
        self.end_part()?;
        let last = self.entries.last().map(|entry| entry.device_id);
        if last.is_some_and(|last| last >= device_id) {
            return Err(PackError::Order { device_id });
        }
        if self.entries.len() >= DEVICES_MAX {
            return Err(PackError::TooLarge {
                what: "devices",
                max: DEVICES_MAX,
            });
        }
        check_times(times).map_err(|source| PackError::Samples { device_id, source })?;
        self.part = Part::new(device_id, times);
        Ok(())
    }

    /// Adds a column to the device that was begun last. Columns ascend; one that is refused is left
    /// out. Of a device without rows nothing is kept.
    pub fn column(&mut self, column: Column, values: &Values) -> Result<(), PackError> {
        match &mut self.part {
            Some(part) => part.push(column, values),
            None => Ok(()),
        }
    }

    /// Ends the pack: once this returns it is durable under its name. It is not yet in the manifest.
    pub fn finish(mut self) -> Result<PackMeta, PackError> {
        self.end_part()?;
        let (footer, crc) = device_index::write(&self.id, &self.entries, &self.totals);
        self.buffer.extend(footer);
        self.write()?;
        let synced = self.file.as_mut().ok_or_else(given_up);
        let synced = synced.and_then(|file| file.sync());
        synced.map_err(failed("syncing", &self.unfinished))?;
        let renamed = self.disk.rename(&self.unfinished, &self.path);
        renamed.map_err(failed("naming", &self.path))?;
        self.file = None;
        let folder = self.path.parent().unwrap_or(&self.path);
        if let Err(error) = self.disk.sync_folder(folder) {
            // Nobody is told of it, so that it is made anew, under another name.
            let _ = self.disk.remove(&self.path);
            return Err(failed("syncing the folder of", &self.path)(error));
        }
        Ok(PackMeta {
            id: self.id,
            bytes: self.written,
            totals: self.totals,
            crc,
        })
    }

    fn end_part(&mut self) -> Result<(), PackError> {
        let Some(part) = self.part.take() else {
            return Ok(());
        };
        let samples = part.samples();
        if samples == 0 {
            return Ok(());
        }
        let offset = self.written + self.buffer.len() as u64;
        let (first_ms, last_ms) = part.range_ms();
        let begin = self.buffer.len();
        let finished = part.finish(&mut self.buffer);
        if finished.is_err() {
            self.buffer.truncate(begin);
        }
        let entry = finished?;
        let totals = &mut self.totals;
        if totals.devices == 0 {
            (totals.first_ms, totals.last_ms) = (first_ms, last_ms);
        }
        totals.first_ms = totals.first_ms.min(first_ms);
        totals.last_ms = totals.last_ms.max(last_ms);
        totals.devices += 1;
        totals.series += u64::from(entry.entries);
        totals.samples += samples;
        self.entries.push(Entry { offset, ..entry });
        if self.buffer.len() >= BUFFER_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), PackError> {
        let written = match &mut self.file {
            Some(file) => file.append(&self.buffer).and_then(|()| {
                let length = self.buffer.len() as u64;
                self.buffer.clear();
                self.written += length;
                self.unsynced += length;
                if self.unsynced < SYNC_BYTES {
                    return Ok(());
                }
                self.unsynced = 0;
                file.sync()
            }),
            None => Err(given_up()),
        };
        if written.is_err() && self.file.take().is_some() {
            // What is in it is not known.
            let _ = self.disk.remove(&self.unfinished);
        }
        written.map_err(failed("writing", &self.unfinished))
    }
}

fn given_up() -> io::Error {
    io::Error::other("writing it failed before")
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Where this fails, opening the folder removes it.
            let _ = self.disk.remove(&self.unfinished);
        }
    }
}

/// Makes the folder of a day and its name durable, where it is missing.
fn make_folder(disk: &dyn Disk, folder: &Path, day: &Path) -> io::Result<()> {
    if day.is_dir() {
        return Ok(());
    }
    disk.make_folder(day)?;
    disk.sync_folder(folder)
}
