//! Tops of flows, added up, and who sends them.

use crate::harness::{Api, Client, NOW};
use model::device::LOCAL_VANTAGE;
use model::flow::{
    FlowBound, FlowDimension, FlowDirection, FlowExporter, FlowListener, FlowRow, FlowSampling,
    FlowStanding, FlowTop, FlowTotal,
};
use model::interface::Interface;
use model::{DeviceId, EventId, EventKind, EventRecord, InterfaceId, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const MINUTE: i64 = 60_000;

/// A device with two interfaces.
async fn device(api: &Api, admin: &Client<'_>, address: &str) -> (DeviceId, [InterfaceId; 2]) {
    let body = json!({"address": address, "name": "core"});
    let made = admin.make("/api/v1/devices", body).await;
    let id: DeviceId = made["id"].as_str().unwrap().parse().unwrap();
    let interfaces: Vec<Interface> = (1..=2).map(|index| interface(id, index)).collect();
    let ids = [interfaces[0].id, interfaces[1].id];
    let inventory = &api.services.store.inventory;
    inventory.set_interfaces(id, interfaces).await.unwrap();
    (id, ids)
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
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

/// A top as the server keeps it.
async fn keep(
    api: &Api,
    device_id: DeviceId,
    (if_index, interface_id): (u32, Option<InterfaceId>),
    minutes_ago: i64,
    by: FlowDimension,
    rows: &[(&str, u64)],
) {
    let direction = FlowDirection::Ingress;
    let octets = rows.iter().map(|(_, octets)| octets).sum();
    let top = FlowTop {
        if_index,
        direction,
        dimension: by,
        window_secs: 60,
        total: FlowTotal {
            octets,
            packets: 10,
            flows: 2,
        },
        sampling: FlowSampling {
            unstated_flows: 0,
            rate_min: 100,
            rate_max: 100,
        },
        absent: FlowBound {
            octets: 5,
            packets: 1,
        },
        rows: rows
            .iter()
            .map(|(key, octets)| FlowRow::from(((*key).to_owned(), *octets, 1, 2, 0)))
            .collect(),
    };
    let at = Timestamp::from_unix_ms(NOW - minutes_ago * MINUTE);
    let event = EventRecord {
        id: EventId::received(at),
        at,
        vantage: LOCAL_VANTAGE.to_owned(),
        kind: EventKind::FlowTop,
        device_id: Some(device_id),
        interface_id,
        source: "192.0.2.1".parse().unwrap(),
        severity: None,
        text: FlowTop::words(direction, by, interface_id),
        body: serde_json::to_value(&top).unwrap(),
    };
    let kept = api.services.store.events.append(vec![event]).await;
    assert_eq!(kept.unwrap().stored, 1);
}

fn rows(answer: &Value) -> Vec<(String, u64, u64)> {
    let number = |value: &Value| value.as_u64().unwrap();
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|row| {
            let key = row["key"].as_str().unwrap().to_owned();
            (key, number(&row["octets"]), number(&row["octets_error"]))
        })
        .collect()
}

fn row(key: &str, octets: u64, error: u64) -> (String, u64, u64) {
    (key.to_owned(), octets, error)
}

#[tokio::test]
async fn tops_are_added_up_with_their_errors() {
    use FlowDimension::{Application, Host};
    let api = Api::new().await;
    let admin = api.admin().await;
    let (id, [one, two]) = device(&api, &admin, "192.0.2.1").await;
    let (first, second) = ((1, Some(one)), (2, Some(two)));
    keep(
        &api,
        id,
        first,
        10,
        Application,
        &[("tcp/443", 600), ("udp/53", 60)],
    )
    .await;
    keep(&api, id, first, 9, Application, &[("tcp/443", 300)]).await;
    keep(
        &api,
        id,
        first,
        9,
        Host,
        &[("192.0.2.1", 300), ("198.51.100.7", 200)],
    )
    .await;
    keep(&api, id, second, 9, Application, &[("tcp/22", 700)]).await;
    keep(&api, id, (0, None), 9, Application, &[("icmp", 50)]).await;
    keep(&api, id, first, 90, Application, &[("tcp/443", 1_000)]).await;

    let path = format!("/api/v1/flows/top?interface_id={one}");
    let told = admin.get(&path).await.json();
    // A minute without a row of udp/53 may have hidden 5 octets of it.
    assert_eq!(rows(&told), [row("tcp/443", 900, 4), row("udp/53", 60, 7)]);
    assert_eq!(told["items"][0]["name"], "https");
    assert_eq!(
        told["total"],
        json!({"octets": 960, "packets": 20, "flows": 4})
    );
    assert_eq!(told["absent"]["octets"], 10);
    assert_eq!(told["sampling"]["rate_max"], 100);
    assert_eq!(
        (&told["records"], &told["cut_before"]),
        (&json!(2), &json!(null))
    );
    // The last minute of the hour is not sealed yet, and the one before it only just.
    assert_eq!(told["items"][0]["bps"], 900.0 * 8.0 / 3_480.0);
    assert_eq!(told["items"][0]["share"], 900.0 / 960.0);

    let told = admin
        .get(&format!("/api/v1/flows/top?device_id={id}&limit=2"))
        .await
        .json();
    assert_eq!(
        rows(&told),
        [row("tcp/443", 900, 14), row("tcp/22", 700, 17)]
    );
    assert_eq!(told["records"], 4);

    let told = admin.get(&format!("{path}&by=host")).await.json();
    assert_eq!(
        rows(&told),
        [row("192.0.2.1", 300, 2), row("198.51.100.7", 200, 2)]
    );
    assert_eq!(told["items"][0]["name"], "core");
    assert_eq!(told["items"][0]["device_id"], id.to_string().as_str());
    assert_eq!(told["items"][1]["device_id"], json!(null));

    let told = admin.get(&format!("{path}&direction=egress")).await.json();
    assert_eq!((rows(&told), &told["records"]), (vec![], &json!(0)));

    let path = format!("/api/v1/flows/interfaces?device_id={id}");
    let told = admin.get(&path).await.json();
    let shown: Vec<Value> = told["items"].as_array().unwrap().clone();
    let names: Vec<Value> = shown.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, [json!("eth1"), json!("eth2"), json!(null)]);
    assert_eq!(shown[0]["total"]["octets"], 960);
    assert_eq!(shown[2]["if_index"], 0);
}

