//! Discoveries: begin, follow, cancel. The server checks the targets and does the looking.

use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::command::{Command, DiscoveryRefused};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{PathId, Query};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::discovery::{
    CREDENTIALS_MAX, Discovery, DiscoveryPhase, DiscoveryRequest, DiscoveryResult, HOPS_MAX,
    Method, TARGETS_MAX,
};
use model::{CredentialId, DiscoveryId, ScheduleId, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the server may take to check a run's targets and to keep it.
pub(super) const START_WAIT: Duration = Duration::from_secs(10);

/// What to look for and where.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoveryCreate {
    /// CIDRs (`192.0.2.0/24`), ranges (`192.0.2.10-192.0.2.40`) or single hosts, each with an
    /// optional `:port` on single hosts.
    #[schema(min_items = 1, example = json!(["192.0.2.0/24"]))]
    targets: Vec<String>,
    /// How to look; all ways where it is not given.
    #[serde(default = "all_methods")]
    #[schema(min_items = 1, max_items = 3)]
    methods: Vec<Method>,
    /// Tried in this order on each address.
    #[serde(default)]
    credential_ids: Vec<CredentialId>,
    /// Networks that neighbours may be followed into besides the targets themselves.
    #[serde(default)]
    allowed_networks: Vec<String>,
    /// UDP port of agents.
    #[serde(default = "super::devices::fields::default_port")]
    #[schema(default = 161, minimum = 1)]
    port: u16,
    /// How many neighbours deep to follow.
    #[serde(default = "default_hops")]
    #[schema(default = 8, maximum = 8)]
    max_hops: u8,
    /// Whether what is found is registered and polled.
    #[serde(default = "yes")]
    #[schema(default = true)]
    register: bool,
}

fn all_methods() -> Vec<Method> {
    vec![Method::Icmp, Method::Snmp, Method::Neighbors]
}
fn default_hops() -> u8 {
    HOPS_MAX
}
fn yes() -> bool {
    true
}

/// Which runs, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiscoveriesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// started_at, ended_at, phase or devices_found; with a leading `-` the other way. -started_at,
    /// the latest first, where it is not given.
    sort: Option<String>,
    /// Only the runs of this schedule.
    schedule_id: Option<ScheduleId>,
}

/// How the results are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// address, name, vendor or hops; with a leading `-` the other way.
    sort: Option<String>,
}

