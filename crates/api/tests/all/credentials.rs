//! Credentials: secrets go in and never come out.

use crate::harness::Api;
use serde_json::{Value, json};

const SECRETS: [&str; 4] = [
    "s3cret-community",
    "auth-pass-phrase",
    "priv-pass-phrase",
    "new-pass-phrase",
];

#[tokio::test]
async fn secrets_never_come_out() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let v2c = json!({"name": "old", "kind": "snmp_v2c", "community": SECRETS[0]});
    let v3 = json!({"name": "new", "kind": "snmp_v3", "user": "monitor",
        "auth": "sha256", "auth_passphrase": SECRETS[1],
        "privacy": "aes128", "privacy_passphrase": SECRETS[2]});
    let mut said = Vec::new();
    for body in [&v2c, &v3] {
        let answer = admin.post("/api/v1/credentials", body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        said.push(answer);
    }
    let made = said[1].json();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["kind"], "snmp_v3");
    assert_eq!(
        (&made["user"], &made["auth"], &made["privacy"]),
        (&json!("monitor"), &json!("sha256"), &json!("aes128"))
    );
    let path = format!("/api/v1/credentials/{id}");
    said.push(admin.post("/api/v1/credentials", &v3).await);
    said[2].problem(409, "conflict");
    said.push(admin.get(&path).await);
    said.push(admin.get("/api/v1/credentials?sort=-name&q=old").await);
    said.push(
        admin
            .patch(
                &path,
                Some("\"1\""),
                &json!({"auth_passphrase": SECRETS[3]}),
            )
            .await,
    );
    assert_eq!(said[5].status, 200, "{:?}", said[5].body);
    said.push(
        admin
            .patch(&path, Some("\"2\""), &json!({"auth_passphrase": "short"}))
            .await,
    );
    said.push(
        admin
            .patch(
                &path,
                Some("\"2\""),
                &json!({"auth_passphrase": 12_345_678}),
            )
            .await,
    );
    said.push(admin.get("/api/v1/credentials").await);
    for answer in &said {
        let text = String::from_utf8_lossy(&answer.body);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // What was not given stays, what was given is new.
    let kept = api
        .services
        .store
        .credentials
        .secrets(id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(kept.auth.unwrap().reveal(), SECRETS[3]);
    assert_eq!(kept.privacy.unwrap().reveal(), SECRETS[2]);
    api.asked("CredentialChanged").await;
}

#[tokio::test]
async fn faults_are_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let v3 = |change: Value| {
        let mut body = json!({"name": "n", "kind": "snmp_v3", "user": "u"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, pointers) in [
        (
            json!({"name": "", "kind": "snmp_v2c", "community": "x"}),
            vec!["/name"],
        ),
        (json!({"name": "n", "kind": "snmp_v2c"}), vec!["/community"]),
        (
            json!({"name": "n", "kind": "snmp_v1", "community": ""}),
            vec!["/community"],
        ),
        (
            json!({"name": "n", "kind": "snmp_v2c", "community": "x", "user": "u"}),
            vec!["/user"],
        ),
        (json!({"name": "n", "kind": "snmp_v4"}), vec!["/kind"]),
        (json!({"name": "n", "kind": "snmp_v3"}), vec!["/user"]),
        (v3(json!({"auth": "sha1"})), vec!["/auth_passphrase"]),
        (
            v3(json!({"auth": "sha1", "auth_passphrase": "1234567"})),
            vec!["/auth_passphrase"],
        ),
        (
            v3(json!({"auth_passphrase": "12345678"})),
            vec!["/auth_passphrase"],
        ),
        (
            v3(json!({"privacy": "aes128", "privacy_passphrase": "12345678"})),
            vec!["/privacy"],
        ),
        (v3(json!({"auth": "rot13"})), vec!["/auth"]),
        (v3(json!({"community": "x"})), vec!["/community"]),
    ] {
        let answer = admin.post("/api/v1/credentials", &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
}

#[tokio::test]
async fn one_in_use_stays() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({"name": "n", "kind": "snmp_v2c", "community": "public"});
    let credential = admin.make("/api/v1/credentials", body).await;
    let id = credential["id"].as_str().unwrap();
    let body = json!({"address": "192.0.2.1", "credential_id": id});
    let device = admin.make("/api/v1/devices", body).await;
    let path = format!("/api/v1/credentials/{id}");
    assert_eq!(admin.get(&path).await.json()["devices"], 1);
    admin
        .delete(&path, Some("\"1\""))
        .await
        .problem(409, "conflict");
    let device = format!("/api/v1/devices/{}", device["id"].as_str().unwrap());
    let patch = json!({"credential_id": null});
    assert_eq!(
        admin.patch(&device, Some("\"1\""), &patch).await.status,
        200
    );
    assert_eq!(admin.delete(&path, Some("\"1\"")).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
}
