//! A disk that fails at each call while a day is written again without some series: nothing that stays
//! is lost, and the next pass does what the one before could not.

use crate::faulty_disk::{Fault, FaultyDisk};
use crate::fixture::Fixture;
use crate::retention::{all_of, policy, poll_days, resolve, series_options};
use crate::series_fixture::quick_folder;
use foretell_store::Store;
use foretell_store::disk::{Disk, RealDisk};
use foretell_store::documents::Expect;
use foretell_store::series::{Points, Resolved, SeriesStore};
use model::DeviceId;
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

/// A folder of series of three days, and what is to be of it.
struct Case {
    fixture: Fixture,
    store: Store,
    template: tempfile::TempDir,
    series: Vec<Resolved>,
    before: Vec<Points>,
    after: Vec<Points>,
}

impl Case {
    async fn new() -> Self {
        let fixture = Fixture::quick();
        let store = fixture.open().await;
        let template = quick_folder();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let series = Self::open(&fixture, template.path(), disk).unwrap();
        let device_id = DeviceId::from_bytes([1; 16]);
        let resolved = resolve(&series, device_id).await;
        let devices = BTreeMap::from([(device_id, resolved.clone())]);
        poll_days(&fixture, &series, &devices, 3).await;
        let policy = policy("round trips", &["icmp_rtt"], &[], 1);
        let cut = policy.cut(fixture.now());
        let put = store.retention.put_policy(&policy, Expect::Absent);
        put.await.unwrap();
        let before: Vec<Points> = resolved.iter().map(|one| all_of(&series, *one)).collect();
        let mut after = before.clone();
        after[0].retain(|(at, _)| *at >= cut);
        assert!(after[0].len() < before[0].len());
        series.close().await;
        Self {
            fixture,
            store,
            template,
            series: resolved,
            before,
            after,
        }
    }

    fn open(fixture: &Fixture, dir: &Path, disk: Arc<dyn Disk>) -> Option<SeriesStore> {
        let opened = SeriesStore::open_on(dir, series_options(), fixture.clock(), disk);
        opened.ok().map(|(series, _)| series)
    }

    async fn pass(&self, series: &SeriesStore) -> bool {
        let now = self.fixture.now();
        let pass = self.store.retention.pass(series, Arc::default(), now).await;
        pass.is_ok_and(|pass| pass.failed.is_none())
    }

    fn read(&self, series: &SeriesStore) -> Vec<Points> {
        self.series.iter().map(|one| all_of(series, *one)).collect()
    }

    /// All that stays is there, and nothing that never was.
    fn check(&self, series: &SeriesStore, told: &str) {
        let read = self.read(series);
        assert_eq!(read[1], self.before[1], "{told}");
        let there = self.before[0]
            .iter()
            .filter(|point| read[0].contains(point));
        assert_eq!(there.count(), read[0].len(), "{told}");
        assert!(
            self.after[0].iter().all(|point| read[0].contains(point)),
            "{told}"
        );
    }

    /// The calls of the disk that a pass makes.
    async fn calls(&self) -> RangeInclusive<u64> {
        let folder = quick_folder();
        copy(self.template.path(), folder.path());
        let disk = FaultyDisk::beside(Fault::None, 0, folder.path());
        let series = Self::open(&self.fixture, folder.path(), Arc::new(disk.clone())).unwrap();
        let before = disk.calls();
        assert!(self.pass(&series).await);
        assert_eq!(self.read(&series), self.after);
        before + 1..=disk.calls()
    }

    /// Makes a pass on a disk that fails at the n-th call.
    async fn round(&self, fault: Fault, at: u64) {
        let told = format!("{fault:?} at {at}");
        let folder = quick_folder();
        copy(self.template.path(), folder.path());
        let disk = FaultyDisk::beside(fault, at, folder.path());
        let disk_of_round = Arc::new(disk.clone());
        let series = Self::open(&self.fixture, folder.path(), disk_of_round).unwrap();
        self.pass(&series).await;
        assert!(disk.was_hit(), "{told}");
        self.check(&series, &told);
        if matches!(fault, Fault::Once | Fault::Full) {
            disk.make_room();
            assert!(self.pass(&series).await, "{told}: it is not tried again");
            assert_eq!(self.read(&series), self.after, "{told}");
        }
        series.close().await;
        drop(series);
        if fault == Fault::PowerCut {
            disk.cut_power();
        }
        let series = Self::open(&self.fixture, folder.path(), Arc::new(RealDisk)).unwrap();
        self.check(&series, &told);
        assert!(self.pass(&series).await, "{told}");
        assert_eq!(self.read(&series), self.after, "{told}");
        series.close().await;
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_that_stays_is_lost_wherever_the_disk_fails() {
    let case = Case::new().await;
    let calls = case.calls().await;
    assert!(calls.clone().count() > 10, "{calls:?} are too few");
    for fault in [Fault::Once, Fault::Full, Fault::Kill, Fault::PowerCut] {
        for at in calls.clone() {
            case.round(fault, at).await;
        }
    }
}

/// No room for a word in the manifest: what goes makes it.
#[tokio::test]
async fn a_disk_without_room_does_not_keep_what_is_over_from_going() {
    let case = Case::new().await;
    let all = policy("all", &[], &[], 1);
    let put = case.store.retention.put_policy(&all, Expect::Absent);
    put.await.unwrap();
    let cut = all.cut(case.fixture.now());
    let left: Vec<Points> = case
        .before
        .iter()
        .map(|points| points.iter().copied().filter(|(at, _)| *at >= cut))
        .map(Iterator::collect)
        .collect();
    let folder = quick_folder();
    copy(case.template.path(), folder.path());
    let disk = FaultyDisk::beside(Fault::None, 0, folder.path());
    let series = Case::open(&case.fixture, folder.path(), Arc::new(disk.clone())).unwrap();
    disk.fill();
    assert!(case.pass(&series).await);
    assert!(disk.was_hit());
    assert_eq!(case.read(&series), left);
    series.close().await;
    drop(series);
    disk.cut_power();
    let real: Arc<dyn Disk> = Arc::new(RealDisk);
    let opened = SeriesStore::open_on(folder.path(), series_options(), case.fixture.clock(), real);
    let (series, recovery) = opened.unwrap();
    assert_eq!(recovery.damage, Vec::<String>::new());
    assert_eq!(case.read(&series), left);
}
