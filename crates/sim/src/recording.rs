//! Recordings of real agents, played: a folder of `.snmprec` files, each one agent's objects in the
//! format of snmpsim. The name of a file, and of the folders that it is in, is the name that it is
//! asked by.
//!
//! Files are read when they are first asked for, and given up when memory is needed for others.
//! What cannot be read is told by [`Recordings::survey`].

mod line;
mod shelf;

pub use line::{LineError, write as write_line};

use crate::agent::Shown;
use crate::mib::{Mib, Value};
use crate::snapshot::{Snapshot, SnapshotBuilder, SnapshotFull};
use shelf::Shelf;
use std::fs::{DirEntry, File};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Recordings of one folder. There are a few hundred in the largest collections known.
const RECORDINGS_MAX: usize = 100_000;
/// Folders within folders: links may make them endless.
const DEPTH_MAX: usize = 8;
/// Octets of one file. A whole core router is a few megabytes.
const FILE_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Octets of memory for recordings that were read.
const MEMORY_MAX: usize = 256 * 1024 * 1024;
/// How a file must end to be one.
const EXTENSION: &str = ".snmprec";

/// A folder of recordings.
pub struct Recordings {
    // In the order of their names.
    recordings: Vec<(String, Arc<Recording>)>,
}

/// One recording: a [`Mib`] that is read from its file when it is asked. A file that can no longer
/// be read is an agent without objects.
struct Recording {
    path: PathBuf,
    place: usize,
    shelf: Arc<Shelf>,
}

/// Why a folder has no recordings to play.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder cannot be listed.
    #[error("listing {}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nothing to play.
    #[error("there is no {EXTENSION} file in {}", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// There is too much to play.
    #[error("there are over {RECORDINGS_MAX} recordings in {}", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

/// Why a file is not a recording.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused it.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is far longer than recordings are.
    #[error("{} has over {FILE_LEN_MAX} octets", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It holds more than can be held.
    #[error("{}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// How much that is.
        #[source]
        source: SnapshotFull,
    },
}

/// What a file held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Object instances.
    pub objects: usize,
    /// Lines that could not be read, and were left out.
    pub bad_lines: usize,
    /// The first of them, with its number from 1.
    pub first_bad_line: Option<(usize, LineError)>,
    /// Lines that were left out because a later one has the same name.
    pub duplicates: usize,
}

/// Finds the recordings of a folder and of those within it. Their contents are not looked at.
pub fn load(folder: &Path) -> Result<Recordings, LoadError> {
    let mut found = Vec::new();
    list(folder, "", DEPTH_MAX, &mut found)?;
    if found.is_empty() {
        let path = folder.to_owned();
        return Err(LoadError::Empty { path });
    }
    found.sort();
    let shelf = Arc::new(Shelf::new(MEMORY_MAX));
    let recordings = found.into_iter().enumerate().map(|(place, (name, path))| {
        let shelf = Arc::clone(&shelf);
        (name, Arc::new(Recording { path, place, shelf }))
    });
    Ok(Recordings {
        recordings: recordings.collect(),
    })
}

fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), LoadError> {
    let failed = |source| LoadError::List {
        path: folder.to_owned(),
        source,
    };
    let entries: Result<Vec<DirEntry>, _> = std::fs::read_dir(folder).map_err(failed)?.collect();
    for entry in entries.map_err(failed)? {
        let path = entry.path();
        // A name that is not UTF-8 could be no community that anyone types.
        let Some(name) = entry
            .file_name()
            .to_str()
            .map(|name| format!("{prefix}{name}"))
        else {
            continue;
        };
        if path.is_dir() {
            if depth > 0 {
                list(&path, &format!("{name}/"), depth - 1, found)?;
            }
        } else if let Some(name) = name.strip_suffix(EXTENSION) {
            if found.len() >= RECORDINGS_MAX {
                let path = folder.to_owned();
                return Err(LoadError::TooMany { path });
            }
            found.push((name.to_owned(), path));
        }
    }
    Ok(())
}

