//! A process that is killed while it writes: what it was told is kept is there afterwards, and
//! what was written together is there together.

use crate::fixture::{Fixture, device};
use crate::killing;
use crate::series_fixture::Chance;
use foretell_store::documents::Query;
use foretell_store::{Expect, Store, StoreOptions, catalog};
use model::interface::Interface;
use model::{DeviceId, InterfaceId};
use std::path::Path;

/// Where the child finds its data folder. Without it the child's test does nothing.
const DIR: &str = "FORETELL_TEST_KILL_DIR";
const ROUNDS: u32 = 6;
const WRITERS: u8 = 4;

/// Writes devices with their interfaces and changes them, and says on standard output what it was
/// told is kept. Runs until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let fixture = Fixture::new();
    let (store, _) = Store::open(StoreOptions::new(dir), fixture.clock())
        .await
        .unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write_for_ever(store.clone(), fixture.now(), writer));
    }
    while writers.join_next().await.is_some() {}
}

async fn write_for_ever(store: Store, now: model::Timestamp, writer: u8) {
    for n in 1_u16.. {
        let mut device = device(writer, now);
        device.id = DeviceId::new();
        device.port = n;
        device.vantage = format!("{}", device.id);
        let id = device.id;
        store.inventory.create(device.clone()).await.unwrap();
        println!("ack device {id} 1");
        let interfaces = (1..=3).map(|index| interface(id, index)).collect();
        store
            .inventory
            .set_interfaces(id, interfaces)
            .await
            .unwrap();
        println!("ack interfaces {id} 3");
        device.interval_secs = 5;
        store
            .inventory
            .update(device, Expect::Revision(1))
            .await
            .unwrap();
        println!("ack device {id} 2");
        if n.is_multiple_of(3) {
            store.inventory.delete(id, Expect::Any).await.unwrap();
            println!("ack deleted {id} 0");
        }
    }
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: Some("x".repeat(500)),
        alias: None,
        kind: None,
        speed_bps: None,
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: None,
        oper_status: None,
        last_change_at: None,
        present: true,
    }
}

/// Runs the child, kills it after so many answers, and answers what it had been told.
fn run_and_kill(dir: &Path, answers: usize) -> Vec<(String, DeviceId, u64)> {
    let read = |words: &[&str]| match *words {
        ["ack", what, id, number] => Some((
            what.to_owned(),
            id.parse().unwrap(),
            number.parse().unwrap(),
        )),
        _ => None,
    };
    let environment = [(DIR, dir.as_os_str())];
    killing::run_and_kill("kill::child", &environment, answers, || (), read)
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let fixture = Fixture::new();
    let mut chance = Chance::new();
    let mut acks = Vec::new();
    for round in 0..ROUNDS {
        let answers = 1 + usize::try_from(chance.below(400)).unwrap();
        acks.extend(run_and_kill(fixture.dir.path(), answers));
        let (store, recovery) = fixture.try_open().await.unwrap();
        assert_eq!(recovery.damaged, vec![], "round {round}");
        check(&store, &acks).await;
        store.close().await.unwrap();
    }
}

async fn check(store: &Store, acks: &[(String, DeviceId, u64)]) {
    for (what, id, number) in acks {
        let deleting = acks
            .iter()
            .any(|(what, other, _)| what == "deleted" && other == id);
        let record = store.inventory.device(*id);
        match (what.as_str(), record) {
            ("deleted", record) => assert!(record.is_none(), "{id} is back"),
            (_, None) if deleting => {}
            ("device", Some(record)) => assert!(record.device.revision >= *number, "{id}"),
            ("interfaces", Some(record)) => {
                assert_eq!(record.interfaces.len() as u64, *number, "{id}");
            }
            (_, None) => {
                // The delete may have been made and not yet been told of: then nothing is left.
                let query = Query {
                    index: Some(("device_id", id.to_string())),
                    limit: 10,
                    ..Query::default()
                };
                let left = store
                    .documents
                    .page(&catalog::INTERFACES, query)
                    .await
                    .unwrap();
                let last = acks.iter().filter(|(_, other, _)| other == id).count();
                assert!(last == 3 && left.items.is_empty(), "{id} is lost");
            }
            (other, _) => panic!("{other}"),
        }
    }
    for record in store.inventory.devices() {
        let n = record.interfaces.len();
        assert!(n == 0 || n == 3, "interfaces written together: {n}");
    }
}
