//! Schedules of discoveries as a resource; that they run is the server's affair.

use crate::harness::{Api, NOW};
use model::schedule::ScheduleState;
use model::{DiscoveryId, ScheduleId, Timestamp};
use serde_json::json;

const PATH: &str = "/api/v1/discovery-schedules";

#[tokio::test]
async fn a_schedule_is_made_read_changed_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({
        "name": " nightly ", "request": {"targets": ["192.0.2.0/24"], "register": false},
        "daily_at": "03:30",
    });
    let answer = admin.post(PATH, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let (made, etag) = (answer.json(), answer.header("etag").unwrap().to_owned());
    assert_eq!(made["name"], "nightly");
    assert_eq!(
        (&made["daily_at"], &made["every_secs"]),
        (&json!("03:30"), &json!(null))
    );
    assert_eq!(
        (&made["enabled"], &made["keep_runs"]),
        (&json!(true), &json!(10))
    );
    assert_eq!(made["request"]["register"], false);
    assert_eq!(
        made["request"]["methods"],
        json!(["icmp", "snmp", "neighbors"])
    );
    assert_eq!(made["last_run_at"], json!(null));
    api.asked("ScheduleChanged").await;

    // A run does not make an operator's edit stale.
    let id: ScheduleId = made["id"].as_str().unwrap().parse().unwrap();
    let run = DiscoveryId::new();
    let state = ScheduleState {
        next_run_at: Some(Timestamp::from_unix_ms(NOW + 60_000)),
        last_run_at: Some(Timestamp::from_unix_ms(NOW)),
        last_discovery_id: Some(run),
        last_problem: None,
    };
    let schedules = &api.services.store.schedules;
    schedules.set_state(id, &state).await.unwrap();
    let answer = admin.get(&path).await;
    assert_eq!(answer.header("etag"), Some(etag.as_str()));
    let read = answer.json();
    assert_eq!(read["last_discovery_id"], run.to_string());
    assert_eq!(read["next_run_at"], "2026-03-01T12:01:00.000Z");

    let change = json!({"every_secs": 3600, "enabled": false});
    let answer = admin.patch(&path, Some(&etag), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let changed = answer.json();
    assert_eq!(
        (&changed["every_secs"], &changed["daily_at"]),
        (&json!(3600), &json!(null))
    );
    assert_eq!(changed["next_run_at"], json!(null), "it is not enabled");
    let stale = admin.patch(&path, Some(&etag), &json!({"name": "x"})).await;
    stale.problem(412, "stale");
    let etag = answer.header("etag").unwrap();
    admin
        .delete(&path, None)
        .await
        .problem(428, "precondition-required");
    assert_eq!(admin.delete(&path, Some(etag)).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
    assert_eq!(schedules.state(id).await.unwrap(), ScheduleState::default());
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let request = json!({"targets": ["192.0.2.1"]});
    let good = json!({"name": "a", "request": request, "every_secs": 300});
    let made = admin.make(PATH, good.clone()).await;
    for (body, pointers) in [
        (
            json!({"name": "", "request": request, "every_secs": 299}),
            vec!["/every_secs", "/name"],
        ),
        (
            json!({"name": "b", "request": request}),
            vec!["/every_secs"],
        ),
        (
            json!({"name": "b", "request": request, "every_secs": 300, "daily_at": "03:00"}),
            vec!["/every_secs"],
        ),
        (
            json!({"name": "b", "request": request, "daily_at": "24:00"}),
            vec!["/daily_at"],
        ),
        (
            json!({"name": "b", "request": {"targets": []}, "every_secs": 300, "keep_runs": 0}),
            vec!["/keep_runs", "/request/targets"],
        ),
        (
            json!({"name": "b", "request": {"targets": ["192.0.2.1"], "methods": ["neighbors"]}, "every_secs": 300}),
            vec!["/request/methods"],
        ),
        (
            json!({"name": "b", "request": {"targets": ["192.0.2.1", "nonsense"]}, "every_secs": 300}),
            vec!["/request/targets/1"],
        ),
        (
            json!({"name": "b", "request": {"targets": 7}, "every_secs": 300}),
            vec!["/request/targets"],
        ),
    ] {
        let answer = admin.post(PATH, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    let twice = admin.post(PATH, &good).await;
    twice.problem(409, "conflict");
    assert_eq!(twice.pointers(), ["/name"]);
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    for (body, pointer) in [
        (json!({"every_secs": null}), "/every_secs"),
        (json!({"name": null}), "/name"),
        (
            json!({"request": {"targets": ["nonsense"]}}),
            "/request/targets/0",
        ),
        (json!({"keep_runs": 51}), "/keep_runs"),
    ] {
        let answer = admin.patch(&path, Some("*"), &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}

#[tokio::test]
async fn schedules_are_listed_and_run_now() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (name, enabled) in [("b", true), ("A", false), ("c", true)] {
        let request = json!({"targets": ["192.0.2.1"]});
        let body = json!({"name": name, "request": request, "every_secs": 600, "enabled": enabled});
        admin.make(PATH, body).await;
    }
    for (query, wanted) in [
        ("", vec!["A", "b", "c"]),
        ("?sort=-name&limit=2", vec!["c", "b"]),
        ("?enabled=false", vec!["A"]),
    ] {
        let page = admin.get(&format!("{PATH}{query}")).await.json();
        let rows = page["items"].as_array().unwrap().iter();
        let names: Vec<_> = rows.map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, wanted, "{query}");
    }
    let page = admin.get(PATH).await.json();
    let path = format!("{PATH}/{}/run", page["items"][0]["id"].as_str().unwrap());
    let answer = admin
        .call(axum::http::Method::POST, &path, None, None)
        .await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/api/v1/discoveries/")
    );
    let missing = format!("{PATH}/{}/run", ScheduleId::new());
    let answer = admin
        .call(axum::http::Method::POST, &missing, None, None)
        .await;
    answer.problem(404, "not-found");
    // Runs of a schedule can be picked from the list of all.
    let of = page["items"][0]["id"].as_str().unwrap();
    let runs = admin
        .get(&format!("/api/v1/discoveries?schedule_id={of}"))
        .await
        .json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    let other = page["items"][1]["id"].as_str().unwrap();
    let runs = admin
        .get(&format!("/api/v1/discoveries?schedule_id={other}"))
        .await
        .json();
    assert_eq!(runs["items"], json!([]));
    // A page goes on with the schedule that it began with.
    let run = admin.call(axum::http::Method::POST, &path, None, None);
    assert_eq!(run.await.status, 202);
    let list = "/api/v1/discoveries?limit=1&schedule_id=";
    let first = admin.get(&format!("{list}{of}")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("{list}{of}&cursor={cursor}")).await;
    assert_eq!(second.json()["items"].as_array().unwrap().len(), 1);
    let elsewhere = admin.get(&format!("{list}{other}&cursor={cursor}")).await;
    assert_eq!(elsewhere.status, 400, "{:?}", elsewhere.body);
}
