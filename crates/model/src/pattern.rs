//! What kind of traffic a series is, with the figures that decided. What decides is not here.

use serde::{Deserialize, Serialize};

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PatternKind {
    /// It hardly ever changes.
    Idle,
    /// The same at all times, but for a little noise.
    Flat,
    /// By day on working days.
    OfficeHours,
    /// In the evening, on all days.
    Evening,
    /// At night: copies and batches.
    NightBatch,
    /// Short and at regular intervals.
    PeriodicJob,
    /// Short and at no regular time.
    Bursty,
    /// It grows.
    Growing,
}

/// One figure that a kind asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatternEvidence {
    /// What the figure is, in words.
    pub figure: String,
    /// Its value.
    pub value: f64,
    /// The value from which on it speaks wholly against the kind.
    pub against: f64,
    /// The value from which on it speaks wholly for the kind.
    pub wholly: f64,
    /// How well it fits, 0 to 1.
    pub fits: f64,
}

/// The kind of traffic that a series is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficPattern {
    /// The kind.
    pub kind: PatternKind,
    /// How well it fits, 0 to 1: as well as the worst of its figures.
    pub confidence: f64,
    /// The figures that decided, at most five.
    pub evidence: Vec<PatternEvidence>,
}
