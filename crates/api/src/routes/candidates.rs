//! Addresses that devices have heard of and that are no device yet: list, accept, ignore.

use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::candidates;
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::routes::devices::fields;
use crate::routes::discoveries;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use model::candidate::{Candidate, Heard};
use model::discovery::{CREDENTIALS_MAX, Discovery, DiscoveryRequest, Method};
use model::{CredentialId, DiscoveryId};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use store::ignored::IGNORED_MAX;

/// Which candidates, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct CandidatesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// address, last_seen_at or seen_by; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those heard of in these ways, with commas between.
    #[param(value_type = Option<String>, example = "ospf,bgp")]
    how: OneOf<Heard>,
    /// Those that are ignored; false, those that are offered, where it is not given.
    #[param(value_type = Option<bool>)]
    ignored: Option<bool>,
}

/// Lists addresses that devices have heard of by ARP, OSPF, BGP, LLDP or CDP, within the networks
/// that discoveries may look into, and that are no device yet.
#[utoipa::path(get, path = "/candidates", tag = "discoveries", operation_id = "list_candidates",
    params(CandidatesQuery),
    responses((status = 200, description = "A page of candidates.", body = Page<Candidate>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadDiscoveries>,
    Query(query): Query<CandidatesQuery>,
) -> Answer<Json<Page<Candidate>>> {
    let sort = sort_field(
        query.sort.as_deref(),
        &["address", "last_seen_at", "seen_by"],
    )?;
    let filters = format!("{:?}{:?}", query.how, query.ignored);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let ignored = query.ignored.unwrap_or(false);
    let rows = candidates::candidates(granted.state())
        .await?
        .into_iter()
        .filter(|row| row.ignored_at.is_some() == ignored)
        .filter(|row| row.evidence.iter().any(|seen| query.how.takes(&seen.how)))
        .map(|row| {
            let id = fields::address_key(row.address);
            let key = match sort.0 {
                "last_seen_at" => Key::Number(row.last_seen_at.unix_ms()),
                "seen_by" => Key::maybe_number(Some(row.seen_by)),
                _ => Key::Text(id.clone()),
            };
            ((key, id), row)
        });
    Ok(Json(paging.take(rows)))
}

/// How a candidate is asked.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CandidateAccept {
    /// Tried in this order; those of the devices that heard of it where none is given.
    credential_ids: Vec<CredentialId>,
    /// UDP port of its agent; that of the device that heard of it last where it is not given.
    #[schema(minimum = 1)]
    port: Option<u16>,
}

/// Accepts a candidate: a discovery of its address begins, which registers what answers there.
#[utoipa::path(post, path = "/candidates/{address}/accept", tag = "discoveries", operation_id = "accept_candidate",
    params(("address" = String, Path, description = "The address.")),
    request_body = CandidateAccept,
    responses((status = 202, description = "Its discovery has begun; follow it at its Location or by the stream.", body = Discovery,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn accept(
    granted: Granted<permit::RunDiscoveries>,
    NewId(id): NewId,
    PathId(address): PathId<IpAddr>,
    Body(body): Body<CandidateAccept>,
) -> Answer<Response> {
    let services = granted.services();
    let id = DiscoveryId::reserved(id);
    let begun_before = services.store.discoveries.get(id).await.map_err(of_store)?;
    if let Some(begun) = begun_before {
        return Ok(discoveries::accepted(begun.body));
    }
    if body.port == Some(0) {
        let detail = "a port from 1 to 65535 is expected";
        return Err(Problem::field(Kind::Invalid, "/port", detail));
    }
    if body.credential_ids.len() > CREDENTIALS_MAX {
        let detail = format!("at most {CREDENTIALS_MAX} are taken");
        return Err(Problem::field(Kind::Invalid, "/credential_ids", detail));
    }
    let candidate = find(&granted, address).await?;
    let (mut credential_ids, mut port) = (body.credential_ids, body.port);
    let ask_as_they_are = credential_ids.is_empty();
    for seen in &candidate.evidence {
        let Some(record) = services.store.inventory.device(seen.device_id) else {
            continue;
        };
        let device = &record.device.body;
        port = port.or(Some(device.port));
        let known = device
            .credential_id
            .filter(|id| !credential_ids.contains(id));
        if ask_as_they_are && credential_ids.len() < CREDENTIALS_MAX {
            credential_ids.extend(known);
        }
    }
    let port = port.unwrap_or_else(fields::default_port);
    let request = DiscoveryRequest {
        targets: vec![SocketAddr::new(candidate.address, port).to_string()],
        methods: vec![Method::Icmp, Method::Snmp],
        credential_ids,
        allowed_networks: Vec::new(),
        port,
        max_hops: 0,
        register: true,
    };
    let discovery = discoveries::begin(services, id, request).await?;
    Ok(discoveries::accepted(discovery))
}

/// Ignores a candidate: it is offered no more.
#[utoipa::path(post, path = "/candidates/{address}/ignore", tag = "discoveries", operation_id = "ignore_candidate",
    params(("address" = String, Path, description = "The address.")),
    responses((status = 204, description = "It is ignored.")))]
pub(crate) async fn ignore(
    granted: Granted<permit::RunDiscoveries>,
    PathId(address): PathId<IpAddr>,
) -> Answer<StatusCode> {
    let services = granted.services();
    let candidate = find(&granted, address).await?;
    let ignored = &services.store.ignored;
    if ignored.count().await.map_err(of_store)? >= IGNORED_MAX {
        let detail = format!(
            "At most {IGNORED_MAX} addresses are ignored one by one; allow discoveries fewer \
             networks instead."
        );
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let now = services.clock.now();
    ignored
        .put(candidate.address, now)
        .await
        .map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers an ignored candidate again.
#[utoipa::path(delete, path = "/candidates/{address}/ignore", tag = "discoveries", operation_id = "offer_candidate",
    params(("address" = String, Path, description = "The address.")),
    responses((status = 204, description = "It is ignored no longer.")))]
pub(crate) async fn offer(
    granted: Granted<permit::RunDiscoveries>,
    PathId(address): PathId<IpAddr>,
) -> Answer<StatusCode> {
    let ignored = &granted.services().store.ignored;
    let all = ignored.all().await.map_err(of_store)?;
    if !all.contains_key(&address.to_canonical()) {
        return Err(Problem::not_found("ignored candidate", address));
    }
    let deleted = ignored.delete(address.to_canonical()).await;
    deleted.map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(granted: &Granted<permit::RunDiscoveries>, address: IpAddr) -> Answer<Candidate> {
    let all = candidates::candidates(granted.state()).await?;
    all.into_iter()
        .find(|candidate| candidate.address == address.to_canonical())
        .ok_or_else(|| Problem::not_found("candidate", address))
}
