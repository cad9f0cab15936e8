//! Object stores that answer late, with errors, with half of it or with something else, and what was deleted
//! of archived days.

use super::damage_tests::{fresh, in_memory};
use super::read::Reading;
use super::tests::{Bits, Kept, bits, day, on, read_day, run};
use super::*;
use crate::documents::Expect;
use crate::progress::Progress;
use crate::retention::{Detail, Policy};
use crate::series::cold::ColdDays as _;
use crate::series::{ColdError, Column, Grave};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use model::{DeviceId, PolicyId, SeriesId, Value};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Extensions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;

/// What a store does to one who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ill {
    /// It refuses, as with a 500.
    Refuses,
    /// It does not answer.
    Hangs,
    /// It answers with half of what was asked for.
    Half,
    /// It answers with something else.
    Other,
}

/// A store in memory, of which from one reading on all are ill, or that one alone.
#[derive(Debug)]
struct Sick {
    store: InMemory,
    ill: Mutex<Ill>,
    /// The reading that is ill, counted down; none where it is beyond.
    at: AtomicUsize,
    calls: AtomicUsize,
}

impl fmt::Display for Sick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sick")
    }
}

impl Sick {
    fn begin(&self, ill: Ill, at: usize) {
        *lock(&self.ill) = ill;
        self.calls.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
    }
}

#[async_trait]
impl ObjectStore for Sick {
    async fn put_opts(&self, at: &Path, octets: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.store.put_opts(at, octets, how).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call != self.at.load(Ordering::SeqCst) {
            return self.store.get_opts(at, how).await;
        }
        let (ill, is_head) = (*lock(&self.ill), how.head);
        match ill {
            Ill::Refuses => {
                return Err(object_store::Error::Generic {
                    store: "sick",
                    source: "500 Internal Server Error".into(),
                });
            }
            Ill::Hangs => std::future::pending().await,
            Ill::Half | Ill::Other => {}
        }
        let got = self.store.get_opts(at, how).await?;
        if is_head {
            return Ok(got);
        }
        let (meta, range) = (got.meta.clone(), got.range.clone());
        let attributes = got.attributes.clone();
        let whole = got.bytes().await?;
        let octets = if ill == Ill::Half {
            whole.slice(..whole.len() / 2)
        } else {
            whole.iter().map(|octet| octet ^ 0x55).collect()
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async { Ok(octets) }).boxed()),
            meta,
            range,
            attributes,
            extensions: Extensions::default(),
        })
    }

    fn delete_stream(
        &self,
        names: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, how).await
    }
}

type Key = (DeviceId, SeriesId);

