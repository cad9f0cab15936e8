//! Policies of how long samples are kept: list, make, read, change, delete.

use super::noted;
use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::merge;
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use crate::text::objection;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::PolicyId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::StoreError;
use store::audit::AuditAction;
use store::documents::{Expect, Stored};
use store::retention::{
    Detail, KEEP_DAYS_MAX, KEEP_DAYS_MIN, POLICIES_MAX, POLICY_LIST_MAX, PRIORITY_MAX, Policy,
    metric_pattern,
};
use tracing::info;

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PoliciesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// level, name, priority or keep_days; with a leading `-` the other way.
    sort: Option<String>,
}

/// A policy of how long samples are kept.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RetentionPolicy)]
pub(crate) struct PolicyResource {
    /// The id.
    id: PolicyId,
    /// What people call it.
    name: String,
    /// Names of metrics that it is for, as regular expressions of whole names; all where it is empty.
    metrics: Vec<String>,
    /// It is for devices that have one of these tags; for all where it is empty.
    device_tags: BTreeSet<String>,
    /// For which detail it is.
    level: Detail,
    /// How many days are kept.
    keep_days: u32,
    /// Of the policies that are for a series the greatest decides; of equal ones the one that keeps
    /// longest.
    priority: u32,
    /// Its samples go when they are over, also those that were not archived yet. Means nothing where there
    /// is no archive.
    without_archive: bool,
    /// One of each level is built in: it is for all series, comes last, and only its days can be
    /// changed. Deleted, it is as it was.
    built_in: bool,
    /// Counts its changes; the ETag. 0 for a built-in one that nobody changed.
    revision: u64,
}

impl PolicyResource {
    fn of(stored: Stored<Policy>) -> Self {
        let policy = stored.body;
        Self {
            id: policy.id,
            built_in: policy.is_built_in(),
            name: policy.name,
            metrics: policy.metrics,
            device_tags: policy.device_tags,
            level: policy.level,
            keep_days: policy.keep_days,
            priority: policy.priority,
            without_archive: policy.without_archive,
            revision: stored.revision,
        }
    }
}

/// What a policy is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionPolicyCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyCreate {
    /// What people call it; no other policy has the same.
    name: String,
    /// Names of metrics that it is for, as regular expressions of whole names; all where it is empty.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub(super) metrics: Vec<String>,
    /// It is for devices that have one of these tags; for all where it is empty.
    #[serde(default)]
    #[schema(max_items = 64)]
    device_tags: BTreeSet<String>,
    /// For which detail it is.
    level: Detail,
    /// How many days are kept.
    #[schema(minimum = 1, maximum = 36525)]
    keep_days: u32,
    /// Of the policies that are for a series the greatest decides.
    #[serde(default = "priority")]
    #[schema(default = 100, minimum = 1, maximum = 1_000_000)]
    priority: u32,
    /// Its samples go when they are over, also those that were not archived yet. Means nothing where there
    /// is no archive.
    #[serde(default)]
    without_archive: bool,
}

fn priority() -> u32 {
    100
}

impl PolicyCreate {
    /// The policy, checked.
    pub(super) fn finish(self, id: PolicyId) -> Answer<Policy> {
        let mut policy = Policy {
            id,
            name: self.name,
            metrics: self.metrics,
            device_tags: self.device_tags,
            level: self.level,
            keep_days: self.keep_days,
            priority: self.priority,
            without_archive: self.without_archive,
        };
        check(&mut policy)?;
        Ok(policy)
    }
}

/// A merge patch (RFC 7396) of a policy. Lists are replaced as a whole.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionPolicyPatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Names of metrics that it is for, as regular expressions of whole names.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, max_items = 64)]
    metrics: Option<Vec<String>>,
    /// It is for devices that have one of these tags.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, max_items = 64)]
    device_tags: Option<BTreeSet<String>>,
    /// For which detail it is.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    level: Option<Detail>,
    /// How many days are kept.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 1, maximum = 36525)]
    keep_days: Option<u32>,
    /// Of the policies that are for a series the greatest decides.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    priority: Option<u32>,
    /// Its samples go when they are over, also those that were not archived yet. Means nothing where there
    /// is no archive.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    without_archive: Option<bool>,
}

