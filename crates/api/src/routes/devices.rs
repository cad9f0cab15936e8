//! Devices: list, make, read, change, delete.

use super::device_fields as fields;
use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::command::Command;
use crate::merge::{self, Change};
use crate::page::{Key, Page, Paging, Place, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::device::{Device, LOCAL_VANTAGE, Typed};
use model::event::Event;
use model::status::Evidence;
use model::{CredentialId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use store::StoreError;
use store::documents::Expect;
use store::inventory::DeviceRecord;

/// A device: what an operator typed, else what it says of itself, and how it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceResource {
    /// The id.
    id: DeviceId,
    /// What people call it: the name that was typed, else sysName, else its address.
    name: String,
    /// The address it is asked at.
    #[schema(value_type = String, example = "192.0.2.1")]
    address: IpAddr,
    /// The UDP port of its agent.
    port: u16,
    /// Which poller asks it.
    vantage: String,
    /// Vendor.
    vendor: Option<String>,
    /// Model.
    model: Option<String>,
    /// Operating system.
    os: Option<String>,
    /// Its version.
    os_version: Option<String>,
    /// Serial number of the chassis.
    serial: Option<String>,
    /// router, switch, server, ...
    kind: Option<String>,
    /// Where it is: what was typed, else sysLocation.
    location: Option<String>,
    /// The site it belongs to.
    site: Option<String>,
    /// Free tags.
    tags: BTreeSet<String>,
    /// How it is.
    status: Status,
    /// Since when.
    status_since: Option<Timestamp>,
    /// Why we say so: the latest outcome of each check.
    status_evidence: Vec<Evidence>,
    /// What it is asked with; null means that SNMP is not asked.
    credential_id: Option<CredentialId>,
    /// Seconds from poll to poll.
    interval_secs: u32,
    /// An operator works on it: measured as ever, told nobody.
    maintenance: bool,
    /// When anything last answered.
    last_seen_at: Option<Timestamp>,
    /// When it was registered.
    created_at: Timestamp,
    /// Counts its changes; the ETag.
    revision: u64,
}

impl DeviceResource {
    pub(crate) fn of(record: &DeviceRecord) -> Self {
        let device = &record.device.body;
        let said = device.said.clone();
        let state = record.state.clone();
        Self {
            id: device.id,
            name: device.name(),
            address: device.address,
            port: device.port,
            vantage: device.vantage.clone(),
            vendor: said.vendor,
            model: said.model,
            os: said.os,
            os_version: said.os_version,
            serial: said.serial,
            kind: said.kind,
            location: device.location().map(str::to_owned),
            site: device.typed.site.clone(),
            tags: device.typed.tags.clone(),
            status: state.status,
            status_since: state.status_since,
            status_evidence: state.status_evidence,
            credential_id: device.credential_id,
            interval_secs: device.interval_secs,
            maintenance: device.maintenance,
            last_seen_at: state.last_seen_at,
            created_at: device.created_at,
            revision: record.device.revision,
        }
    }
}

/// What a device is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceCreate {
    /// The address it is asked at.
    #[schema(value_type = String, example = "192.0.2.1")]
    address: IpAddr,
    /// The UDP port of its agent.
    #[serde(default = "fields::default_port")]
    #[schema(default = 161, minimum = 1)]
    port: u16,
    /// A name to go before sysName.
    #[serde(default)]
    name: Option<String>,
    /// A place to go before sysLocation.
    #[serde(default)]
    location: Option<String>,
    /// The site it belongs to.
    #[serde(default)]
    site: Option<String>,
    /// Free tags.
    #[serde(default)]
    tags: BTreeSet<String>,
    /// What it is asked with; without it SNMP is not asked.
    #[serde(default)]
    credential_id: Option<CredentialId>,
    /// Seconds from poll to poll.
    #[serde(default = "fields::default_interval_secs")]
    #[schema(default = 60, minimum = 5, maximum = 86400)]
    interval_secs: u32,
    /// An operator works on it.
    #[serde(default)]
    maintenance: bool,
}

/// A merge patch (RFC 7396) of what an operator types of a device.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevicePatch {
    /// The address it is asked at.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(value_type = Option<String>, nullable = false)]
    address: Option<IpAddr>,
    /// The UDP port of its agent.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 1)]
    port: Option<u16>,
    /// A name to go before sysName; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    name: Change<String>,
    /// A place to go before sysLocation; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    location: Change<String>,
    /// The site it belongs to; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    site: Change<String>,
    /// All its tags; null takes them away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    tags: Change<BTreeSet<String>>,
    /// What it is asked with; null stops asking SNMP.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<CredentialId>)]
    credential_id: Change<CredentialId>,
    /// Seconds from poll to poll.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 5, maximum = 86400)]
    interval_secs: Option<u32>,
    /// An operator works on it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    maintenance: Option<bool>,
}

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

