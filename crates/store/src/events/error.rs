//! What can go wrong with events.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The events could not be opened, written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventsError {
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
    /// A day's file failed, as when the disk is full.
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
    /// The store was closed.
    #[error("the event store is closed")]
    Closed,
    /// What reads panicked, which was printed: a defect of ours, which costs this query alone.
    #[error("a query of events ended early")]
    Panicked,
}

impl EventsError {
    /// Whether the disk is full: what was refused is taken again as soon as there is room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::File { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }
}
