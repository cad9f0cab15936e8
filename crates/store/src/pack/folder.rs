//! The packs of a folder: which there are, opened when they are read.
//!
//! The manifest says which packs count. What it does not name but proves itself is adopted, as it
//! was finished just before a crash; what it names and is not there is told; what it says was
//! removed is removed. Writers do not wait for readers, nor readers for writers: a reader that has
//! a pack goes on reading it when its file is removed.

use super::less::Less;
use super::manifest::Manifest;
use super::source::Source;
use super::writer::UNFINISHED;
use super::{
    Damage, Kind, Pack, PackError, PackId, PackMeta, PackWriter, SUFFIX, Unsound, failed, reader,
    unsound,
};
use crate::disk::{self, Disk, RealDisk};
use arc_swap::ArcSwap;
use model::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};
use tracing::{info, warn};

/// Packs that are kept open, and as many file descriptors.
const OPEN_MAX: usize = 256;
/// Devices in the indexes of the packs that are kept open, of 40 octets each: 20 MB, and the last
/// four days of 10,000 devices. What is read of one device opens a pack in less than a millisecond.
const OPEN_ENTRIES_MAX: usize = 500_000;
/// Packs that are kept open though their indexes are larger than that: a read of a day meets as many.
const OPEN_LEAST: usize = 16;

/// Damage that is told and logged; there is no use in more before a person has looked.
const DAMAGE_MAX: usize = 1_000;

/// Damaged files of one name that are kept apart.
const ASIDE_MAX: u32 = 100;

/// How often packs that were added meanwhile are copied before others may come; then they are copied
/// while those wait. Each time there is less to copy than the last took to.
const COPIES_MAX: usize = 8;

/// How often a reader begins anew because a pack was replaced before it was opened. A pass of
/// merging replaces each pack once.
const TRIES_MAX: usize = 8;

/// The packs of a folder.
pub struct PackFolder {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    manifest: Mutex<Manifest>,
    /// As the manifest has them, ascending.
    list: ArcSwap<Vec<PackMeta>>,
    open: Mutex<OpenPacks>,
    damage: Mutex<Told>,
    less: Less,
}

/// What was found damaged.
#[derive(Default)]
struct Told {
    /// Not yet asked for.
    waiting: Vec<Damage>,
    /// All of it, as each is told once, however often it is met.
    ever: HashSet<Damage>,
}

struct OpenPacks {
    packs: BTreeMap<PackId, (Arc<Pack>, u64)>,
    /// Devices in their indexes.
    entries: usize,
    entries_max: usize,
    /// Counts uses, so that the least recently used pack is closed.
    uses: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PackFolder {
    /// Opens a folder of packs, which is made where it is missing. What is damaged is told by
    /// [`damage`](Self::damage); only where the folder cannot be read it fails.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, PackError> {
        let made = disk.make_folder(folder);
        made.map_err(failed("making", folder))?;
        let listed = files(disk.as_ref(), folder);
        let (files, unlisted) = listed.map_err(failed("listing", folder))?;
        let (manifest, found, damage) = Manifest::read(Arc::clone(&disk), folder);
        let packs = Self {
            disk,
            folder: folder.to_owned(),
            manifest: Mutex::new(manifest),
            list: ArcSwap::default(),
            open: Mutex::default(),
            damage: Mutex::default(),
            less: Less::default(),
        };
        for damage in unlisted.into_iter().chain(damage) {
            packs.note(damage);
        }
        if !found && !files.is_empty() {
            packs.note(Damage::of_file(folder, "the manifest is missing"));
        }
        packs.settle(files);
        Ok(packs)
    }

