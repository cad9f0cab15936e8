//! Forecasts: those that are kept by list, one by its course, and which series an operator wants forecast.

use super::devices::list::belongs;
use super::series;
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::input::{self, Grain};
use crate::foresight::make::{self, Expected, HORIZON_MAX, MODEL, NotExpected, VERSION};
use crate::foresight::subject::Subject;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::sampling::not_read;
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::StatusCode;
use model::forecast::{
    Accuracy, ChosenSeries, Course, ForecastHead, ForecastState, ForecastWhy, KeptForecast, Member,
};
use model::pattern::{PatternKind, TrafficPattern};
use model::{DeviceId, InterfaceId, Metric, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use store::forecasts::CHOSEN_MAX;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The horizon where none is asked for.
const HORIZON_DEFAULT: Duration = Duration::from_hours(24);
/// The shortest horizon.
const HORIZON_MIN: Duration = Duration::from_hours(1);

/// The routes under `/forecasts`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, choose, choose_no_longer))
}

/// A forecast that is kept, without its course.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ForecastSummary {
    /// What it is of.
    #[serde(flatten)]
    subject: Subject,
    /// Whether an operator chose the series.
    is_chosen: bool,
    /// How far it can be forecast.
    state: ForecastState,
    /// Why it is not ready, in one sentence; null where it is.
    reason: Option<String>,
    /// Why it is forecast each day.
    why: ForecastWhy,
    /// When it was made.
    made_at: Timestamp,
    /// When the first value that it was made of begins.
    trained_from: Option<Timestamp>,
    /// When the last ends.
    trained_to: Option<Timestamp>,
    /// The model.
    model: String,
    /// Its version.
    version: u32,
    /// The members of the pool that count, the weightiest first.
    members: Vec<Member>,
    /// How good forecasts of the series were, by lead.
    accuracy: Vec<Accuracy>,
    /// What kind of traffic the series is; null where too little is known, or no kind fits.
    pattern: Option<TrafficPattern>,
    /// When it was first found to be of that kind.
    pattern_since: Option<Timestamp>,
}

/// The forecast of a series over a horizon.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ForecastAnswer {
    /// What it is of.
    #[serde(flatten)]
    subject: Subject,
    /// Whether an operator chose the series.
    is_chosen: bool,
    /// How far it can be forecast.
    state: ForecastState,
    /// Why it is not ready, in one sentence; null where it is.
    reason: Option<String>,
    /// Whether it was kept, or else made for this answer.
    is_kept: bool,
    /// When it was made.
    made_at: Timestamp,
    /// When the first value that it was made of begins.
    trained_from: Option<Timestamp>,
    /// When the last ends.
    trained_to: Option<Timestamp>,
    /// The model.
    model: String,
    /// Its version.
    version: u32,
    /// The members of the pool that count, the weightiest first.
    members: Vec<Member>,
    /// How good forecasts of the series were, by lead; empty where none came true yet.
    accuracy: Vec<Accuracy>,
    /// What kind of traffic the series is, as of the forecast that is kept; null where too little is known, no
    /// kind fits, or none is kept.
    pattern: Option<TrafficPattern>,
    /// When it was first found to be of that kind.
    pattern_since: Option<Timestamp>,
    /// Seconds of the horizon.
    horizon_secs: u64,
    /// Seconds of a step: 300 for up to 6 hours, 3600 for up to 14 days, 86400 beyond.
    step_secs: u64,
    /// `[unix_ms, median, lower80, upper80, lower95, upper95]` for every step in order, at its beginning.
    #[schema(value_type = Vec<(i64, f64, f64, f64, f64, f64)>)]
    points: Vec<ForecastPoint>,
}

/// A step of a course.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct ForecastPoint(i64, f64, f64, f64, f64, f64);

