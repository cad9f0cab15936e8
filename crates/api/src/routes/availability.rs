//! How much of a range devices and interfaces were there; the formula is `topology::availability`'s.

use super::status_history::RANGE_DEFAULT;
use super::{devices, interfaces};
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place, sort_field};
use crate::past::PastReader;
use crate::problem::Answer;
use crate::query::{OneOf, PathId, Query};
use crate::sampling::{Span, Where, in_time};
use crate::services::Services;
use crate::turns::Turn;
use axum::Json;
use model::history::Availability;
use model::{DeviceId, InterfaceId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use store::inventory::DeviceRecord;
use topology::availability::sum_up;

/// Availability of a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeviceAvailability {
    /// The device.
    device_id: DeviceId,
    /// What people call it.
    name: String,
    /// The site it belongs to.
    site: Option<String>,
    /// How it is now.
    status: Status,
    /// Over the range.
    #[serde(flatten)]
    availability: Availability,
}

/// Availability of an interface.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InterfaceAvailability {
    /// The interface.
    interface_id: InterfaceId,
    /// Whose it is.
    device_id: DeviceId,
    /// Its name.
    name: String,
    /// Over the range.
    #[serde(flatten)]
    availability: Availability,
}

/// Over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AvailabilityQuery {
    /// Where the range begins; 30 days before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given, and at the latest.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Over which range, of which devices, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AvailabilitiesQuery {
    /// Where the range begins; 30 days before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given, and at the latest.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Only of these sites, with commas between.
    #[param(value_type = Option<String>)]
    site: OneOf<String>,
    /// Only with any of these tags, with commas between.
    #[param(value_type = Option<String>)]
    tag: OneOf<String>,
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before. Give `from` and `to` with it, so that all pages are of one
    /// range.
    cursor: Option<String>,
    /// up_ratio (the worst first, the default), available_ratio, down_secs, outages or name; with a
    /// leading `-` the other way.
    sort: Option<String>,
}

const SORTS: [&str; 5] = [
    "up_ratio",
    "available_ratio",
    "down_secs",
    "outages",
    "name",
];

/// Reads the availability of a device.
#[utoipa::path(get, path = "/devices/{device_id}/availability", tag = "devices", operation_id = "get_device_availability",
    params(("device_id" = DeviceId, Path, description = "The device."), AvailabilityQuery),
    responses((status = 200, description = "Its availability.", body = DeviceAvailability)))]
pub(crate) async fn of_device(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<AvailabilityQuery>,
) -> Answer<Json<DeviceAvailability>> {
    let services = granted.services().clone();
    let record = devices::find(&services, id)?;
    let span = span(query.from, query.to, services.clock.now())?;
    let work = move || -> Answer<DeviceAvailability> {
        let reader = PastReader::new(&services.store.history, span.range())?;
        let device = &record.device.body;
        let past = reader.device(device, false)?;
        Ok(DeviceAvailability {
            device_id: id,
            name: device.name(),
            site: device.typed.site.clone(),
            status: record.state.status,
            availability: sum_up(span.range(), &past.pieces, false),
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

/// Reads the availability of an interface. Time in which it was shut on purpose, and in which its
/// device did not answer, takes no part.
#[utoipa::path(get, path = "/interfaces/{interface_id}/availability", tag = "interfaces", operation_id = "get_interface_availability",
    params(("interface_id" = InterfaceId, Path, description = "The interface."), AvailabilityQuery),
    responses((status = 200, description = "Its availability.", body = InterfaceAvailability)))]
pub(crate) async fn of_interface(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<InterfaceId>,
    Query(query): Query<AvailabilityQuery>,
) -> Answer<Json<InterfaceAvailability>> {
    let (record, interface) = interfaces::find(&granted, id)?;
    let services = granted.services().clone();
    let span = span(query.from, query.to, services.clock.now())?;
    let work = move || -> Answer<InterfaceAvailability> {
        let reader = PastReader::new(&services.store.history, span.range())?;
        let pieces = reader.interface(&record.device.body, &interface)?;
        Ok(InterfaceAvailability {
            interface_id: id,
            device_id: interface.device_id,
            name: interface.name.clone(),
            availability: sum_up(span.range(), &pieces, true),
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

/// Lists the availability of devices, the worst first.
#[utoipa::path(get, path = "/availability", tag = "devices", operation_id = "list_availability",
    params(AvailabilitiesQuery),
    responses((status = 200, description = "A page of devices with their availability.", body = Page<DeviceAvailability>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AvailabilitiesQuery>,
) -> Answer<Json<Page<DeviceAvailability>>> {
    let services = granted.services().clone();
    let span = span(query.from, query.to, services.clock.now())?;
    let sort = sort_field(query.sort.as_deref(), &SORTS)?;
    let filters = format!("{:?}{:?}{:?}", query.from, query.site, query.tag);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    // The next page, or another order, is of the same sums.
    let question = format!("{filters}{:?}", query.to);
    let state = granted.state();
    let sums = match state.availability.turn(&question).await? {
        Turn::Answered(sums) => sums,
        Turn::Yours(turn) => {
            // All devices are looked at for the worst of them: nobody waits longer than this.
            let until = Instant::now() + services.options.request_timeout;
            let work = move || {
                let _turn = turn;
                sums(&services, span, &query.site, &query.tag, until)
            };
            let sums = state.blocking(work).await??;
            state.availability.answered(question, sums)
        }
    };
    let rows = sums.iter().map(|sum| (place(sum, sort.0), sum));
    Ok(Json(paging.take(rows).map(|sum| {
        let device = &sum.record.device.body;
        DeviceAvailability {
            device_id: device.id,
            name: device.name(),
            site: device.typed.site.clone(),
            status: sum.record.state.status,
            availability: sum.availability,
        }
    })))
}

/// A device and its sum.
pub(crate) struct Sum {
    record: Arc<DeviceRecord>,
    availability: Availability,
}

fn sums(
    services: &Services,
    span: Span,
    site: &OneOf<String>,
    tag: &OneOf<String>,
    until: Instant,
) -> Answer<Vec<Sum>> {
    let reader = PastReader::new(&services.store.history, span.range())?;
    let records = services.store.inventory.devices().into_iter();
    records
        .filter(|record| devices::list::belongs(&record.device.body, site, tag))
        .map(|record| {
            in_time(until)?;
            let past = reader.device(&record.device.body, false)?;
            Ok(Sum {
                availability: sum_up(span.range(), &past.pieces, false),
                record,
            })
        })
        .collect()
}

fn span(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Answer<Span> {
    Span::past(from, to, now, RANGE_DEFAULT, Where::Query)
}

fn place(
    Sum {
        record,
        availability,
    }: &Sum,
    sort: &str,
) -> Place {
    let (device, sum) = (&record.device.body, availability);
    // A billionth: a tenth of a second in three years.
    #[allow(clippy::cast_possible_truncation)]
    let ratio = |share: Option<f64>| Key::maybe_number(share.map(|share| (share * 1e9) as i64));
    #[allow(clippy::cast_possible_truncation)]
    let millis = |secs: f64| Key::Number((secs * 1_000.0) as i64);
    let key = match sort {
        "available_ratio" => ratio(sum.available_ratio),
        "down_secs" => millis(sum.down_secs),
        "outages" => Key::maybe_number(Some(sum.outages)),
        "name" => Key::text(&device.name()),
        _ => ratio(sum.up_ratio),
    };
    (key, device.id.to_string())
}
