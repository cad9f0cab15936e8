//! Exporting samples: what a selector means is written to a file, which is fetched then.

use crate::auth::gate::{App, Granted, permit};
use crate::body::Body;
use crate::exchange::is_kept;
use crate::jobs::JobError;
use crate::once::NewId;
use crate::problem::{Answer, Faults, Problem, chain};
use crate::query::PathId;
use crate::routes::jobs::accepted;
use crate::routes::pushed_samples::who;
use crate::state::State;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use model::job::{Job, JobKind};
use model::{JobId, Metric, ReservedId, Timestamp};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use store::audit::{AuditAction, AuditCounts, AuditState, What};
use store::exchange::export::{self, ExportError, Written};
use store::exchange::{Format, HAS_PARQUET};
use store::progress::Progress;
use store::series::{Selector, SelectorError};
use tokio::runtime::Handle;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Octets of a file that are read at a time.
const PIECE_LEN: usize = 256 << 10;

/// The routes.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(content))
}

/// What is exported.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportRequest {
    /// Which series, as a selector; see the guide to series.
    #[serde(rename = "match")]
    #[schema(max_length = 4096, example = "ifHCInOctets{site=\"lyon\"}")]
    matching: String,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it. Now where it is not given.
    #[serde(default)]
    to: Option<Timestamp>,
    /// What it is written as.
    format: Format,
}

/// Exports samples to a file, which is kept for a day: by metric, then by series, then by time.
#[utoipa::path(post, path = "/exports", tag = "series", operation_id = "export_samples",
    request_body = ExportRequest,
    responses((status = 202, description = "It has begun; fetch the file when it is done.", body = Job,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn start(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(body): Body<ExportRequest>,
) -> Answer<Response> {
    let state = granted.state();
    let now = state.services.clock.now();
    let text = body.matching.clone();
    // Expressions are compiled where blocking is allowed.
    let selector = state.blocking(move || selector(&text)).await?;
    let to = body.to.unwrap_or(now);
    let mut faults = Faults::default();
    if body.from >= to {
        faults.add("/to", "it is not behind `from`");
    }
    if body.format == Format::Parquet && !HAS_PARQUET {
        faults.add("/format", "this server was built without Parquet");
    }
    let selector = match selector {
        Ok(selector) => selector,
        Err(detail) => {
            faults.add("/match", detail);
            Selector::default()
        }
    };
    faults.into_result()?;
    // Told at once where there is none; how much there is then, when its turn has come.
    room(state).await?;
    let options = export::Options {
        format: body.format,
        selector,
        from: body.from,
        to,
        bytes_max: 0,
        room: state.exchange.files.room().clone(),
    };
    begin(&granted, id, options).await.map(accepted)
}

fn selector(text: &str) -> Result<Selector, String> {
    let selector: Selector = text
        .parse()
        .map_err(|error: SelectorError| error.to_string())?;
    if let Some(name) = selector.metric() {
        Metric::named(name).map_err(|error| error.to_string())?;
    }
    Ok(selector)
}

/// How many octets a new file may have, after what is kept no longer went.
async fn room(state: &Arc<State>) -> Answer<u64> {
    let known = state.jobs.all().await?;
    let (swept, now) = (Arc::clone(state), state.services.clock.now());
    state
        .blocking(move || swept.exchange.make_room(&swept.jobs, &known, now))
        .await?
}

async fn begin(
    granted: &Granted<permit::ManageStorage>,
    id: ReservedId,
    mut options: export::Options,
) -> Answer<Job> {
    let (state, who) = (granted.state(), who(&granted.principal));
    let (shared, handle) = (Arc::clone(state), Handle::current());
    let job_id = JobId::reserved(id);
    let work = move |progress: &Progress| {
        let audit = &shared.services.store.audit;
        let what = What {
            action: AuditAction::ExportSamples,
            selector: Some(options.selector.to_string()),
            range: Some((options.from, options.to)),
            job_id: Some(job_id),
            detail: Some(format!("a file of {}", options.format.extension())),
        };
        // One export is at work at a time, so that all of the room is for it.
        let room = handle.block_on(shared.jobs.all()).and_then(|known| {
            let now = shared.services.clock.now();
            shared.exchange.make_room(&shared.jobs, &known, now)
        });
        options.bytes_max = room.map_err(|problem| JobError::failed(problem.detail()))?;
        let begun = handle.block_on(audit.begin(&who, what)).map_err(|error| {
            JobError::failed(format!("it could not be written into the audit: {error}"))
        })?;
        let done = export_file(&shared, job_id, &options, progress);
        let ended = match &done {
            Ok(_) => AuditState::Done,
            Err(_) => AuditState::Failed,
        };
        let counts = done
            .as_ref()
            .map_or(AuditCounts::default(), |written| AuditCounts {
                series: written.series,
                samples: written.samples,
                ..AuditCounts::default()
            });
        let why = done.as_ref().err().map(|error| chain(error));
        if let Err(error) = handle.block_on(audit.end(&begun, ended, counts, why)) {
            // It is told as broken off at the next start.
            tracing::warn!(error = ?error, "how an export ended is not in the audit");
        }
        done.map_err(|error| {
            shared.exchange.files.remove(job_id);
            match error {
                ExportError::Stopped(stopped) => JobError::from(stopped),
                error => JobError::failed(chain(&error)),
            }
        })
        .map(|written| {
            let mut result = serde_json::to_value(written).unwrap_or_default();
            if let (Some(result), Ok(format)) =
                (result.as_object_mut(), serde_json::to_value(options.format))
            {
                result.insert("format".to_owned(), format);
            }
            result
        })
    };
    state
        .jobs
        .start(id, JobKind::Export, &granted.principal, work)
        .await
}

fn export_file(
    state: &State,
    id: JobId,
    options: &export::Options,
    progress: &Progress,
) -> Result<Written, ExportError> {
    let (services, files) = (&state.services, &state.exchange.files);
    let mut file = io::BufWriter::with_capacity(1 << 18, files.begin(id)?);
    let inventory = &services.store.inventory;
    let written = export::run(&services.series, inventory, &mut file, options, progress)?;
    file.flush()?;
    files.finish(id)?;
    Ok(written)
}

/// Fetches the file of an export, or the part of it that a Range names.
#[utoipa::path(get, path = "/exports/{job_id}/content", tag = "series", operation_id = "get_export",
    params(("job_id" = JobId, Path, description = "The job of the export.")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/csv"), (String = "application/x-ndjson"),
            (String = "application/openmetrics-text"), (String = "application/vnd.apache.parquet")),
            headers(("Content-Length" = u64, description = "Its octets."), ("Content-Disposition" = String, description = "A name for it."))),
        (status = 206, description = "A part of it.", content(
            (String = "text/csv"), (String = "application/x-ndjson"),
            (String = "application/openmetrics-text"), (String = "application/vnd.apache.parquet")),
            headers(("Content-Range" = String, description = "Which part, and the octets of the whole.")))))]
