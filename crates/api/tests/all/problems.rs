//! Bad requests: each is answered with a problem that points at what is wrong.

use crate::harness::{Api, request};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

#[tokio::test]
async fn bodies() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let cases: Vec<(&str, Value, u16, &str, &[&str])> = vec![
        ("/devices", json!({}), 422, "invalid", &[""]),
        ("/devices", json!([]), 422, "invalid", &[""]),
        (
            "/devices",
            json!({"address": "router"}),
            422,
            "invalid",
            &["/address"],
        ),
        (
            "/devices",
            json!({"address": "192.0.2.1", "colour": 1}),
            422,
            "invalid",
            &["/colour"],
        ),
        (
            "/devices",
            json!({"address": "192.0.2.1", "port": 70000}),
            422,
            "invalid",
            &["/port"],
        ),
        (
            "/devices",
            json!({"address": "192.0.2.1", "tags": ["a", 7]}),
            422,
            "invalid",
            &["/tags/1"],
        ),
        (
            "/devices",
            json!({"address": "192.0.2.1", "status": "up"}),
            422,
            "invalid",
            &["/status"],
        ),
        (
            "/devices",
            json!({"address": "224.0.0.1", "port": 0, "interval_secs": 4, "name": "a\u{7}", "tags": ["a,b"]}),
            422,
            "invalid",
            &["/address", "/port", "/interval_secs", "/name", "/tags"],
        ),
        (
            "/devices",
            json!({"address": "192.0.2.1", "credential_id": "01931f5e-0000-7000-8000-000000000001"}),
            422,
            "invalid",
            &["/credential_id"],
        ),
        (
            "/discoveries",
            json!({"targets": []}),
            422,
            "invalid",
            &["/targets"],
        ),
        (
            "/discoveries",
            json!({"targets": ["10.0.0.0/30"], "methods": ["smoke"]}),
            422,
            "invalid",
            &["/methods/0"],
        ),
        (
            "/discoveries",
            json!({"targets": ["10.0.0.0/30"], "max_hops": 9}),
            422,
            "invalid",
            &["/max_hops"],
        ),
        (
            "/discoveries",
            json!({"targets": ["10.0.0.1", "nonsense"]}),
            422,
            "invalid",
            &["/targets/1"],
        ),
        (
            "/samples/query",
            json!({"series_ids": []}),
            422,
            "invalid",
            &["/series_ids"],
        ),
        (
            "/samples/query",
            json!({"series_ids": ["01931f5e-0000-7000-8000-000000000001"]}),
            422,
            "invalid",
            &["/series_ids/0"],
        ),
        (
            "/samples/query",
            json!({"series_ids": ["x"]}),
            422,
            "invalid",
            &["/series_ids/0"],
        ),
    ];
    for (path, body, status, kind, pointers) in cases {
        let answer = admin.post(&format!("/api/v1{path}"), &body).await;
        answer.problem(status, kind);
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
}

#[tokio::test]
async fn queries() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (path, kind, pointer) in [
        ("/devices?limit=0", "bad-query", "?limit"),
        ("/series?sort=metric", "bad-query", "?sort"),
        ("/devices?limit=1001", "bad-query", "?limit"),
        ("/devices?limit=ten", "bad-query", "?limit"),
        ("/devices?limit=1&limit=2", "bad-query", "?limit"),
        ("/devices?colour=red", "bad-query", "?colour"),
        ("/devices?sort=colour", "bad-query", "?sort"),
        ("/devices?status=well", "bad-query", "?status"),
        ("/devices?cursor=bm8", "bad-cursor", "?cursor"),
        ("/devices?cursor=%25", "bad-cursor", "?cursor"),
        ("/interfaces?device_id=7", "bad-query", "?device_id"),
        (
            "/interfaces?oper_status=broken",
            "bad-query",
            "?oper_status",
        ),
        ("/series?metric=speed", "bad-query", "?metric"),
        ("/discoveries?cursor=..%2F", "bad-cursor", "?cursor"),
    ] {
        let answer = admin.get(&format!("/api/v1{path}")).await;
        answer.problem(400, kind);
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
}

#[tokio::test]
async fn the_shell_around_handlers() {
    let api = Api::new().await;
    let admin = api.admin().await;
    admin.get("/api/v1/devices/7").await.problem(400, "bad-id");
    let nobody = "01931f5e-0000-7000-8000-000000000001";
    for list in [
        "devices",
        "interfaces",
        "series",
        "links",
        "credentials",
        "discoveries",
    ] {
        let answer = admin.get(&format!("/api/v1/{list}/{nobody}")).await;
        answer.problem(404, "not-found");
    }
    admin.get("/api/v1/nothing").await.problem(404, "not-found");
    admin.get("/api/v2/devices").await.problem(404, "not-found");
    let answer = admin.call(Method::PUT, "/api/v1/devices", None, None).await;
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD,POST"));

    let login = |media_type: &str, body: Body| {
        Request::post("/api/v1/auth/login")
            .header("content-type", media_type)
            .body(body)
            .unwrap()
    };
    let answer = api.send(login("text/plain", Body::from("{}"))).await;
    answer.problem(415, "media-type");
    let answer = api.send(login("application/json", Body::from("{"))).await;
    answer.problem(400, "malformed");
    let answer = api
        .send(login("application/json", Body::from(vec![0xff; 3])))
        .await;
    answer.problem(400, "malformed");
    let huge = Body::from(format!("\"{}\"", "x".repeat(3 << 20)));
    let answer = api.send(login("application/json", huge)).await;
    answer.problem(413, "too-large");
}

#[tokio::test]
async fn request_ids_are_taken_or_made() {
    let api = Api::new().await;
    for (given, taken) in [("abc-1", true), ("a b", false), ("", false)] {
        let mut asked = request(Method::GET, "/livez", None);
        asked
            .headers_mut()
            .insert("x-request-id", given.parse().unwrap());
        let answer = api.send(asked).await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == given, taken, "{given:?}");
        assert!(!id.is_empty());
    }
}