/// Which forecasts, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// id, made_at, device, mase or coverage (both of a day ahead); with a leading `-` the other way.
    sort: Option<String>,
    /// Only of this device.
    device_id: Option<DeviceId>,
    /// Only of this interface.
    interface_id: Option<InterfaceId>,
    /// Only of devices of these sites, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    site: OneOf<String>,
    /// Only of devices with any of these tags, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    tag: OneOf<String>,
    /// Only of these metrics, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    metric: OneOf<Metric>,
    /// Only in these states, with commas between.
    #[param(value_type = Option<String>, max_length = 4096, example = "ready,learning")]
    state: OneOf<ForecastState>,
    /// Only of series of these kinds of traffic, with commas between.
    #[param(value_type = Option<String>, max_length = 4096, example = "office_hours,growing")]
    pattern: OneOf<PatternKind>,
    /// Only those that an operator chose, or that none did.
    is_chosen: Option<bool>,
}

/// How far.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HorizonQuery {
    /// Seconds from now on, an hour to 366 days; a day where it is not given.
    #[param(minimum = 3600, maximum = 31_622_400)]
    horizon_secs: Option<u64>,
}

/// Lists the forecasts that are kept.
#[utoipa::path(get, path = "/forecasts", tag = "foresight", operation_id = "list_forecasts",
    params(ForecastsQuery),
    responses((status = 200, description = "A page of forecasts.", body = Page<ForecastSummary>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ForecastsQuery>,
) -> Answer<Json<Page<ForecastSummary>>> {
    let fields = ["id", "made_at", "device", "mase", "coverage"];
    let sort = sort_field(query.sort.as_deref(), &fields)?;
    let filters = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
        query.device_id,
        query.interface_id,
        query.site,
        query.tag,
        query.metric,
        query.state,
        query.pattern,
        query.is_chosen
    );
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let field = sort.0.to_owned();
    let services = granted.services().clone();
    let work = move || {
        let heads = services.store.forecasts.heads();
        let wanted = heads.into_iter().filter(|head| {
            query.device_id.is_none_or(|id| id == head.device_id)
                && query.state.takes(&head.state)
                && is_of(&query.pattern, head)
        });
        let ground = services.ground();
        let rows = wanted.filter_map(|head| {
            let is_chosen = services.store.forecasts.is_chosen(head.series_id);
            if query.is_chosen.is_some_and(|wanted| wanted != is_chosen) {
                return None;
            }
            let subject = Subject::of(&ground, head.series_id)?;
            let of_interface = query
                .interface_id
                .is_none_or(|id| subject.interface_id == Some(id));
            if !of_interface || !query.metric.takes(&subject.metric) {
                return None;
            }
            if !(query.site.0.is_empty() && query.tag.0.is_empty()) {
                let record = services.store.inventory.device(head.device_id)?;
                if !belongs(&record.device.body, &query.site, &query.tag) {
                    return None;
                }
            }
            let key = key_of(&field, &head, &subject);
            Some((
                (key, head.series_id.to_string()),
                (head, subject, is_chosen),
            ))
        });
        let page = paging.take(rows);
        page.map(|(head, subject, is_chosen)| ForecastSummary {
            subject,
            is_chosen,
            state: head.state,
            reason: head.reason.clone(),
            why: head.why,
            made_at: head.made_at,
            trained_from: head.trained_from,
            trained_to: head.trained_to,
            model: head.model.clone(),
            version: head.version,
            members: head.members.clone(),
            accuracy: accuracy_of(&head),
            pattern: head.pattern.clone(),
            pattern_since: head.pattern_since,
        })
    };
    granted.state().blocking(work).await.map(Json)
}

/// Whether a forecast is of a series of one of some kinds; of any where none is named.
fn is_of(kinds: &OneOf<PatternKind>, head: &ForecastHead) -> bool {
    let kind = head.pattern.as_ref().map(|pattern| pattern.kind);
    kinds.0.is_empty() || kind.is_some_and(|kind| kinds.takes(&kind))
}