impl PolicyPatch {
    /// Puts what is given in the place of what is there.
    pub(super) fn apply(self, policy: &mut Policy) -> Answer<()> {
        let before = policy.clone();
        if let Some(name) = self.name {
            policy.name = name;
        }
        if let Some(metrics) = self.metrics {
            policy.metrics = metrics;
        }
        if let Some(device_tags) = self.device_tags {
            policy.device_tags = device_tags;
        }
        if let Some(level) = self.level {
            policy.level = level;
        }
        if let Some(keep_days) = self.keep_days {
            policy.keep_days = keep_days;
        }
        if let Some(priority) = self.priority {
            policy.priority = priority;
        }
        if let Some(without_archive) = self.without_archive {
            policy.without_archive = without_archive;
        }
        if !before.is_built_in() {
            return check(policy);
        }
        let mut faults = Faults::default();
        for (pointer, differs) in [
            ("/name", policy.name != before.name),
            ("/metrics", policy.metrics != before.metrics),
            ("/device_tags", policy.device_tags != before.device_tags),
            ("/level", policy.level != before.level),
            ("/priority", policy.priority != before.priority),
            (
                "/without_archive",
                policy.without_archive != before.without_archive,
            ),
        ] {
            if differs {
                faults.add(pointer, "of a built-in policy only the days can be changed");
            }
        }
        check_days(policy, &mut faults);
        faults.into_result()
    }
}

fn check_days(policy: &Policy, faults: &mut Faults) {
    if !(KEEP_DAYS_MIN..=KEEP_DAYS_MAX).contains(&policy.keep_days) {
        let detail = format!("{KEEP_DAYS_MIN} to {KEEP_DAYS_MAX} days are expected");
        faults.add("/keep_days", detail);
    }
}

/// Checks and tidies a policy of an operator's.
fn check(policy: &mut Policy) -> Answer<()> {
    let mut faults = Faults::default();
    policy.name = policy.name.trim().to_owned();
    if policy.name.is_empty() {
        faults.add("/name", "a name is needed");
    } else if let Some(objection) = objection(&policy.name) {
        faults.add("/name", objection);
    }
    let too_many = format!("at most {POLICY_LIST_MAX} are taken");
    if policy.metrics.len() > POLICY_LIST_MAX {
        faults.add("/metrics", too_many.clone());
    }
    for (n, pattern) in policy.metrics.iter().enumerate().take(POLICY_LIST_MAX) {
        if let Err(fault) = metric_pattern(pattern) {
            faults.add(format!("/metrics/{n}"), fault.to_string());
        }
    }
    let tags = std::mem::take(&mut policy.device_tags).into_iter();
    policy.device_tags = tags.map(|tag| tag.trim().to_owned()).collect();
    if policy.device_tags.len() > POLICY_LIST_MAX {
        faults.add("/device_tags", too_many);
    }
    for tag in &policy.device_tags {
        if tag.is_empty() || tag.contains(',') {
            faults.add("/device_tags", "a tag is not empty and has no comma");
        } else if let Some(objection) = objection(tag) {
            faults.add("/device_tags", objection);
        }
    }
    check_days(policy, &mut faults);
    if !(1..=PRIORITY_MAX).contains(&policy.priority) {
        faults.add("/priority", format!("1 to {PRIORITY_MAX} is expected"));
    }
    faults.into_result()
}

/// Lists policies of how long samples are kept, the built-in ones too.
#[utoipa::path(get, path = "/retention/policies", tag = "storage", operation_id = "list_retention_policies",
    params(PoliciesQuery),
    responses((status = 200, description = "A page of policies.", body = Page<PolicyResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<PoliciesQuery>,
) -> Answer<Json<Page<PolicyResource>>> {
    let fields = ["level", "name", "priority", "keep_days"];
    let sort = sort_field(query.sort.as_deref(), &fields)?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let policies = granted.services().store.retention.policies().await;
    let rows = policies.map_err(of_store)?.into_iter().map(|stored| {
        let policy = &stored.body;
        let key = match sort.0 {
            "name" => Key::text(&policy.name),
            "priority" => Key::Number(policy.priority.into()),
            "keep_days" => Key::Number(policy.keep_days.into()),
            _ => Key::Number(policy.level as i64),
        };
        ((key, policy.id.to_string()), PolicyResource::of(stored))
    });
    Ok(Json(paging.take(rows)))
}

/// Makes a policy. What it keeps no longer goes with the next pass, within an hour.
#[utoipa::path(post, path = "/retention/policies", tag = "storage", operation_id = "create_retention_policy",
    request_body = PolicyCreate,
    responses((status = 201, description = "The policy as made.", body = PolicyResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(body): Body<PolicyCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = PolicyId::reserved(id);
    let policy = body.finish(id)?;
    let retention = &services.store.retention;
    // An attempt before this one may have made it, and been broken off before its answer.
    if retention.policy(id).await.map_err(of_store)?.is_none() {
        let all = retention.policies().await.map_err(of_store)?;
        has_room(&all)?;
        free_name(&all, &policy)?;
        let put = retention.put_policy(&policy, Expect::Absent).await;
        put.map_err(of_policy)?;
        info!(policy.id = %id, keep_days = policy.keep_days, "a policy of retention was made");
        let detail = format!("policy {id} was made: {} days", policy.keep_days);
        noted(&granted, AuditAction::Policy, detail).await;
    }
    let stored = find(services, id).await?;
    let location = format!("/api/v1/retention/policies/{id}");
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        [(header::LOCATION, location)],
        Json(PolicyResource::of(stored)),
    )
        .into_response())
}

