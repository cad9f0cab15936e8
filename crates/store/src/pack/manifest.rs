//! The list of the packs of a folder: which there are, and which were removed and may still lie
//! there. A file of frames that is appended to, and written anew from time to time.
//!
//! A frame proves itself by a checksum, as those of the log do; one that is damaged is told and the
//! next good one is looked for. What a lost frame named is found again, as each pack proves itself.

use super::device_index::{put_totals, totals};
use super::header::{id, put_id};
use super::{Damage, PackId, PackMeta, Unsound};
use crate::blocks::octets::{Octets, put_length};
use crate::disk::{Disk, DiskFile};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAME: &str = "MANIFEST";
const UNFINISHED: &str = "MANIFEST.tmp";

/// Magic, version, checksum of both.
const HEADER: [u8; 8] = *b"FTMANI\x01\0";
const HEADER_LEN: usize = HEADER.len() + 4;
const FRAME_MAGIC: [u8; 4] = *b"FTmf";
/// Magic, length and checksum.
const FRAME_HEAD_LEN: usize = 12;
/// The kind of a frame: packs that are added and removed, in one step.
const CHANGE: u8 = 1;
/// What a change does.
const ADD: u8 = 1;
const REMOVE: u8 = 2;

/// Packs named in one frame, and so changed in one step: far more than a merge touches.
const CHANGES_MAX: usize = 4_096;
/// Octets of a frame's payload.
const PAYLOAD_MAX: usize = 1 << 20;

/// Octets of a manifest that is read: some 500,000 changes. A longer one is not ours.
const READ_MAX: u64 = 64 << 20;
/// Octets appended after which it is written anew.
const REWRITE_BYTES: u64 = 4 << 20;

/// The list, in memory and on disk.
pub(super) struct Manifest {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// What is appended to; `None` where it must be written anew first.
    file: Option<Box<dyn DiskFile>>,
    appended: u64,
    list: List,
}

/// What the frames say.
#[derive(Clone, Debug, Default, PartialEq)]
struct List {
    packs: BTreeMap<PackId, PackMeta>,
    /// Removed, and not yet known to be gone.
    removed: BTreeSet<PackId>,
    /// The least that was never given.
    next_generation: u64,
}

/// What a frame says of one pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Add(PackMeta),
    Remove(PackId),
}

impl Manifest {
    /// Reads the manifest of a folder; answers it, whether there is one, and what is damaged.
    pub(super) fn read(disk: Arc<dyn Disk>, folder: &Path) -> (Self, bool, Vec<Damage>) {
        let path = folder.join(NAME);
        let mut damage = Vec::new();
        let mut list = List::default();
        let mut found = true;
        match read_all(disk.as_ref(), &path) {
            Ok(bytes) => {
                for what in list.read(&bytes) {
                    damage.push(Damage::of_file(&path, what));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => found = false,
            Err(error) => {
                let what = format!("the manifest could not be read: {error}");
                damage.push(Damage::of_file(&path, what));
            }
        }
        let manifest = Self {
            disk,
            folder: folder.to_owned(),
            file: None,
            appended: 0,
            list,
        };
        (manifest, found, damage)
    }

    /// The packs, ascending.
    pub(super) fn packs(&self) -> impl Iterator<Item = &PackMeta> {
        self.list.packs.values()
    }

    /// Whether a pack counts.
    pub(super) fn has(&self, id: &PackId) -> bool {
        self.list.packs.contains_key(id)
    }

    /// Those that were removed and whose files may still be there.
    pub(super) fn removed(&self) -> Vec<PackId> {
        self.list.removed.iter().copied().collect()
    }

    /// A generation that was never given before.
    pub(super) fn give_generation(&mut self) -> u64 {
        let given = self.list.next_generation;
        self.list.next_generation = given.saturating_add(1);
        given
    }

    /// Generations are given from there on, at least.
    pub(super) fn raise_generation(&mut self, at_least: u64) {
        self.list.next_generation = self.list.next_generation.max(at_least);
    }

    /// Adds a pack that was found, or corrects what is said of it. On disk with the next writing.
    pub(super) fn adopt(&mut self, meta: PackMeta) {
        self.list.apply(Change::Add(meta));
        self.file = None;
    }

    /// Takes out a pack that is not there. On disk with the next writing.
    pub(super) fn forget(&mut self, id: &PackId) {
        self.list.packs.remove(id);
        self.list.removed.remove(id);
    }

    /// Removes and adds packs; one that is named in both counts, as its file is the one that was added.
    /// Durable when it returns, and then only what is listed here counts; all of one call is done whole or
    /// not at all. Where it fails the list is as it was, and the next call writes the manifest anew.
    pub(super) fn commit(&mut self, add: &[PackMeta], remove: &[PackId]) -> io::Result<()> {
        let adds = add.iter().copied().map(Change::Add);
        let removes = remove.iter().copied().map(Change::Remove);
        let changes: Vec<Change> = removes.chain(adds).collect();
        if changes.len() > CHANGES_MAX {
            return Err(io::Error::other("too many packs are changed in one step"));
        }
        let mut next = self.list.clone();
        for change in &changes {
            next.apply(*change);
        }
        // Taken, so that a file in which anything failed is not used again.
        let file = self.file.take().filter(|_| self.appended < REWRITE_BYTES);
        let Some(mut file) = file else {
            self.write(&next)?;
            self.list = next;
            return Ok(());
        };
        let mut bytes = Vec::new();
        put_frame(&mut bytes, next.next_generation, &changes);
        file.append(&bytes)?;
        file.sync()?;
        self.file = Some(file);
        self.appended += bytes.len() as u64;
        self.list = next;
        Ok(())
    }

    /// The same list for another folder; it is there once it is [rewritten](Self::rewrite).
    pub(super) fn elsewhere(&self, disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self {
            disk,
            folder: folder.to_owned(),
            file: None,
            appended: 0,
            list: self.list.clone(),
        }
    }

    /// Writes the manifest anew, as short as it can be.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        self.file = None;
        let list = self.list.clone();
        self.write(&list)
    }

    /// Writes a list as the manifest, in place of what there is.
    fn write(&mut self, list: &List) -> io::Result<()> {
        let (unfinished, path) = (self.folder.join(UNFINISHED), self.folder.join(NAME));
        match self.disk.remove(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.disk.create(&unfinished)?;
        file.append(&list.write())?;
        file.sync()?;
        self.disk.rename(&unfinished, &path)?;
        self.disk.sync_folder(&self.folder)?;
        self.file = Some(file);
        self.appended = 0;
        Ok(())
    }
}

fn read_all(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open_read(path)?;
    if file.metadata()?.len() > READ_MAX {
        return Err(io::Error::other("it is too long"));
    }
    let mut bytes = Vec::new();
    file.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl List {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Add(meta) => {
                self.removed.remove(&meta.id);
                self.packs.insert(meta.id, meta);
                let next = meta.id.generation.saturating_add(1);
                self.next_generation = self.next_generation.max(next);
            }
            Change::Remove(id) => {
                self.packs.remove(&id);
                self.removed.insert(id);
                let next = id.generation.saturating_add(1);
                self.next_generation = self.next_generation.max(next);
            }
        }
    }

    /// The octets of a manifest that says this.
    fn write(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        bytes.extend(crc32c::crc32c(&HEADER).to_le_bytes());
        let adds = self.packs.values().copied().map(Change::Add);
        let removes = self.removed.iter().copied().map(Change::Remove);
        let changes: Vec<Change> = adds.chain(removes).collect();
        if changes.is_empty() {
            put_frame(&mut bytes, self.next_generation, &[]);
        }
        for changes in changes.chunks(CHANGES_MAX) {
            put_frame(&mut bytes, self.next_generation, changes);
        }
        bytes
    }

    /// Does what the octets of a manifest say; answers what of them is damaged.
    fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut damage = Vec::new();
        let header = bytes.split_first_chunk::<HEADER_LEN>();
        let good = header.is_some_and(|(header, _)| {
            let crc = crc32c::crc32c(&HEADER).to_le_bytes();
            header.iter().eq(HEADER.iter().chain(&crc))
        });
        if !good {
            damage.push("the header of the manifest is damaged".to_owned());
        }
        let mut offset = HEADER_LEN.min(bytes.len());
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            if let Some((generation, changes, length)) = frame(rest) {
                self.next_generation = self.next_generation.max(generation);
                for change in changes {
                    self.apply(change);
                }
                offset += length;
                continue;
            }
            let begin = offset;
            offset = next_frame(bytes, begin + 1).unwrap_or(bytes.len());
            let length = offset - begin;
            damage.push(if offset < bytes.len() {
                format!("{length} octets of the manifest from {begin} on are damaged")
            } else {
                format!("{length} octets at the end of the manifest were torn off or are damaged")
            });
        }
        damage
    }
}

