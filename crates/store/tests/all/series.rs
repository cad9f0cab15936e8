//! Series and samples: durable, exact, each time once, whatever is sealed, merged, late or damaged.

use crate::series_fixture::{BEGIN_MS, Fixture, minute, options, told};
use foretell_store::series::{
    AppendError, Column, Maintained, ROWS_PER_SEAL_MAX, Resolved, SERIES_PER_DEVICE_MAX,
    SeriesError, SeriesStore,
};
use model::{DeviceId, InterfaceId, Labels, Metric, Timestamp, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) async fn one(fixture: &Fixture) -> (DeviceId, Resolved) {
    let device_id = DeviceId::new();
    (device_id, fixture.series(device_id, 1).await[0])
}

pub(crate) fn files(fixture: &Fixture, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(fixture.path().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_a_restart() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    for at in 0..5 {
        fixture
            .put(device_id, series.column, at, at.unsigned_abs())
            .await;
    }
    let before = fixture.told(series);
    assert_eq!(before, "0:0 1:1 2:2 3:3 4:4");
    let recovery = fixture.reopen();
    assert_eq!((recovery.frames, recovery.samples), (5, 5));
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    assert_eq!(fixture.told(series), before);
    assert_eq!(fixture.series(device_id, 1).await, [series]);
}

#[tokio::test]
async fn values_are_exact() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 2).await;
    // Of both kinds, and a counter that no float holds.
    let values = [
        [Value::U64(u64::MAX), Value::U64(u64::MAX - 5)],
        [Value::U64((1 << 53) + 1), Value::U64(u64::MAX - 4)],
        [Value::F64(0.1 + 0.2), Value::U64((1 << 63) + 1)],
        [Value::F64(-273.15), Value::U64((1 << 53) + 1)],
        [Value::U64(0), Value::U64(u64::MAX)],
    ];
    for (at, values) in (0i64..).zip(values) {
        let values = series.iter().zip(values);
        let values = values.map(|(series, value)| (series.column, value));
        fixture
            .try_put(device_id, minute(at), values.collect())
            .await
            .unwrap();
    }
    let check = |fixture: &Fixture| {
        for (n, series) in series.iter().enumerate() {
            let read = fixture.store().read(series.id, minute(0), minute(10));
            let read: Vec<Value> = read.unwrap().into_iter().map(|(_, v)| v).collect();
            assert_eq!(read, values.map(|of_poll| of_poll[n]));
        }
    };
    check(&fixture);
    fixture.reopen();
    check(&fixture);
    assert_eq!(fixture.maintain(31).await.sealed, 1);
    check(&fixture);
    assert_eq!(fixture.maintain(121).await.merged, 1);
    check(&fixture);
    for pass in 0..4 {
        fixture.maintain(2 * 24 * 60 + pass).await;
    }
    let packs = files(&fixture, "packs/2026-03-01");
    assert!(packs[0].to_string_lossy().contains("/day-"), "{packs:?}");
    check(&fixture);
    fixture.reopen();
    check(&fixture);
}

