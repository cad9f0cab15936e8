//! The list of devices: filters, search, order.

use super::fields;
use super::shape::DeviceResource;
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, Place, sort_field};
use crate::problem::Answer;
use crate::query::{OneOf, Query};
use axum::Json;
use model::device::Device;
use model::{Status, Timestamp};
use serde::Deserialize;
use store::inventory::DeviceRecord;

/// Which devices, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct DevicesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, address, status, status_since, last_seen_at, created_at, vendor, kind or site; with a
    /// leading `-` the other way.
    sort: Option<String>,
    /// Only these, with commas between.
    #[param(value_type = Option<String>, example = "up,degraded")]
    status: OneOf<Status>,
    /// Only of these sites, with commas between.
    #[param(value_type = Option<String>)]
    site: OneOf<String>,
    /// Only with any of these tags, with commas between.
    #[param(value_type = Option<String>)]
    tag: OneOf<String>,
    /// Only of these vendors, with commas between.
    #[param(value_type = Option<String>)]
    vendor: OneOf<String>,
    /// Only of these kinds, with commas between.
    #[param(value_type = Option<String>)]
    kind: OneOf<String>,
    /// Only where this is part of the name, address, vendor, model, serial, location, site or a
    /// tag, without regard to case.
    q: Option<String>,
}

const SORTS: [&str; 9] = [
    "name",
    "address",
    "status",
    "status_since",
    "last_seen_at",
    "created_at",
    "vendor",
    "kind",
    "site",
];

/// Lists devices.
#[utoipa::path(get, path = "/devices", tag = "devices", operation_id = "list_devices",
    params(DevicesQuery),
    responses((status = 200, description = "A page of devices.", body = Page<DeviceResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<DevicesQuery>,
) -> Answer<Json<Page<DeviceResource>>> {
    let sort = sort_field(query.sort.as_deref(), &SORTS)?;
    let filters = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}",
        query.status, query.site, query.tag, query.vendor, query.kind, query.q
    );
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let needle = query.q.as_deref().map(str::to_lowercase);
    let rows = granted
        .services()
        .store
        .inventory
        .devices()
        .into_iter()
        .filter(|record| passes(record, &query, needle.as_deref()))
        .map(|record| (place(&record, sort.0), record));
    Ok(Json(
        paging.take(rows).map(|record| DeviceResource::of(&record)),
    ))
}

fn passes(record: &DeviceRecord, query: &DevicesQuery, needle: Option<&str>) -> bool {
    let device = &record.device.body;
    query.status.takes(&record.state.status)
        && belongs(device, &query.site, &query.tag)
        && query.vendor.takes_text(device.said.vendor.as_deref())
        && query.kind.takes_text(device.said.kind.as_deref())
        && needle.is_none_or(|needle| mentions(device, needle))
}

/// Whether a device is of one of these sites and has any of these tags; all do where none is named.
pub(crate) fn belongs(device: &Device, site: &OneOf<String>, tag: &OneOf<String>) -> bool {
    let typed = &device.typed;
    let tagged = || typed.tags.iter().any(|own| tag.takes_text(Some(own)));
    site.takes_text(typed.site.as_deref()) && (tag.0.is_empty() || tagged())
}

fn mentions(device: &Device, needle: &str) -> bool {
    let said = &device.said;
    let texts = [
        said.vendor.as_deref(),
        said.model.as_deref(),
        said.serial.as_deref(),
        device.location(),
        device.typed.site.as_deref(),
    ];
    let tags = device.typed.tags.iter().map(String::as_str);
    [device.name(), device.address.to_string()]
        .iter()
        .map(String::as_str)
        .chain(texts.into_iter().flatten())
        .chain(tags)
        .any(|text| text.to_lowercase().contains(needle))
}

fn place(record: &DeviceRecord, sort: &str) -> Place {
    let device = &record.device.body;
    let time = |at: Option<Timestamp>| Key::maybe_number(at.map(Timestamp::unix_ms));
    let key = match sort {
        "address" => Key::Text(fields::address_key(device.address)),
        // The worst first.
        "status" => Key::Number(match record.state.status {
            Status::Down => 0,
            Status::Degraded => 1,
            Status::Unknown => 2,
            Status::Up => 3,
        }),
        "status_since" => time(record.state.status_since),
        "last_seen_at" => time(record.state.last_seen_at),
        "created_at" => time(Some(device.created_at)),
        "vendor" => Key::maybe_text(device.said.vendor.as_deref()),
        "kind" => Key::maybe_text(device.said.kind.as_deref()),
        "site" => Key::maybe_text(device.typed.site.as_deref()),
        _ => Key::text(&device.name()),
    };
    (key, record.device.id.clone())
}
