//! Samples that users write, correct and delete, and who did it.

use crate::harness::{Api, Client, NOW, request};
use axum::http::Method;
use model::{SeriesId, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use store::idempotency::Begun;

const SAMPLES: &str = "/api/v1/samples";
const CORRECTIONS: &str = "/api/v1/samples/corrections";
const AUDIT: &str = "/api/v1/audit";

async fn device(admin: &Client<'_>) -> String {
    let device = json!({"address": "192.0.2.7"});
    let device = admin.make("/api/v1/devices", device).await;
    device["id"].as_str().unwrap().to_owned()
}

fn at(minutes_ago: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW - minutes_ago * 60_000)
}

/// Numbers of a device: as many as are given, each a minute older than the one before.
fn body(device_id: &str, values: &[Value]) -> Value {
    let samples = values.iter().zip(0..).map(|(value, minutes)| {
        json!({"metric": "sensor_other", "device_id": device_id, "labels": {"sensor": "1"},
            "at": at(minutes), "value": value})
    });
    json!({"samples": samples.collect::<Vec<_>>()})
}

/// The series of a device, and all its samples.
async fn read(api: &Api, admin: &Client<'_>, device_id: &str) -> Vec<model::Value> {
    let series = admin
        .get(&format!("/api/v1/series?device_id={device_id}"))
        .await
        .json();
    let id: SeriesId = series["items"][0]["id"].as_str().unwrap().parse().unwrap();
    let read = api
        .services
        .series
        .read(id, Timestamp::from_unix_ms(0), at(-60));
    read.unwrap().into_iter().map(|(_, value)| value).collect()
}

