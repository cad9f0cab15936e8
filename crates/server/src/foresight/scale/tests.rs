use super::follow::Follower;
use super::*;
use crate::webhook::{self, receiver, signature};
use api::foresight::place::Place;
use model::credential::Secret;
use model::scaling::{ScalingRaise, ScalingThreshold, ScalingVerdict, ScalingWebhook};
use model::{DeviceId, Labels, Metric, SeriesId, Value};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use store::documents::Expect;
use store::scaling::SecretChange;
use store::series::Batch;
use store::{Store, StoreOptions};

const STEP_MS: i64 = 300_000;
const HOUR_STEPS: i64 = 12;
const DAY_STEPS: i64 = 288;
/// 2026-03-02T00:00:00Z, a Monday.
const NOW: i64 = 1_772_409_600_000;
/// Days that are known at first.
const DAYS: i64 = 21;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The load in the step that begins so many steps after midnight of the first day: every day it rises from
/// eight on, is over 0.8 from ten to twelve, and falls until two.
fn load(step: i64) -> f64 {
    let hour = step.rem_euclid(DAY_STEPS) as f64 / HOUR_STEPS as f64;
    let mut bits = step.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let chance = (bits >> 33) as f64 / f64::from(1u32 << 31) - 0.5;
    let rise = ((hour - 8.0) / 2.0).clamp(0.0, 1.0) - ((hour - 12.0) / 2.0).clamp(0.0, 1.0);
    0.3 + 0.55 * rise + 0.02 * chance
}

fn typed(threshold: f64) -> ScalingTrigger {
    ScalingTrigger {
        id: TriggerId::new(),
        name: "web".to_owned(),
        series_id: SeriesId::new(),
        threshold: ScalingThreshold::Value { value: threshold },
        lead_min_secs: 600,
        lead_max_secs: 2_400,
        clear_below_share: 0.9,
        webhook: None,
        enabled: true,
        created_at: Timestamp::from_unix_ms(NOW),
    }
}

/// When the step ends.
fn end(step: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW + (step + 1) * STEP_MS)
}

#[test]
fn overloads_of_every_day_are_told_before_and_what_did_not_come_is_counted() {
    let typed = typed(0.8);
    let mut follower =
        Follower::resume(&typed, 0.8, &Place::default(), ScalingStanding::default()).unwrap();
    for step in -DAYS * DAY_STEPS..0 {
        follower.take(end(step), load(step), true);
    }
    let tally = follower.standing.tally;
    assert!(tally.came >= 14, "{tally:?}");
    assert!(
        tally.came >= 2 * tally.false_raises && tally.missed <= 2,
        "{tally:?}"
    );
    let of_all = tally.came + tally.false_raises + tally.missed;
    assert_eq!(tally.backcast, of_all, "{tally:?}");
    assert_eq!(follower.standing.state, ScalingState::Clear);
    let last = follower.standing.raises.last().unwrap();
    assert_eq!(last.verdict, ScalingVerdict::Came, "{last:?}");
    assert!((300..=2_400).contains(&last.lead_secs.unwrap()), "{last:?}");
    assert!(last.cleared_at > last.overload_at);
    // What was kept goes on as though nothing had been between.
    let mut other = Follower::resume(&typed, 0.8, &Place::default(), follower.kept()).unwrap();
    for step in 0..DAY_STEPS {
        follower.take(end(step), load(step), false);
        other.take(end(step), load(step), false);
    }
    assert_eq!(follower.kept(), other.kept());
    // For another threshold, and by another clock, it is learned anew.
    let other = Follower::resume(&typed, 0.7, &Place::default(), follower.kept()).unwrap();
    assert_eq!(other.standing.steps, 0);
    let elsewhere = Place::new("Europe/Berlin", &[]).unwrap();
    let other = Follower::resume(&typed, 0.8, &elsewhere, follower.kept()).unwrap();
    assert_eq!(other.standing.state, ScalingState::Learning);
    assert!(other.standing.raises.is_empty());
}

