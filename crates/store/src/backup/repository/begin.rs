//! Making a repository, telling one that is not there from one that is lost, and locking it.

use super::super::BackupError;
use super::super::error::failed;
use super::super::files::{listed, name_of};
use super::{ADOPT, Access, UNFINISHED, mark};
use crate::disk::Disk;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Makes the folder of a repository where it is not there, for its owner alone.
pub(super) fn make(folder: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed("making", folder))
}

/// Makes the folders in a repository where there is nothing yet. The folder itself is not made: where
/// the disk that it is on is missing, it would be made on another.
pub(super) fn begin(disk: &dyn Disk, folder: &Path) -> Result<(), BackupError> {
    if !folder.is_dir() {
        let folder = folder.to_owned();
        return Err(BackupError::NoFolder { folder });
    }
    let ours = ["lock", "chunks", "snapshots", ADOPT];
    let made_by_us = |path: &PathBuf| {
        let name = name_of(path);
        ours.contains(&name.as_str()) || name == format!("{}{UNFINISHED}", mark::NAME)
    };
    if !listed(folder)?.iter().all(made_by_us) {
        let folder = folder.to_owned();
        return Err(BackupError::Foreign { folder });
    }
    for folder in [folder.join("chunks"), folder.join("snapshots")] {
        let made = disk.make_folder(&folder);
        made.map_err(failed("making", &folder))?;
    }
    Ok(())
}

/// Whether the file that makes a folder a repository is there. Refuses a folder where it is lost: under
/// another id nothing that is encrypted could be read again.
pub(super) fn is_begun(folder: &Path) -> Result<bool, BackupError> {
    let path = folder.join(mark::NAME);
    if path.try_exists().map_err(failed("looking for", &path))? {
        return Ok(true);
    }
    for kept in ["snapshots", "chunks"] {
        let kept = folder.join(kept);
        match listed(&kept) {
            Ok(files) if files.is_empty() => {}
            Ok(_) => return Err(BackupError::MarkLost { path }),
            Err(BackupError::File { source, .. }) if is_absent(&source) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Locks a repository for what it is opened for.
pub(super) fn lock(folder: &Path, access: Access) -> Result<Option<File>, BackupError> {
    let path = folder.join("lock");
    let opened = match access {
        Access::List => return Ok(None),
        Access::Write => OpenOptions::new()
            .write(true)
            .create(true)
            .mode(0o600)
            .truncate(false)
            .open(&path),
        Access::Read => File::open(&path),
    };
    let file = opened.map_err(failed("opening", &path))?;
    let locked = match access {
        Access::Write => file.try_lock(),
        _ => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(BackupError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed("locking", &path)(error)),
    }
}