#[tokio::test]
async fn samples_are_written_each_by_itself_and_twice_as_once() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device_id = device(&admin).await;
    let values = [json!(18_446_744_073_709_551_615_u64), json!(2.5), json!(3)];
    let body = body(&device_id, &values);
    for _ in 0..2 {
        let answer = admin.post(SAMPLES, &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.json(), json!({"taken": 3, "refused": []}));
    }
    let kept = read(&api, &admin, &device_id).await;
    let expected = [
        model::Value::U64(3),
        model::Value::F64(2.5),
        model::Value::U64(u64::MAX),
    ];
    assert_eq!(kept, expected);
    let other = "01980000-0000-7000-8000-000000000000";
    let samples = json!({"samples": [
        {"metric": "sensor_other", "device_id": device_id, "labels": {"sensor": "1"}, "value": 4},
        {"metric": "no_such_metric", "value": 1},
        {"metric": "sensor_other", "device_id": other, "value": 1},
        {"series_id": other, "value": 1},
        {"metric": "sensor_other", "device_id": device_id, "labels": {"__x": "1"}, "value": 1},
        {"metric": "sensor_other", "device_id": device_id, "at": at(8 * 24 * 60), "value": 1},
        {"metric": "sensor_other", "device_id": device_id, "at": at(-120), "value": 1},
    ]});
    let answer = admin.post(SAMPLES, &samples).await.json();
    assert_eq!(answer["taken"], 1, "{answer}");
    let refused: Vec<(u64, &str, &str)> = answer["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["index"].as_u64().unwrap(),
                one["pointer"].as_str().unwrap(),
                one["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "/samples/1/metric", "unknown_metric"),
        (2, "/samples/2/device_id", "unknown_device"),
        (3, "/samples/3/series_id", "unknown_series"),
        (4, "/samples/4/labels", "bad_labels"),
        (5, "/samples/5/at", "too_late"),
        (6, "/samples/6/at", "out_of_time"),
    ];
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn what_is_no_sample_is_refused_as_a_whole() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (body, pointer) in [
        (json!({"samples": []}), "/samples"),
        (json!({"samples": [{"value": 1}]}), "/samples/0"),
        (
            json!({"samples": [{"metric": "sensor_other", "value": "x"}]}),
            "/samples/0/value",
        ),
        (json!({"samples": [{"metric": "x"}]}), "/samples/0"),
    ] {
        let answer = admin.post(SAMPLES, &body).await;
        assert_eq!(answer.status, 422, "{body}: {:?}", answer.body);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let many = vec![json!({"metric": "sensor_other", "value": 1}); 10_001];
    let answer = admin.post(SAMPLES, &json!({"samples": many})).await;
    assert_eq!(answer.pointers(), ["/samples"]);
}

#[tokio::test]
async fn corrections_tell_what_they_replaced_and_are_audited() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device_id = device(&admin).await;
    admin
        .post(SAMPLES, &body(&device_id, &[json!(1), json!(2)]))
        .await;
    let mut corrections = body(&device_id, &[json!(9), json!(2), json!(7)]);
    let answer = admin.post(CORRECTIONS, &corrections).await;
    assert_eq!(answer.status, 422, "a reason is needed");
    corrections["reason"] = json!("upside down");
    let mut old = corrections["samples"][0].clone();
    old["at"] = json!(at(400 * 24 * 60));
    corrections["samples"].as_array_mut().unwrap().push(old);
    let answer = admin.post(CORRECTIONS, &corrections).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let told = answer.json();
    assert_eq!(
        (&told["replaced"], &told["same"], &told["added"]),
        (&json!(1), &json!(1), &json!(2)),
        "{told}"
    );
    let audit = admin.get(AUDIT).await.json();
    let entry = &audit["items"][0];
    assert_eq!(entry["id"], told["audit_id"]);
    assert_eq!(
        (&entry["action"], &entry["state"]),
        (&json!("correct_samples"), &json!("done"))
    );
    assert_eq!(
        (&entry["by"], &entry["detail"]),
        (&json!("admin"), &json!("upside down"))
    );
    assert_eq!(
        (&entry["counts"]["samples"], &entry["counts"]["replaced"]),
        (&json!(4), &json!(1))
    );
    let none = admin.get(&format!("{AUDIT}?action=delete_samples")).await;
    assert_eq!(none.json()["items"], json!([]));
    admin
        .get(&format!("{AUDIT}?action=nothing"))
        .await
        .problem(400, "bad-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_deleted_by_a_job_and_a_dry_run_tells_how_much() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device_id = device(&admin).await;
    let values: Vec<Value> = (0..10).map(|n| json!(n)).collect();
    admin.post(SAMPLES, &body(&device_id, &values)).await;
    let query = format!(
        "{SAMPLES}?match=sensor_other&from={}&to={}",
        at(5),
        Timestamp::from_unix_ms(NOW)
    );
    let dry = admin.delete(&format!("{query}&dry_run=true"), None).await;
    assert_eq!(dry.status, 200, "{:?}", dry.body);
    let expected = json!({"devices": 1, "series": 1, "samples": 5, "counted_whole": true});
    assert_eq!(dry.json(), expected);
    admin.delete(&query, None).await.problem(400, "bad-query");
    assert_eq!(read(&api, &admin, &device_id).await.len(), 10);
    let answer = admin.delete(&format!("{query}&reason=test"), None).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let mut job = answer.json();
    for _ in 0..10_000 {
        if job["state"] == "done" {
            break;
        }
        assert_ne!(job["state"], "failed", "{job}");
        tokio::time::sleep(Duration::from_millis(2)).await;
        job = admin.get(&path).await.json();
    }
    assert_eq!(job["result"]["samples"], 5, "{job}");
    assert_eq!(read(&api, &admin, &device_id).await.len(), 5);
    let audit = admin.get(AUDIT).await.json();
    assert_eq!(audit["items"][0]["id"], job["result"]["audit_id"]);
    assert_eq!(audit["items"][0]["job_id"], job["id"]);
    // Nothing of the future, and nothing that a hold keeps.
    let future = format!(
        "{SAMPLES}?match=sensor_other&reason=x&from={}&to={}",
        at(5),
        at(-5)
    );
    admin.delete(&future, None).await.problem(400, "bad-query");
    let hold = json!({"selector": "sensor_other", "reason": "case 7"});
    let hold = admin.make("/api/v1/retention/holds", hold).await;
    let told = admin
        .delete(&format!("{query}&reason=test"), None)
        .await
        .problem(409, "conflict");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains(hold["id"].as_str().unwrap()), "{detail}");
}