impl Recordings {
    /// How many there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.recordings.len()
    }

    /// Each by its name, in the order of the names: for agents at addresses of their own.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Arc<dyn Mib>)> {
        self.recordings
            .iter()
            .map(|(name, recording)| (name.as_str(), Arc::clone(recording) as Arc<dyn Mib>))
    }

    /// All of them behind one agent: the community or context picks one by its name.
    pub fn shown(&self) -> Shown {
        let named = self.iter().map(|(name, mib)| (name.to_owned(), mib));
        Shown::ByName(named.collect())
    }

    /// Reads every file once, and keeps none: what each holds, by name.
    pub fn survey(&self) -> impl Iterator<Item = (&str, Result<Survey, ReadError>)> {
        self.recordings.iter().map(|(name, recording)| {
            let survey = read(&recording.path).map(|(_, survey)| survey);
            (name.as_str(), survey)
        })
    }
}

impl Recording {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shelf.get(self.place, || {
            read(&self.path).map_or_else(|_| Snapshot::default(), |(snapshot, _)| snapshot)
        })
    }
}

impl Mib for Recording {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        self.snapshot().get(oid).map(Value::into_owned)
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        self.snapshot().walk(oid, visit);
    }
}

/// Reads a file.
fn read(path: &Path) -> Result<(Snapshot, Survey), ReadError> {
    let io = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let mut text = Vec::new();
    let length = file.take(FILE_LEN_MAX + 1).read_to_end(&mut text);
    if length.map_err(io)? as u64 > FILE_LEN_MAX {
        let path = path.to_owned();
        return Err(ReadError::TooLong { path });
    }
    parse(&text).map_err(|source| ReadError::Full {
        path: path.to_owned(),
        source,
    })
}

/// Reads the text of a recording. No text is refused: lines that cannot be read are counted and left
/// out.
pub fn parse(text: &[u8]) -> Result<(Snapshot, Survey), SnapshotFull> {
    let mut builder = SnapshotBuilder::default();
    let mut survey = Survey::default();
    let mut name = Vec::new();
    for (line, number) in text.split(|&octet| octet == b'\n').zip(1..) {
        match line::read(line, &mut name) {
            Ok(None) => {}
            Ok(Some(value)) => builder.push(&name, &value)?,
            Err(error) => {
                survey.bad_lines += 1;
                survey.first_bad_line.get_or_insert((number, error));
            }
        }
    }
    let (snapshot, duplicates) = builder.finish();
    survey.objects = snapshot.len();
    survey.duplicates = duplicates;
    Ok((snapshot, survey))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_any_order_with_what_cannot_be_read() {
        let text = b"1.3.9|2|1\n1.3.10|2|2\r\n\n# so\n1.3.2|4|first\nnothing\n1.3.9|2|3\n1.3.9|2|x";
        let (snapshot, survey) = parse(text).unwrap();
        assert_eq!(
            survey,
            Survey {
                objects: 3,
                bad_lines: 2,
                first_bad_line: Some((6, LineError::Form)),
                duplicates: 1,
            }
        );
        assert_eq!(snapshot.get(&[1, 3, 9]), Some(Value::Integer(3)));
    }

    #[test]
    fn a_folder_with_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("site")).unwrap();
        for (file, text) in [
            ("switch.snmprec", "1.3.6.1.2.1.1.5.0|4|switch"),
            ("site/router.snmprec", "1.3.6.1.2.1.1.5.0|4|router"),
            ("notes.txt", "no recording"),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let recordings = load(folder.path()).unwrap();
        let names: Vec<_> = recordings.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["site/router", "switch"]);
        for (name, mib) in recordings.iter() {
            let said = mib.get(&[1, 3, 6, 1, 2, 1, 1, 5, 0]);
            let expected = name.rsplit('/').next().unwrap();
            assert_eq!(
                said,
                Some(Value::OctetString(expected.as_bytes().into())),
                "{name}"
            );
        }
        std::fs::remove_file(folder.path().join("switch.snmprec")).unwrap();
        let survey: Vec<_> = recordings.survey().map(|(_, survey)| survey).collect();
        assert!(matches!(
            survey.as_slice(),
            [Ok(Survey { objects: 1, .. }), Err(ReadError::Io { .. })]
        ));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(load(empty.path()), Err(LoadError::Empty { .. })));
        assert!(matches!(
            load(&empty.path().join("none")),
            Err(LoadError::List { .. })
        ));
    }
}
