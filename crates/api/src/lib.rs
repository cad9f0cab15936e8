//! Everything HTTP: the REST API, the stream, sign-in, the OpenAPI document, and the embedded page.
//!
//! Nothing here talks to a device: what must be asked of the network goes to the server as a
//! [`Command`]. Begin with [`services`] (what there is to work with), then `routes` (one file a
//! resource). A request passes `observe`, then `headers`, then its handler, which reaches the
//! services through `auth::gate`.

pub mod auth;
mod body;
mod command;
mod headers;
mod merge;
mod metrics;
mod observe;
mod openapi;
mod page;
mod problem;
mod query;
mod rates;
mod revision;
mod routes;
mod sampling;
pub mod services;
mod site;
mod state;
mod store_problem;
pub mod stream;

pub use command::{Command, DiscoveryRefused};
pub use openapi::openapi;
pub use page::is_cursor;
pub use problem::FieldError;
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
    routes
        .merge(docs)
        .fallback(site::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(body::BODY_LEN_MAX))
        .layer(CompressionLayer::new().gzip(true))
        .layer(CatchPanicLayer::custom(of_panic))
        .layer(from_fn(headers::add))
        .layer(from_fn_with_state(observed, observe::observe))
        .with_state(app)
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
