//! Forecasts of series as they are kept and shown: one for each series that matters, with how good those
//! before it were and when a limit will be reached. How they are made is not here.

use crate::pattern::TrafficPattern;
use crate::{DeviceId, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};

/// How far a series can be forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ForecastState {
    /// It is forecast of a week or more.
    Ready,
    /// Its history is short: what is forecast knows no week yet, or there is nothing yet.
    Learning,
    /// It cannot be forecast, and the reason says why.
    Unforecastable,
}

impl ForecastState {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Learning => "learning",
            Self::Unforecastable => "unforecastable",
        }
    }
}

/// How long before its time something was forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastLead))]
pub enum Lead {
    /// In the hour before.
    Hour,
    /// In the 24 hours before.
    Day,
    /// 144 to 168 hours before.
    Week,
}

impl Lead {
    /// All, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// The hours after it was made that are of this lead: the first, and the one behind the last.
    pub fn hours(self) -> (usize, usize) {
        match self {
            Self::Hour => (0, 1),
            Self::Day => (0, 24),
            Self::Week => (144, 168),
        }
    }
}

/// What is expected step by step, with the bounds within which 80 and 95 % of what comes should lie. All are
/// as long, in the unit of the series (a second, of counters).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastCourse))]
pub struct Course {
    /// Half of what comes should be above it.
    pub median: Vec<f64>,
    /// Lower bounds of 80 %.
    pub lower80: Vec<f64>,
    /// Upper bounds of 80 %.
    pub upper80: Vec<f64>,
    /// Lower bounds of 95 %.
    pub lower95: Vec<f64>,
    /// Upper bounds of 95 %.
    pub upper95: Vec<f64>,
}

impl Course {
    /// The five in the order of the fields.
    pub fn each_mut(&mut self) -> [&mut Vec<f64>; 5] {
        [
            &mut self.median,
            &mut self.lower80,
            &mut self.upper80,
            &mut self.lower95,
            &mut self.upper95,
        ]
    }

    /// Part of it; what is behind its end is left out.
    #[must_use]
    pub fn part(&self, from: usize, to: usize) -> Self {
        let cut = |all: &[f64]| {
            let to = to.min(all.len());
            all.get(from.min(to)..to).unwrap_or_default().to_vec()
        };
        Self {
            median: cut(&self.median),
            lower80: cut(&self.lower80),
            upper80: cut(&self.upper80),
            lower95: cut(&self.lower95),
            upper95: cut(&self.upper95),
        }
    }

    /// Numbers with five digits, which is more than a forecast knows: a third of the room.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for course in self.each_mut() {
            for value in course {
                *value = five_digits(*value);
            }
        }
        self
    }
}

/// A number with its first five digits.
fn five_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// A member of the pool of models, and what it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastMember))]
pub struct Member {
    /// Which model.
    pub model: String,
    /// Its weight, 0 to 1; all are 1 together.
    pub weight: f64,
}

/// How good forecasts of a series were at a lead, against what came true. What is long ago counts less: half
/// after thirty days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastAccuracy))]
pub struct Accuracy {
    /// How long before.
    pub lead: Lead,
    /// Mean absolute error in those of forecasting what was a day before (Hyndman and Koehler, 2006): under 1
    /// is better than that. Null where the series does not change.
    pub mase: Option<f64>,
    /// Share of values within the 95 % band, 0 to 1.
    pub coverage: Option<f64>,
    /// Values that came true.
    pub count: u64,
    /// Of these, those whose forecast was made afterwards of what was known before: so it begins where there is
    /// a history.
    pub backcast: u64,
}

/// Sums of which [`Accuracy`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastScore))]
pub struct Score {
    /// How long before.
    pub lead: Lead,
    /// Errors in parts of the scale, with their weights.
    pub error: f64,
    /// Weights of these.
    pub scaled: f64,
    /// Weights of the values within the band.
    pub inside: f64,
    /// Weights of all values.
    pub weight: f64,
    /// Values.
    pub count: u64,
    /// Of these, those of forecasts that were made afterwards.
    pub backcast: u64,
}

impl Score {
    /// Nothing yet.
    pub fn new(lead: Lead) -> Self {
        Self {
            lead,
            error: 0.0,
            scaled: 0.0,
            inside: 0.0,
            weight: 0.0,
            count: 0,
            backcast: 0,
        }
    }

    /// What it says.
    pub fn accuracy(&self) -> Accuracy {
        let share = |part: f64, of: f64| (of > 0.0).then(|| part / of).filter(|s| s.is_finite());
        Accuracy {
            lead: self.lead,
            mase: share(self.error, self.scaled),
            coverage: share(self.inside, self.weight),
            count: self.count,
            backcast: self.backcast,
        }
    }
}

/// What was forecast and waits for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ForecastWaiting))]
pub struct Waiting {
    /// How long before.
    pub lead: Lead,
    /// When its first step begins; steps are of an hour.
    pub from: Timestamp,
    /// What is expected.
    pub course: Course,
}

