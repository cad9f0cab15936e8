//! Anomalies: list, read, judge. The server finds them as samples come.

use super::devices;
use crate::auth::gate::{App, Granted, permit};
use crate::body::Body;
use crate::page::{Key, Page, Paging, Place};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use model::foresight::{
    Anomaly, AnomalyKind, AnomalyState, Judged, Judgement, THRESHOLD, Usefulness,
};
use model::metric::own::NAME_LEN_MAX;
use model::series::NETWORK;
use model::{AnomalyId, DeviceId, InterfaceId, Metric, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use store::anomalies::AnomalyFilter;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/anomalies`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(precision))
        .routes(routes!(get))
        .routes(routes!(judge))
}

/// An anomaly, and whose it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AnomalyOfDevice)]
pub(crate) struct AnomalyResource {
    /// What was out of the ordinary.
    #[serde(flatten)]
    anomaly: Anomaly,
    /// The unit of `value`, `expected`, `lower` and `upper`: the metric's base unit, a second for counters.
    unit: String,
    /// What people call the device; null where it is gone, or the series is of no one device.
    device_name: Option<String>,
    /// Where the device is, as operators typed it.
    site: Option<String>,
}

impl AnomalyResource {
    fn of(services: &Services, anomaly: Anomaly) -> Self {
        let device = services.store.inventory.device(anomaly.device_id);
        let device = device.as_ref().map(|record| &record.device.body);
        Self {
            unit: unit(&anomaly.metric),
            device_name: device.map(model::device::Device::name),
            site: device.and_then(|device| device.typed.site.clone()),
            anomaly,
        }
    }
}

/// The unit of what is watched of a metric.
pub(super) fn unit(metric: &str) -> String {
    match Metric::named(metric) {
        Ok(metric) if metric.kind() == model::metric::Kind::Counter => {
            format!("{}_per_second", metric.unit())
        }
        Ok(metric) => metric.unit().to_owned(),
        Err(_) => String::new(),
    }
}

/// Which anomalies, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnomaliesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given. A page may have fewer though there are
    /// more: `next_cursor` says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Always -started_at, those that began last first.
    sort: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only of this series.
    series_id: Option<SeriesId>,
    /// Only of this interface.
    interface_id: Option<InterfaceId>,
    /// Only of this metric.
    #[param(max_length = 128)]
    metric: Option<String>,
    /// Only of devices of one of these sites, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    site: OneOf<String>,
    /// Only of devices with one of these tags, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    tag: OneOf<String>,
    /// Only of these kinds, with commas between.
    #[param(value_type = Option<String>, example = "spike,level", max_length = 4096)]
    kind: OneOf<AnomalyKind>,
    /// Only those that go on, or only those that are over.
    open: Option<bool>,
    /// Only those whose greatest score is this or more, 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    score_min: Option<f64>,
    /// Only those that went on then or later.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Only those that began before.
    #[param(value_type = Option<Timestamp>)]
    until: Option<Timestamp>,
    /// Only those that were judged so: useful or noise.
    #[param(inline)]
    verdict: Option<Usefulness>,
    /// Only those that were judged, or only those that were not.
    judged: Option<bool>,
}

/// Lists anomalies, those that began last first: of 400 days, and no more than 100,000.
#[utoipa::path(get, path = "/anomalies", tag = "foresight", operation_id = "list_anomalies",
    params(AnomaliesQuery),
    responses((status = 200, description = "A page of anomalies.", body = Page<AnomalyResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<AnomaliesQuery>,
) -> Answer<Json<Page<AnomalyResource>>> {
    if query
        .sort
        .as_deref()
        .is_some_and(|sort| sort != "-started_at")
    {
        let detail = "those that began last come first: `-started_at`";
        return Err(Problem::field(Kind::BadQuery, "?sort", detail));
    }
    if query
        .score_min
        .is_some_and(|score| !(0.0..=1.0).contains(&score))
    {
        let detail = "a score is from 0 to 1";
        return Err(Problem::field(Kind::BadQuery, "?score_min", detail));
    }
    if query
        .metric
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME_LEN_MAX)
    {
        let detail = format!("a metric's name has {NAME_LEN_MAX} characters at most");
        return Err(Problem::field(Kind::BadQuery, "?metric", detail));
    }
    let services = granted.services();
    let by = (query.device_id, &query.site, &query.tag);
    let filters = format!(
        "{by:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
        query.series_id,
        query.interface_id,
        query.metric,
        query.kind,
        query.open,
        query.score_min,
        query.from,
        query.until,
        query.verdict,
        query.judged
    );
    let paging = Paging::new(
        query.limit,
        query.cursor.as_deref(),
        ("started_at", true),
        &filters,
    )?;
    let filter = AnomalyFilter {
        series_id: query.series_id,
        device_ids: devices_of(services, &query),
        interface_id: query.interface_id,
        metric: query.metric,
        kinds: query.kind.0,
        state: query.open.map(|open| {
            if open {
                AnomalyState::Open
            } else {
                AnomalyState::Ended
            }
        }),
        score_min: query.score_min,
        from: query.from,
        until: query.until,
        verdict: query.verdict,
        judged: query.judged,
    };
    let after = paging.after().map(|(_, id)| id.clone());
    let anomalies = &services.store.anomalies;
    let page = anomalies.page(&filter, after, paging.limit()).await;
    let (rows, next) = page.map_err(of_store)?;
    let next: Option<Place> = next.map(|id| (Key::Absent, id));
    let page = paging.going_on(rows, next.as_ref());
    Ok(Json(
        page.map(|anomaly| AnomalyResource::of(services, anomaly)),
    ))
}

/// The devices that are asked for; none where all are.
fn devices_of(services: &Services, query: &AnomaliesQuery) -> Option<HashSet<DeviceId>> {
    if query.site.0.is_empty() && query.tag.0.is_empty() {
        return query.device_id.map(|id| HashSet::from([id]));
    }
    let all = services.store.inventory.devices();
    let bodies = all.iter().map(|record| &record.device.body);
    let there = bodies
        .filter(|device| devices::list::belongs(device, &query.site, &query.tag))
        .map(|device| device.id)
        .filter(|id| query.device_id.is_none_or(|wanted| wanted == *id));
    Some(there.collect())
}

/// How the alarms of one detector were judged.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AlarmPrecision {
    /// What found them: model and version.
    detector: String,
    /// Alarms that were useful.
    useful: u64,
    /// Alarms that were noise.
    noise: u64,
    /// The share of those that were useful, 0 to 1.
    precision: Option<f64>,
}

/// How alarms were judged.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AlarmPrecisions {
    /// By what found them.
    detectors: Vec<AlarmPrecision>,
}

/// Tells how many of the alarms that operators judged were useful, for each version of a detector.
#[utoipa::path(get, path = "/anomalies/precision", tag = "foresight", operation_id = "get_alarm_precision",
    responses((status = 200, description = "How alarms were judged.", body = AlarmPrecisions)))]
pub(crate) async fn precision(
    granted: Granted<permit::ReadInventory>,
) -> Answer<Json<AlarmPrecisions>> {
    let judged = granted.services().store.anomalies.judged_by_version();
    let detectors = judged.into_iter().map(|(detector, judged)| AlarmPrecision {
        detector,
        useful: judged.useful,
        noise: judged.noise,
        precision: judged.precision(),
    });
    Ok(Json(AlarmPrecisions {
        detectors: detectors.collect(),
    }))
}

/// Reads an anomaly.
#[utoipa::path(get, path = "/anomalies/{anomaly_id}", tag = "foresight", operation_id = "get_anomaly",
    params(("anomaly_id" = AnomalyId, Path, description = "The anomaly.")),
    responses((status = 200, description = "The anomaly.", body = AnomalyResource)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<AnomalyId>,
) -> Answer<Json<AnomalyResource>> {
    let services = granted.services();
    let found = services.store.anomalies.get(id).await.map_err(of_store)?;
    let found = found.ok_or_else(|| Problem::not_found("anomaly", id))?;
    Ok(Json(AnomalyResource::of(services, found.body)))
}

/// What an operator says of an alarm.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerdictRequest {
    /// useful or noise; null takes back what was said.
    #[schema(required)]
    verdict: Option<Usefulness>,
}

/// What a verdict did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VerdictAnswer {
    /// The anomaly as judged.
    anomaly: AnomalyResource,
    /// Alarms of this series that were useful.
    useful: u64,
    /// Alarms of this series that were noise.
    noise: u64,
    /// The share of this series' judged alarms that were useful, 0 to 1.
    precision: Option<f64>,
    /// The score from which this series alarms from now on; 0.5 while nobody judged any.
    threshold: f64,
    /// What follows, in a sentence.
    effect: String,
}

/// Says of an alarm whether it was useful or noise. Each that was noise, beyond those that were useful, raises
/// the score from which the series alarms, within a bound.
#[utoipa::path(put, path = "/anomalies/{anomaly_id}/verdict", tag = "foresight", operation_id = "judge_anomaly",
    params(("anomaly_id" = AnomalyId, Path, description = "The anomaly.")),
    request_body = VerdictRequest,
    responses((status = 200, description = "What it did.", body = VerdictAnswer)))]
pub(crate) async fn judge(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<AnomalyId>,
    Body(body): Body<VerdictRequest>,
) -> Answer<Json<VerdictAnswer>> {
    let services = granted.services();
    let who = &granted.principal;
    let judgement = body.verdict.map(|verdict| Judgement {
        verdict,
        user_id: who.user_id,
        by: who.username.clone(),
        at: services.clock.now(),
    });
    let judged = services.to_the_end(move |services| async move {
        let judged = services.store.anomalies.judge(id, judgement).await;
        judged.map_err(of_store)
    });
    let judged = judged.await?;
    let (anomaly, judged) = judged.ok_or_else(|| Problem::not_found("anomaly", id))?;
    Ok(Json(VerdictAnswer {
        anomaly: AnomalyResource::of(services, anomaly),
        useful: judged.useful,
        noise: judged.noise,
        precision: judged.precision(),
        threshold: judged.threshold(),
        effect: effect(judged),
    }))
}

/// What follows of how the alarms of a series were judged.
fn effect(judged: Judged) -> String {
    let threshold = judged.threshold();
    if threshold > THRESHOLD {
        format!("This series alarms from a score of {threshold:.2} on, rather than {THRESHOLD:.2}.")
    } else {
        format!("This series alarms from a score of {THRESHOLD:.2} on, as every other.")
    }
}

/// The device of a series in the answer to a client; null for those of the whole network.
pub(super) fn device_of(id: DeviceId) -> Option<DeviceId> {
    (id != NETWORK).then_some(id)
}
