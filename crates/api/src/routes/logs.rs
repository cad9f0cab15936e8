//! Lines of logs, the latest first.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::search;
use axum::Json;
use model::log_line::LogLine;
use model::{DeviceId, EventId, EventKind, EventRecord, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::events::EventQuery;

/// A line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LogEntry {
    /// Its id.
    id: EventId,
    /// When the server received it: lines are in this order.
    received_at: Timestamp,
    /// Which poller received it.
    vantage: String,
    /// The device that sent it; null where the sender's address is no device's.
    device_id: Option<DeviceId>,
    /// What the device is called now.
    device_name: Option<String>,
    /// The address that sent it.
    #[schema(value_type = String)]
    source: IpAddr,
    /// 0 (emergency) to 7 (debug), by RFC 5424; null where it has none.
    #[schema(minimum = 0, maximum = 7)]
    severity: Option<u8>,
    /// The program and its message: what is searched.
    text: String,
    /// What it says besides; null where the server itself says that it dropped lines of this sender.
    details: Option<LogLine>,
}

/// Which lines, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given. A page may have fewer, even none, and
    /// `next_cursor` nevertheless: it looked at as much as one request may.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Received from this time on.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Received before this time.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Words that are all in the text, in any order and case. A word of three letters or more is
    /// found as the beginning of longer ones, too.
    #[param(max_length = 512)]
    q: Option<String>,
    /// Only of this severity (0 to 7) or a worse one, which has a lower number.
    #[param(minimum = 0, maximum = 7)]
    severity: Option<u8>,
    /// Only from this address.
    #[param(value_type = Option<String>)]
    source: Option<IpAddr>,
}

/// Lists lines of logs, the latest first.
#[utoipa::path(get, path = "/logs", tag = "logs", operation_id = "list_logs",
    params(LogsQuery),
    responses((status = 200, description = "A page of lines.", body = Page<LogEntry>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<LogsQuery>,
) -> Answer<Json<Page<LogEntry>>> {
    if query.severity.is_some_and(|severity| severity > 7) {
        let detail = "it is 0 to 7";
        return Err(Problem::field(Kind::BadQuery, "?severity", detail));
    }
    let text = search::text(query.q)?;
    let filters = format!(
        "{:?}{:?}{:?}{text:?}{:?}{:?}",
        query.device_id, query.from, query.to, query.severity, query.source
    );
    let sort = ("received_at", true);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let after = paging.after().map(|(_, place)| place.parse());
    let Ok(cursor) = after.transpose() else {
        let detail = "it is not one of ours";
        return Err(Problem::field(Kind::BadCursor, "?cursor", detail));
    };
    let asked = EventQuery {
        kind: Some(EventKind::Log),
        device_id: query.device_id,
        source: query.source,
        severity_max: query.severity,
        text,
        from: query.from,
        to: query.to,
        cursor,
        limit: paging.limit(),
    };
    let store = &granted.services().store;
    let read = store.events.query(asked).await;
    let page = read.map_err(|error| Problem::internal("the events", &error))?;
    let next = page.next.map(|next| (Key::Absent, next.to_string()));
    let items = page.items.into_iter().map(|event| {
        let device = event.device_id.and_then(|id| store.inventory.device(id));
        LogEntry::of(event, device.map(|record| record.device.body.name()))
    });
    Ok(Json(paging.going_on(items.collect(), next.as_ref())))
}

impl LogEntry {
    fn of(event: EventRecord, device_name: Option<String>) -> Self {
        Self {
            id: event.id,
            received_at: event.at,
            vantage: event.vantage,
            device_id: event.device_id,
            device_name,
            source: event.source,
            severity: event.severity,
            text: event.text,
            details: serde_json::from_value(event.body).ok(),
        }
    }
}
