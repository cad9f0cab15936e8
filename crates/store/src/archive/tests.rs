//! Days go into the archive and are read there as they were.

use super::*;
use crate::documents::Query;
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::series::cold::{ColdDays as _, ColdError};
use crate::series::{Batch, Column, Resolved, SeriesOptions, SyncPolicy};
use crate::{Store, StoreOptions};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use tempfile::TempDir;

/// 2026-03-01T00:00:00Z.
pub(super) const BEGIN_MS: i64 = 1_772_323_200_000;
pub(super) const DAY_MS: i64 = 86_400_000;
/// Between two polls of a test.
const POLL_MS: i64 = 1_800_000;

/// Of each sample of a series its time, whether it is a floating-point number, and its bits.
pub(super) type Bits = Vec<(i64, bool, u64)>;

/// What a store was given: by device and series, each time once.
pub(super) type Given = BTreeMap<(DeviceId, SeriesId), BTreeMap<i64, Value>>;

/// Series of which something is damaged, and what.
pub(super) type Lost = BTreeMap<(DeviceId, SeriesId), String>;

pub(super) struct Kept {
    folder: TempDir,
    now: Arc<AtomicI64>,
    pub(super) store: Store,
    pub(super) series: BTreeMap<DeviceId, Vec<Resolved>>,
    pub(super) given: Given,
}

pub(super) fn day(n: i64) -> Timestamp {
    Timestamp::from_unix_ms(BEGIN_MS + n * DAY_MS)
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
}

async fn open(folder: &Path, now: &Arc<AtomicI64>) -> Store {
    let options = StoreOptions {
        series: SeriesOptions {
            sync: SyncPolicy::EachBatch,
            maintain_every: None,
            ..SeriesOptions::default()
        },
        ..StoreOptions::new(folder)
    };
    Store::open(options, clock(now)).await.unwrap().0
}

/// A value that is now and then awkward, and of both kinds in the second series.
fn value(poll: i64, series: usize) -> Value {
    match (series, poll % 7) {
        (0, 3) => Value::U64(u64::MAX),
        (0, 4) => Value::U64(0),
        (0, 5) => Value::U64((1 << 53) + 1),
        (0, _) => Value::U64(u64::try_from(poll).unwrap() * 1_000),
        (1, 2) => Value::F64(-0.0),
        (1, 3) => Value::F64(5e-324),
        (1, 4) => Value::F64(1e308),
        (1, 5) => Value::U64(9),
        _ => Value::F64(poll as f64 / 8.0),
    }
}

/// What so many devices give in so many days, under ids that only count up.
pub(super) fn polled(devices: u8, days: i64) -> Given {
    let mut given = Given::new();
    for poll in 0..days * DAY_MS / POLL_MS {
        for n in 0..devices {
            for place in (0..3_u8).filter(|place| *place != 2 || poll % 3 != 0) {
                let device_id = DeviceId::from_bytes([n + 1; 16]);
                let series_id = SeriesId::from_bytes([n * 3 + place; 16]);
                let points = given.entry((device_id, series_id)).or_default();
                let value = value(poll + i64::from(n), usize::from(place));
                points.insert(BEGIN_MS + poll * POLL_MS, value);
            }
        }
    }
    given
}

