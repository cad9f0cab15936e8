//! The number that an autoscaler reads: what is expected of a series at most within the lead of its trigger.

use super::find;
use super::shape::is_stale;
use crate::auth::gate::{Granted, ScalingReader, permit};
use crate::problem::{Answer, Problem};
use crate::query::PathId;
use axum::Json;
use model::scaling::{STALE_AFTER, STEP_SECS, ScalingState};
use model::{Timestamp, TriggerId};
use serde::Serialize;
use std::time::Duration;

/// What is expected of a series. Each number is one in every answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ScalingMetric {
    /// `forecast_max` in parts of the threshold: over 1 an overload is expected.
    value: f64,
    /// The greatest of the latest value and what is forecast within the lead, in the unit of the series (a
    /// second, of counters). Half of what comes should be below it.
    forecast_max: f64,
    /// The same where nine of ten should be below.
    forecast_max_upper80: f64,
    /// The value of the last step.
    latest: f64,
    /// The threshold.
    threshold: f64,
    /// 1 where the trigger is raised, else 0.
    raised: u8,
    /// How likely an overload was within the lead when it was raised, 0 to 1; 0 where it is not raised.
    probability: f64,
    /// Clear or raised.
    state: ScalingState,
    /// When the overload is most likely to begin; null where none is expected.
    expected_at: Option<Timestamp>,
    /// When the last step ended.
    at: Timestamp,
    /// Whether it is a forecast, or else the latest value alone, for the series cannot be forecast.
    is_forecast: bool,
}

/// The key of a trigger's metric.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ScalingKey {
    /// The header that it is sent in.
    header: &'static str,
    /// The key. It reads the metric of this trigger and nothing else, for as long as the trigger is there.
    key: String,
}

/// Reads what is expected of a trigger's series, as KEDA's `metrics-api` scaler does. Who is not signed in sends
/// the trigger's key in `X-API-Key`. Where nothing is known (the trigger learns, is not enabled, or nothing was
/// measured for 20 minutes) it is answered with 503, so that the reader falls back to what it does without.
#[utoipa::path(get, path = "/scaling/{trigger_id}/metric", tag = "foresight", operation_id = "get_scaling_metric",
    params(("trigger_id" = TriggerId, Path, description = "The trigger."),
        ("X-API-Key" = Option<String>, Header, description = "The trigger's key, instead of signing in.")),
    responses((status = 200, description = "What is expected.", body = ScalingMetric)))]
pub(crate) async fn get(
    reader: ScalingReader,
    PathId(id): PathId<TriggerId>,
) -> Answer<Json<ScalingMetric>> {
    let services = reader.services();
    let (stored, standing) = find(services, id)?;
    let soon = Duration::from_secs(STEP_SECS.into());
    let unknown = |detail: String| Problem::busy(detail, soon);
    if !stored.body.enabled {
        return Err(unknown("The trigger is not enabled.".to_owned()));
    }
    let is_of_it = standing.learned_for.as_ref();
    let is_of_it = is_of_it.is_some_and(|other| stored.body.watches_as(other));
    let outlook = standing.outlook.filter(|_| is_of_it);
    if standing.state == ScalingState::Learning {
        let reason = standing.reason.as_deref().unwrap_or("it begins");
        return Err(unknown(format!("The trigger is learning: {reason}.")));
    }
    let Some(outlook) = outlook else {
        return Err(unknown("What is expected is not known yet.".to_owned()));
    };
    let now = services.clock.now();
    if is_stale(&standing, now) || now.since(outlook.at) > STALE_AFTER {
        let detail = format!("Nothing is known of the series since {}.", outlook.at);
        return Err(unknown(detail));
    }
    let raise = standing.raise();
    Ok(Json(ScalingMetric {
        value: outlook.forecast_max / outlook.threshold,
        forecast_max: outlook.forecast_max,
        forecast_max_upper80: outlook.forecast_max_upper80,
        latest: outlook.latest,
        threshold: outlook.threshold,
        raised: u8::from(raise.is_some()),
        probability: raise.map_or(0.0, |raise| raise.probability),
        state: standing.state,
        expected_at: raise.map(|raise| raise.expected_at),
        at: outlook.at,
        is_forecast: outlook.is_forecast,
    }))
}

/// Reads the key of a trigger's metric, for whoever sets up an autoscaler.
#[utoipa::path(get, path = "/scaling/{trigger_id}/key", tag = "foresight", operation_id = "get_scaling_key",
    params(("trigger_id" = TriggerId, Path, description = "The trigger.")),
    responses((status = 200, description = "The key.", body = ScalingKey)))]
pub(crate) async fn key(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<TriggerId>,
) -> Answer<Json<ScalingKey>> {
    let services = granted.services();
    find(services, id)?;
    Ok(Json(ScalingKey {
        header: "X-API-Key",
        key: services.store.scaling.key(id).reveal().to_owned(),
    }))
}
