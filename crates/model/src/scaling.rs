//! Scaling triggers: raised some time before a series is expected to go over a threshold, so that what takes
//! minutes to add is there in time. What operators typed, and how each trigger stands. How it is decided is in
//! `analytics::scaling`.

use crate::webhook::Delivery;
use crate::{SeriesId, Timestamp, TriggerId};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most triggers that are kept: each is forecast every step.
pub const TRIGGERS_MAX: usize = 100;
/// Seconds of a step: those of the finest roll-ups.
pub const STEP_SECS: u32 = 300;
/// Seconds that a trigger may look ahead: 48 steps at most.
pub const LEAD_SECS: RangeInclusive<u32> = STEP_SECS..=48 * STEP_SECS;
/// Steps that must be known before anything is said: a day.
pub const LEARNED_STEPS: u64 = 288;
/// What was last known so long ago says nothing of now: three steps, and one that is under way.
pub const STALE_AFTER: Duration = Duration::from_secs(4 * STEP_SECS as u64);
/// Raises that are kept of a trigger; the oldest goes.
pub const RAISES_MAX: usize = 50;
/// Longest URL of a webhook, in bytes.
pub const URL_LEN_MAX: usize = 2_000;

/// A trigger as an operator typed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ScalingTriggerTyped))]
pub struct ScalingTrigger {
    /// The id.
    pub id: TriggerId,
    /// What people call it.
    pub name: String,
    /// The series that it watches.
    pub series_id: SeriesId,
    /// Over this is overload.
    pub threshold: ScalingThreshold,
    /// The least seconds between raising and overload that are of use, within [`LEAD_SECS`].
    pub lead_min_secs: u32,
    /// The most seconds between them, from `lead_min_secs`.
    pub lead_max_secs: u32,
    /// It is cleared only where the value is below this share of the threshold, over 0 to 1.
    pub clear_below_share: f64,
    /// Whom to tell; none: nobody but those who listen or ask.
    pub webhook: Option<ScalingWebhook>,
    /// Whether it watches.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ScalingTrigger {
    /// Leads in steps, the least and the most.
    pub fn lead_steps(&self) -> (usize, usize) {
        let steps = |secs: u32| usize::try_from(secs.div_ceil(STEP_SECS)).unwrap_or(usize::MAX);
        let least = steps(self.lead_min_secs).max(1);
        (least, steps(self.lead_max_secs).max(least))
    }

    /// Whether what was learned for another is good for this one.
    pub fn watches_as(&self, other: &Self) -> bool {
        self.series_id == other.series_id
            && self.threshold == other.threshold
            && self.lead_steps() == other.lead_steps()
    }
}

/// Over which value a series is overloaded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScalingThreshold {
    /// A number in the unit of the series (a second, of counters).
    Value {
        /// Over 0.
        value: f64,
    },
    /// A share of what limits the series: the speed of its interface, the size of its storage or memory.
    OfLimit {
        /// Over 0 to 1.
        share: f64,
    },
}

/// Whom a trigger tells. The secret that signs is not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScalingWebhook {
    /// `http` or `https`, without a password.
    pub url: String,
    /// Whether what is sent is signed with a secret.
    pub is_signed: bool,
}

/// How a trigger stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScalingState {
    /// Too little is known of the series.
    #[default]
    Learning,
    /// No overload is expected within the lead.
    Clear,
    /// One is expected, or there is one.
    Raised,
}

impl ScalingState {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Clear => "clear",
            Self::Raised => "raised",
        }
    }
}

/// Whether the overload came for which a trigger was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScalingVerdict {
    /// It may still come.
    Waiting,
    /// It came within the lead.
    Came,
    /// It did not.
    False,
    /// It was raised only when the overload was there.
    Late,
    /// The series was not measured long enough.
    Unknown,
}

/// A time that a trigger was raised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScalingRaise {
    /// When.
    pub raised_at: Timestamp,
    /// When the overload was most likely to begin.
    pub expected_at: Timestamp,
    /// How likely it was within the lead, 0 to 1.
    pub probability: f64,
    /// When it was cleared, or raised anew; null where it is raised.
    pub cleared_at: Option<Timestamp>,
    /// Whether the overload came.
    pub verdict: ScalingVerdict,
    /// When it began; null where it did not.
    pub overload_at: Option<Timestamp>,
    /// Seconds between raising and overload.
    pub lead_secs: Option<u64>,
    /// It is of what was known when the trigger began to learn, gone through step by step, and nobody was told.
    pub is_backcast: bool,
}

