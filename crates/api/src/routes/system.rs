//! This server itself: what an operator should know, liveness, readiness, metrics, the key set.

use crate::auth::gate::{Granted, Open, Scraper, permit};
use crate::auth::token::Jwk;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::services::{Notice, Readiness, Reason};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// This server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct System {
    /// Its version.
    version: &'static str,
    /// Its time.
    now: Timestamp,
    /// How many devices it has.
    devices: u64,
    /// How many series it has.
    series: u64,
}

/// Whether the server can do its work.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Readiness)]
pub(crate) struct ReadinessAnswer {
    /// Whether it can.
    ready: bool,
    /// What keeps it from its work.
    blocking: Vec<Reason>,
    /// What it does without.
    degraded: Vec<Reason>,
}

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct JwkSet {
    /// The keys that tokens are signed with.
    keys: Vec<Jwk>,
}

/// How the notices are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// place (the order in which they are shown), since or code; with a leading `-` the other way.
    sort: Option<String>,
}

/// Reads about this server.
#[utoipa::path(get, path = "/system", tag = "system", operation_id = "get_system",
    responses((status = 200, description = "This server.", body = System)))]
pub(crate) async fn get(granted: Granted<permit::ReadSystem>) -> Json<System> {
    let services = granted.services();
    Json(System {
        version: services.options.version,
        now: services.clock.now(),
        devices: services.store.inventory.device_count() as u64,
        series: services.series.stats().series,
    })
}

/// Lists what an operator should know about this server, as that ICMP is not permitted.
#[utoipa::path(get, path = "/system/notices", tag = "system", operation_id = "list_notices",
    params(NoticesQuery),
    responses((status = 200, description = "A page of notices.", body = Page<Notice>)))]
pub(crate) async fn notices(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<NoticesQuery>,
) -> Answer<Json<Page<Notice>>> {
    let sort = sort_field(query.sort.as_deref(), &["place", "since", "code"])?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let notices = granted.services().notices.borrow().clone();
    let rows = (0i64..).zip(notices.iter()).map(|(at, notice)| {
        let key = match sort.0 {
            "since" => Key::Number(notice.since.unix_ms()),
            "code" => Key::text(&notice.code),
            _ => Key::Number(at),
        };
        ((key, format!("{at:010}")), notice)
    });
    Ok(Json(paging.take(rows).map(Notice::clone)))
}

/// Says that the process lives.
#[utoipa::path(get, path = "/livez", tag = "system", operation_id = "livez",
    security(()),
    responses((status = 200, description = "It lives.", body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// Says whether the server can do its work, and what it does without.
#[utoipa::path(get, path = "/readyz", tag = "system", operation_id = "readyz",
    security(()),
    responses((status = 200, description = "It can.", body = ReadinessAnswer),
        (status = 503, description = "It cannot; `blocking` says why.", body = ReadinessAnswer)))]
pub(crate) async fn readyz(open: Open) -> Response {
    let Readiness { blocking, degraded } = open.services().readiness.borrow().clone();
    let ready = blocking.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let answer = ReadinessAnswer {
        ready,
        blocking,
        degraded,
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// Shows what the server measures of itself. Needs a sign-in unless the operator opened it.
#[utoipa::path(get, path = "/metrics", tag = "system", operation_id = "metrics",
    responses((status = 200, description = "OpenMetrics.", body = String,
        content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(scraper: Scraper) -> Answer<Response> {
    let mut text = String::new();
    {
        let registry = &scraper.services().registry;
        let registry = registry
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .map_err(|error| Problem::internal("writing metrics", &error))?;
    }
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok((
        [
            (header::CONTENT_TYPE, media_type),
            (header::CACHE_CONTROL, "no-store"),
        ],
        text,
    )
        .into_response())
}

/// Shows the public keys that tokens are signed with.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "jwks",
    security(()),
    responses((status = 200, description = "The keys.", body = JwkSet)))]
pub(crate) async fn jwks(open: Open) -> Json<JwkSet> {
    Json(JwkSet {
        keys: vec![open.services().signer.jwk().clone()],
    })
}

/// Shows this document.
#[utoipa::path(get, path = "/openapi.json", tag = "system", operation_id = "openapi",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(crate) async fn openapi(open: Open) -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        open.state().openapi_json.clone(),
    )
        .into_response()
}
