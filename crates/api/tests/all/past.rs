//! How things were: status history, availability, health over time.

use crate::harness::{Api, Client, NOW};
use foretell_api::Options;
use model::history::{DeviceFound, IfStates, InterfaceFound};
use model::interface::{IfStatus, Interface};
use model::series::NETWORK;
use model::status::{Check, CheckOutcome, Evidence};
use model::{DeviceId, InterfaceId, Labels, Metric, Status, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;
use store::history::Record;
use store::series::Batch;

const HOUR: i64 = 3_600_000;

fn hour(n: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW + n * HOUR)
}

/// `…T12:00:00.000Z` so many hours after the clock of the harness stood.
fn iso(n: i64) -> String {
    hour(n).to_string()
}

/// An API whose tokens outlive the hours that pass here.
async fn patient() -> Api {
    Api::with(Options {
        token_lifetime: Duration::from_hours(48),
        ..Options::default()
    })
    .await
}

async fn device(admin: &Client<'_>, n: u8, site: &str) -> DeviceId {
    let body = json!({"address": format!("192.0.2.{n}"), "name": format!("r{n}"), "site": site});
    let device = admin.make("/api/v1/devices", body).await;
    device["id"].as_str().unwrap().parse().unwrap()
}

async fn found(api: &Api, id: DeviceId, at: i64, status: Status) {
    let record = Record::Device {
        id,
        found: DeviceFound {
            at: hour(at),
            status,
            interfaces_read: matches!(status, Status::Up),
            evidence: vec![Evidence {
                check: Check::Snmp,
                outcome: CheckOutcome::Answered,
                at: hour(at),
                detail: format!("Found {status:?}."),
            }],
        },
    };
    let history = &api.services.store.history;
    assert_eq!(history.append(vec![record]).await.unwrap(), [true]);
}

/// A server that runs for ten hours: up at 0, down from 2 to 4 and from 5 to 5:30, degraded until 6.
async fn lab(api: &Api, admin: &Client<'_>) -> DeviceId {
    let history = api.services.store.history.clone();
    history.begin_run().await.unwrap();
    let id = device(admin, 1, "east").await;
    for (at, status) in [(0, Status::Up), (2, Status::Down), (4, Status::Up)] {
        found(api, id, at, status).await;
        api.pass(Duration::from_hours(2));
    }
    found(api, id, 6, Status::Degraded).await;
    api.pass(Duration::from_hours(2));
    found(api, id, 8, Status::Up).await;
    api.pass(Duration::from_hours(2));
    history.alive().await.unwrap();
    id
}

#[tokio::test]
async fn a_device_tells_how_it_was() {
    let api = patient().await;
    let admin = api.admin().await;
    let id = lab(&api, &admin).await;
    let path = format!(
        "/api/v1/devices/{id}/status-history?from={}&to={}",
        iso(1),
        iso(20)
    );
    let page = admin.get(&path).await.json();
    let told: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["status"].as_str().unwrap(),
                row["secs"].as_f64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("up", 7_200.0),
        ("degraded", 7_200.0),
        ("up", 7_200.0),
        ("down", 7_200.0),
        ("up", 3_600.0),
    ];
    assert_eq!(told, wanted);
    // The latest goes on, and the first is held at the beginning of the range.
    let (latest, first) = (&page["items"][0], &page["items"][4]);
    assert_eq!(
        (&latest["ongoing"], &latest["to"]),
        (&json!(true), &json!(iso(10)))
    );
    assert_eq!(first["from"], iso(1));
    assert_eq!(page["items"][3]["evidence"][0]["detail"], "Found Down.");
    // The same in pages, the other way round.
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin
            .get(&format!("{path}&limit=2&sort=from{cursor}"))
            .await
            .json();
        all.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let from: Vec<_> = all
        .iter()
        .map(|row| row["from"].as_str().unwrap())
        .collect();
    assert_eq!(from, [1, 2, 4, 6, 8].map(iso));
    for (query, pointer) in [
        ("from=yesterday", "?from"),
        ("sort=to", "?sort"),
        ("from=2020-01-01T00:00:00Z", "?from"),
    ] {
        let answer = admin
            .get(&format!("/api/v1/devices/{id}/status-history?{query}"))
            .await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
}

