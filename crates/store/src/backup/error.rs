//! What can go wrong with backups.

use crate::OpenError;
use crate::progress::Stopped;
use crate::series::SeriesError;
use crate::vault::VaultError;
use crate::verify::VerifyError;
use model::BackupId;
use std::io;
use std::path::{Path, PathBuf};

/// A backup could not be taken, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The disk failed.
    #[error("{operation} {path} failed")]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of SQLite could not be copied.
    #[error("{operation} {path} failed")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Somebody else writes into the repository.
    #[error("another backup is at work in {folder}")]
    InUse {
        /// The repository.
        folder: PathBuf,
    },
    /// There are no backups in the folder.
    #[error("there are no backups in {folder}")]
    NoRepository {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds something else.
    #[error("{folder} is not empty and holds no backups: name a folder of its own")]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The backups are encrypted.
    #[error("the backups in {folder} are encrypted: name the key")]
    KeyNeeded {
        /// The repository.
        folder: PathBuf,
    },
    /// The backups are not encrypted.
    #[error(
        "the backups in {folder} are not encrypted: leave out the key, or begin in another folder"
    )]
    KeyNotNeeded {
        /// The repository.
        folder: PathBuf,
    },
    /// The key is not theirs.
    #[error("the key is not the one that the backups in {folder} are encrypted under")]
    KeyWrong {
        /// The repository.
        folder: PathBuf,
    },
    /// A file of the repository is damaged.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing is swept while a snapshot cannot be read, as nobody knows which chunks it needs.
    #[error("chunks are not swept: {what}; remove it, or put it back")]
    NotSwept {
        /// Which snapshot, and what is wrong with it.
        what: String,
    },
    /// There is no such backup.
    #[error("{}", match id {
        Some(id) => format!("there is no backup {id}"),
        None => "there is no backup yet".to_owned(),
    })]
    NotFound {
        /// Which; none where the latest was asked for.
        id: Option<BackupId>,
    },
    /// A restore makes a folder, it does not change one.
    #[error("{dir} is not empty: restore into an empty folder")]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// A file cannot be restored whole.
    #[error("{} of the backup are damaged, the first: {}", damage.len(), damage.first().map_or("", String::as_str))]
    Torn {
        /// Each place, named.
        damage: Vec<String>,
    },
    /// It was asked to stop.
    #[error("the backup was stopped")]
    Stopped,
    /// A snapshot has more files than can be written down.
    #[error("there is more than a snapshot may list")]
    TooLarge,
    /// A snapshot could not be written as JSON.
    #[error("the snapshot could not be written")]
    Json(#[source] serde_json::Error),
    /// The key, or randomness, could not be had.
    #[error("the key cannot be used")]
    Key(#[from] VaultError),
    /// The samples could not be copied.
    #[error("the samples could not be copied")]
    Series(#[from] SeriesError),
    /// The data folder could not be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<Stopped> for BackupError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<VerifyError> for BackupError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Open(error) => error.into(),
            VerifyError::Read { path, source } => failed("reading", &path)(source),
        }
    }
}

impl BackupError {
    /// Whether the disk is full: the next backup goes on with what was written, as soon as there is
    /// room.
    pub fn is_full(&self) -> bool {
        match self {
            Self::File { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            _ => false,
        }
    }
}

pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File {
        operation,
        path,
        source,
    }
}

pub(super) fn of_database(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(rusqlite::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Database {
        operation,
        path,
        source,
    }
}
