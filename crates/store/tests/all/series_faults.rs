//! A disk that is full, fails or loses its power at each call of appending, sealing and merging: what
//! fails is told, reading goes on, nothing that was acknowledged is lost, and taking goes on by itself
//! once the disk works.

use crate::faulty_disk::{Fault, FaultyDisk};
use crate::series_fixture::{TestClock, minute, options, quick_folder};
use foretell_store::series::{AppendError, Batch, Resolved, SeriesOptions, SeriesStore};
use model::{DeviceId, Labels, Metric, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Minutes from poll to poll: two in a half-hour, so that there are few calls.
const MINUTES: i64 = 15;
/// Two hours, and what it takes to merge them.
const POLLS: i64 = 9;
const SERIES: usize = 3;
const DEVICE: DeviceId = DeviceId::from_bytes([7; 16]);

/// Values by poll and series.
type Model = BTreeMap<(i64, usize), Value>;

fn value(poll: i64, series: usize) -> Value {
    Value::U64(poll.unsigned_abs() * 1_000 + series as u64)
}

struct Work {
    clock: TestClock,
    store: SeriesStore,
    series: Vec<Resolved>,
    acknowledged: Model,
}

impl Work {
    /// The registry is a file of SQLite, which this disk does not hold: it is made before.
    async fn begin(folder: &Path, disk: &FaultyDisk) -> Option<Self> {
        let clock = TestClock::new();
        let (store, _) = SeriesStore::open(folder, options(), clock.clock()).unwrap();
        let series = series(&store).await;
        store.close().await;
        drop(store);
        // Small, so that appending also begins new segments.
        let options = SeriesOptions {
            segment_bytes_max: 100,
            ..options()
        };
        let opened = SeriesStore::open_on(folder, options, clock.clock(), Arc::new(disk.clone()));
        let (store, _) = opened.ok()?;
        Some(Self {
            clock,
            store,
            series,
            acknowledged: Model::new(),
        })
    }

    /// A poll, and what is due after it; either may be tried again.
    async fn step(&mut self, poll: i64) -> Result<(), String> {
        self.clock.set(minute(poll * MINUTES));
        if !self.acknowledged.contains_key(&(poll, 0)) {
            let values = self.series.iter().enumerate();
            let batch = Batch {
                device_id: DEVICE,
                at: minute(poll * MINUTES),
                values: values
                    .map(|(n, one)| (one.column, value(poll, n)))
                    .collect(),
            };
            self.store
                .append(batch)
                .await
                .map_err(|error| match error {
                    AppendError::Log { .. } => format!("{error}: {error:?}"),
                    other => panic!("{other}"),
                })?;
            let values = (0..SERIES).map(|n| ((poll, n), value(poll, n)));
            self.acknowledged.extend(values);
        }
        let done = self.store.maintain().await;
        done.map(|_| ())
            .map_err(|error| format!("{error}: {error:?}"))
    }
}

async fn series(store: &SeriesStore) -> Vec<Resolved> {
    let key = |n: usize| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = (0..SERIES).map(key).collect();
    store.resolve(DEVICE, keys).await.unwrap()
}

fn read(store: &SeriesStore, series: &[Resolved]) -> Model {
    let mut model = Model::new();
    for (n, series) in series.iter().enumerate() {
        for (at, value) in store.read(series.id, minute(0), minute(10_000)).unwrap() {
            let apart = i64::try_from(at.since(minute(0)).as_secs()).unwrap();
            let before = model.insert((apart / 60 / MINUTES, n), value);
            assert_eq!(before, None, "{at} is there twice");
        }
    }
    model
}

/// All that was acknowledged is there, and nothing that was not sent.
fn check(found: &Model, acknowledged: &Model, label: &str) {
    for (key, value) in acknowledged {
        assert_eq!(found.get(key), Some(value), "{label}: {key:?}");
    }
    for ((poll, n), found) in found {
        assert_eq!(*found, value(*poll, *n), "{label}: poll {poll}");
    }
}

/// Does the work on a disk that fails at the n-th call; answers whether it came to that.
async fn fail(fault: Fault, at: u64) -> bool {
    let label = format!("{fault:?} at {at}");
    let folder = quick_folder();
    let disk = FaultyDisk::beside(fault, at, folder.path());
    let crashes = matches!(fault, Fault::Kill | Fault::PowerCut);
    let mut acknowledged = Model::new();
    let mut polls = 0;
    if let Some(mut work) = Work::begin(folder.path(), &disk).await {
        let mut failures = 0;
        while polls < POLLS {
            let Err(what) = work.step(polls).await else {
                polls += 1;
                continue;
            };
            assert!(disk.was_hit(), "{label}: {what}");
            let is_told = fault != Fault::Full || what.contains("StorageFull");
            assert!(is_told, "{label}: {what}");
            failures += 1;
            let found = read(&work.store, &work.series);
            check(&found, &work.acknowledged, &label);
            if crashes {
                break;
            }
            if matches!(fault, Fault::Once | Fault::LostSync) || failures >= 3 {
                disk.make_room();
            }
            assert!(failures < 6, "{label}: it does not go on: {what}");
        }
        acknowledged.clone_from(&work.acknowledged);
        work.store.close().await;
    } else {
        assert!(disk.was_hit(), "{label}");
    }
    if matches!(fault, Fault::PowerCut | Fault::LostSync) {
        disk.cut_power();
    }
    let clock = TestClock::new();
    clock.set(minute(POLLS * MINUTES));
    let (store, recovery) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
    let mut damage = recovery.damage.iter();
    assert!(
        damage.all(|what| what.contains("torn")),
        "{label}: {recovery:?}"
    );
    let series = series(&store).await;
    check(&read(&store, &series), &acknowledged, &label);
    // What was held up is sealed and merged now.
    for hours in 1..4 {
        clock.set(minute(POLLS * MINUTES + hours * 60));
        store.maintain().await.unwrap();
        check(&read(&store, &series), &acknowledged, &label);
    }
    assert_eq!(store.stats().head_rows, 0, "{label}");
    if polls == POLLS {
        assert_eq!(store.stats().log_segments, 0, "{label}");
        let all = usize::try_from(POLLS).unwrap() * SERIES;
        assert_eq!(acknowledged.len(), all, "{label}");
    }
    disk.was_hit()
}

/// As many calls as the work makes.
async fn everywhere(fault: Fault) {
    let mut at = 1;
    while fail(fault, at).await {
        at += 1;
    }
    assert!(at > 50, "{fault:?}: {at} calls are too few");
    println!("{fault:?} at each of {at} calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_disk_loses_nothing_wherever_it_is_met_and_taking_goes_on_with_room() {
    everywhere(Fault::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_that_fails_once_loses_nothing_wherever_it_is_met() {
    everywhere(Fault::Once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sync_that_fails_once_and_lies_then_loses_nothing_with_the_power() {
    everywhere(Fault::LostSync).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_disk_that_is_gone_loses_nothing_wherever_it_goes() {
    everywhere(Fault::Kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_power_cut_loses_nothing_wherever_it_comes() {
    everywhere(Fault::PowerCut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sync_that_fails_acknowledges_nothing() {
    let folder = quick_folder();
    // Gone from some call on: of what follows nothing is acknowledged, ever.
    let disk = FaultyDisk::beside(Fault::Kill, 40, folder.path());
    let mut work = Work::begin(folder.path(), &disk).await.unwrap();
    for poll in 0..4 * POLLS {
        let (is_gone, known) = (disk.was_hit(), work.acknowledged.len());
        let done = work.step(poll).await;
        if is_gone {
            assert!(done.is_err(), "poll {poll}");
            assert_eq!(work.acknowledged.len(), known, "poll {poll}");
        }
    }
    assert!(disk.was_hit());
    check(&read(&work.store, &work.series), &work.acknowledged, "gone");
}
