//! Taking a backup: what goes into one, and in which order.
//!
//! A sample goes from the log to patches or packs, and from patches to packs, and each step is durable
//! before the one before it lets go. So the parts are taken in that order, and a sample that moves
//! meanwhile is taken once or twice, never not at all. First the log is cut, so that all that was
//! acknowledged is in segments that do not change; they and the packs are linked into a staging
//! folder, where deleting does not reach them. Then come the registry, which so knows all series of
//! the log and all that was deleted by range, documents, history and events, each by SQLite's own means as of one moment.

use super::database;
use super::error::{failed, of_database};
use super::repository::Repository;
use super::snapshot::{Counts, FileEntry, LEFT_OUT_MAX, LeftOut, Names, Snapshot, Summary};
use super::{BackupError, CHUNK_BYTES, DATABASE_CHUNK_BYTES, Progress};
use crate::disk::RealDisk;
use crate::folder::{Folder, STAGING};
use crate::pack::PackFolder;
use crate::series::SeriesStore;
use crate::series::log::frame;
use crate::{OpenError, Store, StoreOptions};
use model::{BackupId, Clock, Timestamp};
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::warn;

/// Folders of the operator's own files in the data folder, which are taken as they are.
const OPERATORS: [&str; 2] = ["mibs", "profiles"];
/// Files of these folders that are taken: those of the operator are a few hundred at most.
const OPERATORS_FILES_MAX: usize = 10_000;

/// The key that seals secrets, in the data folder and in a backup.
const KEY_PATH: &str = "secret.key";
/// Where the documents are in a backup.
pub(super) const DOCUMENTS_PATH: &str = "documents.sqlite3";
/// Where the registry of series is.
const REGISTRY_PATH: &str = "series/series.sqlite";

/// What a backup is taken of and as.
#[derive(Clone, Debug)]
pub struct TakeOptions {
    /// The id that it is to have.
    pub id: BackupId,
    /// The version of the server, which is written down.
    pub version: String,
    /// The key file that secrets are sealed under, where it is not the one in the data folder.
    pub key_file: Option<PathBuf>,
}

/// Takes a backup of a store that is in use. All that was acknowledged before the call is in it. Where
/// it fails, no backup is there that was not before, and the next one goes on with the chunks that
/// were written. Reads and writes files: call it where blocking is allowed.
pub fn take(
    store: &Store,
    clock: &Clock,
    into: &mut Repository,
    how: &TakeOptions,
    progress: &Progress,
) -> Result<Summary, BackupError> {
    let source = Source::Running(&store.series);
    Taking::new(store.dir(), into, how, progress, clock)?.run(&source)
}

/// Takes a backup of a data folder that no server has; it is locked meanwhile.
pub fn take_stopped(
    options: &StoreOptions,
    clock: &Clock,
    into: &mut Repository,
    how: &TakeOptions,
    progress: &Progress,
) -> Result<Summary, BackupError> {
    if !options.dir.is_dir() {
        let source = io::ErrorKind::NotFound.into();
        return Err(failed("opening", &options.dir)(source));
    }
    let folder = Folder::open(&options.dir)?;
    Taking::new(folder.path(), into, how, progress, clock)?.run(&Source::Stopped)
}

/// Whether a server has the data folder open.
pub fn is_in_use(dir: &Path) -> Result<bool, BackupError> {
    match Folder::open(dir) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Where the log and the packs are had from.
enum Source<'a> {
    /// Of a store that moves them meanwhile.
    Running(&'a SeriesStore),
    /// Nobody moves them.
    Stopped,
}

/// A backup that is being taken.
struct Taking<'a> {
    data: &'a Path,
    staging: PathBuf,
    repository: &'a mut Repository,
    how: &'a TakeOptions,
    progress: &'a Progress,
    clock: &'a Clock,
    started_at: Timestamp,
    written_before: u64,
    /// The files of the latest backup, by path.
    before: HashMap<String, FileEntry>,
    files: Vec<FileEntry>,
    counts: Counts,
    left_out: Vec<LeftOut>,
}

/// What is known of a file before it is read.
struct About {
    path: String,
    chunk_bytes: u32,
    stamp: String,
    rows: Option<u64>,
}

