//! Checks of services as a resource; that they are made is the server's affair.

use crate::harness::{Api, NOW};
use model::check::Outcome;
use model::{CheckId, DeviceId, Status, Timestamp};
use serde_json::json;

const PATH: &str = "/api/v1/checks";

#[tokio::test]
async fn a_check_is_made_read_changed_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device = admin
        .make("/api/v1/devices", json!({"address": "192.0.2.1"}))
        .await;
    let body = json!({
        "name": " page ", "target": "https://192.0.2.1/", "device_id": device["id"],
        "probe": {"kind": "http", "text": "hello", "redirects_max": 2}, "slow_ms": 500,
    });
    let answer = admin.post(PATH, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let (made, etag) = (answer.json(), answer.header("etag").unwrap().to_owned());
    assert_eq!(
        (&made["name"], &made["status"]),
        (&json!("page"), &json!("unknown"))
    );
    assert_eq!(
        (&made["interval_secs"], &made["timeout_ms"]),
        (&json!(60), &json!(5000))
    );
    assert_eq!(made["probe"]["certificate_days"], json!(null));
    admin.post(PATH, &body).await.problem(409, "conflict");

    // What came of it makes no edit stale, and counts in the health.
    let id: CheckId = made["id"].as_str().unwrap().parse().unwrap();
    let checks = &api.services.store.checks;
    let outcome = |status, secs| Outcome {
        status,
        detail: "it answered".to_owned(),
        duration_secs: secs,
        ..Outcome::default()
    };
    let at = |secs: i64| Timestamp::from_unix_ms(NOW - secs * 1_000);
    checks
        .set_outcome(id, 1, outcome(Status::Up, Some(0.1)), at(120))
        .await;
    checks
        .set_outcome(id, 1, outcome(Status::Down, None), at(60))
        .await;
    checks
        .set_outcome(id, 1, outcome(Status::Down, None), at(0))
        .await;
    let read = admin.get(&path).await;
    assert_eq!(read.header("etag"), Some(etag.as_str()));
    let read = read.json();
    assert_eq!(
        (&read["status"], &read["since"]),
        (&json!("down"), &json!("2026-03-01T11:59:00.000Z"))
    );
    assert_eq!(read["checked_at"], "2026-03-01T12:00:00.000Z");
    let health = admin.get("/api/v1/health").await.json();
    assert_eq!(health["checks"]["down"], 1, "{health}");
    let down = admin
        .get(&format!("{PATH}?status=down&sort=-status"))
        .await
        .json();
    assert_eq!(down["items"][0]["id"], made["id"]);
    let other = admin
        .get(&format!("{PATH}?device_id={}", DeviceId::new()))
        .await
        .json();
    assert_eq!(other["items"], json!([]));

    let change = json!({"probe": {"kind": "tcp"}, "target": "192.0.2.1:443", "enabled": false, "slow_ms": null});
    let answer = admin.patch(&path, Some(&etag), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let changed = answer.json();
    assert_eq!(
        (&changed["probe"], &changed["slow_ms"]),
        (&json!({"kind": "tcp"}), &json!(null))
    );
    assert_eq!(changed["status"], "unknown", "it is not made");
    admin
        .patch(&path, Some(&etag), &change)
        .await
        .problem(412, "stale");
    let etag = answer.header("etag").unwrap();
    assert_eq!(admin.delete(&path, Some(etag)).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_wrong_with_a_check_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let http = |extra: serde_json::Value| {
        let mut probe = json!({"kind": "http"});
        probe
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        json!({"name": "a", "target": "http://192.0.2.1/", "probe": probe})
    };
    for (body, pointers) in [
        (
            json!({"name": "", "target": "192.0.2.1", "probe": {"kind": "tcp"}, "interval_secs": 1, "timeout_ms": 1}),
            vec!["/interval_secs", "/name", "/target", "/timeout_ms"],
        ),
        (
            json!({"name": "a", "target": "http://u:p@h/", "probe": {"kind": "http"}}),
            vec!["/target"],
        ),
        (
            http(json!({"redirects_max": 11, "status": 99})),
            vec!["/probe/redirects_max", "/probe/status"],
        ),
        (
            json!({"name": "a", "target": "192.0.2.1", "probe": {"kind": "dns", "name": "a..b"}}),
            vec!["/target"],
        ),
        (
            json!({"name": "a", "target": "192.0.2.1:22", "probe": {"kind": "tcp"}, "device_id": DeviceId::new()}),
            vec!["/device_id"],
        ),
        (
            json!({"name": "a", "target": "h:1", "probe": {"kind": "ftp"}}),
            vec!["/probe"],
        ),
    ] {
        let answer = admin.post(PATH, &body).await;
        answer.problem(422, "invalid");
        let mut found = answer.pointers();
        found.sort();
        if pointers == ["/probe"] {
            assert!(found[0].starts_with("/probe"), "{found:?}");
        } else {
            assert_eq!(found, pointers, "{body}");
        }
    }
}
