//! Devices: made, read, changed by revision, listed in pages, deleted.

use crate::harness::{Api, Client};
use axum::http::Method;
use model::device::{Identity, IdentityConflict, Said};
use serde_json::{Value, json};

#[tokio::test]
async fn a_device_from_birth_to_death() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.1", "name": " r1 ", "tags": ["core", "x"], "site": ""});
    let answer = admin.post("/api/v1/devices", &body).await;
    assert_eq!(answer.status, 201);
    let device = answer.json();
    let id = device["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/devices/{id}");
    assert_eq!(answer.header("location"), Some(path.as_str()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let expected = json!({
        "id": id, "name": "r1", "address": "192.0.2.1", "port": 161, "vantage": "local",
        "vendor": null, "model": null, "os": null, "os_version": null, "serial": null,
        "kind": null, "location": null, "site": null, "tags": ["core", "x"],
        "profile": null, "status": "unknown", "status_since": "2026-03-01T12:00:00.000Z", "status_evidence": [],
        "credential_id": null, "interval_secs": 60, "maintenance": false,
        "maintenance_since": null, "maintenance_until": null, "maintenance_reason": null,
        "last_seen_at": null, "identity_conflict": null,
        "created_at": "2026-03-01T12:00:00.000Z", "revision": 1,
    });
    assert_eq!(device, expected);
    admin
        .post("/api/v1/devices", &body)
        .await
        .problem(409, "conflict");

    let patch = json!({"name": null, "tags": null, "interval_secs": 5});
    admin
        .patch(&path, None, &patch)
        .await
        .problem(428, "precondition-required");
    let answer = admin.patch(&path, Some("\"9\""), &patch).await;
    answer.problem(412, "stale");
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let answer = admin.patch(&path, Some("\"1\""), &patch).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("etag")),
        (200, Some("\"2\""))
    );
    let device = answer.json();
    assert_eq!(device["name"], "192.0.2.1");
    assert_eq!(
        (&device["tags"], &device["interval_secs"]),
        (&json!([]), &json!(5))
    );
    let answer = admin
        .patch(&path, Some("\"2\""), &json!({"port": null}))
        .await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/port"]);
    assert_eq!(admin.get(&path).await.header("etag"), Some("\"2\""));

    assert_eq!(
        admin
            .post(&format!("{path}/poll"), &json!(null))
            .await
            .status,
        202
    );
    admin
        .delete(&path, None)
        .await
        .problem(428, "precondition-required");
    admin
        .delete(&path, Some("\"1\""))
        .await
        .problem(412, "stale");
    assert_eq!(admin.delete(&path, Some("\"2\"")).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
    let asked = api.asked("DeviceDeleted").await;
    let names: Vec<&str> = asked.iter().map(|c| c.split(' ').next().unwrap()).collect();
    assert_eq!(
        names,
        ["DeviceChanged", "DeviceChanged", "PollNow", "DeviceDeleted"]
    );
}

#[tokio::test]
async fn another_device_at_the_address_is_accepted_or_given_way() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let make = async |address: &str| {
        let body = json!({"address": address});
        let device = admin.make("/api/v1/devices", body).await;
        format!("/api/v1/devices/{}", device["id"].as_str().unwrap())
    };
    let accept = async |path: &str, etag: Option<&str>| {
        let path = format!("{path}/identity/accept");
        admin.call(Method::POST, &path, etag, None).await
    };
    let meet = async |path: &str| {
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        let conflict = IdentityConflict {
            since: api.services.clock.now(),
            reason: "serial number A1 was known, B2 is said here".to_owned(),
            said: Said {
                name: Some("newcomer".to_owned()),
                ..Said::default()
            },
            met: Identity {
                serial: Some("B2".to_owned()),
                ..Identity::default()
            },
        };
        let conflict = Some(Box::new(conflict));
        let inventory = &api.services.store.inventory;
        let changed = inventory.amend(id, |device| {
            device.conflict.clone_from(&conflict);
            true
        });
        assert!(changed.await.unwrap());
    };

    let replaced = make("192.0.2.1").await;
    accept(&replaced, None)
        .await
        .problem(428, "precondition-required");
    accept(&replaced, Some("\"1\""))
        .await
        .problem(409, "conflict");
    meet(&replaced).await;
    let device = admin.get(&replaced).await.json();
    let conflict = &device["identity_conflict"];
    assert_eq!(conflict["met"]["name"], "newcomer", "{device}");
    assert_eq!(conflict["met"]["serial"], "B2", "{device}");
    assert_eq!(conflict["since"], "2026-03-01T12:00:00.000Z", "{device}");
    // What was met since then is not what the operator saw.
    accept(&replaced, Some("\"1\"")).await.problem(412, "stale");
    let answer = accept(&replaced, Some("\"2\"")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("etag")),
        (200, Some("\"3\""))
    );
    let device = answer.json();
    assert_eq!(device["identity_conflict"], Value::Null);
    assert_eq!(device["name"], "newcomer", "it is that one now: {device}");
    api.asked("IdentityAccepted").await;

    let moved = make("192.0.2.2").await;
    meet(&moved).await;
    let patch = json!({"interval_secs": 5});
    let device = admin.patch(&moved, Some("*"), &patch).await.json();
    assert!(device["identity_conflict"].is_object(), "{device}");
    let patch = json!({"address": "192.0.2.3"});
    let device = admin.patch(&moved, Some("*"), &patch).await.json();
    assert_eq!(device["identity_conflict"], Value::Null, "{device}");
}

