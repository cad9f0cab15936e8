//! Checks of services, made by the clock: each is due at even times spread by its id, never twice at
//! once, and no more than so many at a time. What came of one is kept, and measured as samples.

use collect::check::{self, Question};
use collect::http::Trust;
use model::check::{Outcome, ServiceCheck};
use model::event::Event;
use model::series::NETWORK;
use model::{CheckId, Clock, Labels, Metric, SeriesId, Status, Timestamp, Value};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::documents::Expect;
use store::series::{AppendError, Batch, SeriesError, SeriesStore};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often it is looked which are due.
const TICK: Duration = Duration::from_millis(200);
/// Checks at work at a time: a page of a MiB and a socket each. Beyond it they wait.
const AT_WORK_MAX: usize = 256;

/// What it works with.
#[derive(Clone)]
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// Where samples are kept.
    pub series: SeriesStore,
    /// Whom to tell.
    pub events: broadcast::Sender<Arc<Event>>,
    /// The present time.
    pub clock: Clock,
    /// Who joins the checks at work.
    pub tasks: TaskTracker,
    /// What is counted.
    pub counts: Counts,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MadeLabels {
    kind: &'static str,
    status: &'static str,
}

/// What was made.
#[derive(Clone, Default)]
pub struct Counts {
    made: Family<MadeLabels, Counter>,
    waited: Counter,
}

impl Counts {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "foretell_checks",
            "Checks of services by kind and what came of them",
            counts.made.clone(),
        );
        registry.register(
            "foretell_checks_waited",
            "Checks that were due while as many as may be were at work",
            counts.waited.clone(),
        );
        counts
    }
}

/// A check and when it is due next; none while it is at work.
struct Planned {
    check: Arc<ServiceCheck>,
    due: Option<Timestamp>,
}

/// Runs until the server stops.
pub async fn run(context: Context) {
    let trust = Trust::of_this_machine();
    let places = Arc::new(Semaphore::new(AT_WORK_MAX));
    let (done_in, mut done) = mpsc::channel(AT_WORK_MAX);
    let mut planned: HashMap<CheckId, Planned> = HashMap::new();
    let mut read_at = None;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            Some(id) = done.recv() => {
                if let Some(one) = planned.get_mut(&id) {
                    one.due = Some(next_after(&one.check, context.clock.now()));
                }
                continue;
            }
            _ = ticks.tick() => {}
        }
        let changes = context.store.checks.changes();
        if read_at != Some(changes) {
            read_at = Some(changes);
            planned = context.plan(&planned);
        }
        let now = context.clock.now();
        for (id, one) in &mut planned {
            if one.due.is_none_or(|due| due > now) {
                continue;
            }
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                context.counts.waited.inc();
                break;
            };
            one.due = None;
            let (context, trust) = (context.clone(), trust.clone());
            let (check, done, id) = (Arc::clone(&one.check), done_in.clone(), *id);
            let tasks = context.tasks.clone();
            // On the runtime of this task.
            tasks.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = context.make(&trust, &check) => {}
                    () = context.stop.cancelled() => return,
                }
                // An error means that the server stops.
                let _ = done.send(id).await;
            });
        }
    }
}

/// The first time after `after` at which a check is due; checks of one interval are spread over it,
/// each by the same every time.
fn next_after(check: &ServiceCheck, after: Timestamp) -> Timestamp {
    let every = i64::from(check.interval_secs.max(1)) * 1_000;
    let own = check.id.as_bytes().iter().rev().take(8);
    let own = own.fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
    let spread = (own % every.unsigned_abs()).cast_signed();
    let past = (after.unix_ms() - spread).div_euclid(every);
    Timestamp::from_unix_ms((past + 1) * every + spread)
}

