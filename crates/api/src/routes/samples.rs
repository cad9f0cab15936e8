//! Samples: one series by GET, many at once by POST.

use super::series::{self, SeriesResource};
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::problem::{Answer, Faults};
use crate::query::{PathId, Query};
use crate::sampling::{
    self, Aggregation, POINTS_MAX, Part, Plan, Point, Read, SERIES_MAX, Span, Where,
};
use crate::services::Services;
use axum::Json;
use model::{SeriesId, Timestamp};
use serde::{Deserialize, Serialize};

/// The samples of a series, summed up by steps of time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Samples {
    /// The series.
    series: SeriesResource,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Seconds of a step. Steps are aligned: each begins at a multiple of it since 1970.
    step_secs: u32,
    /// The last of these that any part was summed up from: `raw` (samples), `5m`, `1h` (roll-ups),
    /// `archive` (samples that were fetched of the archive), `missing` (such that could not be had).
    level: &'static str,
    /// What each part of the range was summed up from, in order.
    parts: Vec<Part>,
    /// What whoever reads it should know, as that archived samples are missing; left out where there is
    /// nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// `[unix_ms, value]` for every step in order; null where there is no value: a gap is a gap.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    points: Vec<Point>,
}

/// The samples of several series over one range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SamplesOfMany {
    /// In the order that was asked for.
    items: Vec<Samples>,
}

/// Which samples.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SamplesQuery {
    /// Where the range begins; an hour before its end where it is not given. At most 400 days before its
    /// end, ten years where a step has an hour or more.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Seconds of a step; where it is not given the range is cut into some 300, none shorter than
    /// the device's poll.
    #[param(minimum = 1, maximum = 31_622_400)]
    step_secs: Option<u32>,
    /// How the samples of a step become one; rate for counters, avg for gauges and last for states
    /// where it is not given.
    #[param(inline)]
    aggregation: Option<Aggregation>,
}

/// Which samples of which series.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplesRequest {
    /// The series, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    series_ids: Vec<SeriesId>,
    /// Where the range begins; an hour before its end where it is not given.
    #[serde(default)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[serde(default)]
    to: Option<Timestamp>,
    /// Seconds of a step, as for one series.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_622_400)]
    step_secs: Option<u32>,
    /// How the samples of a step become one, as for one series.
    #[serde(default)]
    aggregation: Option<Aggregation>,
}

/// Reads the samples of a series.
#[utoipa::path(get, path = "/series/{series_id}/samples", tag = "series", operation_id = "get_samples",
    params(("series_id" = SeriesId, Path, description = "The series."), SamplesQuery),
    responses((status = 200, description = "The samples.", body = Samples)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<SeriesId>,
    Query(query): Query<SamplesQuery>,
) -> Answer<Json<Samples>> {
    let services = granted.services();
    let series = series::find(services, id)?;
    let span = Span::long(query.from, query.to, services.clock.now(), Where::Query)?;
    let plan = Plan::new(services, &series, span, query.step_secs, query.aggregation);
    plan.check(POINTS_MAX, Where::Query)?;
    let store = services.series.clone();
    let samples = granted
        .state()
        .blocking(move || -> Answer<Samples> {
            let read = sampling::read_whole(&store, &plan)?;
            Ok(answer(SeriesResource::of(series), &plan, read))
        })
        .await??;
    Ok(Json(samples))
}

/// Reads the samples of several series over one range.
#[utoipa::path(post, path = "/samples/query", tag = "series", operation_id = "query_samples",
    request_body = SamplesRequest,
    responses((status = 200, description = "The samples of each.", body = SamplesOfMany)))]
pub(crate) async fn query(
    granted: Granted<permit::ReadInventory>,
    Body(body): Body<SamplesRequest>,
) -> Answer<Json<SamplesOfMany>> {
    let services = granted.services();
    let plans = plans(services, &body)?;
    let store = services.series.clone();
    let work = move || -> Answer<Vec<Samples>> {
        plans
            .into_iter()
            .map(|(series, plan)| {
                let read = sampling::read_whole(&store, &plan)?;
                Ok(answer(series, &plan, read))
            })
            .collect()
    };
    let items = granted.state().blocking(work).await??;
    Ok(Json(SamplesOfMany { items }))
}

fn plans(services: &Services, body: &SamplesRequest) -> Answer<Vec<(SeriesResource, Plan)>> {
    let mut faults = Faults::default();
    if !(1..=SERIES_MAX).contains(&body.series_ids.len()) {
        faults.add("/series_ids", format!("1 to {SERIES_MAX} series are taken"));
        faults.into_result()?;
        return Ok(Vec::new());
    }
    let span = Span::long(body.from, body.to, services.clock.now(), Where::Body)?;
    // The points of all series together are bounded as those of ten.
    let points_max = POINTS_MAX.min(POINTS_MAX * 10 / body.series_ids.len());
    let mut plans = Vec::with_capacity(body.series_ids.len());
    for (at, id) in body.series_ids.iter().enumerate() {
        let Some(series) = services.series.series(*id) else {
            faults.add(
                format!("/series_ids/{at}"),
                format!("there is no series {id}"),
            );
            continue;
        };
        let plan = Plan::new(services, &series, span, body.step_secs, body.aggregation);
        plan.check(points_max, Where::Body)?;
        plans.push((SeriesResource::of(series), plan));
    }
    faults.into_result()?;
    Ok(plans)
}

fn answer(series: SeriesResource, plan: &Plan, read: Read) -> Samples {
    Samples {
        series,
        from: plan.span.from,
        to: plan.span.to,
        step_secs: plan.step_secs,
        level: read.level,
        parts: read.parts,
        notes: read.notes,
        points: read.points,
    }
}