impl<'a> Taking<'a> {
    fn new(
        data: &'a Path,
        repository: &'a mut Repository,
        how: &'a TakeOptions,
        progress: &'a Progress,
        clock: &'a Clock,
    ) -> Result<Self, BackupError> {
        let before = match repository.read(None) {
            Ok(snapshot) => snapshot.files,
            Err(BackupError::NotFound { .. }) => Vec::new(),
            Err(error @ BackupError::Damaged { .. }) => {
                // It is told by checking; all is read anew.
                warn!(%error, "the latest backup cannot be read");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let written_before = repository.bytes_written();
        Ok(Self {
            data,
            staging: data.join(STAGING),
            repository,
            how,
            progress,
            clock,
            started_at: clock.now(),
            written_before,
            before: before
                .into_iter()
                .map(|entry| (entry.path.clone(), entry))
                .collect(),
            files: Vec::new(),
            counts: Counts::default(),
            left_out: Vec::new(),
        })
    }

    fn run(mut self, source: &Source<'_>) -> Result<Summary, BackupError> {
        clear(&self.staging)?;
        let taken = self.all(source);
        let cleared = clear(&self.staging);
        let summary = taken?;
        cleared?;
        Ok(summary)
    }

    fn all(&mut self, source: &Source<'_>) -> Result<Summary, BackupError> {
        let (log, packs) = (self.staging.join("log"), self.staging.join("packs"));
        for folder in [&self.staging, &log, &packs] {
            // Copies of documents are in it for a while.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(failed("making", folder))?;
        }
        self.progress.expect(length_of(self.data, &self.staging));
        let series = self.data.join("series");
        // What is deleted by range is hidden by the registry until patches and packs were written again,
        // so these are taken as of one moment.
        let between_passes = match source {
            Source::Running(store) => Some(store.between_passes()),
            Source::Stopped => None,
        };
        match source {
            Source::Running(store) => store.link_log(&log)?,
            Source::Stopped => link_all(&series.join("log"), &log)?,
        }
        for day in databases(&series.join("blocks"))? {
            let rows = self.day("series/blocks", &day, "SELECT count(*) FROM block")?;
            self.counts.patches += rows;
        }
        match source {
            Source::Running(store) => store.link_packs(&packs)?,
            Source::Stopped => link_all(&series.join("packs"), &packs)?,
        }
        self.counts.series = self.database(REGISTRY_PATH, "SELECT count(*) FROM series")?;
        drop(between_passes);
        self.log(&log)?;
        self.packs(&packs)?;
        let documents = "SELECT coalesce(sum(documents), 0) FROM collections";
        self.counts.documents = self.database(DOCUMENTS_PATH, documents)?;
        for month in databases(&self.data.join("history"))? {
            let rows = self.day("history", &month, "SELECT count(*) FROM change")?;
            self.counts.changes += rows;
        }
        for day in databases(&self.data.join("events"))? {
            let rows = self.day("events", &day, "SELECT count(*) FROM event")?;
            self.counts.events += rows;
        }
        for folder in OPERATORS {
            self.operators(folder)?;
        }
        self.key()?;
        self.commit()
    }

    /// The segments of the log, which are linked.
    fn log(&mut self, folder: &Path) -> Result<(), BackupError> {
        for path in listed(folder)? {
            let octets = fs::read(&path).map_err(failed("reading", &path))?;
            let mut frames = 0;
            let behind = octets.get(frame::HEADER_LEN..).unwrap_or_default();
            frame::scan(behind, |seen| {
                frames += u64::from(matches!(seen, frame::Seen::Frame { .. }));
            });
            self.counts.log_frames += frames;
            let about = About {
                path: format!("series/log/{}", name_of(&path)),
                chunk_bytes: CHUNK_BYTES,
                // Numbers are given again after a start without segments.
                stamp: String::new(),
                rows: Some(frames),
            };
            self.keep(about, octets.as_slice())?;
        }
        Ok(())
    }

    /// The packs, which are linked, and a manifest of them.
    fn packs(&mut self, folder: &Path) -> Result<(), BackupError> {
        // It makes the manifest agree with what was linked.
        let packs = PackFolder::open(Arc::new(RealDisk), folder)
            .map_err(|error| BackupError::Series(error.into()))?;
        for damage in packs.damage() {
            let path = damage.path.strip_prefix(folder).unwrap_or(&damage.path);
            let path = format!("series/packs/{}", path.display());
            self.leave_out(path, damage.what);
        }
        for meta in packs.list().iter() {
            let path = meta.id.path(folder);
            let samples = meta.totals.samples;
            self.counts.pack_samples += samples;
            let about = About {
                path: format!("series/packs/{}/{}", meta.id.day(), meta.id.file_name()),
                chunk_bytes: CHUNK_BYTES,
                // A pack never changes, and its name is never given twice.
                stamp: format!("{} {:08x}", meta.bytes, meta.crc),
                rows: Some(samples),
            };
            if self.as_before(&about) {
                continue;
            }
            match self.keep_file(about, &path) {
                // A sector that cannot be read must not keep all else from being kept.
                Err(BackupError::File {
                    operation: "reading",
                    source,
                    ..
                }) => {
                    self.counts.pack_samples -= samples;
                    self.leave_out(
                        format!("series/packs/{}/{}", meta.id.day(), meta.id.file_name()),
                        source.to_string(),
                    );
                }
                kept => kept?,
            }
        }
        let manifest = folder.join("MANIFEST");
        let about = About {
            path: "series/packs/MANIFEST".to_owned(),
            chunk_bytes: CHUNK_BYTES,
            stamp: String::new(),
            rows: None,
        };
        self.keep_file(about, &manifest)
    }

    /// A file of SQLite that a store cannot do without; answers its rows. One that is not there yet
    /// has none.
    fn database(&mut self, path: &str, count: &str) -> Result<u64, BackupError> {
        let from = self.data.join(path);
        if !from.exists() {
            return Ok(0);
        }
        self.copied(path, &from, count)
            .map_err(of_database("copying", &from))?
    }

    /// A day or a month of many; answers its rows. One that cannot be copied is left out and told.
    fn day(&mut self, folder: &str, from: &Path, count: &str) -> Result<u64, BackupError> {
        let path = format!("{folder}/{}", name_of(from));
        match self.copied(&path, from, count) {
            Ok(kept) => kept,
            // It went for its age, or into packs, after it was listed.
            Err(_) if !from.exists() => Ok(0),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
                Err(of_database("copying", from)(error))
            }
            Err(error) => {
                self.leave_out(path, error.to_string());
                Ok(0)
            }
        }
    }

    /// Copies a file of SQLite, keeps the copy and answers its rows. The outer error is that of
    /// copying.
    fn copied(
        &mut self,
        path: &str,
        from: &Path,
        count: &str,
    ) -> rusqlite::Result<Result<u64, BackupError>> {
        if let Err(stopped) = self.progress.go_on() {
            return Ok(Err(stopped.into()));
        }
        // Before it is copied: what is written meanwhile then shows the next time.
        let stamp = database::stamp(from).unwrap_or_default();
        let mut about = About {
            path: path.to_owned(),
            chunk_bytes: DATABASE_CHUNK_BYTES,
            stamp,
            rows: None,
        };
        if self.as_before(&about) {
            return Ok(Ok(self
                .files
                .last()
                .and_then(|entry| entry.rows)
                .unwrap_or(0)));
        }
        let copy = self.staging.join("copy.sqlite");
        if let Err(error) = remove(&copy) {
            return Ok(Err(failed("removing", &copy)(error)));
        }
        let rows = database::copy(from, &copy, count);
        let kept = match rows {
            Ok(rows) => {
                about.rows = Some(rows);
                Ok(self.keep_file(about, &copy).map(|()| rows))
            }
            Err(error) => Err(error),
        };
        // A failure shows the next time.
        let _ = remove(&copy);
        kept
    }

    /// The files of a folder of the operator's own.
    fn operators(&mut self, folder: &str) -> Result<(), BackupError> {
        let from = self.data.join(folder);
        if !from.is_dir() {
            return Ok(());
        }
        for path in listed(&from)?.into_iter().take(OPERATORS_FILES_MAX) {
            let about = About {
                path: format!("{folder}/{}", name_of(&path)),
                chunk_bytes: CHUNK_BYTES,
                stamp: String::new(),
                rows: None,
            };
            if path.is_file() {
                match self.keep_file(about, &path) {
                    // It went meanwhile.
                    Err(_) if !path.exists() => {}
                    kept => kept?,
                }
            }
        }
        Ok(())
    }

    /// The key that secrets are sealed under goes into an encrypted backup alone: who found it beside
    /// the documents would have all secrets.
    fn key(&mut self) -> Result<(), BackupError> {
        let path = self.how.key_file.clone();
        let path = path.unwrap_or_else(|| self.data.join(KEY_PATH));
        if !path.exists() {
            return Ok(());
        }
        if !self.repository.is_encrypted() {
            let why = "the backup is not encrypted: keep a copy of the key elsewhere";
            self.leave_out(KEY_PATH.to_owned(), why.to_owned());
            return Ok(());
        }
        let about = About {
            path: KEY_PATH.to_owned(),
            chunk_bytes: CHUNK_BYTES,
            stamp: String::new(),
            rows: None,
        };
        self.keep_file(about, &path)
    }

    fn commit(&mut self) -> Result<Summary, BackupError> {
        self.progress.go_on()?;
        let files = std::mem::take(&mut self.files);
        let summary = Summary {
            id: self.how.id,
            started_at: self.started_at,
            ended_at: self.clock.now(),
            version: self.how.version.clone(),
            encrypted: self.repository.is_encrypted(),
            files: files.len() as u64,
            bytes: files.iter().map(|entry| entry.bytes).sum(),
            bytes_written: self.repository.bytes_written() - self.written_before,
            counts: self.counts,
            left_out: std::mem::take(&mut self.left_out),
        };
        let snapshot = Snapshot { summary, files };
        self.repository.commit(&snapshot)?;
        Ok(snapshot.summary)
    }

    /// Takes over a file from the latest backup, where it is the same; answers whether it is.
    fn as_before(&mut self, about: &About) -> bool {
        let same = |entry: &&FileEntry| {
            !about.stamp.is_empty()
                && entry.stamp == about.stamp
                && entry.chunk_bytes == about.chunk_bytes
        };
        let Some(entry) = self.before.get(&about.path).filter(same) else {
            return false;
        };
        if !self.repository.has_all(&entry.chunks.0) {
            return false;
        }
        self.progress.did(entry.bytes);
        self.files.push(entry.clone());
        true
    }

    fn keep_file(&mut self, about: About, path: &Path) -> Result<(), BackupError> {
        let file = File::open(path).map_err(failed("opening", path))?;
        self.keep(about, file)
    }

    /// Keeps a content chunk by chunk.
    fn keep(&mut self, about: About, mut content: impl io::Read) -> Result<(), BackupError> {
        let (mut chunks, mut bytes, mut chunk) = (Vec::new(), 0, Vec::new());
        loop {
            self.progress.go_on()?;
            chunk.clear();
            let read = content
                .by_ref()
                .take(u64::from(about.chunk_bytes))
                .read_to_end(&mut chunk);
            read.map_err(failed("reading", &self.data.join(&about.path)))?;
            if chunk.is_empty() {
                break;
            }
            chunks.push(self.repository.put(&chunk)?);
            bytes += chunk.len() as u64;
            self.progress.did(chunk.len() as u64);
        }
        self.files.push(FileEntry {
            path: about.path,
            bytes,
            chunk_bytes: about.chunk_bytes,
            stamp: about.stamp,
            rows: about.rows,
            chunks: Names(chunks),
        });
        Ok(())
    }

    fn leave_out(&mut self, path: String, why: String) {
        if path != KEY_PATH {
            warn!(path, why, "left out of the backup");
        }
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(LeftOut { path, why });
        }
    }
}