#[tokio::test]
async fn a_device_is_given_a_profile_that_there_is() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (devices, profiles) = ("/api/v1/devices", "/api/v1/profiles");
    let refused = json!({"address": "192.0.2.1", "profile": "nowhere"});
    let answer = admin.post(devices, &refused).await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/profile"]);
    let body = json!({"address": "192.0.2.1", "profile": " built-in "});
    let device = admin.make(devices, body).await;
    assert_eq!(device["profile"], "built-in");

    let path = format!("{devices}/{}", device["id"].as_str().unwrap());
    let answer = admin
        .patch(&path, Some("*"), &json!({"profile": "nowhere"}))
        .await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/profile"]);
    let draft = json!({"name": "acme", "text": "summary = \"a\""});
    assert_eq!(admin.post(profiles, &draft).await.status, 201);
    let change = json!({"profile": "acme"});
    let answer = admin.patch(&path, Some("*"), &change).await;
    assert_eq!(answer.json()["profile"], "acme");
    // One that is gone hinders no other change, and can be taken away.
    let acme = format!("{profiles}/acme");
    assert_eq!(admin.delete(&acme, Some("*")).await.status, 204);
    for (change, profile) in [
        (json!({"name": "r1"}), json!("acme")),
        (json!({"profile": null}), json!(null)),
    ] {
        let answer = admin.patch(&path, Some("*"), &change).await;
        assert_eq!(answer.status, 200, "{change} {:?}", answer.body);
        assert_eq!(answer.json()["profile"], profile, "{change}");
    }
}

async fn names(admin: &Client<'_>, query: &str) -> Vec<String> {
    let page = admin.get(&format!("/api/v1/devices?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {:?}", page.body);
    let page = page.json();
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (name, address, site, tag) in [
        ("beta", "192.0.2.10", "Berlin", "core"),
        ("Alpha", "192.0.2.9", "Oslo", "edge"),
        ("gamma", "2001:db8::1", "berlin", "edge"),
    ] {
        let body = json!({"address": address, "name": name, "site": site, "tags": [tag]});
        admin.make("/api/v1/devices", body).await;
    }
    for (query, expected) in [
        ("", vec!["Alpha", "beta", "gamma"]),
        ("sort=-name", vec!["gamma", "beta", "Alpha"]),
        ("sort=address", vec!["Alpha", "beta", "gamma"]),
        ("sort=created_at&limit=1", vec!["beta"]),
        ("site=berlin", vec!["beta", "gamma"]),
        ("tag=core,edge&site=oslo", vec!["Alpha"]),
    ] {
        assert_eq!(names(&admin, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn search_looks_into_every_text() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body =
        json!({"address": "192.0.2.10", "name": "beta", "location": "Rack 7", "tags": ["t1"]});
    admin.make("/api/v1/devices", body).await;
    for (needle, found) in [("ETA", 1), ("2.10", 1), ("rack", 1), ("t1", 1), ("zzz", 0)] {
        let page = admin
            .get(&format!("/api/v1/devices?q={needle}"))
            .await
            .json();
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{needle}");
    }
    let down = admin
        .get("/api/v1/devices?status=down,degraded")
        .await
        .json();
    assert_eq!(down["items"], json!([]));
}

#[tokio::test]
async fn cursors_stay_right_while_devices_come_and_go() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut made = Vec::new();
    for n in [2, 4, 6, 8] {
        let body = json!({"address": format!("192.0.2.{n}"), "name": format!("d{n}")});
        made.push(admin.make("/api/v1/devices", body).await);
    }
    let first = admin.get("/api/v1/devices?limit=2").await.json();
    assert_eq!(first["items"][1]["name"], "d4");
    let cursor = first["next_cursor"].as_str().unwrap();
    // One comes before the cursor, one behind it, and the one that it stands at goes.
    for n in [1, 7] {
        let body = json!({"address": format!("192.0.2.{n}"), "name": format!("d{n}")});
        admin.make("/api/v1/devices", body).await;
    }
    let gone = made[1]["id"].as_str().unwrap();
    assert_eq!(
        admin
            .delete(&format!("/api/v1/devices/{gone}"), Some("*"))
            .await
            .status,
        204
    );
    let second = admin
        .get(&format!("/api/v1/devices?limit=5&cursor={cursor}"))
        .await
        .json();
    let rest: Vec<&Value> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["name"])
        .collect();
    assert_eq!(rest, ["d6", "d7", "d8"]);
    assert_eq!(second["next_cursor"], Value::Null);
    let other = format!("/api/v1/devices?limit=2&sort=-name&cursor={cursor}");
    admin.get(&other).await.problem(400, "bad-cursor");
}

#[tokio::test]
async fn the_poller_is_told_though_the_client_leaves() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let inventory = &api.services.store.inventory;
    let body = json!({"address": "192.0.2.7"});
    {
        let asking = std::pin::pin!(admin.post("/api/v1/devices", &body));
        let written = std::pin::pin!(async {
            while inventory.devices().is_empty() {
                tokio::task::yield_now().await;
            }
        });
        // The write is seen before the answer, and then nobody waits for that.
        futures_util::future::select(written, asking).await;
    }
    api.asked("DeviceChanged").await;
}
