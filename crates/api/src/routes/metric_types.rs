//! What can be measured: the metrics of the table, and those that users made.

use crate::auth::gate::{App, Granted, permit};
use crate::body::{Body, Patch};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::routes::pushed_samples::who;
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::metric::Kind as MetricKind;
use model::metric::own::{NewMetric, NotAMetric};
use model::{Metric, Timestamp};
use serde::{Deserialize, Serialize};
use store::audit::{AuditAction, AuditCounts, AuditState, What};
use store::documents::{Expect, Stored};
use store::own_metrics::{OwnMetric, OwnMetricError};
use tracing::info;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/metric-types`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
}

/// Which metrics, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MetricTypesQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, unit, kind or series; with a leading `-` the other way.
    sort: Option<String>,
    /// Only those that users made, or only the others.
    own: Option<bool>,
}

/// Something that can be measured.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MetricType)]
pub(crate) struct MetricResource {
    /// The name it is stored and asked for under.
    name: String,
    /// Base unit; empty for a state.
    unit: String,
    /// How values behave.
    kind: MetricKind,
    /// One line for a person.
    help: String,
    /// Whether users made it.
    own: bool,
    /// How many series have it.
    series: u64,
    /// When it was made; null where users did not.
    created_at: Option<Timestamp>,
    /// Counts its changes; the ETag. Null where it cannot be changed.
    revision: Option<u64>,
}

impl MetricResource {
    fn of_table(services: &Services, metric: Metric) -> Self {
        let row = metric.row();
        Self {
            name: row.name.to_owned(),
            unit: row.unit.to_owned(),
            kind: row.kind,
            help: row.help.to_owned(),
            own: false,
            series: services.series.count_measuring(metric) as u64,
            created_at: None,
            revision: None,
        }
    }

    fn of_own(services: &Services, stored: Stored<OwnMetric>) -> Self {
        let own = stored.body;
        let metric = Metric::named(&own.name);
        let series = metric.map_or(0, |metric| services.series.count_measuring(metric));
        Self {
            name: own.name,
            unit: own.unit,
            kind: own.kind,
            help: own.help,
            own: true,
            series: series as u64,
            created_at: Some(own.created_at),
            revision: Some(stored.revision),
        }
    }
}

/// What a metric is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = MetricTypeCreate)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricCreate {
    /// The name: a letter or `_`, then letters, digits and `_`. It never changes.
    #[schema(max_length = 128, example = "queue_depth")]
    name: String,
    /// Base unit, as `octets`, `seconds`, `ratio` or `count`; empty for a state. It never changes.
    #[serde(default)]
    #[schema(max_length = 64, example = "messages")]
    unit: String,
    /// How values behave. It never changes.
    kind: MetricKind,
    /// One line for a person.
    #[serde(default)]
    #[schema(max_length = 512)]
    help: String,
}

/// A merge patch (RFC 7396) of a metric.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = MetricTypePatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricPatch {
    /// One line for a person.
    #[schema(max_length = 512)]
    help: String,
}

/// Lists what can be measured: the metrics that every server knows, and those that users made.
#[utoipa::path(get, path = "/metric-types", tag = "series", operation_id = "list_metric_types",
    params(MetricTypesQuery),
    responses((status = 200, description = "A page of metrics.", body = Page<MetricResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<MetricTypesQuery>,
) -> Answer<Json<Page<MetricResource>>> {
    let sort = sort_field(query.sort.as_deref(), &["name", "unit", "kind", "series"])?;
    let filters = format!("{:?}", query.own);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let services = granted.services();
    let own = services.store.metrics.list().await.map_err(of_store)?;
    let of_table = Metric::all().map(|metric| MetricResource::of_table(services, metric));
    let own = own.into_iter();
    let all = of_table.chain(own.map(|stored| MetricResource::of_own(services, stored)));
    let rows = all
        .filter(|row| query.own.is_none_or(|own| own == row.own))
        .map(|row| {
            let key = match sort.0 {
                "unit" => Key::text(&row.unit),
                "kind" => Key::text(&format!("{:?}", row.kind)),
                "series" => Key::maybe_number(Some(row.series)),
                _ => Key::text(&row.name),
            };
            ((key, row.name.clone()), row)
        });
    Ok(Json(paging.take(rows)))
}

/// Makes a metric. Its name, unit and kind stay as they are for ever.
#[utoipa::path(post, path = "/metric-types", tag = "series", operation_id = "create_metric_type",
    request_body = MetricCreate,
    responses((status = 201, description = "The metric as made.", body = MetricResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::ManageStorage>,
    Body(body): Body<MetricCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let new = NewMetric {
        name: body.name,
        unit: body.unit,
        kind: body.kind,
        help: body.help.trim().to_owned(),
    };
    let made = services
        .to_the_end(move |services| async move {
            let made = services.store.metrics.create(new, &services.series).await;
            made.map_err(of_own)
        })
        .await?;
    let by = granted.principal.username.as_str();
    info!(metric = made.id, by, "a metric was made");
    note(&granted, format!("{} was made", made.id)).await;
    let location = format!("/api/v1/metric-types/{}", made.id);
    let (etag, metric) = (etag(made.revision), MetricResource::of_own(services, made));
    Ok((
        StatusCode::CREATED,
        etag,
        [(header::LOCATION, location)],
        Json(metric),
    )
        .into_response())
}

/// Reads a metric.
#[utoipa::path(get, path = "/metric-types/{name}", tag = "series", operation_id = "get_metric_type",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The metric.", body = MetricResource,
        headers(("ETag" = String, description = "Its revision, where users made it.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    PathId(name): PathId<String>,
) -> Answer<Response> {
    let services = granted.services();
    if let Some(metric) = Metric::all().find(|metric| metric.name() == name) {
        return Ok(Json(MetricResource::of_table(services, metric)).into_response());
    }
    let stored = find(services, &name).await?;
    let etag = etag(stored.revision);
    Ok((etag, Json(MetricResource::of_own(services, stored))).into_response())
}

/// Changes what a metric that users made is said to be; its name, unit and kind stay.
#[utoipa::path(patch, path = "/metric-types/{name}", tag = "series", operation_id = "update_metric_type",
    params(("name" = String, Path, description = "Its name."),
        ("If-Match" = String, Header, description = "The ETag of what is changed.")),
    request_body(content = MetricPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The metric as it is now.", body = MetricResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::ManageStorage>,
    PathId(name): PathId<String>,
    expected: IfMatch,
    Patch(patch): Patch<MetricPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let revision = expected.check(own(services, &name).await?.revision)?;
    let help = patch.help.trim().to_owned();
    let metrics = services.store.metrics.clone();
    let changed = services
        .to_the_end(move |_| async move {
            let expect = Expect::Revision(revision);
            metrics.set_help(&name, &help, expect).await.map_err(of_own)
        })
        .await?;
    note(&granted, format!("the help of {} was changed", changed.id)).await;
    let etag = etag(changed.revision);
    Ok((etag, Json(MetricResource::of_own(services, changed))).into_response())
}

/// Deletes a metric that users made and that no series has.
#[utoipa::path(delete, path = "/metric-types/{name}", tag = "series", operation_id = "delete_metric_type",
    params(("name" = String, Path, description = "Its name."),
        ("If-Match" = String, Header, description = "The ETag of what is deleted.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::ManageStorage>,
    PathId(name): PathId<String>,
    expected: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let revision = expected.check(own(services, &name).await?.revision)?;
    let deleted = name.clone();
    services
        .to_the_end(move |services| async move {
            let (metrics, series) = (&services.store.metrics, &services.series);
            let deleted = metrics.delete(&deleted, Expect::Revision(revision), series);
            deleted.await.map_err(of_own)
        })
        .await?;
    let by = granted.principal.username.as_str();
    info!(metric = name, by, "a metric was deleted");
    note(&granted, format!("{name} was deleted")).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes into the audit what was done.
async fn note(granted: &Granted<permit::ManageStorage>, detail: String) {
    let what = What {
        action: AuditAction::Metric,
        selector: None,
        range: None,
        job_id: None,
        detail: Some(detail),
    };
    let audit = &granted.services().store.audit;
    let counts = AuditCounts::default();
    let who = who(&granted.principal);
    let noted = audit.note(&who, what, AuditState::Done, counts).await;
    if let Err(error) = noted {
        tracing::warn!(error = ?error, "what was done to a metric is not in the audit");
    }
}

/// One that users made; [`Kind::Conflict`] where it is of the table.
async fn own(services: &Services, name: &str) -> Answer<Stored<OwnMetric>> {
    if Metric::all().any(|metric| metric.name() == name) {
        let detail = "Every server knows this metric; only those that users made can be changed.";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    find(services, name).await
}

async fn find(services: &Services, name: &str) -> Answer<Stored<OwnMetric>> {
    let found = services.store.metrics.get(name).await.map_err(of_store)?;
    found.ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        Problem::not_found("metric", shown)
    })
}

fn of_own(error: OwnMetricError) -> Problem {
    let detail = error.to_string();
    match error {
        OwnMetricError::Not(not) => match not {
            NotAMetric::Name => Problem::field(Kind::Invalid, "/name", detail),
            NotAMetric::Unit { .. } => Problem::field(Kind::Invalid, "/unit", detail),
            NotAMetric::Help => Problem::field(Kind::Invalid, "/help", detail),
            NotAMetric::Taken { .. } | NotAMetric::Differs { .. } | NotAMetric::TooMany => {
                Problem::new(Kind::Conflict, format!("{detail}."))
            }
        },
        OwnMetricError::InUse { .. } => Problem::new(Kind::Conflict, format!("{detail}.")),
        OwnMetricError::Documents(error) => of_store(error),
    }
}