pub(crate) async fn content(
    granted: Granted<permit::ManageStorage>,
    PathId(id): PathId<JobId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let state = granted.state();
    let job = state.jobs.get(id).await?;
    let none = || Problem::not_found("exported file of the job", id);
    if !is_kept(&job, state.services.clock.now()) {
        return Err(none());
    }
    let path = state.exchange.files.exported(id);
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let asked = asked.and_then(range);
    let opened = state
        .blocking(move || {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(asked.map_or(0, |(first, _)| first)))?;
            Ok::<_, io::Error>((file, length))
        })
        .await?;
    let (file, length) = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
        Err(error) => return Err(Problem::internal("reading a file", &error)),
    };
    let format = job.result.get("format").cloned().unwrap_or_default();
    let format: Format = serde_json::from_value(format).unwrap_or(Format::Csv);
    let name = format!(
        "attachment; filename=\"foretell-{id}.{}\"",
        format.extension()
    );
    let about = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let Some((first, last)) = asked else {
        let body = axum::body::Body::from_stream(stream::try_unfold((file, length), piece));
        let whole = [(header::CONTENT_LENGTH, length.to_string())];
        return Ok((about, whole, body).into_response());
    };
    if first >= length {
        let unsatisfied = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, unsatisfied).into_response());
    }
    let last = last.min(length - 1);
    let part = last - first + 1;
    let body = axum::body::Body::from_stream(stream::try_unfold((file, part), piece));
    let which = [
        (header::CONTENT_LENGTH, part.to_string()),
        (
            header::CONTENT_RANGE,
            format!("bytes {first}-{last}/{length}"),
        ),
    ];
    Ok((StatusCode::PARTIAL_CONTENT, about, which, body).into_response())
}

/// The one range of octets that is asked for (RFC 9110 section 14); others are as none, and the whole
/// is answered.
fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = match last {
        "" => u64::MAX,
        last => last.parse().ok()?,
    };
    (first <= last).then_some((first, last))
}

/// The next piece of a file of which so many octets are left to send, and the file.
async fn piece((mut file, left): (File, u64)) -> io::Result<Option<(Bytes, (File, u64))>> {
    if left == 0 {
        return Ok(None);
    }
    let read = tokio::task::spawn_blocking(move || {
        let length = usize::try_from(left).unwrap_or(PIECE_LEN).min(PIECE_LEN);
        let mut piece = vec![0; length];
        let read = file.read(&mut piece)?;
        piece.truncate(read);
        Ok::<_, io::Error>((Bytes::from(piece), file))
    });
    let (piece, file) = read.await.map_err(io::Error::other)??;
    if piece.is_empty() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    let left = left.saturating_sub(piece.len() as u64);
    Ok(Some((piece, (file, left))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, expected) in [
            ("bytes=0-9", Some((0, 9))),
            ("bytes=5-", Some((5, u64::MAX))),
            ("bytes=9-5", None),
            ("bytes=-5", None),
            ("bytes=0-1,4-5", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
    }
}
