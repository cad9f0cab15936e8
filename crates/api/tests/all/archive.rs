//! The archive: what it has, the work on it, and what answers say of days that it took.

use crate::harness::{Answer, Api, Client, NOW};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value as Number};
use serde_json::{Value, json};
use std::time::Duration;
use store::series::Batch;

const DAY: Duration = Duration::from_hours(24);
const POLL: Duration = Duration::from_mins(30);

/// Where the day `days` before that of now begins.
fn day(days: u32) -> Timestamp {
    let ms = i64::try_from(DAY.as_millis()).unwrap();
    Timestamp::from_unix_ms(NOW.div_euclid(ms) * ms).minus(DAY * days)
}

/// A device that was polled through the fifth and the fourth day before this one.
async fn measured(api: &Api, admin: &Client<'_>) -> (DeviceId, SeriesId) {
    let body = json!({"address": "192.0.2.1", "interval_secs": 1_800});
    let device = admin.make("/api/v1/devices", body).await;
    let device_id: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let series = &api.services.series;
    let keys = vec![(Metric::ICMP_RTT, Labels::default())];
    let resolved = series.resolve(device_id, keys).await.unwrap()[0];
    for n in 0..96 {
        let batch = Batch {
            device_id,
            at: day(5).plus(POLL * n),
            values: vec![(resolved.column, Number::F64(f64::from(n) / 3.0))],
        };
        series.append(batch).await.unwrap();
    }
    for _ in 0..8 {
        series.maintain().await.unwrap();
    }
    (device_id, resolved.id)
}

