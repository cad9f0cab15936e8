//! How a device or an interface was: intervals of a range, the latest first.

use super::{devices, interfaces};
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::past::PastReader;
use crate::problem::Answer;
use crate::query::{PathId, Query};
use crate::sampling::{Span, Where};
use axum::Json;
use model::history::IfStates;
use model::interface::IfStatus;
use model::status::Evidence;
use model::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use topology::availability::{Piece, State};

/// The range where none is asked for: what an operator looks back over.
pub(super) const RANGE_DEFAULT: Duration = Duration::from_hours(24 * 30);

/// How something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PastStatus {
    /// Well.
    Up,
    /// In part.
    Degraded,
    /// Not at all.
    Down,
    /// Not measured: the server was stopped, had just started, or was behind; of an interface also
    /// where its device did not answer.
    Unknown,
    /// An interface was shut on purpose: ifAdminStatus is not up.
    Shut,
}

impl PastStatus {
    fn of(state: State) -> Self {
        match state {
            State::Up => Self::Up,
            State::Degraded => Self::Degraded,
            State::Down => Self::Down,
            State::Unknown => Self::Unknown,
            State::Shut => Self::Shut,
        }
    }
}

/// A time in which a device was one way.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeviceInterval {
    /// From when; held at the beginning of the range.
    from: Timestamp,
    /// Until when; held at the end of the range.
    to: Timestamp,
    /// Its length in seconds.
    secs: f64,
    /// How it was.
    status: PastStatus,
    /// Whether an operator worked on it.
    maintenance: bool,
    /// Whether this is how it is now.
    ongoing: bool,
    /// Why we say so: the outcome of each check when this was first seen.
    evidence: Vec<Evidence>,
}

/// A time in which an interface was one way.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InterfaceInterval {
    /// From when; held at the beginning of the range.
    from: Timestamp,
    /// Until when; held at the end of the range.
    to: Timestamp,
    /// Its length in seconds.
    secs: f64,
    /// How it was.
    status: PastStatus,
    /// Whether an operator worked on its device.
    maintenance: bool,
    /// Whether this is how it is now.
    ongoing: bool,
    /// ifOperStatus; null where it was not read.
    oper_status: Option<IfStatus>,
    /// ifAdminStatus; null where it was not read.
    admin_status: Option<IfStatus>,
}

/// Over which range, and how the intervals are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatusHistoryQuery {
    /// Where the range begins; 30 days before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given, and at the latest.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before. It belongs to its range: give `from` and `to` with it.
    cursor: Option<String>,
    /// -from (the latest first) or from; -from where it is not given.
    sort: Option<String>,
}

/// Lists how a device was.
#[utoipa::path(get, path = "/devices/{device_id}/status-history", tag = "devices", operation_id = "list_device_status_history",
    params(("device_id" = DeviceId, Path, description = "The device."), StatusHistoryQuery),
    responses((status = 200, description = "A page of intervals without a gap between.", body = Page<DeviceInterval>)))]
pub(crate) async fn of_device(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<StatusHistoryQuery>,
) -> Answer<Json<Page<DeviceInterval>>> {
    let services = granted.services().clone();
    let record = devices::find(&services, id)?;
    let now = services.clock.now();
    let (span, paging) = asked(&query, now)?;
    let work = move || -> Answer<Page<DeviceInterval>> {
        let reader = PastReader::new(&services.store.history, span.range())?;
        let past = reader.device(&record.device.body, true)?;
        let rows = past.pieces.iter().map(|piece| (place(piece), piece));
        Ok(paging.take(rows).map(|piece| DeviceInterval {
            from: piece.range.from,
            to: piece.range.to,
            secs: secs(piece),
            status: PastStatus::of(piece.state),
            maintenance: piece.maintenance,
            ongoing: piece.range.to == now,
            evidence: piece
                .basis
                .and_then(|row| past.found.get(row))
                .map(|row| row.evidence.clone())
                .unwrap_or_default(),
        }))
    };
    granted.state().blocking(work).await?.map(Json)
}

/// Lists how an interface was.
#[utoipa::path(get, path = "/interfaces/{interface_id}/status-history", tag = "interfaces", operation_id = "list_interface_status_history",
    params(("interface_id" = InterfaceId, Path, description = "The interface."), StatusHistoryQuery),
    responses((status = 200, description = "A page of intervals without a gap between.", body = Page<InterfaceInterval>)))]
pub(crate) async fn of_interface(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<InterfaceId>,
    Query(query): Query<StatusHistoryQuery>,
) -> Answer<Json<Page<InterfaceInterval>>> {
    let (record, interface) = interfaces::find(&granted, id)?;
    let services = granted.services().clone();
    let now = services.clock.now();
    let (span, paging) = asked(&query, now)?;
    let work = move || -> Answer<Page<InterfaceInterval>> {
        let reader = PastReader::new(&services.store.history, span.range())?;
        let pieces = reader.interface(&record.device.body, &interface)?;
        let rows = pieces.iter().map(|piece| (place(piece), piece));
        Ok(paging.take(rows).map(|piece| {
            let IfStates { oper, admin } = piece.basis.unwrap_or_default();
            InterfaceInterval {
                from: piece.range.from,
                to: piece.range.to,
                secs: secs(piece),
                status: PastStatus::of(piece.state),
                maintenance: piece.maintenance,
                ongoing: piece.range.to == now,
                oper_status: oper,
                admin_status: admin,
            }
        }))
    };
    granted.state().blocking(work).await?.map(Json)
}

fn asked(query: &StatusHistoryQuery, now: Timestamp) -> Answer<(Span, Paging)> {
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    let sort = sort_field(query.sort.as_deref().or(Some("-from")), &["from"])?;
    // Where `to` moves with the clock, a page still begins where the one before ended.
    let filters = format!("{:?}", query.from);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    Ok((span, paging))
}

fn place<T>(piece: &Piece<T>) -> (Key, String) {
    (Key::Number(piece.range.from.unix_ms()), String::new())
}

fn secs<T>(piece: &Piece<T>) -> f64 {
    piece.range.to.since(piece.range.from).as_secs_f64()
}
