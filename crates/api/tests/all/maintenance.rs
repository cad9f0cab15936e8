//! Maintenance of one device and of many.

use crate::harness::{Api, NOW};
use model::Timestamp;
use model::event::Event;
use serde_json::{Value, json};
use std::time::Duration;

fn iso(after: Duration) -> String {
    Timestamp::from_unix_ms(NOW).plus(after).to_string()
}

#[tokio::test]
async fn one_device_by_patch() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut events = api.services.events.subscribe();
    let body = json!({"address": "192.0.2.1"});
    let device = admin.make("/api/v1/devices", body).await;
    let path = format!("/api/v1/devices/{}", device["id"].as_str().unwrap());
    let until = iso(Duration::from_hours(2));
    let body = json!({
        "maintenance": true, "maintenance_until": until, "maintenance_reason": " new fan ",
    });
    let told = admin.patch(&path, Some("*"), &body).await.json();
    let work = |device: &Value| {
        [
            "maintenance",
            "maintenance_since",
            "maintenance_until",
            "maintenance_reason",
        ]
        .map(|field| device[field].clone())
    };
    let since = iso(Duration::ZERO);
    assert_eq!(
        work(&told),
        [json!(true), json!(since), json!(until), json!("new fan")]
    );
    let event = loop {
        if let Event::DeviceMaintenance {
            maintenance, at, ..
        } = events.recv().await.unwrap().as_ref()
        {
            break (maintenance.clone().unwrap(), *at);
        }
    };
    assert_eq!(event.0.until.unwrap().to_string(), until);
    assert_eq!(event.1.to_string(), since);
    // The end moves; since when stays.
    api.pass(Duration::from_mins(5));
    let body = json!({"maintenance_until": null});
    let told = admin.patch(&path, Some("*"), &body).await.json();
    assert_eq!(
        work(&told),
        [json!(true), json!(since), json!(null), json!("new fan")]
    );
    let health = admin.get("/api/v1/health").await.json();
    assert_eq!(health["devices"]["maintenance"], 1);
    let body = json!({"maintenance": false});
    let told = admin.patch(&path, Some("*"), &body).await.json();
    assert_eq!(
        work(&told),
        [json!(false), json!(null), json!(null), json!(null)]
    );
    for (body, pointer) in [
        (json!({"maintenance_until": until}), "/maintenance_until"),
        (json!({"maintenance_reason": "x"}), "/maintenance_reason"),
        (
            json!({"maintenance": true, "maintenance_until": since}),
            "/maintenance_until",
        ),
        (json!({"maintenance": null}), "/maintenance"),
        (json!({"maintenance_until": "soon"}), "/maintenance_until"),
    ] {
        let answer = admin.patch(&path, Some("*"), &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let body = json!({"address": "192.0.2.9", "maintenance": true, "maintenance_reason": "spare"});
    let spare = admin.make("/api/v1/devices", body).await;
    assert_eq!(spare["maintenance_reason"], "spare");
}

#[tokio::test]
async fn many_devices_by_site_tag_or_id() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        let body = json!({
            "address": format!("192.0.2.{n}"), "name": format!("r{n}"),
            "site": if n < 4 { "east" } else { "west" }, "tags": if n == 5 { vec!["core"] } else { vec![] },
        });
        let device = admin.make("/api/v1/devices", body).await;
        ids.push(device["id"].as_str().unwrap().to_owned());
    }
    let set = async |body: Value| {
        let answer = admin.post("/api/v1/maintenance", &body).await;
        assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
        answer.json()
    };
    let outcomes = |told: &Value| -> Vec<String> {
        let items = told["items"].as_array().unwrap().iter();
        items
            .map(|item| item["outcome"].as_str().unwrap().to_owned())
            .collect()
    };
    let until = iso(Duration::from_hours(1));
    let told = set(json!({"site": "East", "until": until, "reason": "power"})).await;
    assert_eq!(outcomes(&told), ["began"; 3]);
    assert_eq!((&told["changed"], &told["failed"]), (&json!(3), &json!(0)));
    assert_eq!(told["items"][0]["name"], "r1");
    let device = admin
        .get(&format!("/api/v1/devices/{}", ids[0]))
        .await
        .json();
    assert_eq!(device["maintenance_until"], until.as_str());
    // Again the same, then otherwise, then the rest.
    let told = set(json!({"site": "east", "until": until, "reason": "power"})).await;
    assert_eq!(outcomes(&told), ["unchanged"; 3]);
    let unknown = "01931f5e-0000-7000-8000-000000000001";
    let told =
        set(json!({"device_ids": [ids[0], unknown, ids[3], ids[0]], "reason": "fire"})).await;
    let mut found = outcomes(&told);
    found.sort();
    assert_eq!(found, ["began", "changed", "not_found"]);
    assert_eq!((&told["changed"], &told["failed"]), (&json!(2), &json!(1)));
    let told = set(json!({"tag": "CORE", "maintenance": false})).await;
    assert_eq!(outcomes(&told), ["unchanged"]);
    let told = set(json!({"device_ids": ids, "maintenance": false})).await;
    assert_eq!(
        outcomes(&told),
        ["ended", "ended", "ended", "ended", "unchanged"]
    );
    assert_eq!(
        outcomes(&set(json!({"site": "north"})).await),
        Vec::<String>::new()
    );
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"site": "east", "tag": "core"}), ""),
        (json!({"device_ids": []}), "/device_ids"),
        (json!({"site": " "}), "/site"),
        (
            json!({"site": "east", "until": iso(Duration::ZERO)}),
            "/until",
        ),
        (
            json!({"site": "east", "maintenance": false, "reason": "x"}),
            "/reason",
        ),
        (json!({"site": "east", "reason": "a\u{7}b"}), "/reason"),
        (json!({"site": "east", "colour": 1}), "/colour"),
    ] {
        let answer = admin.post("/api/v1/maintenance", &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}
