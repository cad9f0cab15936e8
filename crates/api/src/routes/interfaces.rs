//! Interfaces: of the whole network and of one device, with what they carry now.

use super::devices;
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place, sort_field};
use crate::problem::{Answer, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::rates::board::Look;
use crate::rates::{Owned, RateReader, Rates};
use axum::Json;
use model::facts::StpState;
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::inventory::DeviceRecord;

/// An interface, and what it carries now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Interface)]
pub(crate) struct InterfaceResource {
    /// The id; kept when the agent renumbers.
    id: InterfaceId,
    /// Whose interface.
    device_id: DeviceId,
    /// ifIndex at the last poll.
    index: u32,
    /// ifName, else ifDescr.
    name: String,
    /// ifDescr.
    description: Option<String>,
    /// ifAlias: what an operator typed on the device.
    alias: Option<String>,
    /// ifType, by its name in IANAifType-MIB.
    kind: Option<String>,
    /// Nominal speed in bit/s.
    speed_bps: Option<u64>,
    /// ifPhysAddress as `aa:bb:cc:dd:ee:ff`.
    mac: Option<String>,
    /// ifIndex of the aggregate that it is an active member of; null where it is in none.
    aggregate: Option<u32>,
    /// VLAN of the frames that come without a tag (dot1qPvid); null where it is no port of a bridge.
    pvid: Option<u16>,
    /// What the spanning tree lets it do (dot1dStpPortState), when it was last asked: with the VLANs.
    stp_state: Option<StpState>,
    /// ifAdminStatus.
    admin_status: Option<IfStatus>,
    /// ifOperStatus.
    oper_status: Option<IfStatus>,
    /// bit/s received between the last two polls; null where that is not known, and after a
    /// restart or a gap of three polls.
    in_bps: Option<f64>,
    /// bit/s sent, likewise.
    out_bps: Option<f64>,
    /// `in_bps` as a share of `speed_bps`, 0 to 1.
    in_utilization: Option<f64>,
    /// `out_bps` as a share of `speed_bps`, 0 to 1.
    out_utilization: Option<f64>,
    /// When we saw its state change last.
    last_change_at: Option<Timestamp>,
}

impl InterfaceResource {
    fn of(record: &DeviceRecord, interface: &Interface, rates: Rates) -> Self {
        let row = interface.clone();
        let ports = &record.facts.bridge_ports;
        let place = ports.binary_search_by_key(&Some(row.index), |port| port.index);
        let port = place.ok().and_then(|place| ports.get(place));
        let port = port.filter(|_| row.present);
        Self {
            id: row.id,
            device_id: row.device_id,
            index: row.index,
            name: row.name,
            description: row.description,
            alias: row.alias,
            kind: row.kind,
            speed_bps: row.speed_bps,
            mac: row.mac,
            aggregate: row.aggregate,
            pvid: port.and_then(|port| port.pvid),
            stp_state: port.and_then(|port| port.stp_state),
            admin_status: row.admin_status,
            oper_status: row.oper_status,
            in_bps: rates.in_bps,
            out_bps: rates.out_bps,
            in_utilization: rates.in_utilization,
            out_utilization: rates.out_utilization,
            last_change_at: row.last_change_at,
        }
    }
}

/// Which interfaces, and how they are paged.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct InterfacesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// device (by device, then ifIndex), name, index, oper_status, speed_bps, last_change_at, in_bps,
    /// out_bps, in_utilization, out_utilization or utilization (the larger of both); with a leading
    /// `-` the other way. What is carried moves from page to page: see the guide.
    sort: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only these, with commas between.
    #[param(value_type = Option<String>, example = "down,lowerLayerDown")]
    oper_status: OneOf<IfStatus>,
    /// Only where this is part of the name, description, alias or MAC, without regard to case.
    q: Option<String>,
    /// Whether interfaces that the agent no longer lists are listed too.
    absent: Option<bool>,
}

const SORTS: [&str; 11] = [
    "device",
    "name",
    "index",
    "oper_status",
    "speed_bps",
    "last_change_at",
    "in_bps",
    "out_bps",
    "in_utilization",
    "out_utilization",
    "utilization",
];

/// Lists interfaces of all devices.
#[utoipa::path(get, path = "/interfaces", tag = "interfaces", operation_id = "list_interfaces",
    params(InterfacesQuery),
    responses((status = 200, description = "A page of interfaces.", body = Page<InterfaceResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<InterfacesQuery>,
) -> Answer<Json<Page<InterfaceResource>>> {
    page(&granted, query).await.map(Json)
}

/// Lists the interfaces of a device.
#[utoipa::path(get, path = "/devices/{device_id}/interfaces", tag = "devices", operation_id = "list_device_interfaces",
    params(("device_id" = DeviceId, Path, description = "The device."), InterfacesQuery),
    responses((status = 200, description = "A page of interfaces.", body = Page<InterfaceResource>)))]
pub(crate) async fn list_of_device(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
    Query(query): Query<InterfacesQuery>,
) -> Answer<Json<Page<InterfaceResource>>> {
    devices::find(granted.services(), id)?;
    let query = InterfacesQuery {
        device_id: Some(id),
        ..query
    };
    page(&granted, query).await.map(Json)
}

/// Reads an interface.
#[utoipa::path(get, path = "/interfaces/{interface_id}", tag = "interfaces", operation_id = "get_interface",
    params(("interface_id" = InterfaceId, Path, description = "The interface.")),
    responses((status = 200, description = "The interface.", body = InterfaceResource)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<InterfaceId>,
) -> Answer<Json<InterfaceResource>> {
    let (record, interface) = find(&granted, id)?;
    let services = granted.services();
    let (series, now) = (services.series.clone(), services.clock.now());
    let row = move || {
        let rates = RateReader::new(&series, now).of(&record.device.body, &interface);
        InterfaceResource::of(&record, &interface, rates)
    };
    granted.state().blocking(row).await.map(Json)
}

