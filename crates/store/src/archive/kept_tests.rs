//! What goes by age waits for the archive, is read there, and comes back.

use super::tests::{BEGIN_MS, DAY_MS, Given, Kept, bits, day, on, polled, read_day, run};
use super::*;
use crate::documents::Expect;
use crate::progress::Progress;
use crate::retention::{Amount, Detail, Policy};
use crate::series::{Batch, SeriesStore};
use model::{DeviceId, PolicyId, SeriesId, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Samples of all devices are kept for so many days.
pub(super) fn policy(keep_days: u32) -> Policy {
    Policy {
        id: PolicyId::from_bytes([9; 16]),
        name: "short".to_owned(),
        metrics: Vec::new(),
        device_tags: BTreeSet::new(),
        level: Detail::Raw,
        keep_days,
        priority: 1,
        without_archive: false,
    }
}

impl Kept {
    pub(super) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(super) async fn pass(&self) -> crate::retention::Pass {
        let attached = self.store.inventory.attached();
        let (retention, series) = (&self.store.retention, &self.store.series);
        let pass = retention.pass(series, attached, self.now()).await.unwrap();
        assert_eq!(pass.failed, None);
        pass
    }

    /// Takes a sample as if it had been there always.
    pub(super) async fn append(&mut self, at: i64, value: Value) {
        let (device_id, series) = self.series.iter().next().unwrap();
        let (device_id, one) = (*device_id, series[0]);
        let batch = Batch {
            device_id,
            at: Timestamp::from_unix_ms(at),
            values: vec![(one.column, value)],
        };
        self.store.series.append(batch).await.unwrap();
        let of_series = self.given.get_mut(&(device_id, one.id)).unwrap();
        of_series.insert(at, value);
    }
}

/// All that a store answers of the series that are known.
pub(super) async fn read_all(series: &SeriesStore, known: &Given) -> Given {
    let keys: Vec<(DeviceId, SeriesId)> = known.keys().copied().collect();
    let series = series.clone();
    let read = move || {
        let points = keys.into_iter().map(|(device_id, id)| {
            let points = series.read(id, day(0), day(99)).unwrap();
            let points = points.into_iter().map(|(at, value)| (at.unix_ms(), value));
            ((device_id, id), points.collect())
        });
        points.collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_waits_until_it_is_archived_and_is_read_there() {
    let mut kept = Kept::new(2, 4).await;
    let depot = tempfile::tempdir().unwrap();
    let archive = kept.archive(Place::Folder(depot.path().to_owned())).await;
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    retention
        .put_policy(&policy(2), Expect::Absent)
        .await
        .unwrap();
    let before = kept.pass().await;
    assert_eq!(before.gone, Amount::default());
    let over: usize = (0..2)
        .map(|n| {
            kept.of_day(day(n))
                .values()
                .map(BTreeMap::len)
                .sum::<usize>()
        })
        .sum();
    assert_eq!(before.waits_for_archive.samples, over as u64);
    assert_eq!(run(&archive).await.days, 3);
    assert!(archive.days().iter().all(|day| !day.thinned));
    let after = kept.pass().await;
    assert_eq!(after.gone.samples, over as u64);
    assert_eq!(after.waits_for_archive, Amount::default());
    let thinned: Vec<bool> = archive.days().iter().map(|day| day.thinned).collect();
    assert_eq!(thinned, [true, true, false]);
    assert_eq!(
        bits(&read_all(&kept.store.series, &kept.given).await),
        bits(&kept.given)
    );
    // What comes late to a day that is gone lies over what is archived of it, and waits.
    kept.append(BEGIN_MS + 1_000, Value::U64(4)).await;
    let corrected = *kept
        .of_day(day(0))
        .values()
        .next()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    kept.append(corrected, Value::F64(0.5)).await;
    assert_eq!(
        bits(&read_all(&kept.store.series, &kept.given).await),
        bits(&kept.given)
    );
    kept.set(BEGIN_MS + 5 * DAY_MS + 2 * 3_600_000);
    for _ in 0..4 {
        kept.store.series.maintain().await.unwrap();
    }
    assert_eq!(
        run(&archive).await.days,
        1,
        "day 3, and not what is left of day 0"
    );
    let late = kept.pass().await;
    assert_eq!(late.waits_for_archive.samples, 2, "{late:?}");
    assert_eq!(
        bits(&read_all(&kept.store.series, &kept.given).await),
        bits(&kept.given)
    );
    // Brought back it is whole, and stays until then.
    let until = day(20);
    for _ in 0..2 {
        let restored = on(&archive, move |archive| {
            archive.restore(day(0), day(1), until, "admin", &Progress::default())
        });
        let restored = restored.await.unwrap();
        let of_day = kept.of_day(day(0));
        let samples: usize = of_day.values().map(BTreeMap::len).sum();
        assert_eq!((restored.days, restored.samples), (1, samples as u64));
        assert!(restored.refused.is_empty());
        assert!(!archive.days()[0].thinned);
    }
    assert_eq!(kept.pass().await.gone, Amount::default());
    assert_eq!(
        bits(&read_all(&kept.store.series, &kept.given).await),
        bits(&kept.given)
    );
    assert_eq!(run(&archive).await.days, 1, "day 0 as it is now");
    kept.set(until.unix_ms() + 3_600_000);
    let gone = kept.pass().await;
    assert!(gone.gone.samples > 0);
    assert!(archive.days()[0].thinned);
    assert_eq!(
        bits(&read_all(&kept.store.series, &kept.given).await),
        bits(&kept.given)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_does_not_want_archived_goes_all_the_same() {
    let kept = Kept::new(1, 3).await;
    let depot = tempfile::tempdir().unwrap();
    let archive = kept.archive(Place::Folder(depot.path().to_owned())).await;
    let retention = kept.store.retention.clone();
    retention.set_archive(archive.keeper());
    let policy = Policy {
        without_archive: true,
        ..policy(1)
    };
    retention.put_policy(&policy, Expect::Absent).await.unwrap();
    assert!(kept.pass().await.gone.samples > 0);
    assert!(archive.days().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_has_all_of_it_again_under_the_same_ids() {
    let kept = Kept::new(2, 2).await;
    let depot = tempfile::tempdir().unwrap();
    let place = || Place::Folder(depot.path().to_owned());
    let archive = kept.archive(place()).await;
    run(&archive).await;
    let empty = Kept::new(0, 2).await;
    let there = empty.archive(place()).await;
    let restored = on(&there, |archive| {
        archive.restore(day(0), day(9), day(30), "admin", &Progress::default())
    });
    let restored = restored.await.unwrap();
    let expected = kept.of_day(day(0));
    assert_eq!(
        (restored.days, restored.devices, restored.series),
        (1, 2, 6)
    );
    assert_eq!(
        bits(&read_all(&empty.store.series, &expected).await),
        bits(&expected)
    );
    let (device_id, series) = kept.series.iter().next().unwrap();
    let (here, there) = (kept.store.series.series_of(*device_id), &empty.store.series);
    assert_eq!(here.len(), series.len());
    assert_eq!(there.series_of(*device_id), here);
}

/// An archive of version 1, as it was written when that was new.
fn first_archive() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/all/archive-1")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the archive that is read for ever"]
async fn make_the_first_archive() {
    let kept = Kept::new(2, 2).await;
    let archive = kept.archive(Place::Folder(first_archive())).await;
    assert_eq!(run(&archive).await.days, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_version_wrote_is_read() {
    let empty = Kept::new(0, 1).await;
    let there = empty.archive(Place::Folder(first_archive())).await;
    assert_eq!(on(&there, Archive::scan).await.unwrap(), 1);
    assert!(there.status().foreign.is_some());
    let found = on(&there, |archive| read_day(archive, day(0))).await;
    let found = found.unwrap();
    // Two devices of three series each, which ascend as they were registered.
    let expected = polled(2, 1);
    let values = |given: &Given| bits(given).into_values().collect::<Vec<_>>();
    assert_eq!(values(&found), values(&expected));
}
