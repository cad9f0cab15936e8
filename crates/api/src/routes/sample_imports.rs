//! Importing samples: a file is sent, whole or in pieces, and written behind the request.

use crate::auth::gate::{App, Granted, permit};
use crate::exchange::{Asked, PIECE_LEN_MAX, ground, no_room};
use crate::jobs::JobError;
use crate::once::NewId;
use crate::problem::{Answer, Kind, Problem, chain};
use crate::query::{PathId, Query};
use crate::routes::jobs::accepted;
use crate::routes::pushed_samples::who;
use crate::state::State;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::Response;
use model::job::{Job, JobKind, JobState};
use model::{DeviceId, JobId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use store::audit::{AuditAction, AuditCounts, AuditState, What, Who};
use store::exchange::files::SendError;
use store::exchange::find::Defaults;
use store::exchange::import::{self, ImportError, Imported, Source};
use store::exchange::{Format, HAS_PARQUET};
use store::progress::Progress;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

const CLOSED: &str = "The job does not wait to be sent anything.";
/// Bodies with files that are held at a time.
pub(crate) const UPLOADS_MAX: usize = 2;

/// The routes.
pub(super) fn routes() -> OpenApiRouter<App> {
    let limit = DefaultBodyLimit::max(PIECE_LEN_MAX);
    OpenApiRouter::new()
        .routes(routes!(start).layer(limit))
        .routes(routes!(send).layer(limit))
        .routes(routes!(run))
}

/// Room for a body with a file: taken before it is read, for it may be long.
pub(crate) struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl FromRequestParts<App> for Place {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        // Whoever may not import keeps nobody from it.
        let granted = Granted::<permit::ManageStorage>::from_request_parts(parts, app).await?;
        let uploads = granted.state().uploads.clone();
        uploads
            .try_acquire_owned()
            .map(Self)
            .map_err(|_| Problem::busy("Other files are being sent.", Duration::from_secs(1)))
    }
}

/// A body of octets.
pub(crate) struct Octets(Bytes);

impl<S: Send + Sync> FromRequest<S> for Octets {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self).map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!(
                    "A file, or a piece of one, has at most {PIECE_LEN_MAX} bytes; send it in pieces \
                     with `more=true`."
                );
                Problem::new(Kind::TooLarge, detail)
            } else {
                Problem::new(Kind::Malformed, "The body ended early.")
            }
        })
    }
}

/// How a file is imported.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// What it is written as.
    #[param(inline)]
    format: Format,
    /// Whether it is only told what would be done.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// Whether metrics that nobody knows are made, where the file says what they are: OpenMetrics does.
    #[serde(default)]
    #[param(required = false)]
    create_metrics: bool,
    /// Whose samples are that name no device; of the whole network where it is not given.
    device_id: Option<DeviceId>,
    /// The time of samples that have none; those are refused where it is not given.
    #[param(value_type = Option<Timestamp>)]
    default_time: Option<Timestamp>,
    /// Whether the body is the first piece of the file: it is imported when it was told to run.
    #[serde(default)]
    #[param(required = false)]
    more: bool,
}

/// Where a piece of a file goes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PieceQuery {
    /// How many octets of the file are before it.
    offset: u64,
}

/// How much of a file is there.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SentFile)]
pub(crate) struct Sent {
    /// Octets.
    bytes: u64,
}

/// Imports samples of a file: CSV, JSON lines or OpenMetrics text, of up to 16 MiB, or of up to 1 GiB in
/// pieces. It is read to its end before anything is written. Rows that cannot be taken are told with
/// their lines and leave the others as they are; what is there already stays, so that a file may be sent
/// again.
#[utoipa::path(post, path = "/imports/samples", tag = "series", operation_id = "import_samples",
    params(ImportQuery),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "The file, or its first piece."),
    responses((status = 202, description = "It has begun, or waits to be sent the rest; its `result` is what became of the rows.", body = Job,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn start(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Query(query): Query<ImportQuery>,
    place: Place,
    Octets(body): Octets,
) -> Answer<Response> {
    let state = granted.state();
    if query.format == Format::Parquet && !HAS_PARQUET {
        let detail = "this server was built without Parquet";
        return Err(Problem::field(Kind::BadQuery, "?format", detail));
    }
    if let Some(id) = query.device_id
        && state.services.store.inventory.device(id).is_none()
    {
        let detail = format!("there is no device {id}");
        return Err(Problem::field(Kind::BadQuery, "?device_id", detail));
    }
    tidy(state).await?;
    let asked = Asked {
        format: query.format,
        dry_run: query.dry_run,
        default_time: query.default_time,
        defaults: Defaults {
            device_id: query.device_id,
            create_metrics: query.create_metrics,
        },
    };
    let job_id = JobId::reserved(id);
    // Before the file is there, so that it is not swept.
    let job = state
        .jobs
        .receive(id, JobKind::Import, &granted.principal)
        .await?;
    state.exchange.sends(job_id, asked);
    let taken = take(state, job_id, 0, body).await;
    drop(place);
    if let Err(problem) = taken {
        let _ = state.jobs.cancel(job_id).await;
        return Err(problem);
    }
    if query.more {
        return Ok(accepted(job));
    }
    begin(&granted, job_id).map(accepted)
}

/// Sends a piece of the file of an import: where the file ends, or one that was sent already.
#[utoipa::path(put, path = "/imports/{job_id}/content", tag = "series", operation_id = "send_import",
    params(("job_id" = JobId, Path, description = "The job of the import."), PieceQuery),
    request_body(content = String, content_type = "application/octet-stream", description = "The piece."),
    responses((status = 200, description = "How much of the file is there.", body = Sent)))]
