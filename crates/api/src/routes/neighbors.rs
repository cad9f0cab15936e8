//! Neighbours as devices report them.

use super::devices;
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place, sort_field};
use crate::problem::Answer;
use crate::query::{OneOf, PathId, Query};
use axum::Json;
use model::DeviceId;
use model::neighbor::{Neighbor, Protocol};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use store::inventory::DeviceRecord;

/// Which neighbours, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct NeighborsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// local (by device and port), remote_name or last_seen_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only as this device reports them.
    device_id: Option<DeviceId>,
    /// Only heard by these, with commas between.
    #[param(value_type = Option<String>, example = "lldp")]
    protocol: OneOf<Protocol>,
    /// Only where this is part of the local port, the neighbour's name, port, platform or address.
    q: Option<String>,
}

/// Lists neighbours of all devices.
#[utoipa::path(get, path = "/neighbors", tag = "topology", operation_id = "list_neighbors",
    params(NeighborsQuery),
    responses((status = 200, description = "A page of neighbours.", body = Page<Neighbor>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<NeighborsQuery>,
) -> Answer<Json<Page<Neighbor>>> {
    let inventory = &granted.services().store.inventory;
    let records = match query.device_id {
        Some(id) => inventory.device(id).into_iter().collect(),
        None => inventory.devices(),
    };
    page(&query, &records).map(Json)
}

/// Lists the neighbours of a device.
#[utoipa::path(get, path = "/devices/{device_id}/neighbors", tag = "devices", operation_id = "list_device_neighbors",
    params(("device_id" = DeviceId, Path, description = "The device."), NeighborsQuery),
    responses((status = 200, description = "A page of neighbours.", body = Page<Neighbor>)))]
pub(crate) async fn list_of_device(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<NeighborsQuery>,
) -> Answer<Json<Page<Neighbor>>> {
    let record = devices::find(granted.services(), id)?;
    page(&query, &[record]).map(Json)
}

fn page(query: &NeighborsQuery, records: &[Arc<DeviceRecord>]) -> Answer<Page<Neighbor>> {
    let sort = sort_field(
        query.sort.as_deref(),
        &["local", "remote_name", "last_seen_at"],
    )?;
    let filters = format!("{:?}{:?}{:?}", query.device_id, query.protocol, query.q);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let needle = query.q.as_deref().map(str::to_lowercase);
    let rows = records
        .iter()
        .flat_map(|record| record.neighbors.iter())
        .filter(|row| query.protocol.takes(&row.protocol))
        .filter(|row| needle.as_deref().is_none_or(|needle| mentions(row, needle)))
        .map(|row| (place(row, sort.0), row));
    Ok(paging.take(rows).map(Neighbor::clone))
}

fn mentions(row: &Neighbor, needle: &str) -> bool {
    let address = row.remote_address.map(|address| address.to_string());
    [
        row.local_interface.as_deref(),
        row.remote_name.as_deref(),
        row.remote_port.as_deref(),
        row.remote_platform.as_deref(),
        address.as_deref(),
    ]
    .into_iter()
    .flatten()
    .any(|text| text.to_lowercase().contains(needle))
}

fn place(row: &Neighbor, sort: &str) -> Place {
    // A neighbour has no id: the hash of what tells two of them apart stands for it.
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let id = format!(
        "{}|{}|{:?}|{}|{}|{}",
        row.device_id,
        part(&row.local_interface),
        row.protocol,
        part(&row.remote_chassis_id),
        part(&row.remote_name),
        part(&row.remote_port)
    );
    let key = match sort {
        "remote_name" => Key::maybe_text(row.remote_name.as_deref()),
        "last_seen_at" => Key::Number(row.last_seen_at.unix_ms()),
        _ => Key::text(&format!("{}{}", row.device_id, part(&row.local_interface))),
    };
    (key, hex::encode(Sha256::digest(id)))
}