#[tokio::test]
async fn head_seals_and_merges_without_a_reader_noticing() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let mut expected = Vec::new();
    for at in 0..250 {
        fixture
            .put(device_id, series.column, at, at.unsigned_abs())
            .await;
        expected.push(format!("{at}:{at}"));
        fixture.store().maintain().await.unwrap();
        if at % 50 == 0 {
            assert_eq!(fixture.told(series), expected.join(" "));
        }
    }
    let stats = fixture.store().stats();
    assert_eq!(
        (stats.blocks_sealed, stats.blocks_merged),
        (8, 2),
        "{stats:?}"
    );
    assert!(stats.head_rows <= 31, "{stats:?}");
    assert!(
        files(&fixture, "log").len() <= 2,
        "{:?}",
        files(&fixture, "log")
    );
    assert_eq!(stats.samples_synced, 250);
    assert!(stats.defects.is_empty(), "{stats:?}");
    let read = fixture
        .store()
        .read(series.id, minute(100), minute(130))
        .unwrap();
    assert_eq!(told(&read), expected[100..130].join(" "));
    let latest = fixture.store().latest(series.id, 3).unwrap();
    assert_eq!(told(&latest), "247:247 248:248 249:249");
    assert_eq!(fixture.store().latest(series.id, 1000).unwrap().len(), 250);
    fixture.reopen();
    assert_eq!(fixture.told(series), expected.join(" "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_samples_move() {
    const POLLS: u64 = 150;
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let sealing = {
        let (store, acknowledged) = (fixture.store().clone(), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            let mut done = Maintained::default();
            while acknowledged.load(Ordering::SeqCst) < POLLS {
                let more = store.maintain().await.unwrap();
                done.sealed += more.sealed;
                done.merged += more.merged;
            }
            // However seldom it was its turn, all that has ended is sealed and merged by the end.
            let rest = store.maintain().await.unwrap();
            done.sealed += rest.sealed;
            done.merged += rest.merged;
            done
        })
    };
    let reading = {
        let (store, acknowledged) = (fixture.store().clone(), Arc::clone(&acknowledged));
        tokio::task::spawn_blocking(move || {
            loop {
                let known = acknowledged.load(Ordering::SeqCst);
                let read = store.read(series.id, minute(0), minute(10_000)).unwrap();
                let values: Vec<Value> = read.into_iter().map(|(_, value)| value).collect();
                assert!(values.len() as u64 >= known, "{} of {known}", values.len());
                let expected: Vec<Value> = (0..values.len() as u64).map(Value::U64).collect();
                assert_eq!(values, expected);
                if known == POLLS {
                    return;
                }
            }
        })
    };
    for poll in 0..POLLS {
        let at = i64::try_from(poll).unwrap() * 5;
        fixture.put(device_id, series.column, at, poll).await;
        acknowledged.store(poll + 1, Ordering::SeqCst);
    }
    reading.await.unwrap();
    let done = sealing.await.unwrap();
    assert!(done.sealed >= 24 && done.merged >= 6, "{done:?}");
}

#[tokio::test]
async fn late_and_repeated_samples_are_merged_and_the_last_holds() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let put = |at, value| fixture.put(device_id, series.column, at, value);
    put(10, 1).await;
    put(5, 2).await;
    put(10, 3).await;
    assert_eq!(fixture.told(series), "5:2 10:3");
    fixture.maintain(31).await;
    // Half-hour sealed: late, and over what is sealed.
    put(7, 4).await;
    put(10, 5).await;
    assert_eq!(fixture.told(series), "5:2 7:4 10:5");
    assert_eq!(fixture.store().stats().defects.get("late"), Some(&2));
    fixture.maintain(125).await;
    assert_eq!(fixture.told(series), "5:2 7:4 10:5");
    // Two hours merged: late again.
    put(7, 6).await;
    assert_eq!(fixture.told(series), "5:2 7:6 10:5");
    let done = fixture.maintain(126).await;
    assert_eq!((done.sealed, done.merged), (1, 0), "it lies over the pack");
    assert_eq!(fixture.told(series), "5:2 7:6 10:5");
    fixture.reopen();
    assert_eq!(fixture.told(series), "5:2 7:6 10:5");
}

#[tokio::test]
async fn refused_batches_are_told_and_counted() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let one_value = vec![(series.column, Value::U64(1))];
    let ahead = fixture
        .try_put(device_id, minute(61), one_value.clone())
        .await;
    assert!(
        matches!(ahead, Err(AppendError::OutOfTime { .. })),
        "{ahead:?}"
    );
    let before_1970 = fixture
        .try_put(device_id, minute(-1 << 30), one_value.clone())
        .await;
    assert!(matches!(before_1970, Err(AppendError::OutOfTime { .. })));
    let unknown = fixture
        .try_put(device_id, minute(0), vec![(Column(1), Value::U64(1))])
        .await;
    assert!(matches!(
        unknown,
        Err(AppendError::UnknownColumn { column: 1, .. })
    ));
    let other = fixture.try_put(DeviceId::new(), minute(0), one_value).await;
    assert!(matches!(other, Err(AppendError::UnknownColumn { .. })));
    let many = vec![(series.column, Value::U64(1)); SERIES_PER_DEVICE_MAX + 1];
    let many = fixture.try_put(device_id, minute(0), many).await;
    assert!(matches!(many, Err(AppendError::TooManyValues { .. })));
    let nan = vec![(series.column, Value::F64(f64::NAN))];
    fixture.try_put(device_id, minute(0), nan).await.unwrap();
    assert_eq!(fixture.told(series), "");
    let twice = vec![
        (series.column, Value::U64(1)),
        (series.column, Value::U64(2)),
    ];
    fixture.try_put(device_id, minute(0), twice).await.unwrap();
    assert_eq!(fixture.told(series), "0:2");
    let defects = fixture.store().stats().defects;
    assert_eq!((defects["out_of_time"], defects["not_finite"]), (2, 1));
}

