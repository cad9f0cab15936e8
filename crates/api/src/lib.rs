//! Everything HTTP: the REST API, the stream, sign-in, the OpenAPI document, and the embedded page.
//!
//! Nothing here talks to a device: what must be asked of the network goes to the server as a
//! [`Command`]. Begin with [`services`] (what there is to work with), then `routes` (one file a
//! resource). A request passes `observe`, then `headers`, then `once` where it has an idempotency
//! key, then its handler, which reaches the services through `auth::gate`.

pub mod archive;
pub mod auth;
mod body;
mod candidates;
mod command;
mod exchange;
pub mod expected;
mod flows;
pub mod foresight;
mod headers;
pub mod import;
mod jobs;
mod limits;
mod maintenance;
mod merge;
mod metrics;
mod observe;
mod once;
mod openapi;
mod page;
mod past;
mod problem;
mod query;
mod rates;
mod report;
mod revision;
mod routes;
mod sampling;
mod search;
pub mod services;
mod site;
mod state;
mod store_problem;
pub mod stream;
mod text;
mod top;
mod turns;
pub mod workbench;

pub use command::{BackupRefused, Command, DiscoveryRefused, WebhookBusy};
pub use openapi::openapi;
pub use page::is_cursor;
pub use problem::FieldError;
pub use routes::health::{HEALTH_INTERVAL_SECS, assess};
pub use routes::retention::preview::RetentionPreview;
pub use services::{Notice, Options, Readiness, Reason, Services, SharedRegistry};

use auth::gate::App;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use problem::{Kind, Problem};
use state::State;
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The whole of HTTP over these services.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that sign-ins are
/// limited by where they come from.
pub fn router(services: Services) -> axum::Router {
    let (routes, document) = openapi::with_routes();
    let json = serde_json::to_vec(&document).expect("an OpenAPI document is JSON");
    let app = App::new(State::new(services, json.into()));
    let observed = app.observed();
    // Served from here and not from elsewhere: the document may be read without a network.
    let docs = SwaggerUi::new("/docs").config(
        Config::from("/openapi.json")
            .persist_authorization(false)
            .validator_url("none"),
    );
    let routes = routes
        .merge(docs)
        .fallback(site::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), once::once));
    around(routes, observed).with_state(app)
}

/// What every request passes through, from the last line up.
fn around<S: Clone + Send + Sync + 'static>(
    routes: axum::Router<S>,
    observed: observe::Observed,
) -> axum::Router<S> {
    routes
        .layer(DefaultBodyLimit::max(body::BODY_LEN_MAX))
        .layer(CompressionLayer::new().gzip(true))
        .layer(CatchPanicLayer::custom(of_panic))
        .layer(from_fn(headers::add))
        .layer(from_fn_with_state(observed, observe::observe))
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        "The path is there, and does not take this method.",
    )
}

/// A defect of ours costs one request.
// The layer hands it over.
#[allow(clippy::needless_pass_by_value)]
fn of_panic(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("nothing");
    tracing::error!(said, "a handler panicked");
    Problem::new(
        Kind::Internal,
        "The server's log says more under this request's id.",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use prometheus_client::registry::Registry;
    use std::time::Duration;
    use tower::ServiceExt as _;

    async fn panics() -> &'static str {
        panic!("the pass phrase is hunter2")
    }

    async fn answer(path: &str) -> serde_json::Value {
        let observed = observe::Observed {
            metrics: metrics::HttpMetrics::register(&mut Registry::default()),
            request_timeout: Duration::from_millis(50),
        };
        let routes = axum::Router::new()
            .route("/panics", get(panics))
            .route("/hangs", get(std::future::pending::<()>));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = around(routes, observed).oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_and_says_nothing() {
        let problem = answer("/panics").await;
        assert_eq!(problem["status"], 500);
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    #[tokio::test]
    async fn what_hangs_is_ended() {
        assert_eq!(answer("/hangs").await["status"], 504);
    }
}
