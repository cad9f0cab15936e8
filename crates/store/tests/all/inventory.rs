//! Devices and what is known of them.

use crate::fixture::{Fixture, device};
use foretell_store::{Expect, StoreError};
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId};

fn interface(device_id: DeviceId, index: u32) -> Interface {
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
