//! The repository: a folder of chunks and of snapshots that name them.
//!
//! A chunk has the name of its content, so that what two backups have in common is there once. A
//! snapshot is written last, when all its chunks are on the disk: a backup that was cut short leaves
//! chunks that nobody names, which the next one uses or [`Repository::sweep`] removes.

mod begin;
mod check;
mod mark;

pub use check::Checked;

use super::error::{failed, told};
use super::files::{listed, name_of};
use super::progress::Progress;
use super::rotate::{Keep, surplus};
use super::seal::{BackupKey, Name, Seal};
use super::snapshot::{FileEntry, SUMMARY_LEN_MAX, Snapshot, Summary, read_summary};
use super::{BackupError, CHUNK_BYTES};
use crate::disk::{Disk, DiskFile};
use mark::Mark;
use model::BackupId;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::warn;

/// How a chunk begins.
const CHUNK_MAGIC: [u8; 4] = *b"FTCH";
/// Octets of a chunk's content at most.
pub(super) const CHUNK_LEN_MAX: usize = CHUNK_BYTES as usize;
/// What files are called until they are whole.
const UNFINISHED: &str = ".partial";
/// What snapshots are called.
const SNAPSHOT: &str = ".snapshot";
/// What the file is called that says that another data folder may take the repository over.
const ADOPT: &str = "adopt";

/// Chunks that are written before they are synced: a sync of many together costs hardly more than of
/// one, and so many files are held open.
const UNSYNCED_MAX: usize = 128;
/// Octets of these: what is written at once at most.
const UNSYNCED_BYTES_MAX: usize = 64 << 20;
/// Octets of a snapshot's file that is read.
const SNAPSHOT_FILE_MAX: u64 = 1 << 30;

/// What a repository is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To write: nobody else has it. It is begun where the folder is empty; a folder that is not there
    /// is not made, as the disk that it is on may be missing.
    Write,
    /// To read chunks: nobody sweeps meanwhile.
    Read,
    /// To list what there is.
    List,
}

/// A repository of backups.
pub struct Repository {
    folder: PathBuf,
    id: [u8; mark::ID_LEN],
    disk: Arc<dyn Disk>,
    seal: Seal,
    /// Chunks that are there, where it is open to write.
    known: HashSet<Name>,
    /// Of these, what was written since it was opened.
    used: HashSet<Name>,
    /// The backup that was written last since it was opened.
    committed: Option<BackupId>,
    unsynced: Vec<Unsynced>,
    unsynced_bytes: usize,
    /// Folders in which names were made that are not yet durable.
    touched: BTreeSet<PathBuf>,
    bytes_written: u64,
    /// Held open: the lock goes with it.
    _lock: Option<File>,
}

/// A chunk that is written and not yet synced.
struct Unsynced {
    name: Name,
    file: Box<dyn DiskFile>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Snapshots that went, as there are enough later ones.
    pub snapshots: u64,
    /// Chunks that no snapshot names and that went.
    pub chunks: u64,
    /// Their octets.
    pub bytes: u64,
}

/// The real disk, where a name that is made is durable only when its folder is synced: a backup
/// syncs each once, at its end.
struct Plainly;

impl Disk for Plainly {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        // What is in it is for nobody else, as hashes of passwords are.
        let file = options
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Box::new(file))
    }
}

impl Repository {
    /// Opens the repository in a folder. Waits for the disk.
    pub fn open(
        folder: &Path,
        key: Option<&BackupKey>,
        access: Access,
    ) -> Result<Self, BackupError> {
        Self::open_watched(folder, key, access, &Progress::default())
    }

    /// The same, and it can be stopped while it looks over what there is.
    pub fn open_watched(
        folder: &Path,
        key: Option<&BackupKey>,
        access: Access,
        progress: &Progress,
    ) -> Result<Self, BackupError> {
        Self::opened(Arc::new(Plainly), folder, key, access, progress)
    }

    /// Makes the folder where it is not there and begins a repository in it where there is none, for
    /// any data folder: somebody says that it is to be so.
    pub fn init(folder: &Path, key: Option<&BackupKey>) -> Result<(), BackupError> {
        begin::make(folder)?;
        let repository = Self::open(folder, key, Access::Write)?;
        if repository.ids()?.is_empty() {
            repository.adopt()?;
        }
        Ok(())
    }