fn key_of(field: &str, head: &ForecastHead, subject: &Subject) -> Key {
    let day = |number: fn(&Accuracy) -> Option<f64>| {
        let scores = head.scores.iter();
        let day = scores
            .map(model::forecast::Score::accuracy)
            .find(|one| one.lead == model::forecast::Lead::Day);
        Key::measured(day.as_ref().and_then(number), 1e6)
    };
    match field {
        "made_at" => Key::Number(head.made_at.unix_ms()),
        "device" => Key::text(&subject.device_name),
        "mase" => day(|one| one.mase),
        "coverage" => day(|one| one.coverage),
        _ => Key::Absent,
    }
}

/// What the scores of a forecast say.
pub(super) fn accuracy_of(head: &ForecastHead) -> Vec<Accuracy> {
    let scores = head.scores.iter();
    scores.map(model::forecast::Score::accuracy).collect()
}

/// Reads the forecast of a series: as it is kept where that reaches so far, and made anew else.
#[utoipa::path(get, path = "/forecasts/{series_id}", tag = "foresight", operation_id = "get_forecast",
    params(("series_id" = SeriesId, Path, description = "The series."), HorizonQuery),
    responses((status = 200, description = "The forecast.", body = ForecastAnswer)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(id): PathId<SeriesId>,
    Query(query): Query<HorizonQuery>,
) -> Answer<Json<ForecastAnswer>> {
    let services = granted.services();
    let series = series::find(services, id)?;
    let horizon = query
        .horizon_secs
        .map_or(HORIZON_DEFAULT, Duration::from_secs);
    if !(HORIZON_MIN..=HORIZON_MAX).contains(&horizon) {
        let detail = format!(
            "a horizon has {} to {} seconds",
            HORIZON_MIN.as_secs(),
            HORIZON_MAX.as_secs()
        );
        return Err(Problem::field(Kind::BadQuery, "?horizon_secs", detail));
    }
    let now = services.clock.now();
    services.store.forecasts.note_asked(id, now);
    let subject =
        Subject::of(&services.ground(), id).ok_or_else(|| Problem::not_found("series", id))?;
    let kept = services.store.forecasts.get(id).await.map_err(of_store)?;
    let grain = Grain::of_horizon(horizon);
    let accuracy = kept.as_ref().map(|kept| accuracy_of(&kept.head));
    let pattern = kept
        .as_ref()
        .map(|kept| (kept.head.pattern.clone(), kept.head.pattern_since));
    let (pattern, pattern_since) = pattern.unwrap_or_default();
    let mut answer = ForecastAnswer {
        subject,
        is_chosen: services.store.forecasts.is_chosen(id),
        state: ForecastState::Ready,
        reason: None,
        is_kept: false,
        made_at: now,
        trained_from: None,
        trained_to: None,
        model: MODEL.to_owned(),
        version: VERSION,
        members: Vec::new(),
        accuracy: accuracy.unwrap_or_default(),
        pattern,
        pattern_since,
        horizon_secs: horizon.as_secs(),
        step_secs: grain.step().as_secs(),
        points: Vec::new(),
    };
    if let Some(kept) = kept.filter(|_| grain == Grain::Hours)
        && let Some(points) = kept_points(&kept, now, horizon)
    {
        take_head(&mut answer, kept.head);
        answer.points = points;
        return Ok(Json(answer));
    }
    let until = Instant::now() + services.options.request_timeout;
    let ground = services.ground();
    // The step that is under way is forecast too: of it nothing whole is known.
    let steps = steps_of(horizon, grain) + 1;
    let work = move || make::expect_now(&ground, &series, grain, steps, (now, Some(until)));
    match granted.state().query(work).await?.map_err(not_read)? {
        Ok(expected) => take_expected(&mut answer, expected, grain),
        Err(error) => {
            answer.state = match error {
                NotExpected::Learning(_) => ForecastState::Learning,
                NotExpected::Unforecastable(_) => ForecastState::Unforecastable,
            };
            answer.reason = Some(error.to_string());
        }
    }
    Ok(Json(answer))
}

fn steps_of(horizon: Duration, grain: Grain) -> usize {
    let steps = horizon.as_secs().div_ceil(grain.step().as_secs());
    usize::try_from(steps).unwrap_or(usize::MAX)
}

