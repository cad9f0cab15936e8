//! Looking over a data folder that nobody has open: documents, registry, packs, log, patches, history,
//! events. Nothing is changed; what a start would mend or set aside is only told.
//!
//! What SQLite does with a file that it opens is done all the same: a transaction that a crash cut
//! short is taken back.

mod database;

use crate::OpenError;
use crate::backup::Counts;
use crate::folder::Folder;
use crate::pack::{self, Damage};
use crate::series::log::frame::{self, Seen};
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Damage of one file that is named; more is only counted.
const NAMED_MAX: usize = 1_000;

/// How a folder is looked over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Reads all: each row and each column with its checksum. Else what holds files together is looked
    /// at: their ends, their pages, their lists; and the log, of which all is read in either way.
    pub deep: bool,
}

/// A file, and what was found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Which, from the data folder on.
    pub path: String,
    /// Octets.
    pub bytes: u64,
    /// Documents, series, rows, polls or samples in it; none where they are not counted.
    pub rows: Option<u64>,
    /// How much of it is damaged.
    pub damaged: u64,
    /// What is damaged, the first thousand.
    pub damage: Vec<String>,
    /// What is out of the ordinary and does no harm.
    pub notes: Vec<String>,
}

impl FileReport {
    fn note_damage(&mut self, what: String) {
        self.damaged += 1;
        if self.damage.len() < NAMED_MAX {
            self.damage.push(what);
        }
    }
}

/// What was found of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Each file.
    pub files: Vec<FileReport>,
    /// Octets of them.
    pub bytes: u64,
    /// How much of them is damaged.
    pub damaged: u64,
    /// How much there is. Rows of SQLite are counted where it was looked over deeply.
    pub counts: Counts,
}

/// A folder could not be looked over.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is in use, or is not there.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A folder could not be read.
    #[error("reading {path} failed")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Looks over a data folder, which is locked meanwhile; each file is handed to `each` when it is done.
/// Waits for the disk.
pub fn verify(
    dir: &Path,
    how: VerifyOptions,
    each: &mut dyn FnMut(&FileReport),
) -> Result<Report, VerifyError> {
    // A folder that is not there is not made.
    fs::read_dir(dir).map_err(failed(dir))?;
    let _folder = Folder::open(dir)?;
    folder(dir, how, each)
}

/// The same of a folder that is locked already.
pub(crate) fn folder(
    dir: &Path,
    how: VerifyOptions,
    each: &mut dyn FnMut(&FileReport),
) -> Result<Report, VerifyError> {
    let mut looking = Looking {
        dir,
        deep: how.deep,
        each,
        report: Report::default(),
    };
    looking.all()?;
    Ok(looking.report)
}

/// A folder that is being looked over.
struct Looking<'a> {
    dir: &'a Path,
    deep: bool,
    each: &'a mut dyn FnMut(&FileReport),
    report: Report,
}

