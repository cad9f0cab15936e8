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
use store::documents::{Expect, Stored};
use store::series::{AppendError, Batch, SeriesError, SeriesStore};
use tokio::sync::{broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often it is looked which are due.
const TICK: Duration = Duration::from_millis(200);
/// Checks at work at a time: a page of a MiB and a socket each. Beyond it they wait.
const AT_WORK_MAX: usize = 256;
/// How often it is looked for checks of devices that are gone, besides when one is deleted: what
/// could not be deleted then, and a check that came with the end of its device.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// Checks that are deleted at a time: they share a sync of the disk, and no tick waits for more. The
/// next tick deletes the next ones.
const SWEEP_MAX: usize = 64;

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

/// Runs until the server stops.
pub async fn run(context: Context) {
    let trust = Trust::of_this_machine();
    let (done_in, mut done) = mpsc::channel(AT_WORK_MAX);
    let mut schedule = Schedule::default();
    let mut read_at = None;
    let mut heard = context.events.subscribe();
    let mut sweep_at = context.clock.now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            Some(id) = done.recv() => {
                schedule.done(id, context.clock.now());
                continue;
            }
            _ = ticks.tick() => {}
        }
        let now = context.clock.now();
        if a_device_is_gone(&mut heard) || sweep_at <= now {
            let is_done = sweep(&context.store).await;
            sweep_at = if is_done {
                now.plus(SWEEP_INTERVAL)
            } else {
                now
            };
        }
        let changes = context.store.checks.changes();
        if read_at != Some(changes) {
            read_at = Some(changes);
            let all = context.store.checks.list().into_iter();
            schedule.read(all.map(|(stored, _)| stored), now);
        }
        let Turn { taken, waited } = schedule.take(now);
        context.counts.waited.inc_by(waited);
        for check in taken {
            let (context, trust, done) = (context.clone(), trust.clone(), done_in.clone());
            let tasks = context.tasks.clone();
            // On the runtime of this task.
            tasks.spawn(async move {
                let _place = Place {
                    id: check.body.id,
                    done,
                };
                tokio::select! {
                    () = context.make(&trust, &check) => {}
                    () = context.stop.cancelled() => {}
                }
            });
        }
    }
}

/// A place among the checks at work. It is given back when it is dropped: a check that ends in a
/// mistake of ours must not take it with it.
struct Place {
    id: CheckId,
    done: mpsc::Sender<CheckId>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // There is room for all that may be at work. An error means that the server stops.
        let _ = self.done.try_send(self.id);
    }
}

/// When each check is due, and which are at work.
// Invariant: no more than `AT_WORK_MAX` are at work, and none of them twice.
#[derive(Default)]
struct Schedule {
    planned: HashMap<CheckId, Planned>,
    /// The revision that each attempt began with. One that is disabled stays here until its attempt
    /// has ended.
    at_work: HashMap<CheckId, u64>,
}

/// A check and when it is due next.
struct Planned {
    check: Arc<Stored<ServiceCheck>>,
    due: Timestamp,
    /// It is counted as one that waits.
    waits: bool,
}

/// What may begin now.
struct Turn {
    taken: Vec<Arc<Stored<ServiceCheck>>>,
    /// How many are due and found no room, those left out that were counted before.
    waited: u64,
}

impl Schedule {
    /// Takes in the checks as they are now. One that is as it was keeps its turn; another is due at
    /// once.
    fn read(&mut self, all: impl Iterator<Item = Arc<Stored<ServiceCheck>>>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.planned);
        let enabled = all.filter(|check| check.body.enabled);
        self.planned = enabled
            .map(|check| {
                let id = check.body.id;
                let known = before.remove(&id);
                let same = known.filter(|known| known.check.revision == check.revision);
                let planned = same.unwrap_or(Planned {
                    check,
                    due: now,
                    waits: false,
                });
                (id, planned)
            })
            .collect();
    }

    /// Takes those that are due, as many as there is room for, the one that is due longest first.
    fn take(&mut self, now: Timestamp) -> Turn {
        let due = self.planned.iter();
        let mut due: Vec<(Timestamp, CheckId)> = due
            .filter(|(id, one)| one.due <= now && !self.at_work.contains_key(*id))
            .map(|(id, one)| (one.due, *id))
            .collect();
        due.sort_unstable();
        let room = AT_WORK_MAX.saturating_sub(self.at_work.len());
        let mut turn = Turn {
            taken: Vec::new(),
            waited: 0,
        };
        for (place, (_, id)) in due.into_iter().enumerate() {
            let Some(one) = self.planned.get_mut(&id) else {
                continue;
            };
            if place < room {
                one.waits = false;
                self.at_work.insert(id, one.check.revision);
                turn.taken.push(Arc::clone(&one.check));
            } else if !std::mem::replace(&mut one.waits, true) {
                turn.waited += 1;
            }
        }
        turn
    }

    /// An attempt has ended. What was changed meanwhile is due at once, for nothing is known of it.
    fn done(&mut self, id: CheckId, now: Timestamp) {
        let began_with = self.at_work.remove(&id);
        if let Some(one) = self.planned.get_mut(&id) {
            one.due = if began_with == Some(one.check.revision) {
                next_after(&one.check.body, now)
            } else {
                now
            };
        }
    }
}

