//! The health of the whole network, now and over time; the formula is `topology::health`'s.

use crate::auth::gate::{Granted, permit};
use crate::problem::Answer;
use crate::query::Query;
use crate::sampling::{self, Aggregation, POINTS_MAX, Plan, Point, Span, Where, step_of};
use crate::services::Services;
use axum::Json;
use model::health::{Health, StateCounts};
use model::series::NETWORK;
use model::{Labels, Metric, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::Store;
use store::series::SeriesStore;
use topology::Known;
use topology::health::Checked;

/// The range of the history where none is asked for.
const RANGE_DEFAULT: Duration = Duration::from_hours(24);
/// Seconds from one assessment to the next.
pub const HEALTH_INTERVAL_SECS: u32 = 60;

/// Reads the health of the network: the mean of the shares of devices, interfaces, links and
/// checks of services that are well, each weighted by what hangs on it.
#[utoipa::path(get, path = "/health", tag = "topology", operation_id = "get_health",
    responses((status = 200, description = "The health, and how many are in each state.", body = Health)))]
pub(crate) async fn get(granted: Granted<permit::ReadInventory>) -> Answer<Json<Health>> {
    let services = granted.services();
    let (store, now) = (services.store.clone(), services.clock.now());
    let work = move || assess(&store, now);
    granted.state().blocking(work).await.map(Json)
}

/// The health of all that is known, at `now`.
pub fn assess(store: &Store, now: Timestamp) -> Health {
    let inventory = &store.inventory;
    let records = inventory.devices();
    let known = records.iter().map(|record| Known {
        device_id: record.device.body.id,
        // Health asks nobody's name.
        name: "",
        address: record.device.body.address,
        identity: &record.device.body.identity,
        status: record.state.status,
        maintenance: record.device.body.maintenance.is_some(),
        interfaces: &record.interfaces,
    });
    let checks = store.checks.list().into_iter();
    let made = checks.filter(|(stored, _)| stored.body.enabled);
    let checked = made.map(|(stored, state)| Checked {
        device_id: stored.body.device_id,
        status: stored.body.status(&state, now),
    });
    topology::health::assess(known, &inventory.links(), checked)
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
    /// Checks of services.
    checks: StatePoints,
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
    let services = granted.services();
    let now = services.clock.now();
    let span = Span::past(query.from, query.to, now, RANGE_DEFAULT, Where::Query)?;
    // Where there is no series yet there is no plan to check it.
    sampling::check_step(query.step_secs, Where::Query)?;
    let plans = Plans {
        services,
        span,
        step_secs: query.step_secs,
    };
    let mean = plans.one(Metric::NETWORK_HEALTH, None, Aggregation::Avg)?;
    let least = plans.one(Metric::NETWORK_HEALTH, None, Aggregation::Min)?;
    let devices = plans.states(Metric::NETWORK_DEVICES)?;
    let interfaces = plans.states(Metric::NETWORK_INTERFACES)?;
    let links = plans.states(Metric::NETWORK_LINKS)?;
    let checks = plans.states(Metric::NETWORK_CHECKS)?;
    // Of a server that has not yet assessed there is no plan, and the same step nonetheless.
    let step_secs = query
        .step_secs
        .unwrap_or_else(|| step_of(span, HEALTH_INTERVAL_SECS));
    let store = services.series.clone();
    let work = move || -> Answer<HealthHistory> {
        Ok(HealthHistory {
            from: span.from,
            to: span.to,
            step_secs,
            score: points(&store, mean.as_ref())?,
            score_min: points(&store, least.as_ref())?,
            devices: devices.read(&store)?,
            interfaces: interfaces.read(&store)?,
            links: links.read(&store)?,
            checks: checks.read(&store)?,
        })
    };
    granted.state().blocking(work).await?.map(Json)
}

/// What is to be read of the series of the whole network.
struct Plans<'a> {
    services: &'a Services,
    span: Span,
    step_secs: Option<u32>,
}

/// The plans of one kind, by state in the order of [`StateCounts::each`].
struct StatePlans([Option<Plan>; 5]);

impl Plans<'_> {
    /// The plan of a series; none where there is no such series yet.
    fn one(&self, metric: Metric, state: Option<&str>, way: Aggregation) -> Answer<Option<Plan>> {
        let all = self.services.series.series_named(NETWORK, metric);
        let series = all
            .into_iter()
            .find(|series| series.key.labels.get(Labels::STATE) == state);
        let plan = series
            .map(|series| Plan::new(self.services, &series, self.span, self.step_secs, Some(way)));
        if let Some(plan) = &plan {
            plan.check(POINTS_MAX, Where::Query)?;
        }
        Ok(plan)
    }

    fn states(&self, metric: Metric) -> Answer<StatePlans> {
        let mut plans = [const { None }; 5];
        for (plan, (state, _)) in plans.iter_mut().zip(StateCounts::default().each()) {
            *plan = self.one(metric, Some(state), Aggregation::Last)?;
        }
        Ok(StatePlans(plans))
    }
}

impl StatePlans {
    fn read(&self, store: &SeriesStore) -> Answer<StatePoints> {
        let [up, degraded, down, unknown, maintenance] = &self.0;
        Ok(StatePoints {
            up: points(store, up.as_ref())?,
            degraded: points(store, degraded.as_ref())?,
            down: points(store, down.as_ref())?,
            unknown: points(store, unknown.as_ref())?,
            maintenance: points(store, maintenance.as_ref())?,
        })
    }
}

fn points(store: &SeriesStore, plan: Option<&Plan>) -> Answer<Vec<Point>> {
    plan.map_or(Ok(Vec::new()), |plan| sampling::read(store, plan))
}
