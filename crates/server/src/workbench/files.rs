//! A folder of small texts by name, written whole or not at all.

use api::workbench::{Expected, WorkbenchError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
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

    /// The names of all texts.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, WorkbenchError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(self.failed("read", &error)),
        };
        let paths = entries.take(self.files_max).filter_map(Result::ok);
        let names = paths.filter_map(|entry| {
            let path = entry.path();
            let is_ours = path.extension().is_some_and(|ending| ending == self.ending);
            let name = path.file_stem()?.to_str()?;
            (is_ours && is_name(name)).then(|| name.to_owned())
        });
        Ok(names.collect())
    }

    /// One text; none where there is none of that name. What is no text is read as far as it is.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, WorkbenchError> {
        if !is_name(name) {
            return Ok(None);
        }
        let read = || -> io::Result<Vec<u8>> {
            let mut octets = Vec::new();
            let file = File::open(self.file(name))?;
            file.take(TEXT_LEN_MAX).read_to_end(&mut octets)?;
            Ok(octets)
        };
        match read() {
            Ok(octets) => Ok(Some(String::from_utf8_lossy(&octets).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", &error)),
        }
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
        if !is_name(name) || !self.file(name).is_file() {
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

/// Whether a name may be that of a file. It comes from a path of the API: nothing beside the folder is
/// touched.
fn is_name(name: &str) -> bool {
    let is_fitting = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(is_fitting)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_whole_and_nothing_beside_the_folder_is_touched() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("secret.toml"), "x").unwrap();
        let folder = Folder::new(place.path().join("profiles"), "toml", 2);
        assert_eq!(folder.names(), Ok(BTreeSet::new()));
        assert_eq!(folder.text("a"), Ok(None));
        folder.write("a", "one").unwrap();
        folder.write("b", "two").unwrap();
        assert!(matches!(
            folder.write("c", "three"),
            Err(WorkbenchError::Conflict(_))
        ));
        folder.write("a", "again").unwrap();
        assert_eq!(folder.text("a"), Ok(Some("again".to_owned())));
        assert_eq!(folder.names().unwrap().len(), 2);
        for name in ["../secret", "..", "", "a/b", "a.toml", "ä"] {
            assert_eq!(folder.text(name), Ok(None), "{name}");
            assert!(folder.delete("profile", name).is_err(), "{name}");
        }
        folder.delete("profile", "a").unwrap();
        assert_eq!(folder.text("a"), Ok(None));
        assert!(place.path().join("secret.toml").exists());
    }

    #[test]
    fn revisions() {
        assert_ne!(revision("a"), revision("b"));
        assert!(revision("whatever") < 1 << 53, "exact in JSON");
        assert_eq!(expect(Expected::Any, "a"), Ok(()));
        assert_eq!(expect(Expected::Revision(revision("a")), "a"), Ok(()));
        let stale = expect(Expected::Revision(7), "a");
        assert_eq!(stale, Err(WorkbenchError::Stale(revision("a"))));
    }
}
