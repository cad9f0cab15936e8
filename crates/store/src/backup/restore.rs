//! Making a data folder of a backup, and proving it.
//!
//! Files are written in place, beside a mark that says that they are not all there; a server refuses a
//! folder with that mark. It goes when every chunk was checked, every file was read through by what
//! proves it, and the parts were opened and counted.

use super::error::failed;
use super::repository::Repository;
use super::snapshot::{Counts, FileEntry, Snapshot, Summary};
use super::stage::DOCUMENTS_PATH;
use super::{BackupError, Progress};
use crate::catalog;
use crate::documents::sqlite::{SqliteDocuments, SqliteOptions};
use crate::folder::Folder;
use crate::series::{SeriesOptions, SeriesStore};
use crate::verify::{self, VerifyOptions};
use crate::{OpenError, disk};
use model::{BackupId, Clock};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Damaged places that are named; more are only counted as one.
const NAMED_MAX: usize = 1_000;

/// What is restored, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Which backup; the latest where none is named.
    pub id: Option<BackupId>,
    /// Restores also what is damaged: noughts stand where a chunk cannot be had, and the store sets
    /// aside what they spoil. Else it ends at a damaged chunk.
    pub accept_damage: bool,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// Of which backup.
    pub backup: Summary,
    /// Files.
    pub files: u64,
    /// Octets.
    pub bytes: u64,
    /// What was counted in the restored folder.
    pub counts: Counts,
    /// What of the backup is damaged, each named.
    pub damage: Vec<String>,
    /// Backups that cannot be read, each named, where the latest was asked for: one of them may be later.
    pub unreadable: Vec<String>,
    /// Where the restored folder is not what the backup says, or not sound, each named.
    pub differs: Vec<String>,
}

impl Restored {
    /// Whether the folder is what was backed up.
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.differs.is_empty()
    }
}

/// Restores a backup into a folder that is empty or not there, and proves what it made. Waits for the
/// disk; call it where blocking is allowed.
pub fn restore(
    repository: &Repository,
    into: &Path,
    how: &RestoreOptions,
    clock: &Clock,
    progress: &Progress,
) -> Result<Restored, BackupError> {
    must_be_empty(into)?;
    let unreadable = match how.id {
        Some(_) => Vec::new(),
        None => repository.list()?.1,
    };
    let snapshot = repository.read(how.id)?;
    progress.expect(snapshot.summary.bytes);
    let folder = Folder::begin_restoring(into)?;
    let mut writing = Writing {
        repository,
        into,
        how,
        progress,
        damage: Vec::new(),
        folders: BTreeSet::from([into.to_owned()]),
        bytes: 0,
    };
    for entry in &snapshot.files {
        writing.file(entry)?;
    }
    let Writing {
        damage,
        folders,
        bytes,
        ..
    } = writing;
    for folder in &folders {
        disk::sync_names(folder).map_err(failed("syncing", folder))?;
    }
    let mut differs = Vec::new();
    let counts = prove(&snapshot, into, clock, &mut differs)?;
    let restored = Restored {
        files: snapshot.files.len() as u64,
        backup: snapshot.summary,
        bytes,
        counts,
        damage,
        unreadable,
        differs,
    };
    // A server does not begin on what is not what was kept, unless that was asked for.
    if restored.is_whole() || how.accept_damage {
        folder.end_restoring()?;
    }
    Ok(restored)
}

fn must_be_empty(dir: &Path) -> Result<(), BackupError> {
    if !dir.exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(dir).map_err(failed("listing", dir))?;
    if entries.next().is_some() {
        return Err(BackupError::NotEmpty {
            dir: dir.to_owned(),
        });
    }
    Ok(())
}

/// The files that are being written.
struct Writing<'a> {
    repository: &'a Repository,
    into: &'a Path,
    how: &'a RestoreOptions,
    progress: &'a Progress,
    damage: Vec<String>,
    folders: BTreeSet<PathBuf>,
    bytes: u64,
}

