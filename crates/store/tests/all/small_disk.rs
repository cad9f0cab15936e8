//! A disk that is really full. Not part of the tests, for it needs a small file system: as root,
//! `unshare -m sh -c 'mount -t tmpfs -o size=4m none /mnt && FORETELL_TEST_SMALL_DISK=/mnt
//! cargo test -p foretell-store --test all -- --ignored small_disk'`.

use crate::fixture::{Fixture, device};
use foretell_store::{Expect, Store, StoreError, StoreOptions};
use std::path::PathBuf;

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
    store.close().await.unwrap();
    drop(store);
    let (store, recovery) = open().await.unwrap();
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
    store
        .settings
        .set("more", Expect::Any, &"f".repeat(20))
        .await
        .unwrap();
}
