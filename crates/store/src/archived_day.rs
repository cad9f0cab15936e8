//! What is kept of each archived day, also where the archive itself is not built in: retention looks at it.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a day in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArchivedDay {
    /// Where the day begins.
    pub day: Timestamp,
    /// Which of its revisions counts.
    pub revision: u64,
    /// The packs that it was made of, by the names of their files.
    pub source: Vec<String>,
    /// Samples in it.
    pub samples: u64,
    /// Series in it.
    pub series: u64,
    /// Octets of its files.
    pub bytes: u64,
    /// When it was archived.
    pub archived_at: Timestamp,
    /// Not all of it is here any more, so that reading it whole takes the archive.
    pub thinned: bool,
    /// It was restored, and retention leaves it alone until then.
    pub restored_until: Option<Timestamp>,
    /// What of it was found damaged.
    pub damaged: Option<String>,
}