#[test]
fn an_overload_that_nobody_expected_is_told_late_and_cleared_below_the_share() {
    let typed = typed(1.0);
    let mut follower =
        Follower::resume(&typed, 1.0, &Place::default(), ScalingStanding::default()).unwrap();
    let mut step = 0;
    let mut take = |follower: &mut Follower, value: f64, times: usize| {
        for _ in 0..times {
            follower.take(end(step), value, false);
            step += 1;
        }
    };
    take(&mut follower, 0.5, 287);
    assert_eq!(follower.standing.state, ScalingState::Learning);
    assert!(follower.standing.reason.is_some());
    take(&mut follower, 0.5, 13);
    assert_eq!(follower.standing.state, ScalingState::Clear);
    // One step is no overload.
    take(&mut follower, 1.5, 1);
    take(&mut follower, 0.5, 1);
    assert_eq!(follower.standing.state, ScalingState::Clear);
    take(&mut follower, 1.5, 2);
    assert_eq!(follower.standing.state, ScalingState::Raised);
    let raise = *follower.standing.raise().unwrap();
    assert_eq!(
        (raise.verdict, raise.lead_secs),
        (ScalingVerdict::Late, None)
    );
    assert_eq!(follower.standing.tally.missed, 1);
    // Below the threshold, but not below the share.
    take(&mut follower, 0.95, 20);
    assert_eq!(follower.standing.state, ScalingState::Raised);
    take(&mut follower, 0.5, 1);
    assert_eq!(follower.standing.state, ScalingState::Clear);
    assert!(follower.standing.raise().is_none());
    assert!(follower.standing.raises[0].cleared_at.is_some());
    // Nonsense is left out.
    let before = follower.kept();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        take(&mut follower, value, 1);
    }
    follower.take(end(0), 0.5, false);
    assert_eq!(follower.kept(), before);
}

#[test]
fn an_overload_that_is_there_when_learning_ends_is_told_and_none_of_another() {
    let typed = typed(1.0);
    let mut follower =
        Follower::resume(&typed, 1.0, &Place::default(), ScalingStanding::default()).unwrap();
    for step in 0..DAY_STEPS {
        let is_over = step >= DAY_STEPS - 8;
        follower.take(end(step), if is_over { 1.5 } else { 0.5 }, false);
        let is_learned = step == DAY_STEPS - 1;
        let state = follower.standing.state;
        assert_eq!(state == ScalingState::Raised, is_learned, "{step}");
    }
    let raise = *follower.standing.raise().unwrap();
    assert_eq!(raise.verdict, ScalingVerdict::Late);
    assert_eq!(raise.overload_at, Some(end(DAY_STEPS - 2)));
    assert_eq!(
        follower.standing.tally.missed, 0,
        "it began while it learned"
    );
}

#[test]
fn a_long_overload_that_goes_on_after_a_pause_is_missed_once() {
    let typed = typed(1.0);
    let mut follower =
        Follower::resume(&typed, 1.0, &Place::default(), ScalingStanding::default()).unwrap();
    for step in 0..DAY_STEPS + 12 {
        follower.take(end(step), 0.5, false);
    }
    // Longer than the longest lead.
    let begin = DAY_STEPS + 12;
    for step in begin..begin + 20 {
        follower.take(end(step), 1.5, false);
        if step > begin {
            assert_eq!(follower.standing.over_at, Some(end(step)));
        }
    }
    assert_eq!(follower.standing.tally.missed, 1);
    follower.take(end(begin + 20), 0.5, false);
    for step in begin + 21..begin + 24 {
        follower.take(end(step), 1.5, false);
    }
    assert_eq!(follower.standing.state, ScalingState::Raised);
    assert_eq!(follower.standing.tally.missed, 1);
}

#[test]
fn what_is_kept_is_bounded() {
    let typed = typed(1.0);
    let mut follower =
        Follower::resume(&typed, 1.0, &Place::default(), ScalingStanding::default()).unwrap();
    for step in 0..DAY_STEPS * 40 {
        let is_over = step % 60 < 4;
        follower.take(end(step), if is_over { 2.0 } else { 0.5 }, false);
    }
    let kept = follower.kept();
    assert!(kept.raises.len() <= model::scaling::RAISES_MAX);
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.len() < 64 << 10, "{}", text.len());
}

/// A store, a clock that is set, and the triggers over them.
struct Lab {
    store: Store,
    time: Arc<AtomicI64>,
    stop: CancellationToken,
    tasks: TaskTracker,
    events: broadcast::Sender<Arc<Event>>,
}

impl Lab {
    async fn open(folder: &Path, now: i64) -> Self {
        let time = Arc::new(AtomicI64::new(now));
        let (store, _) = Store::open(StoreOptions::new(folder), clock(&time))
            .await
            .unwrap();
        Self {
            store,
            time,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            events: broadcast::Sender::new(1_000),
        }
    }

    fn start(&self) -> broadcast::Receiver<Arc<Event>> {
        let told = self.events.subscribe();
        let rests = [Duration::from_millis(1); 2];
        let context = Context {
            ground: Ground {
                store: self.store.clone(),
                series: self.store.series.clone(),
                thresholds: [0.8, 0.9],
                place: Place::default(),
            },
            events: self.events.clone(),
            webhooks: Webhooks::resting(
                &rests,
                clock(&self.time),
                webhook::Counts::default(),
                self.stop.clone(),
            ),
            clock: clock(&self.time),
            seeding: watch::Sender::new(None).subscribe(),
            counts: Counts::default(),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
        };
        self.tasks.spawn(run(context));
        told
    }

