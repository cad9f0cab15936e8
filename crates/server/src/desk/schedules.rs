//! Schedules of discoveries: which is due, and what came of it.
//!
//! A run that was missed since the server was stopped is made up for once. Two runs of one schedule
//! are never at work at the same time; a schedule that is due while its run goes on waits for its
//! next time. Where as many runs as may are at work it is tried again a little later.

use super::Context;
use super::runs::{Of, Runs};
use api::DiscoveryRefused;
use model::discovery::Discovery;
use model::schedule::{Schedule, ScheduleState};
use model::{DiscoveryId, ScheduleId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use store::StoreError;
use tracing::{info, warn};

/// Time until a schedule that found no room is tried again.
const RETRY: Duration = Duration::from_mins(1);
/// What was missed while the server was stopped is begun so long after its start at the earliest,
/// when devices that are known were polled, and spread over as much again.
const AFTER_START: Duration = Duration::from_secs(10);

/// The schedules, as they are kept: [`store::schedules::SCHEDULES_MAX`] at most.
#[derive(Default)]
pub(super) struct Schedules(BTreeMap<ScheduleId, Entry>);

struct Entry {
    schedule: Schedule,
    state: ScheduleState,
    /// Not to be begun before this, though it is due.
    not_before: Timestamp,
}

impl Entry {
    /// Whether it is to be begun now.
    fn is_due(&self, now: Timestamp) -> bool {
        let due = self.state.next_run_at.is_some_and(|next| next <= now);
        self.schedule.enabled && due && self.not_before <= now
    }

    /// The last run, where it is still at work.
    fn at_work(&self, runs: &Runs) -> Option<DiscoveryId> {
        self.state.last_discovery_id.filter(|id| runs.at_work(*id))
    }
}

impl Schedules {
    /// What is kept. What was due while the server was stopped is due still.
    pub(super) async fn load(context: &Context) -> Self {
        match Self::try_load(context).await {
            Ok(schedules) => schedules,
            Err(error) => {
                warn!(error = %crate::chain(&error), "schedules of discoveries cannot be read, and do not run");
                Self::default()
            }
        }
    }

    async fn try_load(context: &Context) -> Result<Self, StoreError> {
        let kept = &context.store.schedules;
        let mut states = kept.states().await?;
        let now = context.clock.now();
        let mut schedules = Self::default();
        let mut wait = AFTER_START;
        for stored in kept.list().await? {
            let schedule = stored.body;
            let mut state = states.remove(&schedule.id).unwrap_or_default();
            if state.next_run_at.is_none() && schedule.enabled {
                state.next_run_at = Some(schedule.next_after(now));
            }
            let entry = Entry {
                not_before: now.plus(wait),
                schedule,
                state,
            };
            if entry.state.next_run_at.is_some_and(|next| next <= now) {
                wait = (wait + Duration::from_secs(1)).min(AFTER_START * 2);
            }
            schedules.0.insert(entry.schedule.id, entry);
        }
        Ok(schedules)
    }

    /// Takes over a schedule as it is kept now: made, changed or deleted.
    pub(super) async fn changed(&mut self, context: &Context, runs: &mut Runs, id: ScheduleId) {
        let stored = match context.store.schedules.get(id).await {
            Ok(stored) => stored,
            Err(error) => {
                warn!(schedule.id = %id, error = %crate::chain(&error), "a schedule cannot be read");
                return;
            }
        };
        let Some(stored) = stored else {
            self.0.remove(&id);
            runs.let_go(id);
            if let Err(error) = context.store.discoveries.let_go(id).await {
                warn!(schedule.id = %id, error = %crate::chain(&error), "runs of a deleted schedule are not let go");
            }
            return;
        };
        let schedule = stored.body;
        let now = context.clock.now();
        let entry = self.0.entry(id).or_insert_with(|| Entry {
            schedule: Schedule {
                enabled: false,
                ..schedule.clone()
            },
            state: ScheduleState::default(),
            not_before: now,
        });
        let before = (entry.schedule.when, entry.schedule.enabled);
        if before != (schedule.when, schedule.enabled) {
            entry.state.next_run_at = schedule.enabled.then(|| schedule.next_after(now));
        }
        entry.schedule = schedule;
        keep(context, entry).await;
    }

    /// Begins what is due.
    pub(super) async fn begin_due(&mut self, context: &Context, runs: &mut Runs) {
        let now = context.clock.now();
        for entry in self.0.values_mut().filter(|entry| entry.is_due(now)) {
            let next = entry.schedule.next_after(now);
            if entry.at_work(runs).is_some() {
                entry.state.next_run_at = Some(next);
                let problem = "It was left out once: the run before was still at work.";
                entry.state.last_problem = Some(problem.to_owned());
                keep(context, entry).await;
                continue;
            }
            match begin(context, runs, entry, DiscoveryId::new(), now).await {
                Ok(_) => {}
                Err(DiscoveryRefused::Busy { detail }) => {
                    entry.not_before = now.plus(RETRY);
                    entry.state.last_problem = Some(sentence(&detail));
                    keep(context, entry).await;
                    continue;
                }
                Err(refused) => {
                    let detail = words(refused);
                    warn!(schedule.id = %entry.schedule.id, "a scheduled discovery was not begun: {detail}");
                    entry.state.last_problem = Some(sentence(&detail));
                }
            }
            entry.state.next_run_at = Some(next);
            keep(context, entry).await;
        }
    }

    /// Begins a run of a schedule besides its times.
    pub(super) async fn run_now(
        &mut self,
        context: &Context,
        runs: &mut Runs,
        id: ScheduleId,
        run_id: DiscoveryId,
    ) -> Result<Discovery, DiscoveryRefused> {
        let entry = self
            .0
            .get_mut(&id)
            .ok_or_else(|| DiscoveryRefused::Failed {
                detail: "The schedule is not known to the server.".to_owned(),
            })?;
        if let Some(begun) = runs.begun(context, run_id).await? {
            return Ok(begun);
        }
        if let Some(run) = entry.at_work(runs) {
            return Err(DiscoveryRefused::Running {
                detail: format!("Its run {run} is still at work; wait or cancel it."),
            });
        }
        let begun = begin(context, runs, entry, run_id, context.clock.now()).await?;
        keep(context, entry).await;
        Ok(begun)
    }
}

/// Begins a run, and forgets those that are too many.
async fn begin(
    context: &Context,
    runs: &mut Runs,
    entry: &mut Entry,
    run_id: DiscoveryId,
    now: Timestamp,
) -> Result<Discovery, DiscoveryRefused> {
    let (id, request) = (entry.schedule.id, entry.schedule.request.clone());
    let of = Of {
        schedule_id: id,
        before: entry.state.last_discovery_id,
    };
    let run = runs.begin(context, run_id, request, Some(of)).await?;
    info!(schedule.id = %id, discovery.id = %run.id, "scheduled discovery begun");
    entry.state.last_run_at = Some(now);
    entry.state.last_discovery_id = Some(run.id);
    entry.state.last_problem = None;
    let keep = usize::try_from(entry.schedule.keep_runs).unwrap_or(1);
    if let Err(error) = context.store.discoveries.forget_of(id, keep.max(1)).await {
        warn!(schedule.id = %id, error = %crate::chain(&error), "old runs of a schedule are not deleted");
    }
    Ok(run)
}

/// Keeps how a schedule is. Where that fails it is in memory, and kept with the next change; a
/// restart in between may run it once more.
async fn keep(context: &Context, entry: &Entry) {
    let id = entry.schedule.id;
    let kept = context.store.schedules.set_state(id, &entry.state).await;
    if let Err(error) = kept {
        warn!(schedule.id = %id, error = %crate::chain(&error), "when a schedule ran is not kept");
    }
}

fn words(refused: DiscoveryRefused) -> String {
    match refused {
        DiscoveryRefused::Target { detail, .. }
        | DiscoveryRefused::AllowedNetwork { detail, .. }
        | DiscoveryRefused::Credential { detail, .. }
        | DiscoveryRefused::Field { detail, .. }
        | DiscoveryRefused::Running { detail }
        | DiscoveryRefused::Busy { detail }
        | DiscoveryRefused::Failed { detail } => detail,
    }
}

/// A detail as a sentence of its own.
fn sentence(detail: &str) -> String {
    let mut letters = detail.trim_end_matches('.').chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