#[tokio::test]
async fn samples_that_are_sent_again_ask_holds_and_leave_a_trace() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device_id = device(&admin).await;
    let ones = [json!(1), json!(1), json!(1)];
    admin.post(SAMPLES, &body(&device_id, &ones)).await;
    let audit = async || admin.get(AUDIT).await.json()["items"].clone();
    assert_eq!(audit().await, json!([]), "nothing was there");
    let hold = json!({
        "selector": "sensor_other", "reason": "case 7", "from": at(2), "to": at(1),
    });
    admin.make("/api/v1/retention/holds", hold).await;
    let twos = [json!(2), json!(1), json!(2), json!(2)];
    let answer = admin.post(SAMPLES, &body(&device_id, &twos)).await.json();
    assert_eq!(answer["taken"], 3, "{answer}");
    let refused = &answer["refused"][0];
    assert_eq!(
        (&refused["pointer"], &refused["reason"]),
        (&json!("/samples/2/value"), &json!("held"))
    );
    let kept = read(&api, &admin, &device_id).await;
    assert_eq!(kept, [2, 1, 1, 2].map(model::Value::U64));
    // Those of an hour are one entry, others another.
    admin
        .post(SAMPLES, &body(&device_id, &[json!(3), json!(3)]))
        .await;
    api.pass(Duration::from_hours(1));
    let admin = api.admin().await;
    admin.post(SAMPLES, &body(&device_id, &[json!(4)])).await;
    let told = admin
        .get(&format!("{AUDIT}?action=correct_samples"))
        .await
        .json();
    let told: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert_eq!(
                (&entry["state"], &entry["by"]),
                (&json!("done"), &json!("admin"))
            );
            (
                entry["counts"]["replaced"].clone(),
                entry["from"].clone(),
                entry["to"].clone(),
            )
        })
        .collect();
    let until = Timestamp::from_unix_ms(NOW + 1);
    assert_eq!(
        told,
        [
            (json!(1), json!(at(0)), json!(until)),
            (json!(3), json!(at(1)), json!(until)),
        ]
    );
}

/// The first attempt was broken off, and others wrote since.
#[tokio::test]
async fn what_is_sent_again_under_its_key_writes_over_nothing() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let device_id = device(&admin).await;
    let me = admin.get("/api/v1/auth/me").await.json();
    let user = me["user_id"].as_str().unwrap().parse().unwrap();
    admin
        .post(SAMPLES, &body(&device_id, &[json!(1), json!(2)]))
        .await;
    for (path, key) in [(SAMPLES, "a"), (CORRECTIONS, "b")] {
        let mut samples = body(&device_id, &[json!(9), json!(2), json!(3)]);
        let mut untimed = samples["samples"][0].clone();
        untimed.as_object_mut().unwrap().remove("at");
        samples["samples"].as_array_mut().unwrap().push(untimed);
        if path == CORRECTIONS {
            samples["reason"] = json!("upside down");
        }
        let text = samples.to_string();
        let keys = &api.services.store.idempotency;
        let begun = keys.begin(user, path, key, text.as_bytes()).await.unwrap();
        assert!(matches!(begun, Begun::First(_)));
        drop(begun);
        let again = || {
            let mut request = request(Method::POST, path, Some(&samples));
            let headers = request.headers_mut();
            let bearer = format!("Bearer {}", admin.token);
            headers.insert("authorization", bearer.parse().unwrap());
            headers.insert("idempotency-key", key.parse().unwrap());
            api.send(request)
        };
        let first = again().await;
        assert_eq!(first.status, 200, "{:?}", first.body);
        let told = first.json();
        let refused: Vec<_> = told["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["index"].clone(), one["reason"].clone()))
            .collect();
        let before = |index: u32| (json!(index), json!("sent_before"));
        assert_eq!(refused, [before(0), before(3)], "{told}");
        let kept = read(&api, &admin, &device_id).await;
        assert_eq!(kept, [3, 2, 1].map(model::Value::U64), "{path}");
        let replayed = again().await;
        assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
        assert_eq!(replayed.body, first.body);
    }
}

#[tokio::test]
async fn an_answer_that_refuses_all_is_kept_for_its_key() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let name = "x".repeat(128);
    let one = json!({"metric": name, "value": 1});
    let samples = json!({"samples": vec![one; 10_000]});
    for replayed in [None, Some("true")] {
        let mut request = request(Method::POST, SAMPLES, Some(&samples));
        let headers = request.headers_mut();
        let bearer = format!("Bearer {}", admin.token);
        headers.insert("authorization", bearer.parse().unwrap());
        headers.insert("idempotency-key", "a".parse().unwrap());
        let answer = api.send(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("idempotency-replayed"), replayed);
        let told = answer.json();
        assert_eq!(told["refused"].as_array().unwrap().len(), 10_000);
        let last = &told["refused"][9_999];
        assert_eq!(
            (&last["reason"], &last["detail"]),
            (&json!("unknown_metric"), &json!(""))
        );
    }
}
