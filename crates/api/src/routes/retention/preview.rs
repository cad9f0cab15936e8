//! What would go: a dry run of the policies that there are, or of others.

use super::of_retention;
use super::policies::PolicyCreate;
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::problem::{Answer, Kind, Problem};
use crate::store_problem::of_store;
use axum::Json;
use model::{HoldId, PolicyId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::retention::{Amount, Detail, FileFate, POLICIES_MAX, Plan, Policy};

/// Expressions of metrics of all policies that are tried: each takes a while and some room.
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
    /// What would go, were there no holds.
    by_hold: Vec<PreviewByHold>,
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
    let policies = match body.policies {
        None => None,
        Some(drafts) => {
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
    let given = tried.iter().chain(kept.iter().map(|stored| &stored.body));
    Ok(Json(RetentionPreview::of(&plan, given, now)))
}