/// What limits a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LimitKind {
    /// The nominal speed of an interface.
    InterfaceSpeed,
    /// The size of a storage.
    StorageSize,
    /// The size of a memory.
    MemorySize,
    /// All of a share, as of a processor.
    Full,
}

/// Which number of a day is held against the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CapacityOf {
    /// The mean of the day.
    Avg,
    /// The 95th percentile of the day's hours, each by its mean.
    P95,
    /// The greatest value of the day.
    Peak,
}

impl CapacityOf {
    /// All.
    pub const ALL: [Self; 3] = [Self::Avg, Self::P95, Self::Peak];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::P95 => "p95",
            Self::Peak => "peak",
        }
    }
}

/// When a number of a series reaches a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CapacityOutlook))]
pub struct Outlook {
    /// Which number.
    pub of: CapacityOf,
    /// The threshold as a share of the limit, 0 to 1.
    pub threshold: f64,
    /// The number of late as a share of the limit: the median of the last seven days.
    pub used: f64,
    /// When it is expected to be over the threshold; null where that is over a year away. What is over it
    /// already is at the time when this was computed.
    pub expected_at: Option<Timestamp>,
    /// The same where it grows as quickly as is likely (three of four slopes are below).
    pub earliest_at: Option<Timestamp>,
    /// The same where it grows as slowly as is likely.
    pub latest_at: Option<Timestamp>,
    /// Growth a day, in parts: 0.01 is one per cent.
    pub growth_a_day: f64,
}

/// What limits a series, and when it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capacity {
    /// What limits it.
    pub limit_kind: LimitKind,
    /// The limit, in the unit of the series (a second, of counters).
    pub limit: f64,
    /// When thresholds are reached.
    pub outlooks: Vec<Outlook>,
    /// Why there are none, in one sentence.
    pub reason: Option<String>,
}

/// Why a series is forecast each day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ForecastWhy {
    /// An operator chose it.
    Chosen,
    /// It is near a limit.
    NearLimit,
    /// Somebody looked at its forecast in the last week.
    Asked,
    /// It is of an interface with a link.
    Link,
    /// It is of a metric that has a limit, or that is worth knowing before.
    Metric,
    /// It is of an application of an interface that is used.
    Application,
}

/// What is kept of the forecast of a series, without its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForecastHead {
    /// The series.
    pub series_id: SeriesId,
    /// Whose.
    pub device_id: DeviceId,
    /// How far it can be forecast.
    pub state: ForecastState,
    /// Why it is not ready, in one sentence.
    pub reason: Option<String>,
    /// Why it is forecast.
    pub why: ForecastWhy,
    /// When.
    pub made_at: Timestamp,
    /// When the first value that it was made of begins.
    pub trained_from: Option<Timestamp>,
    /// When the last ends, and the first step of the course begins.
    pub trained_to: Option<Timestamp>,
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// The members of the pool with weight, the weightiest first.
    pub members: Vec<Member>,
    /// How good forecasts were, by lead.
    pub scores: Vec<Score>,
    /// Whether forecasts were made afterwards for times before it was first made.
    pub is_backcast: bool,
    /// When its limit is reached; none where it has no limit.
    pub capacity: Option<Capacity>,
    /// What kind of traffic it is; none where too little is known, or no kind fits.
    #[serde(default)]
    pub pattern: Option<TrafficPattern>,
    /// When it was first found to be of that kind.
    #[serde(default)]
    pub pattern_since: Option<Timestamp>,
}

/// The forecast of a series as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptForecast {
    /// All but the course.
    pub head: ForecastHead,
    /// What is expected from [`ForecastHead::trained_to`] on, by hours.
    pub course: Course,
    /// What waits for its time.
    pub waiting: Vec<Waiting>,
}

/// A series that an operator wants to be forecast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChosenSeries {
    /// The series.
    pub series_id: SeriesId,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_digits_are_kept() {
        for (value, kept) in [
            (0.0, 0.0),
            (123_456_789.0, 123_460_000.0),
            (-0.001_234_567, -0.001_234_6),
            (1e-300, 1e-300),
        ] {
            assert!(
                (five_digits(value) - kept).abs() <= f64::EPSILON * kept.abs(),
                "{value}"
            );
        }
        assert!(five_digits(f64::NAN).is_nan());
    }

    #[test]
    fn parts_are_cut_at_the_end() {
        let course = Course {
            median: vec![1.0, 2.0, 3.0],
            ..Course::default()
        };
        assert_eq!(course.part(1, 9).median, [2.0, 3.0]);
        assert_eq!(course.part(7, 9).median, [0.0; 0]);
        assert_eq!(course.part(1, 2).lower80, [0.0; 0]);
    }

    #[test]
    fn a_score_says_nothing_of_nothing() {
        let none = Score::new(Lead::Day).accuracy();
        assert_eq!((none.mase, none.coverage, none.count), (None, None, 0));
    }
}
