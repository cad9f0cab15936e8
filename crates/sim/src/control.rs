//! The control of a running simulation over HTTP: what there is, what time it is, which faults there
//! are; and adding and ending faults. For the machine it runs on: there is no sign-in.

mod problem;

use crate::network::PortNo;
use crate::scenario::KINDS;
use crate::simulation::Simulation;
use crate::timeline::FaultId;
use crate::truth::{Node, Truth};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
pub use problem::{Problem, draft};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Octets of a request: a fault has a few hundred.
const BODY_LEN_MAX: usize = 64 * 1024;

/// Answers until it is cancelled.
pub async fn serve(
    listener: TcpListener,
    simulation: Arc<Simulation>,
    port: u16,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(simulation, port))
        .with_graceful_shutdown(cancel.cancelled_owned())
        .await
}

/// What a handler works with: the simulation, and the UDP port of its agents.
#[derive(Clone)]
struct Shared {
    simulation: Arc<Simulation>,
    port: u16,
}

/// The routes. `port` is the UDP port of the agents.
pub fn router(simulation: Arc<Simulation>, port: u16) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/network", get(network))
        .route("/devices/{name}", get(device))
        .route("/time", get(time))
        .route("/faults", get(faults).post(add))
        .route("/faults/{id}", get(fault).delete(remove))
        .fallback(|| async { Problem::not_found("there is no such path; / lists them") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .with_state(Shared { simulation, port })
}

async fn index() -> Json<Value> {
    let kinds: Vec<Value> = KINDS
        .iter()
        .map(|(kind, target, effect)| json!({"kind": kind, "target": target, "effect": effect}))
        .collect();
    Json(json!({
        "GET /network": "devices, links and hosts",
        "GET /devices/{name}": "a device with its ports, states and counters",
        "GET /time": "simulated time and its speed",
        "GET /faults": "every fault that there was or will be",
        "POST /faults": "adds one: {kind, target, at, for, ..}",
        "DELETE /faults/{id}": "ends one now",
        "kinds": kinds,
    }))
}

async fn network(State(shared): State<Shared>) -> Response {
    // Tens of megabytes for the largest: written once, without a tree of values between.
    match serde_json::to_vec(&Truth::of(shared.simulation.network())) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => Problem::internal(&error.to_string()).into_response(),
    }
}

async fn time(State(Shared { simulation, port }): State<Shared>) -> Json<Value> {
    let pace = simulation.pace();
    Json(json!({
        "now": pace.now(),
        "start": pace.start(),
        "speed": pace.speed(),
        "agents_port": port,
        "next_change_at": simulation.timeline().next_change(pace.now()),
    }))
}

async fn device(
    State(Shared { simulation, port }): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let network = simulation.network();
    let device = network
        .by_name(&name)
        .or_else(|| network.by_address(name.parse().ok()?))
        .ok_or_else(|| Problem::not_found("there is no device of that name or address"))?;
    // The tick first: what happens until it is the same by every timeline from then on.
    let at = simulation.pace().tick();
    let timeline = simulation.timeline();
    let ports: Vec<Value> = (0..)
        .zip(network.device(device).ports())
        .map(|(number, plug)| {
            let port = PortNo {
                device,
                port: number,
            };
            let counters = timeline.counters(port, at);
            json!({
                "name": network.port_name(port),
                "plugged": network.plugged(port),
                "speed_bps": u64::from(plug.speed_mbps) * 1_000_000,
                "up": timeline.is_up(port, at),
                "in_octets": counters.in_octets,
                "out_octets": counters.out_octets,
                "in_errors": counters.in_errors,
                "out_discards": counters.out_discards,
            })
        })
        .collect();
    Ok(Json(json!({
        "at": at,
        "node": Node::of(network, device),
        "agent": format!("{}:{port}", network.device(device).address),
        "away": timeline.is_away(device, at),
        "booted_at": timeline.booted(device, at),
        "ports": ports,
    })))
}

async fn faults(State(Shared { simulation, .. }): State<Shared>) -> Response {
    let now = simulation.pace().now();
    Json(json!({"items": simulation.timeline().faults(now)})).into_response()
}

async fn fault(
    State(Shared { simulation, .. }): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id_of(&id)?;
    let now = simulation.pace().now();
    let all = simulation.timeline().faults(now);
    let found = all.into_iter().find(|fault| fault.id == id);
    let found = found.ok_or_else(|| Problem::not_found(NO_FAULT))?;
    Ok(Json(found).into_response())
}

async fn add(
    State(Shared { simulation, .. }): State<Shared>,
    body: Bytes,
) -> Result<Response, Problem> {
    let draft = draft(&body)?;
    // Where traffic goes round, every path is measured again.
    let added = tokio::task::spawn_blocking(move || simulation.add_fault(&draft)).await;
    let added = added.map_err(|error| Problem::internal(&error.to_string()))??;
    let place = format!("/faults/{}", added.id.0);
    let headers = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, headers, Json(added)).into_response())
}

async fn remove(
    State(Shared { simulation, .. }): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id_of(&id)?;
    let removed = tokio::task::spawn_blocking(move || simulation.remove_fault(id)).await;
    let removed = removed.map_err(|error| Problem::internal(&error.to_string()))?;
    let removed = removed.ok_or_else(|| Problem::not_found(NO_FAULT))?;
    Ok(Json(removed).into_response())
}

const NO_FAULT: &str = "there is no such fault";

fn id_of(text: &str) -> Result<FaultId, Problem> {
    text.parse()
        .map(FaultId)
        .map_err(|_| Problem::not_found(NO_FAULT))
}

#[cfg(test)]
mod tests;
