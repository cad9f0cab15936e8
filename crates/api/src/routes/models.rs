//! The models that are built in, how good they were here, and how the scheduled work stands.

use crate::auth::gate::{App, Granted, permit};
use crate::foresight::PlanStanding;
use crate::foresight::make::{MODEL, VERSION};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::Answer;
use crate::query::Query;
use crate::services::Services;
use analytics::robust::median;
use axum::Json;
use model::forecast::{ForecastState, Lead, Score};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/models`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(plan))
}

/// A model.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Model {
    /// Its name.
    name: String,
    /// Its version.
    version: u32,
    /// What it does: `forecast`.
    task: &'static str,
    /// Whether it is part of this server.
    is_built_in: bool,
    /// What it is, in a sentence or two.
    description: &'static str,
    /// Series that it forecasts here.
    series: u64,
    /// Of these, those that are ready.
    ready: u64,
    /// Of these, those whose history is short.
    learning: u64,
    /// Of these, those that cannot be forecast.
    unforecastable: u64,
    /// How good it was here, by lead; empty where nothing came true yet.
    accuracy: Vec<ModelAccuracy>,
    /// How much its members count on average over the series, the weightiest first.
    members: Vec<ModelMember>,
}

/// How good a model was here at a lead.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelAccuracy {
    /// How long before.
    lead: Lead,
    /// The median over series of the error in those of forecasting what was a day before; under 1 is better
    /// than that.
    mase: Option<f64>,
    /// Share of series whose error is under that.
    better_than_naive: Option<f64>,
    /// Share of values within the 95 % band.
    coverage: Option<f64>,
    /// Series with values that came true.
    series: u64,
    /// Values that came true.
    count: u64,
    /// Of these, those whose forecast was made afterwards of what was known before.
    backcast: u64,
}

/// A member of a model.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelMember {
    /// Which.
    model: String,
    /// Its mean weight, 0 to 1.
    weight: f64,
}

/// How the models are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name; with a leading `-` the other way.
    sort: Option<String>,
}

/// Lists the models, and how good they were here.
#[utoipa::path(get, path = "/models", tag = "foresight", operation_id = "list_models",
    params(ModelsQuery),
    responses((status = 200, description = "A page of models.", body = Page<Model>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ModelsQuery>,
) -> Answer<Json<Page<Model>>> {
    let sort = sort_field(query.sort.as_deref(), &["name"])?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let services = granted.services().clone();
    let work = move || {
        let models = [pool(&services)];
        let rows = models.into_iter().map(|model| {
            let key = (Key::text(&model.name), model.version.to_string());
            (key, model)
        });
        paging.take(rows)
    };
    granted.state().blocking(work).await.map(Json)
}

/// Reads how the scheduled forecasts stand.
#[utoipa::path(get, path = "/models/plan", tag = "foresight", operation_id = "get_forecast_plan",
    responses((status = 200, description = "How they stand.", body = PlanStanding)))]
pub(crate) async fn plan(granted: Granted<permit::ReadInventory>) -> Json<PlanStanding> {
    Json(*granted.services().plan.borrow())
}

fn pool(services: &Services) -> Model {
    let heads = services.store.forecasts.heads();
    let count = |state| heads.iter().filter(|head| head.state == state).count() as u64;
    let mut members: Vec<ModelMember> = Vec::new();
    for member in heads.iter().flat_map(|head| &head.members) {
        match members.iter_mut().find(|one| one.model == member.model) {
            Some(one) => one.weight += member.weight,
            None => members.push(ModelMember {
                model: member.model.clone(),
                weight: member.weight,
            }),
        }
    }
    let all: f64 = members.iter().map(|member| member.weight).sum();
    for member in &mut members {
        member.weight /= all.max(f64::MIN_POSITIVE);
    }
    members.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let of_lead = |lead: Lead| -> Vec<Score> {
        let scores = heads.iter().flat_map(|head| &head.scores);
        scores.filter(|score| score.lead == lead).copied().collect()
    };
    Model {
        name: MODEL.to_owned(),
        version: VERSION,
        task: "forecast",
        is_built_in: true,
        description: "A pool of plain models, each weighed by how well it forecast the series' own past: \
            autoregressions on the day and the week, a robust profile of the week, the last week again, \
            exponential smoothing, seasons and rest apart, theta, the last value. Its bands hold as often as \
            they did there.",
        series: heads.len() as u64,
        ready: count(ForecastState::Ready),
        learning: count(ForecastState::Learning),
        unforecastable: count(ForecastState::Unforecastable),
        accuracy: Lead::ALL
            .into_iter()
            .filter_map(|lead| summed(lead, &of_lead(lead)))
            .collect(),
        members,
    }
}

fn summed(lead: Lead, scores: &[Score]) -> Option<ModelAccuracy> {
    let count = scores.iter().map(|score| score.count).sum::<u64>();
    if count == 0 {
        return None;
    }
    let errors: Vec<f64> = scores
        .iter()
        .filter_map(|score| score.accuracy().mase)
        .collect();
    let better = errors.iter().filter(|error| **error < 1.0).count();
    let weight: f64 = scores.iter().map(|score| score.weight).sum();
    let inside: f64 = scores.iter().map(|score| score.inside).sum();
    Some(ModelAccuracy {
        lead,
        mase: median(&errors),
        better_than_naive: (!errors.is_empty()).then(|| better as f64 / errors.len() as f64),
        coverage: (weight > 0.0).then(|| inside / weight),
        series: scores.iter().filter(|score| score.count > 0).count() as u64,
        count,
        backcast: scores.iter().map(|score| score.backcast).sum(),
    })
}
