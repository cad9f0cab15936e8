//! Holds: samples that are kept whatever the policies say. List, place, read, change, release.

use super::{noted, tidy};
use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::merge::{self, Change};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{HoldId, Metric, Timestamp};
use serde::{Deserialize, Serialize};
use store::audit::AuditAction;
use store::documents::{Expect, Stored};
use store::retention::{HOLDS_MAX, Hold, REASON_LEN_MAX};
use store::series::{Selector, SelectorError};
use tracing::info;

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HoldsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// since, reason or by; with a leading `-` the other way.
    sort: Option<String>,
}

/// Samples that are kept whatever the policies say.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RetentionHold)]
pub(crate) struct HoldResource {
    /// The id.
    id: HoldId,
    /// Which series, as a selector. Those that it meant when the hold was placed are held until it is
    /// released; others as long as it means them.
    selector: String,
    /// From when on samples are kept; null since ever.
    from: Option<Timestamp>,
    /// Until when, not itself; null without end.
    to: Option<Timestamp>,
    /// Why.
    reason: String,
    /// Who placed it.
    by: String,
    /// When it was placed.
    since: Timestamp,
    /// Of how many devices it meant series when it was placed. None of them can be deleted.
    devices: usize,
    /// Counts its changes; the ETag.
    revision: u64,
}

impl HoldResource {
    fn of(services: &Services, stored: Stored<Hold>) -> Self {
        let hold = stored.body;
        Self {
            id: hold.id,
            selector: hold.selector,
            from: hold.from,
            to: hold.to,
            reason: hold.reason,
            by: hold.by,
            since: hold.since,
            devices: services.store.retention.held(hold.id).devices.len(),
            revision: stored.revision,
        }
    }
}

/// What a hold is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionHoldCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldCreate {
    /// Which series, as a selector; see the guide to series.
    #[schema(max_length = 4096, example = "{site=\"lyon\"}")]
    selector: String,
    /// From when on samples are kept; since ever where it is not given.
    #[serde(default)]
    from: Option<Timestamp>,
    /// Until when, not itself; without end where it is not given.
    #[serde(default)]
    to: Option<Timestamp>,
    /// Why.
    #[schema(max_length = 1000)]
    reason: String,
}

/// A merge patch (RFC 7396) of a hold. For other series another hold is placed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionHoldPatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldPatch {
    /// From when on samples are kept; null since ever.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<Timestamp>)]
    from: Change<Timestamp>,
    /// Until when, not itself; null without end.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<Timestamp>)]
    to: Change<Timestamp>,
    /// Why.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, max_length = 1000)]
    reason: Option<String>,
}

/// Checks and tidies what can be changed of a hold.
fn check(hold: &mut Hold, faults: &mut Faults) {
    match tidy(&hold.reason, REASON_LEN_MAX) {
        Ok(reason) => hold.reason = reason,
        Err(detail) => faults.add("/reason", detail),
    }
    if let (Some(from), Some(to)) = (hold.from, hold.to)
        && from >= to
    {
        faults.add("/to", "it is not behind `from`");
    }
}

/// A selector, or what is wrong with it.
fn selector(text: &str) -> Result<Selector, String> {
    let selector: Selector = text
        .parse()
        .map_err(|error: SelectorError| error.to_string())?;
    if let Some(name) = selector.metric() {
        Metric::named(name).map_err(|error| error.to_string())?;
    }
    Ok(selector)
}

