//! Settings of what is expected of series.

use super::keys;
use api::foresight::place::{Place, PlaceError, UTC, zones};
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
    /// The time zone of the places that are watched, by its name in IANA's database, as `Europe/Berlin`: hours
    /// of the day and of the week are by its clock, also where that is put forward and back. Without a
    /// system's database the one that is built in is asked.
    pub time_zone: String,
    /// Days that go as Sundays do: `12-25` each year, `2026-12-24` once, `easter-2` by Easter Sunday,
    /// `11-thursday-4` or `05-monday-last` by weekday; with ` nearest` or ` monday` behind it also the working day
    /// that is free where that is on a weekend. 200 at most.
    pub holidays: Vec<String>,
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
            time_zone: UTC.to_owned(),
            holidays: Vec::new(),
        }
    }
}

impl ForesightSettings {
    /// The clock and the calendar of the places; else the key that is wrong, and why.
    pub fn place(&self) -> Result<Place, (&'static str, String)> {
        Place::new(&self.time_zone, &self.holidays).map_err(|error| match error {
            PlaceError::Zone(name) => ("foresight.time_zone", no_zone(&name)),
            PlaceError::Holiday(_) | PlaceError::TooManyHolidays(_) => {
                ("foresight.holidays", error.to_string())
            }
        })
    }

    /// The thresholds as shares, the lower first.
    pub fn thresholds(&self) -> [f64; 2] {
        let (one, other) = (
            self.capacity_warning_percent,
            self.capacity_critical_percent,
        );
        [one.min(other), one.max(other)].map(|percent| f64::from(percent) / 100.0)
    }
}

fn no_zone(name: &str) -> String {
    // As a key: a city without its continent is a common slip.
    let dotted = |name: &str| name.replace('/', ".").replace(' ', "_");
    let known: Vec<String> = zones().iter().map(|zone| dotted(zone)).collect();
    let nearest = keys::nearest(&dotted(name), known.iter().map(String::as_str));
    match nearest {
        Some(nearest) => {
            let nearest = nearest.replace('.', "/");
            format!("`{name}` is no time zone; did you mean `{nearest}`?")
        }
        None => format!("`{name}` is no time zone, as `Europe/Berlin` is"),
    }
}
