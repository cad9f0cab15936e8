//! The data folder: what lies where in it, and the lock that keeps a second server out.

use crate::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the lock file.
const LOCK: &str = "lock";
/// Name of the folder in which a backup gathers what it takes.
pub(crate) const STAGING: &str = "backup-staging";
/// Name of the file that says that a restore into the folder is not at its end.
const RESTORING: &str = "restoring";
/// Digits of a process number that are read of a lock file.
const PID_LEN_MAX: u64 = 16;

/// The data folder, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    // Held open: the lock goes when the file is closed, and so with the process, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is not there, for its owner alone, and locks it. Refuses one that a
    /// restore has not made whole.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let folder = Self::lock(path)?;
        if folder.path.join(RESTORING).exists() {
            return Err(OpenError::Restoring { dir: folder.path });
        }
        Ok(folder)
    }

    /// The same to restore into it: until [`Folder::end_restoring`] nobody else opens it.
    pub(crate) fn begin_restoring(path: &Path) -> Result<Self, OpenError> {
        let folder = Self::lock(path)?;
        let mark = folder.path.join(RESTORING);
        let made = File::create(&mark).and_then(|mark| mark.sync_all());
        made.and_then(|()| crate::disk::sync_names(path))
            .map_err(|e| failed("making", &mark, e))?;
        Ok(folder)
    }

    /// All of it is there.
    pub(crate) fn end_restoring(&self) -> Result<(), OpenError> {
        let mark = self.path.join(RESTORING);
        std::fs::remove_file(&mark)
            .and_then(|()| crate::disk::sync_names(&self.path))
            .map_err(|e| failed("removing", &mark, e))
    }

    fn lock(path: &Path) -> Result<Self, OpenError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| failed("making", path, e))?;
        let lock_path = path.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|e| failed("opening", &lock_path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only to say who it is; the refusal stands without it.
                let _ = lock.take(PID_LEN_MAX).read_to_string(&mut text);
                return Err(OpenError::InUse {
                    dir: path.to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(e)) => return Err(failed("locking", &lock_path, e)),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|e| failed("writing", &lock_path, e))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Removes what a backup that was cut short left: it keeps packs that are deleted on the disk.
    pub(crate) fn clear_staging(&self) {
        let staging = self.path.join(STAGING);
        match std::fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                // The next backup tries again, and tells.
                tracing::warn!(folder = %staging.display(), %error, "could not be removed");
            }
            _ => {}
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    /// The file of documents.
    pub(crate) fn documents(&self) -> PathBuf {
        self.path.join("documents.sqlite3")
    }
    /// The folder of the series.
    pub(crate) fn series(&self) -> PathBuf {
        self.path.join("series")
    }
    /// The folder of the history.
    pub(crate) fn history(&self) -> PathBuf {
        self.path.join("history")
    }
    /// The folder of the events.
    pub(crate) fn events(&self) -> PathBuf {
        self.path.join("events")
    }
    /// The key file, where none is named.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("secret.key")
    }
}

fn failed(operation: &'static str, path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_and_told_why() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        let refused = Folder::open(dir.path()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "the data folder {} is in use by another Foretell server (process {})",
                dir.path().display(),
                std::process::id()
            )
        );
        drop(first);
        Folder::open(dir.path()).unwrap();
    }
}
