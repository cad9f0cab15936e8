//! What can go wrong with documents, and with opening the data folder. The vault's and the time
//! series' own errors live with them.

use crate::documents::Expect;
use crate::events::EventsError;
use crate::history::HistoryError;
use crate::series::{OpenSeriesError, SeriesError};
use crate::vault::VaultError;
use model::{DeviceId, HoldId};
use std::path::PathBuf;
use std::sync::Arc;

/// A read or a change that was not made. Nothing of a change that failed is kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody changed the document first. Read it again and decide again.
    #[error(
        "{collection} {id} was expected at {expected}, and is at revision {}",
        found.map_or_else(|| "none".to_owned(), |r| r.to_string())
    )]
    RevisionConflict {
        /// Collection.
        collection: &'static str,
        /// Document.
        id: String,
        /// What the change was made for.
        expected: Expect,
        /// What is there; none where nothing is.
        found: Option<u64>,
    },
    /// There is no such document.
    #[error("there is no {id} in {collection}")]
    NotFound {
        /// Collection.
        collection: &'static str,
        /// Document.
        id: String,
    },
    /// Another document already has what must be unique.
    #[error("{collection} {id} already has that {index}")]
    Duplicate {
        /// Collection.
        collection: &'static str,
        /// Name of the unique index.
        index: &'static str,
        /// The document that has it.
        id: String,
    },
    /// It cannot be deleted while others name it.
    #[error("{collection} {id} is in use by {count} of {by}")]
    InUse {
        /// Collection.
        collection: &'static str,
        /// Document.
        id: String,
        /// The collection whose documents name it.
        by: &'static str,
        /// How many of them.
        count: u64,
    },
    /// A hold keeps the samples of a device, which can therefore not be deleted.
    #[error("samples of {device_id} are kept by the hold {hold_id} ({reason})")]
    Held {
        /// The device.
        device_id: DeviceId,
        /// The hold.
        hold_id: HoldId,
        /// Why it was placed.
        reason: String,
    },
    /// The bytes on disk are damaged. They are set aside; see [`crate::documents::Damage`].
    #[error("{collection} {id} is damaged on disk: {reason}")]
    Damaged {
        /// Collection.
        collection: String,
        /// Document.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The document is larger than a document may be.
    #[error("{collection} {id} would have {bytes} octets; at most {bytes_max} are kept")]
    TooLarge {
        /// Collection.
        collection: &'static str,
        /// Document.
        id: String,
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The disk, or the room given to the database, is full. What is there can be read; changes
    /// are taken again as soon as there is room.
    #[error("the disk is full: the change was not kept")]
    Full {
        /// What the database said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The database could not do what it was asked.
    #[error("{operation} failed in the document database")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// What the database said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// What was given cannot be written as JSON, or what is there is not what was expected.
    #[error("{collection} {id} is not what belongs there")]
    Shape {
        /// Collection.
        collection: &'static str,
        /// Document.
        id: String,
        /// Where it differs.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The series of what was deleted could not be deleted with it.
    #[error("the series of {device_id} could not be deleted")]
    Series {
        /// Whose.
        device_id: DeviceId,
        /// Why not.
        #[source]
        source: Arc<SeriesError>,
    },
    /// The history could not be written.
    #[error("the history of devices could not be written")]
    History(#[source] HistoryError),
    /// The vault could not seal or open a secret.
    #[error("the vault refused")]
    Vault(#[from] VaultError),
}

/// Why the data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it open.
    #[error("the data folder {dir} is in use by another Foretell server{}", pid.map_or_else(String::new, |p| format!(" (process {p})")))]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The other server, where it says so.
        pid: Option<u32>,
    },
    /// A restore into it did not come to its end.
    #[error("a restore into {dir} was not finished: empty the folder and restore again")]
    Restoring {
        /// The folder.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("{operation} {path} failed")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A newer Foretell wrote it.
    #[error(
        "{path} was written by a newer Foretell (format {found}; this one reads up to {known}): use that one, or a copy made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// A newer Foretell wrote some of the documents.
    #[error(
        "{path}: its {collection} were written by a newer Foretell (version {found}; this one reads up to {known}): use that one, or a copy made before the upgrade"
    )]
    NewerDocuments {
        /// The file.
        path: PathBuf,
        /// The collection.
        collection: &'static str,
        /// The version of its documents.
        found: u32,
        /// The newest that we know.
        known: u32,
    },
    /// Documents of an older version cannot be brought to the present one for want of room.
    #[error(
        "the documents in {path} are of an older version, and to keep a copy and bring them to this one takes {needed_bytes} octets of free room where there are {free_bytes}: make room and start again"
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Octets that it takes.
        needed_bytes: u64,
        /// Octets that are free.
        free_bytes: u64,
    },
    /// It is not one of our files.
    #[error("{path} is the file of another program: move it away")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Nothing of it can be read.
    #[error(
        "{path} cannot be read as Foretell's documents: restore it from a copy, or move it away to start empty"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// The database refused.
    #[error("{operation} failed in {path}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// The vault could not be opened.
    #[error("the vault cannot be opened")]
    Vault(#[from] VaultError),
    /// The series could not be opened.
    #[error("the series cannot be opened")]
    Series(#[from] OpenSeriesError),
    /// The history could not be opened.
    #[error("the history of devices cannot be opened")]
    History(#[from] HistoryError),
    /// The events could not be opened.
    #[error("the events cannot be opened")]
    Events(#[from] EventsError),
    /// The archive cannot be opened. Without it nothing could tell what is missing in an answer.
    #[cfg(feature = "archive")]
    #[error("the archive cannot be opened")]
    Archive(#[from] Box<crate::archive::ArchiveError>),
    /// What is there could not be read or mended at the start.
    #[error("the documents could not be loaded")]
    Documents(#[from] StoreError),
}