#[tokio::test]
async fn availability_is_the_formula_over_what_was_measured() {
    let api = patient().await;
    let admin = api.admin().await;
    let id = lab(&api, &admin).await;
    let path = format!(
        "/api/v1/devices/{id}/availability?from={}&to={}",
        iso(-2),
        iso(10)
    );
    let told = admin.get(&path).await.json();
    let wanted = json!({
        "device_id": id.to_string(), "name": "r1", "site": "east", "status": "unknown",
        "from": iso(-2), "to": iso(10),
        "up_ratio": 0.6, "available_ratio": 0.8, "measured_secs": 36000.0, "up_secs": 21600.0,
        "degraded_secs": 7200.0, "down_secs": 7200.0, "unknown_secs": 7200.0,
        "maintenance_secs": 0.0, "shut_secs": null, "outages": 1, "longest_outage_secs": 7200.0,
        "mean_time_to_repair_secs": 7200.0, "mean_time_between_failures_secs": 28800.0,
    });
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_restart_is_unknown_and_maintenance_is_apart() {
    let api = patient().await;
    let admin = api.admin().await;
    let id = lab(&api, &admin).await;
    // Work from 10 to 12, in which it goes down at 11.
    let path = format!("/api/v1/devices/{id}");
    let body = json!({"maintenance": true, "maintenance_reason": "new fan"});
    let answer = admin.patch(&path, Some("*"), &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    api.pass(Duration::from_hours(1));
    found(&api, id, 11, Status::Down).await;
    api.pass(Duration::from_hours(1));
    let body = json!({"maintenance": false});
    assert_eq!(admin.patch(&path, Some("*"), &body).await.status, 200);
    api.pass(Duration::from_hours(1));
    found(&api, id, 13, Status::Up).await;
    // The server is started again at 14 and has not asked yet.
    let history = &api.services.store.history;
    history.alive().await.unwrap();
    api.pass(Duration::from_hours(1));
    history.begin_run().await.unwrap();
    let told = admin
        .get(&format!("{path}/status-history?from={}&sort=from", iso(9)))
        .await
        .json();
    let rows: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let work = row["maintenance"].as_bool().unwrap();
            (
                row["status"].as_str().unwrap(),
                work,
                row["secs"].as_f64().unwrap() / 3_600.0,
            )
        })
        .collect();
    let wanted = [
        ("up", false, 1.0),
        ("up", true, 1.0),
        ("down", true, 1.0),
        ("down", false, 1.0),
        ("unknown", false, 1.0),
    ];
    assert_eq!(rows, wanted);
    let sums = admin
        .get(&format!("{path}/availability?from={}", iso(9)))
        .await
        .json();
    assert_eq!(sums["maintenance_secs"], 7_200.0);
    assert_eq!(sums["unknown_secs"], 3_600.0);
    assert_eq!(
        (&sums["up_ratio"], &sums["outages"]),
        (&json!(0.5), &json!(1))
    );
}

