use super::*;
use api::foresight::place::Place;
use model::{DeviceId, Labels, Metric, Value};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use store::series::Batch;
use store::{Store, StoreOptions};

const HOUR_MS: i64 = 3_600_000;
/// 2026-03-01T12:00:00Z.
const NOW: i64 = 1_772_366_400_000;
/// Hours that are known at first.
const HOURS: i64 = 20 * 24;

/// A store, a clock that is set, and the plan over them.
struct Lab {
    store: Store,
    time: Arc<AtomicI64>,
    stop: CancellationToken,
    tasks: TaskTracker,
    events: broadcast::Sender<Arc<Event>>,
    standing: watch::Receiver<PlanStanding>,
    told: watch::Sender<PlanStanding>,
    matter: watch::Sender<Matter>,
}

impl Lab {
    async fn open(folder: &Path, now: i64) -> Self {
        let time = Arc::new(AtomicI64::new(now));
        let of = Arc::clone(&time);
        let clock = Clock::new(move || Timestamp::from_unix_ms(of.load(Ordering::SeqCst)));
        let (store, _) = Store::open(StoreOptions::new(folder), clock).await.unwrap();
        let told = watch::Sender::new(PlanStanding::default());
        Self {
            store,
            time,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            events: broadcast::Sender::new(1_000),
            standing: told.subscribe(),
            told,
            matter: watch::Sender::default(),
        }
    }

    fn start(&self, series_max: usize) {
        let of = Arc::clone(&self.time);
        let clock = Clock::new(move || Timestamp::from_unix_ms(of.load(Ordering::SeqCst)));
        let context = Context {
            ground: Ground {
                store: self.store.clone(),
                series: self.store.series.clone(),
                thresholds: [0.8, 0.9],
                place: Place::default(),
            },
            events: self.events.clone(),
            clock,
            told: self.told.clone(),
            matter: self.matter.clone(),
            seeding: watch::Sender::new(None).subscribe(),
            counts: Counts::default(),
            cpu_share_max: 1.0,
            series_max,
            warn_within: Duration::from_hours(24 * 30),
            stop: self.stop.clone(),
        };
        start(context, &self.tasks).unwrap();
    }

    /// Waits until nothing is due, and says how it stands.
    async fn all_done(&mut self, series: u64) -> PlanStanding {
        let is_done = |now: &PlanStanding| now.left == 0 && now.series == series;
        let waited = self.standing.wait_for(is_done);
        let waited = tokio::time::timeout(Duration::from_mins(1), waited).await;
        *waited.expect("it is done within a minute").unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await.unwrap();
    }
}

/// A disk that fills by 1.5 % of itself a day, 59 % at first, and how large it is.
async fn fill(store: &Store, device_id: DeviceId, hours: std::ops::Range<i64>) -> SeriesId {
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let labels = labels.with("storage", "/var");
    let keys = vec![
        (Metric::STORAGE_USED, labels.clone()),
        (Metric::STORAGE_SIZE, labels),
    ];
    let known = store.series.resolve(device_id, keys).await.unwrap();
    let batch = |hour: i64| Batch {
        device_id,
        at: Timestamp::from_unix_ms(NOW + hour * HOUR_MS + HOUR_MS / 2),
        values: vec![
            (
                known[0].column,
                Value::F64(590.0 * 1.015f64.powf((hour + HOURS) as f64 / 24.0)),
            ),
            (known[1].column, Value::F64(1_000.0)),
        ],
    };
    let done = store
        .series
        .append_at_any_age(hours.map(batch).collect())
        .await;
    assert!(done.iter().all(Result::is_ok));
    known[0].id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_forecast_once_also_over_a_restart_and_a_limit_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path(), NOW).await;
    let device_id = DeviceId::new();
    let id = fill(&lab.store, device_id, -HOURS..0).await;
    let chosen = model::forecast::ChosenSeries {
        series_id: id,
        by: "admin".to_owned(),
        at: Timestamp::from_unix_ms(NOW),
    };
    lab.store.forecasts.choose(chosen).await.unwrap();
    let mut events = lab.events.subscribe();
    lab.start(10);
    let standing = lab.all_done(1).await;
    assert_eq!((standing.made, standing.failed, standing.done), (1, 0, 1));
    assert!(
        matches!(*events.recv().await.unwrap(), Event::ForecastMade { series_id, .. } if series_id == id)
    );
    let warned = events.recv().await.unwrap();
    let Event::CapacityWarning { outlook, .. } = &*warned else {
        panic!("{warned:?}");
    };
    // From 79.5 % it is 90 % after 8.4 days.
    let days = outlook
        .expected_at
        .unwrap()
        .since(Timestamp::from_unix_ms(NOW))
        .as_secs()
        / 86_400;
    assert!(
        (6..=11).contains(&days) || outlook.threshold < 0.85,
        "{outlook:?}"
    );
    let first = lab.store.forecasts.head(id).unwrap();
    assert!(
        first
            .scores
            .iter()
            .all(|score| score.count == score.backcast)
    );
    lab.end().await;

    // What was done is not done again.
    let mut lab = Lab::open(folder.path(), NOW + HOUR_MS).await;
    assert_eq!(lab.store.forecasts.head(id), Some(first));
    lab.start(10);
    assert_eq!(lab.all_done(1).await.made, 0);
    lab.end().await;

    // A day later it is, what came is scored, and kept as a series.
    let mut lab = Lab::open(folder.path(), NOW + 25 * HOUR_MS).await;
    fill(&lab.store, device_id, 0..25).await;
    let mut events = lab.events.subscribe();
    lab.start(10);
    assert_eq!(lab.all_done(1).await.made, 1);
    let head = lab.store.forecasts.head(id).unwrap();
    let live: u64 = head
        .scores
        .iter()
        .map(|score| score.count - score.backcast)
        .sum();
    assert_eq!(live, 25, "a day, and its first hour");
    let recorded = lab.store.series.series_named(device_id, Metric::FORECAST);
    assert_eq!(recorded.len(), 6, "{recorded:?}");
    for series in recorded {
        let all = lab.store.series.latest(series.id, 100).unwrap();
        let last = all.last().unwrap().0;
        assert!(
            last < Timestamp::from_unix_ms(NOW + 24 * HOUR_MS),
            "nothing is of the future"
        );
    }
    assert!(matches!(
        *events.recv().await.unwrap(),
        Event::ForecastMade { .. }
    ));
    assert!(events.try_recv().is_err(), "it was warned of before");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_gone_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(folder.path(), NOW).await;
    let device_id = DeviceId::new();
    let id = fill(&lab.store, device_id, -50..0).await;
    let chosen = model::forecast::ChosenSeries {
        series_id: id,
        by: "admin".to_owned(),
        at: Timestamp::from_unix_ms(NOW),
    };
    lab.store.forecasts.choose(chosen).await.unwrap();
    lab.start(10);
    lab.all_done(1).await;
    assert_eq!(
        lab.store.forecasts.head(id).unwrap().state,
        model::forecast::ForecastState::Learning
    );
    lab.store.series.delete_device(device_id).await.unwrap();
    lab.stop.cancel();
    lab.tasks.close();
    lab.tasks.wait().await;
    lab.stop = CancellationToken::new();
    lab.tasks = TaskTracker::new();
    lab.start(10);
    lab.all_done(0).await;
    assert!(lab.store.forecasts.head(id).is_none());
    assert!(lab.store.forecasts.chosen().is_empty());
    lab.end().await;
}