    /// Makes the manifest agree with the files that there are.
    fn settle(&self, mut files: BTreeMap<PathBuf, u64>) {
        let mut manifest = lock(&self.manifest);
        let listed: Vec<PackMeta> = manifest.packs().copied().collect();
        for meta in listed {
            let path = meta.id.path(&self.folder);
            match files.remove(&path) {
                Some(bytes) if bytes == meta.bytes => {}
                Some(_) => match self.load_and_tell(&path, Some(meta.id)) {
                    Ok(pack) => manifest.adopt(*pack.meta()),
                    Err(error) if reader::is_later(&error) => self.note(left(&path, &error)),
                    Err(error) => {
                        // Told where it fails; it is tried again at the next start.
                        let _ = self.set_file_aside(&path, &reader::reason(&error));
                        self.less.add(&meta.id);
                        manifest.forget(&meta.id);
                    }
                },
                None => {
                    let what = format!(
                        "is listed, with {} samples of {} devices, but is not there",
                        meta.totals.samples, meta.totals.devices
                    );
                    self.note(Damage::of_file(&path, what));
                    self.less.add(&meta.id);
                    manifest.forget(&meta.id);
                }
            }
        }
        let removed = manifest.removed();
        for id in &removed {
            files.remove(&id.path(&self.folder));
        }
        self.unlink(&mut manifest, &removed);
        for path in files.into_keys() {
            match self.load_and_tell(&path, None) {
                Ok(pack) if pack.meta().id.path(&self.folder) == path => {
                    info!(file = %path.display(), "a pack that was not listed is used");
                    manifest.adopt(*pack.meta());
                }
                Ok(_) => {
                    let _ = self.set_file_aside(&path, "it has the name of another pack");
                }
                Err(error) if reader::is_later(&error) => self.note(left(&path, &error)),
                Err(error) => {
                    let _ = self.set_file_aside(&path, &reader::reason(&error));
                }
            }
        }
        if let Err(error) = manifest.rewrite() {
            // Reading goes on; the next change writes it.
            warn!(folder = %self.folder.display(), %error, "the manifest of packs was not written");
        }
        self.show(&manifest);
    }

    /// The packs, ascending by start.
    pub fn list(&self) -> Arc<Vec<PackMeta>> {
        self.list.load_full()
    }

    /// Gives every pack a name in another folder too, as they are at one moment, with a manifest of
    /// them. What is removed here afterwards stays there. Where files have no second names they are
    /// copied, while packs are added and removed all the same.
    pub(crate) fn link_to(&self, folder: &Path) -> Result<(), PackError> {
        self.link_by(folder, disk::hard_link)
    }

