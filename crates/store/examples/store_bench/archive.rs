//! What archiving a day costs, reading a series of it there, and bringing it back.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, SERIES, workers};
use super::proc;
use foretell_store::archive::{Archive, ArchiveOptions, Place};
use foretell_store::documents::Expect;
use foretell_store::progress::Progress;
use foretell_store::retention::{Detail, Policy};
use foretell_store::series::{SeriesOptions, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::{PolicyId, Timestamp};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const DEVICES: usize = 4;
const DAY_POLLS: i64 = 24 * 60;
/// Polls between two passes.
const HALF_HOUR: i64 = 30;
/// Series that are read there, one after the other.
const QUESTIONS: usize = 20;

pub(crate) fn run() {
    workers(2).block_on(measure());
}

async fn open(folder: &Path, depot: &Path, hand: &Hand) -> Store {
    let place = Place::Folder(depot.to_owned());
    let options = StoreOptions {
        series: SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        },
        archive: Some(ArchiveOptions {
            rest_factor: 0,
            ..ArchiveOptions::new(place, folder.join("archive-staging"))
        }),
        ..StoreOptions::new(folder)
    };
    Store::open(options, hand.clock()).await.unwrap().0
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let path = |name: &str| folder.path().join(name);
    let (hand, mut network) = (Hand::new(), Network::new(DEVICES));
    let store = open(&path("one"), &path("depot"), &hand).await;
    network.register(&store.series).await;
    for poll in 0..DAY_POLLS {
        hand.set(BEGIN_MS + poll * POLL_MS);
        network.poll(&store.series, poll).await;
        if poll % HALF_HOUR == 0 {
            store.series.maintain().await.unwrap();
        }
    }
    hand.set(BEGIN_MS + 4 * DAY_POLLS * POLL_MS);
    for _ in 0..4 {
        store.series.maintain().await.unwrap();
    }
    let archive = store.archive.clone().unwrap();
    let before = proc::cpu();
    let run = on(&archive, |archive| {
        archive.run(None, &Progress::default()).unwrap()
    })
    .await;
    let written = proc::cpu().saturating_sub(before);
    assert_eq!((run.days, &run.failed), (1, &None));
    let rows = run.samples as f64;
    let day = day_bytes(&path("one").join("series/packs"));
    thin(&store, &hand).await;
    let (cpu, bytes) = read(&store, &archive, &network).await;
    let empty = open(&path("two"), &path("depot"), &hand).await;
    let there = empty.archive.clone().unwrap();
    let before = proc::cpu();
    let restored = on(&there, |archive| {
        let (from, far) = (
            Timestamp::from_unix_ms(0),
            Timestamp::from_unix_ms(i64::MAX),
        );
        archive
            .restore(from, far, far, "bench", &Progress::default())
            .unwrap()
    });
    let restored = restored.await;
    let back = proc::cpu().saturating_sub(before);
    assert_eq!(restored.samples, run.samples);
    println!(
        "{}",
        serde_json::json!({
            "day_bytes_per_sample": day as f64 / rows,
            "archive_rows_per_cpu_s": rows / written.as_secs_f64(),
            "archive_bytes_per_sample": run.bytes as f64 / rows,
            "archived_series_1_day_cpu_ms": cpu.as_secs_f64() * 1_000.0,
            "archived_series_1_day_first_bytes": bytes,
            "restore_rows_per_cpu_s": rows / back.as_secs_f64(),
        })
    );
}

/// Octets of the packs of samples of whole days below a folder.
fn day_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| {
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            day_bytes(&entry.path())
        } else if name.to_string_lossy().starts_with("day-") {
            entry.metadata().unwrap().len()
        } else {
            0
        }
    });
    bytes.sum()
}

/// Has the day go here.
async fn thin(store: &Store, hand: &Hand) {
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
    let retention = &store.retention;
    retention.put_policy(&policy, Expect::Absent).await.unwrap();
    let attached = store.inventory.attached();
    let pass = retention.pass(&store.series, attached, hand.clock().now());
    assert!(pass.await.unwrap().gone.samples > 0);
}

/// CPU of a day of one series of the archive, and the octets that the first of them fetched.
async fn read(store: &Store, archive: &Archive, network: &Network) -> (Duration, u64) {
    let device = network.devices[DEVICES / 2].id;
    let ids: Vec<_> = store
        .series
        .series_of(device)
        .iter()
        .map(|s| s.id)
        .collect();
    assert_eq!(ids.len(), SERIES);
    let fetched = || archive.status().counts.bytes_read;
    let (before, mut first) = (fetched(), 0);
    let begun = proc::cpu();
    for n in 0..QUESTIONS {
        let (series, id) = (store.series.clone(), ids[n * 23 % ids.len()]);
        let points = tokio::task::spawn_blocking(move || {
            let (from, to) = (BEGIN_MS, BEGIN_MS + DAY_POLLS * POLL_MS);
            let at = Timestamp::from_unix_ms;
            series.read(id, at(from), at(to)).unwrap()
        });
        assert!(!points.await.unwrap().is_empty());
        if n == 0 {
            first = fetched() - before;
        }
    }
    (proc::cpu().saturating_sub(begun) / QUESTIONS as u32, first)
}

async fn on<T: Send + 'static>(
    archive: &Archive,
    work: impl FnOnce(&Archive) -> T + Send + 'static,
) -> T {
    let archive = archive.clone();
    tokio::task::spawn_blocking(move || work(&archive))
        .await
        .unwrap()
}
