//! What is answered before the server is started: that it lives, and what it is at. A store that
//! recovers after a crash may take seconds, in which whoever asks should hear why it waits.

use api::{Readiness, Reason};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, OnceLock};
use tower::ServiceExt as _;

/// What the server is at until the API answers.
const STARTING: &str = "the store is being opened, and what was not yet sealed is read back";

/// All requests come through here: to the API once it is there, else to a word about the start.
#[derive(Clone, Default)]
pub(super) struct Front(Arc<OnceLock<Router>>);

impl Front {
    /// The router to serve.
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// From now on the API answers.
    pub(super) fn open(&self, api: Router) {
        // Opened once, at the end of the start.
        let _ = self.0.set(api);
    }
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    if let Some(api) = front.0.get() {
        return match api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    match request.uri().path() {
        "/livez" => StatusCode::OK.into_response(),
        "/readyz" => starting(),
        path => not_yet(path),
    }
}

/// The problem that everything else is answered with, as `api` would word it (RFC 9457).
fn not_yet(path: &str) -> Response {
    let body = serde_json::json!({
        "type": "https://foretell.dev/problems/starting",
        "title": "The server is starting",
        "status": 503,
        "detail": STARTING,
        "instance": path,
        "request_id": null,
        "errors": [],
    });
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::RETRY_AFTER, "1"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
}

fn starting() -> Response {
    let reason = Reason {
        part: "store".to_owned(),
        detail: STARTING.to_owned(),
    };
    let readiness = Readiness {
        blocking: vec![reason],
        degraded: Vec::new(),
    };
    let body = serde_json::json!({
        "ready": false,
        "blocking": readiness.blocking,
        "degraded": readiness.degraded,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::RETRY_AFTER, "1"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;

    async fn status(front: &Front, path: &str) -> u16 {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        front
            .router()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    #[tokio::test]
    async fn the_start_is_told_until_the_api_is_there() {
        let front = Front::default();
        assert_eq!(status(&front, "/livez").await, 200);
        assert_eq!(status(&front, "/readyz").await, 503);
        assert_eq!(status(&front, "/api/v1/devices").await, 503);
        front.open(Router::new().route("/readyz", get(|| async { "ready" })));
        assert_eq!(status(&front, "/readyz").await, 200);
        assert_eq!(status(&front, "/api/v1/devices").await, 404);
    }
}
