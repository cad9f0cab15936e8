//! Taking a backup: what goes into one, and in which order.
//!
//! A sample goes from the log to patches or packs, and from patches to packs, and each step is durable
//! before the one before it lets go. So the parts are taken in that order, and a sample that moves
//! meanwhile is taken once or twice, never not at all. First the log is cut, so that all that was
//! acknowledged is in segments that do not change; they and the packs are linked into a staging
//! folder, where deleting does not reach them. Then come the registry, which so knows all series of
//! the log and all that was deleted by range, documents, history and events, each by SQLite's own means as of one moment.

use super::database;
use super::error::{failed, of_database, told};
use super::files::{clear, databases, length_of, link_all, listed, name_of, read_around, remove};
use super::repository::Repository;
use super::snapshot::{Counts, FileEntry, LEFT_OUT_MAX, LeftOut, Names, Snapshot, Summary};
use super::{BackupError, CHUNK_BYTES, DATABASE_CHUNK_BYTES, Progress};
use super::{files, owner};
use crate::disk::RealDisk;
use crate::folder::{Folder, STAGING};
use crate::pack::PackFolder;
use crate::series::SeriesStore;
use crate::series::log::frame;
use crate::{OpenError, Store, StoreOptions};
use model::{BackupId, Clock, Timestamp};
use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::warn;

// Not taken is `foresight/`: what is in it is derived, and learned again of the samples.
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
    /// The id of the data folder.
    folder_id: String,
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

impl About {
    /// A file that is read each time, and nothing in it counted.
    fn plain(path: String) -> Self {
        Self {
            path,
            chunk_bytes: CHUNK_BYTES,
            stamp: String::new(),
            rows: None,
        }
    }
}

impl<'a> Taking<'a> {
    fn new(
        data: &'a Path,
        repository: &'a mut Repository,
        how: &'a TakeOptions,
        progress: &'a Progress,
        clock: &'a Clock,
    ) -> Result<Self, BackupError> {
        let (all, damage) = repository.list()?;
        for what in damage {
            warn!(what, "a backup cannot be read");
        }
        let folder_id = owner::id_of(data)?;
        owner::check(repository, &all, data, &folder_id)?;
        let before = repository.latest(&all);
        let before = before.map(|snapshot| snapshot.files).unwrap_or_default();
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
            folder_id,
            files: Vec::new(),
            counts: Counts::default(),
            left_out: Vec::new(),
        })
    }

    fn run(mut self, source: &Source<'_>) -> Result<Summary, BackupError> {
        clear(&self.staging)?;
        let taken = self.all(source);
        ended(taken, clear(&self.staging))
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
        let id = self.data.join(owner::ID_PATH);
        self.keep_file(About::plain(owner::ID_PATH.to_owned()), &id)?;
        self.commit()
    }

    /// The segments of the log, which are linked.
    fn log(&mut self, folder: &Path) -> Result<(), BackupError> {
        for path in listed(folder)? {
            let octets = match read_around(&path) {
                Ok((octets, 0)) => octets,
                Ok((octets, lost)) => {
                    let why = format!("{lost} of its octets cannot be read, and are noughts");
                    self.leave_out(format!("series/log/{}", name_of(&path)), why);
                    octets
                }
                Err(error) => {
                    let path = format!("series/log/{}", name_of(&path));
                    self.leave_out(path, error.to_string());
                    continue;
                }
            };
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
            if self.as_before(&about)? {
                continue;
            }
            // A sector that cannot be read must not keep all else from being kept.
            if !self.keep_or_leave_out(about, &path)? {
                self.counts.pack_samples -= samples;
            }
        }
        let about = About::plain("series/packs/MANIFEST".to_owned());
        self.keep_file(about, &folder.join("MANIFEST"))
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
        let stamp = database::stamp(from, self.clock.now()).unwrap_or_default();
        let mut about = About {
            path: path.to_owned(),
            chunk_bytes: DATABASE_CHUNK_BYTES,
            stamp,
            rows: None,
        };
        match self.as_before(&about) {
            Ok(true) => {
                let rows = self.files.last().and_then(|entry| entry.rows);
                return Ok(Ok(rows.unwrap_or(0)));
            }
            Ok(false) => {}
            Err(error) => return Ok(Err(error)),
        }
        let copy = self.staging.join("copy.sqlite");
        if let Err(error) = remove(&copy) {
            return Ok(Err(failed("removing", &copy)(error)));
        }
        if let Err(error) = files::look_for_room(from, &self.staging) {
            return Ok(Err(error));
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
        let files = match listed(&from) {
            Ok(files) => files,
            Err(error) => {
                self.leave_out(folder.to_owned(), told(&error));
                return Ok(());
            }
        };
        for path in files.into_iter().take(OPERATORS_FILES_MAX) {
            if path.is_file() {
                let about = About::plain(format!("{folder}/{}", name_of(&path)));
                self.keep_or_leave_out(about, &path)?;
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
        self.keep_file(About::plain(KEY_PATH.to_owned()), &path)
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
            data_folder: Some(self.folder_id.clone()),
            left_out: std::mem::take(&mut self.left_out),
        };
        let snapshot = Snapshot { summary, files };
        self.repository.commit(&snapshot)?;
        if let Err(error) = owner::note(self.data, self.repository) {
            warn!(error = told(&error), "where backups go is not noted");
        }
        Ok(snapshot.summary)
    }

    /// Takes over a file from the latest backup, where it is the same; answers whether it is.
    fn as_before(&mut self, about: &About) -> Result<bool, BackupError> {
        let same = |entry: &&FileEntry| {
            !about.stamp.is_empty()
                && entry.stamp == about.stamp
                && entry.chunk_bytes == about.chunk_bytes
        };
        let Some(entry) = self.before.get(&about.path).filter(same) else {
            return Ok(false);
        };
        if !self.repository.has_whole(entry, self.progress)? {
            return Ok(false);
        }
        self.progress.did(entry.bytes);
        self.files.push(entry.clone());
        Ok(true)
    }

    /// Keeps a file that the rest can be without: where it cannot be read that is told. Answers whether
    /// it was kept; one that went meanwhile is not missed.
    fn keep_or_leave_out(&mut self, about: About, path: &Path) -> Result<bool, BackupError> {
        let named = about.path.clone();
        match self.keep_file(about, path) {
            Ok(()) => Ok(true),
            Err(_) if !path.exists() => Ok(false),
            Err(BackupError::File {
                operation: "opening" | "reading",
                source,
                ..
            }) => {
                self.leave_out(named, source.to_string());
                Ok(false)
            }
            Err(error) => Err(error),
        }
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

/// What became of a backup, where what it gathered was or could not be let go of: once it is there, it
/// is a backup all the same, and the next one tries again.
fn ended(
    taken: Result<Summary, BackupError>,
    cleared: Result<(), BackupError>,
) -> Result<Summary, BackupError> {
    if let Err(error) = cleared {
        warn!(error = told(&error), "what a backup gathered is left");
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::tests::summary;
    use super::*;

    #[test]
    fn what_cannot_be_cleared_away_does_not_undo_a_backup() {
        let failure = || failed("removing", Path::new("x"))(io::ErrorKind::Other.into());
        assert!(ended(Ok(summary(1)), Err(failure())).is_ok());
        assert!(ended(Err(BackupError::Stopped), Err(failure())).is_err());
    }
}
