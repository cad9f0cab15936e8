//! Devices and what is known of them.

use crate::fixture::{Fixture, device};
use foretell_store::inventory::StatusReport;
use foretell_store::{Expect, Store, StoreError, catalog};
use model::device::{Identity, Said};
use model::facts::{Facts, VlanFacts, VolumeFacts};
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkStatus};
use model::neighbor::{Neighbor, Protocol};
use model::status::{Check, CheckOutcome, Evidence};
use model::{DeviceId, InterfaceId, LinkId, Status, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
        alias: None,
        kind: None,
        speed_bps: Some(1_000_000_000),
        mac: None,
        mtu: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(IfStatus::Up),
        last_change_at: None,
        present: true,
    }
}

#[tokio::test]
async fn a_device_is_there_after_a_restart() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device.clone()).await.unwrap();
    let interfaces = vec![interface(id, 2), interface(id, 1)];
    store
        .inventory
        .set_interfaces(id, interfaces.clone())
        .await
        .unwrap();
    drop(store);

    let store = fixture.open().await;
    let record = store.inventory.device(id).unwrap();
    assert_eq!(record.device.body, device);
    assert_eq!(record.device.revision, 1);
    let names: Vec<_> = record.interfaces.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["eth1", "eth2"]);
    assert_eq!(
        *store.inventory.interface(interfaces[0].id).unwrap(),
        interfaces[0]
    );
}

#[tokio::test]
async fn a_device_is_changed_by_one_at_a_time() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let mut device = device(1, fixture.now());
    store.inventory.create(device.clone()).await.unwrap();
    device.interval_secs = 5;
    let first = store
        .inventory
        .update(device.clone(), Expect::Revision(1))
        .await
        .unwrap();
    assert_eq!(first.revision, 2);
    device.interval_secs = 10;
    let second = store
        .inventory
        .update(device.clone(), Expect::Revision(1))
        .await;
    assert!(
        matches!(
            second,
            Err(StoreError::RevisionConflict { found: Some(2), .. })
        ),
        "{second:?}"
    );
    let seen = store.inventory.device(device.id).unwrap();
    assert_eq!(seen.device.body.interval_secs, 5);
}

#[tokio::test]
async fn a_status_outlives_a_restart_and_is_unknown_meanwhile() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let report = |status| StatusReport {
        status,
        evidence: vec![],
        at: fixture.now(),
        last_seen_at: (status == Status::Up).then(|| fixture.now()),
        defects: BTreeMap::new(),
    };
    let began = fixture.now();
    let change = store
        .inventory
        .set_state(id, report(Status::Up))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (change.from, change.to, change.since),
        (Status::Unknown, Status::Up, began)
    );
    fixture.pass(Duration::from_mins(1));
    let writes = store.documents.stats().writes;
    assert_eq!(
        store
            .inventory
            .set_state(id, report(Status::Up))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store.documents.stats().writes,
        writes,
        "nothing changed, nothing is written"
    );
    let state = store.inventory.device(id).unwrap().state.clone();
    assert_eq!(state.status_since, Some(began));
    assert_eq!(state.last_seen_at, Some(fixture.now()));
    drop(store);

    fixture.pass(Duration::from_mins(1));
    let store = fixture.open().await;
    let state = store.inventory.device(id).unwrap().state.clone();
    assert_eq!(state.status, Status::Unknown);
    assert_eq!(state.status_since, Some(fixture.now()));
    assert_eq!(
        state.last_seen_at,
        Some(began),
        "as it was when the status was written"
    );
    let change = store
        .inventory
        .set_state(id, report(Status::Up))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (change.from, change.to, change.since),
        (Status::Unknown, Status::Up, began)
    );
    fixture.pass(Duration::from_mins(1));
    let change = store
        .inventory
        .set_state(id, report(Status::Down))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((change.to, change.since), (Status::Down, fixture.now()));
    let seen = store.inventory.device(id).unwrap().state.last_seen_at;
    assert_eq!(seen, Some(fixture.now().minus(Duration::from_mins(1))));
}

#[tokio::test]
async fn only_interfaces_that_changed_are_written() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let mut all: Vec<_> = (1..=3).map(|index| interface(id, index)).collect();
    let set = |all: &Vec<Interface>| {
        let (inventory, all) = (store.inventory.clone(), all.clone());
        async move { inventory.set_interfaces(id, all).await.unwrap() }
    };
    assert_eq!(set(&all).await.len(), 3);
    let writes = store.documents.stats().writes;
    assert_eq!(set(&all).await.len(), 0);
    assert_eq!(store.documents.stats().writes, writes);
    all[1].oper_status = Some(IfStatus::Down);
    let changed = set(&all).await;
    assert_eq!(changed.len(), 1);
    let before = changed[0].before.as_ref().unwrap().oper_status;
    assert_eq!(before, Some(IfStatus::Up));
    let gone = all.remove(0);
    let changed = set(&all).await;
    assert_eq!(changed.len(), 1);
    assert!(changed[0].after.is_none());
    assert!(store.inventory.interface(gone.id).is_none());
    drop(store);
    let store = fixture.open().await;
    let record = store.inventory.device(id).unwrap();
    let kept: Vec<_> = record
        .interfaces
        .iter()
        .map(|i| Interface::clone(i))
        .collect();
    assert_eq!(kept, all);
}

