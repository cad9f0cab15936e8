//! Policies and holds over a store: what a dry run says is what goes, and what a hold keeps stays.

use crate::fixture::{Fixture, device};
use foretell_store::documents::Expect;
use foretell_store::retention::{Amount, Detail, Hold, Pass, Planned, Policy};
use foretell_store::series::{
    Aggregation, Ask, Batch, Grain, Points, Resolved, Selector, SeriesOptions, SeriesStore,
    Stepped, SyncPolicy,
};
use foretell_store::{Store, StoreError, StoreOptions};
use model::{DeviceId, HoldId, Labels, Metric, PolicyId, Timestamp, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// Half-hours of a day; one poll in each.
const POLLS: u32 = 48;

pub(crate) const METRICS: [Metric; 2] = [Metric::ICMP_RTT, Metric::SENSOR_OTHER];

pub(crate) fn series_options() -> SeriesOptions {
    SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    }
}

pub(crate) fn policy(name: &str, metrics: &[&str], tags: &[&str], keep_days: u32) -> Policy {
    let owned = |text: &&str| (*text).to_owned();
    Policy {
        id: PolicyId::new(),
        name: name.to_owned(),
        metrics: metrics.iter().map(owned).collect(),
        device_tags: tags.iter().map(owned).collect(),
        level: Detail::Raw,
        keep_days,
        priority: 1,
        without_archive: false,
    }
}

/// The series of `METRICS` of a device.
pub(crate) async fn resolve(series: &SeriesStore, device_id: DeviceId) -> Vec<Resolved> {
    let keys = METRICS.map(|metric| (metric, Labels::default()));
    series.resolve(device_id, keys.into()).await.unwrap()
}

/// Polls a device through so many days, seals and merges; the days before the last half-hours are one
/// pack each.
pub(crate) async fn poll_days(
    fixture: &Fixture,
    series: &SeriesStore,
    devices: &BTreeMap<DeviceId, Vec<Resolved>>,
    days: u32,
) {
    for poll in 0..days * POLLS {
        for (device_id, of_device) in devices {
            let value = |n: usize| {
                // Neither constant nor in every poll.
                let is_there = n == 0 || poll % 3 != 0;
                is_there.then_some(Value::U64(u64::from(poll) * 7 % 11 + n as u64))
            };
            let values = of_device.iter().enumerate();
            let values = values.filter_map(|(n, series)| Some((series.column, value(n)?)));
            let batch = Batch {
                device_id: *device_id,
                at: fixture.now(),
                values: values.collect(),
            };
            series.append(batch).await.unwrap();
        }
        fixture.pass(Duration::from_mins(30));
        series.maintain().await.unwrap();
    }
}

/// All of a series.
pub(crate) fn all_of(series: &SeriesStore, one: Resolved) -> Points {
    let end = Timestamp::from_unix_ms(4_000_000_000_000);
    series
        .read(one.id, Timestamp::from_unix_ms(0), end)
        .unwrap()
}

/// Octets of all packs of samples below a folder: those of roll-ups are in folders of months.
fn pack_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let is_month = |path: &Path| {
        path.is_dir()
            && path
                .file_name()
                .is_some_and(|name| name.len() == "2026-03".len())
    };
    entries
        .map(|entry| match entry.path() {
            path if is_month(&path) => 0,
            path if path.is_dir() => pack_bytes(&path),
            path if path.extension().is_some_and(|e| e == "pack") => {
                entry.metadata().unwrap().len()
            }
            _ => 0,
        })
        .sum()
}

/// A store with two devices of five days: `core`, which has that tag, and `edge`.
pub(crate) struct Kept {
    pub(crate) fixture: Fixture,
    pub(crate) store: Store,
    pub(crate) core: (DeviceId, Vec<Resolved>),
    edge: (DeviceId, Vec<Resolved>),
}

impl Kept {
    pub(crate) async fn new() -> Self {
        Self::of(Fixture::quick()).await
    }

    /// The same below a folder.
    pub(crate) async fn within(folder: &Path) -> Self {
        Self::of(Fixture::within(folder)).await
    }