    /// Waits until a trigger stands so.
    async fn until(
        &self,
        id: TriggerId,
        is_so: impl Fn(&ScalingStanding) -> bool,
    ) -> ScalingStanding {
        let waited = tokio::time::timeout(Duration::from_mins(2), async {
            loop {
                let (_, standing) = self.store.scaling.get(id).unwrap();
                if is_so(&standing) {
                    return ScalingStanding::clone(&standing);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let found = waited.await;
        found.unwrap_or_else(|_| {
            let mut standing = ScalingStanding::clone(&self.store.scaling.get(id).unwrap().1);
            standing.learned.clear();
            panic!("it does not come to stand so: {standing:?}")
        })
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await.unwrap();
    }

    /// Measures the steps, and sets the clock to when the last one is told.
    async fn pass(&self, device_id: DeviceId, steps: std::ops::Range<i64>) -> SeriesId {
        let labels = Labels::default().with(Labels::VANTAGE, "local");
        let keys = vec![(Metric::PROCESSOR_UTILIZATION, labels)];
        let known = self.store.series.resolve(device_id, keys).await.unwrap();
        // Nothing is measured of the future; what is looked at meanwhile is looked at again.
        let end = NOW + steps.end * STEP_MS;
        self.time.store(end + 1_000, Ordering::SeqCst);
        let batch = |step: i64| Batch {
            device_id,
            at: Timestamp::from_unix_ms(NOW + step * STEP_MS + STEP_MS / 2),
            values: vec![(known[0].column, Value::F64(load(step)))],
        };
        let done = self
            .store
            .series
            .append_at_any_age(steps.map(batch).collect())
            .await;
        assert!(done.iter().all(Result::is_ok));
        self.time.store(end + 70_000, Ordering::SeqCst);
        known[0].id
    }
}

fn clock(time: &Arc<AtomicI64>) -> Clock {
    let of = Arc::clone(time);
    Clock::new(move || Timestamp::from_unix_ms(of.load(Ordering::SeqCst)))
}

fn told_of(event: &Event) -> &ScalingTold {
    let Event::Scaling { told, .. } = event else {
        panic!("{event:?}");
    };
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_load_is_told_before_it_comes_once_over_a_restart_and_cleared_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW + 70_000).await;
    let device_id = DeviceId::new();
    let series_id = lab.pass(device_id, -DAYS * DAY_STEPS..0).await;
    let (url, mut hook) = receiver::listen(&[503, 200]).await;
    let trigger = ScalingTrigger {
        series_id,
        webhook: Some(ScalingWebhook {
            url,
            is_signed: false,
        }),
        ..typed(0.8)
    };
    let id = trigger.id;
    let secret = SecretChange::Set(Some(Secret::new(SECRET.to_owned())));
    let triggers = &lab.store.scaling;
    triggers.put(trigger, secret, Expect::Absent).await.unwrap();
    let mut events = lab.start();
    let learned = lab.until(id, |now| now.state == ScalingState::Clear).await;
    assert!(learned.tally.came >= 14, "{:?}", learned.tally);
    assert!(learned.raises.iter().all(|raise| raise.is_backcast));
    let outlook = learned.outlook.unwrap();
    assert!(
        outlook.is_forecast && outlook.forecast_max < 0.5,
        "{outlook:?}"
    );
    assert!(events.try_recv().is_err(), "what is past is not told");

    // Ten minutes before ten.
    let ten = 10 * HOUR_STEPS;
    lab.pass(device_id, 0..ten - 2).await;
    let event = events.recv().await.unwrap();
    let told = told_of(&event).clone();
    assert_eq!(told.state, ScalingState::Raised);
    let expected_at = told.expected_at.unwrap();
    assert!(
        expected_at.since(end(ten - 8)) <= Duration::from_hours(1),
        "{told:?}"
    );
    assert!(told.forecast_max.unwrap() > 0.75, "{told:?}");
    let (first, second) = (hook.recv().await.unwrap(), hook.recv().await.unwrap());
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    let of = |name| second.header(name).unwrap();
    let key = Secret::new(SECRET.to_owned());
    let (hook_id, secs) = (of("webhook-id"), of("webhook-timestamp"));
    assert_eq!(
        of("webhook-signature"),
        signature(&key, hook_id, secs, &second.body)
    );
    let body: serde_json::Value = serde_json::from_slice(&second.body).unwrap();
    assert_eq!(body["type"], "dev.foretell.scaling.raised");
    assert_eq!(body["data"]["state"], "raised");
    let is_done = |now: &ScalingStanding| {
        let delivery = now.delivery.as_ref();
        delivery.is_some_and(|one| one.state == DeliveryState::Delivered)
    };
    let raised = lab.until(id, is_done).await;
    assert_eq!(raised.delivery.unwrap().attempts, 2);
    lab.end().await;

    // It goes on where it was, and nothing is told anew.
    let lab = Lab::open(folder.path(), NOW + (ten - 2) * STEP_MS + 80_000).await;
    let (_, kept) = lab.store.scaling.get(id).unwrap();
    assert_eq!(kept.raise(), raised.raises.last());
    let mut events = lab.start();
    lab.pass(device_id, ten - 2..ten + HOUR_STEPS).await;
    let came = |now: &ScalingStanding| {
        let raise = now.raise();
        raise.is_some_and(|raise| raise.verdict == ScalingVerdict::Came)
    };
    let came = lab.until(id, came).await;
    let raise = came.raise().unwrap();
    assert!(
        (300..=2_400).contains(&raise.lead_secs.unwrap()),
        "{raise:?}"
    );
    assert_eq!(came.tally.came, learned.tally.came + 1);
    assert!(events.try_recv().is_err(), "it was told before");

    // Two hours after it is over.
    lab.pass(device_id, ten + HOUR_STEPS..ten + 5 * HOUR_STEPS)
        .await;
    let event = events.recv().await.unwrap();
    assert_eq!(told_of(&event).state, ScalingState::Clear);
    let cleared = hook.recv().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&cleared.body).unwrap();
    assert_eq!(body["type"], "dev.foretell.scaling.cleared");
    lab.until(id, is_done).await;
    assert!(hook.try_recv().is_err(), "each is sent once");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_cannot_watch_says_why_and_one_that_is_deleted_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW).await;
    let gone = typed(0.8);
    let series_id = lab.pass(DeviceId::new(), -20..0).await;
    let no_limit = ScalingTrigger {
        name: "other".to_owned(),
        series_id,
        threshold: ScalingThreshold::Value { value: 0.8 },
        ..typed(0.8)
    };
    let (gone_id, short_id) = (gone.id, no_limit.id);
    let triggers = &lab.store.scaling;
    for trigger in [gone, no_limit] {
        let kept = triggers.put(trigger, SecretChange::Keep, Expect::Absent);
        kept.await.unwrap();
    }
    let at = Timestamp::from_unix_ms(NOW - STEP_MS);
    let raised = ScalingStanding {
        state: ScalingState::Raised,
        since: Some(at),
        raises: vec![ScalingRaise {
            raised_at: at,
            expected_at: at,
            probability: 0.5,
            cleared_at: None,
            verdict: ScalingVerdict::Waiting,
            overload_at: None,
            lead_secs: None,
            is_backcast: false,
        }],
        ..ScalingStanding::default()
    };
    let revision = triggers.get(gone_id).unwrap().0.revision;
    triggers.keep(gone_id, revision, raised).await.unwrap();
    let _events = lab.start();
    let has_reason = |now: &ScalingStanding| now.reason.is_some();
    let found = lab.until(gone_id, has_reason).await;
    assert_eq!(found.reason.as_deref(), Some("the series is gone"));
    assert!(found.since > Some(at) && found.raises[0].cleared_at > Some(at));
    let found = lab.until(short_id, has_reason).await;
    assert!(found.reason.unwrap().starts_with("20 steps"));
    assert_eq!(found.state, ScalingState::Learning);
    triggers.delete(gone_id, Expect::Any).await.unwrap();
    assert!(triggers.get(gone_id).is_none());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_message_fares_of_a_trigger_that_is_not_at_work_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW).await;
    let (url, mut hook) = receiver::listen(&[200]).await;
    let trigger = ScalingTrigger {
        webhook: Some(ScalingWebhook {
            url,
            is_signed: false,
        }),
        enabled: false,
        ..typed(0.8)
    };
    let id = trigger.id;
    let triggers = &lab.store.scaling;
    let kept = triggers.put(trigger, SecretChange::Keep, Expect::Absent);
    kept.await.unwrap();
    let waiting = ScalingStanding {
        delivery: Some(Delivery::new(EventId::new(), Timestamp::from_unix_ms(NOW))),
        ..ScalingStanding::default()
    };
    let revision = triggers.get(id).unwrap().0.revision;
    triggers.keep(id, revision, waiting).await.unwrap();
    let _events = lab.start();
    let is_done = |now: &ScalingStanding| {
        let delivery = now.delivery.as_ref();
        delivery.is_some_and(|one| one.state == DeliveryState::Delivered)
    };
    lab.until(id, is_done).await;
    assert!(hook.recv().await.is_some() && hook.try_recv().is_err());
    lab.end().await;
}
