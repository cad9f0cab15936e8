//! What is said of series beforehand: forecasts, when limits are reached, how good that was. Here what the
//! store has of a series becomes what `analytics` works on, and what that says becomes what is kept and
//! shown. The server makes forecasts by its plan, handlers make those that are asked for and not kept; both
//! by [`make`]. Begin there; [`input`] reads, [`score`] holds forecasts against what came, [`limit`] finds what
//! limits a series, [`pattern`] says what kind of traffic it is, [`matter`] which series are worth it, [`place`] by which clock it is told.

pub(crate) mod balance;
pub mod input;
pub mod limit;
pub mod make;
pub mod matter;
pub mod pattern;
pub mod place;
pub mod score;
pub(crate) mod subject;

use model::Timestamp;
use place::Place;
use store::Store;
use store::series::SeriesStore;

/// What the work needs. Cheap to clone.
#[derive(Clone)]
pub struct Ground {
    /// Where devices are kept.
    pub store: Store,
    /// What was measured.
    pub series: SeriesStore,
    /// The thresholds of limits, as shares, the lower first.
    pub thresholds: [f64; 2],
    /// By which clock and calendar hours and days are told.
    pub place: Place,
}

/// How the scheduled forecasts stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ForecastPlan)]
pub struct PlanStanding {
    /// Series that are forecast.
    pub series: u64,
    /// Of these, those whose forecast is of the last day.
    pub done: u64,
    /// Those that are due.
    pub left: u64,
    /// Series that would be worth it and are left out, for there are more than may be.
    pub left_out: u64,
    /// Seconds since the longest overdue was due; 0 where none is.
    pub behind_secs: u64,
    /// Forecasts that were made since the server started.
    pub made: u64,
    /// Of these, those that failed, as samples could not be read.
    pub failed: u64,
    /// When the last was made; null before the first.
    pub last_made_at: Option<Timestamp>,
    /// Mean time of a core for one, in microseconds.
    pub mean_us: u64,
}
