//! Idempotency keys: the same request twice is one thing made and one answer, whatever happened
//! between.

use crate::harness::{Answer, Api, Client, request};
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;
use store::idempotency::Begun;

/// A POST under a key.
fn keyed(client: &Client<'_>, path: &str, key: &str, body: &Value) -> Request<axum::body::Body> {
    let mut request = request(Method::POST, path, (!body.is_null()).then_some(body));
    let headers = request.headers_mut();
    let bearer = format!("Bearer {}", client.token);
    headers.insert("authorization", bearer.parse().unwrap());
    headers.insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(client: &Client<'_>, path: &str, key: &str, body: &Value) -> Answer {
    client.api.send(keyed(client, path, key, body)).await
}

async fn count(client: &Client<'_>, list: &str) -> usize {
    let page = client.get(&format!("/api/v1/{list}")).await.json();
    page["items"].as_array().unwrap().len()
}

fn makers() -> [(&'static str, Value, u16); 4] {
    let credential = json!({"name": "core", "kind": "snmp_v2c", "community": "hunter2"});
    let run = json!({"targets": ["192.0.2.0/30"], "methods": ["snmp"]});
    let schedule = json!({"name": "nightly", "request": run, "every_secs": 3600});
    [
        ("devices", json!({"address": "192.0.2.1"}), 201),
        ("credentials", credential, 201),
        ("discovery-schedules", schedule, 201),
        ("discoveries", run, 202),
    ]
}

#[tokio::test]
async fn the_same_request_twice_is_one_thing_and_one_answer() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (list, body, status) in makers() {
        let path = format!("/api/v1/{list}");
        let first = post(&admin, &path, "a", &body).await;
        assert_eq!(first.status, status, "{list}: {:?}", first.body);
        assert_eq!(first.header("idempotency-replayed"), None);
        let again = post(&admin, &path, "a", &body).await;
        assert_eq!(again.status, status, "{list}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.body, first.body, "{list}");
        for name in ["etag", "location", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name), "{list} {name}");
        }
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
        let other = post(&admin, &path, "a", &json!({"name": "other"})).await;
        other.problem(422, "idempotency-key-reused");
        assert_eq!(count(&admin, list).await, 1, "{list}");
        // It is the answer of then, whatever happened since.
        let made = first.header("location").unwrap();
        let answer = admin.delete(made, first.header("etag")).await;
        assert!(answer.status.is_success(), "{list} {:?}", answer.body);
        let late = post(&admin, &path, "a", &body).await;
        assert_eq!(late.body, first.body, "{list}");
    }
    let metrics = admin.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "foretell_idempotent_requests_total{outcome=\"done\"} 4\n",
        "foretell_idempotent_requests_total{outcome=\"replayed\"} 8\n",
        "foretell_idempotent_requests_total{outcome=\"reused\"} 4\n",
        "foretell_idempotency_keys 4\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn a_key_ends_after_a_day() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let poll = post(
        &admin,
        "/api/v1/devices",
        "a",
        &json!({"address": "192.0.2.1"}),
    )
    .await;
    assert_eq!(poll.status, 201);
    api.pass(Duration::from_hours(24));
    let admin = api.admin().await;
    let again = post(
        &admin,
        "/api/v1/devices",
        "a",
        &json!({"address": "192.0.2.1"}),
    )
    .await;
    again.problem(409, "conflict");
    assert_eq!(again.pointers(), ["/address"]);
}

#[tokio::test]
async fn keys_belong_to_a_user_and_a_path_and_only_some_posts_take_one() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.1"});
    let made = post(&admin, "/api/v1/devices", "a", &body).await;
    let poll = format!("{}/poll", made.header("location").unwrap());
    for replayed in [None, Some("true")] {
        let answer = post(&admin, &poll, "a", &Value::Null).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    let asked = api.asked("PollNow").await;
    let polls = asked.iter().filter(|asked| asked.starts_with("PollNow"));
    assert_eq!(polls.count(), 1);
    for _ in 0..2 {
        let ticket = post(&admin, "/api/v1/stream/tickets", "a", &Value::Null).await;
        assert_eq!(ticket.status, 201);
        assert_eq!(ticket.header("idempotency-replayed"), None);
    }
    for key in ["", &"x".repeat(129), "ä"] {
        let answer = post(&admin, "/api/v1/devices", key, &body).await;
        answer.problem(400, "malformed");
    }
    let nobody = Client {
        api: &api,
        token: "a.b.c".to_owned(),
    };
    let answer = post(&nobody, "/api/v1/devices", "a", &body).await;
    answer.problem(401, "unauthenticated");
    let huge = json!({"address": "x".repeat(3 << 20)});
    let answer = post(&admin, "/api/v1/devices", "huge", &huge).await;
    answer.problem(413, "too-large");
}

