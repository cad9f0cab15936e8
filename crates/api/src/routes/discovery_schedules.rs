//! Discoveries that the server begins by itself: list, make, read, change, delete, run now.

mod shape;

use super::discoveries::{self, START_WAIT};
use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::command::{Command, DiscoveryRefused};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::discovery::{Discovery, DiscoveryRequest};
use model::schedule::Schedule;
use model::{DiscoveryId, ScheduleId};
use serde::Deserialize;
use shape::{ScheduleCreate, SchedulePatch, ScheduleResource};
use store::StoreError;
use store::documents::{Expect, Stored};
use store::schedules::SCHEDULES_MAX;
use tokio::sync::oneshot;

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchedulesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, next_run_at, last_run_at or created_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those that run, or only those that do not.
    enabled: Option<bool>,
}

/// Lists schedules of discoveries.
#[utoipa::path(get, path = "/discovery-schedules", tag = "discoveries", operation_id = "list_discovery_schedules",
    params(SchedulesQuery),
    responses((status = 200, description = "A page of schedules.", body = Page<ScheduleResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadDiscoveries>,
    Query(query): Query<SchedulesQuery>,
) -> Answer<Json<Page<ScheduleResource>>> {
    let sorts = ["name", "next_run_at", "last_run_at", "created_at"];
    let sort = sort_field(query.sort.as_deref(), &sorts)?;
    let filters = format!("{:?}", query.enabled);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let schedules = &granted.services().store.schedules;
    let mut states = schedules.states().await.map_err(of_store)?;
    let rows = schedules.list().await.map_err(of_store)?;
    let rows = rows
        .into_iter()
        .map(|stored| {
            let state = states.remove(&stored.body.id).unwrap_or_default();
            ScheduleResource::of(stored, state)
        })
        .filter(|row| query.enabled.is_none_or(|enabled| row.enabled == enabled))
        .map(|row| {
            let time =
                |at: Option<model::Timestamp>| Key::maybe_number(at.map(model::Timestamp::unix_ms));
            let key = match sort.0 {
                "next_run_at" => time(row.next_run_at),
                "last_run_at" => time(row.last_run_at),
                "created_at" => time(Some(row.created_at)),
                _ => Key::text(&row.name),
            };
            ((key, row.id.to_string()), row)
        });
    Ok(Json(paging.take(rows)))
}

/// Makes a schedule; it runs by itself from now on.
#[utoipa::path(post, path = "/discovery-schedules", tag = "discoveries", operation_id = "create_discovery_schedule",
    request_body = ScheduleCreate,
    responses((status = 201, description = "The schedule as made.", body = ScheduleResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::RunDiscoveries>,
    NewId(id): NewId,
    Body(body): Body<ScheduleCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = ScheduleId::reserved(id);
    let schedule = body.finish(id, services.clock.now())?;
    let schedules = &services.store.schedules;
    if schedules.get(id).await.map_err(of_store)?.is_some() {
        // An attempt before this one made it, and was broken off before its answer.
        tell(services, id).await?;
        return made(services, id).await;
    }
    check(services, &schedule.request).await?;
    if schedules.count().await.map_err(of_store)? >= SCHEDULES_MAX {
        let detail = format!("At most {SCHEDULES_MAX} schedules are kept; delete one first.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    services
        .to_the_end(|services| async move {
            let kept = services
                .store
                .schedules
                .put(&schedule, Expect::Absent)
                .await;
            kept.map_err(of_schedule)?;
            tell(&services, id).await
        })
        .await?;
    made(services, id).await
}

async fn made(services: &Services, id: ScheduleId) -> Answer<Response> {
    let (row, revision) = read(services, id).await?;
    let location = format!("/api/v1/discovery-schedules/{id}");
    Ok((
        StatusCode::CREATED,
        etag(revision),
        [(header::LOCATION, location)],
        Json(row),
    )
        .into_response())
}

/// Reads a schedule.
#[utoipa::path(get, path = "/discovery-schedules/{schedule_id}", tag = "discoveries", operation_id = "get_discovery_schedule",
    params(("schedule_id" = ScheduleId, Path, description = "The schedule.")),
    responses((status = 200, description = "The schedule.", body = ScheduleResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadDiscoveries>,
    PathId(id): PathId<ScheduleId>,
) -> Answer<Response> {
    let (row, revision) = read(granted.services(), id).await?;
    Ok((etag(revision), Json(row)).into_response())
}

/// Changes a schedule; a run that is at work goes on as it was begun.
#[utoipa::path(patch, path = "/discovery-schedules/{schedule_id}", tag = "discoveries", operation_id = "update_discovery_schedule",
    params(("schedule_id" = ScheduleId, Path, description = "The schedule."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = SchedulePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The schedule as changed.", body = ScheduleResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::RunDiscoveries>,
    PathId(id): PathId<ScheduleId>,
    if_match: IfMatch,
    Patch(patch): Patch<SchedulePatch>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    let before = stored.body.request.clone();
    let mut schedule = stored.body;
    patch.apply(&mut schedule)?;
    if schedule.request != before {
        check(services, &schedule.request).await?;
    }
    services
        .to_the_end(|services| async move {
            let expect = Expect::Revision(revision);
            let kept = services.store.schedules.put(&schedule, expect).await;
            kept.map_err(of_schedule)?;
            tell(&services, id).await
        })
        .await?;
    let (row, revision) = read(services, id).await?;
    Ok((etag(revision), Json(row)).into_response())
}

/// Deletes a schedule; its runs stay.
#[utoipa::path(delete, path = "/discovery-schedules/{schedule_id}", tag = "discoveries", operation_id = "delete_discovery_schedule",
    params(("schedule_id" = ScheduleId, Path, description = "The schedule."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::RunDiscoveries>,
    PathId(id): PathId<ScheduleId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    services
        .to_the_end(|services| async move {
            let expect = Expect::Revision(revision);
            let deleted = services.store.schedules.delete(id, expect).await;
            deleted.map_err(of_store)?;
            tell(&services, id).await
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a schedule now, besides its own times; refused while a run of it is at work.
#[utoipa::path(post, path = "/discovery-schedules/{schedule_id}/run", tag = "discoveries", operation_id = "run_discovery_schedule",
    params(("schedule_id" = ScheduleId, Path, description = "The schedule.")),
    responses((status = 202, description = "It has begun; follow it at its Location or by the stream.", body = Discovery,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn run(
    granted: Granted<permit::RunDiscoveries>,
    NewId(run): NewId,
    PathId(id): PathId<ScheduleId>,
) -> Answer<Response> {
    let services = granted.services();
    let run = DiscoveryId::reserved(run);
    let begun_before = services.store.discoveries.get(run).await;
    if let Some(begun) = begun_before.map_err(of_store)? {
        return Ok(discoveries::accepted(begun.body));
    }
    find(services, id).await?;
    let (reply, answer) = oneshot::channel();
    services
        .send(Command::RunSchedule {
            schedule_id: id,
            discovery_id: run,
            reply,
        })
        .await?;
    let discovery = wait(answer).await?.map_err(|refused| match refused {
        // What is wrong with the request is not in this one's body.
        DiscoveryRefused::Target { detail, .. }
        | DiscoveryRefused::AllowedNetwork { detail, .. }
        | DiscoveryRefused::Credential { detail, .. }
        | DiscoveryRefused::Field { detail, .. } => {
            Problem::new(Kind::Conflict, format!("It cannot run as it is: {detail}."))
        }
        refused => discoveries::of_refusal("", refused),
    })?;
    Ok(discoveries::accepted(discovery))
}

async fn find(services: &Services, id: ScheduleId) -> Answer<Stored<Schedule>> {
    let stored = services.store.schedules.get(id).await;
    stored
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("discovery schedule", id))
}

async fn read(services: &Services, id: ScheduleId) -> Answer<(ScheduleResource, u64)> {
    let stored = find(services, id).await?;
    let state = services.store.schedules.state(id).await.map_err(of_store)?;
    let revision = stored.revision;
    Ok((ScheduleResource::of(stored, state), revision))
}

/// Has the server check what only it can: targets, networks, credentials.
async fn check(services: &Services, request: &DiscoveryRequest) -> Answer<()> {
    let (reply, answer) = oneshot::channel();
    let request = request.clone();
    services
        .send(Command::CheckDiscovery { request, reply })
        .await?;
    let checked = wait(answer).await?;
    checked.map_err(|refused| discoveries::of_refusal("/request", refused))
}

/// Tells the server to look at a schedule, and waits until it has: `next_run_at` is right then.
async fn tell(services: &Services, schedule_id: ScheduleId) -> Answer<()> {
    let (reply, answer) = oneshot::channel();
    services
        .send(Command::ScheduleChanged { schedule_id, reply })
        .await?;
    wait(answer).await
}

async fn wait<T>(answer: oneshot::Receiver<T>) -> Answer<T> {
    let busy = || Problem::busy("The server does not take schedules now.", START_WAIT);
    tokio::time::timeout(START_WAIT, answer)
        .await
        .map_err(|_| busy())?
        .map_err(|_| busy())
}

fn of_schedule(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => {
            Problem::field(Kind::Conflict, "/name", "another schedule has that name")
        }
        error => of_store(error),
    }
}
