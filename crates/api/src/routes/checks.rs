//! Checks of services: list, make, read, change, delete. The server makes them by the clock.

mod shape;

use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::check::{CHECKS_MAX, CheckState, ServiceCheck};
use model::{CheckId, DeviceId, Status};
use serde::Deserialize;
use shape::{CheckCreate, CheckPatch, CheckResource};
use std::sync::Arc;
use store::StoreError;
use store::documents::{Expect, Stored};

/// Which checks, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChecksQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, status (the worst last), target or checked_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those of this device.
    device_id: Option<DeviceId>,
    /// Only those in these states, with commas between.
    #[param(value_type = Option<String>, example = "down,degraded")]
    status: OneOf<Status>,
    /// Only those that are made, or only those that are not.
    enabled: Option<bool>,
}

/// Lists checks of services, and how each service is.
#[utoipa::path(get, path = "/checks", tag = "checks", operation_id = "list_checks",
    params(ChecksQuery),
    responses((status = 200, description = "A page of checks.", body = Page<CheckResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ChecksQuery>,
) -> Answer<Json<Page<CheckResource>>> {
    let sorts = ["name", "status", "target", "checked_at"];
    let sort = sort_field(query.sort.as_deref(), &sorts)?;
    let filters = format!("{:?}{:?}{:?}", query.device_id, query.status, query.enabled);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let services = granted.services();
    let now = services.clock.now();
    let rows = services
        .store
        .checks
        .list()
        .into_iter()
        .filter(|(stored, _)| {
            query
                .device_id
                .is_none_or(|id| stored.body.device_id == Some(id))
        })
        .filter(|(stored, _)| query.enabled.is_none_or(|on| stored.body.enabled == on))
        .map(|(stored, state)| CheckResource::of(&stored, state, now))
        .filter(|row| query.status.takes(&row.status))
        .map(|row| {
            let key = match sort.0 {
                "status" => Key::Number(row.status as i64),
                "target" => Key::text(&row.target),
                "checked_at" => Key::maybe_number(row.checked_at.map(model::Timestamp::unix_ms)),
                _ => Key::text(&row.name),
            };
            ((key, row.id.to_string()), row)
        });
    Ok(Json(paging.take(rows)))
}

/// Makes a check of a service; it is made at once, and each interval from then on.
#[utoipa::path(post, path = "/checks", tag = "checks", operation_id = "create_check",
    request_body = CheckCreate,
    responses((status = 201, description = "The check as made.", body = CheckResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    NewId(id): NewId,
    Body(body): Body<CheckCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = CheckId::reserved(id);
    let check = body.finish(id, services.clock.now())?;
    let checks = &services.store.checks;
    // An attempt before this one may have made it, and been broken off before its answer.
    if checks.get(id).is_none() {
        device_is_there(services, &check)?;
        if checks.count() >= CHECKS_MAX {
            let detail = format!("At most {CHECKS_MAX} checks are kept; delete one first.");
            return Err(Problem::new(Kind::Conflict, detail));
        }
        checks.put(check, Expect::Absent).await.map_err(of_check)?;
    }
    let (stored, state) = find(services, id)?;
    let row = CheckResource::of(&stored, state, services.clock.now());
    let location = format!("/api/v1/checks/{id}");
    let headers = [(header::LOCATION, location)];
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        headers,
        Json(row),
    )
        .into_response())
}

/// Reads a check and how its service is.
#[utoipa::path(get, path = "/checks/{check_id}", tag = "checks", operation_id = "get_check",
    params(("check_id" = CheckId, Path, description = "The check.")),
    responses((status = 200, description = "The check.", body = CheckResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<CheckId>,
) -> Answer<Response> {
    let services = granted.services();
    let (stored, state) = find(services, id)?;
    let row = CheckResource::of(&stored, state, services.clock.now());
    Ok((etag(stored.revision), Json(row)).into_response())
}

/// Changes a check; it is made at once as it is now.
#[utoipa::path(patch, path = "/checks/{check_id}", tag = "checks", operation_id = "update_check",
    params(("check_id" = CheckId, Path, description = "The check."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = CheckPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The check as changed.", body = CheckResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<CheckId>,
    if_match: IfMatch,
    Patch(patch): Patch<CheckPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let (stored, _) = find(services, id)?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let mut check = stored.body.clone();
    patch.apply(&mut check)?;
    device_is_there(services, &check)?;
    let checks = &services.store.checks;
    checks.put(check, expect).await.map_err(of_check)?;
    let (stored, state) = find(services, id)?;
    let row = CheckResource::of(&stored, state, services.clock.now());
    Ok((etag(stored.revision), Json(row)).into_response())
}

/// Deletes a check; what was measured stays.
#[utoipa::path(delete, path = "/checks/{check_id}", tag = "checks", operation_id = "delete_check",
    params(("check_id" = CheckId, Path, description = "The check."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<CheckId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let (stored, _) = find(services, id)?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let deleted = services.store.checks.delete(id, expect).await;
    deleted.map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(services: &Services, id: CheckId) -> Answer<(Arc<Stored<ServiceCheck>>, CheckState)> {
    let found = services.store.checks.get(id);
    found.ok_or_else(|| Problem::not_found("check", id))
}

fn device_is_there(services: &Services, check: &ServiceCheck) -> Answer<()> {
    match check.device_id {
        Some(id) if services.store.inventory.device(id).is_none() => {
            let detail = "there is no such device";
            Err(Problem::field(Kind::Invalid, "/device_id", detail))
        }
        _ => Ok(()),
    }
}

fn of_check(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => {
            Problem::field(Kind::Conflict, "/name", "another check has that name")
        }
        error => of_store(error),
    }
}
