//! Long work that was asked for: follow it, end it. What begins one is with what it works on.

use crate::auth::gate::{App, Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::Answer;
use crate::query::{OneOf, PathId, Query};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::job::{Job, JobKind, JobState};
use model::{JobId, Timestamp};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/jobs`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(cancel))
}

/// Which jobs, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// made_at, ended_at, state or kind; with a leading `-` the other way. -made_at, the latest first,
    /// where it is not given.
    sort: Option<String>,
    /// Only of these kinds, with commas between.
    #[param(value_type = Option<String>, example = "import,export")]
    kind: OneOf<JobKind>,
    /// Only in these states, with commas between.
    #[param(value_type = Option<String>, example = "waiting,running")]
    state: OneOf<JobState>,
}

/// Lists jobs, the latest first where nothing else is asked for. Those over are kept for 30 days, and
/// no more than 100 of them.
#[utoipa::path(get, path = "/jobs", tag = "jobs", operation_id = "list_jobs",
    params(JobsQuery),
    responses((status = 200, description = "A page of jobs.", body = Page<Job>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<JobsQuery>,
) -> Answer<Json<Page<Job>>> {
    let sort = query.sort.as_deref().unwrap_or("-made_at");
    let fields = ["made_at", "ended_at", "state", "kind"];
    let sort = sort_field(Some(sort), &fields)?;
    let filters = format!("{:?}{:?}", query.kind, query.state);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let all = granted.state().jobs.all().await?;
    let rows = all
        .into_iter()
        .filter(|job| query.kind.takes(&job.kind) && query.state.takes(&job.state))
        .map(|job| ((key(&job, sort.0), job.id.to_string()), job));
    Ok(Json(paging.take(rows)))
}

fn key(job: &Job, field: &str) -> Key {
    match field {
        "ended_at" => Key::maybe_number(job.ended_at.map(Timestamp::unix_ms)),
        "kind" => Key::text(job.kind.name()),
        "made_at" => Key::Number(job.made_at.unix_ms()),
        // Those at work first.
        _ => Key::Number(match job.state {
            JobState::Running => 0,
            JobState::Waiting => 1,
            JobState::Receiving => 2,
            JobState::Done => 3,
            JobState::Cancelled => 4,
            JobState::Interrupted => 5,
            JobState::Failed => 6,
        }),
    }
}

/// Reads a job.
#[utoipa::path(get, path = "/jobs/{job_id}", tag = "jobs", operation_id = "get_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses((status = 200, description = "The job.", body = Job)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadSystem>,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Job>> {
    granted.state().jobs.get(id).await.map(Json)
}

/// Ends a job; what it has done stays.
#[utoipa::path(post, path = "/jobs/{job_id}/cancel", tag = "jobs", operation_id = "cancel_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses((status = 202, description = "It is being ended.", body = Job),
        (status = 409, description = "It is over already.")))]
pub(crate) async fn cancel(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<JobId>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = granted.state().jobs.cancel(id).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// A job that was taken on, and where it is.
#[derive(utoipa::IntoResponses)]
#[response(
    status = 202,
    description = "It has begun; follow it at its Location.",
    headers(("Location" = String, description = "Where the job is."))
)]
pub(crate) struct Begun(pub(crate) Job);

impl IntoResponse for Begun {
    fn into_response(self) -> Response {
        let location = format!("/api/v1/jobs/{}", self.0.id);
        (
            StatusCode::ACCEPTED,
            [(header::LOCATION, location)],
            Json(self.0),
        )
            .into_response()
    }
}

/// The answer that a job was taken on, of a route that has other answers too.
pub(crate) fn accepted(job: Job) -> Response {
    Begun(job).into_response()
}
