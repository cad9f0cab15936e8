//! Scaling triggers: list, make, read, change, delete, the number that an autoscaler reads, and a try of a
//! webhook. The server raises and clears them.

pub(crate) mod metric;
mod shape;

use super::series;
use crate::auth::gate::{App, Granted, permit};
use crate::auth::principal::Permission;
use crate::body::{Body, Patch};
use crate::command::Command;
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
use model::scaling::{
    STEP_SECS, ScalingStanding, ScalingState, ScalingThreshold, ScalingTrigger, TRIGGERS_MAX,
};
use model::webhook::Delivery;
use model::{DeviceId, SeriesId, TriggerId};
use serde::Deserialize;
use shape::{TriggerCreate, TriggerPatch, TriggerResource};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use store::documents::{Expect, Stored};
use tokio::sync::oneshot;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a try of a webhook may take.
const TEST_MAX: Duration = Duration::from_secs(20);

/// The routes under `/scaling`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(test))
        .routes(routes!(metric::get))
        .routes(routes!(metric::key))
}

/// Which triggers, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TriggersQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, state (raised last), expected_at or created_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those that watch a series of this device.
    device_id: Option<DeviceId>,
    /// Only those that watch this series.
    series_id: Option<SeriesId>,
    /// Only those in these states, with commas between.
    #[param(value_type = Option<String>, max_length = 4096, example = "raised")]
    state: OneOf<ScalingState>,
    /// Only those that watch, or only those that do not.
    enabled: Option<bool>,
}

/// Lists scaling triggers, and how each stands.
#[utoipa::path(get, path = "/scaling", tag = "foresight", operation_id = "list_scaling_triggers",
    params(TriggersQuery),
    responses((status = 200, description = "A page of triggers.", body = Page<TriggerResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<TriggersQuery>,
) -> Answer<Json<Page<TriggerResource>>> {
    let fields = ["name", "state", "expected_at", "created_at"];
    let sort = sort_field(query.sort.as_deref(), &fields)?;
    let filters = format!(
        "{:?}{:?}{:?}{:?}",
        query.device_id, query.series_id, query.state, query.enabled
    );
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let services = granted.services();
    let wanted = |typed: &ScalingTrigger| {
        query.series_id.is_none_or(|id| typed.series_id == id)
            && query.enabled.is_none_or(|on| typed.enabled == on)
    };
    let rows = services
        .store
        .scaling
        .list()
        .into_iter()
        .filter(|(stored, standing)| wanted(&stored.body) && query.state.takes(&standing.state))
        .map(|(stored, standing)| shown(&granted, &stored, &standing))
        .filter(|row| {
            let id = query.device_id;
            id.is_none_or(|id| row.device_id() == Some(id))
        })
        .map(|row| {
            let key = match sort.0 {
                "state" => Key::Number(row.state as i64),
                "expected_at" => {
                    Key::maybe_number(row.expected_at().map(model::Timestamp::unix_ms))
                }
                "created_at" => Key::Number(row.created_at.unix_ms()),
                _ => Key::text(&row.name),
            };
            ((key, row.id.to_string()), row)
        });
    Ok(Json(paging.take(rows)))
}

/// Makes a scaling trigger. It goes through what is known of the series at once.
#[utoipa::path(post, path = "/scaling", tag = "foresight", operation_id = "create_scaling_trigger",
    request_body = TriggerCreate,
    responses((status = 201, description = "The trigger as made.", body = TriggerResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    NewId(id): NewId,
    Body(body): Body<TriggerCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = TriggerId::reserved(id);
    let (trigger, secret) = body.finish(id, services.clock.now())?;
    let triggers = &services.store.scaling;
    // An attempt before this one may have made it, and been broken off before its answer.
    if triggers.get(id).is_none() {
        can_be_watched(services, &trigger)?;
        if triggers.count() >= TRIGGERS_MAX {
            let detail = format!("At most {TRIGGERS_MAX} triggers are kept; delete one first.");
            return Err(Problem::new(Kind::Conflict, detail));
        }
        let made = triggers.put(trigger, secret, Expect::Absent).await;
        made.map_err(of_trigger)?;
    }
    let (stored, standing) = find(services, id)?;
    let row = TriggerResource::of(services, &stored, &standing);
    let location = format!("/api/v1/scaling/{id}");
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        [(header::LOCATION, location)],
        Json(row),
    )
        .into_response())
}

