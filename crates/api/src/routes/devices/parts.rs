//! What a device says it is made of: addresses, VLANs, processors, memory, storage, sensors,
//! inventory, its system group, and the defects of its answers.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging};
use crate::problem::Answer;
use crate::query::{PathId, Query};
use crate::routes::devices;
use axum::Json;
use model::DeviceId;
use model::facts::{
    AddressFacts, DeviceFacts, Facts, PartFacts, ProcessorFacts, SensorFacts, VlanFacts,
    VolumeFacts,
};
use serde::{Deserialize, Serialize};

/// How the rows are paged; they keep the device's own order.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A kind of defect in a device's answers, and how often it was met since the server started.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Defect {
    /// What was wrong.
    defect: String,
    /// How often.
    count: u64,
}

macro_rules! parts {
    ($($name:ident $path:literal $id:literal $row:ty, $what:literal, $rows:expr;)*) => {
        $(
            #[doc = concat!("Lists the ", $what, " of a device.")]
            #[utoipa::path(get, path = $path, tag = "devices", operation_id = $id,
                summary = concat!("Lists the ", $what, " of a device."),
                params(("device_id" = DeviceId, Path, description = "The device."), PartsQuery),
                responses((status = 200, description = concat!("A page of ", $what, "."), body = Page<$row>)))]
            pub(crate) async fn $name(
                granted: Granted<permit::ReadInventory>,
                PathId(id): PathId<DeviceId>,
                Query(query): Query<PartsQuery>,
            ) -> Answer<Json<Page<$row>>> {
                let record = devices::find(granted.services(), id)?;
                let rows: fn(&Facts) -> &Vec<$row> = $rows;
                page(&query, rows(&record.facts))
            }
        )*
    };
}

parts! {
    addresses "/devices/{device_id}/addresses" "list_device_addresses" AddressFacts, "addresses", |facts| &facts.addresses;
    vlans "/devices/{device_id}/vlans" "list_device_vlans" VlanFacts, "VLANs", |facts| &facts.vlans;
    processors "/devices/{device_id}/processors" "list_device_processors" ProcessorFacts, "processors", |facts| &facts.processors;
    memory "/devices/{device_id}/memory" "list_device_memory" VolumeFacts, "kinds of memory", |facts| &facts.memory;
    storage "/devices/{device_id}/storage" "list_device_storage" VolumeFacts, "volumes", |facts| &facts.storage;
    sensors "/devices/{device_id}/sensors" "list_device_sensors" SensorFacts, "sensors", |facts| &facts.sensors;
    inventory "/devices/{device_id}/inventory" "list_device_inventory" PartFacts, "parts", |facts| &facts.inventory;
}

/// Reads what a device says of itself as a whole.
#[utoipa::path(get, path = "/devices/{device_id}/system", tag = "devices", operation_id = "get_device_system",
    params(("device_id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The system group and what could be told from it.", body = DeviceFacts)))]
pub(crate) async fn system(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
) -> Answer<Json<DeviceFacts>> {
    let record = devices::find(granted.services(), id)?;
    Ok(Json(record.facts.device.clone()))
}

/// Lists the defects of a device's answers since the server started.
#[utoipa::path(get, path = "/devices/{device_id}/defects", tag = "devices", operation_id = "list_device_defects",
    params(("device_id" = DeviceId, Path, description = "The device."), PartsQuery),
    responses((status = 200, description = "A page of defects.", body = Page<Defect>)))]
pub(crate) async fn defects(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<PartsQuery>,
) -> Answer<Json<Page<Defect>>> {
    let record = devices::find(granted.services(), id)?;
    let rows: Vec<Defect> = record
        .state
        .defects
        .iter()
        .map(|(defect, count)| Defect {
            defect: defect.clone(),
            count: *count,
        })
        .collect();
    page(&query, &rows)
}

fn page<T: Clone>(query: &PartsQuery, rows: &[T]) -> Answer<Json<Page<T>>> {
    let paging = Paging::new(query.limit, query.cursor.as_deref(), ("place", false), "")?;
    let rows = (0i64..)
        .zip(rows)
        .map(|(at, row)| ((Key::Number(at), String::new()), row.clone()));
    Ok(Json(paging.take(rows)))
}