/// Waits until a job that was begun is over.
async fn over(admin: &Client<'_>, begun: &Answer) -> Value {
    assert_eq!(begun.status, 202, "{:?}", begun.body);
    let path = begun.header("location").unwrap().to_owned();
    for _ in 0..1_000 {
        let job = admin.get(&path).await.json();
        let state = job["state"].as_str().unwrap();
        if !["waiting", "running"].contains(&state) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the job is not over");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_archived_listed_checked_and_brought_back() {
    let api = Api::archived().await;
    let admin = api.admin().await;
    let (_, id) = measured(&api, &admin).await;
    let standing = admin.get("/api/v1/archive").await.json();
    assert_eq!(
        (&standing["days"], &standing["waiting"]),
        (&json!(0), &json!(2))
    );

    let run = admin.post("/api/v1/archive/runs", &json!({})).await;
    let job = over(&admin, &run).await;
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("archive"), &json!("done")),
        "{job}"
    );
    assert_eq!(
        (&job["result"]["days"], &job["result"]["samples"]),
        (&json!(2), &json!(96))
    );
    let standing = admin.get("/api/v1/archive").await.json();
    assert_eq!(
        (&standing["days"], &standing["waiting"]),
        (&json!(2), &json!(0))
    );
    assert!(
        standing["place"].as_str().unwrap().starts_with("folder "),
        "{standing}"
    );
    assert_eq!(
        (&standing["of_another"], &standing["failing"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(standing["oldest"], json!(day(5)));

    // Paged, the newest first.
    let page = admin.get("/api/v1/archive/days?limit=1").await.json();
    assert_eq!(page["items"][0]["day"], json!(day(4)));
    assert_eq!(page["items"][0]["is_here"], true);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("/api/v1/archive/days?limit=1&cursor={cursor}");
    let page = admin.get(&next).await.json();
    assert_eq!(page["items"][0]["day"], json!(day(5)));
    assert_eq!(page["next_cursor"], Value::Null);
    admin
        .get("/api/v1/archive/days?sort=weight")
        .await
        .problem(400, "bad-query");

    // Retention takes what is archived; what is asked then takes the archive, and says so.
    let policy = json!({"name": "short", "level": "raw", "keep_days": 1});
    admin.make("/api/v1/retention/policies", policy).await;
    let store = &api.services.store;
    let attached = store.inventory.attached();
    let now = Timestamp::from_unix_ms(NOW);
    let pass = store.retention.pass(&api.services.series, attached, now);
    assert_eq!(pass.await.unwrap().gone.samples, 96);
    let days = admin.get("/api/v1/archive/days").await.json();
    assert_eq!(days["items"][0]["is_here"], false, "{days}");
    let samples = format!(
        "/api/v1/series/{id}/samples?from={}&to={}&step_secs=1800&aggregation=stddev",
        day(5),
        day(3)
    );
    let read = admin.get(&samples).await.json();
    assert_eq!(read["level"], "archive", "{read}");
    assert_eq!(read["points"].as_array().unwrap().len(), 96);
    assert_eq!(read.get("notes"), None);
    let body = json!({"match": "icmp_rtt", "from": day(5), "to": day(3), "step_secs": 1_800, "over": {"op": "stddev"}});
    let asked = admin.post("/api/v1/query", &body).await.json();
    assert_eq!(asked["level"], "archive", "{asked}");

    let check = admin.post("/api/v1/archive/checks", &json!({})).await;
    let job = over(&admin, &check).await;
    assert_eq!(
        (&job["state"], &job["result"]["days"]),
        (&json!("done"), &json!(2)),
        "{job}"
    );

    let body = json!({"from": day(5), "to": day(3), "keep_days": 10});
    let restored = admin.post("/api/v1/archive/restores", &body).await;
    let job = over(&admin, &restored).await;
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("restore"), &json!("done")),
        "{job}"
    );
    assert_eq!(job["result"]["samples"], 96);
    assert_eq!(job["result"]["refused"], json!({}));
    let days = admin.get("/api/v1/archive/days").await.json();
    let restored_until = json!(now.plus(DAY * 10));
    assert_eq!(days["items"][0]["is_here"], true);
    assert_eq!(days["items"][0]["restored_until"], restored_until);
    let again = admin.get(&samples).await.json();
    assert_eq!(again["level"], "raw");
    assert_eq!(again["points"], read["points"]);

    // It goes again once that is over and it is archived as it is; where the archive then is gone, what is
    // missing is told.
    let run = admin.post("/api/v1/archive/runs", &json!({})).await;
    assert_eq!(over(&admin, &run).await["result"]["days"], 2);
    let attached = store.inventory.attached();
    let later = now.plus(DAY * 11);
    let pass = store.retention.pass(&api.services.series, attached, later);
    assert_eq!(pass.await.unwrap().gone.samples, 96);
    std::fs::remove_dir_all(store.dir().join("archive")).unwrap();
    let check = admin.post("/api/v1/archive/checks", &json!({})).await;
    assert_eq!(over(&admin, &check).await["state"], "failed");
    let much = samples.replace("step_secs=1800", "step_secs=3600");
    let read = admin.get(&much).await.json();
    if read["level"] != "archive" {
        // What was fetched a moment ago may still be in memory.
        assert_eq!(read["level"], "missing", "{read}");
        assert_eq!(read["notes"].as_array().unwrap().len(), 1, "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_pointed_at() {
    let api = Api::archived().await;
    let admin = api.admin().await;
    for (path, body, pointers) in [
        ("runs", json!({"from": day(2)}), vec!["/to"]),
        ("runs", json!({"to": day(2)}), vec!["/from"]),
        (
            "checks",
            json!({"from": day(2), "to": day(2)}),
            vec!["/from"],
        ),
        (
            "restores",
            json!({"from": day(2), "to": day(1), "keep_days": 0}),
            vec!["/keep_days"],
        ),
        (
            "restores",
            json!({"from": day(1), "to": day(2), "keep_days": 1}),
            vec!["/from"],
        ),
    ] {
        let answer = admin.post(&format!("/api/v1/archive/{path}"), &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), pointers, "{path} {body}");
    }
}

#[tokio::test]
async fn without_an_archive_that_is_said() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for path in ["/api/v1/archive", "/api/v1/archive/days"] {
        admin.get(path).await.problem(409, "conflict");
    }
    let answer = admin.post("/api/v1/archive/runs", &json!({})).await;
    answer.problem(409, "conflict");
}