impl Writing<'_> {
    fn file(&mut self, entry: &FileEntry) -> Result<(), BackupError> {
        let Some(path) = place(self.into, &entry.path) else {
            return self.damaged(format!("{}: it is no place in a data folder", entry.path));
        };
        let folder = path.parent().unwrap_or(self.into).to_owned();
        fs::create_dir_all(&folder).map_err(failed("making", &folder))?;
        self.folders.insert(folder);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed("making", &path))?;
        let mut left = entry.bytes;
        for name in &entry.chunks.0 {
            self.progress.go_on()?;
            let length = left.min(u64::from(entry.chunk_bytes));
            let content = match self.repository.content(*name) {
                Ok(content) if content.len() as u64 == length => content,
                found => {
                    let what = found
                        .err()
                        .unwrap_or_else(|| "its length is wrong".to_owned());
                    let at = entry.bytes - left;
                    self.damaged(format!("{} from {at} on: chunk {name}: {what}", entry.path))?;
                    // No more than a chunk may be, as the length was not proven by it.
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    vec![0; length.min(super::repository::CHUNK_LEN_MAX)]
                }
            };
            let written = file.write_all(&content);
            written.map_err(failed("writing", &path))?;
            left = left.saturating_sub(content.len() as u64);
            self.bytes += content.len() as u64;
            self.progress.did(content.len() as u64);
        }
        if left > 0 {
            self.damaged(format!(
                "{}: its last {left} octets are not named",
                entry.path
            ))?;
        }
        file.sync_all().map_err(failed("syncing", &path))
    }

    /// Notes damage, and ends where it is not accepted.
    fn damaged(&mut self, what: String) -> Result<(), BackupError> {
        if self.damage.len() < NAMED_MAX {
            self.damage.push(what);
        }
        if self.how.accept_damage {
            return Ok(());
        }
        Err(BackupError::Torn {
            damage: std::mem::take(&mut self.damage),
        })
    }
}

/// Where a file goes; none where its path leads out of the folder.
fn place(into: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let is_inside = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    (is_inside && path.file_name().is_some()).then(|| into.join(path))
}

/// Reads all that was restored, opens its parts, and compares what is there with what the backup says.
fn prove(
    snapshot: &Snapshot,
    into: &Path,
    clock: &Clock,
    differs: &mut Vec<String>,
) -> Result<Counts, BackupError> {
    let report = verify::folder(into, VerifyOptions { deep: true }, &mut |_| ())?;
    let mut rows: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for file in &report.files {
        rows.insert(&file.path, file.rows);
        let faults = file.damage.iter();
        differs.extend(faults.map(|what| format!("{}: {what}", file.path)));
    }
    for entry in &snapshot.files {
        match (entry.rows, rows.get(entry.path.as_str())) {
            (Some(expected), Some(Some(found))) if *found != expected => differs.push(format!(
                "{}: {found} are in it, {expected} were backed up",
                entry.path
            )),
            (Some(_), None) => differs.push(format!("{}: it was not restored", entry.path)),
            _ => {}
        }
    }
    let mut counts = report.counts;
    // Proven as a server would see it, too.
    let options = SeriesOptions {
        maintain_every: None,
        scrub_bytes_per_sec_max: 0,
        ..SeriesOptions::default()
    };
    let opened = SeriesStore::open(&into.join("series"), options, clock.clone());
    let (series, told) = opened.map_err(OpenError::Series)?;
    counts.series = series.stats().series;
    counts.log_frames = told.frames;
    counts.pack_samples = series.packed_samples();
    drop(series);
    let documents = into.join(DOCUMENTS_PATH);
    if documents.exists() {
        drop(SqliteDocuments::open(
            &documents,
            catalog::ALL,
            &SqliteOptions::default(),
        )?);
    }
    let expected = &snapshot.summary.counts;
    for (what, found, expected) in [
        ("documents", counts.documents, expected.documents),
        ("series", counts.series, expected.series),
        ("polls in the log", counts.log_frames, expected.log_frames),
        (
            "samples in packs",
            counts.pack_samples,
            expected.pack_samples,
        ),
        ("patches", counts.patches, expected.patches),
        ("changes of status", counts.changes, expected.changes),
        ("events", counts.events, expected.events),
    ] {
        if found != expected {
            differs.push(format!("{found} {what}, {expected} were backed up"));
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let into = Path::new("/data");
        for (path, expected) in [
            ("series/log/1.log", Some("/data/series/log/1.log")),
            ("secret.key", Some("/data/secret.key")),
            ("../secret.key", None),
            ("/etc/passwd", None),
            ("series/../../x", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(place(into, path), expected.map(PathBuf::from), "{path}");
        }
    }
}