impl Kept {
    /// A store of some devices that were polled through so many days; each of those is one pack.
    pub(super) async fn new(devices: u8, days: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(BEGIN_MS));
        let store = open(folder.path(), &now).await;
        let mut kept = Self {
            folder,
            now,
            store,
            series: BTreeMap::new(),
            given: Given::new(),
        };
        for n in 1..=devices {
            let device_id = DeviceId::from_bytes([n; 16]);
            let labels = |n: &str| Labels::default().with("sensor", n);
            let keys = ["a", "b", "c"].map(|name| (Metric::ICMP_RTT, labels(name)));
            let found = kept.store.series.resolve(device_id, keys.into()).await;
            kept.series.insert(device_id, found.unwrap());
        }
        for poll in 0..days * DAY_MS / POLL_MS {
            kept.poll(poll).await;
        }
        kept.set(BEGIN_MS + days * DAY_MS + 2 * 3_600_000);
        for _ in 0..4 {
            kept.store.series.maintain().await.unwrap();
        }
        kept
    }

    /// The folder of the store.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the store, does something to its folder, and starts it again.
    pub(super) async fn reopen(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.store.close().await.unwrap();
        let folder = self.folder.path().to_owned();
        let other = tempfile::tempdir().unwrap();
        // Its folder is locked until it is gone.
        self.store = open(other.path(), &self.now).await;
        meanwhile(&folder);
        self.store = open(&folder, &self.now).await;
    }

    pub(super) fn clock(&self) -> Clock {
        clock(&self.now)
    }

    pub(super) fn set(&self, at: i64) {
        self.now.store(at, Ordering::SeqCst);
    }

    async fn poll(&mut self, poll: i64) {
        let at = BEGIN_MS + poll * POLL_MS;
        self.set(at);
        for (n, (device_id, series)) in self.series.iter().enumerate() {
            let mut values = Vec::new();
            for (place, series) in series.iter().enumerate() {
                if place == 2 && poll % 3 == 0 {
                    continue;
                }
                let value = value(poll + i64::try_from(n).unwrap(), place);
                values.push((series.column, value));
                let given = self.given.entry((*device_id, series.id)).or_default();
                given.insert(at, value);
            }
            let batch = Batch {
                device_id: *device_id,
                at: Timestamp::from_unix_ms(at),
                values,
            };
            self.store.series.append(batch).await.unwrap();
        }
        self.store.series.maintain().await.unwrap();
    }

    /// The same store, closed and opened again, with no archive yet.
    pub(super) async fn reopened(self) -> Self {
        let Self {
            folder,
            now,
            store,
            series,
            given,
        } = self;
        store.close().await.unwrap();
        drop(store);
        let store = open(folder.path(), &now).await;
        Self {
            folder,
            now,
            store,
            series,
            given,
        }
    }

    /// Seals, merges and forgets what is due by a time.
    pub(super) async fn settle(&self, at: i64) {
        self.set(at);
        for _ in 0..8 {
            self.store.series.maintain().await.unwrap();
        }
    }

    pub(super) async fn archive(&self, place: Place) -> Archive {
        let options = ArchiveOptions {
            rest_factor: 0,
            row_group_rows: Some(100),
            after_days: 1,
            ..ArchiveOptions::new(place, self.folder.path().join("archive-staging"))
        };
        let store = &self.store;
        let parts: (Inventory, SeriesStore) = (store.inventory.clone(), store.series.clone());
        let opened = Archive::open(options, store.documents.clone(), parts, clock(&self.now));
        opened.await.unwrap()
    }

    /// As [`archive`](Self::archive), of a store that knows nothing of it.
    pub(super) async fn archive_anew(&self, place: Place) -> Archive {
        let documents = &self.store.documents;
        let days: Collection<ArchivedDay> =
            Collection::new(documents.clone(), &catalog::ARCHIVED_DAYS);
        for known in days.all(Query::default()).await.unwrap() {
            days.delete(&known.id, Expect::Any).await.unwrap();
        }
        self.archive(place).await
    }

    /// What was given of a day.
    pub(super) fn of_day(&self, day: Timestamp) -> Given {
        let from = day.unix_ms();
        let mut given = self.given.clone();
        for points in given.values_mut() {
            points.retain(|at, _| (from..from + DAY_MS).contains(at));
        }
        given.retain(|_, points| !points.is_empty());
        given
    }
}