#[tokio::test]
async fn a_device_has_bounds() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let key = |n: usize| {
        (
            Metric::SENSOR_OTHER,
            Labels::default().with("sensor", n.to_string()),
        )
    };
    let too_many = fixture
        .store()
        .resolve(device_id, (0..=SERIES_PER_DEVICE_MAX).map(key).collect());
    assert!(matches!(
        too_many.await,
        Err(SeriesError::TooManySeries { .. })
    ));
    assert_eq!(fixture.store().series_of(device_id).len(), 1);

    for n in 0..ROWS_PER_SEAL_MAX {
        let at = Timestamp::from_unix_ms(BEGIN_MS + i64::try_from(n).unwrap());
        let batch = fixture.try_put(device_id, at, vec![(series.column, Value::U64(1))]);
        batch.await.unwrap();
    }
    let more = fixture
        .try_put(device_id, minute(1), vec![(series.column, Value::U64(1))])
        .await;
    assert!(
        matches!(more, Err(AppendError::TooManyRows { .. })),
        "{more:?}"
    );
    let defects = fixture.store().stats().defects;
    assert_eq!((defects["series_bound"], defects["rows_bound"]), (1, 1));
}

#[tokio::test]
async fn a_renamed_interface_keeps_its_series() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let interface = InterfaceId::new().to_string();
    let key = |name| {
        let labels = Labels::default()
            .with("interface_id", &*interface)
            .with("interface", name);
        vec![(Metric::IF_HC_IN_OCTETS, labels)]
    };
    let before = fixture
        .store()
        .resolve(device_id, key("eth0"))
        .await
        .unwrap();
    let after = fixture
        .store()
        .resolve(device_id, key("lan0"))
        .await
        .unwrap();
    assert_eq!(before, after);
    fixture.reopen();
    let series = fixture.store().series(before[0].id).unwrap();
    assert_eq!(series.key.labels, key("lan0")[0].1);
    assert_eq!(fixture.store().series_of(device_id), [series]);
}

#[tokio::test]
async fn a_deleted_device_stays_deleted() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    let (other, kept) = one(&fixture).await;
    for at in [0, 40] {
        fixture.put(device_id, series.column, at, 1).await;
        fixture.put(other, kept.column, at, 2).await;
        fixture.maintain(40).await;
    }
    fixture.store().delete_device(device_id).await.unwrap();
    let gone = |fixture: &Fixture| {
        let read = fixture.store().read(series.id, minute(0), minute(100));
        assert!(matches!(read, Err(SeriesError::NotFound { .. })));
        assert!(fixture.store().series_of(device_id).is_empty());
        assert_eq!(fixture.told(kept), "0:2 40:2");
    };
    gone(&fixture);
    let late = fixture
        .try_put(device_id, minute(41), vec![(series.column, Value::U64(1))])
        .await;
    assert!(matches!(late, Err(AppendError::UnknownColumn { .. })));
    let recovery = fixture.reopen();
    assert_eq!(recovery.orphaned, 1);
    gone(&fixture);
    // Met again: other series, and nothing of the old ones.
    let again = fixture.series(device_id, 1).await[0];
    assert!(again.id != series.id && again.column != series.column);
    fixture.put(device_id, again.column, 42, 7).await;
    fixture.reopen();
    assert_eq!(fixture.told(again), "42:7");
    fixture.maintain(200).await;
    assert_eq!(fixture.told(again), "42:7");
}

