//! Devices: list, make, read, change, delete; what they are made of is in [`parts`].

pub(super) mod fields;
pub(crate) mod list;
pub(super) mod parts;
pub(super) mod sensors;
mod shape;
pub(super) mod vlans;

use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::command::Command;
use crate::maintenance::{self, Wish};
use crate::once::NewId;
use crate::problem::{Answer, Kind, Problem};
use crate::query::PathId;
use crate::revision::{IfMatch, etag};
use crate::routes::profiles::check_usable;
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::DeviceId;
use model::device::{Device, LOCAL_VANTAGE, Typed};
use model::event::Event;
use shape::{DeviceCreate, DevicePatch, DeviceResource};
use std::sync::Arc;
use store::StoreError;
use store::documents::Expect;
use store::inventory::DeviceRecord;

/// Registers a device; it is polled from now on.
#[utoipa::path(post, path = "/devices", tag = "devices", operation_id = "create_device",
    request_body = DeviceCreate,
    responses((status = 201, description = "The device as registered.", body = DeviceResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    NewId(id): NewId,
    Body(body): Body<DeviceCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = DeviceId::reserved(id);
    let now = services.clock.now();
    let mut device = Device {
        id,
        address: body.address.to_canonical(),
        port: body.port,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed {
            name: body.name,
            location: body.location,
            site: body.site,
            tags: body.tags,
            profile: body.profile,
        },
        said: model::device::Said::default(),
        identity: model::device::Identity::default(),
        credential_id: body.credential_id,
        interval_secs: body
            .interval_secs
            .unwrap_or(services.options.default_interval_secs),
        maintenance: None,
        created_at: now,
        conflict: None,
        replaced_at: Vec::new(),
    };
    let wish = Wish {
        on: Some(body.maintenance),
        until: Some(body.maintenance_until),
        reason: Some(body.maintenance_reason),
    };
    maintenance::apply(&mut device, wish, now)?;
    fields::check(&mut device)?;
    check_usable(services, "/profile", device.typed.profile.as_deref()).await?;
    let record = services
        .to_the_end(|services| async move {
            let inventory = &services.store.inventory;
            let record = match inventory.device(id) {
                Some(made_before) => made_before,
                None => inventory.create(device).await.map_err(of_device)?,
            };
            tell(&services, id).await?;
            Ok(record)
        })
        .await?;
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
    let now = services.clock.now();
    let mut device = record.device.body.clone();
    let work = device.maintenance.clone();
    patch.apply(&mut device, now)?;
    fields::check(&mut device)?;
    // One that is gone meanwhile hinders no other change.
    let profile = &device.typed.profile;
    if *profile != record.device.body.typed.profile {
        check_usable(services, "/profile", profile.as_deref()).await?;
    }
    services
        .to_the_end(|services| async move {
            let expect = Expect::Revision(revision);
            let updated = services.store.update_device(device, expect, now).await;
            let updated = updated.map_err(of_device)?;
            let maintenance = &updated.body.maintenance;
            if *maintenance != work {
                services.publish(Event::DeviceMaintenance {
                    device_id: id,
                    maintenance: maintenance.clone(),
                    at: now,
                });
            }
            tell(&services, id).await
        })
        .await?;
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
        .to_the_end(|services| async move {
            let expect = Expect::Revision(revision);
            let deleted = services.store.delete_device(id, expect).await;
            deleted.map_err(of_store)?;
            let command = Command::DeviceDeleted { device_id: id };
            services.send(command).await?;
            services.publish(Event::DeviceDeleted { device_id: id });
            Ok(())
        })
        .await?;
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

/// Accepts that a device was replaced by the one that answers at its address: it takes on that
/// identity and goes on with its history. 409 where no other device answers there.
#[utoipa::path(post, path = "/devices/{device_id}/identity/accept", tag = "devices", operation_id = "accept_device_identity",
    params(("device_id" = DeviceId, Path, description = "The device."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 200, description = "The device as changed.", body = DeviceResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn accept_identity(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<DeviceId>,
    if_match: IfMatch,
) -> Answer<Response> {
    let services = granted.services();
    let record = find(services, id)?;
    let revision = if_match.check(record.device.revision)?;
    let mut device = record.device.body.clone();
    if !device.accept_met(services.clock.now()) {
        return Err(Problem::new(
            Kind::Conflict,
            format!("No other device answers at {}.", device.socket()),
        ));
    }
    services
        .to_the_end(|services| async move {
            let inventory = &services.store.inventory;
            let expect = Expect::Revision(revision);
            inventory.update(device, expect).await.map_err(of_device)?;
            tracing::info!(device.id = %id, "accepted as replaced by what answers at its address");
            let command = Command::IdentityAccepted { device_id: id };
            services.send(command).await?;
            services.publish(Event::DeviceChanged { device_id: id });
            Ok(())
        })
        .await?;
    let record = find(services, id)?;
    Ok((
        etag(record.device.revision),
        Json(DeviceResource::of(&record)),
    )
        .into_response())
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

/// The store's refusals that belong to a field.
fn of_device(error: StoreError) -> Problem {
    match &error {
        StoreError::Duplicate { id, .. } => Problem::field(
            Kind::Conflict,
            "/address",
            format!("device {id} is asked at that address and port already"),
        ),
        StoreError::NotFound { collection, .. } if *collection == "credentials" => Problem::field(
            Kind::Invalid,
            "/credential_id",
            "there is no such credential",
        ),
        _ => of_store(error),
    }
}
