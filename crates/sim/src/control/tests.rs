use super::*;
use crate::scenario::Scenario;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use model::{Clock, Timestamp};
use tower::ServiceExt as _;

fn simulation() -> Arc<Simulation> {
    let scenario = Scenario {
        devices: 12,
        ..Scenario::default()
    };
    let clock = Clock::new(|| Timestamp::from_unix_ms(1_795_000_000_000));
    Simulation::new(&scenario, clock).unwrap()
}

async fn ask(
    simulation: &Arc<Simulation>,
    method: &str,
    path: &str,
    body: &str,
) -> (StatusCode, String, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let router = router(Arc::clone(simulation), 1161);
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE]
        .to_str()
        .unwrap()
        .to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_fault_is_added_shown_and_ended() {
    let simulation = simulation();
    let body = r#"{"kind": "link-down", "target": "core-1 edge-1", "for": "5m"}"#;
    let (status, _, fault) = ask(&simulation, "POST", "/faults", body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&fault["id"], &fault["state"]),
        (&json!(1), &json!("active"))
    );
    assert_eq!(
        (&fault["for"], &fault["target"]),
        (&json!("5m"), &json!("core-1 edge-1"))
    );
    let (_, _, device) = ask(&simulation, "GET", "/devices/edge-1", "").await;
    let down = device["ports"].as_array().unwrap().iter().filter(|port| {
        port["up"] == json!(false) && port["plugged"].as_str().unwrap().contains("core-1")
    });
    assert_eq!(down.count(), 1);
    let (_, _, list) = ask(&simulation, "GET", "/faults", "").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let (status, _, ended) = ask(&simulation, "DELETE", "/faults/1", "").await;
    assert_eq!((status, &ended["state"]), (StatusCode::OK, &json!("over")));
    let (_, _, again) = ask(&simulation, "GET", "/faults/1", "").await;
    assert_eq!(again["state"], json!("over"));
}

#[tokio::test]
async fn what_is_wrong_is_told_by_field() {
    let simulation = simulation();
    for (body, status, pointer, words) in [
        ("{", 400, None, "no JSON"),
        ("[]", 400, None, "no object"),
        (
            r#"{"knd": "silent"}"#,
            422,
            Some("/knd"),
            "did you mean `kind`?",
        ),
        (
            r#"{"kind": "silent", "target": "core-9"}"#,
            422,
            Some("/target"),
            "no device",
        ),
        (
            r#"{"kind": "loss", "target": "core-1", "ratio": 3}"#,
            422,
            Some("/ratio"),
            "0 to 1",
        ),
        (
            r#"{"kind": "loss", "target": "core-1", "ratio": "x"}"#,
            422,
            Some("/ratio"),
            "f64",
        ),
        (
            r#"{"kind": "silent", "target": "core-1", "for": "ever"}"#,
            422,
            Some("/for"),
            "duration",
        ),
        (
            r#"{"kind": "silent", "target": "core-1", "at": "-5m"}"#,
            422,
            Some("/at"),
            "past",
        ),
        (r#"{"target": "core-1"}"#, 422, Some("/kind"), "missing"),
    ] {
        let (found, kind, problem) = ask(&simulation, "POST", "/faults", body).await;
        assert_eq!(found.as_u16(), status, "{body}");
        assert_eq!(kind, "application/problem+json");
        let first = &problem["errors"][0];
        assert_eq!(first["pointer"].as_str(), pointer, "{body}");
        assert!(problem.to_string().contains(words), "{problem}");
    }
    for (method, path, status) in [
        ("GET", "/faults/7", 404),
        ("DELETE", "/faults/x", 404),
        ("GET", "/devices/nobody", 404),
        ("GET", "/elsewhere", 404),
        ("PUT", "/faults", 405),
    ] {
        let (found, kind, _) = ask(&simulation, method, path, "").await;
        assert_eq!(found.as_u16(), status, "{method} {path}");
        assert_eq!(kind, "application/problem+json");
    }
}

#[tokio::test]
async fn the_network_and_the_time_are_shown() {
    let simulation = simulation();
    let (_, _, network) = ask(&simulation, "GET", "/network", "").await;
    assert_eq!(network["nodes"].as_array().unwrap().len(), 12);
    let links = network["links"].as_array().unwrap();
    assert_eq!(links.len(), simulation.network().links().len());
    let known = |end: &Value| {
        let name = end["node"].as_str().unwrap();
        simulation.network().by_name(name).is_some()
    };
    assert!(
        links
            .iter()
            .all(|link| known(&link["a"]) && known(&link["b"]))
    );
    let (_, _, time) = ask(&simulation, "GET", "/time", "").await;
    assert_eq!(time["now"], json!("2026-11-18T11:06:40.000Z"));
    let (_, _, index) = ask(&simulation, "GET", "/", "").await;
    assert!(index["kinds"].as_array().unwrap().len() > 10);
}