#[tokio::test]
async fn damage_in_the_log_costs_what_it_hits_and_is_named() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    for at in 0..4 {
        fixture.put(device_id, series.column, at, 1).await;
    }
    fixture.shut();
    let segment = files(&fixture, "log").remove(0);
    let sound = fs::read(&segment).unwrap();
    let frame = (sound.len() - 20) / 4;

    let mut flipped = sound.clone();
    flipped[20 + frame + frame / 2] ^= 4;
    fs::write(&segment, &flipped).unwrap();
    let recovery = fixture.reopen();
    assert_eq!(recovery.damage.len(), 1, "{recovery:?}");
    assert!(recovery.damage[0].contains("segment 1"), "{recovery:?}");
    assert_eq!(fixture.told(series), "0:1 2:1 3:1");
    assert_eq!(fixture.store().stats().defects["damaged_frame"], 1);
    assert_eq!(files(&fixture, "damaged").len(), 1);
    fixture.shut();

    fs::write(&segment, &sound[..sound.len() - 3]).unwrap();
    let recovery = fixture.reopen();
    assert!(recovery.damage[0].contains("torn"), "{recovery:?}");
    assert_eq!(fixture.told(series), "0:1 1:1 2:1");
    let torn = fixture.store().stats().defects["torn_bytes"];
    assert_eq!(torn, frame as u64 - 3);
    // And it goes on from there.
    fixture.put(device_id, series.column, 5, 1).await;
    fixture.reopen();
    assert_eq!(fixture.told(series), "0:1 1:1 2:1 5:1");
}

#[tokio::test]
async fn a_damaged_registry_is_set_aside_and_nothing_is_mixed_up() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let before = fixture.series(device_id, 300).await;
    let values = before
        .iter()
        .map(|series| series.column)
        .zip((0..).map(Value::U64));
    fixture
        .try_put(device_id, minute(0), values.collect())
        .await
        .unwrap();
    fixture.shut();
    let file = fixture.path().join("series.sqlite");
    let sound = fs::read(&file).unwrap();
    let aside = |n: usize| {
        fixture
            .folder
            .path()
            .join(format!("series.sqlite.{n}.damaged"))
    };
    let mut found = 0;
    for (n, page) in (0..sound.len() / 4096).step_by(3).enumerate() {
        let mut bad = sound.clone();
        bad[page * 4096..(page + 1) * 4096].fill(0xee);
        fs::write(&file, bad).unwrap();
        let clock = fixture.clock.clock();
        let (store, recovery) = SeriesStore::open(fixture.path(), options(), clock).unwrap();
        if !aside(found).exists() {
            // A page that is not needed to read the series.
            continue;
        }
        found += 1;
        assert!(!recovery.damage.is_empty(), "page {page}: {recovery:?}");
        let key = |n: usize| {
            (
                Metric::SENSOR_OTHER,
                Labels::default().with("sensor", n.to_string()),
            )
        };
        let after = store
            .resolve(device_id, (0..300).map(key).collect())
            .await
            .unwrap();
        for (value, (old, new)) in (0u64..).zip(before.iter().zip(&after)) {
            let read = store.read(new.id, minute(0), minute(1)).unwrap();
            if old == new {
                assert_eq!(read, [(minute(0), Value::U64(value))], "page {page}, {n}");
            } else {
                assert!(new.column >= Column(1 << 24), "page {page}: {new:?}");
                assert!(read.is_empty(), "page {page}: samples of another series");
            }
        }
    }
    assert!(found > 1);
}

/// What is done to the store in a model test.
#[derive(Clone, Debug)]
enum Step {
    Put {
        device: usize,
        column: usize,
        at: i64,
        value: u64,
    },
    Maintain {
        later: i64,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0usize..2, 0usize..3, -150i64..30, 0u64..9).prop_map(|(device, column, at, value)| {
            Step::Put { device, column, at, value }
        }),
        3 => (0i64..50).prop_map(|later| Step::Maintain { later }),
        1 => (0i64..1_500).prop_map(|later| Step::Maintain { later }),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_store_holds_what_a_map_holds(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new();
            let devices = [DeviceId::new(), DeviceId::new()];
            let mut series = Vec::new();
            for device_id in devices {
                series.push(fixture.series(device_id, 3).await);
            }
            let mut now = 0;
            let mut model: BTreeMap<(usize, usize), BTreeMap<i64, u64>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Put { device, column, at, value } => {
                        let put = vec![(series[device][column].column, Value::U64(value))];
                        fixture.try_put(devices[device], minute(now + at), put).await.unwrap();
                        model.entry((device, column)).or_default().insert(now + at, value);
                    }
                    Step::Maintain { later } => {
                        now += later;
                        fixture.maintain(now).await;
                    }
                    Step::Reopen => {
                        fixture.reopen();
                    }
                }
            }
            for ((device, column), points) in model {
                let expected: Vec<String> =
                    points.iter().map(|(at, value)| format!("{at}:{value}")).collect();
                assert_eq!(fixture.told(series[device][column]), expected.join(" "));
            }
        });
    }
}
