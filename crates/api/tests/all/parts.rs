//! What devices tell of their parts, as it is listed.

use crate::harness::Api;
use crate::measured::lab;
use model::facts::{BridgePortFacts, Facts, SensorFacts, StpState, VlanFacts};
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

#[tokio::test]
async fn sensors_are_listed_by_group() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let sensor = |name: &str, kind: &str, interface: Option<&str>| SensorFacts {
        name: Some(name.to_owned()),
        kind: Some(kind.to_owned()),
        interface: interface.map(str::to_owned),
        ..SensorFacts::default()
    };
    let facts = Facts {
        sensors: vec![
            sensor("receives", "dbm", Some("eth1")),
            sensor("supply", "voltage", None),
            sensor("inlet", "temperature", None),
            sensor("bias", "current", Some("eth1")),
        ],
        ..Facts::default()
    };
    let inventory = &api.services.store.inventory;
    inventory.set_facts(lab.device, facts).await.unwrap();
    let path = format!("/api/v1/devices/{}/sensors", lab.device);
    for (query, expected) in [
        (
            "",
            "receives optics, supply power, inlet other, bias optics",
        ),
        ("?group=optics", "receives optics, bias optics"),
        ("?group=power,other&sort=name", "inlet other, supply power"),
        ("?group=radio", ""),
    ] {
        let page = admin.get(&format!("{path}{query}")).await.json();
        let rows = page["items"].as_array().unwrap().iter();
        let told: Vec<String> = rows
            .map(|row| format!("{} {}", row["name"], row["group"]).replace('"', ""))
            .collect();
        assert_eq!(told.join(", "), expected, "{query}");
    }
    let first = admin.get(&format!("{path}?group=optics&limit=1")).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    for (query, status) in [
        ("group=optics", 200),
        ("group=power", 400),
        ("limit=1", 400),
    ] {
        let answer = admin.get(&format!("{path}?{query}&cursor={cursor}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    assert_eq!(admin.get(&format!("{path}?group=heat")).await.status, 400);
}