/// What a reader is answered of series of a day; of those that are damaged nothing.
fn answered(
    reading: &Reading,
    expected: &BTreeMap<Key, Bits>,
    time: Duration,
) -> Result<BTreeMap<Key, Bits>, ColdError> {
    let mut found: BTreeMap<Key, BTreeMap<i64, Value>> = BTreeMap::new();
    let devices: BTreeSet<DeviceId> = expected.keys().map(|(device_id, _)| *device_id).collect();
    for device_id in devices {
        let of_device = expected.keys().filter(|(of, _)| *of == device_id);
        let wanted: Vec<(Column, SeriesId)> = (0..)
            .map(Column)
            .zip(of_device.map(|(_, id)| *id))
            .collect();
        let deadline = Instant::now() + time;
        let mut take = |place: usize, points: &[(Timestamp, Value)]| {
            let of = found.entry((device_id, wanted[place].1)).or_default();
            of.extend(points.iter().map(|(at, value)| (at.unix_ms(), *value)));
        };
        let range = (day(0), day(1));
        let lost = reading.read(day(0), device_id, &wanted, range, deadline, &mut take)?;
        for one in lost {
            found.remove(&(device_id, wanted[one.place].1));
        }
    }
    Ok(bits(&found))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_ill_is_told_and_makes_nothing_up() {
    let kept = Kept::new(2, 2).await;
    let store = Arc::new(Sick {
        store: InMemory::new(),
        ill: Mutex::new(Ill::Refuses),
        at: AtomicUsize::new(usize::MAX),
        calls: AtomicUsize::new(0),
    });
    let depot = Depot::of(Arc::<Sick>::clone(&store), "", Handle::current());
    let archive = kept.archive(Place::Depot(Box::new(depot))).await;
    assert_eq!(run(&archive).await.days, 1);
    let expected = bits(&kept.of_day(day(0)));
    let (long, short) = (Duration::from_mins(1), Duration::from_millis(60));
    let work = move |archive: &Archive| {
        for ill in [Ill::Refuses, Ill::Hangs, Ill::Half, Ill::Other] {
            let (mut at, mut told) = (0, 0);
            loop {
                let reading = fresh(archive);
                store.begin(ill, at);
                let began = Instant::now();
                let time = if ill == Ill::Hangs { short } else { long };
                let found = answered(&reading, &expected, time);
                let calls = store.calls.load(Ordering::SeqCst);
                store.begin(ill, usize::MAX);
                let label = format!("{ill:?} at {at}: {found:?}");
                match &found {
                    // Of the head of an object there is no half.
                    Ok(found) if found.len() == expected.len() => assert_eq!(*found, expected),
                    Ok(found) => {
                        assert_eq!(ill, Ill::Other, "{label}");
                        assert!(
                            found.iter().all(|(key, of)| expected[key] == *of),
                            "{label}"
                        );
                    }
                    Err(ColdError::Away { .. }) => {
                        assert!(matches!(ill, Ill::Refuses | Ill::Half), "{label}");
                    }
                    Err(ColdError::Late) => {
                        assert_eq!(ill, Ill::Hangs, "{label}");
                        assert!(began.elapsed() < Duration::from_secs(20), "{label}");
                    }
                    Err(ColdError::Damaged { .. }) => assert_eq!(ill, Ill::Other, "{label}"),
                }
                told += usize::from(found.as_ref().ok() != Some(&expected));
                let noted = archive.days()[0].damaged.is_some();
                assert!(!noted || ill == Ill::Other, "{label}");
                // The next one reads as if nothing had been.
                let again = answered(&fresh(archive), &expected, long);
                assert_eq!(again.unwrap(), expected, "{ill:?} at {at}");
                if calls <= at {
                    break;
                }
                at += 1;
            }
            assert!(at > 3 && told > 1, "{ill:?}: {told} of {at}");
        }
    };
    on(&archive, work).await;
}

/// Samples of all devices are kept for a day.
fn policy() -> Policy {
    Policy {
        id: PolicyId::from_bytes([9; 16]),
        name: "short".to_owned(),
        metrics: Vec::new(),
        device_tags: BTreeSet::new(),
        level: Detail::Raw,
        keep_days: 1,
        priority: 1,
        without_archive: false,
    }
}

const HOUR_MS: i64 = 3_600_000;

/// What a store answers of the first day, by series.
async fn first_day(kept: &Kept) -> BTreeMap<Key, Vec<i64>> {
    let keys: Vec<Key> = kept.given.keys().copied().collect();
    let series = kept.store.series.clone();
    let read = move || {
        let points = keys.into_iter().map(|(device_id, id)| {
            let points = series.read(id, day(0), day(1)).unwrap();
            let times = points.iter().map(|(at, _)| at.unix_ms());
            ((device_id, id), times.collect())
        });
        points.collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// What was deleted of days that are in the archive alone does not come back: not while there is no archive
/// in the settings, not where nothing is known of it, and not with what is brought back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_of_archived_days_does_not_come_back() {
    let kept = Kept::new(2, 4).await;
    let place = in_memory();
    let archive = kept.archive(place.clone()).await;
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    retention
        .put_policy(&policy(), Expect::Absent)
        .await
        .unwrap();
    assert_eq!(run(&archive).await.days, 3);
    let attached = kept.store.inventory.attached();
    let pass = retention.pass(&kept.store.series, attached, kept.clock().now());
    assert!(pass.await.unwrap().gone.samples > 0);
    assert!(archive.days()[0].thinned);
    let gone = (
        day(0).unix_ms() + 6 * HOUR_MS,
        day(0).unix_ms() + 12 * HOUR_MS,
    );
    let mut expected = first_day(&kept).await;
    for times in expected.values_mut() {
        assert_eq!(times.len() % 16, 0, "all of it is there");
        times.retain(|at| !(gone.0..gone.1).contains(at));
    }
    let graves = kept.series.keys().map(|device_id| Grave {
        device_id: *device_id,
        columns: None,
    });
    let (series, graves) = (kept.store.series.clone(), graves.collect());
    let range = (
        Timestamp::from_unix_ms(gone.0),
        Timestamp::from_unix_ms(gone.1),
    );
    // A dry run counts what is in the archive alone, and says where it could not.
    let columns = kept.series.iter().map(|(device_id, series)| {
        let columns = series.iter().map(|series| series.column);
        (*device_id, columns.collect::<Vec<_>>())
    });
    let (columns, store) = (columns.collect::<Vec<_>>(), kept.store.series.clone());
    let counted = tokio::task::spawn_blocking(move || {
        store.count_samples(&columns, range, &Progress::default(), None)
    });
    let counted = counted.await.unwrap().unwrap();
    let before: usize = kept.of_day(day(0)).values().map(BTreeMap::len).sum();
    let after: usize = expected.values().map(Vec::len).sum();
    assert_eq!(counted, ((before - after) as u64, true));
    let buried = tokio::task::spawn_blocking(move || series.bury(graves, range));
    buried.await.unwrap().unwrap();
    assert_eq!(first_day(&kept).await, expected);
    kept.settle(day(5).unix_ms() + 2 * HOUR_MS).await;
    assert_eq!(first_day(&kept).await, expected);
    drop(archive);
    // No archive in the settings.
    let kept = kept.reopened().await;
    kept.settle(day(6).unix_ms() + 2 * HOUR_MS).await;
    assert_eq!(kept.store.series.tombstones(), 2);
    // Nothing is known of one that is there, until it was looked over.
    let archive = kept.archive_anew(place.clone()).await;
    let kept_days = kept.store.series.clone();
    kept.settle(day(7).unix_ms() + 2 * HOUR_MS).await;
    assert_eq!(kept_days.tombstones(), 2);
    on(&archive, Archive::scan).await.unwrap();
    kept.settle(day(8).unix_ms() + 2 * HOUR_MS).await;
    assert_eq!(first_day(&kept).await, expected);
    // It comes back without it, and may be broken off and done again.
    for _ in 0..2 {
        let restored = on(&archive, |archive| {
            archive.restore(day(0), day(1), day(40), "admin", &Progress::default())
        });
        let samples: usize = expected.values().map(Vec::len).sum();
        assert_eq!(restored.await.unwrap().samples, samples as u64);
        assert_eq!(first_day(&kept).await, expected);
    }
    // Archived as it is now, it is nowhere any more.
    assert!(run(&archive).await.days > 0);
    kept.settle(day(9).unix_ms() + 2 * HOUR_MS).await;
    assert_eq!(kept.store.series.tombstones(), 0);
    let found = on(&archive, |archive| read_day(archive, day(0))).await;
    let found = found.unwrap();
    for (key, times) in &expected {
        assert_eq!(found[key].keys().copied().collect::<Vec<_>>(), *times);
    }
    assert_eq!(first_day(&kept).await, expected);
}
