//! What a device says it is made of: addresses, processors, memory, storage, wireless, inventory,
//! routing neighbours, default routes, ARP, its system group, and the defects of its answers. VLANs are
//! in `vlans.rs`, sensors in `sensors.rs`.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::Answer;
use crate::query::{PathId, Query};
use crate::routes::devices::{self, fields};
use axum::Json;
use model::DeviceId;
use model::facts::{
    AddressFacts, ArpFacts, DefaultRouteFacts, DeviceFacts, Facts, PartFacts, ProcessorFacts,
    RoutingNeighborFacts, VolumeFacts, WirelessFacts,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// place (the device's own order), or the name of a field; with a leading `-` the other way.
    pub(super) sort: Option<String>,
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
    ($($name:ident $path:literal $id:literal $row:ty, $what:literal, $rows:expr, $fields:expr;)*) => {
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
                page(&query, "", &$fields, rows(&record.facts))
            }
        )*
    };
}

parts! {
    addresses "/devices/{device_id}/addresses" "list_device_addresses" AddressFacts, "addresses", |facts| &facts.addresses,
        ["address", "prefix_len", "interface"];
    processors "/devices/{device_id}/processors" "list_device_processors" ProcessorFacts, "processors", |facts| &facts.processors,
        ["name", "utilization_percent"];
    memory "/devices/{device_id}/memory" "list_device_memory" VolumeFacts, "kinds of memory", |facts| &facts.memory,
        ["name", "used_bytes", "total_bytes", "used_percent"];
    storage "/devices/{device_id}/storage" "list_device_storage" VolumeFacts, "volumes", |facts| &facts.storage,
        ["name", "used_bytes", "total_bytes", "used_percent"];
    wireless "/devices/{device_id}/wireless" "list_device_wireless" WirelessFacts, "access points, radios and wireless networks", |facts| &facts.wireless,
        ["kind", "name", "access_point", "state", "model", "serial", "channel", "frequency_mhz", "transmit_power_dbm", "clients", "utilization_percent", "noise_dbm"];
    inventory "/devices/{device_id}/inventory" "list_device_inventory" PartFacts, "parts", |facts| &facts.inventory,
        ["index", "contained_in", "class", "name", "model", "serial"];
    routing_neighbors "/devices/{device_id}/routing-neighbors" "list_device_routing_neighbors" RoutingNeighborFacts, "routing neighbours", |facts| &facts.routing_neighbors,
        ["protocol", "remote_address", "remote_id", "remote_as", "state", "local_interface"];
    default_routes "/devices/{device_id}/default-routes" "list_device_default_routes" DefaultRouteFacts, "next hops of the default route", |facts| &facts.default_routes,
        ["destination", "next_hop", "interface", "metric", "protocol"];
    arp "/devices/{device_id}/arp" "list_device_arp" ArpFacts, "neighbours on local networks", |facts| &facts.arp,
        ["address", "mac", "interface"];
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
    page(&query, "", &["defect", "count"], &rows)
}

/// A page of rows. `filters` is what decides which there are.
pub(super) fn page<T: Clone + Serialize>(
    query: &PartsQuery,
    filters: &str,
    fields: &[&str],
    rows: &[T],
) -> Answer<Json<Page<T>>> {
    let mut sorts = vec![PLACE];
    sorts.extend(fields);
    let sort = sort_field(query.sort.as_deref(), &sorts)?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, filters)?;
    let rows = (0i64..).zip(rows).map(|(at, row)| {
        let key = match sort.0 {
            PLACE => Key::Number(at),
            field => key(row, field),
        };
        ((key, format!("{at:010}")), row)
    });
    Ok(Json(paging.take(rows).map(T::clone)))
}

const PLACE: &str = "place";

/// What a field of a row is sorted by, as it is written in the answer.
fn key(row: &impl Serialize, field: &str) -> Key {
    // To a thousandth: percentages and what sensors say.
    const PARTS: f64 = 1_000.0;
    let row = serde_json::to_value(row).unwrap_or_default();
    let Some(value) = row.get(field) else {
        return Key::Absent;
    };
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) if value.is_i64() || value.is_u64() => {
                Key::Number(whole.saturating_mul(1_000))
            }
            _ => Key::measured(number.as_f64(), PARTS),
        },
        Value::String(text) => match text.parse() {
            Ok(address) => Key::Text(fields::address_key(address)),
            Err(_) => Key::text(text),
        },
        _ => Key::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::SensorFacts;

    #[test]
    fn rows_are_sorted_by_what_a_field_says() {
        let sensor = |name: &str, value: Option<f64>| SensorFacts {
            name: Some(name.to_owned()),
            value,
            ..SensorFacts::default()
        };
        let rows = [
            sensor("b", Some(2.5)),
            sensor("A", None),
            sensor("c", Some(-1.0)),
            sensor("d", Some(10.0)),
        ];
        for (sort, expected) in [
            ("place", "b A c d"),
            ("-place", "d c A b"),
            ("name", "A b c d"),
            ("value", "c b d A"),
            ("-value", "d b c A"),
        ] {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let query = PartsQuery {
                    limit: Some(3),
                    cursor,
                    sort: Some(sort.to_owned()),
                };
                let Json(page) = page(&query, "", &["name", "value"], &rows).unwrap();
                found.extend(page.items.into_iter().filter_map(|row| row.name));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found.join(" "), expected, "{sort}");
        }
    }
}
