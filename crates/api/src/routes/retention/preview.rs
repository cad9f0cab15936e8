//! What would go: a dry run of the policies that there are, or of others.

use super::of_retention;
use super::policies::{PolicyCreate, PolicyPatch, deletable, free_name, has_room};
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::problem::{Answer, Kind, Problem};
use crate::store_problem::of_store;
use axum::Json;
use model::{HoldId, PolicyId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::documents::Stored;
use store::retention::{Amount, Detail, FileFate, POLICIES_MAX, Plan, Policy};

/// Expressions of metrics of all policies that are given: each takes a while and some room.
const EXPRESSIONS_MAX: usize = 256;

/// Files that are named in one answer; their number is exact.
const FILES_TOLD_MAX: usize = 1_000;

/// What is tried.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionPreviewRequest {
    /// Policies in the place of those that operators made; the built-in ones stay. Those that there are
    /// where it is not given.
    #[serde(default)]
    #[schema(max_items = 100)]
    policies: Option<Vec<PolicyCreate>>,
    /// One change of those that there are, in the place of `policies`.
    #[serde(default)]
    change: Option<PolicyChange>,
}

/// One change of the policies that there are, as making it would be taken or refused.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = RetentionPolicyChange)]
#[serde(deny_unknown_fields)]
struct PolicyChange {
    /// Which policy is changed; it is deleted where `patch` is not given, and a built-in one is as it was
    /// built then.
    #[serde(default)]
    policy_id: Option<PolicyId>,
    /// What is changed of it.
    #[serde(default)]
    patch: Option<PolicyPatch>,
    /// One that is made, where no `policy_id` is given.
    #[serde(default)]
    create: Option<PolicyCreate>,
}

impl PolicyChange {
    /// The policies with this change.
    fn made(self, kept: &[Stored<Policy>]) -> Answer<Vec<Policy>> {
        let mut policies: Vec<Policy> = kept.iter().map(|stored| stored.body.clone()).collect();
        let found = |id: PolicyId| {
            let place = kept.iter().position(|stored| stored.body.id == id);
            place.ok_or_else(|| Problem::not_found("policy", id))
        };
        match (self.policy_id, self.patch, self.create) {
            (None, None, Some(draft)) => {
                has_room(kept)?;
                let policy = draft.finish(PolicyId::new()).and_then(|policy| {
                    free_name(kept, &policy)?;
                    Ok(policy)
                });
                policies.push(policy.map_err(|problem| problem.at("/change/create"))?);
            }
            (Some(id), patch, None) => {
                let place = found(id)?;
                let mut policy = policies.remove(place);
                if patch.is_none() {
                    kept.get(place).map_or(Ok(()), deletable)?;
                }
                if let Some(patch) = patch {
                    let patched = patch.apply(&mut policy);
                    let patched = patched.and_then(|()| free_name(kept, &policy));
                    patched.map_err(|problem| problem.at("/change/patch"))?;
                    policies.push(policy);
                }
            }
            _ => {
                let detail = "give `create`, or `policy_id` with `patch` or alone";
                return Err(Problem::field(Kind::Invalid, "/change", detail));
            }
        }
        Ok(policies)
    }
}

/// What would go with the next pass.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RetentionPreview {
    /// As of when.
    at: Timestamp,
    /// Files that would be removed as a whole.
    files_removed: u64,
    /// Days that would be written again without some series.
    days_rewritten: u64,
    /// Octets that would go.
    bytes: u64,
    /// Samples that would go.
    samples: u64,
    /// What would go by each policy.
    by_policy: Vec<PreviewByPolicy>,
    /// What only one hold keeps, for each.
    by_hold: Vec<PreviewByHold>,
    /// Octets that several holds keep, and nothing else.
    bytes_held_by_several: u64,
    /// Samples that several holds keep, and nothing else.
    samples_held_by_several: u64,
    /// The files of which something would go, the oldest first, a thousand at most.
    files: Vec<PreviewFile>,
    /// Files that were not looked into, as there are too many or they are damaged: passes to come do.
    files_left: u64,
    /// Their octets.
    bytes_left: u64,
}

/// What would go by one policy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PreviewByPolicy {
    /// Which; null for what deleted devices left.
    policy_id: Option<PolicyId>,
    /// What people call it; null for what deleted devices left.
    name: Option<String>,
    /// Octets.
    bytes: u64,
    /// Samples.
    samples: u64,
}

/// What only one hold keeps.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PreviewByHold {
    /// Which.
    hold_id: HoldId,
    /// Octets.
    bytes: u64,
    /// Samples.
    samples: u64,
}