/// Reads a policy.
#[utoipa::path(get, path = "/retention/policies/{policy_id}", tag = "storage", operation_id = "get_retention_policy",
    params(("policy_id" = PolicyId, Path, description = "The policy.")),
    responses((status = 200, description = "The policy.", body = PolicyResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadSystem>,
    PathId(id): PathId<PolicyId>,
) -> Answer<Response> {
    let stored = find(granted.services(), id).await?;
    Ok((etag(stored.revision), Json(PolicyResource::of(stored))).into_response())
}

/// Changes a policy; of a built-in one the days alone.
#[utoipa::path(patch, path = "/retention/policies/{policy_id}", tag = "storage", operation_id = "update_retention_policy",
    params(("policy_id" = PolicyId, Path, description = "The policy."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = PolicyPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The policy as changed.", body = PolicyResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<PolicyId>,
    if_match: IfMatch,
    Patch(patch): Patch<PolicyPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    let mut policy = stored.body;
    patch.apply(&mut policy)?;
    let retention = &services.store.retention;
    free_name(&retention.policies().await.map_err(of_store)?, &policy)?;
    let put = retention.put_policy(&policy, Expect::Revision(revision));
    let revision = put.await.map_err(of_policy)?;
    info!(policy.id = %id, keep_days = policy.keep_days, "a policy of retention was changed");
    let detail = format!("policy {id} was changed: {} days", policy.keep_days);
    noted(&granted, AuditAction::Policy, detail).await;
    let stored = Stored {
        id: id.to_string(),
        revision,
        body: policy,
    };
    Ok((etag(revision), Json(PolicyResource::of(stored))).into_response())
}

/// Deletes a policy; a built-in one that was changed is as it was.
#[utoipa::path(delete, path = "/retention/policies/{policy_id}", tag = "storage", operation_id = "delete_retention_policy",
    params(("policy_id" = PolicyId, Path, description = "The policy."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone, or as it was built in.")))]
pub(crate) async fn delete(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<PolicyId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    deletable(&stored)?;
    let retention = &services.store.retention;
    let deleted = retention
        .delete_policy(id, Expect::Revision(revision))
        .await;
    deleted.map_err(of_store)?;
    info!(policy.id = %id, "a policy of retention was deleted");
    let detail = format!("policy {id} was deleted");
    noted(&granted, AuditAction::Policy, detail).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses what cannot be deleted: a built-in policy that is as it was built.
pub(super) fn deletable(stored: &Stored<Policy>) -> Answer<()> {
    if stored.revision == 0 {
        let detail = "It is built in, and as it was built: there is nothing to delete.";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    Ok(())
}

async fn find(services: &Services, id: PolicyId) -> Answer<Stored<Policy>> {
    let stored = services.store.retention.policy(id).await;
    stored
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("policy", id))
}

/// There is room for one more beside those that operators made.
pub(super) fn has_room(all: &[Stored<Policy>]) -> Answer<()> {
    let own = all.iter().filter(|stored| !stored.body.is_built_in());
    if own.count() >= POLICIES_MAX {
        let detail = format!("At most {POLICIES_MAX} policies are kept; delete one first.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    Ok(())
}

/// No other policy has its name. The store looks as well, but knows not of built-in ones.
pub(super) fn free_name(all: &[Stored<Policy>], policy: &Policy) -> Answer<()> {
    let other =
        |stored: &Stored<Policy>| stored.body.id != policy.id && stored.body.name == policy.name;
    if all.iter().any(other) {
        return Err(taken());
    }
    Ok(())
}

fn taken() -> Problem {
    Problem::field(Kind::Conflict, "/name", "another policy has that name")
}

fn of_policy(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => taken(),
        error => of_store(error),
    }
}
