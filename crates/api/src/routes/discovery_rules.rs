//! Rules for what discoveries find: list, make, read, change, delete, and try them out.

pub(super) mod dry_run;
mod shape;

use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::routes::profiles::check_usable;
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::RuleId;
use model::rule::{RULES_MAX, Rule};
use serde::Deserialize;
use shape::{RuleCreate, RulePatch, RuleResource};
use store::StoreError;
use store::documents::{Expect, Stored};

/// Where a rule has the profile that it chooses.
const PROFILE: &str = "/actions/profile";

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct RulesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// order (as they are tried), name or created_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those that are tried, or only those that are not.
    enabled: Option<bool>,
}

/// Lists rules for what discoveries find, in the order in which they are tried.
#[utoipa::path(get, path = "/discovery-rules", tag = "discoveries", operation_id = "list_discovery_rules",
    params(RulesQuery),
    responses((status = 200, description = "A page of rules.", body = Page<RuleResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadDiscoveries>,
    Query(query): Query<RulesQuery>,
) -> Answer<Json<Page<RuleResource>>> {
    let sort = sort_field(query.sort.as_deref(), &["order", "name", "created_at"])?;
    let filters = format!("{:?}", query.enabled);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let rules = granted.services().store.rules.list().await;
    let rows = rules
        .map_err(of_store)?
        .into_iter()
        .filter(|stored| query.enabled.is_none_or(|on| stored.body.enabled == on))
        .map(|stored| {
            let rule = &stored.body;
            let key = match sort.0 {
                "name" => Key::text(&rule.name),
                "created_at" => Key::Number(rule.created_at.unix_ms()),
                _ => Key::Number(rule.order.into()),
            };
            ((key, rule.id.to_string()), RuleResource::of(stored))
        });
    Ok(Json(paging.take(rows)))
}

/// Makes a rule; it counts for whatever is found from now on.
#[utoipa::path(post, path = "/discovery-rules", tag = "discoveries", operation_id = "create_discovery_rule",
    request_body = RuleCreate,
    responses((status = 201, description = "The rule as made.", body = RuleResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::RunDiscoveries>,
    NewId(id): NewId,
    Body(body): Body<RuleCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = RuleId::reserved(id);
    let rule = body.finish(id, services.clock.now())?;
    check_usable(services, PROFILE, rule.actions.profile.as_deref()).await?;
    let rules = &services.store.rules;
    // An attempt before this one may have made it, and been broken off before its answer.
    if rules.get(id).await.map_err(of_store)?.is_none() {
        if rules.count().await.map_err(of_store)? >= RULES_MAX as u64 {
            let detail = format!("At most {RULES_MAX} rules are kept; delete one first.");
            return Err(Problem::new(Kind::Conflict, detail));
        }
        rules.put(&rule, Expect::Absent).await.map_err(of_rule)?;
    }
    let stored = find(services, id).await?;
    let location = format!("/api/v1/discovery-rules/{id}");
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        [(header::LOCATION, location)],
        Json(RuleResource::of(stored)),
    )
        .into_response())
}

/// Reads a rule.
#[utoipa::path(get, path = "/discovery-rules/{rule_id}", tag = "discoveries", operation_id = "get_discovery_rule",
    params(("rule_id" = RuleId, Path, description = "The rule.")),
    responses((status = 200, description = "The rule.", body = RuleResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadDiscoveries>,
    PathId(id): PathId<RuleId>,
) -> Answer<Response> {
    let stored = find(granted.services(), id).await?;
    Ok((etag(stored.revision), Json(RuleResource::of(stored))).into_response())
}

/// Changes a rule; devices that are registered already stay as they are.
#[utoipa::path(patch, path = "/discovery-rules/{rule_id}", tag = "discoveries", operation_id = "update_discovery_rule",
    params(("rule_id" = RuleId, Path, description = "The rule."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = RulePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The rule as changed.", body = RuleResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::RunDiscoveries>,
    PathId(id): PathId<RuleId>,
    if_match: IfMatch,
    Patch(patch): Patch<RulePatch>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    let mut rule = stored.body;
    let profile = rule.actions.profile.clone();
    patch.apply(&mut rule)?;
    // One that is gone meanwhile hinders no other change.
    if rule.actions.profile != profile {
        check_usable(services, PROFILE, rule.actions.profile.as_deref()).await?;
    }
    let expect = Expect::Revision(revision);
    let kept = services.store.rules.put(&rule, expect).await;
    let revision = kept.map_err(of_rule)?;
    let stored = Stored {
        id: id.to_string(),
        revision,
        body: rule,
    };
    Ok((etag(revision), Json(RuleResource::of(stored))).into_response())
}

/// Deletes a rule; devices that were registered by it stay.
#[utoipa::path(delete, path = "/discovery-rules/{rule_id}", tag = "discoveries", operation_id = "delete_discovery_rule",
    params(("rule_id" = RuleId, Path, description = "The rule."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::RunDiscoveries>,
    PathId(id): PathId<RuleId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let deleted = services.store.rules.delete(id, expect).await;
    deleted.map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(services: &Services, id: RuleId) -> Answer<Stored<Rule>> {
    let stored = services.store.rules.get(id).await;
    stored
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("discovery rule", id))
}

fn of_rule(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => {
            Problem::field(Kind::Conflict, "/name", "another rule has that name")
        }
        error => of_store(error),
    }
}
