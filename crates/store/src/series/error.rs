//! What can go wrong with series and samples.

use crate::blocks::BlocksError;
use crate::pack::PackError;
use crate::series::cold::ColdError;
use model::{DeviceId, SeriesId, Timestamp};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Opening the series store failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenSeriesError {
    /// A folder or file could not be made or read.
    #[error("{operation} {path} failed")]
    File {
        /// What was tried: `create`, `read`, `list`.
        operation: &'static str,
        /// Of which path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The registry of series could not be opened.
    #[error("the registry of series {path} could not be opened")]
    Registry {
        /// The registry's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The blocks could not be opened.
    #[error("the blocks could not be opened")]
    Blocks(#[from] BlocksError),
    /// The packs could not be opened.
    #[error("the packs could not be opened")]
    Packs(#[from] PackError),
}

/// Registering, reading or deleting series failed.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// A device has too many series. None of those asked for was registered.
    #[error("device {device_id} would have {asked} series; at most {max} are kept")]
    TooManySeries {
        /// Whose.
        device_id: DeviceId,
        /// How many it would have had.
        asked: usize,
        /// [`SERIES_PER_DEVICE_MAX`](super::SERIES_PER_DEVICE_MAX).
        max: usize,
    },
    /// No series has this id.
    #[error("no series {id}")]
    NotFound {
        /// The id.
        id: SeriesId,
    },
    /// The registry could not be written.
    #[error("{operation} in the registry of series failed")]
    Registry {
        /// What was tried.
        operation: &'static str,
        /// Why; shared by all that waited for the same commit.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// Blocks could not be read or written.
    #[error("the blocks failed")]
    Blocks(#[from] BlocksError),
    /// Packs could not be read or written.
    #[error("the packs failed")]
    Packs(#[from] PackError),
    /// A day is damaged, and what can be saved of it is saved before anything is laid over it.
    #[error("the blocks from {start} on are damaged and are mended first")]
    Unsound {
        /// From when.
        start: Timestamp,
    },
    /// Archived samples could not be had in time.
    #[error("archived samples were not read")]
    Archive(#[from] ColdError),
    /// Samples of an archived day could not be read, and there is no place to tell which are missing.
    #[error("the archive of {day} could not be read: {why}")]
    ArchiveMissing {
        /// Which day.
        day: Timestamp,
        /// Why.
        why: String,
    },
    /// Samples of a day would go of which the archive was not told that some go: it would not be read.
    #[error("the archive was not told that samples of {day} go")]
    NotThinned {
        /// Which day.
        day: Timestamp,
    },
    /// The archive has nothing of a day.
    #[error("the archive has nothing of {day}")]
    NotArchived {
        /// Which day.
        day: Timestamp,
    },
    /// Samples of more archived days are needed than are read for one question.
    #[error(
        "samples of more than {max} archived days would have to be read: ask for less, or restore them"
    )]
    TooManyArchived {
        /// [`COLD_DAYS_MAX`](super::cold::COLD_DAYS_MAX).
        max: usize,
    },
    /// The log could not be read, or could not begin a new segment.
    #[error("the log failed")]
    Log(#[source] Arc<io::Error>),
    /// More was deleted than days were written again since, or archived anew.
    #[error(
        "{asked} ranges more cannot be deleted beside {there} (at most {max}): days are written again by and by, archived ones once they are restored"
    )]
    TooManyDeleted {
        /// Ranges of devices that were to be deleted.
        asked: usize,
        /// Those that are still in files.
        there: usize,
        /// The bound.
        max: usize,
    },
    /// Nobody waits for the answer any more.
    #[error("reading took longer than somebody waits")]
    GivenUp,
    /// More would be read than may be for one answer.
    #[error("{read} samples and numbers of roll-ups would be read, and at most {max} are")]
    TooMuch {
        /// How many were read or would have been next.
        read: u64,
        /// How many may be.
        max: u64,
    },
    /// The store has been closed.
    #[error("the series store is closed")]
    Closed,
}

/// Samples were not taken. They are not kept, and no reader has seen them.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The log could not be written or synced, as when the disk is full. The next batch tries anew.
    #[error("the log could not be {operation}")]
    Log {
        /// `opened`, `written` or `synced`; `read` where what it held of the device at the start was
        /// still to be brought back and could not be.
        operation: &'static str,
        /// Why; shared by all that waited for the same sync.
        #[source]
        source: Arc<io::Error>,
    },
    /// The batch is for a time too far from the present: a clock has jumped.
    #[error("samples of {device_id} are for {at}, but it is {now}")]
    OutOfTime {
        /// Whose samples.
        device_id: DeviceId,
        /// The samples' time.
        at: Timestamp,
        /// The present time.
        now: Timestamp,
    },
    /// The batch is older than samples may be that are appended as they come.
    #[error("samples of {device_id} are for {at}; the oldest that are taken are of {oldest}")]
    TooLate {
        /// Whose samples.
        device_id: DeviceId,
        /// The samples' time.
        at: Timestamp,
        /// The oldest time that is taken.
        oldest: Timestamp,
    },
    /// More samples than a device has series.
    #[error("{values} samples at once of {device_id}; at most {max} are taken")]
    TooManyValues {
        /// Whose samples.
        device_id: DeviceId,
        /// How many.
        values: usize,
        /// The bound.
        max: usize,
    },
    /// More polls of a device in half an hour than are kept.
    #[error("{device_id} has more than {max} polls in the half-hour of {at}")]
    TooManyRows {
        /// Whose samples.
        device_id: DeviceId,
        /// The samples' time.
        at: Timestamp,
        /// The bound.
        max: usize,
    },
    /// The device has been deleted, or a column was never given out by `resolve`.
    #[error("{device_id} has no series in column {column}")]
    UnknownColumn {
        /// Whose samples.
        device_id: DeviceId,
        /// The column.
        column: u32,
    },
    /// The store has been closed.
    #[error("the series store is closed")]
    Closed,
}