/// Begins a discovery.
#[utoipa::path(post, path = "/discoveries", tag = "discoveries", operation_id = "start_discovery",
    request_body = DiscoveryCreate,
    responses((status = 202, description = "It has begun; follow it at its Location or by the stream.", body = Discovery,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn start(
    granted: Granted<permit::RunDiscoveries>,
    NewId(id): NewId,
    Body(body): Body<DiscoveryCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = DiscoveryId::reserved(id);
    let request = check(body)?;
    let begun_before = services.store.discoveries.get(id).await.map_err(of_store)?;
    let discovery = match begun_before {
        Some(stored) => stored.body,
        None => begin(services, id, request).await?,
    };
    Ok(accepted(discovery))
}

/// A run has begun, and where it is.
pub(super) fn accepted(discovery: Discovery) -> Response {
    let location = format!("/api/v1/discoveries/{}", discovery.id);
    (
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(discovery),
    )
        .into_response()
}

pub(super) async fn begin(
    services: &Services,
    discovery_id: DiscoveryId,
    request: DiscoveryRequest,
) -> Answer<Discovery> {
    let (reply, answer) = oneshot::channel();
    services
        .send(Command::StartDiscovery {
            discovery_id,
            request,
            reply,
        })
        .await?;
    let busy = || Problem::busy("The server does not begin discoveries now.", START_WAIT);
    tokio::time::timeout(START_WAIT, answer)
        .await
        .map_err(|_| busy())?
        .map_err(|_| busy())?
        .map_err(|refused| of_refusal("", refused))
}

/// Lists discoveries, the latest first where nothing else is asked for.
#[utoipa::path(get, path = "/discoveries", tag = "discoveries", operation_id = "list_discoveries",
    params(DiscoveriesQuery),
    responses((status = 200, description = "A page of discoveries.", body = Page<Discovery>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadDiscoveries>,
    Query(query): Query<DiscoveriesQuery>,
) -> Answer<Json<Page<Discovery>>> {
    let sort = query.sort.as_deref().unwrap_or("-started_at");
    let fields = ["started_at", "ended_at", "phase", "devices_found"];
    let sort = sort_field(Some(sort), &fields)?;
    let filters = format!("{:?}", query.schedule_id);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let runs = &granted.services().store.discoveries;
    // Their ids ascend by their beginning: the store has them in that order.
    if sort.0 == "started_at" {
        let after = paging.after().map(|(_, id)| id.clone());
        let (descending, limit) = (paging.descending(), paging.limit());
        let page = runs.page(query.schedule_id, after, descending, limit).await;
        let page = page.map_err(of_store)?;
        let rows = page.items.into_iter();
        let placed = rows.map(|run| ((Key::Absent, run.id), run.body)).collect();
        return Ok(Json(paging.of_store(placed, page.next.is_some())));
    }
    let rows = runs
        .all(query.schedule_id)
        .await
        .map_err(of_store)?
        .into_iter();
    let placed = rows.map(|run| ((run_key(&run.body, sort.0), run.id), run.body));
    Ok(Json(paging.take(placed)))
}

fn run_key(run: &Discovery, field: &str) -> Key {
    match field {
        "ended_at" => Key::maybe_number(run.ended_at.map(Timestamp::unix_ms)),
        "devices_found" => Key::maybe_number(Some(run.devices_found)),
        // Those at work first.
        _ => Key::Number(match run.phase {
            DiscoveryPhase::Running => 0,
            DiscoveryPhase::Done => 1,
            DiscoveryPhase::Cancelled => 2,
            DiscoveryPhase::Failed => 3,
        }),
    }
}

/// Reads a discovery.
#[utoipa::path(get, path = "/discoveries/{discovery_id}", tag = "discoveries", operation_id = "get_discovery",
    params(("discovery_id" = DiscoveryId, Path, description = "The discovery.")),
    responses((status = 200, description = "The discovery.", body = Discovery)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadDiscoveries>,
    PathId(id): PathId<DiscoveryId>,
) -> Answer<Json<Discovery>> {
    find(granted.services(), id).await.map(Json)
}

/// Lists what a discovery found, by address where nothing else is asked for.
#[utoipa::path(get, path = "/discoveries/{discovery_id}/results", tag = "discoveries", operation_id = "list_discovery_results",
    params(("discovery_id" = DiscoveryId, Path, description = "The discovery."), ResultsQuery),
    responses((status = 200, description = "A page of results.", body = Page<DiscoveryResult>)))]
pub(crate) async fn results(
    granted: Granted<permit::ReadDiscoveries>,
    PathId(id): PathId<DiscoveryId>,
    Query(query): Query<ResultsQuery>,
) -> Answer<Json<Page<DiscoveryResult>>> {
    let fields = ["address", "name", "vendor", "hops"];
    let sort = sort_field(query.sort.as_deref(), &fields)?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &id.to_string())?;
    let services = granted.services();
    find(services, id).await?;
    let runs = &services.store.discoveries;
    // The store has them by address.
    if sort.0 == "address" {
        let after = paging.after().map(|(_, id)| id.clone());
        let (descending, limit) = (paging.descending(), paging.limit());
        let page = runs.results(id, after, descending, limit).await;
        let page = page.map_err(of_store)?;
        let rows = page.items.into_iter();
        let placed = rows.map(|row| ((Key::Absent, row.id), row.body)).collect();
        return Ok(Json(paging.of_store(placed, page.next.is_some())));
    }
    let rows = runs.all_results(id).await.map_err(of_store)?.into_iter();
    let placed = rows.map(|row| {
        let key = match sort.0 {
            "name" => Key::maybe_text(row.body.name.as_deref()),
            "vendor" => Key::maybe_text(row.body.vendor.as_deref()),
            _ => Key::Number(row.body.hops.into()),
        };
        ((key, row.id), row.body)
    });
    Ok(Json(paging.take(placed)))
}