#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error("the series could not be registered")]
    Series(#[from] SeriesError),
    #[error("the samples could not be appended")]
    Append(#[from] AppendError),
}

impl Context {
    /// The checks as they are now. One that was there keeps its turn; a new one is made at once.
    fn plan(&self, before: &HashMap<CheckId, Planned>) -> HashMap<CheckId, Planned> {
        let now = self.clock.now();
        let all = self.store.checks.list();
        let enabled = all.into_iter().filter(|(stored, _)| stored.body.enabled);
        enabled
            .map(|(stored, _)| {
                let check = stored.body.clone();
                let due = match before.get(&check.id) {
                    Some(known) if *known.check == check => known.due,
                    // At work as it was: its turn comes when that is done.
                    Some(Planned { due: None, .. }) => None,
                    _ => Some(now),
                };
                let check = Arc::new(check);
                (check.id, Planned { check, due })
            })
            .collect()
    }

    async fn make(&self, trust: &Trust, check: &ServiceCheck) {
        if let Some(device_id) = check.device_id
            && self.store.inventory.device(device_id).is_none()
        {
            // It was a part of a device that is gone.
            if self
                .store
                .checks
                .delete(check.id, Expect::Any)
                .await
                .is_ok()
            {
                info!(check.id = %check.id, "its device is gone, and the check with it");
            }
            return;
        }
        let outcome = check::make(
            trust,
            Question {
                target: &check.target,
                probe: &check.probe,
                time: Duration::from_millis(check.timeout_ms.into()),
                slow: check.slow_ms.map(|ms| Duration::from_millis(ms.into())),
                now: self.clock.now(),
            },
        )
        .await;
        let labels = MadeLabels {
            kind: check.probe.kind(),
            status: word(outcome.status),
        };
        self.counts.made.get_or_create(&labels).inc();
        let at = self.clock.now();
        if let Err(error) = self.measure(check, &outcome, at).await {
            warn!(check.id = %check.id, error = %crate::chain(&error), "samples of a check not kept");
        }
        self.store.checks.set_outcome(check.id, outcome, at).await;
    }

    async fn measure(
        &self,
        check: &ServiceCheck,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), NotKept> {
        let device_id = check.device_id.unwrap_or(NETWORK);
        let up = if outcome.status == Status::Down {
            0.0
        } else {
            1.0
        };
        let measured = [
            (Metric::CHECK_UP, Some(up)),
            (Metric::CHECK_DURATION, outcome.duration_secs),
            (
                Metric::CHECK_CERTIFICATE_EXPIRY,
                outcome.certificate_expiry_secs,
            ),
            (Metric::NTP_OFFSET, outcome.ntp_offset_secs),
        ];
        let labels = Labels::default()
            .with(Labels::CHECK, check.id.to_string())
            .with(Labels::VANTAGE, model::device::LOCAL_VANTAGE);
        let there = measured.iter().filter_map(|(metric, value)| {
            let value = value.filter(|value| value.is_finite())?;
            Some(((*metric, labels.clone()), Value::F64(value)))
        });
        let (keys, values): (Vec<_>, Vec<_>) = there.unzip();
        let series = self.series.resolve(device_id, keys).await?;
        let columns = series.iter().map(|series| series.column);
        let batch = Batch {
            device_id,
            at,
            values: columns.zip(values.iter().copied()).collect(),
        };
        self.series.append(batch).await?;
        let samples: Vec<(SeriesId, Value)> =
            series.iter().map(|series| series.id).zip(values).collect();
        let told = Event::Samples {
            device_id,
            at,
            samples,
        };
        // An error means that nobody listens.
        let _ = self.events.send(Arc::new(told));
        Ok(())
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Up => "up",
        Status::Degraded => "degraded",
        Status::Down => "down",
        Status::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::check::Probe;

    #[test]
    fn checks_are_due_at_even_times_each_at_its_own() {
        let check = ServiceCheck {
            id: CheckId::new(),
            device_id: None,
            name: "c".to_owned(),
            target: "192.0.2.1:22".to_owned(),
            probe: Probe::Tcp {},
            interval_secs: 60,
            timeout_ms: 1_000,
            slow_ms: None,
            enabled: true,
            created_at: Timestamp::default(),
        };
        let now = Timestamp::from_unix_ms(1_772_366_400_000);
        let first = next_after(&check, now);
        let second = next_after(&check, first);
        assert!(first > now && first.since(now) <= Duration::from_mins(1));
        assert_eq!(second.since(first), Duration::from_mins(1));
        let just_before = Timestamp::from_unix_ms(first.unix_ms() - 1);
        assert_eq!(next_after(&check, just_before), first);
    }
}
