//! What handlers ask of whoever watches every series as it is measured.

use model::{SeriesId, Timestamp};
use tokio::sync::oneshot;

/// What is expected of a series: a question to whoever watches it.
#[derive(Debug)]
pub struct BandsAsked {
    /// Which series.
    pub series_id: SeriesId,
    /// At which moments.
    pub times: Vec<Timestamp>,
    /// The answer; none where the series is not watched.
    pub reply: oneshot::Sender<Option<BandsTold>>,
}

/// What is expected of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct BandsTold {
    /// At each moment that was asked for: the lower end, the middle and the upper end, without an operator's
    /// bounds; none where nothing is known.
    pub bands: Vec<Option<[f64; 3]>>,
    /// Samples that it was learned from.
    pub samples: u64,
    /// The first of them.
    pub learned_from: Option<Timestamp>,
    /// Whether too little was seen for alarms yet.
    pub learning: bool,
    /// The last sample that was looked at.
    pub seen_at: Option<Timestamp>,
    /// What watches the series.
    pub model: &'static str,
    /// Its version.
    pub model_version: u32,
}