    async fn of(fixture: Fixture) -> Self {
        let store = Self::open(&fixture).await;
        let mut devices = BTreeMap::new();
        let mut made = Vec::new();
        for (n, tag) in [(1, "core"), (2, "edge")] {
            let mut device = device(n, fixture.now());
            device.typed.tags = [tag.to_owned()].into();
            store.inventory.create(device.clone()).await.unwrap();
            let series = resolve(&store.series, device.id).await;
            devices.insert(device.id, series.clone());
            made.push((device.id, series));
        }
        poll_days(&fixture, &store.series, &devices, 5).await;
        let mut made = made.into_iter();
        Self {
            core: made.next().unwrap(),
            edge: made.next().unwrap(),
            fixture,
            store,
        }
    }

    async fn open(fixture: &Fixture) -> Store {
        let options = StoreOptions {
            series: series_options(),
            ..fixture.options()
        };
        fixture.open_as(&options).await.0
    }

    pub(crate) async fn put(&self, policy: &Policy) {
        let put = self.store.retention.put_policy(policy, Expect::Absent);
        put.await.unwrap();
    }

    async fn preview(&self) -> Planned {
        let attached = self.store.inventory.attached();
        let now = self.fixture.now();
        let preview = self
            .store
            .retention
            .preview(&self.store.series, attached, None, now);
        preview.await.unwrap()
    }

    pub(crate) async fn pass(&self) -> Pass {
        let attached = self.store.inventory.attached();
        let now = self.fixture.now();
        let pass = self.store.retention.pass(&self.store.series, attached, now);
        pass.await.unwrap()
    }

    fn packs(&self) -> u64 {
        pack_bytes(&self.fixture.dir.path().join("series/packs"))
    }

    /// How many files of roll-ups there are whose names begin so.
    fn rolled(&self, prefix: &str) -> usize {
        let packs = self.fixture.dir.path().join("series/packs");
        let packs = crate::backup::files(&packs);
        let names = packs
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy());
        names.filter(|name| name.starts_with(prefix)).count()
    }

    async fn hold(&self, selector: &str, from: Option<Timestamp>) -> Hold {
        let hold = Hold {
            id: HoldId::new(),
            selector: selector.to_owned(),
            from,
            to: None,
            reason: "case 7".to_owned(),
            by: "admin".to_owned(),
            since: self.fixture.now(),
        };
        let selector: Selector = selector.parse().unwrap();
        let attached = self.store.inventory.attached();
        let placed = self
            .store
            .retention
            .place(&hold, selector, &self.store.series, attached);
        placed.await.unwrap();
        hold
    }

    async fn tag(&self, device_id: DeviceId, tags: &[&str]) {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let amended = self.store.inventory.amend(device_id, |device| {
            device.typed.tags.clone_from(&tags);
            true
        });
        assert!(amended.await.unwrap());
    }

    /// From when on samples are kept where so many days are.
    pub(crate) fn cut(&self, keep_days: u32) -> Timestamp {
        policy("cut", &[], &[], keep_days).cut(self.fixture.now())
    }
}

fn since(points: &[(Timestamp, Value)], cut: Timestamp) -> Points {
    points
        .iter()
        .copied()
        .filter(|(at, _)| *at >= cut)
        .collect()
}

