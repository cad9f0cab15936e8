//! `kill -9` at any point while days are archived, removed here and brought back, over and over: every
//! sample is read afterwards, here or from the archive, as it was given.
//!
//! `FORETELL_ARCHIVE_ROUNDS` sets how often.

use crate::fixture::open_unlocked;
use crate::series_fixture::{Chance, quick_folder, times};
use foretell_store::archive::{Archive, ArchiveOptions, Place};
use foretell_store::documents::Expect;
use foretell_store::progress::Progress;
use foretell_store::retention::{Detail, Policy};
use foretell_store::series::{Batch, Points, SeriesOptions, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::{Clock, DeviceId, Labels, Metric, PolicyId, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DIR: &str = "FORETELL_ARCHIVE_KILL_DIR";
const ROUNDS: &str = "FORETELL_ARCHIVE_ROUNDS";
const ROUNDS_DEFAULT: u64 = 10;
/// 2026-03-01T00:00:00Z.
const BEGIN_MS: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;
const POLL_MS: i64 = 1_800_000;
const DAYS: i64 = 3;
const DEVICES: u8 = 3;
const SERIES: u64 = 4;
/// The longest that a round goes on: some ten rounds of all that it does.
const ROUND_MS: u64 = 2_500;

type Given = BTreeMap<SeriesId, Points>;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// Opens the store of a folder, at a time that stands still.
async fn open(dir: &Path, now: i64) -> Store {
    let options = StoreOptions {
        series: SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        },
        archive: Some(ArchiveOptions {
            rest_factor: 0,
            ..ArchiveOptions::new(Place::Folder(dir.join("depot")), dir.join("data/staging"))
        }),
        ..StoreOptions::new(dir.join("data"))
    };
    let opened = open_unlocked(options, Clock::new(move || at(now))).await;
    opened.unwrap().0
}

/// The time at which all days are over and due.
const LATER_MS: i64 = BEGIN_MS + (DAYS + 4) * DAY_MS;

/// A store with days that are one pack each, and a policy by which all of them are over.
async fn fill(dir: &Path) -> Given {
    let mut given = Given::new();
    for day in 0..DAYS {
        let store = open(dir, BEGIN_MS + (day + 1) * DAY_MS + 3 * 3_600_000).await;
        for n in 1..=DEVICES {
            let device_id = DeviceId::from_bytes([n; 16]);
            let keys = (0..SERIES).map(|n| {
                let labels = Labels::default().with("sensor", n.to_string());
                (Metric::SENSOR_OTHER, labels)
            });
            let series = store
                .series
                .resolve(device_id, keys.collect())
                .await
                .unwrap();
            for poll in 0..DAY_MS / POLL_MS {
                let time = at(BEGIN_MS + day * DAY_MS + poll * POLL_MS);
                let value = |place: usize| Value::U64((poll * 100).unsigned_abs() + place as u64);
                let values = series.iter().enumerate();
                let values: Vec<_> = values
                    .map(|(place, series)| (series.column, value(place)))
                    .collect();
                for (place, series) in series.iter().enumerate() {
                    given
                        .entry(series.id)
                        .or_default()
                        .push((time, value(place)));
                }
                let batch = Batch {
                    device_id,
                    at: time,
                    values,
                };
                store.series.append(batch).await.unwrap();
            }
        }
        for _ in 0..4 {
            store.series.maintain().await.unwrap();
        }
        store.close().await.unwrap();
    }
    let store = open(dir, LATER_MS).await;
    for _ in 0..4 {
        store.series.maintain().await.unwrap();
    }
    let policy = Policy {
        id: PolicyId::new(),
        name: "short".to_owned(),
        metrics: Vec::new(),
        device_tags: BTreeSet::new(),
        level: Detail::Raw,
        keep_days: 1,
        priority: 1,
        without_archive: false,
    };
    let put = store.retention.put_policy(&policy, Expect::Absent);
    put.await.unwrap();
    store.close().await.unwrap();
    given
}

async fn on<T: Send + 'static>(
    archive: &Archive,
    work: impl FnOnce(&Archive) -> T + Send + 'static,
) -> T {
    let archive = archive.clone();
    let done = tokio::task::spawn_blocking(move || work(&archive));
    done.await.unwrap()
}

/// Archives, removes and brings back until it is killed.
async fn go_round(dir: &Path) {
    let store = open(dir, LATER_MS).await;
    let archive = store.archive.clone().unwrap();
    loop {
        let run = on(&archive, |archive| archive.run(None, &Progress::default())).await;
        assert_eq!(run.unwrap().failed, None);
        let attached = store.inventory.attached();
        let pass = store.retention.pass(&store.series, attached, at(LATER_MS));
        assert_eq!(pass.await.unwrap().failed, None);
        let restored = on(&archive, |archive| {
            let (from, to) = (at(BEGIN_MS), at(BEGIN_MS + 2 * DAY_MS));
            archive.restore(from, to, at(LATER_MS), "admin", &Progress::default())
        });
        assert_eq!(restored.await.unwrap().days, 2);
    }
}

/// The child: does nothing unless the parent has called it.
#[test]
fn child() {
    if let Some(dir) = std::env::var_os(DIR) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(go_round(Path::new(&dir)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_lost_between_here_and_the_archive() {
    let mut chance = Chance::new();
    let folder = quick_folder();
    let dir = folder.path();
    let given = fill(dir).await;
    let (mut removed, mut here) = (0, 0);
    for round in 0..times(ROUNDS, ROUNDS_DEFAULT) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "archive_kill::child", "--nocapture"])
            .env(DIR, dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(chance.below(ROUND_MS)));
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert!(
            !ended.success() && ended.code().is_none(),
            "round {round}: {ended}"
        );
        let store = open(dir, LATER_MS).await;
        let days = store.archive.as_ref().unwrap().days();
        removed += days.iter().filter(|day| day.thinned).count();
        here += days.iter().filter(|day| !day.thinned).count();
        let (series, wanted) = (store.series.clone(), given.clone());
        let read = tokio::task::spawn_blocking(move || {
            for (id, points) in &wanted {
                let found = series.read(*id, at(0), at(LATER_MS)).unwrap();
                assert_eq!(found, *points, "round {round}, series {id}: {days:?}");
            }
        });
        read.await.unwrap();
        store.close().await.unwrap();
    }
    println!("days that were not whole here: {removed}, whole: {here}");
}
