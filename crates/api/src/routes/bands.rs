//! What is expected of a series, hour by hour, and the bounds that an operator gives to it.

use super::anomalies::{device_of, unit};
use super::series;
use crate::auth::gate::{App, Granted, permit};
use crate::body::Body;
use crate::expected::{BandsAsked, BandsTold};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::response::{IntoResponse, Response};
use model::foresight::BandLimits;
use model::series::Series;
use model::{DeviceId, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::anomalies::BAND_LIMITS_MAX;
use store::documents::Expect;
use tokio::sync::oneshot;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most points of an answer: a week by five minutes.
const POINTS_MAX: i64 = 2_016;
/// Points where the client does not say how long a step is: an hour of a week and a half.
const POINTS_USUAL: i64 = 256;
/// Shortest step where the client does not say.
const STEP_USUAL_SECS: i64 = 300;
/// How far ahead a band is told: what is known is the hours of a week.
const AHEAD: Duration = Duration::from_hours(24 * 7);
/// Longest range.
const RANGE: Duration = Duration::from_hours(24 * 400);
/// How long is waited for whoever watches the series: it answers between two polls' samples.
const WAIT: Duration = Duration::from_secs(5);

/// The routes under `/bands`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(set, delete))
}

/// Of which series, and when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BandsQuery {
    /// The series.
    series_id: SeriesId,
    /// From when on; a day ago where it is not given. What is told of the past is what is expected of such
    /// an hour now, after all that came since.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Until when, at most a week ahead; a day ahead where it is not given.
    #[param(value_type = Option<Timestamp>)]
    until: Option<Timestamp>,
    /// Seconds from point to point; where it is not given, the range is cut into some 250, of at least five
    /// minutes. No answer has more than 2,016 points.
    #[param(minimum = 1, maximum = 31_622_400)]
    step_secs: Option<u32>,
}

/// What is expected of a series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Bands {
    /// The series.
    series_id: SeriesId,
    /// Whose it is; null where it is of the whole network.
    device_id: Option<DeviceId>,
    /// What is measured.
    metric: String,
    /// The unit of all values: the metric's base unit, a second for counters.
    unit: String,
    /// What learned it.
    model: Option<String>,
    /// Its version.
    model_version: Option<u32>,
    /// Samples that it was learned from.
    samples: u64,
    /// When the first of them was measured; null where none was. What is expected, and each score of the series,
    /// was learned from then on.
    learned_from: Option<Timestamp>,
    /// Whether too little was seen for alarms yet.
    learning: bool,
    /// Whether the series is watched; where it is not, there are no bands, and `floor` and `ceiling` alarm
    /// for nothing.
    watched: bool,
    /// The last sample that was looked at.
    seen_at: Option<Timestamp>,
    /// The score from which the series alarms.
    threshold: f64,
    /// Alarms of the series that operators judged useful.
    useful: u64,
    /// Alarms of the series that operators judged noise.
    noise: u64,
    /// The least that is good, as an operator set it.
    floor: Option<f64>,
    /// The most that is good, as an operator set it.
    ceiling: Option<f64>,
    /// Counts the changes of floor and ceiling; the ETag. 0 where nobody set any.
    revision: u64,
    /// Seconds from point to point.
    step_secs: i64,
    /// What is expected, within floor and ceiling; a point without anything known is left out.
    points: Vec<BandPoint>,
}

/// What is expected at a moment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BandPoint {
    /// The moment.
    at: Timestamp,
    /// What one sample in forty is below.
    lower: f64,
    /// The middle.
    expected: f64,
    /// What one sample in forty is above.
    upper: f64,
}

/// What an operator gives as bounds.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandLimitsRequest {
    /// The least that is good, in the series' unit, a second for counters.
    #[serde(default)]
    floor: Option<f64>,
    /// The most that is good; over the floor.
    #[serde(default)]
    ceiling: Option<f64>,
}

/// The bounds of a series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BandLimitsOfSeries)]
pub(crate) struct BandLimitsResource {
    /// What was set.
    #[serde(flatten)]
    limits: BandLimits,
    /// Counts its changes; the ETag.
    revision: u64,
}