#[tokio::test]
async fn facts_that_last_are_kept_and_values_are_not() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let facts = |used| Facts {
        vlans: vec![VlanFacts {
            id: Some(10),
            name: Some("staff".to_owned()),
        }],
        memory: vec![VolumeFacts {
            name: Some("Physical memory".to_owned()),
            used_bytes: Some(used),
            total_bytes: Some(100),
            used_percent: Some(1.0),
        }],
        ..Facts::default()
    };
    store.inventory.set_facts(id, facts(1)).await.unwrap();
    let writes = store.documents.stats().writes;
    store.inventory.set_facts(id, facts(2)).await.unwrap();
    assert_eq!(
        store.documents.stats().writes,
        writes,
        "only a value changed"
    );
    assert_eq!(*store.inventory.device(id).unwrap().facts, facts(2));
    drop(store);
    let store = fixture.open().await;
    let record = store.inventory.device(id).unwrap();
    assert_eq!(record.facts.vlans, facts(0).vlans);
    assert_eq!(record.facts.memory[0].total_bytes, Some(100));
    assert_eq!(record.facts.memory[0].used_bytes, None);
}

fn neighbor(device_id: DeviceId, port: &str, now: Timestamp) -> Neighbor {
    Neighbor {
        device_id,
        interface_id: None,
        local_interface: Some(port.to_owned()),
        protocol: Protocol::Lldp,
        remote_name: Some("r2".to_owned()),
        remote_port: Some("eth0".to_owned()),
        remote_platform: None,
        remote_address: None,
        remote_chassis_id: None,
        remote_device_id: None,
        remote_interface_id: None,
        first_seen_at: now,
        last_seen_at: now,
    }
}

#[tokio::test]
async fn neighbours_remember_when_they_were_first_seen() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let began = fixture.now();
    let set = |store: &Store| {
        let inventory = store.inventory.clone();
        let seen = vec![neighbor(id, "eth1", fixture.now())];
        async move { inventory.set_neighbors(id, seen).await.unwrap() }
    };
    set(&store).await;
    let writes = store.documents.stats().writes;
    fixture.pass(Duration::from_secs(15));
    set(&store).await;
    assert_eq!(
        store.documents.stats().writes,
        writes,
        "seen again is not worth a write"
    );
    let known = store.inventory.device(id).unwrap().neighbors[0].clone();
    assert_eq!(
        (known.first_seen_at, known.last_seen_at),
        (began, fixture.now())
    );
    fixture.pass(Duration::from_mins(10));
    set(&store).await;
    assert_eq!(
        store.documents.stats().writes,
        writes + 1,
        "now and then it is"
    );
    let seen = fixture.now();
    drop(store);
    let store = fixture.open().await;
    let known = store.inventory.device(id).unwrap().neighbors[0].clone();
    assert_eq!((known.first_seen_at, known.last_seen_at), (began, seen));
}

fn link(a: DeviceId, b: DeviceId, now: Timestamp) -> Link {
    let end = |device_id| End {
        device_id,
        interface_id: None,
    };
    Link {
        id: LinkId::new(),
        a: end(a),
        b: end(b),
        status: LinkStatus::Up,
        confidence: 0.8,
        evidence: vec![],
        speed_bps: None,
        first_seen_at: now,
        last_seen_at: now,
    }
}

#[tokio::test]
async fn a_deleted_device_takes_with_it_what_was_its_own() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let now = fixture.now();
    let devices: Vec<_> = (1..=3).map(|n| device(n, now)).collect();
    let [a, b, c] = [0, 1, 2].map(|n: usize| devices[n].id);
    for device in devices {
        let id = device.id;
        store.inventory.create(device).await.unwrap();
        let interfaces = vec![interface(id, 1)];
        store
            .inventory
            .set_interfaces(id, interfaces)
            .await
            .unwrap();
        let seen = vec![neighbor(id, "eth1", now)];
        store.inventory.set_neighbors(id, seen).await.unwrap();
        store
            .inventory
            .set_facts(id, Facts::default())
            .await
            .unwrap();
    }
    let links = vec![link(a, b, now), link(b, c, now), link(c, a, now)];
    store.inventory.set_links(links.clone()).await.unwrap();
    let writes = store.documents.stats().writes;
    store.inventory.set_links(links).await.unwrap();
    assert_eq!(
        store.documents.stats().writes,
        writes,
        "the same links are not written again"
    );
    let gone = store.inventory.device(b).unwrap().interfaces[0].id;
    let stale = store.delete_device(b, Expect::Revision(7)).await;
    assert!(
        matches!(stale, Err(StoreError::RevisionConflict { .. })),
        "{stale:?}"
    );
    store.delete_device(b, Expect::Revision(1)).await.unwrap();
    let late = store
        .inventory
        .set_interfaces(b, vec![interface(b, 1)])
        .await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    drop(store);

    let store = fixture.open().await;
    assert!(store.inventory.device(b).is_none());
    assert!(store.inventory.interface(gone).is_none());
    assert_eq!(store.inventory.links().len(), 1);
    for (collection, left) in [
        (&catalog::DEVICES, 2),
        (&catalog::INTERFACES, 2),
        (&catalog::NEIGHBORS, 2),
        (&catalog::LINKS, 1),
    ] {
        let count = store.documents.count(collection, None).await.unwrap();
        assert_eq!(count, left, "{}", collection.name);
    }
}

