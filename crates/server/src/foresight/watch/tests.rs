//! Watching a store whose clock the test moves.

mod saving;
mod scores;

use super::Context;
use super::catch_up::{self, Task};
use super::counts::Counts;
use super::device::{Ground, OfDevice};
use super::scores::Matter;
use super::series::{Moment, Rules, Said, Watched};
use crate::wire::Wire;
use api::expected::{BandsAsked, BandsTold};
use api::foresight::place::Place;
use model::device::{Device, Identity, Said as DeviceSaid, Typed};
use model::event::Event;
use model::foresight::{Anomaly, AnomalyKind, AnomalyState, BandLimits};
use model::metric::Kind as MetricKind;
use model::{Clock, DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use store::documents::Expect;
use store::series::{Batch, SeriesOptions, SyncPolicy};
use store::{Store, StoreOptions};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const NOW: i64 = 1_772_366_400_000;
const STEP_MS: i64 = 300_000;
const DAY_STEPS: i64 = 24 * 12;
static UTC: LazyLock<Place> = LazyLock::new(Place::default);

/// What the processor does as a rule: 0.30, and a little more or less.
fn usual(step: i64) -> f64 {
    0.30 + 0.01 * (step.rem_euclid(7) as f64 - 3.0) / 3.0
}

/// A store with one device.
struct Lab {
    store: Store,
    clock: Clock,
    now: Arc<AtomicI64>,
    device: DeviceId,
    processor: SeriesId,
    events: broadcast::Sender<Arc<Event>>,
    matter: tokio::sync::watch::Sender<Matter>,
}

/// A watcher at work.
struct Watching {
    stop: CancellationToken,
    asked: mpsc::Sender<BandsAsked>,
    task: JoinHandle<()>,
    counts: Counts,
}

impl Lab {
    async fn open(folder: &Path, at_ms: i64, heard_max: usize) -> Self {
        let now = Arc::new(AtomicI64::new(at_ms));
        let clock = Clock::new({
            let now = now.clone();
            move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst))
        });
        let mut options = StoreOptions::new(folder);
        options.series = SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        };
        let (store, _) = Store::open(options, clock.clone()).await.unwrap();
        let known = store.inventory.devices().into_iter().next();
        let device = if let Some(record) = known {
            record.device.body.id
        } else {
            let device = device();
            store.inventory.create(device.clone()).await.unwrap();
            device.id
        };
        let (events, _) = broadcast::channel(heard_max);
        let mut lab = Self {
            store,
            clock,
            now,
            device,
            processor: SeriesId::new(),
            events,
            matter: tokio::sync::watch::Sender::default(),
        };
        lab.processor = lab.series_of(Metric::PROCESSOR_UTILIZATION).await.0;
        lab
    }

    async fn series_of(&self, metric: Metric) -> (SeriesId, store::series::Column) {
        let keys = vec![(metric, Labels::default().with(Labels::VANTAGE, "local"))];
        let resolved = self.store.series.resolve(self.device, keys).await.unwrap();
        (resolved[0].id, resolved[0].column)
    }

    /// Keeps what the device answers at a step, and tells it.
    async fn answer(&self, step: i64, processor: f64) {
        let at = Timestamp::from_unix_ms(NOW + step * STEP_MS);
        self.now.fetch_max(at.unix_ms(), Ordering::SeqCst);
        let (id, column) = self.series_of(Metric::PROCESSOR_UTILIZATION).await;
        let (uptime_id, uptime) = self.series_of(Metric::SYS_UP_TIME).await;
        let up = Value::F64(1e6 + step as f64 * 300.0);
        let batch = Batch {
            device_id: self.device,
            at,
            values: vec![(column, Value::F64(processor)), (uptime, up)],
        };
        self.store.series.append(batch).await.unwrap();
        let samples = vec![(id, Value::F64(processor)), (uptime_id, up)];
        let _ = self.events.send(Arc::new(Event::Samples {
            device_id: self.device,
            at,
            samples,
        }));
    }

    /// Two days of what is usual, which nobody heard of.
    async fn past(&self) {
        for step in -2 * DAY_STEPS..0 {
            self.answer(step, usual(step)).await;
        }
    }

    fn watch(&self, folder: &Path) -> Watching {
        let (asked, questions) = Wire::new().bands;
        let counts = Counts::register(&mut Registry::default());
        let stop = CancellationToken::new();
        let context = Context {
            store: self.store.clone(),
            series: self.store.series.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            folder: folder.join("foresight"),
            series_max: 1_000,
            place: Place::default(),
            seeding: tokio::sync::watch::channel(None).1,
            matter: self.matter.subscribe(),
            counts: counts.clone(),
            stop: stop.clone(),
        };
        Watching {
            stop,
            asked,
            task: tokio::spawn(super::run(context, questions)),
            counts,
        }
    }

    /// Waits until a sample was looked at.
    async fn looked(&self, watching: &Watching, step: i64) -> BandsTold {
        let wanted = Timestamp::from_unix_ms(NOW + step * STEP_MS);
        for _ in 0..2_000 {
            let (reply, answer) = oneshot::channel();
            let question = BandsAsked {
                series_id: self.processor,
                times: vec![wanted],
                reply,
            };
            watching.asked.send(question).await.unwrap();
            if let Ok(Some(told)) = answer.await
                && told.seen_at == Some(wanted)
            {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the sample of step {step} was not looked at");
    }

    /// All anomalies, the oldest first, once there are `count` of that state.
    async fn anomalies(&self, state: AnomalyState, count: usize) -> Vec<Anomaly> {
        for _ in 0..2_000 {
            let filter = store::anomalies::AnomalyFilter::default();
            let (mut all, _) = self.store.anomalies.page(&filter, None, 100).await.unwrap();
            if all.iter().filter(|anomaly| anomaly.state == state).count() == count {
                all.reverse();
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("there are not {count} anomalies that are {state:?}");
    }
}

impl Watching {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As the machine ends it: nothing more is written.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// When the first sample of the past was measured.
fn first() -> Timestamp {
    Timestamp::from_unix_ms(NOW - 2 * DAY_STEPS * STEP_MS)
}

fn device() -> Device {
    Device {
        id: DeviceId::new(),
        address: "192.0.2.1".parse().unwrap(),
        port: 161,
        vantage: model::device::LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: DeviceSaid::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 300,
        maintenance: None,
        conflict: None,
        replaced_at: Vec::new(),
        created_at: Timestamp::from_unix_ms(NOW),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anomaly_is_found_at_once_and_is_over_when_it_is_calm() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 1_024).await;
    lab.past().await;
    let watching = lab.watch(folder.path());
    lab.answer(0, usual(0)).await;
    let told = lab.looked(&watching, 0).await;
    assert!(!told.learning);
    assert_eq!(told.samples, 2 * DAY_STEPS.unsigned_abs() + 1);
    assert_eq!(told.learned_from, Some(first()));
    let band = told.bands[0].unwrap();
    assert!(band[0] < 0.3 && 0.3 < band[2], "{band:?}");
    assert!(lab.store.anomalies.open().await.unwrap().is_empty());
    let mut heard = lab.events.subscribe();
    lab.answer(1, 0.95).await;
    let found = lab.anomalies(AnomalyState::Open, 1).await.remove(0);
    assert_eq!(found.device_id, lab.device);
    assert_eq!(found.series_id, lab.processor);
    assert_eq!(found.value, Some(0.95));
    assert_eq!(found.metric, "processor_utilization");
    assert!(
        found.upper.unwrap() < 0.95 && found.peak_score >= 0.5,
        "{found:?}"
    );
    assert!(found.evidence.contains("0.95"), "{}", found.evidence);
    for step in 2..12 {
        lab.answer(step, usual(step)).await;
        lab.looked(&watching, step).await;
    }
    let ended = lab.anomalies(AnomalyState::Ended, 1).await.remove(0);
    assert_eq!(ended.id, found.id);
    assert!(ended.ended_at.unwrap() > ended.started_at);
    let (mut started, mut over, mut scored) = (0, 0, false);
    while let Ok(event) = heard.try_recv() {
        match &*event {
            Event::AnomalyStarted(anomaly) if anomaly.id == found.id => started += 1,
            Event::AnomalyEnded(anomaly) if anomaly.id == found.id => over += 1,
            Event::Samples { samples, .. } => {
                let mut ids = samples
                    .iter()
                    .filter_map(|(id, _)| lab.store.series.series(*id));
                scored |= ids.any(|one| one.key.metric == Metric::ANOMALY_SCORE);
            }
            _ => {}
        }
    }
    assert_eq!((started, over), (1, 1));
    assert!(scored, "the score was not kept as a series");
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_or_a_crash_in_mid_stream_tells_no_alarm_twice() {
    for is_crash in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::open(folder.path(), NOW, 1_024).await;
        lab.past().await;
        let watching = lab.watch(folder.path());
        lab.answer(0, usual(0)).await;
        lab.looked(&watching, 0).await;
        lab.answer(1, 0.95).await;
        let found = lab.anomalies(AnomalyState::Open, 1).await.remove(0);
        if is_crash {
            watching.kill().await;
        } else {
            watching.stop().await;
        }
        // While nobody watches it goes on, and is told of when somebody does.
        lab.answer(2, 0.99).await;
        let mut heard = lab.events.subscribe();
        let watching = lab.watch(folder.path());
        lab.answer(3, 0.97).await;
        let told = lab.looked(&watching, 3).await;
        assert_eq!(
            told.samples,
            2 * DAY_STEPS.unsigned_abs() + 4,
            "crash {is_crash}"
        );
        assert_eq!(told.learned_from, Some(first()), "crash {is_crash}");
        let open = lab.anomalies(AnomalyState::Open, 1).await;
        assert_eq!(open.len(), 1, "crash {is_crash}");
        assert_eq!(open[0].id, found.id);
        while let Ok(event) = heard.try_recv() {
            assert!(
                !matches!(*event, Event::AnomalyStarted(_)),
                "crash {is_crash}"
            );
        }
        for step in 4..40 {
            lab.answer(step, usual(step)).await;
            lab.looked(&watching, step).await;
        }
        let all = lab.anomalies(AnomalyState::Ended, 1).await;
        assert_eq!(all.len(), 1, "crash {is_crash}");
        watching.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_faster_than_it_was_looked_at_is_read_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 8).await;
    let watching = lab.watch(folder.path());
    lab.answer(0, usual(0)).await;
    lab.looked(&watching, 0).await;
    for burst in 0..20 {
        let first = 1 + burst * 40;
        for step in first..first + 40 {
            lab.answer(step, usual(step)).await;
        }
    }
    let told = lab.looked(&watching, 800).await;
    assert_eq!(told.samples, 801);
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_deleted_is_forgotten_and_its_anomalies_end() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 1_024).await;
    lab.past().await;
    let watching = lab.watch(folder.path());
    lab.answer(0, usual(0)).await;
    lab.looked(&watching, 0).await;
    let limits = BandLimits {
        series_id: lab.processor,
        device_id: lab.device,
        floor: None,
        ceiling: Some(0.5),
        by: "admin".to_owned(),
        at: lab.clock.now(),
    };
    lab.store
        .anomalies
        .put_limits(limits, Expect::Absent)
        .await
        .unwrap();
    lab.answer(1, 0.51).await;
    let found = lab.anomalies(AnomalyState::Open, 1).await.remove(0);
    assert_eq!(found.kind, AnomalyKind::AboveCeiling);
    lab.store
        .delete_device(lab.device, Expect::Any)
        .await
        .unwrap();
    let device_id = lab.device;
    let _ = lab
        .events
        .send(Arc::new(Event::DeviceDeleted { device_id }));
    lab.anomalies(AnomalyState::Ended, 1).await;
    for _ in 0..2_000 {
        if lab.store.anomalies.limits(lab.processor).is_none() && watching.counts.series.get() == 0
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(lab.store.anomalies.limits(lab.processor).is_none());
    assert_eq!(watching.counts.series.get(), 0);
    watching.stop().await;
    let loaded = super::shards::load(&folder.path().join("foresight"));
    assert!(loaded.devices.is_empty() && loaded.damage.is_empty());
}

fn task(lab: &Lab, of: OfDevice) -> Task {
    Task {
        place: Place::default(),
        device_id: lab.device,
        of,
        open: Vec::new(),
        now: lab.clock.now(),
        room: 1_000,
        rules: Arc::default(),
        store: lab.store.clone(),
        series: lab.store.series.clone(),
        stop: CancellationToken::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_in_parts_or_heard_is_learned_once_and_alike() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 8).await;
    for step in 0..300 {
        lab.answer(step, usual(step)).await;
    }
    let part = tokio::task::block_in_place(|| catch_up::run(task(&lab, OfDevice::default())));
    assert_eq!((part.points, part.left_out), (300, 0));
    for step in 300..400 {
        lab.answer(step, usual(step)).await;
    }
    let again = tokio::task::block_in_place(|| catch_up::run(task(&lab, part.of.clone())));
    assert_eq!(again.points, 100);
    // The same, as it would have been heard.
    let rules = HashMap::new();
    let ground = Ground {
        rules: &rules,
        is_down: false,
        maintenance_since_ms: None,
        replaced_at: &[],
        matter: None,
        place: &UTC,
    };
    let (mut heard, mut words) = (part.of, Vec::new());
    let uptime = lab.series_of(Metric::SYS_UP_TIME).await.0;
    for step in 300..400 {
        let up = Value::F64(1e6 + step as f64 * 300.0);
        let samples = [(lab.processor, Value::F64(usual(step))), (uptime, up)];
        let at = Timestamp::from_unix_ms(NOW + step * STEP_MS);
        heard.row(lab.device, at, &samples, &ground, &mut words);
    }
    assert_eq!(heard, again.of);
    let mut nothing_new = task(&lab, again.of.clone());
    nothing_new.room = 0;
    let third = tokio::task::block_in_place(|| catch_up::run(nothing_new));
    assert_eq!((third.points, third.of), (0, again.of));
    let mut no_room = task(&lab, OfDevice::default());
    no_room.room = 0;
    let left_out = tokio::task::block_in_place(|| catch_up::run(no_room));
    assert_eq!((left_out.left_out, left_out.of.series.len()), (1, 0));
}

/// A device with one gauge that was learned for two days.
fn learned() -> (OfDevice, SeriesId) {
    let (mut of, id) = (OfDevice::default(), SeriesId::new());
    of.series
        .insert(id, Box::new(Watched::new(MetricKind::Gauge, 0)));
    let rules = HashMap::new();
    for step in -2 * DAY_STEPS..0 {
        let said = row(&mut of, id, step, usual(step), &quiet_ground(&rules));
        assert_eq!(said, None, "{step}");
    }
    (of, id)
}

fn quiet_ground(rules: &HashMap<SeriesId, Rules>) -> Ground<'_> {
    Ground {
        rules,
        is_down: false,
        maintenance_since_ms: None,
        replaced_at: &[],
        matter: None,
        place: &UTC,
    }
}

fn row(
    of: &mut OfDevice,
    id: SeriesId,
    step: i64,
    value: f64,
    ground: &Ground<'_>,
) -> Option<Said> {
    let at = Timestamp::from_unix_ms(NOW + step * STEP_MS);
    let mut words = Vec::new();
    of.row(
        DeviceId::new(),
        at,
        &[(id, Value::F64(value))],
        ground,
        &mut words,
    );
    words.pop().map(|word| word.said)
}

#[test]
fn nothing_is_raised_in_maintenance_or_while_the_device_is_down() {
    let rules = HashMap::new();
    let (of, id) = learned();
    let raised = |ground: &Ground<'_>| row(&mut of.clone(), id, 0, 0.95, ground);
    assert!(matches!(
        raised(&quiet_ground(&rules)),
        Some(Said::Begun(_))
    ));
    let mut ground = quiet_ground(&rules);
    ground.is_down = true;
    assert_eq!(raised(&ground), None);
    ground.is_down = false;
    ground.maintenance_since_ms = Some(NOW - 1);
    assert_eq!(raised(&ground), None);
    // Nor learned: after a night of work all is as it was.
    let mut worked_on = of.clone();
    for step in 0..100 {
        assert_eq!(row(&mut worked_on, id, step, 0.95, &ground), None);
    }
    assert_eq!(worked_on.series[&id].detector, of.series[&id].detector);
    assert_eq!(
        row(&mut worked_on, id, 100, usual(100), &quiet_ground(&rules)),
        None
    );
}

#[test]
fn a_threshold_that_noise_raised_lets_less_through() {
    let (of, id) = learned();
    let begun = |threshold| {
        let rules = Rules {
            threshold,
            ..Rules::default()
        };
        let rules = HashMap::from([(id, rules)]);
        row(&mut of.clone(), id, 0, 0.95, &quiet_ground(&rules)).is_some()
    };
    assert!(begun(0.5));
    assert!(!begun(1.1));
}

#[test]
fn floor_and_ceiling_alarm_at_once_and_hold_the_band() {
    let (of, id) = learned();
    let rules = |floor, ceiling| {
        let rules = Rules {
            floor,
            ceiling,
            ..Rules::default()
        };
        HashMap::from([(id, rules)])
    };
    let cases = [
        (None, Some(0.305), 0.306, Some(AnomalyKind::AboveCeiling)),
        (Some(0.295), None, 0.294, Some(AnomalyKind::BelowFloor)),
        (Some(0.2), Some(0.4), 0.3, None),
    ];
    for (floor, ceiling, value, expected) in cases {
        let rules = rules(floor, ceiling);
        let said = row(&mut of.clone(), id, 0, value, &quiet_ground(&rules));
        let Some(kind) = expected else {
            assert_eq!(said, None);
            continue;
        };
        let Some(Said::Begun(seen)) = said else {
            panic!("{value} raised nothing");
        };
        assert_eq!((seen.kind, seen.score), (kind, 1.0));
        let [lower, _, upper] = seen.expected.unwrap();
        assert!(floor.is_none_or(|floor| lower >= floor) && ceiling.is_none_or(|top| upper <= top));
        // Also of one that nothing is known of yet.
        let mut new = OfDevice::default();
        new.series
            .insert(id, Box::new(Watched::new(MetricKind::Gauge, 0)));
        assert!(row(&mut new, id, 0, value, &quiet_ground(&rules)).is_some());
    }
}

#[test]
fn a_series_is_missing_only_while_its_device_answers() {
    let rules = HashMap::new();
    let (mut of, id) = learned();
    let mut silent = of.clone();
    // The device does not answer for an hour, then it does again.
    row(&mut silent, id, 12, usual(12), &quiet_ground(&rules));
    assert_eq!(silent.series[&id].missing, 0);
    let other = SeriesId::new();
    of.uptime_series = Some(other);
    for step in 0..12 {
        row(&mut of, other, step, 1.0, &quiet_ground(&rules));
    }
    assert!(of.series[&id].missing >= 9, "{}", of.series[&id].missing);
    for step in 12..400 {
        row(&mut of, other, step, 1.0, &quiet_ground(&rules));
    }
    assert_eq!(of.series[&id].missing, 16);
}

#[test]
fn counters_become_rates_as_the_store_reads_them() {
    let mut watched = Watched::new(MetricKind::Counter, 0);
    let mut learned = 0;
    let mut fed = |step: i64, value: u64, is_new_count: bool| {
        let moment = Moment {
            at_ms: NOW + step * STEP_MS,
            shown_secs: 0,
            is_new_count,
            is_quiet: false,
        };
        let before = watched.detector.clone();
        watched.sample(moment, Value::U64(value), Rules::default());
        learned += usize::from(before != watched.detector);
        learned
    };
    assert_eq!(fed(0, 4_294_967_000, false), 0, "one alone is no rate");
    assert_eq!(fed(1, 4_294_967_200, false), 1);
    assert_eq!(fed(2, 104, false), 2, "a wrap of 32 bits goes on");
    assert_eq!(fed(3, 50, false), 2, "a fall is no rate");
    assert_eq!(fed(4, 60, true), 2, "a restart is none");
    assert_eq!(fed(5, 70, false), 3);
    assert_eq!(fed(5, 80, false), 3, "the same moment twice");
    assert_eq!(fed(30, 90, false), 3, "a gap is none");
    assert_eq!(fed(31, 100, false), 4);
}

#[test]
fn a_restart_of_the_device_is_told_by_its_uptime() {
    let (mut of, counter, uptime) = (OfDevice::default(), SeriesId::new(), SeriesId::new());
    of.series
        .insert(counter, Box::new(Watched::new(MetricKind::Counter, 0)));
    of.uptime_series = Some(uptime);
    let rules = HashMap::new();
    let mut learned = 0;
    for (step, count, up) in [
        (0, 100, 1e5),
        (1, 200, 1e5 + 300.0),
        (2, 900, 10.0),
        (3, 1_000, 310.0),
    ] {
        let before = of.series[&counter].detector.clone();
        let samples = [(counter, Value::U64(count)), (uptime, Value::F64(up))];
        let at = Timestamp::from_unix_ms(NOW + step * STEP_MS);
        of.row(
            DeviceId::new(),
            at,
            &samples,
            &quiet_ground(&rules),
            &mut Vec::new(),
        );
        learned += usize::from(before != of.series[&counter].detector);
    }
    assert_eq!(learned, 2, "what grew over a restart is no rate");
}
