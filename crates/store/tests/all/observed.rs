//! What is observed of devices: written where it changed, shown at once.

use crate::fixture::{Fixture, device};
use crate::inventory::{interface, neighbor};
use foretell_store::inventory::StatusReport;
use foretell_store::{Expect, Store, StoreError, catalog};
use model::facts::{Facts, VlanFacts, VolumeFacts};
use model::interface::{IfStatus, Interface};
use model::status::{Check, CheckOutcome, Evidence};
use model::{Status, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

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
            untagged: Some(vec![3]),
            tagged: Some(vec![1, 2]),
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

#[tokio::test]
async fn what_is_observed_is_shown_while_the_disk_is_full() {
    let fixture = Fixture::new();
    let mut options = fixture.options();
    options.documents.bytes_max = Some(600_000);
    let (store, _) = fixture.open_as(&options).await;
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
