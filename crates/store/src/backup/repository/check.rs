//! Going over every file of a repository.

use super::super::error::told;
use super::super::files::{listed, name_of};
use super::super::seal::Name;
use super::super::{BackupError, Progress};
use super::{Repository, UNFINISHED};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Damage that is named; more is only counted.
const NAMED_MAX: usize = 1_000;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Snapshots that there are.
    pub snapshots: u64,
    /// Chunks that there are.
    pub chunks: u64,
    /// Octets that were read.
    pub bytes: u64,
    /// How much is damaged or missing.
    pub damaged: u64,
    /// What is damaged or missing, the first thousand.
    pub damage: Vec<String>,
}

impl Checked {
    fn note(&mut self, what: String) {
        self.damaged += 1;
        if self.damage.len() < NAMED_MAX {
            self.damage.push(what);
        }
    }
}

pub(super) fn check(repository: &Repository, progress: &Progress) -> Result<Checked, BackupError> {
    let mut checked = Checked::default();
    // Of each chunk that is named, a file that needs it.
    let mut named: BTreeMap<Name, String> = BTreeMap::new();
    for file in listed(&repository.folder.join("snapshots"))? {
        let name = name_of(&file);
        if name.ends_with(UNFINISHED) {
            continue;
        }
        let id = name
            .strip_suffix(super::SNAPSHOT)
            .and_then(|id| id.parse().ok());
        let Some(id) = id else {
            checked.note(format!("{}: it has no name of ours", file.display()));
            continue;
        };
        checked.snapshots += 1;
        checked.bytes += fs::metadata(&file).map_or(0, |found| found.len());
        match repository.read(Some(id)) {
            Ok(snapshot) => {
                for entry in snapshot.files {
                    for chunk in entry.chunks.0 {
                        named
                            .entry(chunk)
                            .or_insert_with(|| format!("{} of backup {id}", entry.path));
                    }
                }
            }
            // It was rotated away meanwhile.
            Err(BackupError::NotFound { .. }) => {}
            Err(error) => checked.note(told(&error)),
        }
    }
    let mut found = BTreeSet::new();
    let mut bytes = 0;
    for folder in listed(&repository.folder.join("chunks"))? {
        if !folder.is_dir() {
            checked.note(format!("{}: it has no name of ours", folder.display()));
            continue;
        }
        for file in listed(&folder)? {
            let name = name_of(&file);
            if !name.ends_with(UNFINISHED) {
                match Name::parse(&name) {
                    Some(name) => {
                        found.insert(name);
                        bytes += fs::metadata(&file).map_or(0, |found| found.len());
                    }
                    None => checked.note(format!("{}: it has no name of ours", file.display())),
                }
            }
        }
    }
    progress.expect(bytes);
    for name in &found {
        progress.go_on()?;
        checked.chunks += 1;
        match repository.content(*name) {
            Ok(content) => {
                let length = repository.seal.box_len(content.len()) as u64;
                checked.bytes += length;
                progress.did(length);
            }
            Err(what) => {
                let needed = named.get(name);
                let needed = needed.map_or_else(String::new, |file| format!(" (in {file})"));
                let path = repository.chunk_path(*name);
                checked.note(format!("{}: {what}{needed}", path.display()));
            }
        }
    }
    for (name, file) in named.iter().filter(|(name, _)| !found.contains(name)) {
        let path = repository.chunk_path(*name);
        checked.note(format!("{}: it is missing (in {file})", path.display()));
    }
    Ok(checked)
}