#[tokio::test]
async fn what_a_dry_run_says_goes_to_the_octet() {
    let mut kept = Kept::new().await;
    assert_eq!(kept.preview().await.plan.total(), Amount::default());
    assert_eq!(kept.pass().await.gone, Amount::default());
    kept.put(&policy("round trips", &["icmp_.*"], &["core"], 2))
        .await;
    kept.put(&policy("others", &["sensor_.*"], &[], 4)).await;
    let series: Vec<Resolved> = kept.core.1.iter().chain(&kept.edge.1).copied().collect();
    let before: Vec<Points> = series
        .iter()
        .map(|one| all_of(&kept.store.series, *one))
        .collect();
    let bytes = kept.packs();
    let (two, four) = (kept.cut(2), kept.cut(4));
    let expected = [
        since(&before[0], two),
        since(&before[1], four),
        before[2].clone(),
        since(&before[3], four),
    ];
    assert!(expected[0].len() < before[0].len() && expected[1].len() < before[1].len());

    let preview = kept.preview().await.plan;
    assert_eq!(kept.packs(), bytes, "a dry run changes nothing");
    assert!(
        preview.files.len() > 1 && preview.whole().is_empty(),
        "{preview:?}"
    );
    let pass = kept.pass().await;
    assert_eq!((&pass.failed, pass.left), (&None, 0));
    assert_eq!(pass.gone, preview.total());
    assert_eq!(bytes - kept.packs(), pass.gone.bytes);
    let lengths = |all: &[Points]| all.iter().map(Vec::len).sum::<usize>() as u64;
    assert_eq!(pass.gone.samples, lengths(&before) - lengths(&expected));
    assert_eq!(pass.days_rewritten, preview.days().len() as u64);
    for reopened in [false, true] {
        if reopened {
            kept.store.close().await.unwrap();
            drop(kept.store);
            kept.store = Kept::open(&kept.fixture).await;
        }
        for (one, expected) in series.iter().zip(&expected) {
            assert_eq!(&all_of(&kept.store.series, *one), expected);
        }
        assert_eq!(kept.pass().await.gone, Amount::default());
    }
    let stats = kept.store.retention.stats();
    assert_eq!((stats.passes, stats.passes_failed), (1, 0));
}

#[tokio::test]
async fn files_in_which_all_is_over_are_removed() {
    let kept = Kept::new().await;
    let all = policy("all", &[], &[], 3);
    kept.put(&all).await;
    let preview = kept.preview().await.plan;
    assert_eq!(preview.whole().len(), preview.files.len());
    let bytes = kept.packs();
    let pass = kept.pass().await;
    assert_eq!(pass.files_removed, preview.files.len() as u64);
    assert_eq!((pass.gone, pass.days_rewritten), (preview.total(), 0));
    assert_eq!(bytes - kept.packs(), pass.gone.bytes);
    for one in kept.core.1.iter().chain(&kept.edge.1) {
        let points = all_of(&kept.store.series, *one);
        assert!(!points.is_empty());
        assert_eq!(points, since(&points, kept.cut(3)));
    }
    // By the built-in ones what is left goes in its time.
    let deleted = kept.store.retention.delete_policy(all.id, Expect::Any);
    deleted.await.unwrap();
    kept.fixture.pass(DAY * 396);
    assert_eq!(kept.pass().await.gone, Amount::default());
    kept.fixture.pass(DAY * 10);
    for _ in 0..4 {
        kept.store.series.maintain().await.unwrap();
    }
    kept.pass().await;
    assert_eq!(kept.packs(), 0);
    // Roll-ups are kept for longer: those by five minutes for five years, those by hours for ten.
    assert!(kept.rolled("5m-") > 0 && kept.rolled("1h-") > 0);
    kept.fixture.pass(DAY * (1_826 - 406 - 10));
    assert_eq!(kept.pass().await.gone, Amount::default());
    assert!(kept.rolled("5m-") > 0);
    kept.fixture.pass(DAY * 60);
    assert!(kept.pass().await.files_removed > 0);
    assert_eq!(kept.rolled("5m-"), 0);
    assert!(kept.rolled("1h-") > 0);
    kept.fixture.pass(DAY * (3_652 - 1_826));
    assert!(kept.pass().await.files_removed > 0);
    assert_eq!(kept.rolled("1h-"), 0);
}