    fn link_by(
        &self,
        folder: &Path,
        hard_link: impl Fn(&Path, &Path) -> io::Result<bool>,
    ) -> Result<(), PackError> {
        let mut there: BTreeSet<PackId> = BTreeSet::new();
        let mut rounds = 0..COPIES_MAX;
        loop {
            let is_last = rounds.next().is_none();
            // Nothing is added or removed while the manifest is held; it takes microseconds a pack.
            let manifest = lock(&self.manifest);
            let mut left = Vec::new();
            for id in manifest.packs().map(|meta| meta.id) {
                if there.contains(&id) {
                    continue;
                }
                let (from, to) = (id.path(&self.folder), id.path(folder));
                let day = to.parent().unwrap_or(folder);
                fs::create_dir_all(day).map_err(failed("making", day))?;
                match hard_link(&from, &to) {
                    Ok(false) if is_last => self.copy_to(&id, folder)?,
                    Ok(false) => {
                        left.push(id);
                        continue;
                    }
                    // It is told where the other folder is opened.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    linked => linked.map(|_| ()).map_err(failed("linking", &from))?,
                }
                there.insert(id);
            }
            if left.is_empty() {
                for meta in manifest.packs() {
                    there.remove(&meta.id);
                }
                let mut elsewhere = manifest.elsewhere(Arc::new(RealDisk), folder);
                drop(manifest);
                // What went while others were copied would be taken for a pack that was not listed.
                for path in there.iter().map(|id| id.path(folder)) {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        removed => removed.map_err(failed("removing", &path))?,
                    }
                }
                let written = elsewhere.rewrite();
                return written.map_err(failed("writing the manifest of", folder));
            }
            drop(manifest);
            for id in left {
                self.copy_to(&id, folder)?;
                there.insert(id);
            }
        }
    }

    /// Copies a pack; not where it went meanwhile.
    fn copy_to(&self, id: &PackId, folder: &Path) -> Result<(), PackError> {
        let from = id.path(&self.folder);
        match fs::copy(&from, id.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            copied => copied.map(|_| ()).map_err(failed("copying", &from)),
        }
    }

    /// What has been found damaged since this was asked last, each once. It is left out of answers.
    pub fn damage(&self) -> Vec<Damage> {
        std::mem::take(&mut lock(&self.damage).waiting)
    }

    /// Begins a pack. The generation of the id is set to one that was never given before.
    pub fn begin(&self, id: PackId) -> Result<PackWriter, PackError> {
        let generation = lock(&self.manifest).give_generation();
        let id = PackId { generation, ..id };
        PackWriter::create(&self.disk, &self.folder, id)
    }

    /// Gives out a generation that no pack will have: what is said with it of packs is said of those
    /// there are. It is not given again while the folder is open; whoever keeps it sees to that for
    /// later ([`raise_generation`](Self::raise_generation)).
    pub(crate) fn give_generation(&self) -> u64 {
        lock(&self.manifest).give_generation()
    }

    /// Whether the file of a pack is not known to be gone, listed or not.
    pub(crate) fn may_have_file(&self, id: &PackId) -> bool {
        let found = fs::symlink_metadata(id.path(&self.folder));
        !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Generations are given from there on, at least.
    pub(crate) fn raise_generation(&self, at_least: u64) {
        lock(&self.manifest).raise_generation(at_least);
    }

    /// Adds packs that are finished, and removes others, in one step: durable when it returns.
    ///
    /// Where it fails, the packs that were to be removed still count, and those that were to be
    /// added may count after the next start: the caller keeps both and tries this again with the
    /// same packs. Where packs are only removed, and there is no room to write that, their files make it.
    pub fn commit(&self, add: &[PackMeta], remove: &[PackId]) -> Result<(), PackError> {
        let mut manifest = lock(&self.manifest);
        let mut done = manifest.commit(add, remove);
        if add.is_empty() && done.as_ref().is_err_and(disk::is_full) {
            done = self.make_room(&mut manifest, remove);
        }
        done.map_err(failed("writing the manifest of", &self.folder))?;
        self.show(&manifest);
        let mut open = lock(&self.open);
        for id in remove {
            open.close(id);
        }
        drop(open);
        self.unlink(&mut manifest, remove);
        Ok(())
    }

    /// Removes files of packs until there is room to write that all of these are removed. Where there
    /// never is, those that went count no more.
    fn make_room(&self, manifest: &mut Manifest, remove: &[PackId]) -> io::Result<()> {
        for id in remove {
            match self.disk.remove(&id.path(&self.folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            match manifest.commit(&[], remove) {
                Err(error) if disk::is_full(&error) => {}
                done => return done,
            }
        }
        for id in remove {
            manifest.forget(id);
        }
        self.show(manifest);
        Err(io::ErrorKind::StorageFull.into())
    }

    /// The packs of a kind whose range meets `[from, to)`, in the order to lay them over each
    /// other: the larger levels first, each ascending by start, then by generation. One that cannot
    /// be read is left out, and told by [`damage`](Self::damage).
    pub fn packs(&self, kind: Kind, from: Timestamp, to: Timestamp) -> Vec<Arc<Pack>> {
        let mut found = Vec::new();
        for _ in 0..TRIES_MAX {
            let list = self.list();
            let meets = |meta: &&PackMeta| {
                meta.id.kind == kind && meta.id.start < to && meta.id.end() > from
            };
            found.clear();
            let mut replaced = false;
            for meta in list.iter().filter(meets) {
                match self.pack(&meta.id) {
                    Ok(pack) => found.push(pack),
                    // It went after the list was taken; what took its place is in the next one.
                    Err(_) if !self.is_listed(&meta.id) => replaced = true,
                    Err(error) => {
                        let path = meta.id.path(&self.folder);
                        self.less.add(&meta.id);
                        self.note(Damage::of_file(&path, reader::reason(&error)));
                    }
                }
            }
            if !replaced {
                break;
            }
        }
        found.sort_by_key(|pack| {
            let id = &pack.meta().id;
            (Reverse(id.level), id.start, id.generation)
        });
        found
    }

    /// One pack, opened where it is not open.
    pub fn pack(&self, id: &PackId) -> Result<Arc<Pack>, PackError> {
        if let Some(pack) = lock(&self.open).used(id) {
            return Ok(pack);
        }
        let pack = Arc::new(self.load_and_tell(&id.path(&self.folder), Some(*id))?);
        let mut open = lock(&self.open);
        // Not where it was removed meanwhile, as nothing would close it.
        if self.is_listed(id) {
            open.keep(&pack);
        }
        Ok(pack)
    }

    /// Takes a pack out of the way, kept with its damage for a person to look at.
    pub fn set_aside(&self, id: &PackId, reason: &str) -> Result<(), PackError> {
        let path = id.path(&self.folder);
        let mut manifest = lock(&self.manifest);
        match self.set_file_aside(&path, reason) {
            // There is nothing to keep.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(failed("setting aside", &path))?,
        }
        let done = manifest.commit(&[], &[*id]);
        done.map_err(failed("writing the manifest of", &self.folder))?;
        self.show(&manifest);
        self.less.add(id);
        lock(&self.open).close(id);
        Ok(())
    }

    /// Something of a pack could not be read.
    pub(crate) fn lacks(&self, id: &PackId) {
        self.less.add(id);
    }

    /// Something of a day that was here may not be here any more.
    #[cfg(feature = "archive")]
    pub(crate) fn lacks_of(&self, day: Timestamp) {
        self.less.add_day(day);
    }

    /// All that was here of a day is here again, or in the archive.
    #[cfg(feature = "archive")]
    pub(crate) fn lacks_nothing_of(&self, day: Timestamp) {
        self.less.remove(day);
    }

    /// Whether samples of a day that were here may not be here any more, as far as is known since the
    /// start.
    pub(crate) fn is_less(&self, day: Timestamp) -> bool {
        self.less.has(day)
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn is_listed(&self, id: &PackId) -> bool {
        let list = self.list.load();
        list.binary_search_by_key(id, |meta| meta.id).is_ok()
    }

    fn show(&self, manifest: &Manifest) {
        self.list
            .store(Arc::new(manifest.packs().copied().collect()));
    }

    /// Opens a pack, as far as it is sound, and answers what is damaged.
    pub(super) fn load(
        &self,
        path: &Path,
        known: Option<PackId>,
    ) -> Result<(Pack, Vec<Damage>), PackError> {
        let open = || self.disk.open_read(path).map_err(failed("opening", path));
        let opened = Pack::from_source(Source::File(open()?), path);
        let (pack, damage) = match opened {
            Ok(pack) => (pack, Vec::new()),
            Err(damaged) => {
                let saved = reader::salvage(Source::File(open()?), path, known)?;
                if saved.0.entries().is_empty() {
                    return Err(damaged);
                }
                saved
            }
        };
        if known.is_some_and(|known| known != pack.meta().id) {
            let what = "the name of the pack, or what it says that it is,";
            return Err(unsound(path, None)(Unsound::Malformed { what }));
        }
        Ok((pack, damage))
    }

    /// Opens a pack, and tells what is damaged.
    fn load_and_tell(&self, path: &Path, known: Option<PackId>) -> Result<Pack, PackError> {
        let (pack, damage) = self.load(path, known)?;
        if !damage.is_empty() {
            self.less.add(&pack.meta().id);
        }
        for damage in damage {
            self.note(damage);
        }
        Ok(pack)
    }

    /// Removes files that the manifest says are removed. What cannot be removed stays in it, and is
    /// removed when the folder is opened.
    fn unlink(&self, manifest: &mut Manifest, ids: &[PackId]) {
        let mut gone: BTreeMap<PathBuf, Vec<PackId>> = BTreeMap::new();
        for id in ids.iter().filter(|id| !manifest.has(id)) {
            let path = id.path(&self.folder);
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!(file = %path.display(), %error, "a pack could not be removed");
                }
                _ => gone
                    .entry(self.folder.join(id.day()))
                    .or_default()
                    .push(*id),
            }
        }
        for (day, ids) in gone {
            match self.disk.sync_folder(&day) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!(folder = %day.display(), %error, "removing packs is not yet durable");
                }
                _ => ids.iter().for_each(|id| manifest.forget(id)),
            }
        }
    }

    /// Renames a file that cannot be used, and tells so.
    fn set_file_aside(&self, path: &Path, reason: &str) -> io::Result<()> {
        let beside = |number: u32| {
            let mut name: OsString = path.as_os_str().to_owned();
            name.push(format!(".{number}.damaged"));
            PathBuf::from(name)
        };
        let moved = (0..ASIDE_MAX)
            .map(beside)
            .find(|aside| !aside.exists())
            .ok_or_else(|| io::Error::other("too many damaged files of this name are kept"))
            .and_then(|aside| {
                self.disk.rename(path, &aside)?;
                self.disk.sync_folder(path.parent().unwrap_or(path))?;
                Ok(aside)
            });
        let what = match &moved {
            Ok(aside) => format!("{reason}; kept as {}", aside.display()),
            Err(error) => format!("{reason}; it could not be set aside: {error}"),
        };
        self.note(Damage::of_file(path, what));
        moved.map(|_| ())
    }

    pub(super) fn note(&self, damage: Damage) {
        let mut told = lock(&self.damage);
        if told.ever.len() < DAMAGE_MAX && told.ever.insert(damage.clone()) {
            warn!(%damage, "packs are damaged");
            told.waiting.push(damage);
        }
    }
}

