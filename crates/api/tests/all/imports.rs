//! Importing an inventory over the API.

use crate::harness::{Api, request};
use axum::body::Body;
use axum::http::{Method, header};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::oneshot;

const PATH: &str = "/api/v1/imports";

fn told(answer: &Value) -> Vec<(u64, &str, &str)> {
    let text = |value: &Value, key: &str| value[key].as_str().map_or("", |text| text).to_owned();
    answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let detail: &str = Box::leak(text(row, "detail").into_boxed_str());
            let outcome: &str = Box::leak(text(row, "outcome").into_boxed_str());
            (row["line"].as_u64().unwrap(), outcome, detail)
        })
        .collect()
}

#[tokio::test]
async fn rows_become_devices_once() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let credential = json!({"name": "ro", "kind": "snmp_v2c", "community": "public"});
    let credential = admin.make("/api/v1/credentials", credential).await;
    let there = admin
        .make(
            "/api/v1/devices",
            json!({"address": "192.0.2.9", "name": "there"}),
        )
        .await;
    let text = "address,name,credential,tags,site,interval_secs\n\
                192.0.2.1,core,ro,\"a,b\",HQ,30\n\
                192.0.2.2,,,,,\n\
                192.0.2.9,,,,,\n\
                192.0.2.1,again,,,,\n\
                192.0.2.3,,nobody,,,\n\
                192.0.2.4,,,,,1\n\
                224.0.0.1,,,,,\n\
                sw5,,,,,\n";
    let expected = [
        (2, "created", ""),
        (3, "created", ""),
        (4, "known", "there is asked there already"),
        (5, "known", "line 2 has the same address and port"),
        (6, "refused", "there is no credential `nobody`"),
        (
            7,
            "refused",
            "interval_secs: 5 to 86400 seconds are expected",
        ),
        (8, "refused", "address: an address of one host is expected"),
        (9, "refused", "`sw5` is not an address"),
    ];
    let mut body = json!({"format": "csv", "text": text, "dry_run": true, "credential": "ro"});
    let tried = admin.post(PATH, &body).await;
    assert_eq!(tried.status, 200, "{:?}", tried.body);
    assert_eq!(told(&tried.json()), expected);
    assert_eq!(api.services.store.inventory.device_count(), 1, "only tried");

    body["dry_run"] = json!(false);
    let done = admin.post(PATH, &body).await.json();
    assert_eq!(told(&done), expected);
    let counts = ["created", "known", "refused"].map(|key| done[key].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 4]);
    assert_eq!(done["rows"][2]["device_id"], there["id"]);
    let id = done["rows"][0]["device_id"].as_str().unwrap();
    let made = admin.get(&format!("/api/v1/devices/{id}")).await.json();
    assert_eq!(
        (&made["name"], &made["site"]),
        (&json!("core"), &json!("HQ"))
    );
    assert_eq!(
        (&made["tags"], &made["interval_secs"]),
        (&json!(["a", "b"]), &json!(30))
    );
    assert_eq!(made["credential_id"], credential["id"]);
    let second = done["rows"][1]["device_id"].as_str().unwrap();
    let second = admin.get(&format!("/api/v1/devices/{second}")).await.json();
    assert_eq!(
        second["credential_id"], credential["id"],
        "the one that is given for all"
    );
    api.asked("DeviceChanged").await;

    // Done again it changes nothing.
    let again = admin.post(PATH, &body).await.json();
    let counts = ["created", "known", "refused"].map(|key| again[key].as_u64().unwrap());
    assert_eq!(counts, [0, 4, 4]);
    assert_eq!(api.services.store.inventory.device_count(), 3);
    assert_eq!(again["rows"][0]["device_id"], done["rows"][0]["device_id"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_a_whole() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (body, pointer) in [
        (json!({"format": "csv", "text": "name\nx\n"}), "/text"),
        (json!({"format": "netbox", "text": "{"}), "/text"),
        (
            json!({"format": "csv", "text": "address\n", "credential": "x"}),
            "/credential",
        ),
        (
            json!({"format": "csv", "text": "address\n", "interval_secs": 1}),
            "/interval_secs",
        ),
        (json!({"format": "xml", "text": ""}), "/format"),
    ] {
        let answer = admin.post(PATH, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    // Longer than other bodies may be, and bounded.
    let long = format!("address,name\n192.0.2.1,{}\n", " ".repeat(3 << 20));
    let answer = admin
        .post(PATH, &json!({"format": "csv", "text": long}))
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let too_long = "x".repeat(23 << 20);
    let answer = admin
        .post(PATH, &json!({"format": "csv", "text": too_long}))
        .await;
    answer.problem(413, "too-large");
}

#[tokio::test]
async fn one_inventory_is_imported_at_a_time() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({"format": "csv", "text": "address\n192.0.2.1\n"});
    // The first has its place, and is being sent still.
    let (begun, is_read) = oneshot::channel();
    let (send, sent) = oneshot::channel::<()>();
    let text = body.to_string();
    let piece = async move {
        begun.send(()).unwrap();
        sent.await.unwrap();
        Ok::<_, std::io::Error>(text)
    };
    let mut first = request(Method::POST, PATH, Some(&body));
    *first.body_mut() = Body::from_stream(stream::once(piece));
    let bearer = format!("Bearer {}", admin.token).parse().unwrap();
    first.headers_mut().insert(header::AUTHORIZATION, bearer);
    let second = async {
        is_read.await.unwrap();
        let refused = admin.post(PATH, &body).await;
        let problem = refused.problem(503, "busy");
        assert_eq!(problem["detail"], "Another import is at work.");
        assert_eq!(refused.header("retry-after"), Some("5"));
        send.send(()).unwrap();
    };
    let (first, ()) = tokio::join!(api.send(first), second);
    assert_eq!(first.json()["created"], 1, "{:?}", first.body);
    assert_eq!(admin.post(PATH, &body).await.json()["known"], 1);
}
