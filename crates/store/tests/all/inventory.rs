//! Devices and what is known of them.

use crate::fixture::{Fixture, device};
use foretell_store::{Expect, StoreError, catalog};
use model::device::{Identity, Said};
use model::facts::Facts;
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkStatus};
use model::neighbor::{Neighbor, Protocol};
use model::{DeviceId, InterfaceId, Labels, LinkId, Timestamp};
use std::sync::Arc;

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
        aggregate: None,
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

pub(crate) fn neighbor(device_id: DeviceId, port: &str, now: Timestamp) -> Neighbor {
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

/// What is attached to series is made anew only for what changed, and is what is known.
#[tokio::test]
async fn what_is_attached_is_kept_until_it_changes() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let inventory = &store.inventory;
    let (mut first, second) = (device(1, fixture.now()), device(2, fixture.now()));
    for device in [&first, &second] {
        inventory.create(device.clone()).await.unwrap();
    }
    let mut row = interface(first.id, 1);
    let set = |row: &Interface| inventory.set_interfaces(first.id, vec![row.clone()]);
    set(&row).await.unwrap();
    let name = |id| {
        let attached = inventory.attached();
        let name = attached.of_interface(id, Labels::INTERFACE);
        name.map(str::to_owned)
    };
    assert_eq!(name(row.id).as_deref(), Some("eth1"));
    let before = inventory.attached();
    assert_eq!(before.device(second.id).unwrap().name, second.name());
    // Polls that say the same, and what is not attached.
    set(&row).await.unwrap();
    let facts = Facts::default();
    inventory.set_facts(first.id, facts).await.unwrap();
    assert!(Arc::ptr_eq(&before, &inventory.attached()));
    // A name, a site, a device that goes. What a reader has stays as it was.
    row.name = "lan0".to_owned();
    set(&row).await.unwrap();
    assert_eq!(name(row.id).as_deref(), Some("lan0"));
    let id = first.id;
    first.typed.site = Some("lyon".to_owned());
    first.interval_secs = 5;
    inventory.update(first, Expect::Any).await.unwrap();
    let after = inventory.attached();
    let of_device = after.device(id).unwrap();
    assert_eq!(of_device.site.as_deref(), Some("lyon"));
    assert_eq!(of_device.interval, Some(std::time::Duration::from_secs(5)));
    inventory.delete(id, Expect::Any).await.unwrap();
    assert_eq!(name(row.id), None);
    assert!(inventory.attached().device(id).is_none());
    assert!(inventory.attached().device(second.id).is_some());
    assert_eq!(before.of_interface(row.id, Labels::INTERFACE), Some("eth1"));
    // And all of it after a restart.
    drop(store);
    let store = fixture.open().await;
    let again = store.inventory.attached();
    assert!(again.device(id).is_none() && again.device(second.id).is_some());
}
