//! Long work that somebody asked for, as it is shown.

use crate::{JobId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Samples of a file are written.
    Import,
    /// Samples are written to a file.
    Export,
    /// Samples are deleted.
    Delete,
    /// Samples are corrected.
    Correct,
    /// Closed days are archived.
    Archive,
    /// Days are brought back from the archive.
    Restore,
    /// The archive is read again to see whether it is sound.
    ArchiveCheck,
}

impl JobKind {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Export => "export",
            Self::Delete => "delete",
            Self::Correct => "correct",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::ArchiveCheck => "archive_check",
        }
    }

    /// What its progress is counted in.
    pub fn unit(self) -> JobUnit {
        match self {
            Self::Import | Self::Archive | Self::Restore | Self::ArchiveCheck => JobUnit::Octets,
            Self::Export => JobUnit::Series,
            Self::Delete | Self::Correct => JobUnit::Samples,
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// What it works on is still being sent.
    Receiving,
    /// Others are at work.
    Waiting,
    /// It is at work.
    Running,
    /// It was done; `result` says what came of it.
    Done,
    /// It could not be done; `error` says why, and `result` what was done all the same.
    Failed,
    /// Somebody ended it; `result` says what was done until then.
    Cancelled,
    /// The server was stopped meanwhile. It may be done in part.
    Interrupted,
}

impl JobState {
    /// Whether nothing more becomes of it.
    pub fn is_over(self) -> bool {
        match self {
            Self::Receiving | Self::Waiting | Self::Running => false,
            Self::Done | Self::Failed | Self::Cancelled | Self::Interrupted => true,
        }
    }

    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobUnit {
    /// Octets: of an import those of the file, reading which is half of the work, and writing what they
    /// say the other; of the archive those of files of days.
    Octets,
    /// Samples.
    Samples,
    /// Series.
    Series,
    /// Days.
    Days,
}

/// Long work that somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// The id.
    pub id: JobId,
    /// What is done.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// How much of it is done, in `unit`.
    pub done: u64,
    /// How much there is to do; null while that is not known.
    pub total: Option<u64>,
    /// What `done` and `total` are counted in.
    pub unit: JobUnit,
    /// Who asked for it.
    pub user_id: UserId,
    /// The name that they signed in with.
    pub by: String,
    /// When it was asked for.
    pub made_at: Timestamp,
    /// When the work began; null before.
    pub began_at: Option<Timestamp>,
    /// When it ended; null before.
    pub ended_at: Option<Timestamp>,
    /// Why it was not done, or not to its end; null where it was.
    pub error: Option<String>,
    /// What came of it, by its kind; null where nothing did.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    #[serde(default)]
    pub result: serde_json::Value,
}