/// The samples of one series of a day go: its roll-ups answer for it, at any step, and the samples of
/// the others answer for those, also where more comes.
#[tokio::test]
async fn roll_ups_stand_for_the_series_whose_samples_went() {
    let kept = Kept::new().await;
    kept.put(&policy("round trips", &["icmp_.*"], &["core"], 2))
        .await;
    let (device_id, series) = &kept.core;
    let ids = [series[0].id, series[1].id];
    // The second day, which is gone through as a whole.
    let from = kept.cut(4);
    let asked = |step: Duration| {
        let ask = Ask {
            from,
            to: from.plus(DAY),
            step,
            how: Aggregation::Count,
            interval: Duration::from_mins(30),
            replaced: Vec::new(),
            until: None,
        };
        kept.store.series.steps(*device_id, &ids, &ask).unwrap()
    };
    let count = |stepped: &Stepped| -> u64 {
        let counts = stepped.steps.iter().filter_map(|(_, count)| *count);
        let whole = counts.sum::<f64>().to_string();
        whole.parse().unwrap()
    };
    let (half_hour, hour) = (Duration::from_mins(30), Duration::from_hours(1));
    let before = asked(hour);
    assert!(count(&before[0]) > 0 && count(&before[1]) > 0);
    assert_eq!(before[0].coarsest(), Grain::Hours);
    assert!(kept.pass().await.days_rewritten > 0);
    let gone = all_of(&kept.store.series, series[0]);
    assert_eq!(gone, since(&gone, kept.cut(2)));
    for round in 0..2 {
        let by_hours = asked(hour);
        assert_eq!(by_hours[0].steps, before[0].steps);
        assert_eq!(by_hours[0].coarsest(), Grain::Hours);
        assert_eq!(count(&by_hours[1]), count(&before[1]) + round);
        let finer = asked(half_hour);
        assert_eq!(finer[1].coarsest(), Grain::Raw, "its samples are there");
        assert_eq!(count(&finer[1]), count(&before[1]) + round);
        // One more sample of the other comes, and is seen in the head, in packs, and when the day is one.
        let batch = Batch {
            device_id: *device_id,
            at: from.plus(Duration::from_secs(61)),
            values: vec![(series[1].column, Value::U64(1))],
        };
        kept.store.series.append(batch).await.unwrap();
        assert_eq!(count(&asked(hour)[1]), count(&before[1]) + 1);
        for _ in 0..3 {
            kept.fixture.pass(Duration::from_hours(2));
            kept.store.series.maintain().await.unwrap();
            assert_eq!(count(&asked(hour)[1]), count(&before[1]) + 1);
            assert_eq!(asked(hour)[0].steps, before[0].steps);
        }
    }
}

#[tokio::test]
async fn what_comes_late_for_a_time_that_is_over_goes_too() {
    let kept = Kept::new().await;
    kept.put(&policy("all", &[], &[], 3)).await;
    kept.pass().await;
    let (device_id, series) = &kept.core;
    let at = kept.cut(3).minus(DAY);
    let batch = Batch {
        device_id: *device_id,
        at,
        values: vec![(series[0].column, Value::U64(1))],
    };
    kept.store.series.append(batch.clone()).await.unwrap();
    kept.store.series.maintain().await.unwrap();
    // The second lies over the first, as a patch.
    let batch = Batch {
        at: at.plus(Duration::from_secs(1)),
        ..batch
    };
    kept.store.series.append(batch).await.unwrap();
    kept.fixture.pass(Duration::from_mins(1));
    kept.store.series.maintain().await.unwrap();
    let late = |kept: &Kept| {
        let all = all_of(&kept.store.series, series[0]);
        all.into_iter().filter(|(at, _)| *at < kept.cut(3)).count()
    };
    assert_eq!(late(&kept), 2);
    let preview = kept.preview().await.plan.total();
    assert_eq!(preview.samples, 2);
    assert_eq!(kept.pass().await.gone, preview);
    assert_eq!(late(&kept), 0);
}