/// Lists holds.
#[utoipa::path(get, path = "/retention/holds", tag = "storage", operation_id = "list_retention_holds",
    params(HoldsQuery),
    responses((status = 200, description = "A page of holds.", body = Page<HoldResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<HoldsQuery>,
) -> Answer<Json<Page<HoldResource>>> {
    let sort = sort_field(query.sort.as_deref(), &["since", "reason", "by"])?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let services = granted.services();
    let holds = services.store.retention.holds().await;
    let rows = holds.map_err(of_store)?.into_iter().map(|stored| {
        let hold = &stored.body;
        let key = match sort.0 {
            "reason" => Key::text(&hold.reason),
            "by" => Key::text(&hold.by),
            _ => Key::Number(hold.since.unix_ms()),
        };
        let place = (key, hold.id.to_string());
        (place, HoldResource::of(services, stored))
    });
    Ok(Json(paging.take(rows)))
}

/// Places a hold: what it means is kept from now on, and its devices cannot be deleted.
#[utoipa::path(post, path = "/retention/holds", tag = "storage", operation_id = "create_retention_hold",
    request_body = HoldCreate,
    responses((status = 201, description = "The hold as placed.", body = HoldResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(body): Body<HoldCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = HoldId::reserved(id);
    let mut hold = Hold {
        id,
        selector: body.selector,
        from: body.from,
        to: body.to,
        reason: body.reason,
        by: granted.principal.username.clone(),
        since: services.clock.now(),
    };
    let text = hold.selector.clone();
    // Expressions are compiled where blocking is allowed.
    let selector = granted.state().blocking(move || selector(&text)).await?;
    let mut faults = Faults::default();
    check(&mut hold, &mut faults);
    let selector = match selector {
        Ok(selector) => selector,
        Err(detail) => {
            faults.add("/selector", detail);
            Selector::default()
        }
    };
    faults.into_result()?;
    let retention = &services.store.retention;
    // An attempt before this one may have placed it, and been broken off before its answer.
    if retention.hold(id).await.map_err(of_store)?.is_none() {
        let all = retention.holds().await.map_err(of_store)?;
        if all.len() >= HOLDS_MAX {
            let detail = format!("At most {HOLDS_MAX} holds are kept; release one first.");
            return Err(Problem::new(Kind::Conflict, detail));
        }
        // To its end, also where the client leaves: it is shown as soon as it is begun.
        services
            .to_the_end(|services| async move {
                let (series, attached) = (&services.series, services.store.inventory.attached());
                let retention = &services.store.retention;
                let placed = retention.place(&hold, selector, series, attached).await;
                placed.map_err(of_store)
            })
            .await?;
        info!(hold.id = %id, by = granted.principal.username, "a hold was placed on samples");
        noted(&granted, AuditAction::Hold, format!("hold {id} was placed")).await;
    }
    let stored = find(services, id).await?;
    let location = format!("/api/v1/retention/holds/{id}");
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        [(header::LOCATION, location)],
        Json(HoldResource::of(services, stored)),
    )
        .into_response())
}

/// Reads a hold.
#[utoipa::path(get, path = "/retention/holds/{hold_id}", tag = "storage", operation_id = "get_retention_hold",
    params(("hold_id" = HoldId, Path, description = "The hold.")),
    responses((status = 200, description = "The hold.", body = HoldResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadSystem>,
    PathId(id): PathId<HoldId>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = stored.revision;
    Ok((etag(revision), Json(HoldResource::of(services, stored))).into_response())
}

/// Changes the range of a hold, or its reason.
#[utoipa::path(patch, path = "/retention/holds/{hold_id}", tag = "storage", operation_id = "update_retention_hold",
    params(("hold_id" = HoldId, Path, description = "The hold."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = HoldPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The hold as changed.", body = HoldResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<HoldId>,
    if_match: IfMatch,
    Patch(patch): Patch<HoldPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    let mut hold = stored.body;
    hold.from = patch.from.unwrap_or(hold.from);
    hold.to = patch.to.unwrap_or(hold.to);
    if let Some(reason) = patch.reason {
        hold.reason = reason;
    }
    let mut faults = Faults::default();
    check(&mut hold, &mut faults);
    faults.into_result()?;
    let body = hold.clone();
    let revision = services
        .to_the_end(|services| async move {
            let expect = Expect::Revision(revision);
            let changed = services.store.retention.change_hold(&hold, expect).await;
            changed.map_err(of_store)
        })
        .await?;
    info!(hold.id = %id, by = granted.principal.username, "a hold on samples was changed");
    noted(
        &granted,
        AuditAction::Hold,
        format!("hold {id} was changed"),
    )
    .await;
    let stored = Stored {
        id: id.to_string(),
        revision,
        body,
    };
    Ok((etag(revision), Json(HoldResource::of(services, stored))).into_response())
}

/// Releases a hold: what only it kept goes with the next pass.
#[utoipa::path(delete, path = "/retention/holds/{hold_id}", tag = "storage", operation_id = "delete_retention_hold",
    params(("hold_id" = HoldId, Path, description = "The hold."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is released.")))]
pub(crate) async fn delete(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<HoldId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    services
        .to_the_end(|services| async move {
            let released = services.store.retention.release(id, expect).await;
            released.map_err(of_store)
        })
        .await?;
    info!(hold.id = %id, by = granted.principal.username, "a hold on samples was released");
    noted(
        &granted,
        AuditAction::Hold,
        format!("hold {id} was released"),
    )
    .await;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(services: &Services, id: HoldId) -> Answer<Stored<Hold>> {
    let stored = services.store.retention.hold(id).await;
    stored
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("hold", id))
}
