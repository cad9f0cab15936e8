//! What is kept on a disk that is really full.

use crate::backup::{Filled, repository};
use crate::fixture::{Fixture, device};
use crate::retention::{Kept, all_of, policy, series_options};
use crate::series_fixture::{TestClock, minute, options};
use crate::small_mount::{self, filled, on_a_small_disk};
use foretell_store::archive::{Archive, ArchiveOptions, Place};
use foretell_store::backup::{Access, BackupError};
use foretell_store::history::Record;
use foretell_store::progress::Progress;
use foretell_store::series::{Batch, Points, Resolved, SeriesStore};
use foretell_store::{Expect, Store, StoreError, StoreOptions};
use model::history::DeviceFound;
use model::{DeviceId, Labels, Metric, Status, Value};
use std::path::Path;
use std::time::Duration;

#[test]
fn documents_and_history_survive_a_disk_without_room() {
    on_a_small_disk("small_disk::a_disk_without_room_can_be_read_and_opened", 4);
}

#[test]
fn samples_survive_a_disk_without_room() {
    on_a_small_disk("small_disk::samples_wait_for_room", 4);
}

#[test]
fn a_backup_survives_a_disk_without_room() {
    on_a_small_disk("small_disk::a_backup_waits_for_room", 96);
}

#[test]
fn what_is_over_goes_from_a_disk_without_room() {
    on_a_small_disk("small_disk::files_are_removed_without_room", 16);
}

#[test]
fn what_is_archived_goes_from_a_disk_without_room() {
    on_a_small_disk("small_disk::archived_files_are_removed_without_room", 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "needs a small file system"]
async fn samples_wait_for_room() {
    let folder = small_mount::folder();
    let data = folder.join("series");
    let clock = TestClock::new();
    let device_id = DeviceId::new();
    let (store, _) = SeriesStore::open(&data, options(), clock.clock()).unwrap();
    let keys = (0..20).map(|n| {
        let labels = Labels::default().with("sensor", format!("{n}"));
        (Metric::SENSOR_OTHER, labels)
    });
    let series = store.resolve(device_id, keys.collect()).await.unwrap();
    let mut kept = Points::new();
    let batch = |at: i64| Batch {
        device_id,
        at: minute(at),
        values: (series.iter())
            .map(|one| (one.column, Value::U64(at.unsigned_abs() << 32)))
            .collect(),
    };
    let check = |store: &SeriesStore, kept: &Points| {
        for one in &series {
            let read = store.read(one.id, minute(0), minute(10_000)).unwrap();
            assert_eq!(read, *kept);
        }
    };
    let mut filling = None;
    for at in 0..600 {
        clock.set(minute(at));
        // Without room for a quarter of an hour, in which half-hours are sealed and merged too.
        match at % 100 {
            20 => filling = Some(filled(&folder)),
            35 => {
                if let Some(path) = filling.take() {
                    std::fs::remove_file(path).unwrap();
                }
            }
            _ => {}
        }
        match store.append(batch(at)).await {
            Ok(()) => kept.push((minute(at), Value::U64(at.unsigned_abs() << 32))),
            Err(error) => {
                assert!(filling.is_some(), "minute {at}: {error}");
                let told = format!("{:?}", std::error::Error::source(&error));
                assert!(told.contains("StorageFull"), "{told}");
            }
        }
        let maintained = store.maintain().await;
        assert!(
            filling.is_some() || maintained.is_ok(),
            "{at}: {maintained:?}"
        );
        if filling.is_some() || at % 10 == 0 {
            check(&store, &kept);
        }
    }
    let refused = 600 - kept.len();
    println!("{refused} of 600 polls were refused for want of room");
    assert!((10..=90).contains(&refused), "{refused}");
    clock.set(minute(800));
    store.maintain().await.unwrap();
    assert_eq!(store.stats().head_rows, 0);
    check(&store, &kept);
    store.close().await;
    drop(store);
    // A start needs no room.
    filled(&folder);
    let (store, recovery) = SeriesStore::open(&data, options(), clock.clock()).unwrap();
    assert_eq!(recovery.damage, Vec::<String>::new());
    check(&store, &kept);
}

#[tokio::test]
#[ignore = "needs a small file system"]
async fn a_disk_without_room_can_be_read_and_opened() {
    let dir = small_mount::folder();
    let (data, ballast) = (dir.join("data"), dir.join("ballast"));
    std::fs::write(&ballast, vec![0; 512 << 10]).unwrap();
    let fixture = Fixture::new();
    let open = || Store::open(StoreOptions::new(&data), fixture.clock());
    let (store, _) = open().await.unwrap();
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let mut kept = Vec::new();
    let full = loop {
        let name = format!("{:05}", kept.len());
        match store
            .settings
            .set(&name, Expect::Absent, &"f".repeat(20_000))
            .await
        {
            Ok(_) => kept.push(name),
            Err(e) => break e,
        }
    };
    println!("{} kept, then: {full:?}", kept.len());
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    // To the last octet.
    let _ = std::fs::write(dir.join("filling"), vec![0; 4 << 20]);
    for name in &kept {
        assert!(store.settings.get::<String>(name).await.unwrap().is_some());
    }
    let found = |minute| Record::Device {
        id,
        found: DeviceFound {
            at: fixture.now().plus(Duration::from_mins(minute)),
            status: Status::Down,
            interfaces_read: false,
            evidence: Vec::new(),
        },
    };
    let refused = store.history.append((0..60).map(found).collect()).await;
    assert!(refused.is_err(), "{refused:?}");
    store.close().await.unwrap();
    drop(store);
    let (store, recovery) = open().await.unwrap();
    assert!(store.history.begin_run().await.is_err());
    assert_eq!(recovery.damaged, vec![]);
    for name in &kept {
        assert!(store.settings.get::<String>(name).await.unwrap().is_some());
    }
    assert!(store.inventory.device(id).is_some());
    let refused = store
        .settings
        .set("more", Expect::Any, &"f".repeat(20_000))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );
    std::fs::remove_file(ballast).unwrap();
    // The run that could not be told is kept with what comes next.
    let kept = store.history.append(vec![found(0)]).await.unwrap();
    assert_eq!(kept, [true]);
    let (begin, end) = (fixture.now(), fixture.now().plus(Duration::from_mins(1)));
    assert_eq!(store.history.runs(begin, end).unwrap().len(), 1);
    assert_eq!(store.history.device(id, begin, end, true).unwrap().len(), 1);
    store
        .settings
        .set("more", Expect::Any, &"f".repeat(20))
        .await
        .unwrap();
}