impl Default for OpenPacks {
    fn default() -> Self {
        Self {
            packs: BTreeMap::new(),
            entries: 0,
            entries_max: OPEN_ENTRIES_MAX,
            uses: 0,
        }
    }
}

impl OpenPacks {
    fn used(&mut self, id: &PackId) -> Option<Arc<Pack>> {
        self.uses += 1;
        let (pack, used) = self.packs.get_mut(id)?;
        *used = self.uses;
        Some(Arc::clone(pack))
    }

    fn keep(&mut self, pack: &Arc<Pack>) {
        self.uses += 1;
        self.close(&pack.meta().id);
        self.entries += pack.entries().len();
        let entry = (Arc::clone(pack), self.uses);
        self.packs.insert(pack.meta().id, entry);
        while self.packs.len() > OPEN_MAX
            || (self.entries > self.entries_max && self.packs.len() > OPEN_LEAST)
        {
            let oldest = self.packs.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                break;
            };
            self.close(&oldest);
        }
    }

    fn close(&mut self, id: &PackId) {
        if let Some((pack, _)) = self.packs.remove(id) {
            self.entries = self.entries.saturating_sub(pack.entries().len());
        }
    }
}

/// A file that a later version wrote, which is not touched.
fn left(path: &Path, error: &PackError) -> Damage {
    let reason = reader::reason(error);
    Damage::of_file(path, format!("{reason}; it is left as it is"))
}

