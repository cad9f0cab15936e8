//! What can go wrong with the history.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The history could not be opened, written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder could not be made, read or cleared of what is too old.
    #[error("{operation} {path} failed")]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// A month's file failed, as when the disk is full.
    #[error("{operation} in {path} failed")]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why; shared by all that waited for the same commit.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// There are more changes in the range than are read at once.
    #[error("there are over {max} changes in the range: ask for a shorter one")]
    TooMany {
        /// [`CHANGES_READ_MAX`](super::CHANGES_READ_MAX).
        max: usize,
    },
    /// The history was closed.
    #[error("the history is closed")]
    Closed,
}

impl HistoryError {
    /// Whether the disk is full: what was refused is taken again as soon as there is room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::File { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }
}