#[tokio::test]
async fn series_have_gaps_where_nothing_was_told() {
    use FlowDimension::Application;
    let api = Api::new().await;
    let admin = api.admin().await;
    let (id, [one, _]) = device(&api, &admin, "192.0.2.1").await;
    let first = (1, Some(one));
    keep(
        &api,
        id,
        first,
        10,
        Application,
        &[("tcp/443", 600), ("udp/53", 60)],
    )
    .await;
    keep(&api, id, first, 8, Application, &[("tcp/443", 300)]).await;
    let from = Timestamp::from_unix_ms(NOW - 10 * MINUTE);
    let to = Timestamp::from_unix_ms(NOW - 7 * MINUTE);
    let path = format!("/api/v1/flows/series?interface_id={one}&from={from}&to={to}");
    let told = admin.get(&path).await.json();
    assert_eq!(told["step_secs"], 60);
    let at = |minutes_ago: i64| NOW - minutes_ago * MINUTE;
    assert_eq!(
        told["total_points"],
        json!([[at(10), 88.0], [at(9), null], [at(8), 40.0]])
    );
    let points: Vec<&Value> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["points"])
        .collect();
    assert_eq!(
        *points[0],
        json!([[at(10), 80.0], [at(9), null], [at(8), 40.0]])
    );
    assert_eq!(
        *points[1],
        json!([[at(10), 8.0], [at(9), null], [at(8), 0.0]])
    );
    let told = admin
        .get(&format!("{path}&step_secs=120&limit=1"))
        .await
        .json();
    assert_eq!(told["total_points"].as_array().unwrap().len(), 2);
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn questions_about_flows_that_make_no_sense_are_refused() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (id, [one, _]) = device(&api, &admin, "192.0.2.1").await;
    let (other, _) = device(&api, &admin, "192.0.2.2").await;
    for (query, pointer) in [
        ("top".to_owned(), "?device_id"),
        (
            format!("top?device_id={other}&interface_id={one}"),
            "?interface_id",
        ),
        (format!("top?device_id={id}&limit=0"), "?limit"),
        (format!("top?device_id={id}&limit=101"), "?limit"),
        (format!("series?device_id={id}&limit=21"), "?limit"),
        (format!("series?device_id={id}&step_secs=90"), "?step_secs"),
        (format!("top?device_id={id}&by=colour"), "?by"),
        (format!("top?device_id={id}&direction=up"), "?direction"),
        (
            format!("top?device_id={id}&from=2025-01-01T00:00:00Z"),
            "?from",
        ),
        ("interfaces".to_owned(), "?device_id"),
        ("exporters?sort=size".to_owned(), "?sort"),
    ] {
        let answer = admin.get(&format!("/api/v1/flows/{query}")).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
    let nobody = DeviceId::new();
    let answer = admin
        .get(&format!("/api/v1/flows/top?device_id={nobody}"))
        .await;
    answer.problem(404, "not-found");
}

#[tokio::test]
async fn exporters_are_listed_with_what_is_wrong() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (id, _) = device(&api, &admin, "192.0.2.1").await;
    let exporter = |address: &str, device_id| FlowExporter {
        address: address.parse().unwrap(),
        device_id,
        format: Some("ipfix".to_owned()),
        first_heard_at: Timestamp::from_unix_ms(NOW),
        last_heard_at: Timestamp::from_unix_ms(NOW),
        datagrams: 1,
        flows: 2,
        unstated_flows: 0,
        sampling_rate: None,
        templates: 0,
        templates_waited_for: vec![model::flow::WaitedTemplate {
            domain: 0,
            template: 256,
            sets: 3,
        }],
        defects: Vec::new(),
    };
    let standing = FlowStanding {
        listeners: vec![FlowListener {
            protocol: "netflow".to_owned(),
            address: "127.0.0.1:2055".parse().unwrap(),
            error: Some("the address is in use".to_owned()),
        }],
        exporters: vec![
            exporter("192.0.2.10", None),
            exporter("192.0.2.9", Some(id)),
        ],
    };
    api.flows.send_replace(Arc::new(standing));
    let told = admin.get("/api/v1/flows/exporters").await.json();
    let addresses: Vec<&Value> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["address"])
        .collect();
    assert_eq!(addresses, ["192.0.2.9", "192.0.2.10"]);
    assert_eq!(told["items"][0]["templates_waited_for"][0]["template"], 256);
    let told = admin
        .get(&format!("/api/v1/flows/exporters?device_id={id}"))
        .await
        .json();
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
    let first = admin.get("/api/v1/flows/exporters?limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin
        .get(&format!("/api/v1/flows/exporters?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["items"][0]["address"], "192.0.2.10");
    let told = admin.get("/api/v1/flows/listeners").await.json();
    assert_eq!(told["items"][0]["error"], "the address is in use");
}