    /// Opens it on another disk.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        key: Option<&BackupKey>,
        access: Access,
    ) -> Result<Self, BackupError> {
        Self::opened(disk, folder, key, access, &Progress::default())
    }

    fn opened(
        disk: Arc<dyn Disk>,
        folder: &Path,
        key: Option<&BackupKey>,
        access: Access,
        progress: &Progress,
    ) -> Result<Self, BackupError> {
        if !begin::is_begun(folder)? {
            if access != Access::Write {
                let folder = folder.to_owned();
                return Err(BackupError::NoRepository { folder });
            }
            begin::begin(disk.as_ref(), folder)?;
        }
        let lock = begin::lock(folder, access)?;
        if access == Access::Write && !begin::is_begun(folder)? {
            Mark::new(key)?.write(disk.as_ref(), folder)?;
        }
        let mark = Mark::read(folder)?;
        let seal = mark.seal(key, folder)?;
        let mut repository = Self {
            folder: folder.to_owned(),
            id: mark.id,
            disk,
            seal,
            known: HashSet::new(),
            used: HashSet::new(),
            committed: None,
            unsynced: Vec::new(),
            unsynced_bytes: 0,
            touched: BTreeSet::new(),
            bytes_written: 0,
            _lock: lock,
        };
        if access == Access::Write {
            repository.look(progress)?;
        }
        Ok(repository)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether what is in it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.seal.is_encrypted()
    }

    /// Which it is: chosen at random when it was begun.
    pub(super) fn id(&self) -> [u8; mark::ID_LEN] {
        self.id
    }

    /// Lets the next backup be of another data folder than those before it.
    pub fn adopt(&self) -> Result<(), BackupError> {
        write_whole(self.disk.as_ref(), &self.folder.join(ADOPT), b"")
    }

    /// Whether the next backup may be of another data folder.
    pub(super) fn is_to_be_adopted(&self) -> Result<bool, BackupError> {
        let path = self.folder.join(ADOPT);
        path.try_exists().map_err(failed("looking for", &path))
    }

    /// The backups, the oldest first, and what of them cannot be read, each named.
    pub fn list(&self) -> Result<(Vec<Summary>, Vec<String>), BackupError> {
        let (mut all, mut damage) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            let path = self.snapshot_path(id);
            // The summary stands first; the list of files behind it may be long.
            let most = self.seal.box_len(SUMMARY_LEN_MAX) as u64;
            let octets = match read_up_to(&path, most) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    damage.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            match read_summary(&self.seal, id, &octets) {
                Ok((summary, _)) => all.push(summary),
                Err(what) => damage.push(format!("{}: {what}", path.display())),
            }
        }
        all.sort_by_key(|summary| (summary.started_at, summary.id));
        Ok((all, damage))
    }

    /// One backup; the latest where none is named.
    pub(super) fn read(&self, id: Option<BackupId>) -> Result<Snapshot, BackupError> {
        let latest = match id {
            Some(id) => Some(id),
            None => self.list()?.0.last().map(|summary| summary.id),
        };
        let found = latest.ok_or(BackupError::NotFound { id })?;
        let path = self.snapshot_path(found);
        if !path.exists() {
            return Err(BackupError::NotFound { id: Some(found) });
        }
        let octets = read_up_to(&path, SNAPSHOT_FILE_MAX).map_err(failed("reading", &path))?;
        Snapshot::read(&self.seal, found, &octets)
            .map_err(|what| BackupError::Damaged { path, what })
    }

    /// The latest of these backups that can be read; what cannot is told.
    pub(super) fn latest(&self, all: &[Summary]) -> Option<Snapshot> {
        all.iter()
            .rev()
            .find_map(|summary| match self.read(Some(summary.id)) {
                Ok(snapshot) => Some(snapshot),
                Err(error) => {
                    warn!(error = told(&error), "a backup cannot be read");
                    None
                }
            })
    }

    /// Whether a backup of that id is there.
    pub fn has(&self, id: BackupId) -> bool {
        self.snapshot_path(id).exists()
    }

    /// Keeps a content of up to [`CHUNK_LEN_MAX`] octets; answers its name. It is durable with the
    /// next commit.
    pub(super) fn put(&mut self, content: &[u8]) -> Result<Name, BackupError> {
        let name = self.seal.name(content);
        let path = self.chunk_path(name);
        if self.known.contains(&name) {
            if self.is_whole(name, content.len()) {
                return Ok(name);
            }
            // It was cut short since; this one takes its place.
            self.known.remove(&name);
        }
        let octets = self.seal.close(CHUNK_MAGIC, &name.0, content)?;
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        if !folder.is_dir() {
            let made = self.disk.make_folder(&folder);
            made.map_err(failed("making", &folder))?;
            self.touched.insert(self.folder.join("chunks"));
        }
        let making = unfinished(&path);
        let written = self.disk.create(&making).and_then(|mut file| {
            file.append(&octets)?;
            Ok(file)
        });
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                let _ = self.disk.remove(&making);
                return Err(failed("writing", &making)(error));
            }
        };
        self.bytes_written += octets.len() as u64;
        self.touched.insert(folder);
        self.known.insert(name);
        self.used.insert(name);
        self.unsynced.push(Unsynced { name, file });
        self.unsynced_bytes += octets.len();
        if self.unsynced.len() >= UNSYNCED_MAX || self.unsynced_bytes >= UNSYNCED_BYTES_MAX {
            self.sync()?;
        }
        Ok(name)
    }

    /// Whether all chunks of a file are there, each as long as it should be. One that is not is
    /// written again when it is next put.
    pub(super) fn has_whole(
        &mut self,
        entry: &FileEntry,
        progress: &Progress,
    ) -> Result<bool, BackupError> {
        let mut left = entry.bytes;
        for name in &entry.chunks.0 {
            progress.go_on()?;
            let length = left.min(u64::from(entry.chunk_bytes));
            left -= length;
            if !self.known.contains(name) {
                return Ok(false);
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if !self.is_whole(*name, length) {
                self.known.remove(name);
                return Ok(false);
            }
        }
        Ok(left == 0)
    }

    /// Whether the file of a chunk is as long as its content makes it, or is still being written.
    fn is_whole(&self, name: Name, content: usize) -> bool {
        let length = fs::metadata(self.chunk_path(name)).map(|found| found.len());
        let whole = self.seal.box_len(content) as u64;
        length.is_ok_and(|length| length == whole)
            || self.unsynced.iter().any(|chunk| chunk.name == name)
    }

    /// Octets that were written since it was opened.
    pub(super) fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// The content of a chunk; an error says what is wrong with it.
    pub(super) fn content(&self, name: Name) -> Result<Vec<u8>, String> {
        let path = self.chunk_path(name);
        let most = self.seal.box_len(CHUNK_LEN_MAX) as u64;
        let octets =
            read_up_to(&path, most.saturating_add(1)).map_err(|error| error.to_string())?;
        let (content, rest) = self
            .seal
            .open(CHUNK_MAGIC, &name.0, &octets, CHUNK_LEN_MAX)?;
        if !rest.is_empty() {
            return Err("there is more behind it than belongs there".to_owned());
        }
        // An encrypted one is bound to its name already.
        if !self.seal.is_encrypted() && self.seal.name(&content) != name {
            return Err("its content is not that of its name".to_owned());
        }
        Ok(content)
    }

    /// Writes a snapshot when all that it names is on the disk. From then on it is a backup.
    pub(super) fn commit(&mut self, snapshot: &Snapshot) -> Result<(), BackupError> {
        self.sync()?;
        for folder in std::mem::take(&mut self.touched) {
            let synced = self.disk.sync_folder(&folder);
            synced.map_err(failed("syncing", &folder))?;
        }
        let octets = snapshot.write(&self.seal)?;
        let path = self.snapshot_path(snapshot.summary.id);
        write_whole(self.disk.as_ref(), &path, &octets)?;
        self.bytes_written += octets.len() as u64;
        self.committed = Some(snapshot.summary.id);
        let adopt = self.folder.join(ADOPT);
        match self.disk.remove(&adopt) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(file = %adopt.display(), %error, "could not be removed");
            }
            _ => {}
        }
        Ok(())
    }

    /// Removes the snapshots that need not be kept, then every chunk that none of the others names.
    pub fn rotate(&mut self, keep: &Keep, progress: &Progress) -> Result<Swept, BackupError> {
        let mut swept = Swept::default();
        let snapshots = self.folder.join("snapshots");
        let surplus = surplus(&self.list()?.0, keep);
        // Where the clock was set back, what was just taken looks old.
        let surplus = surplus.into_iter().filter(|id| Some(*id) != self.committed);
        for id in surplus.collect::<Vec<_>>() {
            progress.go_on()?;
            let path = self.snapshot_path(id);
            self.disk.remove(&path).map_err(failed("removing", &path))?;
            swept.snapshots += 1;
        }
        // Before any chunk of theirs goes.
        let synced = self.disk.sync_folder(&snapshots);
        synced.map_err(failed("syncing", &snapshots))?;
        let chunks = self.sweep(progress)?;
        Ok(Swept {
            snapshots: swept.snapshots,
            ..chunks
        })
    }

    /// Removes every chunk that no snapshot names. Refuses where one cannot be read.
    pub fn sweep(&mut self, progress: &Progress) -> Result<Swept, BackupError> {
        let mut named: HashSet<Name> = HashSet::new();
        for id in self.ids()? {
            progress.go_on()?;
            let snapshot = self
                .read(Some(id))
                .map_err(|error| BackupError::NotSwept { what: told(&error) })?;
            named.extend(snapshot.files.iter().flat_map(|file| &file.chunks.0));
        }
        let mut swept = Swept::default();
        // What was written for a backup that was not finished is of use to the next try.
        named.extend(&self.used);
        let unnamed: Vec<Name> = self.known.difference(&named).copied().collect();
        for name in unnamed {
            progress.go_on()?;
            let path = self.chunk_path(name);
            let bytes = fs::metadata(&path).map_or(0, |found| found.len());
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("removing", &path)(error));
                }
                _ => self.known.remove(&name),
            };
            swept.chunks += 1;
            swept.bytes += bytes;
        }
        Ok(swept)
    }

    /// Goes over every file of the repository: what of it is damaged or missing is named.
    pub fn check(&self, progress: &Progress) -> Result<Checked, BackupError> {
        check::check(self, progress)
    }

    /// Gives the chunks that were written their names, once they are on the disk.
    fn sync(&mut self) -> Result<(), BackupError> {
        self.unsynced_bytes = 0;
        let mut unsynced = std::mem::take(&mut self.unsynced).into_iter();
        let mut failure = None;
        for mut chunk in unsynced.by_ref() {
            let path = self.chunk_path(chunk.name);
            let making = unfinished(&path);
            let placed = chunk
                .file
                .sync()
                .and_then(|()| self.disk.rename(&making, &path));
            if let Err(error) = placed {
                self.let_go(chunk.name);
                failure = Some(failed("syncing", &making)(error));
                break;
            }
        }
        for chunk in unsynced {
            self.let_go(chunk.name);
        }
        failure.map_or(Ok(()), Err)
    }

    /// Forgets a chunk that is not whole.
    fn let_go(&mut self, name: Name) {
        self.known.remove(&name);
        let _ = self.disk.remove(&unfinished(&self.chunk_path(name)));
    }

    /// Notes which chunks there are, and removes what was never finished.
    fn look(&mut self, progress: &Progress) -> Result<(), BackupError> {
        let snapshots = self.folder.join("snapshots");
        for file in listed(&snapshots)? {
            if name_of(&file).ends_with(UNFINISHED) {
                let removed = self.disk.remove(&file);
                removed.map_err(failed("removing", &file))?;
            }
        }
        let chunks = self.folder.join("chunks");
        for folder in listed(&chunks)? {
            progress.go_on()?;
            if !folder.is_dir() {
                continue;
            }
            for file in listed(&folder)? {
                let name = name_of(&file);
                if name.ends_with(UNFINISHED) {
                    let removed = self.disk.remove(&file);
                    removed.map_err(failed("removing", &file))?;
                } else {
                    self.known.extend(Name::parse(&name));
                }
            }
            // A backup that failed may have left names in it that are not durable yet.
            self.touched.insert(folder);
        }
        self.touched.insert(chunks);
        Ok(())
    }

    /// The ids of the snapshots that there are, ascending.
    fn ids(&self) -> Result<BTreeSet<BackupId>, BackupError> {
        let files = listed(&self.folder.join("snapshots"))?;
        let id = |path: &PathBuf| name_of(path).strip_suffix(SNAPSHOT)?.parse().ok();
        Ok(files.iter().filter_map(id).collect())
    }

    fn snapshot_path(&self, id: BackupId) -> PathBuf {
        self.folder
            .join("snapshots")
            .join(format!("{id}{SNAPSHOT}"))
    }

    fn chunk_path(&self, name: Name) -> PathBuf {
        let text = name.to_string();
        let first = text.get(..2).unwrap_or_default();
        self.folder.join("chunks").join(first).join(&text)
    }
}

impl Drop for Repository {
    /// What a backup that failed left is of no use, and would only be removed by the next.
    fn drop(&mut self) {
        for chunk in std::mem::take(&mut self.unsynced) {
            self.let_go(chunk.name);
        }
    }
}

/// Writes a file that is there as a whole or not at all.
pub(super) fn write_whole(disk: &dyn Disk, path: &Path, octets: &[u8]) -> Result<(), BackupError> {
    let making = unfinished(path);
    match disk.remove(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("removing", &making)(error));
        }
        _ => {}
    }
    let written = disk.create(&making).and_then(|mut file| {
        file.append(octets)?;
        file.sync()?;
        disk.rename(&making, path)?;
        disk.sync_folder(path.parent().unwrap_or(path))
    });
    if written.is_err() {
        let _ = disk.remove(&making);
    }
    written.map_err(failed("writing", path))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut octets)?;
    Ok(octets)
}
