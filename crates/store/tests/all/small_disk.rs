//! A disk that is really full. Not part of the tests, for it needs a small file system: as root,
//! `unshare -m sh -c 'mount -t tmpfs -o size=4m none /mnt && FORETELL_TEST_SMALL_DISK=/mnt
//! cargo test -p foretell-store --test all -- --ignored small_disk'`.

use crate::fixture::{Fixture, device};
use foretell_store::history::Record;
use foretell_store::{Expect, Store, StoreError, StoreOptions};
use model::Status;
use model::history::DeviceFound;
use std::path::PathBuf;
use std::time::Duration;

#[tokio::test]
#[ignore = "needs a small file system"]
async fn a_disk_without_room_can_be_read_and_opened() {
    let dir = PathBuf::from(std::env::var("FORETELL_TEST_SMALL_DISK").unwrap());
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
