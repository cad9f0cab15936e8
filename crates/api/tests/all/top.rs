//! The busiest and the worst.

use crate::harness::{Api, NOW};
use foretell_api::Options;
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId, Labels, Metric, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;
use store::series::Batch;

/// `devices` devices with two ports and a tunnel over them, polled each minute of the last hour.
/// Port `p` of device `d` receives `d * 10 + p` octets a second, twice as many in the last six
/// minutes, and has an error each minute on the second port.
async fn lab(api: &Api, devices: u64) -> Vec<DeviceId> {
    let admin = api.admin().await;
    let mut ids = Vec::new();
    for d in 1..=devices {
        let body = json!({
            "address": format!("192.0.2.{d}"), "name": format!("r{d}"), "interval_secs": 60,
            "site": if d % 2 == 0 { "even" } else { "odd" },
        });
        let device = admin.make("/api/v1/devices", body).await;
        let id: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
        let interfaces: Vec<Interface> = (1..=3).map(|p| interface(id, p)).collect();
        let inventory = &api.services.store.inventory;
        inventory
            .set_interfaces(id, interfaces.clone())
            .await
            .unwrap();
        let labels = |interface: &Interface| {
            Labels::default().with(Labels::INTERFACE_ID, interface.id.to_string())
        };
        let mut keys = Vec::new();
        for interface in &interfaces {
            for metric in [
                Metric::IF_HC_IN_OCTETS,
                Metric::IF_HC_OUT_OCTETS,
                Metric::IF_IN_ERRORS,
            ] {
                keys.push((metric, labels(interface)));
            }
        }
        keys.push((Metric::PROCESSOR_UTILIZATION, Labels::default()));
        let series = &api.services.series;
        let resolved = series.resolve(id, keys).await.unwrap();
        for minute in 0..=60u64 {
            let mut values = Vec::new();
            for p in 1..=3 {
                let rate = d * 10 + p;
                let octets = rate * 60 * (minute + minute.saturating_sub(54));
                let place = usize::try_from(p - 1).unwrap() * 3;
                let errors = if p == 2 { minute } else { 0 };
                values.extend([
                    (resolved[place].column, Value::U64(octets)),
                    (resolved[place + 1].column, Value::U64(octets / 2)),
                    (resolved[place + 2].column, Value::U64(errors)),
                ]);
            }
            values.push((resolved[9].column, Value::F64(0.1 * d as f64)));
            let minutes = i64::try_from(minute).unwrap();
            let at = Timestamp::from_unix_ms(NOW - (60 - minutes) * 60_000);
            let batch = Batch {
                device_id: id,
                at,
                values,
            };
            series.append(batch).await.unwrap();
        }
        ids.push(id);
    }
    ids
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
        alias: None,
        kind: Some(
            if index == 3 {
                "tunnel"
            } else {
                "ethernetCsmacd"
            }
            .to_owned(),
        ),
        speed_bps: (index == 1).then_some(1_000),
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(IfStatus::Up),
        last_change_at: None,
        present: true,
    }
}

fn rows(told: &Json) -> Vec<(String, String, f64)> {
    let text = |value: &Json| value.as_str().unwrap_or("-").to_owned();
    told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let value = (row["value"].as_f64().unwrap() * 1e6).round() / 1e6;
            (
                text(&row["device_name"]),
                text(&row["interface_name"]),
                value,
            )
        })
        .collect()
}

fn row(device: &str, interface: &str, value: f64) -> (String, String, f64) {
    let value = (value * 1e6).round() / 1e6;
    (device.to_owned(), interface.to_owned(), value)
}

#[tokio::test]
async fn interfaces_and_devices_are_ranked() {
    let api = Api::new().await;
    lab(&api, 3).await;
    let admin = api.admin().await;
    let top = async |query: &str| {
        let answer = admin.get(&format!("/api/v1/top?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {:?}", answer.body);
        answer.json()
    };
    // 33 octets a second, and as many again in six of sixty minutes.
    let told = top("limit=2").await;
    let wanted = [
        row("r3", "eth3", 33.0 * 8.0 * 1.1),
        row("r3", "eth2", 32.0 * 8.0 * 1.1),
    ];
    assert_eq!(rows(&told), wanted);
    assert_eq!(
        (&told["compared"], &told["without_value"]),
        (&json!(9), &json!(0))
    );
    assert_eq!(
        (&told["unit"], &told["by"], &told["of"]),
        (&json!("bit/s"), &json!("in_bps"), &json!("interfaces"))
    );
    let first = &told["items"][0];
    assert_eq!(
        (&first["max"], &first["p95"]),
        (&json!(528.0), &json!(528.0))
    );
    assert_eq!(first["points"], json!(null));
    let told = top("limit=1&statistic=max&by=out_bps&site=odd&points=true").await;
    assert_eq!(rows(&told), [row("r3", "eth3", 264.0)]);
    let points = told["items"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 60);
    assert_eq!(points[59][1], 264.0);
    // Only the first ports say how fast they are.
    let told = top("by=utilization&limit=5").await;
    assert_eq!(
        rows(&told)[0],
        row("r3", "eth1", 31.0 * 8.0 * 1.1 / 1_000.0)
    );
    assert_eq!(
        (
            told["items"].as_array().unwrap().len(),
            &told["without_value"]
        ),
        (3, &json!(6))
    );
    let told = top("by=errors&limit=4").await;
    let second = ["r1", "r2", "r3"].map(|name| row(name, "eth2", 0.016_667));
    let told = rows(&told);
    assert_eq!(told[..3], second);
    assert!(told[3].2.abs() < f64::EPSILON);
    // Of a device the physical ports alone.
    let told = top("of=devices&limit=2").await;
    let wanted = [
        row("r3", "-", 63.0 * 8.0 * 1.1),
        row("r2", "-", 43.0 * 8.0 * 1.1),
    ];
    assert_eq!(rows(&told), wanted);
    let told = top("of=devices&by=processor_utilization&limit=1").await;
    assert_eq!(rows(&told), [row("r3", "-", 0.3)]);
    assert_eq!(told["unit"], "ratio");
    let told = top("of=devices&by=icmp_loss").await;
    assert_eq!(
        (&told["items"], &told["without_value"]),
        (&json!([]), &json!(3))
    );
}

#[tokio::test]
async fn what_cannot_be_ranked_is_refused() {
    let api = Api::new().await;
    lab(&api, 1).await;
    let admin = api.admin().await;
    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("by=icmp_rtt", "?by"),
        ("by=utilization&of=devices", "?by"),
        ("by=beauty", "?by"),
        ("from=2020-01-01T00:00:00Z", "?from"),
    ] {
        let answer = admin.get(&format!("/api/v1/top?{query}")).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
}

#[tokio::test]
async fn nobody_is_kept_waiting_longer_than_a_request_may_take() {
    let options = Options {
        request_timeout: Duration::from_nanos(1),
        ..Options::default()
    };
    let api = Api::with(Options::default()).await;
    lab(&api, 1).await;
    let services = foretell_api::Services {
        options,
        registry: std::sync::Arc::default(),
        ..api.services.clone()
    };
    let router = foretell_api::router(services);
    let token = api.token().await;
    let request = axum::http::Request::get("/api/v1/top")
        .header("authorization", format!("Bearer {token}"))
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(answer.status(), 504);
}