#[tokio::test]
async fn a_hold_keeps_through_policies_other_tags_and_the_end_of_a_device() {
    let mut kept = Kept::new().await;
    let (core, edge) = (kept.core.clone(), kept.edge.clone());
    let from = kept.cut(4);
    let hold = kept.hold("icmp_rtt{tag=\"core\"}", Some(from)).await;
    let before = all_of(&kept.store.series, core.1[0]);
    kept.put(&policy("all", &[], &[], 1)).await;
    kept.tag(core.0, &[]).await;
    // The selector means it from now on.
    kept.tag(edge.0, &["core"]).await;
    kept.store.close().await.unwrap();
    drop(kept.store);
    kept.store = Kept::open(&kept.fixture).await;

    let preview = kept.preview().await.plan;
    assert!(preview.by_hold[&hold.id].samples > 0);
    let pass = kept.pass().await;
    assert_eq!(pass.gone, preview.total());
    assert_eq!(pass.held.samples, preview.by_hold[&hold.id].samples);
    assert_eq!(all_of(&kept.store.series, core.1[0]), since(&before, from));
    let of_edge = all_of(&kept.store.series, edge.1[0]);
    assert_eq!(of_edge, since(&of_edge, from));
    assert_eq!(of_edge.len(), since(&before, from).len());
    for other in [core.1[1], edge.1[1]] {
        let points = all_of(&kept.store.series, other);
        assert_eq!(
            points,
            since(&points, kept.cut(1)),
            "it is of another metric"
        );
    }
    for device_id in [core.0, edge.0] {
        let deleted = kept.store.delete_device(device_id, Expect::Any).await;
        let refused =
            matches!(&deleted, Err(StoreError::Held { hold_id, .. }) if *hold_id == hold.id);
        assert!(refused, "{deleted:?}");
        assert!(kept.store.inventory.device(device_id).is_some());
    }
    // What a selector means only now is held as long as it does.
    kept.tag(edge.0, &[]).await;
    kept.store.delete_device(edge.0, Expect::Any).await.unwrap();

    kept.store
        .retention
        .release(hold.id, Expect::Revision(1))
        .await
        .unwrap();
    let pass = kept.pass().await;
    assert!(pass.gone.samples > 0);
    let points = all_of(&kept.store.series, core.1[0]);
    assert_eq!(points, since(&points, kept.cut(1)));
    kept.store.delete_device(core.0, Expect::Any).await.unwrap();
}

#[tokio::test]
async fn nothing_is_removed_where_a_hold_cannot_be_read() {
    let mut kept = Kept::new().await;
    let hold = kept.hold("{}", None).await;
    kept.put(&policy("all", &[], &[], 1)).await;
    kept.store.close().await.unwrap();
    drop(kept.store);
    let path = kept.fixture.dir.path().join("documents.sqlite3");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let damage = "UPDATE doc_retention_holds SET body = x'7b7d' WHERE id = ?1";
    assert_eq!(
        connection.execute(damage, [hold.id.to_string()]).unwrap(),
        1
    );
    drop(connection);
    kept.store = Kept::open(&kept.fixture).await;
    let bytes = kept.packs();
    let attached = kept.store.inventory.attached();
    let now = kept.fixture.now();
    let pass = kept
        .store
        .retention
        .pass(&kept.store.series, attached, now)
        .await;
    assert!(pass.is_err(), "{pass:?}");
    assert_eq!(kept.packs(), bytes);
    let stats = kept.store.retention.stats();
    assert!(
        stats.passes_failed == 1 && stats.failing.is_some(),
        "{stats:?}"
    );
    // It is lost, and somebody says so.
    kept.store.retention.accept_damage().await.unwrap();
    assert!(kept.pass().await.gone.samples > 0);
}

#[tokio::test]
async fn a_built_in_policy_can_be_changed_and_is_itself_again_when_deleted() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let built_in = Policy::built_in();
    let listed = store.retention.policies().await.unwrap();
    let listed: Vec<(u64, &Policy)> = listed.iter().map(|p| (p.revision, &p.body)).collect();
    assert_eq!(listed, built_in.each_ref().map(|policy| (0, policy)));
    let days: Vec<u32> = built_in.iter().map(|policy| policy.keep_days).collect();
    assert_eq!(days, [400, 1_826, 3_652]);
    let changed = Policy {
        keep_days: 30,
        ..built_in[0].clone()
    };
    let put = store
        .retention
        .put_policy(&changed, Expect::Revision(0))
        .await;
    assert_eq!(put.unwrap(), 1);
    let read = store.retention.policy(changed.id).await.unwrap().unwrap();
    assert_eq!((read.revision, &read.body), (1, &changed));
    store
        .retention
        .delete_policy(changed.id, Expect::Revision(1))
        .await
        .unwrap();
    let read = store.retention.policy(changed.id).await.unwrap().unwrap();
    assert_eq!((read.revision, &read.body), (0, &built_in[0]));
}