/// How often what came of a trigger, over all the time it was there and what was gone through before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScalingTally {
    /// Raises for an overload that came.
    pub came: u64,
    /// Raises for one that did not.
    pub false_raises: u64,
    /// Overloads that began without it.
    pub missed: u64,
    /// Seconds between raising and overload, of those that came, together.
    pub lead_secs_sum: u64,
    /// Of all of these, those that were gone through afterwards.
    pub backcast: u64,
}

/// What is expected of the series within the lead, in its unit (a second, of counters).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScalingOutlook {
    /// When the last step ended that was known.
    pub at: Timestamp,
    /// The value of that step.
    pub latest: f64,
    /// The threshold.
    pub threshold: f64,
    /// The greatest of the latest value and the medians that are forecast within the lead.
    pub forecast_max: f64,
    /// The greatest of the latest value and the upper bounds of 80 % within the lead.
    pub forecast_max_upper80: f64,
    /// Whether it is a forecast, or else the latest value alone, for the series cannot be forecast.
    pub is_forecast: bool,
}

/// How a trigger stands, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ScalingStandingKept))]
pub struct ScalingStanding {
    /// Learning, clear or raised.
    pub state: ScalingState,
    /// Why it is learning, in one sentence.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Times that it was raised, the latest last, at most [`RAISES_MAX`].
    pub raises: Vec<ScalingRaise>,
    /// How often what came of it.
    pub tally: ScalingTally,
    /// What is expected.
    pub outlook: Option<ScalingOutlook>,
    /// How the last message to its webhook fared.
    pub delivery: Option<Delivery>,
    /// When the last step ended that was taken in.
    pub stepped_to: Option<Timestamp>,
    /// Steps that are known.
    pub steps: u64,
    /// Steps over the threshold one after another, the last one among them.
    pub over_steps: u32,
    /// When the last of them ended.
    pub over_at: Option<Timestamp>,
    /// The trigger as typed for which this was learned.
    pub learned_for: Option<ScalingTrigger>,
    /// The threshold of that, as a number.
    pub learned_threshold: Option<f64>,
    /// The time zone by whose clock it was learned; UTC where none is named.
    pub learned_zone: Option<String>,
    /// What was learned: `analytics::scaling::Trigger::encode` in base64.
    pub learned: String,
}

impl ScalingStanding {
    /// The raise that counts; none where it is not raised.
    pub fn raise(&self) -> Option<&ScalingRaise> {
        let last = self.raises.last();
        last.filter(|_| self.state == ScalingState::Raised)
    }
}

/// A change of a trigger's state, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScalingTold {
    /// The trigger.
    pub trigger_id: TriggerId,
    /// What people call it.
    pub name: String,
    /// The series.
    pub series_id: SeriesId,
    /// How it stands now.
    pub state: ScalingState,
    /// When that was seen.
    pub at: Timestamp,
    /// When the overload is most likely to begin; null where none is expected.
    pub expected_at: Option<Timestamp>,
    /// How likely that is within the lead, 0 to 1.
    pub probability: Option<f64>,
    /// The threshold, in the unit of the series.
    pub threshold: Option<f64>,
    /// The latest value.
    pub latest: Option<f64>,
    /// What is expected at most within the lead.
    pub forecast_max: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_whole_steps() {
        let trigger = |least, most| ScalingTrigger {
            id: TriggerId::from_bytes([0; 16]),
            name: String::new(),
            series_id: SeriesId::from_bytes([0; 16]),
            threshold: ScalingThreshold::Value { value: 1.0 },
            lead_min_secs: least,
            lead_max_secs: most,
            clear_below_share: 1.0,
            webhook: None,
            enabled: true,
            created_at: Timestamp::default(),
        };
        for (least, most, steps) in [
            (300, 300, (1, 1)),
            (301, 1_200, (2, 4)),
            (300, 14_400, (1, 48)),
        ] {
            assert_eq!(trigger(least, most).lead_steps(), steps);
        }
        let mut other = trigger(300, 600);
        other.name = "another".to_owned();
        assert!(other.watches_as(&trigger(300, 599)));
        assert!(!other.watches_as(&trigger(300, 900)));
    }
}
