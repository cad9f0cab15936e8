//! What devices tell of their parts, as it is listed.

use crate::harness::Api;
use crate::measured::lab;
use model::facts::{BridgePortFacts, Facts, StpState, VlanFacts};
use serde_json::json;

#[tokio::test]
async fn vlans_name_the_interfaces_that_they_leave_by() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let vlan = |id: u16, ports: Option<[&[u32]; 2]>| VlanFacts {
        id: Some(id),
        name: Some(format!("v{id}")),
        untagged: ports.map(|[untagged, _]| untagged.to_vec()),
        tagged: ports.map(|[_, tagged]| tagged.to_vec()),
    };
    let facts = Facts {
        vlans: vec![
            vlan(10, Some([&[1], &[2, 77]])),
            vlan(20, Some([&[], &[2]])),
            vlan(30, None),
        ],
        bridge_ports: vec![BridgePortFacts {
            index: Some(2),
            pvid: Some(20),
            stp_state: Some(StpState::Blocking),
        }],
        ..Facts::default()
    };
    let inventory = &api.services.store.inventory;
    inventory.set_facts(lab.device, facts).await.unwrap();
    let path = format!("/api/v1/devices/{}", lab.device);
    let page = admin.get(&format!("{path}/vlans?sort=-id")).await.json();
    assert_eq!(
        page["items"],
        json!([
            {"id": 30, "name": "v30"},
            {"id": 20, "name": "v20", "untagged": [], "tagged": ["eth2"]},
            {"id": 10, "name": "v10", "untagged": ["eth1"], "tagged": ["eth2", "if77"]},
        ])
    );
    let rows = admin.get(&format!("{path}/interfaces")).await.json();
    let told = |place: usize| {
        [
            &rows["items"][place]["pvid"],
            &rows["items"][place]["stp_state"],
        ]
    };
    assert_eq!(told(0), [&json!(null), &json!(null)]);
    assert_eq!(told(1), [&json!(20), &json!("blocking")]);
    let busiest = admin.get("/api/v1/interfaces?sort=-in_bps").await.json();
    assert_eq!(busiest["items"][1]["pvid"], 20);
}
