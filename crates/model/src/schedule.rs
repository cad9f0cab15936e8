//! Discoveries that the server begins by itself.

use crate::discovery::DiscoveryRequest;
use crate::{DiscoveryId, ScheduleId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;
/// The most that runs are spread by.
const SPREAD_MAX_MS: i64 = 5 * MINUTE_MS;

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Schedule {
    /// The first time after `after` at which it is due; one that repeats is first due an interval
    /// after it was made. Schedules of the same times are spread by a part of their interval, each by
    /// the same every time.
    pub fn next_after(&self, after: Timestamp) -> Timestamp {
        let (first_ms, every_ms, spread_max_ms) = match self.when {
            When::EverySecs(secs) => {
                let every = i64::from(secs.max(1)) * 1_000;
                let first = self.created_at.unix_ms().saturating_add(every);
                (first, every, (every / 10).min(SPREAD_MAX_MS))
            }
            When::DailyAt(time) => (i64::from(time.minutes()) * 60_000, DAY_MS, MINUTE_MS),
        };
        let own = self.id.as_bytes().iter().rev().take(8);
        let own = own.fold(0u64, |number, octet| number << 8 | u64::from(*octet));
        let spread = (own % spread_max_ms.max(1).unsigned_abs()).cast_signed();
        let first = first_ms.saturating_add(spread);
        let past = after.unix_ms().saturating_sub(first).div_euclid(every_ms);
        let next = past.saturating_add(1).max(0).saturating_mul(every_ms);
        Timestamp::from_unix_ms(first.saturating_add(next))
    }
}

/// When a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ScheduleWhen))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

    fn schedule(when: When) -> Schedule {
        let request = r#"{"targets": ["192.0.2.0/24"], "methods": ["snmp"]}"#;
        Schedule {
            id: ScheduleId::new(),
            name: "nightly".to_owned(),
            request: serde_json::from_str(request).unwrap(),
            when,
            enabled: true,
            keep_runs: 10,
            created_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_schedule_is_due_at_even_times_spread_a_little() {
        let daily = When::DailyAt("03:30".parse().unwrap());
        for (when, after, due, spread_secs) in [
            (
                When::EverySecs(3_600),
                "2026-03-01T12:00:00Z",
                "2026-03-01T13:00:00Z",
                300,
            ),
            (
                When::EverySecs(3_600),
                "2026-03-02T07:20:00Z",
                "2026-03-02T08:00:00Z",
                300,
            ),
            (
                When::EverySecs(300),
                "2026-03-01T12:00:01Z",
                "2026-03-01T12:05:00Z",
                30,
            ),
            (daily, "2026-03-01T12:00:00Z", "2026-03-02T03:30:00Z", 60),
            (daily, "2026-03-02T03:29:59Z", "2026-03-02T03:30:00Z", 60),
            (daily, "2026-03-02T03:31:00Z", "2026-03-03T03:30:00Z", 60),
        ] {
            let schedule = schedule(when);
            let due: Timestamp = due.parse().unwrap();
            let next = schedule.next_after(after.parse().unwrap());
            assert!(
                next >= due && next.since(due).as_secs() < spread_secs,
                "{when:?} {next}"
            );
            let every = match when {
                When::EverySecs(secs) => secs.into(),
                When::DailyAt(_) => 86_400,
            };
            let following = schedule.next_after(next);
            assert_eq!(following.since(next).as_secs(), every, "{when:?}");
        }
    }

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
