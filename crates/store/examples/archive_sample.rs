//! Fills a store with a day of 1.2 million samples, archives it, and says what is in it, for readers of
//! others to be held against: `archive_sample FOLDER [ENDPOINT BUCKET]`.
//!
//! Into FOLDER go `archive/`, which is an archive, `samples.om.txt`, which is an export of an hour of one
//! device as OpenMetrics, and `expected.json`. Where an object store is named, the
//! same day is archived there too, under `sample`, by requests that are signed with any keys; it is then
//! found by a look at what is there, and read whole.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use foretell_store::archive::{Archive, ArchiveOptions, Credentials, Place, S3Options};
use foretell_store::disk::{Room, RoomOf};
use foretell_store::exchange::Format;
use foretell_store::exchange::export::{Options, run};
use foretell_store::progress::Progress;
use foretell_store::series::{Batch, SeriesOptions, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// 2026-03-01T00:00:00Z.
const BEGIN_MS: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;
const POLL_MS: i64 = 30_000;
const DEVICES: u8 = 10;
const SERIES: usize = 42;
/// What of the day is exported as text.
const EXPORTED_MS: i64 = 3_600_000;
/// A number beyond what a signed one of 64 bits holds.
const BIG: u64 = (1 << 63) + 12_345;

#[derive(Default)]
struct Told {
    rows: u64,
    sum_u64: u128,
    nulls_u64: u64,
    /// All floating-point numbers, which have three decimals.
    thousandths: u64,
    big_rows: u64,
    series_rows: u64,
}

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1);
    let folder = PathBuf::from(given.next().expect("a folder"));
    let server = given.next().zip(given.next());
    std::fs::create_dir_all(&folder).unwrap();
    // In memory where there is room for files: each poll is synced.
    let data = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir_in(&folder));
    let data = data.unwrap();
    let now = Arc::new(AtomicI64::new(BEGIN_MS));
    let read = Arc::clone(&now);
    let clock = Clock::new(move || Timestamp::from_unix_ms(read.load(Ordering::SeqCst)));
    let options = StoreOptions {
        series: SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        },
        ..StoreOptions::new(data.path())
    };
    let (store, _) = Store::open(options, clock.clone()).await.unwrap();
    let (told, series_id) = fill(&store, &now).await;
    let expected = serde_json::json!({
        "rows": told.rows,
        "sum_u64": told.sum_u64.to_string(),
        "nulls_u64": told.nulls_u64,
        "thousandths": told.thousandths,
        "min_ms": BEGIN_MS,
        "max_ms": BEGIN_MS + DAY_MS - POLL_MS,
        "series": usize::from(DEVICES) * SERIES,
        "series_id": series_id,
        "series_rows": told.series_rows,
        "big": BIG.to_string(),
        "big_rows": told.big_rows,
        "openmetrics": {
            "samples": SERIES * usize::try_from(EXPORTED_MS / POLL_MS).unwrap(),
            "series": SERIES,
            "families": 2,
            "first_ms": BEGIN_MS,
            "last_ms": BEGIN_MS + EXPORTED_MS - POLL_MS,
            "device_id": DeviceId::from_bytes([1; 16]).to_string(),
            "label": "0 \"ü\"",
        },
    });
    std::fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
    export(&store, &folder).await;
    archive(
        &store,
        &clock,
        Place::Folder(folder.join("archive")),
        data.path(),
    )
    .await;
    if let Some((endpoint, bucket)) = server {
        forget(&store).await;
        let place = Place::S3(Box::new(S3Options {
            endpoint: Some(endpoint),
            bucket,
            prefix: "sample".to_owned(),
            region: "us-east-1".to_owned(),
            allow_http: true,
            checksums: false,
            credentials: Credentials::Keys {
                access_key_id: "key".to_owned(),
                secret_access_key: "secret".to_owned().into(),
                session_token: None,
            },
            trusted: Vec::new(),
        }));
        let there = archive(&store, &clock, place, data.path()).await;
        let checked = on(&there, |archive| {
            assert_eq!(archive.scan().unwrap(), 1);
            archive.check(None, &Progress::default()).unwrap()
        });
        let checked = checked.await;
        assert_eq!((checked.days, checked.damaged.len()), (1, 0), "{checked:?}");
        println!("read {} octets of the object store", checked.bytes);
    }
    store.close().await.unwrap();
}

