//! Files and folders, as backups go over them.

use super::BackupError;
use super::database;
use super::error::failed;
use crate::disk::{Leave, Room};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What is in a folder, in order.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(folder).map_err(failed("listing", folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths
        .collect::<io::Result<_>>()
        .map_err(failed("listing", folder))?;
    paths.sort();
    Ok(paths)
}

/// The name of a file in its folder.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Gives the files of a folder, and of folders in it, names in another one too.
pub(super) fn link_all(from: &Path, to: &Path) -> Result<(), BackupError> {
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
pub(super) fn databases(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = listed(folder)?;
    files.retain(|path| path.extension().is_some_and(|end| end == "sqlite"));
    Ok(files)
}

/// Octets of all files of a folder and those in it but for one of these; as far as can be seen.
pub(super) fn length_of(folder: &Path, but: &Path) -> u64 {
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

/// All of a file; where sectors of it cannot be read, noughts stand for them, and it is answered how
/// many octets these are. Fails where none of it can be read.
pub(super) fn read_around(path: &Path) -> io::Result<(Vec<u8>, usize)> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    match io::Read::read_to_end(&mut &file, &mut bytes) {
        Ok(_) => Ok((bytes, 0)),
        Err(error) => {
            let lost = crate::disk::read_around(&file, &mut bytes)?;
            if lost == bytes.len() {
                return Err(error);
            }
            Ok((bytes, lost))
        }
    }
}

/// Refuses to copy a file of SQLite into a folder where it would take the room that a server needs.
pub(super) fn look_for_room(from: &Path, into: &Path) -> Result<(), BackupError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let bytes = length(from).saturating_add(length(&database::beside(from, "-wal")));
    let lacking = Room::default().lacking(into, bytes, Leave::Little);
    match lacking.map_err(failed("looking for free room at", into))? {
        None => Ok(()),
        Some(lacking) => Err(BackupError::NoRoom {
            path: from.to_owned(),
            needed_bytes: lacking.needed_bytes,
            free_bytes: lacking.free_bytes,
        }),
    }
}

/// Removes a staging folder with all that is in it.
pub(super) fn clear(staging: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", staging)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a file of SQLite and what is beside it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(database::beside(path, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