pub(super) fn bits(given: &Given) -> BTreeMap<(DeviceId, SeriesId), Bits> {
    let bits = |value: &Value| match value {
        Value::U64(number) => (false, *number),
        Value::F64(number) => (true, number.to_bits()),
    };
    let series = given.iter().map(|(key, points)| {
        let points = points.iter().map(|(at, value)| {
            let (float, bits) = bits(value);
            (*at, float, bits)
        });
        (*key, points.collect())
    });
    series.collect()
}

/// All that the archive has of a day, by what readers ask; an error where not all of it can be had.
pub(super) fn read_day(archive: &Archive, day: Timestamp) -> Result<Given, ColdError> {
    let (found, lost) = read_day_of(archive.reading(), day)?;
    match lost.into_values().next() {
        Some(what) => Err(ColdError::Damaged { day, what }),
        None => Ok(found),
    }
}

/// As [`read_day`], with the series of which something is damaged, and what.
pub(super) fn read_day_of(reading: &Reading, day: Timestamp) -> Result<(Given, Lost), ColdError> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let (mut found, mut damaged) = (Given::new(), Lost::new());
    for device_id in reading.devices(day)? {
        let mut wanted = Vec::new();
        reading.series(day, device_id, &mut |series| {
            wanted.push((Column(u32::try_from(wanted.len()).unwrap()), series.id));
        })?;
        let range = (day, day.plus(Duration::from_hours(24)));
        let mut take = |place: usize, points: &[(Timestamp, Value)]| {
            let key = (device_id, wanted[place].1);
            let points = points.iter().map(|(at, value)| (at.unix_ms(), *value));
            found.entry(key).or_default().extend(points);
        };
        for lost in reading.read(day, device_id, &wanted, range, deadline, &mut take)? {
            let key = (device_id, wanted[lost.place].1);
            found.remove(&key);
            damaged.insert(key, lost.what);
        }
    }
    Ok((found, damaged))
}

/// Blocking work on the archive, where that is allowed.
pub(super) async fn on<T: Send + 'static>(
    archive: &Archive,
    work: impl FnOnce(&Archive) -> T + Send + 'static,
) -> T {
    let archive = archive.clone();
    tokio::task::spawn_blocking(move || work(&archive))
        .await
        .unwrap()
}

pub(super) async fn run(archive: &Archive) -> Run {
    on(archive, |archive| archive.run(None, &Progress::default()))
        .await
        .unwrap()
}

