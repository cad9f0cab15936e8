//! The stream's two routes: the WebSocket itself, and tickets for those without a cookie.

use crate::auth::gate::{Granted, Listener, permit};
use crate::observe::RequestId;
use crate::problem::{Answer, Kind, Problem};
use crate::stream::connection::{self, CLIENTS_MAX, Connection, Place};
use axum::Json;
use axum::extract::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// A one-time ticket of the stream.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Ticket {
    /// To be given once as `?ticket=` of the stream.
    ticket: String,
    /// When it ends.
    expires_at: Timestamp,
}

/// Opens the stream; `asyncapi.yaml` says what is said on it. Sign in by the session cookie, by a
/// bearer token, or by a one-time ticket.
#[utoipa::path(get, path = "/stream", tag = "stream", operation_id = "open_stream",
    params(("ticket" = Option<String>, Query, description = "A one-time ticket.")),
    responses((status = 101, description = "The stream is open.")))]
pub(crate) async fn open(
    Listener(granted): Listener,
    Extension(request_id): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(Kind::UpgradeRequired, format!("{}.", rejection.body_text()))
            .header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let services = granted.services();
    let metrics = granted.state().stream.clone();
    let place = Place::take(&metrics).ok_or_else(|| {
        Problem::busy(
            format!("{CLIENTS_MAX} streams are open; no more may be."),
            Duration::from_secs(30),
        )
    })?;
    let connection = Connection {
        principal: granted.principal.clone(),
        state: granted.state().clone(),
        request_id: request_id.0,
        clock: services.clock.clone(),
        metrics,
        stop: services.stop.clone(),
    };
    let tasks = services.tasks.clone();
    Ok(connection::bounded(upgrade)
        .on_upgrade(move |socket| tasks.track_future(connection::serve(socket, connection, place)))
        .into_response())
}

/// Gives a ticket that opens one stream within 30 seconds.
#[utoipa::path(post, path = "/stream/tickets", tag = "stream", operation_id = "create_stream_ticket",
    responses((status = 201, description = "The ticket.", body = Ticket)))]
pub(crate) async fn ticket(granted: Granted<permit::ReadInventory>) -> Answer<Response> {
    let now = granted.services().clock.now();
    let (ticket, expires_at) = granted
        .state()
        .tickets
        .issue(&granted.principal, now)
        .map_err(|error| Problem::internal("making a ticket", &error))?;
    Ok((
        axum::http::StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(Ticket { ticket, expires_at }),
    )
        .into_response())
}
