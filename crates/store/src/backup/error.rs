//! What can go wrong with backups.

use crate::OpenError;
use crate::disk;
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
    /// The folder is not there.
    #[error(
        "there is no folder {folder}: is its disk mounted? Where it is to be new, make it, or begin it by `foretell backup --init`"
    )]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// There are backups, and the file that says under which id and key is lost.
    #[error(
        "{path} is lost, and there are backups beside it: put a copy of it back, or begin in another folder"
    )]
    MarkLost {
        /// That file.
        path: PathBuf,
    },
    /// The backups that were here are not, and nobody said that they are to be begun anew.
    #[error(
        "the backups of this data folder were in {folder}, and are not there: is its disk mounted? Where they are to be begun anew, say so by `foretell backup --adopt`"
    )]
    NotMounted {
        /// The repository.
        folder: PathBuf,
    },
    /// Two data folders would remove each other's backups by age.
    #[error(
        "the backups in {folder} are of another data folder, the latest is {backup_id}: name a folder for this one alone, or take them over by `foretell backup --adopt`"
    )]
    OtherDataFolder {
        /// The repository.
        folder: PathBuf,
        /// The latest backup there.
        backup_id: BackupId,
    },
    /// A copy would take the room that the server needs.
    #[error(
        "to copy {path} takes {needed_bytes} octets of free room on its disk, and there are {free_bytes}: make room"
    )]
    NoRoom {
        /// What was to be copied.
        path: PathBuf,
        /// The room that is needed.
        needed_bytes: u64,
        /// The room that there is.
        free_bytes: u64,
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
            Self::File { source, .. } => disk::is_full(source),
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::NoRoom { .. } => true,
            Self::Series(error) => causes(error).any(|cause| {
                let cause = cause.downcast_ref::<io::Error>();
                cause.is_some_and(disk::is_full)
            }),
            _ => false,
        }
    }
}

/// What an error was caused by, and what that was.
fn causes(
    error: &dyn std::error::Error,
) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// An error with its causes, in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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