pub(crate) async fn send(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<JobId>,
    Query(query): Query<PieceQuery>,
    _place: Place,
    Octets(body): Octets,
) -> Answer<Json<Sent>> {
    let state = granted.state();
    let job = state.jobs.get(id).await?;
    if job.state != JobState::Receiving || state.exchange.asked(id).is_none() {
        return Err(Problem::new(Kind::Conflict, CLOSED));
    }
    let bytes = take(state, id, query.offset, body).await?;
    Ok(Json(Sent { bytes }))
}

/// Begins an import whose file was sent.
#[utoipa::path(post, path = "/imports/{job_id}/run", tag = "series", operation_id = "run_import",
    params(("job_id" = JobId, Path, description = "The job of the import.")),
    responses((status = 202, description = "It has begun; its `result` is what became of the rows.", body = Job,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn run(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<JobId>,
) -> Answer<Response> {
    let state = granted.state();
    let job = state.jobs.get(id).await?;
    if job.kind != JobKind::Import {
        return Err(Problem::not_found("import", id));
    }
    if job.state != JobState::Receiving {
        // It was told to already.
        return Ok(accepted(job));
    }
    begin(&granted, id).map(accepted)
}

/// Files of jobs that are over are swept before another is taken.
async fn tidy(state: &Arc<State>) -> Answer<()> {
    let known = state.jobs.all().await?;
    let now = state.services.clock.now();
    let swept = Arc::clone(state);
    state
        .blocking(move || {
            let room = swept.exchange.make_room(&swept.jobs, &known, now);
            room.map(|_| ())
        })
        .await?
}

async fn take(state: &Arc<State>, id: JobId, offset: u64, piece: Bytes) -> Answer<u64> {
    let shared = Arc::clone(state);
    let take = move || {
        let exchange = &shared.exchange;
        let waits = || exchange.asked(id).is_some() && shared.jobs.is_live(id);
        exchange.files.take(id, offset, &piece, waits)
    };
    let taken = state.blocking(take).await?;
    taken.map_err(|error| match error {
        SendError::Closed => Problem::new(Kind::Conflict, CLOSED),
        SendError::NoRoom(lacking) => no_room(&lacking),
        SendError::Offset { .. } => Problem::new(Kind::Conflict, format!("{error}.")),
        SendError::TooLong => Problem::new(Kind::TooLarge, format!("{error}.")),
        SendError::File(error) => Problem::internal("taking a file", &error),
    })
}

fn begin(granted: &Granted<permit::ManageStorage>, id: JobId) -> Answer<Job> {
    let (state, who) = (granted.state(), who(&granted.principal));
    let asked = state.exchange.sent(id);
    let asked = asked.ok_or_else(|| Problem::new(Kind::Conflict, CLOSED))?;
    let (shared, handle) = (Arc::clone(state), Handle::current());
    state.jobs.run(id, move |progress| {
        work(&shared, &handle, (id, &who), asked, progress)
    })
}

fn work(
    state: &State,
    handle: &Handle,
    (id, who): (JobId, &Who),
    asked: Asked,
    progress: &Progress,
) -> Result<serde_json::Value, JobError> {
    let files = &state.exchange.files;
    let audit = &state.services.store.audit;
    let what = What {
        action: AuditAction::ImportSamples,
        selector: None,
        range: None,
        job_id: Some(id),
        detail: Some(format!("a file of {}", asked.format.extension())),
    };
    // Before anything is written; telling what would be done writes nothing.
    let begun = if asked.dry_run {
        None
    } else {
        Some(handle.block_on(audit.begin(who, what)).map_err(|error| {
            files.remove(id);
            JobError::failed(format!("it could not be written into the audit: {error}"))
        })?)
    };
    let mut told = Imported::default();
    let done = import_file(state, handle, id, asked, progress, &mut told);
    files.remove(id);
    if let Some(begun) = begun {
        let ended = match &done {
            Ok(()) => AuditState::Done,
            Err(_) => AuditState::Failed,
        };
        let why = done.as_ref().err().map(|error| chain(error));
        let counts = AuditCounts {
            devices: told.devices,
            series: told.series,
            samples: told.added + told.replaced,
            replaced: told.replaced,
            refused: told.refused,
        };
        if let Err(error) = handle.block_on(audit.end(&begun, ended, counts, why)) {
            // It is told as broken off at the next start.
            tracing::warn!(error = ?error, "how an import ended is not in the audit");
        }
    }
    for (reason, rows) in told.reasons.iter().filter(|_| !told.dry_run) {
        state.pushed_refused.count(reason, *rows);
    }
    let result = serde_json::to_value(&told).unwrap_or_default();
    done.map_err(|error| match error {
        ImportError::Stopped(stopped) => JobError::from(stopped).with(result.clone()),
        error => JobError::failed(chain(&error)).with(result.clone()),
    })?;
    Ok(result)
}

fn import_file(
    state: &State,
    handle: &Handle,
    id: JobId,
    asked: Asked,
    progress: &Progress,
    told: &mut Imported,
) -> Result<(), ImportError> {
    let services = &state.services;
    let files = &state.exchange.files;
    let file = files.open_sent(id).map_err(ImportError::Spool)?;
    let options = import::Options {
        format: asked.format,
        dry_run: asked.dry_run,
        default_time: asked.default_time,
        defaults: asked.defaults,
        length: file.metadata().map_err(ImportError::Spool)?.len(),
        spool: files.folder(id).join("rows"),
        room: files.room().clone(),
        rows_a_part: None,
    };
    let retention = &services.store.retention;
    let ground = ground(services);
    import::run(
        &ground,
        retention,
        handle,
        Source::File(file),
        &options,
        progress,
        told,
    )
}
