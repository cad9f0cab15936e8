//! What can go wrong with the archive.

use super::depot::DepotError;
use crate::StoreError;
use crate::parquet::ParquetError;
use crate::progress::Stopped;
use crate::series::{ColdError, SeriesError};
use model::{SeriesId, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something of the archive could not be done. What is in it stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is not set up so that it can be used.
    #[error("the archive cannot be used: {what}")]
    Settings {
        /// What is wrong.
        what: String,
    },
    /// The folder or object store did not do as it was asked.
    #[error("the archive did not answer")]
    Depot(#[source] DepotError),
    /// Another installation writes into it.
    #[error(
        "the archive belongs to another installation ({installation}): it is read, and nothing is written until it is taken over"
    )]
    Foreign {
        /// Whose it is.
        installation: String,
    },
    /// What is in the archive is damaged.
    #[error("the archive of {day} is damaged: {what}")]
    Damaged {
        /// Of which day.
        day: Timestamp,
        /// What is wrong.
        what: String,
    },
    /// The samples of a day are damaged here, so that they are not archived.
    #[error("the samples of {day} are damaged: {what}")]
    Unsound {
        /// Which day.
        day: Timestamp,
        /// What is wrong.
        what: String,
    },
    /// Less is here of a day than is archived of it, so that what is archived stays.
    #[error(
        "less of {day} is here than is archived, as series {id} at {at}: what is archived stays, and is brought back by a restore"
    )]
    Less {
        /// Which day.
        day: Timestamp,
        /// A series that has less.
        id: SeriesId,
        /// A time of which it has a sample in the archive.
        at: Timestamp,
    },
    /// It is not the archive that the archived days are known of.
    #[error(
        "this is the archive of installation {owner}, and the archived days that are known are in that of {of_days}: is the right disk mounted? Where this one is to be used, take it over by `foretell archive adopt`"
    )]
    Another {
        /// Whose it is.
        owner: String,
        /// Whose the archive of the known days is.
        of_days: String,
    },
    /// Others work on the archive.
    #[error("the archive is at work: try again when a day of it is done")]
    Busy,
    /// There is no archive where days were archived: it has no mark of whose it is.
    #[error(
        "there is no archive where days were archived (owner.json is missing): is its disk mounted? Where it is to begin anew, take it over by `foretell archive adopt`"
    )]
    Unmarked,
    /// The folder is not there, though days were archived there.
    #[error(
        "the folder {path} is not there, though days were archived there: is its disk mounted?"
    )]
    NoFolder {
        /// Where.
        path: PathBuf,
    },
    /// The day's pack was replaced while it was archived; it is begun anew later.
    #[error("{day} changed while it was archived")]
    Changed {
        /// Which day.
        day: Timestamp,
    },
    /// What was written is not what is read back.
    #[error("{name} of the archive is not what was written")]
    NotSame {
        /// Which object.
        name: String,
    },
    /// There is no room to make the files of a day.
    #[error("a day needs {needed} octets of room in {path}, and {free} are free")]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Octets that are needed.
        needed: u64,
        /// Octets that are free.
        free: u64,
    },
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
    /// Parquet could not be written or read.
    #[error("samples could not be written or read as Parquet")]
    Parquet(#[from] ParquetError),
    /// What is known of archived days could not be read or written.
    #[error("what is known of archived days could not be read or written")]
    Documents(#[from] StoreError),
    /// The samples could not be read or brought back.
    #[error("the samples could not be read or brought back")]
    Series(#[from] SeriesError),
    /// Archived samples could not be had.
    #[error("archived samples could not be had")]
    Cold(#[from] ColdError),
    /// More than is taken.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
    /// It was asked to stop.
    #[error("the work was stopped")]
    Stopped(#[from] Stopped),
}

impl From<DepotError> for ArchiveError {
    fn from(error: DepotError) -> Self {
        if error.is_unmarked() {
            return Self::Unmarked;
        }
        Self::Depot(error)
    }
}

impl ArchiveError {
    /// Whether other days would fail as well, so that there is no use in trying.
    pub(super) fn is_of_all(&self) -> bool {
        !matches!(
            self,
            Self::Damaged { .. }
                | Self::Unsound { .. }
                | Self::Less { .. }
                | Self::Changed { .. }
                | Self::NotSame { .. }
                | Self::Parquet(_)
                | Self::Cold(ColdError::Damaged { .. } | ColdError::Late)
                | Self::NoRoom { .. }
                | Self::TooMany { .. }
        )
    }

    /// As readers of archived days are told.
    pub(super) fn into_cold(self, day: Timestamp) -> ColdError {
        match self {
            Self::Cold(error) => error,
            Self::Depot(error) if error.is_late() => ColdError::Late,
            Self::Damaged { day, what } => ColdError::Damaged { day, what },
            Self::Parquet(error) => ColdError::Damaged {
                day,
                what: crate::series::chain(&error),
            },
            error => ColdError::Away {
                source: Arc::new(error),
            },
        }
    }
}

pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::File {
        operation,
        path,
        source,
    }
}