/// A file of which something would go.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PreviewFile {
    /// How much detail it has.
    level: Detail,
    /// Where its range begins.
    from: Timestamp,
    /// Where its range ends.
    to: Timestamp,
    /// The file is removed; else what stays of it is written again.
    whole: bool,
    /// Octets that would go.
    bytes: u64,
    /// Samples that would go.
    samples: u64,
}

impl PreviewFile {
    fn of(file: &FileFate) -> Self {
        Self {
            level: Detail::of(file.id.kind),
            from: file.id.start,
            to: file.id.end(),
            whole: file.whole,
            bytes: file.bytes_gone,
            samples: file.samples_gone,
        }
    }
}

impl RetentionPreview {
    /// What a plan of that time says; `policies` are those that it was made by.
    pub fn of<'a>(
        plan: &Plan,
        policies: impl IntoIterator<Item = &'a Policy>,
        at: Timestamp,
    ) -> Self {
        let names = policies.into_iter();
        let names: BTreeMap<PolicyId, &str> = names
            .map(|policy| (policy.id, policy.name.as_str()))
            .collect();
        let Amount { bytes, samples } = plan.total();
        let by_policy = plan
            .by_policy
            .iter()
            .map(|(policy_id, amount)| PreviewByPolicy {
                policy_id: *policy_id,
                name: policy_id.and_then(|id| names.get(&id).copied().map(str::to_owned)),
                bytes: amount.bytes,
                samples: amount.samples,
            });
        let by_hold = plan.by_hold.iter().map(|(hold_id, amount)| PreviewByHold {
            hold_id: *hold_id,
            bytes: amount.bytes,
            samples: amount.samples,
        });
        Self {
            at,
            files_removed: plan.whole().len() as u64,
            days_rewritten: plan.days().len() as u64,
            bytes,
            samples,
            by_policy: by_policy.collect(),
            by_hold: by_hold.collect(),
            bytes_held_by_several: plan.by_several_holds.bytes,
            samples_held_by_several: plan.by_several_holds.samples,
            files: plan
                .files
                .iter()
                .take(FILES_TOLD_MAX)
                .map(PreviewFile::of)
                .collect(),
            files_left: plan.left_files,
            bytes_left: plan.left_bytes,
        }
    }
}

/// Tells what would go by the policies, and changes nothing.
#[utoipa::path(post, path = "/retention/preview", tag = "storage", operation_id = "preview_retention",
    request_body = RetentionPreviewRequest,
    responses((status = 200, description = "What would go.", body = RetentionPreview)))]
pub(crate) async fn preview(
    granted: Granted<permit::ReadSystem>,
    Body(body): Body<RetentionPreviewRequest>,
) -> Answer<Json<RetentionPreview>> {
    let services = granted.services();
    let retention = &services.store.retention;
    let kept = retention.policies().await.map_err(of_store)?;
    let policies = match (body.policies, body.change) {
        (None, None) => None,
        (None, Some(change)) => {
            // Without those that are damaged it would tell what they keep as what goes.
            retention.are_policies_sound().await.map_err(of_retention)?;
            Some(change.made(&kept)?)
        }
        (Some(_), Some(_)) => {
            let detail = "it is given in the place of `policies`";
            return Err(Problem::field(Kind::Invalid, "/change", detail));
        }
        (Some(drafts), None) => {
            if drafts.len() > POLICIES_MAX {
                let detail = format!("at most {POLICIES_MAX} are taken");
                return Err(Problem::field(Kind::Invalid, "/policies", detail));
            }
            let expressions: usize = drafts.iter().map(|draft| draft.metrics.len()).sum();
            if expressions > EXPRESSIONS_MAX {
                let detail = format!("at most {EXPRESSIONS_MAX} expressions of metrics are taken");
                return Err(Problem::field(Kind::Invalid, "/policies", detail));
            }
            let built_in = kept.iter().map(|stored| stored.body.clone());
            let mut policies: Vec<Policy> = built_in.filter(Policy::is_built_in).collect();
            for (n, draft) in drafts.into_iter().enumerate() {
                let policy = draft.finish(PolicyId::new());
                policies.push(policy.map_err(|problem| problem.at(&format!("/policies/{n}")))?);
            }
            Some(policies)
        }
    };
    let now = services.clock.now();
    let inventory = services.store.inventory.clone();
    // Of many devices it takes a while to be put together.
    let attached = granted.state().blocking(move || inventory.attached());
    let attached = attached.await?;
    let tried = policies.clone().unwrap_or_default();
    let planned = retention.preview(&services.series, attached, policies, now);
    let plan = planned.await.map_err(of_retention)?.plan;
    // What is tried may be called otherwise than what is kept.
    let given = kept.iter().map(|stored| &stored.body).chain(&tried);
    Ok(Json(RetentionPreview::of(&plan, given, now)))
}
