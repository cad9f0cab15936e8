//! Backups: a consistent copy of the data folder, taken while the store is in use, of which a second
//! one writes only what changed.
//!
//! Begin with [`Repository`], a folder of chunks and snapshots. [`take`] writes the present state of a
//! store into it ([`take_stopped`] that of a folder that nobody has open), [`restore`] makes a data
//! folder of a snapshot and proves it. What goes into one, and in which order, is in `stage`; bytes
//! are in `docs/formats/backup.md`, reasons in decision 0116.

mod database;
mod error;
mod files;
mod owner;
mod progress;
mod repository;
mod restore;
mod rotate;
mod seal;
pub mod snapshot;
mod stage;

pub use error::BackupError;
pub use progress::Progress;
pub use repository::{Access, Checked, Repository, Swept};
pub use restore::{RestoreOptions, Restored, restore};
pub use rotate::Keep;
pub use seal::BackupKey;
pub use snapshot::{Counts, LeftOut, Summary};
pub use stage::{TakeOptions, is_in_use, take, take_stopped};

/// Octets of a chunk of files that are written once: of packs and segments of the log. A new file has
/// new chunks whatever their length, so they are few.
const CHUNK_BYTES: u32 = 1 << 20;
/// Octets of a chunk of SQLite's files, of which a write changes some pages here and there.
const DATABASE_CHUNK_BYTES: u32 = 64 << 10;