/// Cancels a discovery; what it found stays.
#[utoipa::path(delete, path = "/discoveries/{discovery_id}", tag = "discoveries", operation_id = "cancel_discovery",
    params(("discovery_id" = DiscoveryId, Path, description = "The discovery.")),
    responses((status = 202, description = "It is being stopped.")))]
pub(crate) async fn cancel(
    granted: Granted<permit::RunDiscoveries>,
    PathId(id): PathId<DiscoveryId>,
) -> Answer<StatusCode> {
    let services = granted.services();
    let run = find(services, id).await?;
    if run.phase != DiscoveryPhase::Running {
        return Err(Problem::new(
            Kind::Conflict,
            "The discovery has ended already.",
        ));
    }
    services
        .send(Command::CancelDiscovery { discovery_id: id })
        .await?;
    Ok(StatusCode::ACCEPTED)
}

async fn find(services: &Services, id: DiscoveryId) -> Answer<Discovery> {
    services
        .store
        .discoveries
        .get(id)
        .await
        .map_err(of_store)?
        .map(|stored| stored.body)
        .ok_or_else(|| Problem::not_found("discovery", id))
}

fn check(body: DiscoveryCreate) -> Answer<DiscoveryRequest> {
    let mut faults = Faults::default();
    let request = check_at("", body, &mut faults);
    faults.into_result()?;
    Ok(request)
}

/// What can be seen without the server: counts and bounds. `place` is where the request is in its
/// body.
pub(super) fn check_at(place: &str, body: DiscoveryCreate, all: &mut Faults) -> DiscoveryRequest {
    let mut faults = At { place, all };
    if body.targets.is_empty() {
        faults.add("/targets", "at least one target is needed");
    }
    for (pointer, count, most) in [
        ("/targets", body.targets.len(), TARGETS_MAX),
        (
            "/credential_ids",
            body.credential_ids.len(),
            CREDENTIALS_MAX,
        ),
        (
            "/allowed_networks",
            body.allowed_networks.len(),
            TARGETS_MAX,
        ),
        ("/methods", body.methods.len(), 3),
    ] {
        if count > most {
            faults.add(pointer, format!("at most {most} are taken"));
        }
    }
    if body.methods.is_empty() {
        faults.add("/methods", "at least one way of looking is needed");
    }
    let seen = |way| body.methods.contains(&way);
    if seen(Method::Neighbors) && !seen(Method::Snmp) {
        faults.add("/methods", "neighbors needs snmp: they are read by it");
    }
    if body.port == 0 {
        faults.add("/port", "a port from 1 to 65535 is expected");
    }
    if body.max_hops > HOPS_MAX {
        faults.add("/max_hops", format!("at most {HOPS_MAX} hops are followed"));
    }
    DiscoveryRequest {
        targets: body.targets,
        methods: body.methods,
        credential_ids: body.credential_ids,
        allowed_networks: body.allowed_networks,
        port: body.port,
        max_hops: body.max_hops,
        register: body.register,
    }
}

/// Faults of a part of a body.
struct At<'a> {
    place: &'a str,
    all: &'a mut Faults,
}

impl At<'_> {
    fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        self.all.add(format!("{}{pointer}", self.place), detail);
    }
}

/// The problem of a refusal, where the request is at `place` of its body.
pub(super) fn of_refusal(place: &str, refused: DiscoveryRefused) -> Problem {
    let field = |name: &str, index: usize, detail| {
        Problem::field(Kind::Invalid, format!("{place}/{name}/{index}"), detail)
    };
    match refused {
        DiscoveryRefused::Target { index, detail } => field("targets", index, detail),
        DiscoveryRefused::AllowedNetwork { index, detail } => {
            field("allowed_networks", index, detail)
        }
        DiscoveryRefused::Credential { index, detail } => field("credential_ids", index, detail),
        DiscoveryRefused::Field { field, detail } => {
            Problem::field(Kind::Invalid, format!("{place}/{field}"), detail)
        }
        DiscoveryRefused::Running { detail } => Problem::new(Kind::Conflict, detail),
        DiscoveryRefused::Busy { detail } => {
            Problem::new(Kind::TooMany, detail).retry_after(Duration::from_secs(10))
        }
        DiscoveryRefused::Failed { detail } => Problem::new(Kind::Internal, detail),
    }
}
