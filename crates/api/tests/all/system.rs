//! The server about itself: life, readiness, metrics, notices.

use crate::harness::{Api, request};
use axum::http::Method;
use foretell_api::{Notice, Options, Readiness, Reason};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn readiness_has_its_reasons() {
    let api = Api::new().await;
    let get = |path| api.send(request(Method::GET, path, None));
    assert_eq!(get("/livez").await.status, 200);
    let answer = get("/readyz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["ready"].clone()),
        (200, json!(true))
    );
    let reason = Reason {
        part: "store".to_owned(),
        detail: "the disk is full".to_owned(),
    };
    api.ready.send_replace(Readiness {
        blocking: vec![reason.clone()],
        degraded: Vec::new(),
    });
    let answer = get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["blocking"][0]["part"], "store");
    assert_eq!(get("/livez").await.status, 200);
}

#[tokio::test]
async fn metrics_are_openmetrics_and_name_routes() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let nobody = "01931f5e-0000-7000-8000-000000000001";
    admin.get(&format!("/api/v1/devices/{nobody}")).await;
    let answer = admin.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.ends_with("# EOF\n"));
    let line = "foretell_http_requests_total{route=\"/api/v1/devices/{device_id}\",method=\"GET\",status=\"404\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains(nobody));
    assert!(text.contains("foretell_http_request_duration_seconds_bucket"));

    let open = Api::with(Options {
        open_metrics: true,
        ..Options::default()
    })
    .await;
    assert_eq!(
        open.send(request(Method::GET, "/metrics", None))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn notices_are_listed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let notice = Notice {
        code: "icmp_not_permitted".to_owned(),
        message: "ICMP is not permitted here.".to_owned(),
        since: api.services.clock.now(),
    };
    api.notices.send_replace(Arc::new(vec![notice]));
    let page = admin.get("/api/v1/system/notices").await.json();
    assert_eq!(page["items"][0]["code"], "icmp_not_permitted");
    let system = admin.get("/api/v1/system").await.json();
    assert_eq!(system["devices"], 0);
}
