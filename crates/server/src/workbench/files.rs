//! A folder of small texts by name, written whole or not at all.

use api::workbench::{Expected, WorkbenchError};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Octets of one text.
const TEXT_LEN_MAX: u64 = 1024 * 1024;

/// A folder of texts.
pub(super) struct Folder {
    path: PathBuf,
    ending: &'static str,
    files_max: usize,
}

impl Folder {
    pub(super) fn new(path: PathBuf, ending: &'static str, files_max: usize) -> Self {
        Self {
            path,
            ending,
            files_max,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.{}", self.ending))
    }

    /// All texts by name. What cannot be read is left out and told in the log.
    pub(super) fn texts(&self) -> Result<BTreeMap<String, String>, WorkbenchError> {
        let mut texts = BTreeMap::new();
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(texts),
            Err(error) => return Err(self.failed("read", &error)),
        };
        for entry in entries.take(self.files_max) {
            let path = entry.map_err(|error| self.failed("read", &error))?.path();
            if path.extension().is_none_or(|ending| ending != self.ending) {
                continue;
            }
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_short = fs::metadata(&path).is_ok_and(|about| about.len() <= TEXT_LEN_MAX);
            match fs::read_to_string(&path) {
                Ok(text) if is_short => drop(texts.insert(name, text)),
                Ok(_) => tracing::warn!("{} is left out: it has more than 1 MiB", path.display()),
                Err(error) => tracing::warn!("{} is left out: {error}", path.display()),
            }
        }
        Ok(texts)
    }

    /// Writes a text; it is on the disk when this comes back.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), WorkbenchError> {
        let count = fs::read_dir(&self.path).map_or(0, Iterator::count);
        if count >= self.files_max && !self.file(name).exists() {
            return Err(WorkbenchError::Conflict(format!(
                "{} are kept at most.",
                self.files_max
            )));
        }
        let written = || -> io::Result<()> {
            fs::create_dir_all(&self.path)?;
            let beside = self.path.join(format!(".{name}.new"));
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, self.file(name))?;
            File::open(&self.path)?.sync_all()
        };
        written().map_err(|error| self.failed("write", &error))
    }

    pub(super) fn delete(&self, what: &'static str, name: &str) -> Result<(), WorkbenchError> {
        // The name comes from a path of the API: nothing beside the folder is touched.
        let is_name = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !is_name || !self.file(name).is_file() {
            return Err(super::not_found(what, name));
        }
        let deleted =
            fs::remove_file(self.file(name)).and_then(|()| File::open(&self.path)?.sync_all());
        deleted.map_err(|error| self.failed("delete", &error))
    }

    fn failed(&self, doing: &str, error: &io::Error) -> WorkbenchError {
        WorkbenchError::Failed(format!(
            "cannot {doing} in {}: {error}",
            self.path.display()
        ))
    }
}

/// A number that is another one where the text is another. Exact in JSON.
pub(super) fn revision(text: &str) -> u64 {
    // FNV-1a, folded to 52 bits.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 12) ^ (hash & 0xfff)
}

/// Whether a change is made to the text that is there.
pub(super) fn expect(expected: Expected, text: &str) -> Result<(), WorkbenchError> {
    match expected {
        Expected::Revision(wanted) if wanted != revision(text) => {
            Err(WorkbenchError::Stale(revision(text)))
        }
        _ => Ok(()),
    }
}
