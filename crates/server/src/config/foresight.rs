//! Settings of what is expected of series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is expected of series: anomalies, forecasts, and when limits are reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ForesightSettings {
    /// Series that are forecast each day with full selection of models, the most important of those that
    /// matter. 0: none are; they are forecast when somebody asks.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub forecast_series_max: u32,
    /// Share of one core, in percent, that these forecasts may take; they are made by one thread, which
    /// rests in between.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_share_max_percent: u32,
    /// The lower threshold of limits (speed of an interface, size of a storage or memory, all of a
    /// processor), in percent of the limit.
    #[schemars(range(min = 1, max = 100))]
    pub capacity_warning_percent: u32,
    /// The higher threshold, in percent of the limit; over `foresight.capacity_warning_percent`.
    #[schemars(range(min = 1, max = 100))]
    pub capacity_critical_percent: u32,
    /// Days within which a threshold must be expected to be reached to be warned of.
    #[schemars(range(min = 1, max = 365))]
    pub capacity_warning_days: u32,
    /// Most series that are watched for anomalies as their samples come, at about a KiB of memory each.
    /// Beyond it new ones are not watched and are counted. 0: none are.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub series_max: u32,
    /// Minutes by which the clocks of the places that are watched are before UTC, without summer time: by them
    /// it is told what goes by office hours, in the evening or at night.
    #[schemars(range(min = -720, max = 840))]
    pub utc_offset_minutes: i32,
}

impl Default for ForesightSettings {
    fn default() -> Self {
        Self {
            forecast_series_max: 20_000,
            cpu_share_max_percent: 20,
            capacity_warning_percent: 80,
            capacity_critical_percent: 90,
            capacity_warning_days: 30,
            series_max: 1_000_000,
            utc_offset_minutes: 0,
        }
    }
}

impl ForesightSettings {
    /// The thresholds as shares, the lower first.
    pub fn thresholds(&self) -> [f64; 2] {
        let (one, other) = (
            self.capacity_warning_percent,
            self.capacity_critical_percent,
        );
        [one.min(other), one.max(other)].map(|percent| f64::from(percent) / 100.0)
    }
}