impl Looking<'_> {
    fn all(&mut self) -> Result<(), VerifyError> {
        let deep = self.deep;
        let documents = self.dir.join("documents.sqlite3");
        if let Some(file) = self.file(&documents) {
            let rows = self.done(database::documents(&documents, deep, file));
            self.report.counts.documents = rows;
        }
        let registry = self.dir.join("series/series.sqlite");
        if let Some(file) = self.file(&registry) {
            let rows = self.done(database::registry(&registry, deep, file));
            self.report.counts.series = rows;
        }
        for path in self.databases("series/blocks")? {
            if let Some(file) = self.file(&path) {
                let rows = self.done(database::blocks(&path, deep, file));
                self.report.counts.patches += rows;
            }
        }
        self.packs()?;
        self.log()?;
        for path in self.databases("history")? {
            if let Some(file) = self.file(&path) {
                let rows = self.done(database::history(&path, deep, file));
                self.report.counts.changes += rows;
            }
        }
        for path in self.databases("events")? {
            if let Some(file) = self.file(&path) {
                let rows = self.done(database::events(&path, deep, file));
                self.report.counts.events += rows;
            }
        }
        Ok(())
    }

    fn packs(&mut self) -> Result<(), VerifyError> {
        let folder = self.dir.join("series/packs");
        if !folder.is_dir() {
            return Ok(());
        }
        let deep = self.deep;
        let dir = self.dir;
        let mut found = Vec::new();
        let looked = pack::inspect(&folder, deep, &mut |inspected| found.push(inspected));
        for inspected in found {
            let mut file = FileReport {
                path: relative(dir, &inspected.path),
                bytes: inspected.bytes,
                rows: inspected.samples,
                notes: inspected.notes,
                ..FileReport::default()
            };
            for damage in inspected.damage {
                file.note_damage(without_path(&damage));
            }
            self.report.counts.pack_samples += inspected.samples.unwrap_or(0);
            self.done(file);
        }
        looked.map_err(|error| {
            let source = io::Error::other(error);
            failed(&folder)(source)
        })
    }

    fn log(&mut self) -> Result<(), VerifyError> {
        let folder = self.dir.join("series/log");
        for path in listed(&folder)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Some(digits) = name.strip_suffix(".log") else {
                continue;
            };
            let number = u64::from_str_radix(digits, 16).ok();
            let Some(file) = self.file(&path) else {
                continue;
            };
            let found = match fs::read(&path) {
                Ok(octets) => segment(number, &octets, file),
                Err(error) => {
                    let mut file = file;
                    file.note_damage(format!("it cannot be read: {error}"));
                    file
                }
            };
            let rows = self.done(found);
            self.report.counts.log_frames += rows;
        }
        Ok(())
    }

    /// What is known of a file before it is looked at; none where it is not there.
    fn file(&self, path: &Path) -> Option<FileReport> {
        let bytes = fs::metadata(path).ok()?.len();
        Some(FileReport {
            path: relative(self.dir, path),
            bytes,
            ..FileReport::default()
        })
    }

    /// Takes in what was found of a file; answers its rows.
    fn done(&mut self, file: FileReport) -> u64 {
        (self.each)(&file);
        self.report.bytes += file.bytes;
        self.report.damaged += file.damaged;
        let rows = file.rows.unwrap_or(0);
        self.report.files.push(file);
        rows
    }

    /// The days or months of a folder, in order.
    fn databases(&self, folder: &str) -> Result<Vec<PathBuf>, VerifyError> {
        let mut files = listed(&self.dir.join(folder))?;
        files.retain(|path| path.extension().is_some_and(|end| end == "sqlite"));
        Ok(files)
    }
}

/// Looks over a segment of the log.
fn segment(number: Option<u64>, octets: &[u8], mut file: FileReport) -> FileReport {
    if octets.is_empty() {
        return file;
    }
    if number.is_none() || frame::parse_header(octets) != number {
        file.note_damage("its header is damaged".to_owned());
    }
    let behind = octets.get(frame::HEADER_LEN..).unwrap_or_default();
    let mut frames = 0;
    frame::scan(behind, |seen| match seen {
        Seen::Frame { .. } => frames += 1,
        Seen::Damaged { offset, length } => {
            let at = offset + frame::HEADER_LEN;
            file.note_damage(format!("{length} octets at {at} are damaged"));
        }
        Seen::Torn { offset, length } => {
            let at = offset + frame::HEADER_LEN;
            let rest = behind.get(offset..).unwrap_or_default();
            if frame::is_cut_short(rest) {
                file.notes.push(format!(
                    "the last {length} octets, from {at}, were torn off"
                ));
            } else {
                file.note_damage(format!("the last {length} octets, from {at}, are damaged"));
            }
        }
    });
    file.rows = Some(frames);
    file
}

/// The path of a file from the data folder on.
fn relative(dir: &Path, path: &Path) -> String {
    let path = path.strip_prefix(dir).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// Damage of a pack, in words, without the name of its file.
fn without_path(damage: &Damage) -> String {
    let text = damage.to_string();
    let path = damage.path.display().to_string();
    let rest = text.strip_prefix(&path).unwrap_or(&text);
    rest.trim_start_matches([':', ',', ' ']).to_owned()
}

/// What is in a folder, in order; nothing where it is not there.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(folder))?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = paths.map_err(failed(folder))?;
    paths.sort();
    Ok(paths)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    let path = path.to_owned();
    move |source| VerifyError::Read { path, source }
}
