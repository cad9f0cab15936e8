//! Who sends flows, and where they are listened for.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::Answer;
use crate::query::Query;
use axum::Json;
use model::DeviceId;
use model::flow::{FlowExporter, FlowListener};
use serde::Deserialize;

/// Which exporters, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportersQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// address, last_heard_at or flows; with a leading `-` the other way.
    sort: Option<String>,
    /// Only this device's.
    device_id: Option<DeviceId>,
}

/// How listeners are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListenersQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the exporters of flows that were heard since the server started: what they speak, how they
/// sample, which templates are waited for, what was lost.
#[utoipa::path(get, path = "/flows/exporters", tag = "flows", operation_id = "list_flow_exporters",
    params(ExportersQuery),
    responses((status = 200, description = "A page of exporters.", body = Page<FlowExporter>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ExportersQuery>,
) -> Answer<Json<Page<FlowExporter>>> {
    let sort = sort_field(
        query.sort.as_deref(),
        &["address", "last_heard_at", "flows"],
    )?;
    let filters = format!("{:?}", query.device_id);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let standing = granted.services().flows.borrow().clone();
    let rows = standing
        .exporters
        .iter()
        .filter(|row| query.device_id.is_none() || row.device_id == query.device_id)
        .map(|row| {
            let key = match sort.0 {
                "last_heard_at" => Key::Number(row.last_heard_at.unix_ms()),
                "flows" => Key::maybe_number(Some(row.flows)),
                _ => Key::Absent,
            };
            // In the order of their octets, IPv4 first.
            let place = match row.address {
                std::net::IpAddr::V4(address) => format!("4{}", hex::encode(address.octets())),
                std::net::IpAddr::V6(address) => format!("6{}", hex::encode(address.octets())),
            };
            ((key, place), row)
        });
    Ok(Json(paging.take(rows).map(FlowExporter::clone)))
}

/// Lists where flows are listened for.
#[utoipa::path(get, path = "/flows/listeners", tag = "flows", operation_id = "list_flow_listeners",
    params(ListenersQuery),
    responses((status = 200, description = "A page of listeners.", body = Page<FlowListener>)))]
pub(crate) async fn listeners(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ListenersQuery>,
) -> Answer<Json<Page<FlowListener>>> {
    let paging = Paging::new(query.limit, query.cursor.as_deref(), ("id", false), "")?;
    let standing = granted.services().flows.borrow().clone();
    let rows = standing.listeners.iter().map(|row| {
        let place = format!("{} {}", row.protocol, row.address);
        ((Key::Absent, place), row)
    });
    Ok(Json(paging.take(rows).map(FlowListener::clone)))
}