/// Where the data is, and where the backups are: in turn on the disk without room.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a small file system"]
async fn a_backup_waits_for_room() {
    let small = small_mount::folder();
    let mut kept = Filled::within(&small).await;
    let before = kept.samples(&kept.store);
    // It would take what room the server needs.
    let ballast = small.join("ballast");
    std::fs::write(&ballast, vec![0; 48 << 20]).unwrap();
    let refused = kept.take(None).await.unwrap_err();
    assert!(matches!(refused, BackupError::NoRoom { .. }), "{refused}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    let filling = filled(&small);
    let refused = kept.take(None).await.unwrap_err();
    assert!(refused.is_full(), "{refused:?}");
    assert_eq!(kept.samples(&kept.store), before);
    for path in [ballast, filling] {
        std::fs::remove_file(path).unwrap();
    }
    kept.poll().await;
    assert_eq!(kept.samples(&kept.store)[0].len(), before[0].len() + 1);
    let taken = kept.take(None).await.unwrap();
    assert!(taken.counts.pack_samples > 0, "{taken:?}");

    let folder = small.join("backups");
    std::fs::create_dir(&folder).unwrap();
    let mut kept = Filled::new().await;
    let filling = filled(&small);
    let into = |folder: &Path| {
        let folder = folder.to_owned();
        move || repository(&folder, None, Access::Write)
    };
    let refused = kept.take_into(into(&folder)).await.unwrap_err();
    assert!(refused.is_full(), "{refused:?}");
    // Only the backup is without room.
    kept.poll().await;
    std::fs::remove_file(filling).unwrap();
    kept.take_into(into(&folder)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a small file system"]
async fn files_are_removed_without_room() {
    let small = small_mount::folder();
    let kept = Kept::within(&small).await;
    kept.put(&policy("all", &[], &[], 3)).await;
    filled(&small);
    let now = kept.fixture.now();
    // It cannot be kept, and is no less known.
    assert_eq!(kept.store.ages.go_on(now).await.unwrap(), now);
    let pass = kept.pass().await;
    assert_eq!(pass.failed, None);
    assert!(pass.files_removed > 0 && pass.gone.samples > 0, "{pass:?}");
}

/// The archive of a store, in a folder that is on another disk.
async fn archive(depot: &Path, fixture: &Fixture, store: &Store) -> Archive {
    let options = ArchiveOptions {
        rest_factor: 0,
        after_days: 0,
        ..ArchiveOptions::new(Place::Folder(depot.join("depot")), depot.join("staging"))
    };
    let known = (store.inventory.clone(), store.series.clone());
    let opened = Archive::open(options, store.documents.clone(), known, fixture.clock());
    opened.await.unwrap()
}

/// All of some series, here or in the archive.
async fn all(store: &Store, series: &[Resolved]) -> Vec<Points> {
    let (store, series) = (store.series.clone(), series.to_vec());
    let read = move || series.iter().map(|one| all_of(&store, *one)).collect();
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a small file system"]
async fn archived_files_are_removed_without_room() {
    let small = small_mount::folder();
    let Kept {
        fixture,
        store,
        core: (_, series),
        ..
    } = Kept::within(&small).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let archived = archive(elsewhere.path(), &fixture, &store).await;
    let before = all(&store, &series).await;
    store.retention.set_archive(archived.keeper());
    let put = policy("all", &[], &[], 2);
    let put = store.retention.put_policy(&put, Expect::Absent);
    put.await.unwrap();
    let run = move || archived.run(None, &Progress::default()).unwrap();
    assert!(tokio::task::spawn_blocking(run).await.unwrap().days > 2);
    filled(&small);
    let refused = store.settings.set("more", Expect::Any, &1).await;
    let is_full = matches!(refused, Err(StoreError::Full { .. }));
    assert!(is_full, "{refused:?}");
    let attached = store.inventory.attached();
    let pass = store
        .retention
        .pass(&store.series, attached, fixture.now())
        .await;
    let pass = pass.unwrap();
    assert_eq!(pass.failed, None);
    assert!(pass.files_removed > 1 && pass.gone.samples > 0, "{pass:?}");
    assert_eq!(all(&store, &series).await, before);
    store.close().await.unwrap();
    drop(store);
    // That it is not here any more could not be written down.
    filled(&small);
    let options = StoreOptions {
        series: series_options(),
        ..fixture.options()
    };
    let (store, _) = fixture.open_as(&options).await;
    let _archived = archive(elsewhere.path(), &fixture, &store).await;
    assert_eq!(all(&store, &series).await, before);
}
