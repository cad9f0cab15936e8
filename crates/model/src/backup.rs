//! Backups of the data folder, as they are shown.

use crate::{BackupId, Timestamp};
use serde::{Deserialize, Serialize};

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackupPhase {
    /// It is being taken.
    Running,
    /// It is there.
    Done,
    /// It could not be taken; `error` says why.
    Failed,
}

/// One backup of the data folder, or a try at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Backup {
    /// The id; `foretell restore --backup` takes it.
    pub id: BackupId,
    /// How far it is.
    pub phase: BackupPhase,
    /// When it began. What was acknowledged before is in it.
    pub started_at: Timestamp,
    /// When it ended; null while it is being taken.
    pub ended_at: Option<Timestamp>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Octets of the files that are to be gone over, as far as is known.
    pub bytes_total: u64,
    /// Octets that were gone over; of one that is done, those of its files.
    pub bytes_done: u64,
    /// Octets that had to be written for it; the others were there from the backups before.
    pub bytes_written: u64,
    /// Samples in packs, and polls in the log, that are in it; null until it is done.
    pub samples: Option<BackupSamples>,
    /// Files of the data folder that are not in it, each with the reason.
    pub left_out: Vec<String>,
    /// Why it could not be taken; null where it could.
    pub error: Option<String>,
}

/// How many samples are in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupSamples {
    /// Series.
    pub series: u64,
    /// Samples in packs.
    pub packed: u64,
    /// Polls in the log, which are not in packs yet.
    pub log_polls: u64,
}
