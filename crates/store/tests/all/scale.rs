//! How long a large inventory takes. Not part of the tests: run it with
//! `cargo test --release -p foretell-store --test all -- --ignored scale --nocapture`.

use crate::fixture::{Fixture, device};
use crate::inventory::interface;
use std::time::Instant;

const DEVICES: u32 = 2_000;
const INTERFACES: u32 = 48;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_large_inventory_is_written_and_read_at_the_start() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let began = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..DEVICES {
        let mut device = device(1, fixture.now());
        device.address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into();
        let inventory = store.inventory.clone();
        writers.spawn(async move {
            let id = device.id;
            inventory.create(device).await.unwrap();
            let interfaces = (1..=INTERFACES).map(|index| interface(id, index));
            inventory
                .set_interfaces(id, interfaces.collect())
                .await
                .unwrap();
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    println!(
        "written in {:?}: {:?}",
        began.elapsed(),
        store.documents.stats()
    );
    let began = Instant::now();
    let devices = store.inventory.devices();
    println!("{} devices listed in {:?}", devices.len(), began.elapsed());
    store.close().await.unwrap();
    drop((store, devices));
    let began = Instant::now();
    fixture.open().await;
    println!("opened in {:?}", began.elapsed());
    let file = fixture.dir.path().join("documents.sqlite3");
    println!("{} octets", std::fs::metadata(file).unwrap().len());
}