/// Tells what is expected of a series at moments of the past and up to a week ahead.
#[utoipa::path(get, path = "/bands", tag = "foresight", operation_id = "get_bands",
    params(BandsQuery),
    responses((status = 200, description = "What is expected.", body = Bands,
        headers(("ETag" = String, description = "The revision of floor and ceiling.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<BandsQuery>,
) -> Answer<Response> {
    let services = granted.services();
    let series = series::find(services, query.series_id)?;
    let (step_secs, times) = times(&query, services.clock.now())?;
    let told = ask(services, series.id, times.clone()).await?;
    let bands = bands(services, &series, (step_secs, &times), told.as_ref());
    Ok((etag(bands.revision), Json(bands)).into_response())
}

/// Sets floor and ceiling of a series in the place of those that were. A value beyond them is an alarm, and the
/// band never leaves them.
#[utoipa::path(put, path = "/bands/{series_id}", tag = "foresight", operation_id = "set_band_limits",
    params(("series_id" = SeriesId, Path, description = "The series."),
        ("If-Match" = String, Header, description = "The ETag that was read, \"0\" where nobody set any.")),
    request_body = BandLimitsRequest,
    responses((status = 200, description = "What was set.", body = BandLimitsResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn set(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<SeriesId>,
    if_match: IfMatch,
    Body(body): Body<BandLimitsRequest>,
) -> Answer<Response> {
    let services = granted.services();
    let series = series::find(services, id)?;
    check(&body)?;
    let anomalies = &services.store.anomalies;
    let revision = anomalies.limits(id).map_or(0, |stored| stored.revision);
    let expect = match if_match.check(revision)? {
        0 => Expect::Absent,
        revision => Expect::Revision(revision),
    };
    if revision == 0 && anomalies.limits_count() >= BAND_LIMITS_MAX {
        let detail = format!("At most {BAND_LIMITS_MAX} series have bounds; delete others first.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let limits = BandLimits {
        series_id: id,
        device_id: series.key.device_id,
        floor: body.floor,
        ceiling: body.ceiling,
        by: granted.principal.username.clone(),
        at: services.clock.now(),
    };
    let kept = limits.clone();
    let written = services.to_the_end(move |services| async move {
        let written = services.store.anomalies.put_limits(kept, expect).await;
        written.map_err(of_store)
    });
    let revision = written.await?;
    let resource = BandLimitsResource { limits, revision };
    Ok((etag(revision), Json(resource)).into_response())
}

/// Takes floor and ceiling of a series away.
#[utoipa::path(delete, path = "/bands/{series_id}", tag = "foresight", operation_id = "delete_band_limits",
    params(("series_id" = SeriesId, Path, description = "The series."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "They are gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<SeriesId>,
    if_match: IfMatch,
) -> Answer<axum::http::StatusCode> {
    let services = granted.services();
    let anomalies = &services.store.anomalies;
    let stored = anomalies.limits(id);
    let stored = stored.ok_or_else(|| Problem::not_found("floor or ceiling of series", id))?;
    let expect = Expect::Revision(if_match.check(stored.revision)?);
    let gone = services.to_the_end(move |services| async move {
        let gone = services.store.anomalies.delete_limits(id, expect).await;
        gone.map_err(of_store)
    });
    gone.await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

fn check(body: &BandLimitsRequest) -> Answer<()> {
    let mut faults = Faults::default();
    if body.floor.is_none() && body.ceiling.is_none() {
        faults.add(
            "",
            "one of floor and ceiling is needed; to take both away, delete",
        );
    }
    if let (Some(floor), Some(ceiling)) = (body.floor, body.ceiling)
        && floor >= ceiling
    {
        faults.add("/ceiling", "it is not over the floor");
    }
    faults.into_result()
}

/// Seconds of a step, and the moments.
fn times(query: &BandsQuery, now: Timestamp) -> Answer<(i64, Vec<Timestamp>)> {
    let day = Duration::from_hours(24);
    let bad = |name: &str, detail: &str| Problem::field(Kind::BadQuery, name, detail);
    let until = query.until.unwrap_or_else(|| {
        query.from.map_or(now.plus(day), |from| {
            from.plus(day * 2).min(now.plus(AHEAD))
        })
    });
    let from = query.from.unwrap_or_else(|| until.minus(day * 2));
    if until > now.plus(AHEAD) {
        return Err(bad("?until", "it is more than a week ahead"));
    }
    if from >= until {
        return Err(bad("?until", "it is not after `from`"));
    }
    if until.since(from) > RANGE {
        return Err(bad("?from", "the range is longer than 400 days"));
    }
    let secs = i64::try_from(until.since(from).as_secs()).unwrap_or(i64::MAX);
    let usual = (secs / POINTS_USUAL).max(STEP_USUAL_SECS);
    let step = query.step_secs.map_or(usual, |step| i64::from(step).max(1));
    if secs / step > POINTS_MAX {
        let detail = format!("so short a step makes more than {POINTS_MAX} points");
        return Err(bad("?step_secs", &detail));
    }
    let step_ms = step.saturating_mul(1_000);
    let first = from.unix_ms().div_euclid(step_ms).saturating_mul(step_ms);
    let points = (0..=POINTS_MAX).map(|at| first.saturating_add(at.saturating_mul(step_ms)));
    let within = points.filter(|at| (from.unix_ms()..until.unix_ms()).contains(at));
    Ok((step, within.map(Timestamp::from_unix_ms).collect()))
}

async fn ask(
    services: &Services,
    series_id: SeriesId,
    times: Vec<Timestamp>,
) -> Answer<Option<BandsTold>> {
    let busy = || {
        Problem::busy(
            "Whoever watches the series is busy.",
            Duration::from_secs(1),
        )
    };
    let (reply, answer) = oneshot::channel();
    let asked = BandsAsked {
        series_id,
        times,
        reply,
    };
    let sent = services.bands.send_timeout(asked, WAIT).await;
    sent.map_err(|_| busy())?;
    match tokio::time::timeout(WAIT, answer).await {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(_)) | Err(_) => Err(busy()),
    }
}

fn bands(
    services: &Services,
    series: &Series,
    (step_secs, times): (i64, &[Timestamp]),
    told: Option<&BandsTold>,
) -> Bands {
    let anomalies = &services.store.anomalies;
    let limits = anomalies.limits(series.id);
    let judged = anomalies.judged(series.id);
    let floor = limits.as_ref().and_then(|stored| stored.body.floor);
    let ceiling = limits.as_ref().and_then(|stored| stored.body.ceiling);
    let held = |value: f64| {
        let value = ceiling.map_or(value, |ceiling| value.min(ceiling));
        floor.map_or(value, |floor| value.max(floor))
    };
    let known = told.map(|told| told.bands.as_slice());
    let points = times.iter().zip(known.unwrap_or_default());
    let points = points.filter_map(|(at, band)| {
        let [lower, expected, upper] = (*band)?;
        Some(BandPoint {
            at: *at,
            lower: held(lower),
            expected: held(expected),
            upper: held(upper),
        })
    });
    Bands {
        series_id: series.id,
        device_id: device_of(series.key.device_id),
        metric: series.key.metric.name().to_owned(),
        unit: unit(series.key.metric.name()),
        model: told.as_ref().map(|told| told.model.to_owned()),
        model_version: told.as_ref().map(|told| told.model_version),
        samples: told.as_ref().map_or(0, |told| told.samples),
        learned_from: told.as_ref().and_then(|told| told.learned_from),
        learning: told.as_ref().is_none_or(|told| told.learning),
        watched: told.is_some(),
        seen_at: told.as_ref().and_then(|told| told.seen_at),
        threshold: judged.threshold(),
        useful: judged.useful,
        noise: judged.noise,
        floor,
        ceiling,
        revision: limits.map_or(0, |stored| stored.revision),
        step_secs,
        points: points.collect(),
    }
}
