//! One flipped bit in the files of series: segments of the log, packs, their manifest, the days of
//! patches, the registry. See [`crate::flips`].

use crate::flips::{Told, Wanted, flip, named};
use crate::series_fixture::{TestClock, minute, options, quick_folder};
use foretell_store::disk::RealDisk;
use foretell_store::pack::{FolderCursor, PackFolder};
use foretell_store::series::{Batch, Resolved, SeriesStore};
use model::{DeviceId, InterfaceId, Labels, Metric, Timestamp, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const DEVICES: u8 = 4;
const SERIES: usize = 6;
/// Minutes from poll to poll.
const MINUTES: i64 = 5;
/// Two hours that are merged, half-hours that are sealed, and some that are in the log alone.
const UNTIL: i64 = 200;
/// Half-hours to which something comes after they were sealed.
const LATE_HALVES: i64 = 5;
/// So often what was damaged is also sealed, merged and mended.
const MAINTAINED: u64 = 10;

/// By device and series: what was sent for a time, oldest first. The last is the one to be read.
type Model = BTreeMap<(u8, usize), BTreeMap<i64, Vec<Value>>>;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

fn sensor(n: usize) -> String {
    format!("sensor {n}")
}

fn value(device: u8, series: usize, minute: i64, change: u64) -> Value {
    let number = minute.unsigned_abs() * 7_919 + u64::from(device) * 100 + series as u64;
    if series.is_multiple_of(2) {
        Value::U64(number * 1_000_003 + change)
    } else {
        Value::F64(number as f64 / 8.0 + change as f64)
    }
}

/// A folder with something in each kind of file.
struct Sound {
    folder: TempDir,
    model: Model,
}

impl Sound {
    async fn new() -> Self {
        let folder = quick_folder();
        let clock = TestClock::new();
        let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
        let mut model = Model::new();
        let mut columns = Vec::new();
        for n in 0..DEVICES {
            columns.push(resolve(&store, n).await);
        }
        for at in (0..UNTIL / MINUTES).map(|poll| poll * MINUTES) {
            clock.set(minute(at));
            for n in 0..DEVICES {
                append(&store, &mut model, &columns, (n, at, 0)).await;
            }
            store.maintain().await.unwrap();
        }
        // Late: to each half-hour that is sealed, other values for a time that has some, and for one
        // that has none.
        for half in 0..LATE_HALVES {
            for n in 0..DEVICES {
                append(&store, &mut model, &columns, (n, half * 30 + 10, 1)).await;
                append(&store, &mut model, &columns, (n, half * 30 + 11, 1)).await;
            }
            store.maintain().await.unwrap();
        }
        store.close().await;
        Self { folder, model }
    }

    /// All bits that there are of the files that are meant.
    async fn flip(&self, wanted: Wanted, is_meant: fn(&str) -> bool) {
        let files = named(self.folder.path(), is_meant);
        let clock = TestClock::new();
        clock.set(minute(UNTIL));
        let (sound, store) = self.look(self.folder.path(), &clock, "sound");
        store.close().await;
        drop(store);
        assert_eq!((sound.is_told, sound.lost), (false, 0));
        let is_all_told = wanted.is_all_told;
        flip(
            wanted,
            self.folder.path(),
            &files,
            async |folder, label, n| {
                let clock = TestClock::new();
                clock.set(minute(UNTIL));
                let (mut told, store) = self.look(folder, &clock, label);
                if n.is_multiple_of(MAINTAINED) || (told.lost > 0 && !told.is_told) {
                    // The day is over and becomes one pack. What is damaged may be mended in one pass and
                    // merged in the next.
                    clock.set(minute(24 * 60));
                    let _ = store.maintain().await;
                    clock.set(minute(26 * 60));
                    store.maintain().await.unwrap();
                    let (lost, _) = self.lost(&store, label);
                    assert!(
                        lost <= told.lost,
                        "{label}: {} lost, then {lost}",
                        told.lost
                    );
                    told.is_told |= is_told(&store);
                }
                goes_on(&store, &clock, label).await;
                store.close().await;
                drop(store);
                if is_all_told && !told.is_told {
                    // What nothing was read of yet is found by looking at all.
                    let packs = folder.join("packs");
                    let packs = PackFolder::open(Arc::new(RealDisk), &packs).unwrap();
                    let verified = packs.verify(FolderCursor::default(), u64::MAX);
                    told.is_told = !verified.damage.is_empty() || !packs.damage().is_empty();
                }
                told
            },
        )
        .await;
    }

    /// Opens the folder and reads all that there is.
    fn look(&self, folder: &Path, clock: &TestClock, label: &str) -> (Told, SeriesStore) {
        let (store, recovery) = SeriesStore::open(folder, options(), clock.clock()).unwrap();
        let (lost, failed) = self.lost(&store, label);
        let told = Told {
            is_told: failed || !recovery.damage.is_empty() || is_told(&store),
            lost,
        };
        (told, store)
    }

    /// How many samples are not there, or are those from before they were changed; and whether a
    /// reading failed. There is nothing that was not sent.
    fn lost(&self, store: &SeriesStore, label: &str) -> (u64, bool) {
        let (mut lost, mut failed) = (0, false);
        for ((n, s), expected) in &self.model {
            let all = store.series_of(device(*n));
            let mine = |series: &&model::series::Series| {
                series.key.labels.get("sensor") == Some(sensor(*s).as_str())
            };
            let (begin, end) = (
                Timestamp::from_unix_ms(0),
                Timestamp::from_unix_ms(i64::MAX),
            );
            let read = all
                .iter()
                .find(mine)
                .map(|one| store.read(one.id, begin, end));
            failed |= matches!(read, Some(Err(_)));
            let points = read.and_then(Result::ok).unwrap_or_default();
            let mut found = BTreeMap::new();
            for (at, value) in points {
                let sent = expected.get(&at.unix_ms());
                let sent = sent.is_some_and(|sent| sent.contains(&value));
                assert!(sent, "{label}: device {n} series {s}: {value:?} at {at}");
                assert_eq!(
                    found.insert(at.unix_ms(), value),
                    None,
                    "{label}: twice at {at}"
                );
            }
            let is_there = |(at, sent): &(&i64, &Vec<Value>)| found.get(*at) == sent.last();
            lost += (expected.len() - expected.iter().filter(is_there).count()) as u64;
        }
        (lost, failed)
    }
}

/// What is appended now is kept.
async fn goes_on(store: &SeriesStore, clock: &TestClock, label: &str) {
    let (series, at) = (resolve(store, 0).await[0], clock.clock().now());
    let batch = Batch {
        device_id: device(0),
        at,
        values: vec![(series.column, Value::U64(1))],
    };
    store.append(batch).await.unwrap();
    let last = store.latest(series.id, 1).unwrap();
    assert_eq!(last, [(at, Value::U64(1))], "{label}");
}

/// Whether a counter says so. Samples that are late are no damage.
fn is_told(store: &SeriesStore) -> bool {
    let defects = store.stats().defects;
    defects
        .iter()
        .any(|(kind, count)| *kind != "late" && *count > 0)
}

async fn resolve(store: &SeriesStore, n: u8) -> Vec<Resolved> {
    let key = |s: usize| {
        let labels = Labels::default().with("sensor", sensor(s)).with(
            Labels::INTERFACE_ID,
            InterfaceId::from_bytes([n; 16]).to_string(),
        );
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = (0..SERIES).map(key).collect();
    store.resolve(device(n), keys).await.unwrap()
}

async fn append(
    store: &SeriesStore,
    model: &mut Model,
    columns: &[Vec<Resolved>],
    (n, at, change): (u8, i64, u64),
) {
    let columns = columns[usize::from(n)].iter().enumerate();
    let values = columns.map(|(s, one)| {
        let value = value(n, s, at, change);
        let times = model.entry((n, s)).or_default();
        times.entry(minute(at).unix_ms()).or_default().push(value);
        (one.column, value)
    });
    let batch = Batch {
        device_id: device(n),
        at: minute(at),
        values: values.collect(),
    };
    store.append(batch).await.unwrap();
}

fn is_segment(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "log")
}

fn is_pack(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "pack")
}