fn in_memory() -> (Arc<InMemory>, Place) {
    let store = Arc::new(InMemory::new());
    let depot = Depot::of(Arc::<InMemory>::clone(&store), "a/b", Handle::current());
    (store, Place::Depot(Box::new(depot)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_archived_is_read_as_it_was() {
    let kept = Kept::new(3, 3).await;
    let depot = tempfile::tempdir().unwrap();
    let place = || Place::Folder(depot.path().to_owned());
    let archive = kept.archive(place()).await;
    let done = run(&archive).await;
    // The last day is not a day old.
    assert_eq!(
        (done.days, done.left, &done.failed),
        (2, 0, &None),
        "{done:?}"
    );
    for n in 0..2 {
        let expected = bits(&kept.of_day(day(n)));
        assert!(expected.len() == 9, "{}", expected.len());
        let found = on(&archive, move |archive| read_day(archive, day(n))).await;
        assert_eq!(bits(&found.unwrap()), expected);
    }
    let missing = on(&archive, |archive| read_day(archive, day(7))).await;
    assert!(missing.unwrap().is_empty());
    let meets: Vec<Timestamp> = archive
        .reading()
        .meets(day(0).plus(Duration::from_hours(30)), day(9))
        .iter()
        .map(|day| day.day)
        .collect();
    assert_eq!(meets, [day(1)]);
    assert_eq!(run(&archive).await.days, 0, "nothing is archived twice");
    // All that is known of it can be had from the archive itself.
    let known = archive.days();
    let again = kept.archive_anew(place()).await;
    assert!(again.days().is_empty());
    assert_eq!(run(&again).await.days, 0);
    let found: Vec<u64> = again.days().iter().map(|day| day.samples).collect();
    assert_eq!(
        found,
        known.iter().map(|day| day.samples).collect::<Vec<_>>()
    );
    let checked = on(&again, |archive| archive.check(None, &Progress::default())).await;
    let checked = checked.unwrap();
    assert_eq!((checked.days, checked.damaged.len()), (2, 0));
    let status = again.status();
    assert_eq!((status.days, status.waiting, status.foreign), (2, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_something_came_to_is_archived_anew_and_the_old_revision_goes() {
    let mut kept = Kept::new(2, 2).await;
    let (store, place) = in_memory();
    let archive = kept.archive(place).await;
    assert_eq!(run(&archive).await.days, 1);
    let objects = || async {
        let listed = futures_util::TryStreamExt::try_collect::<Vec<_>>(
            object_store::ObjectStore::list(store.as_ref(), None),
        );
        listed.await.unwrap().len()
    };
    let before = objects().await;
    let first = archive.days()[0].clone();
    let (device_id, series) = kept.series.iter().next().unwrap();
    let (device_id, late) = (*device_id, series[0]);
    let at = BEGIN_MS + 1_000;
    let batch = Batch {
        device_id,
        at: Timestamp::from_unix_ms(at),
        values: vec![(late.column, Value::U64(77))],
    };
    kept.store.series.append(batch).await.unwrap();
    let of_series = kept.given.get_mut(&(device_id, late.id)).unwrap();
    of_series.insert(at, Value::U64(77));
    kept.set(BEGIN_MS + 3 * DAY_MS + 2 * 3_600_000);
    for _ in 0..4 {
        kept.store.series.maintain().await.unwrap();
    }
    assert_eq!(
        run(&archive).await.days,
        2,
        "the late one, and the next day"
    );
    let second = archive.days()[0].clone();
    assert!(second.revision > first.revision);
    assert_eq!(second.samples, first.samples + 1);
    // Two days of a revision each, and the owner's mark.
    assert_eq!(objects().await, 2 * (before - 1) + 1);
    let found = on(&archive, |archive| read_day(archive, day(0))).await;
    assert_eq!(bits(&found.unwrap()), bits(&kept.of_day(day(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_of_another_is_read_and_not_written() {
    let kept = Kept::new(1, 2).await;
    let (_, place) = in_memory();
    let archive = kept.archive(place.clone()).await;
    assert_eq!(run(&archive).await.days, 1);
    let other = Kept::new(1, 2).await;
    let others = other.archive(place).await;
    let refused = on(&others, |archive| archive.run(None, &Progress::default())).await;
    assert!(
        matches!(refused, Err(ArchiveError::Foreign { .. })),
        "{refused:?}"
    );
    assert!(others.status().foreign.is_some());
    assert_eq!(on(&others, Archive::scan).await.unwrap(), 1);
    let found = on(&others, |archive| read_day(archive, day(0))).await;
    assert_eq!(bits(&found.unwrap()), bits(&kept.of_day(day(0))));
    on(&others, Archive::adopt).await.unwrap();
    let done = run(&others).await;
    assert_eq!(
        (done.days, done.failed),
        (0, None),
        "the day is here already"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_no_time_is_told_so() {
    let kept = Kept::new(1, 2).await;
    let (_, place) = in_memory();
    let archive = kept.archive(place).await;
    run(&archive).await;
    let late = on(&archive, |archive| {
        let device = DeviceId::from_bytes([1; 16]);
        let range = (day(0), day(1));
        let wanted = [(Column(0), SeriesId::from_bytes([0; 16]))];
        let past = Instant::now();
        archive
            .reading()
            .read(day(0), device, &wanted, range, past, &mut |_, _| ())
    });
    assert!(matches!(late.await, Err(ColdError::Late)));
}