#[tokio::test]
async fn what_was_refused_frees_its_key() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let path = "/api/v1/devices";
    let wrong = post(&admin, path, "a", &json!({"address": "router"})).await;
    wrong.problem(422, "invalid");
    let right = post(&admin, path, "a", &json!({"address": "192.0.2.1"})).await;
    assert_eq!(right.status, 201);
}

/// Each request is sent many times at once: one is done, the others hear that it is, or its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_same_time_one_is_done() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (list, body, _) = &makers()[3];
    let path = format!("/api/v1/{list}");
    let all = (0..16).map(|_| post(&admin, &path, "a", body));
    let answers = futures_util::future::join_all(all).await;
    let mut done = 0;
    for answer in answers {
        if answer.status == 202 {
            done += 1;
        } else {
            answer.problem(409, "idempotency-key-in-flight");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    assert!(done >= 1);
    assert_eq!(count(&admin, list).await, 1);
}

/// The client leaves while the request is at work: it is done to its end, and the answer waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_left_finds_its_answer() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let (list, body, status) = &makers()[0];
    let path = format!("/api/v1/{list}");
    let inventory = &api.services.store.inventory;
    let made = async {
        while inventory.device_count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = made => {}
        _ = post(&admin, &path, "a", body) => {}
    }
    let answer = loop {
        let answer = post(&admin, &path, "a", body).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.status, *status, "{:?}", answer.body);
    assert_eq!(answer.header("idempotency-replayed"), Some("true"));
    assert_eq!(count(&admin, list).await, 1);
}

/// The server was killed after it had said that it would make something, and before it had kept an
/// answer. The next one finds what was made, or makes it, and makes nothing twice.
#[tokio::test]
async fn what_was_broken_off_is_looked_for_and_never_made_twice() {
    for made_before in [false, true] {
        let api = Api::new().await;
        let admin = api.admin().await;
        let me = admin.get("/api/v1/auth/me").await.json();
        let user = me["user_id"].as_str().unwrap().parse().unwrap();
        for (list, body, status) in makers() {
            let path = format!("/api/v1/{list}");
            let text = body.to_string();
            let keys = &api.services.store.idempotency;
            let begun = keys.begin(user, &path, "a", text.as_bytes()).await.unwrap();
            let Begun::First(attempt) = begun else {
                panic!("{list} is known");
            };
            let makes = attempt.makes();
            drop(attempt);
            if made_before {
                let mut making = keyed(&admin, &path, "-", &body);
                making.headers_mut().remove("idempotency-key");
                making.extensions_mut().insert(makes);
                assert_eq!(api.send(making).await.status, status, "{list}");
            }
            for _ in 0..2 {
                let answer = post(&admin, &path, "a", &body).await;
                assert_eq!(answer.status, status, "{list}: {:?}", answer.body);
                assert_eq!(answer.json()["id"], makes.to_string(), "{list}");
                let location = answer.header("location").unwrap();
                assert_eq!(location, format!("{path}/{makes}"));
            }
            assert_eq!(count(&admin, list).await, 1, "{list}");
        }
    }
}

/// Of a POST that is not made to be done again it is not known what became of it, and so it is not.
#[test]
fn every_post_says_whether_it_takes_a_key() {
    for (method, path, operation) in crate::openapi::operations() {
        let parameters = operation["parameters"].as_array();
        let mut names = parameters.into_iter().flatten().map(|p| &p["name"]);
        let declared = names.any(|name| name == "Idempotency-Key");
        let read_only = path.contains("/auth/")
            || [
                "/api/v1/stream/tickets",
                "/api/v1/samples/query",
                "/api/v1/query",
                "/api/v1/discovery-rules/dry-run",
                "/api/v1/imports",
                "/api/v1/imports/samples",
                "/api/v1/profile-checks",
                "/api/v1/retention/preview",
                "/api/v1/devices/{device_id}/profile-trial",
                "/api/v1/devices/{device_id}/walk",
                "/api/v1/scaling/{trigger_id}/test",
            ]
            .contains(&path.as_str());
        assert_eq!(
            declared,
            method == Method::POST && !read_only,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn profiles_and_mibs_take_a_key_and_what_only_reads_takes_none() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let profile = json!({"name": "acme", "text": "summary = \"a\""});
    let mib = json!({"text": "A-MIB DEFINITIONS ::= BEGIN END"});
    for (path, body) in [("profiles", &profile), ("mibs", &mib)] {
        let path = format!("/api/v1/{path}");
        let first = post(&admin, &path, "a", body).await;
        let again = post(&admin, &path, "a", body).await;
        assert_eq!(first.status, 201, "{path}: {:?}", first.body);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
        assert_eq!(again.body, first.body);
    }
    for _ in 0..2 {
        let checked = post(&admin, "/api/v1/profile-checks", "a", &profile).await;
        assert_eq!(checked.status, 200);
        assert_eq!(checked.header("idempotency-replayed"), None);
    }
}