/// An interface and its device, or that there is none.
pub(super) fn find<P>(granted: &Granted<P>, id: InterfaceId) -> Answer<Owned> {
    let inventory = &granted.services().store.inventory;
    let interface = inventory
        .interface(id)
        .ok_or_else(|| Problem::not_found("interface", id))?;
    let record = inventory
        .device(interface.device_id)
        .ok_or_else(|| Problem::not_found("interface", id))?;
    Ok((record, interface))
}

async fn page(
    granted: &Granted<permit::ReadInventory>,
    query: InterfacesQuery,
) -> Answer<Page<InterfaceResource>> {
    let (field, descending) = sort_field(query.sort.as_deref(), &SORTS)?;
    let sort = field.to_owned();
    let filters = format!(
        "{:?}{:?}{:?}{:?}",
        query.device_id, query.oper_status, query.q, query.absent
    );
    let paging = Paging::new(
        query.limit,
        query.cursor.as_deref(),
        (field, descending),
        &filters,
    )?;
    let services = granted.services();
    let (series, now) = (services.series.clone(), services.clock.now());
    let mut records: Vec<_> = match query.device_id {
        Some(id) => services.store.inventory.device(id).into_iter().collect(),
        None => services.store.inventory.devices(),
    };
    if let Some(measure) = measure(field) {
        let board = granted.state().board.clone();
        let by_traffic = move || {
            let look = match query.device_id {
                Some(_) => Arc::new(Look::take(&series, &records, now)),
                None => board.look(&series, &records, now),
            };
            let rows = rows(&records, &query).map(|(record, row)| {
                let rates = look.of(row);
                ((measure(&rates), row.id.to_string()), (record, row, rates))
            });
            let page = paging.take(rows);
            page.map(|(record, row, rates)| InterfaceResource::of(record, row, rates))
        };
        return granted.state().blocking(by_traffic).await;
    }
    // 10,000 devices have half a million interfaces, and the inventory has them in this order: only
    // those of the page are looked at.
    let in_order = field == "device" && !descending;
    if let Some((Key::Text(after), _)) = paging.after().filter(|_| in_order) {
        records.retain(|record| {
            after.as_str() <= record.device.id.as_str() || after.starts_with(&record.device.id)
        });
    }
    let work = move || {
        let placed = records.iter().flat_map(|record| {
            let rows = rows(std::slice::from_ref(record), &query);
            let mut placed: Vec<_> = rows
                .map(|(record, row)| (place(row, &sort), (record, row)))
                .collect();
            if in_order {
                placed.sort_by(|a, b| a.0.cmp(&b.0));
            }
            placed
        });
        let page = if in_order {
            paging.take_sorted(placed)
        } else {
            paging.take(placed)
        };
        let mut rates = RateReader::new(&series, now);
        page.map(|(record, row)| {
            InterfaceResource::of(record, row, rates.of(&record.device.body, row))
        })
    };
    granted.state().blocking(work).await
}

/// The rows that pass, by device and then by ifIndex.
fn rows<'a>(
    records: &'a [Arc<DeviceRecord>],
    query: &'a InterfacesQuery,
) -> impl Iterator<Item = (&'a DeviceRecord, &'a Interface)> {
    let needle = query.q.as_deref().map(str::to_lowercase);
    let of_device = |record: &'a Arc<DeviceRecord>| {
        let rows = record.interfaces.iter();
        rows.map(move |row| (&**record, &**row))
    };
    let rows = records.iter().flat_map(of_device);
    rows.filter(move |(_, row)| passes(row, query, needle.as_deref()))
}

/// What a row is sorted by, where that is something that it carries.
fn measure(field: &str) -> Option<fn(&Rates) -> Key> {
    // To a bit a second, and to a billionth of the speed.
    const SHARES: f64 = 1e9;
    Some(match field {
        "in_bps" => |rates| Key::measured(rates.in_bps, 1.0),
        "out_bps" => |rates| Key::measured(rates.out_bps, 1.0),
        "in_utilization" => |rates| Key::measured(rates.in_utilization, SHARES),
        "out_utilization" => |rates| Key::measured(rates.out_utilization, SHARES),
        "utilization" => |rates| Key::measured(rates.utilization(), SHARES),
        _ => return None,
    })
}

fn passes(row: &Interface, query: &InterfacesQuery, needle: Option<&str>) -> bool {
    let status = query.oper_status.0.is_empty()
        || row
            .oper_status
            .is_some_and(|status| query.oper_status.takes(&status));
    let texts = [
        Some(row.name.as_str()),
        row.description.as_deref(),
        row.alias.as_deref(),
        row.mac.as_deref(),
    ];
    status
        && (row.present || query.absent == Some(true))
        && needle.is_none_or(|needle| {
            texts
                .into_iter()
                .flatten()
                .any(|text| text.to_lowercase().contains(needle))
        })
}

fn place(row: &Interface, sort: &str) -> Place {
    let key = match sort {
        "name" => Key::text(&row.name),
        "index" => Key::Number(row.index.into()),
        "oper_status" => Key::maybe_number(row.oper_status.map(IfStatus::number)),
        "speed_bps" => Key::maybe_number(row.speed_bps),
        "last_change_at" => Key::maybe_number(row.last_change_at.map(Timestamp::unix_ms)),
        _ => Key::Text(format!("{}{:010}", row.device_id, row.index)),
    };
    (key, row.id.to_string())
}