#[tokio::test]
async fn two_devices_are_not_asked_at_the_same_place() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let first = device(1, fixture.now());
    store.inventory.create(first.clone()).await.unwrap();
    let taken = store.inventory.create(device(1, fixture.now())).await;
    assert!(
        matches!(&taken, Err(StoreError::Duplicate { index: "address", id, .. }) if *id == first.id.to_string()),
        "{taken:?}"
    );
    let mut other_port = device(1, fixture.now());
    other_port.port = 1161;
    store.inventory.create(other_port).await.unwrap();
    assert_eq!(store.inventory.devices_at(first.address).len(), 2);
    let mut moved = first.clone();
    moved.address = [192, 0, 2, 77].into();
    store
        .inventory
        .update(moved.clone(), Expect::Any)
        .await
        .unwrap();
    assert_eq!(store.inventory.devices_at(first.address).len(), 1);
    assert_eq!(store.inventory.devices_at(moved.address).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_says_and_what_is_typed_do_not_undo_each_other() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let observer = {
        let inventory = store.inventory.clone();
        tokio::spawn(async move {
            for n in 0..50 {
                let said = Said {
                    name: Some(format!("r{n}")),
                    ..Said::default()
                };
                inventory
                    .observe(id, &said, &Identity::default())
                    .await
                    .unwrap();
            }
        })
    };
    // Fewer than the times that an observation is tried again: none can lose them all.
    let mut typed = 0;
    while typed < 20 {
        let record = store.inventory.device(id).unwrap();
        let mut device = record.device.body.clone();
        device.typed.site = Some(format!("site {typed}"));
        let expect = Expect::Revision(record.device.revision);
        match store.inventory.update(device, expect).await {
            Ok(_) => typed += 1,
            Err(StoreError::RevisionConflict { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
    observer.await.unwrap();
    let last = store.inventory.device(id).unwrap();
    assert_eq!(last.device.revision, 71);
    assert_eq!(last.device.body.said.name.as_deref(), Some("r49"));
    assert_eq!(last.device.body.typed.site.as_deref(), Some("site 19"));
}

#[tokio::test]
async fn what_is_observed_is_shown_while_the_disk_is_full() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.documents.bytes_max = Some(600_000);
    let (store, _) = Store::open(options, fixture.clock()).await.unwrap();
    let device = device(1, fixture.now());
    let id = device.id;
    store.inventory.create(device).await.unwrap();
    let mut len = 400_000;
    for n in 0.. {
        let (name, text) = (format!("{n}"), "f".repeat(len));
        if store.settings.set(&name, Expect::Any, &text).await.is_err() {
            len /= 2;
        }
        if len < 1000 {
            break;
        }
    }
    let report = StatusReport {
        status: Status::Down,
        evidence: vec![evidence(&"why ".repeat(2000), fixture.now())],
        at: fixture.now(),
        last_seen_at: None,
        defects: BTreeMap::new(),
    };
    let change = store.inventory.set_state(id, report.clone()).await.unwrap();
    assert_eq!(change.unwrap().to, Status::Down);
    assert_eq!(
        store.inventory.device(id).unwrap().state.status,
        Status::Down
    );
    assert_eq!(
        store
            .documents
            .count(&catalog::STATUSES, None)
            .await
            .unwrap(),
        0
    );
    let refused = store
        .inventory
        .set_interfaces(id, (1..200).map(|n| interface(id, n)).collect())
        .await;
    assert!(
        matches!(refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );
    assert!(store.inventory.device(id).unwrap().interfaces.is_empty());
    drop(store);
    let store = fixture.open().await;
    store.inventory.set_state(id, report).await.unwrap();
    assert_eq!(
        store
            .documents
            .count(&catalog::STATUSES, None)
            .await
            .unwrap(),
        1
    );
}

fn evidence(detail: &str, at: Timestamp) -> Evidence {
    Evidence {
        check: Check::Snmp,
        outcome: CheckOutcome::Silent,
        at,
        detail: detail.to_owned(),
    }
}