/// Gives the files of a folder, and of folders in it, names in another one too.
fn link_all(from: &Path, to: &Path) -> Result<(), BackupError> {
    if !from.is_dir() {
        return Ok(());
    }
    for path in listed(from)? {
        let name = name_of(&path);
        let into = to.join(&name);
        if path.is_dir() {
            fs::create_dir_all(&into).map_err(failed("making", &into))?;
            link_all(&path, &into)?;
        } else if name == "MANIFEST" {
            // It is written to where it is, once there is a server again.
            fs::copy(&path, &into).map_err(failed("copying", &path))?;
        } else if [".log", ".pack"].iter().any(|end| name.ends_with(end)) {
            crate::disk::link(&path, &into).map_err(failed("linking", &path))?;
        }
    }
    Ok(())
}

/// The files of SQLite in a folder that are a day or a month, in order. What was set aside as damaged
/// has another end to its name.
fn databases(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = listed(folder)?;
    files.retain(|path| path.extension().is_some_and(|end| end == "sqlite"));
    Ok(files)
}

/// Octets of all files of a folder and those in it but for one of these; as far as can be seen.
fn length_of(folder: &Path, but: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let mut bytes = 0;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        bytes += match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() && path != but => length_of(&path, but),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
    }
    bytes
}

/// Removes a staging folder with all that is in it.
fn clear(staging: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", staging)(error))
        }
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(database::beside(path, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What is in a folder, in order.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(folder).map_err(failed("listing", folder))?;
    let paths: io::Result<Vec<PathBuf>> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = paths.map_err(failed("listing", folder))?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