/// Appends a frame: kind, the generation to give next, how many changes, and each.
fn put_frame(bytes: &mut Vec<u8>, next_generation: u64, changes: &[Change]) {
    let mut payload = vec![CHANGE];
    payload.extend(next_generation.to_le_bytes());
    put_length(&mut payload, changes.len());
    for change in changes {
        match change {
            Change::Add(meta) => {
                payload.push(ADD);
                put_id(&mut payload, &meta.id);
                payload.extend(meta.bytes.to_le_bytes());
                put_totals(&mut payload, &meta.totals);
                payload.extend(meta.crc.to_le_bytes());
            }
            Change::Remove(id) => {
                payload.push(REMOVE);
                put_id(&mut payload, id);
            }
        }
    }
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    bytes.extend(FRAME_MAGIC);
    bytes.extend(length);
    bytes.extend(checksum(length, &payload).to_le_bytes());
    bytes.extend(payload);
}

/// Over the length as well, so that a length that was flipped is noticed.
fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), payload)
}

/// The frame at the front of the octets, and its length.
fn frame(bytes: &[u8]) -> Option<(u64, Vec<Change>, usize)> {
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
    let (generation, changes) = changes(payload).ok()?;
    Some((generation, changes, FRAME_HEAD_LEN + length))
}

fn changes(payload: &[u8]) -> Result<(u64, Vec<Change>), Unsound> {
    let malformed = || Unsound::Malformed {
        what: "a frame of the manifest",
    };
    let mut octets = Octets(payload);
    if octets.u8()? != CHANGE {
        return Err(malformed());
    }
    let (generation, count) = (octets.u64()?, octets.length()?);
    if count > CHANGES_MAX {
        return Err(malformed());
    }
    let mut changes = Vec::with_capacity(count);
    for _ in 0..count {
        changes.push(match octets.u8()? {
            ADD => Change::Add(PackMeta {
                id: id(&mut octets)?,
                bytes: octets.u64()?,
                totals: totals(&mut octets)?,
                crc: octets.u32()?,
            }),
            REMOVE => Change::Remove(id(&mut octets)?),
            _ => return Err(malformed()),
        });
    }
    if octets.0.is_empty() {
        Ok((generation, changes))
    } else {
        Err(malformed())
    }
}

/// Where the next good frame begins.
fn next_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let mut place = from;
    loop {
        let rest = bytes.get(place..)?;
        place += rest
            .windows(FRAME_MAGIC.len())
            .position(|window| window == FRAME_MAGIC)?;
        if bytes.get(place..).and_then(frame).is_some() {
            return Some(place);
        }
        place += 1;
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
