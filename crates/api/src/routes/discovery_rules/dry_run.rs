//! What rules would do to devices that are there, to what a discovery found, or to candidates.

use super::shape::RuleCreate;
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::candidates;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::routes::devices::fields::address_key;
use crate::routes::profiles::check_usable;
use crate::store_problem::of_store;
use axum::Json;
use model::device::{Device, Said};
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::rule::{Decision, Rule, Source};
use model::{CredentialId, DeviceId, DiscoveryId, RuleId, ScheduleId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::documents::Stored;
use topology::rules::{RuleSet, Subject};

/// What rules are tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DiscoveryRuleSubjects)]
pub(crate) enum Subjects {
    /// The devices that are registered, as though they were found now.
    Devices,
    /// What answered to a discovery.
    Discovery,
    /// The addresses that devices have heard of. Of these little more is known than the address.
    Candidates,
}

/// What is tried.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoveryRuleDryRun {
    /// What the rules are tried on.
    on: Subjects,
    /// Which discovery; the latest where it is not given.
    #[serde(default)]
    discovery_id: Option<DiscoveryId>,
    /// A rule that is tried with those there are, as though it were written.
    #[serde(default)]
    rule: Option<RuleCreate>,
    /// The rule that it takes the place of.
    #[serde(default)]
    replaces: Option<RuleId>,
}

/// How the rows are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRunQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// address or name; with a leading `-` the other way.
    sort: Option<String>,
}

/// What would become of one address, and why.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DiscoveryRuleOutcome)]
pub(crate) struct Outcome {
    /// The address.
    #[schema(value_type = String, example = "192.0.2.1")]
    address: IpAddr,
    /// UDP port of its agent; null for a candidate.
    port: Option<u16>,
    /// Its name, where it is known.
    name: Option<String>,
    /// The device that it is, where it is one: rules do nothing to it any more.
    device_id: Option<DeviceId>,
    /// What the rules say of it.
    decision: Decision,
    /// The same in one sentence.
    reason: String,
}

/// A subject that owns what it says.
struct Owned {
    address: IpAddr,
    port: Option<u16>,
    device_id: Option<DeviceId>,
    said: Said,
    credential_id: Option<CredentialId>,
    source: Option<Source>,
    schedule_id: Option<ScheduleId>,
}

/// Tries the rules on what is known, and changes nothing.
#[utoipa::path(post, path = "/discovery-rules/dry-run", tag = "discoveries", operation_id = "try_discovery_rules",
    params(DryRunQuery),
    request_body = DiscoveryRuleDryRun,
    responses((status = 200, description = "A page of what would become of each address.", body = Page<Outcome>)))]
pub(crate) async fn dry_run(
    granted: Granted<permit::ReadDiscoveries>,
    Query(query): Query<DryRunQuery>,
    Body(body): Body<DiscoveryRuleDryRun>,
) -> Answer<Json<Page<Outcome>>> {
    let sort = sort_field(query.sort.as_deref(), &["address", "name"])?;
    let filters = format!("{:?}{:?}", body.on, body.discovery_id);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let services = granted.services();
    let kept = services.store.rules.list().await.map_err(of_store)?;
    let (replaced, mut rules): (Vec<Rule>, Vec<Rule>) = kept
        .into_iter()
        .map(|stored| stored.body)
        .partition(|rule| body.replaces == Some(rule.id));
    if let Some(draft) = body.rule {
        // It takes the place in the order that the one before it had.
        let id = body.replaces.unwrap_or_else(RuleId::new);
        let draft = draft.finish_at("/rule", id, services.clock.now())?;
        let profile = draft.actions.profile.as_deref();
        // As where it is saved: a profile that is gone keeps nothing else from being changed.
        let unchanged = |rule: &Rule| rule.actions.profile.as_deref() == profile;
        if !replaced.iter().any(unchanged) {
            check_usable(services, "/rule/actions/profile", profile).await?;
        }
        rules.push(draft);
    }
    let set = RuleSet::new(&rules);
    let subjects = match body.on {
        Subjects::Devices => devices(&granted),
        Subjects::Discovery => discovery(&granted, body.discovery_id).await?,
        Subjects::Candidates => of_candidates(&granted).await?,
    };
    let rows = subjects.iter().map(|subject| {
        let id = format!("{} {:?}", address_key(subject.address), subject.port);
        let key = match sort.0 {
            "name" => Key::maybe_text(subject.said.name.as_deref()),
            _ => Key::Text(address_key(subject.address)),
        };
        ((key, id), subject)
    });
    Ok(Json(
        paging.take(rows).map(|subject| outcome(&set, subject)),
    ))
}

