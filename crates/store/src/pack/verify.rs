//! Reading all of a pack to see whether it is sound, some octets at a time, so that a disk can be
//! gone over in the background.
//!
//! Checksums are compared, heads are read, times decoded; the values of columns are not decoded.

use super::directory::{self, Slot};
use super::reader::{Window, reason};
use super::{Damage, Entry, Pack, PackError, PackFolder, PackId};
use model::DeviceId;

/// How far a pack has been verified. The default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The device to go on with: its place in the index.
    device: usize,
    /// Of its columns, the first that has not been looked at.
    column: usize,
}

/// How far a folder has been verified. The default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderCursor {
    /// The pack to go on with, or the next there is; `None` for the first.
    pack: Option<PackId>,
    at: Cursor,
}

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified<C> {
    /// Octets that were read.
    pub bytes: u64,
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// Where to go on; `None` at the end.
    pub next: Option<C>,
}

impl Pack {
    /// Verifies what the pack has of its devices, from a place on, until `bytes_max` octets have
    /// been read; one section is read at least. Its ends were verified when it was opened.
    pub fn verify(&self, from: Cursor, bytes_max: u64) -> Verified<Cursor> {
        // So that each call gets further.
        let bytes_max = bytes_max.max(1);
        let mut done = Verified::default();
        let mut from = from;
        for (device, entry) in self.entries().iter().enumerate().skip(from.device) {
            if from.device != device {
                from = Cursor { device, column: 0 };
            }
            if done.bytes >= bytes_max {
                done.next = Some(from);
                return done;
            }
            done.bytes += u64::from(entry.head_len);
            let head = match self.head(entry) {
                Ok(head) => head,
                Err(error) => {
                    done.damage.push(self.of_device(entry.device_id, &error));
                    continue;
                }
            };
            let mut window = Window::default();
            let slots: Vec<&Slot> = head.slots().iter().collect();
            for (column, slot) in slots.iter().enumerate().skip(from.column) {
                let Some(section) = slot.section() else {
                    continue;
                };
                if done.bytes >= bytes_max && column > from.column {
                    done.next = Some(Cursor { device, column });
                    return done;
                }
                done.bytes += section.end - section.start;
                let ahead = slots.get(column..).unwrap_or_default();
                let read = self.section(ahead, &mut window);
                let wrong = match read.map(directory::proven) {
                    Ok(Ok(_)) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => format!("its section could not be read: {error}"),
                };
                done.damage.push(self.damage(entry, slot.column, wrong));
            }
        }
        done
    }

    /// Octets that were read to open it: its ends, or all of one that had to be saved.
    fn opening_bytes(&self) -> u64 {
        let bytes = self.meta().bytes;
        if !self.is_whole() {
            return bytes;
        }
        let parts: u64 = self.entries().iter().map(Entry::bytes).sum();
        bytes.saturating_sub(parts)
    }

    fn of_device(&self, device_id: DeviceId, error: &PackError) -> Damage {
        Damage {
            device_id: Some(device_id),
            ..Damage::of_file(self.path(), reason(error))
        }
    }
}

impl PackFolder {
    /// Verifies the packs of the folder, from a place on, until `bytes_max` octets have been read.
    /// Packs that were added behind the place are verified too, those before it the next time.
    /// What is found is also told by [`damage`](Self::damage).
    pub fn verify(&self, from: FolderCursor, bytes_max: u64) -> Verified<FolderCursor> {
        let bytes_max = bytes_max.max(1);
        let mut done = Verified::default();
        for meta in self.list().iter() {
            let at = match from.pack {
                Some(pack) if meta.id < pack => continue,
                Some(pack) if meta.id == pack => from.at,
                _ => Cursor::default(),
            };
            if done.bytes >= bytes_max {
                let pack = Some(meta.id);
                done.next = Some(FolderCursor { pack, at });
                return done;
            }
            // Opened anew: what is in memory was sound when it was read.
            let path = meta.id.path(self.path());
            let (pack, damage) = match self.load(&path, Some(meta.id)) {
                Ok(loaded) => loaded,
                // It was replaced after the list was taken.
                Err(_) if !self.is_listed(&meta.id) => continue,
                Err(error) => {
                    // All of it was looked through for what could be saved.
                    done.bytes += meta.bytes;
                    let what = reason(&error);
                    self.lacks(&meta.id);
                    self.note_verified(&mut done, Damage::of_file(&path, what));
                    continue;
                }
            };
            done.bytes += pack.opening_bytes();
            let verified = pack.verify(at, bytes_max.saturating_sub(done.bytes));
            done.bytes += verified.bytes;
            let ends = damage.into_iter().filter(|_| at == Cursor::default());
            for damage in ends.chain(verified.damage) {
                self.lacks(&meta.id);
                self.note_verified(&mut done, damage);
            }
            if let Some(at) = verified.next {
                let pack = Some(meta.id);
                done.next = Some(FolderCursor { pack, at });
                return done;
            }
        }
        done
    }

    fn note_verified(&self, done: &mut Verified<FolderCursor>, damage: Damage) {
        done.damage.push(damage.clone());
        self.note(damage);
    }
}
