//! Bringing archived days back into the store.

use super::{Archive, ArchiveError};
use crate::progress::Progress;
use model::Timestamp;

/// What was brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Days.
    pub days: u64,
    /// Devices.
    pub devices: u64,
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Series that were not brought back, by reason, and how many.
    pub refused: Vec<(String, u64)>,
}

impl Archive {
    /// Brings the archived days of a range back; retention leaves them alone until `keep_until`. Waits.
    pub fn restore(
        &self,
        _from: Timestamp,
        _to: Timestamp,
        _keep_until: Timestamp,
        _by: &str,
        _progress: &Progress,
    ) -> Result<Restored, ArchiveError> {
        Err(ArchiveError::Settings {
            what: "days are not brought back as yet".to_owned(),
        })
    }
}