fn outcome(rules: &RuleSet, subject: &Owned) -> Outcome {
    let said = &subject.said;
    let decision = rules.decide(&Subject {
        address: Some(subject.address),
        name: said.name.as_deref(),
        vendor: said.vendor.as_deref(),
        model: said.model.as_deref(),
        os: said.os.as_deref(),
        kind: said.kind.as_deref(),
        object_id: said.object_id.as_deref(),
        description: said.description.as_deref(),
        credential_id: subject.credential_id,
        source: subject.source,
        schedule_id: subject.schedule_id,
    });
    let reason = decision.reason();
    Outcome {
        address: subject.address,
        port: subject.port,
        name: said.name.clone(),
        device_id: subject.device_id,
        reason: reason.unwrap_or_else(|| "no rule holds: registered".to_owned()),
        decision,
    }
}

fn devices(granted: &Granted<permit::ReadDiscoveries>) -> Vec<Owned> {
    let records = granted.services().store.inventory.devices();
    let owned = |device: &Device| Owned {
        address: device.address,
        port: Some(device.port),
        device_id: Some(device.id),
        said: device.said.clone(),
        credential_id: device.credential_id,
        source: None,
        schedule_id: None,
    };
    records
        .iter()
        .map(|record| owned(&record.device.body))
        .collect()
}

async fn discovery(
    granted: &Granted<permit::ReadDiscoveries>,
    id: Option<DiscoveryId>,
) -> Answer<Vec<Owned>> {
    let runs = &granted.services().store.discoveries;
    let run = if let Some(id) = id {
        runs.get(id).await.map_err(of_store)?
    } else {
        let latest = runs.page(None, None, true, 1).await.map_err(of_store)?;
        latest.items.into_iter().next()
    };
    let Some(run) = run else {
        let unknown = || {
            let detail = "there is no such discovery";
            Problem::field(Kind::Invalid, "/discovery_id", detail)
        };
        // Nothing was discovered yet.
        return id.map_or_else(|| Ok(Vec::new()), |_| Err(unknown()));
    };
    let results = runs.all_results(run.body.id).await.map_err(of_store)?;
    let schedule_id = run.body.schedule_id;
    let owned = |stored: Stored<DiscoveryResult>| {
        let result = stored.body;
        let credential_id = match result.snmp {
            SnmpAnswer::Identified { credential_id } => credential_id,
            SnmpAnswer::NotAsked if result.icmp_answered == Some(true) => None,
            // Nothing is registered that does not answer.
            _ => return None,
        };
        Some(Owned {
            address: result.address,
            port: Some(result.port),
            device_id: result.device_id,
            said: Said {
                name: result.name,
                description: result.description,
                vendor: result.vendor,
                model: result.model,
                os: result.os,
                kind: result.kind,
                object_id: result.object_id,
                ..Said::default()
            },
            credential_id,
            source: Some(if result.hops == 0 {
                Source::Target
            } else {
                Source::Neighbor
            }),
            schedule_id,
        })
    };
    Ok(results.into_iter().filter_map(owned).collect())
}

async fn of_candidates(granted: &Granted<permit::ReadDiscoveries>) -> Answer<Vec<Owned>> {
    let all = candidates::candidates(granted.state()).await?;
    let offered = all
        .into_iter()
        .filter(|candidate| candidate.ignored_at.is_none());
    let owned = offered.map(|candidate| Owned {
        address: candidate.address,
        port: None,
        device_id: None,
        said: Said {
            name: candidate.name,
            ..Said::default()
        },
        credential_id: None,
        // Accepted, it is the target of a discovery.
        source: Some(Source::Target),
        schedule_id: None,
    });
    Ok(owned.collect())
}
