//! The file that says that a folder is a repository, which one, and under which key.

use super::super::BackupError;
use super::super::error::failed;
use super::super::seal::{BackupKey, Seal, key_mark};
use super::write_whole;
use crate::disk::Disk;
use crate::vault::VaultError;
use std::fs;
use std::path::{Path, PathBuf};

/// Its name.
pub(super) const NAME: &str = "repository";

/// How its box begins.
const MAGIC: [u8; 4] = *b"FTBR";
/// The form of repositories that this server writes.
const FORM: u16 = 1;
/// Octets of what it says: the form, the id, the mark of the key.
const LEN: usize = 2 + ID_LEN + MARK_LEN;
/// Octets of the id of a repository.
pub(in super::super) const ID_LEN: usize = 16;
const MARK_LEN: usize = 32;

/// What it says.
pub(super) struct Mark {
    pub(super) id: [u8; ID_LEN],
    /// Tells whether a key is the right one; noughts where there is none.
    key: [u8; MARK_LEN],
}

impl Mark {
    /// That of a new repository.
    pub(super) fn new(key: Option<&BackupKey>) -> Result<Self, BackupError> {
        let mut id = [0; ID_LEN];
        getrandom::fill(&mut id).map_err(|_| VaultError::NoRandomness)?;
        let key = key.map_or([0; MARK_LEN], |key| key_mark(key, &id));
        Ok(Self { id, key })
    }

    /// Writes it, which makes a folder a repository.
    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), BackupError> {
        let content = [&FORM.to_le_bytes()[..], &self.id, &self.key].concat();
        // It is read before there is a key, so it is not encrypted.
        let octets = Seal::Plain.close(MAGIC, b"", &content)?;
        write_whole(disk, &path(folder), &octets)
    }

    /// Reads it.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = path(folder);
        let octets = fs::read(&path).map_err(failed("reading", &path))?;
        Self::parse(&octets).map_err(|what| BackupError::Damaged { path, what })
    }

    fn parse(octets: &[u8]) -> Result<Self, String> {
        let (content, rest) = Seal::Plain.open(MAGIC, b"", octets, LEN)?;
        let mut content = content.as_slice();
        let form = take::<2>(&mut content).map(u16::from_le_bytes);
        if form != Some(FORM) {
            return Err("it is a repository of a form that is not known".to_owned());
        }
        match (take(&mut content), take(&mut content)) {
            (Some(id), Some(key)) if content.is_empty() && rest.is_empty() => Ok(Self { id, key }),
            _ => Err("it is not as long as it should be".to_owned()),
        }
    }

    /// How its boxes are made, where the key is theirs.
    pub(super) fn seal(&self, key: Option<&BackupKey>, folder: &Path) -> Result<Seal, BackupError> {
        let folder = folder.to_owned();
        let is_encrypted = self.key != [0; MARK_LEN];
        match key {
            None if is_encrypted => Err(BackupError::KeyNeeded { folder }),
            Some(_) if !is_encrypted => Err(BackupError::KeyNotNeeded { folder }),
            Some(key) if key_mark(key, &self.id) != self.key => {
                Err(BackupError::KeyWrong { folder })
            }
            key => Ok(Seal::new(key, &self.id)),
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

fn take<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = octets.split_first_chunk::<N>()?;
    *octets = rest;
    Some(*first)
}