/// Whether a device was deleted since it was asked for last.
fn a_device_is_gone(heard: &mut broadcast::Receiver<Arc<Event>>) -> bool {
    let mut is_gone = false;
    loop {
        match heard.try_recv() {
            Ok(event) => is_gone |= matches!(*event, Event::DeviceDeleted { .. }),
            // It may have been among those that were missed.
            Err(broadcast::error::TryRecvError::Lagged(_)) => is_gone = true,
            Err(_) => return is_gone,
        }
    }
}

/// Deletes checks of devices that are gone, also those that are disabled. Whether that were all.
async fn sweep(store: &Store) -> bool {
    let all = store.checks.list().into_iter();
    let gone = all.filter(|(check, _)| {
        let device_id = check.body.device_id;
        device_id.is_some_and(|id| store.inventory.device(id).is_none())
    });
    let gone: Vec<CheckId> = gone.map(|(check, _)| check.body.id).collect();
    let lot = gone.iter().take(SWEEP_MAX);
    let deleted = lot.map(|id| store.checks.delete(*id, Expect::Any));
    let deleted = futures_util::future::join_all(deleted).await;
    for (id, deleted) in gone.iter().zip(&deleted) {
        match deleted {
            Ok(()) => info!(check.id = %id, "its device is gone, and the check with it"),
            Err(error) => {
                warn!(check.id = %id, error = %crate::chain(error), "a check of a device that is gone stays for now");
            }
        }
    }
    // What failed is tried again after a while, not with the next tick.
    gone.len() <= SWEEP_MAX || deleted.iter().any(Result::is_err)
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
    async fn make(&self, trust: &Trust, begun: &Stored<ServiceCheck>) {
        let check = &begun.body;
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
        let present = self.store.checks.get(check.id);
        if present.is_none_or(|(present, _)| present.revision != begun.revision) {
            // It was changed, disabled or deleted meanwhile: this says nothing of what it is now.
            return;
        }
        let at = self.clock.now();
        if let Err(error) = self.measure(check, &outcome, at).await {
            warn!(check.id = %check.id, error = %crate::chain(&error), "samples of a check not kept");
        }
        let (checks, revision) = (&self.store.checks, begun.revision);
        checks.set_outcome(check.id, revision, outcome, at).await;
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
    use model::DeviceId;
    use model::check::Probe;
    use store::StoreOptions;

    fn typed(enabled: bool) -> ServiceCheck {
        let id = CheckId::new();
        ServiceCheck {
            id,
            device_id: None,
            name: id.to_string(),
            target: "192.0.2.1:22".to_owned(),
            probe: Probe::Tcp {},
            interval_secs: 60,
            timeout_ms: 1_000,
            slow_ms: None,
            enabled,
            created_at: Timestamp::default(),
        }
    }

    fn stored(check: &ServiceCheck, revision: u64) -> Arc<Stored<ServiceCheck>> {
        Arc::new(Stored {
            id: check.id.to_string(),
            revision,
            body: check.clone(),
        })
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_772_366_400_000 + secs * 1_000)
    }

    #[test]
    fn checks_are_due_at_even_times_each_at_its_own() {
        let check = typed(true);
        let now = at(0);
        let first = next_after(&check, now);
        let second = next_after(&check, first);
        assert!(first > now && first.since(now) <= Duration::from_mins(1));
        assert_eq!(second.since(first), Duration::from_mins(1));
        let just_before = Timestamp::from_unix_ms(first.unix_ms() - 1);
        assert_eq!(next_after(&check, just_before), first);
    }

    #[test]
    fn no_check_starves_where_more_are_due_than_may_be_at_work() {
        let checks: Vec<_> = (0..AT_WORK_MAX * 3)
            .map(|_| stored(&typed(true), 1))
            .collect();
        let mut schedule = Schedule::default();
        schedule.read(checks.iter().cloned(), at(0));
        let mut made: HashMap<CheckId, usize> = HashMap::new();
        let mut waited = 0;
        // Each attempt lasts the minute in which it is due again, as in an outage.
        for round in 0..6 {
            let turn = schedule.take(at(round * 60));
            assert_eq!(turn.taken.len(), AT_WORK_MAX);
            waited += turn.waited;
            assert_eq!(schedule.take(at(round * 60)).waited, 0, "counted once");
            for check in turn.taken {
                *made.entry(check.body.id).or_default() += 1;
                schedule.done(check.body.id, at(round * 60 + 59));
            }
        }
        assert_eq!(made.len(), checks.len());
        assert!(made.values().all(|times| *times == 2), "{made:?}");
        assert!(waited >= (AT_WORK_MAX * 2) as u64, "{waited}");
    }

    #[test]
    fn a_check_that_is_changed_or_disabled_at_work_is_made_anew_and_never_twice_at_once() {
        let mut check = typed(true);
        let mut schedule = Schedule::default();
        let read = |schedule: &mut Schedule, check: &ServiceCheck, revision, secs| {
            schedule.read(std::iter::once(stored(check, revision)), at(secs));
        };
        read(&mut schedule, &check, 1, 0);
        assert_eq!(schedule.take(at(0)).taken.len(), 1);
        check.enabled = false;
        read(&mut schedule, &check, 2, 1);
        check.enabled = true;
        read(&mut schedule, &check, 3, 2);
        assert_eq!(schedule.take(at(2)).taken.len(), 0, "it is at work");
        schedule.done(check.id, at(3));
        let taken = schedule.take(at(3)).taken;
        assert_eq!(taken.iter().map(|c| c.revision).collect::<Vec<_>>(), [3]);
        schedule.done(check.id, at(4));
        assert_eq!(schedule.take(at(4)).taken.len(), 0, "it has had its turn");
        assert_eq!(schedule.take(at(64)).taken.len(), 1);
    }

    #[tokio::test]
    async fn a_check_that_ends_in_a_panic_gives_its_place_back() {
        async fn mistaken(_place: Place) {
            tokio::task::yield_now().await;
            panic!("a mistake of ours, made on purpose");
        }
        let (done_in, mut done) = mpsc::channel(1);
        let id = CheckId::new();
        let check = tokio::spawn(mistaken(Place { id, done: done_in }));
        assert!(check.await.is_err());
        assert_eq!(done.recv().await, Some(id));
    }

    async fn opened(folder: &tempfile::TempDir) -> Store {
        let options = StoreOptions::new(folder.path());
        let opened = Store::open(options, Clock::new(|| at(0))).await;
        opened.unwrap().0
    }

    #[tokio::test]
    async fn what_came_of_a_check_that_was_changed_meanwhile_says_nothing_of_what_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(&folder).await;
        let mut check = typed(true);
        store
            .checks
            .put(check.clone(), Expect::Absent)
            .await
            .unwrap();
        check.target = "192.0.2.2:22".to_owned();
        store.checks.put(check.clone(), Expect::Any).await.unwrap();
        let status = |store: &Store| store.checks.get(check.id).unwrap().1.outcome.status;
        for (revision, expected) in [(1, Status::Unknown), (2, Status::Down)] {
            let outcome = Outcome {
                status: Status::Down,
                ..Outcome::default()
            };
            let checks = &store.checks;
            checks.set_outcome(check.id, revision, outcome, at(1)).await;
            assert_eq!(status(&store), expected, "{revision}");
        }
    }

    #[tokio::test]
    async fn checks_of_a_device_that_is_gone_go_also_where_they_are_disabled() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(&folder).await;
        let of_none = typed(false);
        store
            .checks
            .put(of_none.clone(), Expect::Absent)
            .await
            .unwrap();
        for enabled in [true, false] {
            let mut check = typed(enabled);
            check.device_id = Some(DeviceId::new());
            store.checks.put(check, Expect::Absent).await.unwrap();
        }
        assert!(sweep(&store).await);
        let left = store.checks.list().into_iter();
        let left: Vec<CheckId> = left.map(|(check, _)| check.body.id).collect();
        assert_eq!(left, [of_none.id]);
    }

    #[test]
    fn it_is_heard_that_a_device_is_gone() {
        let (events, mut heard) = broadcast::channel(2);
        let device_id = DeviceId::new();
        assert!(!a_device_is_gone(&mut heard));
        events
            .send(Arc::new(Event::DeviceChanged { device_id }))
            .unwrap();
        assert!(!a_device_is_gone(&mut heard));
        events
            .send(Arc::new(Event::DeviceDeleted { device_id }))
            .unwrap();
        assert!(a_device_is_gone(&mut heard));
        for _ in 0..4 {
            events
                .send(Arc::new(Event::DeviceChanged { device_id }))
                .unwrap();
        }
        assert!(a_device_is_gone(&mut heard), "it may be among those missed");
    }
}
