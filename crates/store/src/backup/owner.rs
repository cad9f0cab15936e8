//! Whose a repository is: that of one data folder, whose id is in each of its backups. And whether it is
//! the one that the data folder was backed up into there before, so that the empty folder of a disk that is
//! not mounted is not taken for a new one.

use super::BackupError;
use super::error::failed;
use super::repository::{Repository, write_whole};
use super::snapshot::Summary;
use crate::disk::RealDisk;
use crate::vault::VaultError;
use std::fs;
use std::io;
use std::path::Path;

/// Where the id of a data folder is in it, and in its backups: what was restored goes on with them.
pub(super) const ID_PATH: &str = "folder-id";
/// In a data folder: the repositories that it was backed up into, each with the folder that it was in.
const LATEST_PATH: &str = "backed-up-into";
/// Folders that are known to have backups: that of the settings, and those of backups by hand. Of more the
/// ones that were first backed up into longest ago are forgotten.
const FOLDERS_MAX: usize = 16;
/// Octets of an id, in the file as hexadecimal digits.
const ID_LEN: usize = 16;

/// The id of a data folder, 32 hexadecimal digits; it is made where there is none.
pub(super) fn id_of(data: &Path) -> Result<String, BackupError> {
    let path = data.join(ID_PATH);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = text.trim();
            let is_id = hex::decode(text).is_ok_and(|octets| octets.len() == ID_LEN);
            let what = "it holds no id; put back a copy, or remove it and take the backups over by `foretell backup --adopt`";
            is_id
                .then(|| text.to_owned())
                .ok_or_else(|| BackupError::Damaged {
                    path,
                    what: what.to_owned(),
                })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut id = [0; ID_LEN];
            getrandom::fill(&mut id).map_err(|_| VaultError::NoRandomness)?;
            let id = hex::encode(id);
            write_whole(&RealDisk, &path, format!("{id}\n").as_bytes())?;
            Ok(id)
        }
        Err(error) => Err(failed("reading", &path)(error)),
    }
}

/// Refuses a repository with the backups of another data folder, and one without any in the place of
/// the one that this data folder was backed up into; both not where it is to be adopted.
pub(super) fn check(
    repository: &Repository,
    all: &[Summary],
    data: &Path,
    id: &str,
) -> Result<(), BackupError> {
    if repository.is_to_be_adopted()? {
        return Ok(());
    }
    let folder = || repository.folder().to_owned();
    let Some(last) = all.last() else {
        return match noted(data, repository) {
            Some(noted) if noted != repository.id() => {
                Err(BackupError::NotMounted { folder: folder() })
            }
            _ => Ok(()),
        };
    };
    // Backups of before there were ids say nothing.
    match &last.data_folder {
        Some(other) if other != id => Err(BackupError::OtherDataFolder {
            folder: folder(),
            backup_id: last.id,
        }),
        _ => Ok(()),
    }
}

/// The id of the repository that the data folder was backed up into in the folder of this one.
fn noted(data: &Path, repository: &Repository) -> Option<[u8; ID_LEN]> {
    let place = place_of(repository);
    let notes = notes(data);
    let (id, _) = notes.iter().find(|(_, folder)| *folder == place)?;
    hex::decode(id).ok()?.try_into().ok()
}

/// Repositories and their folders, the latest first.
fn notes(data: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(data.join(LATEST_PATH)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let notes = lines.chunks_exact(2).filter_map(|pair| match pair {
        [id, folder] => Some(((*id).to_owned(), (*folder).to_owned())),
        _ => None,
    });
    notes.take(FOLDERS_MAX).collect()
}

/// Notes that the data folder was backed up into this repository.
pub(super) fn note(data: &Path, repository: &Repository) -> Result<(), BackupError> {
    if noted(data, repository) == Some(repository.id()) {
        return Ok(());
    }
    let place = place_of(repository);
    let mut notes = notes(data);
    notes.retain(|(_, folder)| *folder != place);
    notes.insert(0, (hex::encode(repository.id()), place));
    notes.truncate(FOLDERS_MAX);
    let lines = notes.iter().map(|(id, folder)| format!("{id}\n{folder}\n"));
    let text: String = lines.collect();
    write_whole(&RealDisk, &data.join(LATEST_PATH), text.as_bytes())
}

fn place_of(repository: &Repository) -> String {
    let folder = repository.folder();
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    // A line holds it.
    whole.to_string_lossy().replace('\n', "\\n")
}