/// Reads a scaling trigger and how it stands.
#[utoipa::path(get, path = "/scaling/{trigger_id}", tag = "foresight", operation_id = "get_scaling_trigger",
    params(("trigger_id" = TriggerId, Path, description = "The trigger.")),
    responses((status = 200, description = "The trigger.", body = TriggerResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<TriggerId>,
) -> Answer<Response> {
    let (stored, standing) = find(granted.services(), id)?;
    let row = shown(&granted, &stored, &standing);
    Ok((etag(stored.revision), Json(row)).into_response())
}

/// Changes a scaling trigger. Where it watches otherwise from now on, it learns anew.
#[utoipa::path(patch, path = "/scaling/{trigger_id}", tag = "foresight", operation_id = "update_scaling_trigger",
    params(("trigger_id" = TriggerId, Path, description = "The trigger."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = TriggerPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The trigger as changed.", body = TriggerResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<TriggerId>,
    if_match: IfMatch,
    Patch(patch): Patch<TriggerPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let (stored, _) = find(services, id)?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let mut trigger = stored.body.clone();
    let secret = patch.apply(&mut trigger)?;
    if !trigger.watches_as(&stored.body) {
        can_be_watched(services, &trigger)?;
    }
    let triggers = &services.store.scaling;
    let changed = triggers.put(trigger, secret, expect).await;
    changed.map_err(of_trigger)?;
    let (stored, standing) = find(services, id)?;
    let row = TriggerResource::of(services, &stored, &standing);
    Ok((etag(stored.revision), Json(row)).into_response())
}

/// Deletes a scaling trigger and what it has learned. Nobody is told, and its key reads nothing any more.
#[utoipa::path(delete, path = "/scaling/{trigger_id}", tag = "foresight", operation_id = "delete_scaling_trigger",
    params(("trigger_id" = TriggerId, Path, description = "The trigger."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<TriggerId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let (stored, _) = find(services, id)?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let deleted = services.store.scaling.delete(id, expect).await;
    deleted.map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a message of type `dev.foretell.scaling.test` to the webhook of a trigger, once, and says how it
/// fared.
#[utoipa::path(post, path = "/scaling/{trigger_id}/test", tag = "foresight", operation_id = "test_scaling_webhook",
    params(("trigger_id" = TriggerId, Path, description = "The trigger.")),
    responses((status = 200, description = "How the message fared.", body = Delivery)))]
pub(crate) async fn test(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<TriggerId>,
) -> Answer<Json<Delivery>> {
    let services = granted.services();
    let (stored, _) = find(services, id)?;
    let no_webhook = || Problem::new(Kind::Conflict, "The trigger has no webhook.");
    if stored.body.webhook.is_none() {
        return Err(no_webhook());
    }
    let (reply, answer) = oneshot::channel();
    let command = Command::TestWebhook {
        trigger_id: id,
        reply,
    };
    services.send(command).await?;
    let busy = |detail: &str| Problem::busy(detail, Duration::from_secs(30));
    match tokio::time::timeout(TEST_MAX, answer).await {
        Ok(Ok(Ok(Some(delivery)))) => Ok(Json(delivery)),
        Ok(Ok(Ok(None))) => Err(no_webhook()),
        Ok(Ok(Err(_))) => Err(busy("As many messages as may be are under way.")),
        Ok(Err(_)) | Err(_) => Err(busy("The server did not send it.")),
    }
}

fn find(
    services: &Services,
    id: TriggerId,
) -> Answer<(Arc<Stored<ScalingTrigger>>, Arc<ScalingStanding>)> {
    let found = services.store.scaling.get(id);
    found.ok_or_else(|| Problem::not_found("scaling trigger", id))
}

/// A trigger as somebody may see it.
fn shown(
    granted: &Granted<permit::ReadInventory>,
    stored: &Stored<ScalingTrigger>,
    standing: &ScalingStanding,
) -> TriggerResource {
    let row = TriggerResource::of(granted.services(), stored, standing);
    if granted.principal.role.may(Permission::WriteInventory) {
        row
    } else {
        row.without_token()
    }
}

/// Whether the series is there, is measured in each step, and has the limit of which the threshold is a share.
fn can_be_watched(services: &Services, trigger: &ScalingTrigger) -> Answer<()> {
    let invalid = |pointer, detail| Err(Problem::field(Kind::Invalid, pointer, detail));
    let Ok(series) = series::find(services, trigger.series_id) else {
        return invalid("/series_id", "there is no such series");
    };
    if series.key.metric.kind() == model::metric::Kind::State {
        let detail = "a state is one of a few numbers, and has no load";
        return invalid("/series_id", detail);
    }
    let record = services.store.inventory.device(series.key.device_id);
    let interval_secs = record.map_or(0, |record| record.device.body.interval_secs);
    if interval_secs > STEP_SECS {
        let detail = format!(
            "its device is polled every {interval_secs} seconds; a trigger needs it every {STEP_SECS} or more often"
        );
        return Err(Problem::field(Kind::Invalid, "/series_id", detail));
    }
    let is_share = matches!(trigger.threshold, ScalingThreshold::OfLimit { .. });
    let limit = || crate::foresight::limit::limit_of(&services.ground(), &series);
    if is_share && limit().is_none() {
        let detail = "nothing is known to limit the series; give a value";
        return invalid("/threshold", detail);
    }
    Ok(())
}

fn of_trigger(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => {
            Problem::field(Kind::Conflict, "/name", "another trigger has that name")
        }
        error => of_store(error),
    }
}
