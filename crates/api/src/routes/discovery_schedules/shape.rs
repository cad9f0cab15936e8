//! Schedules as JSON: read, made, patched.

use crate::merge::{self, Change};
use crate::problem::{Answer, Faults};
use crate::routes::discoveries::{self, DiscoveryCreate};
use crate::text::objection;
use model::discovery::DiscoveryRequest;
use model::schedule::{
    EVERY_SECS_MAX, EVERY_SECS_MIN, KEEP_RUNS_DEFAULT, KEEP_RUNS_MAX, Schedule, ScheduleState,
    TimeOfDay, When,
};
use model::{DiscoveryId, ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};
use store::documents::Stored;

/// A schedule of discoveries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DiscoverySchedule)]
pub(crate) struct ScheduleResource {
    /// The id.
    pub(super) id: ScheduleId,
    /// What people call it.
    pub(super) name: String,
    /// What each run looks for.
    request: DiscoveryRequest,
    /// Seconds from run to run; null where it runs at a time of day.
    every_secs: Option<u32>,
    /// The time of day at which it runs, UTC; null where it runs every so many seconds.
    daily_at: Option<TimeOfDay>,
    /// Whether it runs.
    pub(super) enabled: bool,
    /// How many of its runs are kept.
    keep_runs: u32,
    /// When it ran last.
    pub(super) last_run_at: Option<Timestamp>,
    /// When it runs next; null where it is not enabled.
    pub(super) next_run_at: Option<Timestamp>,
    /// The last run that was begun.
    last_discovery_id: Option<DiscoveryId>,
    /// Why the last run could not be begun, in one sentence; null where it was.
    last_problem: Option<String>,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// Counts its changes by operators; the ETag.
    revision: u64,
}

impl ScheduleResource {
    pub(super) fn of(stored: Stored<Schedule>, state: ScheduleState) -> Self {
        let schedule = stored.body;
        let (every_secs, daily_at) = match schedule.when {
            When::EverySecs(secs) => (Some(secs), None),
            When::DailyAt(time) => (None, Some(time)),
        };
        Self {
            id: schedule.id,
            name: schedule.name,
            request: schedule.request,
            every_secs,
            daily_at,
            enabled: schedule.enabled,
            keep_runs: schedule.keep_runs,
            last_run_at: state.last_run_at,
            next_run_at: state.next_run_at.filter(|_| schedule.enabled),
            last_discovery_id: state.last_discovery_id,
            last_problem: state.last_problem,
            created_at: schedule.created_at,
            revision: stored.revision,
        }
    }
}

/// What a schedule is made from. It runs either every so many seconds or at a time of day.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = DiscoveryScheduleCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleCreate {
    /// What people call it; no other schedule has the same.
    name: String,
    /// What each run looks for.
    request: DiscoveryCreate,
    /// Seconds from run to run.
    #[serde(default)]
    #[schema(minimum = 300, maximum = 2_678_400)]
    every_secs: Option<u32>,
    /// A time of day, UTC, as `03:30`.
    #[serde(default)]
    daily_at: Option<TimeOfDay>,
    /// Whether it runs.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// How many of its runs are kept.
    #[serde(default = "keep_runs")]
    #[schema(default = 10, minimum = 1, maximum = 50)]
    keep_runs: u32,
}

fn yes() -> bool {
    true
}
fn keep_runs() -> u32 {
    KEEP_RUNS_DEFAULT
}

/// A merge patch (RFC 7396) of a schedule. The request is replaced as a whole. To go over from one
/// way of running to the other, give the new one; the old one goes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = DiscoverySchedulePatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulePatch {
    /// What people call it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// What each run looks for.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(value_type = Option<DiscoveryCreate>, nullable = false)]
    request: Option<DiscoveryCreate>,
    /// Seconds from run to run.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<u32>, minimum = 300, maximum = 2_678_400)]
    every_secs: Change<u32>,
    /// A time of day, UTC, as `03:30`.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<TimeOfDay>)]
    daily_at: Change<TimeOfDay>,
    /// Whether it runs.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// How many of its runs are kept.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 1, maximum = 50)]
    keep_runs: Option<u32>,
}

impl ScheduleCreate {
    /// The schedule, checked as far as can be seen without the server.
    pub(super) fn finish(self, id: ScheduleId, now: Timestamp) -> Answer<Schedule> {
        let mut faults = Faults::default();
        let when = when(self.every_secs, self.daily_at, &mut faults);
        let name = name(&self.name, &mut faults);
        check_keep_runs(self.keep_runs, &mut faults);
        let request = discoveries::check_at("/request", self.request, &mut faults);
        faults.into_result()?;
        Ok(Schedule {
            id,
            name,
            request,
            when,
            enabled: self.enabled,
            keep_runs: self.keep_runs,
            created_at: now,
        })
    }
}

impl SchedulePatch {
    /// Puts what is given in the place of what is there.
    pub(super) fn apply(self, schedule: &mut Schedule) -> Answer<()> {
        let mut faults = Faults::default();
        if let Some(given) = self.name {
            schedule.name = name(&given, &mut faults);
        }
        if let Some(request) = self.request {
            schedule.request = discoveries::check_at("/request", request, &mut faults);
        }
        let (mut every, mut daily) = match schedule.when {
            When::EverySecs(secs) => (Some(secs), None),
            When::DailyAt(time) => (None, Some(time)),
        };
        match (self.every_secs, self.daily_at) {
            (Some(Some(secs)), None) => (every, daily) = (Some(secs), None),
            (None, Some(Some(time))) => (every, daily) = (None, Some(time)),
            (secs, time) => {
                every = secs.unwrap_or(every);
                daily = time.unwrap_or(daily);
            }
        }
        schedule.when = when(every, daily, &mut faults);
        if let Some(enabled) = self.enabled {
            schedule.enabled = enabled;
        }
        if let Some(keep_runs) = self.keep_runs {
            check_keep_runs(keep_runs, &mut faults);
            schedule.keep_runs = keep_runs;
        }
        faults.into_result()
    }
}

fn when(every: Option<u32>, daily: Option<TimeOfDay>, faults: &mut Faults) -> When {
    match (every, daily) {
        (Some(secs), None) => {
            if !(EVERY_SECS_MIN..=EVERY_SECS_MAX).contains(&secs) {
                let bounds = format!("{EVERY_SECS_MIN} to {EVERY_SECS_MAX} seconds are expected");
                faults.add("/every_secs", bounds);
            }
            When::EverySecs(secs)
        }
        (None, Some(time)) => When::DailyAt(time),
        (every, _) => {
            faults.add(
                "/every_secs",
                "exactly one of every_secs and daily_at is needed",
            );
            When::EverySecs(every.unwrap_or(EVERY_SECS_MIN))
        }
    }
}

fn name(given: &str, faults: &mut Faults) -> String {
    let name = given.trim();
    if name.is_empty() {
        faults.add("/name", "a name is needed");
    } else if let Some(objection) = objection(name) {
        faults.add("/name", objection);
    }
    name.to_owned()
}

fn check_keep_runs(keep_runs: u32, faults: &mut Faults) {
    if !(1..=KEEP_RUNS_MAX).contains(&keep_runs) {
        faults.add("/keep_runs", format!("1 to {KEEP_RUNS_MAX} are expected"));
    }
}