#[tokio::test]
async fn a_flipped_bit_of_a_log_segment_costs_one_frame() {
    let wanted = Wanted {
        kind: "log segments",
        is_all_told: true,
        lost_max: SERIES as u64,
    };
    let sound = Sound::new().await;
    sound.flip(wanted, is_segment).await;
}

#[tokio::test]
async fn a_flipped_bit_of_a_pack_costs_the_part_of_one_device() {
    let wanted = Wanted {
        kind: "packs",
        is_all_told: true,
        // Two hours of a device.
        lost_max: (120 / MINUTES).unsigned_abs() * SERIES as u64,
    };
    let sound = Sound::new().await;
    sound.flip(wanted, is_pack).await;
}

#[tokio::test]
async fn a_flipped_bit_of_the_manifest_costs_nothing() {
    let wanted = Wanted {
        kind: "manifest",
        is_all_told: true,
        lost_max: 0,
    };
    let sound = Sound::new().await;
    sound.flip(wanted, |name| name == "MANIFEST").await;
}

#[tokio::test]
async fn a_flipped_bit_of_a_day_of_patches_costs_patches_alone() {
    let sound = Sound::new().await;
    let late = LATE_HALVES.unsigned_abs() * 2 * u64::from(DEVICES) * SERIES as u64;
    let wanted = Wanted {
        kind: "patches",
        is_all_told: false,
        lost_max: late,
    };
    sound.flip(wanted, |name| name == "2026-03-01.sqlite").await;
}

#[tokio::test]
async fn a_flipped_bit_of_the_registry_costs_series_that_it_names() {
    let sound = Sound::new().await;
    let all = sound.model.values().map(BTreeMap::len);
    let wanted = Wanted {
        kind: "registry",
        is_all_told: false,
        lost_max: all.sum::<usize>() as u64,
    };
    sound.flip(wanted, |name| name == "series.sqlite").await;
}