#[tokio::test]
async fn devices_are_listed_the_worst_first() {
    let api = patient().await;
    let admin = api.admin().await;
    let first = lab(&api, &admin).await;
    let (second, third) = (
        device(&admin, 2, "west").await,
        device(&admin, 3, "east").await,
    );
    found(&api, second, 10, Status::Down).await;
    api.pass(Duration::from_hours(1));
    let names = |page: &Json| -> Vec<String> {
        let rows = page["items"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = admin.get("/api/v1/availability").await.json();
    assert_eq!(
        names(&page),
        ["r2", "r1", "r3"],
        "what is not measured comes last"
    );
    assert_eq!(page["items"][2]["up_ratio"], json!(null));
    for (query, wanted) in [
        ("site=EAST", vec!["r1", "r3"]),
        ("sort=name&limit=1", vec!["r1"]),
        ("sort=-down_secs", vec!["r1", "r2", "r3"]),
        ("sort=-outages&site=west", vec!["r2"]),
        ("tag=none", vec![]),
    ] {
        let page = admin
            .get(&format!("/api/v1/availability?{query}"))
            .await
            .json();
        assert_eq!(names(&page), wanted, "{query}");
    }
    let page = admin.get("/api/v1/availability?limit=2").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!("/api/v1/availability?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(names(&rest), ["r3"]);
    let _ = (first, third);
}

#[tokio::test]
async fn an_interface_is_measured_while_its_device_is() {
    let api = patient().await;
    let admin = api.admin().await;
    let id = lab(&api, &admin).await;
    let interface = Interface {
        id: InterfaceId::new(),
        device_id: id,
        index: 1,
        name: "eth0".to_owned(),
        description: None,
        alias: None,
        kind: None,
        speed_bps: None,
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: Some(IfStatus::Down),
        oper_status: Some(IfStatus::Down),
        last_change_at: None,
        present: true,
    };
    let port = interface.id;
    let inventory = &api.services.store.inventory;
    inventory.set_interfaces(id, vec![interface]).await.unwrap();
    let states = |oper, admin| IfStates {
        oper: Some(oper),
        admin: Some(admin),
    };
    let up = states(IfStatus::Up, IfStatus::Up);
    let records = [
        (1, up, states(IfStatus::LowerLayerDown, IfStatus::Up)),
        (5, states(IfStatus::LowerLayerDown, IfStatus::Up), up),
        (9, up, states(IfStatus::Down, IfStatus::Down)),
    ];
    let records = records.map(|(at, before, now)| Record::Interface {
        id: port,
        found: InterfaceFound {
            at: hour(at),
            before: Some(before),
            now,
        },
    });
    let history = &api.services.store.history;
    history.append(records.to_vec()).await.unwrap();
    let path = format!("/api/v1/interfaces/{port}");
    let range = format!("from={}&to={}", iso(0), iso(10));
    let told = admin
        .get(&format!("{path}/status-history?{range}&sort=from"))
        .await
        .json();
    let rows: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["status"].as_str().unwrap(),
                row["oper_status"].as_str().unwrap_or("-"),
            )
        })
        .collect();
    let wanted = [
        ("up", "up"),
        ("down", "lowerLayerDown"),
        // Its device is down from 2 to 4 and degraded from 6 to 8.
        ("unknown", "-"),
        ("down", "lowerLayerDown"),
        ("up", "up"),
        ("unknown", "-"),
        ("up", "up"),
        ("shut", "down"),
    ];
    assert_eq!(rows, wanted);
    let sums = admin
        .get(&format!("{path}/availability?{range}"))
        .await
        .json();
    assert_eq!(
        (
            &sums["up_secs"],
            &sums["down_secs"],
            &sums["shut_secs"],
            &sums["unknown_secs"]
        ),
        (
            &json!(10_800.0),
            &json!(7_200.0),
            &json!(3_600.0),
            &json!(14_400.0)
        )
    );
    assert_eq!(
        sums["outages"], 1,
        "an outage goes on while nobody could look"
    );
    assert_eq!(sums["name"], "eth0");
}

#[tokio::test]
async fn health_over_time_is_read_in_steps() {
    let api = patient().await;
    let admin = api.admin().await;
    let path = "/api/v1/health/history";
    let empty = admin.get(path).await.json();
    assert_eq!(
        (&empty["score"], &empty["devices"]["up"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(empty["step_secs"], 300);
    for secs in ["0", "2147483648"] {
        let refused = admin.get(&format!("{path}?step_secs={secs}")).await;
        assert_eq!(refused.status, 400, "{secs}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "?step_secs");
    }
    let series = &api.services.series;
    let down = Labels::default().with(Labels::STATE, "down");
    let keys = vec![
        (Metric::NETWORK_HEALTH, Labels::default()),
        (Metric::NETWORK_DEVICES, down),
    ];
    let resolved = series.resolve(NETWORK, keys).await.unwrap();
    for minute in 0..10i64 {
        let values = vec![
            (resolved[0].column, Value::F64(1.0 - minute as f64 / 10.0)),
            (resolved[1].column, Value::U64(minute.unsigned_abs())),
        ];
        let at = Timestamp::from_unix_ms(NOW - 600_000 + minute * 60_000);
        let device_id = NETWORK;
        series
            .append(Batch {
                device_id,
                at,
                values,
            })
            .await
            .unwrap();
    }
    let range = format!(
        "from={}&step_secs=300",
        Timestamp::from_unix_ms(NOW - 600_000)
    );
    let told = admin.get(&format!("{path}?{range}")).await.json();
    assert_eq!(
        told["score"],
        json!([[NOW - 600_000, 0.8], [NOW - 300_000, 0.3]])
    );
    let least: Vec<f64> = told["score_min"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| (point[1].as_f64().unwrap() * 10.0).round())
        .collect();
    assert_eq!(least, [6.0, 1.0]);
    assert_eq!(
        told["devices"]["down"],
        json!([[NOW - 600_000, 4.0], [NOW - 300_000, 9.0]])
    );
    // It is a series as any other, of no device.
    let listed = admin
        .get("/api/v1/series?metric=network_health")
        .await
        .json();
    assert_eq!(listed["items"][0]["labels"], json!({}));
    let id = listed["items"][0]["id"].as_str().unwrap();
    let samples = admin
        .get(&format!("/api/v1/series/{id}/samples"))
        .await
        .json();
    assert_eq!(samples["series"]["unit"], "ratio");
    let answer = admin
        .get(&format!("{path}?step_secs=1&from={}", iso(-24)))
        .await;
    answer.problem(400, "bad-query");
}