fn take_head(answer: &mut ForecastAnswer, head: ForecastHead) {
    answer.state = head.state;
    answer.reason = head.reason;
    answer.is_kept = true;
    answer.made_at = head.made_at;
    answer.trained_from = head.trained_from;
    answer.trained_to = head.trained_to;
    answer.model = head.model;
    answer.version = head.version;
    answer.members = head.members;
}

fn take_expected(answer: &mut ForecastAnswer, expected: Expected, grain: Grain) {
    let (from, to) = expected.trained;
    answer.trained_from = Some(from);
    answer.trained_to = Some(to);
    answer.members = expected.members;
    answer.points = points(to, grain.step(), &expected.course);
    let hours = to.since(from).as_secs() / 3_600;
    if let Some(reason) = make::learning(usize::try_from(hours).unwrap_or(usize::MAX)) {
        answer.state = ForecastState::Learning;
        answer.reason = Some(reason);
    }
}

/// The part of a kept course from now on; none where it does not reach so far.
fn kept_points(
    kept: &KeptForecast,
    now: Timestamp,
    horizon: Duration,
) -> Option<Vec<ForecastPoint>> {
    let begin = kept.head.trained_to?;
    let step = Grain::Hours.step();
    let from = input::begin_of(now, step);
    let past = usize::try_from(from.since(begin).as_secs() / step.as_secs()).ok()?;
    let end = past + steps_of(horizon, Grain::Hours) + 1;
    if kept.course.median.len() < end {
        return None;
    }
    Some(points(from, step, &kept.course.part(past, end)))
}

fn points(from: Timestamp, step: Duration, course: &Course) -> Vec<ForecastPoint> {
    let all = (0u32..).zip(&course.median).enumerate();
    let point = |(at, (nth, median)): (usize, (u32, &f64))| {
        let number = |all: &[f64]| all.get(at).copied().unwrap_or(*median);
        ForecastPoint(
            from.plus(step * nth).unix_ms(),
            *median,
            number(&course.lower80),
            number(&course.upper80),
            number(&course.lower95),
            number(&course.upper95),
        )
    };
    all.map(point).collect()
}

/// Chooses a series to be forecast each day, before those that matter by themselves.
#[utoipa::path(put, path = "/forecasts/{series_id}", tag = "foresight", operation_id = "choose_forecast",
    params(("series_id" = SeriesId, Path, description = "The series.")),
    responses((status = 204, description = "It is chosen.")))]
pub(crate) async fn choose(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<SeriesId>,
) -> Answer<StatusCode> {
    let services = granted.services();
    series::find(services, id)?;
    let forecasts = &services.store.forecasts;
    if !forecasts.is_chosen(id) && forecasts.chosen().len() >= CHOSEN_MAX {
        let detail = format!("At most {CHOSEN_MAX} series are chosen.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let chosen = ChosenSeries {
        series_id: id,
        by: granted.principal.username.clone(),
        at: services.clock.now(),
    };
    let done = services.to_the_end(move |services: Services| async move {
        services
            .store
            .forecasts
            .choose(chosen)
            .await
            .map_err(of_store)
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Chooses a series no longer. It is still forecast where it matters by itself.
#[utoipa::path(delete, path = "/forecasts/{series_id}", tag = "foresight", operation_id = "choose_forecast_no_longer",
    params(("series_id" = SeriesId, Path, description = "The series.")),
    responses((status = 204, description = "It is not chosen.")))]
pub(crate) async fn choose_no_longer(
    granted: Granted<permit::WriteInventory>,
    PathId(id): PathId<SeriesId>,
) -> Answer<StatusCode> {
    let services = granted.services();
    if !services.store.forecasts.is_chosen(id) {
        return Err(Problem::not_found("chosen series", id));
    }
    let done = services.to_the_end(move |services: Services| async move {
        let forecasts = &services.store.forecasts;
        forecasts.choose_no_longer(id).await.map_err(of_store)
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}