/// The files of a folder that are called packs, with their octets; and the days that could not be
/// listed. Files that were never finished are removed, and days without a file.
fn files(disk: &dyn Disk, folder: &Path) -> io::Result<(BTreeMap<PathBuf, u64>, Vec<Damage>)> {
    let (mut files, mut damage) = (BTreeMap::new(), Vec::new());
    for day in fs::read_dir(folder)? {
        let day = day?.path();
        if day.is_dir()
            && let Err(error) = files_of_day(disk, &day, &mut files)
        {
            let what = format!("could not be listed: {error}");
            damage.push(Damage::of_file(&day, what));
        }
    }
    Ok((files, damage))
}

fn files_of_day(disk: &dyn Disk, day: &Path, files: &mut BTreeMap<PathBuf, u64>) -> io::Result<()> {
    let mut empty = true;
    for file in fs::read_dir(day)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        let unfinished = name
            .strip_suffix(UNFINISHED)
            .is_some_and(|name| name.ends_with(SUFFIX));
        if unfinished && disk.remove(&file.path()).is_ok() {
            continue;
        }
        empty = false;
        if name.ends_with(SUFFIX) {
            files.insert(file.path(), file.metadata()?.len());
        }
    }
    if empty {
        // Where it is not, or not ours to remove, it stays.
        let _ = fs::remove_dir(day);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::{Block, Column, Dense, Level};
    use crate::disk::RealDisk;
    use model::{DeviceId, Value};

    /// Adds a pack of one sample; answers its id.
    fn add(packs: &PackFolder) -> PackId {
        let mut block = Block::new();
        block.set(Timestamp::from_unix_ms(0), &[(Column(0), Value::U64(1))]);
        let id = PackId {
            start: Timestamp::from_unix_ms(0),
            level: Level::HalfHour,
            kind: Kind::Samples,
            class: 0,
            shard: 0,
            generation: 0,
        };
        let mut writer = packs.begin(id).unwrap();
        let dense = Dense::try_from(&block).unwrap();
        writer.push(DeviceId::from_bytes([1; 16]), &dense).unwrap();
        let meta = writer.finish().unwrap();
        packs.commit(&[meta], &[]).unwrap();
        meta.id
    }

    #[test]
    fn where_files_have_no_second_names_packs_are_copied_as_they_are_at_the_end() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let packs = PackFolder::open(Arc::new(RealDisk), folder.path()).unwrap();
        let first = add(&packs);
        add(&packs);
        packs.link_by(other.path(), |_, _| Ok(false)).unwrap();
        let copy = PackFolder::open(Arc::new(RealDisk), other.path()).unwrap();
        assert_eq!(*copy.list(), *packs.list());
        assert!(copy.damage().is_empty());
        // One goes, and one comes, as soon as the manifest is not held.
        let again = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let begun = std::cell::Cell::new(false);
            packs
                .link_by(again.path(), |_, _| {
                    if !begun.replace(true) {
                        scope.spawn(|| {
                            packs.commit(&[], &[first]).unwrap();
                            add(&packs);
                        });
                    }
                    Ok(false)
                })
                .unwrap();
        });
        let copy = PackFolder::open(Arc::new(RealDisk), again.path()).unwrap();
        assert!(copy.damage().is_empty(), "as it was at one moment");
        let all = packs.list();
        let known = |meta: &PackMeta| meta.id == first || all.contains(meta);
        assert!(copy.list().iter().all(known));
    }

    #[test]
    fn packs_of_many_devices_are_not_all_kept_open() {
        let folder = tempfile::tempdir().unwrap();
        let packs = PackFolder::open(Arc::new(RealDisk), folder.path()).unwrap();
        let mut block = Block::new();
        block.set(Timestamp::from_unix_ms(0), &[(Column(0), Value::U64(1))]);
        let dense = Dense::try_from(&block).unwrap();
        for _ in 0..OPEN_LEAST + 4 {
            let id = PackId {
                start: Timestamp::from_unix_ms(0),
                level: Level::HalfHour,
                kind: Kind::Samples,
                class: 0,
                shard: 0,
                generation: 0,
            };
            let mut writer = packs.begin(id).unwrap();
            for n in 1..4 {
                writer.push(DeviceId::from_bytes([n; 16]), &dense).unwrap();
            }
            packs.commit(&[writer.finish().unwrap()], &[]).unwrap();
        }
        let open = |entries_max| {
            lock(&packs.open).entries_max = entries_max;
            for meta in packs.list().iter() {
                packs.pack(&meta.id).unwrap();
            }
            let open = lock(&packs.open);
            (open.packs.len(), open.entries)
        };
        let few = (OPEN_LEAST, OPEN_LEAST * 3);
        assert_eq!(open(10), few);
        assert_eq!(open(usize::MAX), (OPEN_LEAST + 4, (OPEN_LEAST + 4) * 3));
        let ids: Vec<PackId> = packs.list().iter().map(|meta| meta.id).collect();
        packs.commit(&[], &ids).unwrap();
        assert_eq!(open(10), (0, 0));
    }
}