/// Registers a device; it is polled from now on.
#[utoipa::path(post, path = "/devices", tag = "devices", operation_id = "create_device",
    request_body = DeviceCreate,
    responses((status = 201, description = "The device as registered.", body = DeviceResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    Body(body): Body<DeviceCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let mut device = Device {
        id: DeviceId::new(),
        address: body.address.to_canonical(),
        port: body.port,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed {
            name: body.name,
            location: body.location,
            site: body.site,
            tags: body.tags,
        },
        said: model::device::Said::default(),
        identity: model::device::Identity::default(),
        credential_id: body.credential_id,
        interval_secs: body.interval_secs,
        maintenance: body.maintenance,
        created_at: services.clock.now(),
    };
    fields::check(&mut device)?;
    let record = services
        .store
        .inventory
        .create(device)
        .await
        .map_err(of_device)?;
    tell(services, record.device.body.id).await?;
    let location = format!("/api/v1/devices/{}", record.device.id);
    Ok((
        StatusCode::CREATED,
        etag(record.device.revision),
        [(header::LOCATION, location)],
        Json(DeviceResource::of(&record)),
    )
        .into_response())
}

/// Reads a device.
#[utoipa::path(get, path = "/devices/{device_id}", tag = "devices", operation_id = "get_device",
    params(("device_id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device.", body = DeviceResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<DeviceId>,
) -> Answer<Response> {
    let record = find(granted.services(), id)?;
    Ok((
        etag(record.device.revision),
        Json(DeviceResource::of(&record)),
    )
        .into_response())
}

/// Changes what an operator typed of a device.
#[utoipa::path(patch, path = "/devices/{device_id}", tag = "devices", operation_id = "update_device",
    params(("device_id" = DeviceId, Path, description = "The device."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = DevicePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The device as changed.", body = DeviceResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<DeviceId>,
    if_match: IfMatch,
    Patch(patch): Patch<DevicePatch>,
) -> Answer<Response> {
    let services = granted.services();
    let record = find(services, id)?;
    let revision = if_match.check(record.device.revision)?;
    let mut device = record.device.body.clone();
    apply(&mut device, patch);
    fields::check(&mut device)?;
    services
        .store
        .inventory
        .update(device, Expect::Revision(revision))
        .await
        .map_err(of_device)?;
    tell(services, id).await?;
    let record = find(services, id)?;
    Ok((
        etag(record.device.revision),
        Json(DeviceResource::of(&record)),
    )
        .into_response())
}

/// Deletes a device with its interfaces and samples.
#[utoipa::path(delete, path = "/devices/{device_id}", tag = "devices", operation_id = "delete_device",
    params(("device_id" = DeviceId, Path, description = "The device."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<DeviceId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let record = find(services, id)?;
    let revision = if_match.check(record.device.revision)?;
    services
        .store
        .delete_device(id, Expect::Revision(revision))
        .await
        .map_err(of_store)?;
    services
        .send(Command::DeviceDeleted { device_id: id })
        .await?;
    services.publish(Event::DeviceDeleted { device_id: id });
    Ok(StatusCode::NO_CONTENT)
}

/// Polls a device now rather than at its turn.
#[utoipa::path(post, path = "/devices/{device_id}/poll", tag = "devices", operation_id = "poll_device",
    params(("device_id" = DeviceId, Path, description = "The device.")),
    responses((status = 202, description = "It will be polled as soon as there is room.")))]
pub(crate) async fn poll(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<DeviceId>,
) -> Answer<StatusCode> {
    find(granted.services(), id)?;
    granted
        .services()
        .send(Command::PollNow { device_id: id })
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// The device, or that there is none.
pub(crate) fn find(services: &Services, id: DeviceId) -> Answer<Arc<DeviceRecord>> {
    services
        .store
        .inventory
        .device(id)
        .ok_or_else(|| Problem::not_found("device", id))
}

/// Tells the poller and whoever listens that a device was made or changed.
async fn tell(services: &Services, device_id: DeviceId) -> Answer<()> {
    services.send(Command::DeviceChanged { device_id }).await?;
    services.publish(Event::DeviceChanged { device_id });
    Ok(())
}

fn apply(device: &mut Device, patch: DevicePatch) {
    if let Some(address) = patch.address {
        device.address = address.to_canonical();
    }
    if let Some(port) = patch.port {
        device.port = port;
    }
    if let Some(name) = patch.name {
        device.typed.name = name;
    }
    if let Some(location) = patch.location {
        device.typed.location = location;
    }
    if let Some(site) = patch.site {
        device.typed.site = site;
    }
    if let Some(tags) = patch.tags {
        device.typed.tags = tags.unwrap_or_default();
    }
    if let Some(credential_id) = patch.credential_id {
        device.credential_id = credential_id;
    }
    if let Some(interval_secs) = patch.interval_secs {
        device.interval_secs = interval_secs;
    }
    if let Some(maintenance) = patch.maintenance {
        device.maintenance = maintenance;
    }
}

/// The store's refusals that belong to a field.
fn of_device(error: StoreError) -> Problem {
    match &error {
        StoreError::Duplicate { id, .. } => Problem::field(
            Kind::Conflict,
            "/address",
            format!("device {id} is asked at that address and port already"),
        ),
        StoreError::NotFound { collection, .. } if *collection == "credentials" => {
            let mut faults = Faults::default();
            faults.add("/credential_id", "there is no such credential");
            faults
                .into_result()
                .err()
                .unwrap_or_else(|| of_store(error))
        }
        _ => of_store(error),
    }
}

fn passes(record: &DeviceRecord, query: &DevicesQuery, needle: Option<&str>) -> bool {
    let device = &record.device.body;
    query.status.takes(&record.state.status)
        && query.site.takes_text(device.typed.site.as_deref())
        && query.vendor.takes_text(device.said.vendor.as_deref())
        && query.kind.takes_text(device.said.kind.as_deref())
        && (query.tag.0.is_empty()
            || device
                .typed
                .tags
                .iter()
                .any(|tag| query.tag.takes_text(Some(tag))))
        && needle.is_none_or(|needle| mentions(device, needle))
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
