//! Discoveries that the server begins by itself.

use crate::discovery::DiscoveryRequest;
use crate::{DiscoveryId, ScheduleId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;

/// Shortest time between two runs, in seconds.
pub const EVERY_SECS_MIN: u32 = 300;
/// Longest time between two runs, in seconds: 31 days.
pub const EVERY_SECS_MAX: u32 = 31 * 86_400;
/// Most runs of one schedule that are kept.
pub const KEEP_RUNS_MAX: u32 = 50;
/// Runs of one schedule that are kept where it does not say.
pub const KEEP_RUNS_DEFAULT: u32 = 10;

/// A schedule as an operator typed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The id.
    pub id: ScheduleId,
    /// What people call it.
    pub name: String,
    /// What each run looks for.
    pub request: DiscoveryRequest,
    /// When it runs.
    pub when: When,
    /// Whether it runs.
    pub enabled: bool,
    /// How many of its runs are kept.
    pub keep_runs: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// When a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// So many seconds after the run before was due, [`EVERY_SECS_MIN`] to [`EVERY_SECS_MAX`].
    EverySecs(u32),
    /// Each day at this time, UTC.
    DailyAt(TimeOfDay),
}

/// A time of day, UTC, to the minute; written as `03:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "03:30", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
// Invariant: under 24 x 60.
pub struct TimeOfDay(u16);

/// The text was not a time of day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a time of day (HH:MM is expected, from 00:00 to 23:59)")]
pub struct TimeOfDayError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl TimeOfDay {
    /// Minutes since midnight.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;
    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        let part = |digits: &str, below: u16| {
            let number: u16 = digits.parse().ok()?;
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            (plain && number < below).then_some(number)
        };
        text.split_once(':')
            .and_then(|(hours, minutes)| Some(part(hours, 24)? * 60 + part(minutes, 60)?))
            .map(Self)
            .ok_or_else(|| TimeOfDayError {
                text: text.chars().take(64).collect(),
            })
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// How a schedule is: kept apart from what was typed, so that a run does not make an operator's
/// edit stale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScheduleState {
    /// When it runs next; none where it is not enabled.
    pub next_run_at: Option<Timestamp>,
    /// When it ran last.
    pub last_run_at: Option<Timestamp>,
    /// That run, where it was begun.
    pub last_discovery_id: Option<DiscoveryId>,
    /// Why the last run was not begun, in one sentence.
    pub last_problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_both_ways() {
        for (text, minutes) in [("00:00", 0), ("03:30", 210), ("23:59", 1_439)] {
            let time: TimeOfDay = text.parse().unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        for bad in [
            "", "3:30", "24:00", "12:60", "12", "+1:00", "12:00:00", "noon",
        ] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