/// Polls devices through a day, and seals it.
async fn fill(store: &Store, now: &AtomicI64) -> (Told, String) {
    let mut told = Told::default();
    let mut devices = Vec::new();
    for n in 1..=DEVICES {
        let device_id = DeviceId::from_bytes([n; 16]);
        let keys = (0..SERIES).map(|n| {
            let metric = if n % 2 == 0 {
                Metric::IF_HC_IN_OCTETS
            } else {
                Metric::ICMP_RTT
            };
            (metric, Labels::default().with("part", format!("{n} \"ü\"")))
        });
        let series = store.series.resolve(device_id, keys.collect()).await;
        devices.push((device_id, series.unwrap()));
    }
    let first = devices[0].1[0].id.to_string();
    let mut state = 0x5eed_u64;
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for poll in 0..DAY_MS / POLL_MS {
        let at = Timestamp::from_unix_ms(BEGIN_MS + poll * POLL_MS);
        now.store(at.unix_ms(), Ordering::SeqCst);
        for (n, (device_id, series)) in devices.iter().enumerate() {
            let values = series.iter().enumerate().map(|(place, series)| {
                let value = match (place % 2, chance() % 1_000) {
                    (0, 0) => Value::U64(BIG),
                    (0, more) => Value::U64(poll.unsigned_abs() * 1_000_000 + more),
                    (_, more) => {
                        told.thousandths += more;
                        Value::F64(more as f64 / 1_000.0)
                    }
                };
                told.rows += 1;
                told.series_rows += u64::from(n == 0 && place == 0);
                match value {
                    Value::U64(number) => {
                        told.sum_u64 += u128::from(number);
                        told.big_rows += u64::from(number == BIG);
                    }
                    Value::F64(_) => told.nulls_u64 += 1,
                }
                (series.column, value)
            });
            let batch = Batch {
                device_id: *device_id,
                at,
                values: values.collect(),
            };
            store.series.append(batch).await.unwrap();
        }
        if poll % 60 == 0 {
            store.series.maintain().await.unwrap();
        }
    }
    now.store(BEGIN_MS + 4 * DAY_MS, Ordering::SeqCst);
    for _ in 0..4 {
        store.series.maintain().await.unwrap();
    }
    (told, first)
}

/// Writes an hour of the first device as OpenMetrics text.
async fn export(store: &Store, folder: &Path) {
    let device_id = DeviceId::from_bytes([1; 16]);
    let options = Options {
        format: Format::Openmetrics,
        selector: format!("{{device_id=\"{device_id}\"}}").parse().unwrap(),
        from: Timestamp::from_unix_ms(BEGIN_MS),
        to: Timestamp::from_unix_ms(BEGIN_MS + EXPORTED_MS),
        bytes_max: 1 << 30,
        room: RoomOf::new(Room::default(), folder),
    };
    let mut file = std::fs::File::create(folder.join("samples.om.txt")).unwrap();
    let store = store.clone();
    let written = tokio::task::spawn_blocking(move || {
        let (series, inventory) = (&store.series, &store.inventory);
        run(series, inventory, &mut file, &options, &Progress::default()).unwrap()
    });
    let written = written.await.unwrap();
    println!(
        "{} samples in {} octets of text",
        written.samples, written.bytes
    );
}

async fn archive(store: &Store, clock: &Clock, place: Place, data: &Path) -> Archive {
    let options = ArchiveOptions {
        rest_factor: 0,
        ..ArchiveOptions::new(place, data.join("archive-staging"))
    };
    let parts = (store.inventory.clone(), store.series.clone());
    let archive = Archive::open(options, store.documents.clone(), parts, clock.clone());
    let archive = archive.await.unwrap();
    let began = Instant::now();
    let run = on(&archive, |archive| {
        archive.run(None, &Progress::default()).unwrap()
    })
    .await;
    assert_eq!((run.days, &run.failed), (1, &None), "{run:?}");
    println!(
        "{} samples in {} octets, {:.2} a sample, in {:.1} s",
        run.samples,
        run.bytes,
        run.bytes as f64 / run.samples as f64,
        began.elapsed().as_secs_f64()
    );
    archive
}

/// Has the next archive begin as if nothing were known.
async fn forget(store: &Store) {
    use foretell_store::documents::{Collection, Expect, Query};
    let spec = foretell_store::catalog::named("archived_days").unwrap();
    let days: Collection<foretell_store::ArchivedDay> =
        Collection::new(store.documents.clone(), spec);
    for known in days.all(Query::default()).await.unwrap() {
        days.delete(&known.id, Expect::Any).await.unwrap();
    }
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
