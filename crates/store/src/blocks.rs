//! Sealed samples: one block per device and range of time.
//!
//! [`Blocks`] is what a back end does, [`SqliteBlocks`] the one there is, [`codec`] what the octets
//! of a block mean. What is not yet sealed lives in `series`. [`Block`] is samples as the head keeps
//! them, [`Dense`] the same as [`pack`](mod@crate::pack)s keep them.

pub mod codec;
pub(crate) mod dense;
mod key;
pub(crate) mod octets;
mod rows;
pub(crate) mod salvage;
mod sqlite;

pub use dense::{ColumnSlice, Dense, DenseError, Run, Values};
pub use key::{BlockKey, Level};
pub use octets::Short;
pub use rows::{Block, Column};
pub use sqlite::SqliteBlocks;

use model::{DeviceId, Timestamp};
use std::io;
use std::path::PathBuf;

/// A back end for sealed blocks. Calls block; the caller sees to it that they may.
///
/// A key has one block at most, and putting it again replaces it, so whatever is replayed is put
/// twice without harm. What a back end promises is checked by the conformance suite in this crate's
/// tests, for any implementation.
pub trait Blocks: Send + Sync + 'static {
    /// Puts blocks, replacing those of the same key, and removes others. Durable when it returns.
    /// All of one UTC day is done whole or not at all; where several days are given and one fails,
    /// the earlier ones may be done: the caller does it all again. Nothing is removed before what
    /// is put is durable.
    fn write(&self, put: &[(BlockKey, Vec<u8>)], remove: &[BlockKey]) -> Result<(), BlocksError>;

    /// The block of a key.
    fn get(&self, key: &BlockKey) -> Result<Option<Vec<u8>>, BlocksError>;

    /// The blocks of a device whose range of time meets `[from, to)`: the larger levels first, each
    /// level ascending in time, so that of two samples for one time the later read is the newer.
    fn read(
        &self,
        device_id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(BlockKey, Vec<u8>)>, BlocksError>;

    /// The keys of the blocks whose range of time meets `[from, to)`, ascending.
    fn keys(&self, from: Timestamp, to: Timestamp) -> Result<Vec<BlockKey>, BlocksError>;

    /// The starts of the UTC days that there may be blocks of, ascending.
    fn days(&self) -> Result<Vec<Timestamp>, BlocksError>;

    /// Whether nothing of `[from, to)` was found damaged that has not been mended: what is read of it
    /// may lack something until then.
    fn is_sound(&self, from: Timestamp, to: Timestamp) -> bool;

    /// Gives back the room of the days in `[from, to)` that have nothing left. Nobody else may write
    /// to them meanwhile.
    fn tidy(&self, from: Timestamp, to: Timestamp) -> Result<(), BlocksError>;

    /// Nothing is kept from before this time; `None` where nothing is kept.
    fn oldest(&self) -> Result<Option<Timestamp>, BlocksError>;

    /// Takes a block that cannot be decoded out of the way, kept with the reason for a person.
    fn set_aside(&self, key: &BlockKey, reason: &str) -> Result<(), BlocksError>;

    /// Saves what can be saved of what a reader found damaged. Called from time to time.
    fn mend(&self) -> Result<(), BlocksError>;

    /// Removes all blocks of a device.
    fn delete_device(&self, device_id: DeviceId) -> Result<(), BlocksError>;

    /// What was found damaged since the last call, each named; a part that cannot be read is left
    /// out of answers and does not stop the rest.
    fn damage(&self) -> Vec<String>;
}

/// Blocks could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlocksError {
    /// The folder of blocks could not be made or read.
    #[error("the folder of blocks {path} could not be read")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A day's file had parts that could not be read.
    #[error("parts of {path} could not be read")]
    Unreadable {
        /// Where.
        path: PathBuf,
    },
    /// A day's file failed.
    #[error("{operation} in {path} failed")]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}
