//! What files of samples cost: writing them, and taking them into an empty store, format by format.

use super::load::{BEGIN_MS, Hand, METRICS, Network, POLL_MS, PORTS, SERIES, workers};
use super::proc;
use foretell_store::disk::{Room, RoomOf};
use foretell_store::exchange::Format;
use foretell_store::exchange::export::{self, Written};
use foretell_store::exchange::find::{Defaults, Ground};
use foretell_store::exchange::import::{self, Imported, Source};
use foretell_store::progress::Progress;
use foretell_store::series::{Batch, SeriesOptions, SyncPolicy};
use foretell_store::{Store, StoreOptions};
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::{DeviceId, Labels, Timestamp};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;

/// Polls of a device of 480 series: twelve hours, 345,600 rows.
const POLLS: i64 = 12 * 60;
/// Polls between two passes.
const HALF_HOUR: i64 = 30;

const FORMATS: [(Format, &str); 4] = [
    (Format::Csv, "csv"),
    (Format::Lines, "lines"),
    (Format::Openmetrics, "openmetrics"),
    (Format::Parquet, "parquet"),
];

pub(crate) fn run() {
    workers(2).block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let device = device();
    let from = open(&folder.path().join("from"), &hand, &device).await;
    fill(&from, &hand, device.id).await;
    let mut figures = serde_json::Map::new();
    for (format, name) in FORMATS {
        let path = folder.path().join(name);
        let begun = proc::cpu();
        let written = exported(&from, format, &path).await;
        let export = proc::cpu().saturating_sub(begun);
        let to = open(&folder.path().join(format!("to-{name}")), &hand, &device).await;
        let begun = proc::cpu();
        let told = imported(&to, format, &path).await;
        let import = proc::cpu().saturating_sub(begun);
        to.close().await.unwrap();
        let rows = (SERIES as i64 * POLLS) as f64;
        let counts = (written.samples as f64, told.added as f64);
        assert_eq!((counts, told.refused), ((rows, rows), 0), "{told:?}");
        for (what, figure) in [
            ("export_rows_per_cpu_s", rows / export.as_secs_f64()),
            ("import_rows_per_cpu_s", rows / import.as_secs_f64()),
            ("bytes_per_row", written.bytes as f64 / rows),
        ] {
            figures.insert(format!("{name}_{what}"), figure.into());
        }
    }
    println!("{}", serde_json::Value::Object(figures));
}

fn device() -> Device {
    Device {
        id: DeviceId::new(),
        address: [192, 0, 2, 1].into(),
        port: 161,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        created_at: Timestamp::from_unix_ms(BEGIN_MS),
        conflict: None,
        replaced_at: Vec::new(),
    }
}

async fn open(folder: &Path, hand: &Hand, device: &Device) -> Store {
    let options = StoreOptions {
        series: SeriesOptions {
            sync: SyncPolicy::Every(Duration::ZERO),
            maintain_every: None,
            ..SeriesOptions::default()
        },
        ..StoreOptions::new(folder)
    };
    let store = Store::open(options, hand.clock()).await.unwrap().0;
    store.inventory.create(device.clone()).await.unwrap();
    store
}

/// Polls of a device, sealed.
async fn fill(store: &Store, hand: &Hand, device_id: DeviceId) {
    let mut network = Network::new(1);
    let keys = (0..PORTS).flat_map(|port| {
        let labels = Labels::default()
            .with(Labels::VANTAGE, LOCAL_VANTAGE)
            .with("port", format!("GigabitEthernet1/0/{port}"));
        METRICS.map(|metric| (metric, labels.clone()))
    });
    let series = store.series.resolve(device_id, keys.collect()).await;
    let series = series.unwrap();
    for poll in 0..POLLS {
        let (at, values) = network.said(0, poll);
        hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
        let columns = series.iter().map(|series| series.column);
        let batch = Batch {
            device_id,
            at,
            values: columns.zip(values).collect(),
        };
        store.series.append(batch).await.unwrap();
        if poll % HALF_HOUR == 0 {
            store.series.maintain().await.unwrap();
        }
    }
    hand.set(BEGIN_MS + 4 * 24 * 60 * POLL_MS);
    for _ in 0..4 {
        store.series.maintain().await.unwrap();
    }
}

fn room(path: &Path) -> RoomOf {
    RoomOf::new(Room::default(), path.parent().unwrap())
}

async fn exported(store: &Store, format: Format, path: &Path) -> Written {
    let options = export::Options {
        format,
        selector: "{device_id=~\".+\"}".parse().unwrap(),
        from: Timestamp::from_unix_ms(0),
        to: Timestamp::from_unix_ms(i64::MAX),
        bytes_max: u64::MAX,
        room: room(path),
    };
    let (store, file) = (store.clone(), File::create(path).unwrap());
    let work = move || {
        let mut file = BufWriter::new(file);
        let (series, inventory) = (&store.series, &store.inventory);
        let written = export::run(series, inventory, &mut file, &options, &Progress::default());
        file.flush().unwrap();
        written.unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn imported(store: &Store, format: Format, path: &Path) -> Imported {
    let options = import::Options {
        format,
        dry_run: false,
        default_time: None,
        defaults: Defaults::default(),
        length: path.metadata().unwrap().len(),
        spool: path.with_extension("rows"),
        room: room(path),
        rows_a_part: None,
    };
    let (store, file) = (store.clone(), File::open(path).unwrap());
    let handle = Handle::current();
    let work = move || {
        let mut told = Imported::default();
        let done = import::run(
            &Ground::of(&store),
            &store.retention,
            &handle,
            Source::File(file),
            &options,
            &Progress::default(),
            &mut told,
        );
        done.unwrap();
        told
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}
