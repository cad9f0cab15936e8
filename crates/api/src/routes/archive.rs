//! The archive: what it has, and the work on it, which is done as jobs. Where it lies, and when days are
//! archived by themselves, is in the server's settings.

use crate::auth::Principal;
use crate::auth::gate::{App, Granted, permit};
use crate::body::Body;
use crate::jobs::JobError;
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem, chain};
use crate::query::Query;
use crate::routes::jobs::Begun;
use crate::services::Services;
use axum::Json;
use model::job::JobKind;
use model::{ReservedId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use store::ArchivedDay;
use store::archive::{Archive, ArchiveError, ArchiveStatus, Run};
use store::progress::Progress;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Days that one request may be about: ten years.
const DAYS_MAX: u32 = 3_660;
/// A day.
const DAY_MS: i64 = 86_400_000;

/// The routes under `/archive`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(list))
        .routes(routes!(start_run))
        .routes(routes!(start_restore))
        .routes(routes!(start_check))
        .routes(routes!(adopt))
        .routes(routes!(scan))
}

/// How the archive is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArchiveStanding {
    /// Where it lies, without secrets.
    place: String,
    /// What this installation calls itself in it.
    installation: String,
    /// The installation that it belongs to, where that is another: its days are read, and none are
    /// written. Null where it is this one's.
    of_another: Option<String>,
    /// Archived days.
    days: u64,
    /// Samples in them.
    samples: u64,
    /// Octets of their files.
    bytes: u64,
    /// The oldest of them; null where there is none.
    oldest: Option<Timestamp>,
    /// The newest; null where there is none.
    newest: Option<Timestamp>,
    /// Archived days of which something was found damaged.
    damaged: u64,
    /// Days that are due and not archived as they are now.
    waiting: u64,
    /// The last pass since the server started; null where there was none yet.
    last_run: Option<ArchiveRun>,
    /// What failed at the last pass; null where it was well.
    failing: Option<String>,
}

/// What a pass archived.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArchiveRun {
    /// When it began.
    at: Timestamp,
    /// How long it took.
    took_ms: u64,
    /// Days that it archived.
    days: u64,
    /// Samples in them.
    samples: u64,
    /// Octets of their files.
    bytes: u64,
    /// Days that are tried again later, as they changed meanwhile or could not be read.
    left: u64,
    /// What failed; null where nothing did.
    failed: Option<String>,
}

impl From<Run> for ArchiveRun {
    fn from(run: Run) -> Self {
        Self {
            at: run.at,
            took_ms: run.took_ms,
            days: run.days,
            samples: run.samples,
            bytes: run.bytes,
            left: run.left,
            failed: run.failed,
        }
    }
}

impl From<ArchiveStatus> for ArchiveStanding {
    fn from(status: ArchiveStatus) -> Self {
        Self {
            place: status.place,
            installation: status.installation,
            of_another: status.foreign,
            days: status.days,
            samples: status.samples,
            bytes: status.bytes,
            oldest: status.oldest,
            newest: status.newest,
            damaged: status.damaged,
            waiting: status.waiting,
            last_run: status.last.map(ArchiveRun::from),
            failing: status.failing,
        }
    }
}

/// A day of the archive.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArchiveDay {
    /// Where the UTC day begins.
    day: Timestamp,
    /// Which of its revisions counts.
    revision: u64,
    /// Samples in it.
    samples: u64,
    /// Series in it.
    series: u64,
    /// Octets of its files.
    bytes: u64,
    /// When it was archived.
    archived_at: Timestamp,
    /// Whether all of it is here as well, so that reading it does not take the archive.
    is_here: bool,
    /// It was restored, and is kept here until then; null where it was not.
    restored_until: Option<Timestamp>,
    /// What of it was found damaged; null where nothing was.
    damaged: Option<String>,
}

impl From<ArchivedDay> for ArchiveDay {
    fn from(day: ArchivedDay) -> Self {
        Self {
            day: day.day,
            revision: day.revision,
            samples: day.samples,
            series: day.series,
            bytes: day.bytes,
            archived_at: day.archived_at,
            is_here: !day.thinned,
            restored_until: day.restored_until,
            damaged: day.damaged,
        }
    }
}

/// How archived days are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArchiveDaysQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// day, bytes or samples; with a leading `-` the other way. -day, the newest first, where it is not
    /// given.
    sort: Option<String>,
}

/// Which days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ArchiveRange {
    /// Where the range begins; without both ends all days are meant. Whole UTC days are taken.
    from: Option<Timestamp>,
    /// Where it ends; not part of it.
    to: Option<Timestamp>,
}

/// Which days come back, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    /// Where the range begins. Whole UTC days are taken.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Days from now that retention leaves them alone.
    #[schema(minimum = 1, maximum = 3660)]
    keep_days: u32,
}

/// What was looked over.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArchiveScanned {
    /// Days that the archive has.
    days: u64,
}

/// Tells how the archive is.
#[utoipa::path(get, path = "/archive", tag = "archive", operation_id = "get_archive",
    responses((status = 200, description = "How it is.", body = ArchiveStanding)))]
pub(crate) async fn get(granted: Granted<permit::ManageStorage>) -> Answer<Json<ArchiveStanding>> {
    let archive = there_is(granted.services())?;
    let status = blocking(move || archive.status()).await?;
    Ok(Json(status.into()))
}

/// Lists archived days, the newest first where nothing else is asked for.
#[utoipa::path(get, path = "/archive/days", tag = "archive", operation_id = "list_archived_days",
    params(ArchiveDaysQuery),
    responses((status = 200, description = "A page of days.", body = Page<ArchiveDay>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<ArchiveDaysQuery>,
) -> Answer<Json<Page<ArchiveDay>>> {
    let sort = query.sort.as_deref().unwrap_or("-day");
    let sort = sort_field(Some(sort), &["day", "bytes", "samples"])?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let days = there_is(granted.services())?.days();
    let rows = days
        .iter()
        .map(|day| ((key(day, sort.0), day.day.to_string()), day));
    Ok(Json(paging.take(rows).map(|day| day.clone().into())))
}

fn key(day: &ArchivedDay, field: &str) -> Key {
    match field {
        "bytes" => Key::maybe_number(Some(day.bytes)),
        "samples" => Key::maybe_number(Some(day.samples)),
        _ => Key::Number(day.day.unix_ms()),
    }
}

/// Archives days now: those that are due, or those of a range whether they are due yet or not.
#[utoipa::path(post, path = "/archive/runs", tag = "archive", operation_id = "start_archive_run",
    request_body = ArchiveRange,
    responses(Begun))]
pub(crate) async fn start_run(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(range): Body<ArchiveRange>,
) -> Answer<Begun> {
    let archive = there_is(granted.services())?;
    let days = range.days()?;
    begin(&granted, id, JobKind::Archive, move |progress| {
        let run = archive
            .run(days, progress)
            .map_err(|error| of_job(&error))?;
        let failed = run.failed.clone();
        let told = told(&ArchiveRun::from(run));
        match failed {
            Some(failed) => Err(JobError::failed(failed).with(told)),
            None => Ok(told),
        }
    })
    .await
}

/// Brings archived days back, so that they are read as those that never went.
#[utoipa::path(post, path = "/archive/restores", tag = "archive", operation_id = "start_archive_restore",
    request_body = RestoreRequest,
    responses(Begun))]
pub(crate) async fn start_restore(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(request): Body<RestoreRequest>,
) -> Answer<Begun> {
    let services = granted.services();
    let archive = there_is(services)?;
    let (from, to) = request.check()?;
    let keep = Duration::from_hours(24 * u64::from(request.keep_days));
    let keep_until = services.clock.now().plus(keep);
    let by = granted.principal.username.clone();
    begin(&granted, id, JobKind::Restore, move |progress| {
        let restored = archive.restore(from, to, keep_until, &by, progress);
        let restored = restored.map_err(|error| of_job(&error))?;
        let told = crate::archive::restored(&restored);
        match restored.damaged.len() {
            0 => Ok(told),
            damaged => Err(JobError::failed(format!("{damaged} days are damaged")).with(told)),
        }
    })
    .await
}

/// Reads archived days again and checks all that proves them: all, or those of a range.
#[utoipa::path(post, path = "/archive/checks", tag = "archive", operation_id = "start_archive_check",
    request_body = ArchiveRange,
    responses(Begun))]
pub(crate) async fn start_check(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Body(range): Body<ArchiveRange>,
) -> Answer<Begun> {
    let archive = there_is(granted.services())?;
    let days = range.days()?;
    begin(&granted, id, JobKind::ArchiveCheck, move |progress| {
        let checked = archive
            .check(days, progress)
            .map_err(|error| of_job(&error))?;
        let told = crate::archive::checked(&checked);
        match checked.damaged.len() {
            0 => Ok(told),
            damaged => Err(JobError::failed(format!("{damaged} days are damaged")).with(told)),
        }
    })
    .await
}

/// Takes the archive over from another installation, which writes into it no longer.
#[utoipa::path(post, path = "/archive/adopt", tag = "archive", operation_id = "adopt_archive",
    responses((status = 200, description = "It is this one's.", body = ArchiveStanding)))]
pub(crate) async fn adopt(
    granted: Granted<permit::ManageStorage>,
) -> Answer<Json<ArchiveStanding>> {
    let archive = there_is(granted.services())?;
    let adopted = blocking(move || archive.adopt().map(|()| archive.status())).await?;
    let status = adopted.map_err(|error| of_archive(&error))?;
    let by = granted.principal.username.as_str();
    tracing::info!(by, "the archive was taken over");
    Ok(Json(status.into()))
}

/// Looks over the archive and makes what is known of it anew, as where another installation wrote it or
/// the documents were lost.
#[utoipa::path(post, path = "/archive/scan", tag = "archive", operation_id = "scan_archive",
    responses((status = 200, description = "It was looked over.", body = ArchiveScanned)))]
pub(crate) async fn scan(granted: Granted<permit::ManageStorage>) -> Answer<Json<ArchiveScanned>> {
    let archive = there_is(granted.services())?;
    let days = blocking(move || archive.scan()).await?;
    let days = days.map_err(|error| of_archive(&error))?;
    Ok(Json(ArchiveScanned { days }))
}

/// Takes a job on, and tells where it is.
async fn begin(
    granted: &Granted<permit::ManageStorage>,
    id: ReservedId,
    kind: JobKind,
    work: impl FnOnce(&Progress) -> Result<Value, JobError> + Send + 'static,
) -> Answer<Begun> {
    let by: &Principal = &granted.principal;
    let jobs = &granted.state().jobs;
    jobs.start(id, kind, by, work).await.map(Begun)
}

/// The archive, where there is one.
fn there_is(services: &Services) -> Answer<Archive> {
    let none = "The settings name no archive: set `archive.folder` or `archive.s3_bucket`.";
    let archive = services.store.archive.clone();
    archive.ok_or_else(|| Problem::new(Kind::Conflict, none))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::internal("work on the archive", &error))
}

fn told(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

fn of_job(error: &ArchiveError) -> JobError {
    match error {
        ArchiveError::Stopped(stopped) => JobError::from(*stopped),
        error => JobError::failed(chain(error)),
    }
}

fn of_archive(error: &ArchiveError) -> Problem {
    match error {
        ArchiveError::Foreign { .. }
        | ArchiveError::Another { .. }
        | ArchiveError::Unmarked
        | ArchiveError::NoFolder { .. }
        | ArchiveError::Busy => Problem::new(Kind::Conflict, format!("{error}.")),
        ArchiveError::Depot(_) => {
            let detail = format!("The archive did not answer: {}.", chain(error));
            Problem::new(Kind::Conflict, detail)
        }
        error => Problem::internal("the archive", error),
    }
}

impl ArchiveRange {
    /// The range; none where all days are meant.
    fn days(self) -> Answer<Option<(Timestamp, Timestamp)>> {
        match (self.from, self.to) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => checked(from, to).map(Some),
            (Some(_), None) => Err(fault("/to", "it is needed with `from`")),
            (None, Some(_)) => Err(fault("/from", "it is needed with `to`")),
        }
    }
}

impl RestoreRequest {
    fn check(self) -> Answer<(Timestamp, Timestamp)> {
        if !(1..=DAYS_MAX).contains(&self.keep_days) {
            let detail = format!("1 to {DAYS_MAX} days are taken");
            return Err(fault("/keep_days", &detail));
        }
        checked(self.from, self.to)
    }
}

/// A range of whole days.
fn checked(from: Timestamp, to: Timestamp) -> Answer<(Timestamp, Timestamp)> {
    if from >= to {
        return Err(fault("/from", &format!("it must be before the end, {to}")));
    }
    let day = |at: i64| at.div_euclid(DAY_MS);
    let (first, end) = (day(from.unix_ms()), day(to.unix_ms().saturating_sub(1)) + 1);
    if end - first > i64::from(DAYS_MAX) {
        let detail = format!("a range has at most {DAYS_MAX} days");
        return Err(fault("/from", &detail));
    }
    let at = |day: i64| Timestamp::from_unix_ms(day.saturating_mul(DAY_MS));
    Ok((at(first), at(end)))
}

fn fault(pointer: &str, detail: &str) -> Problem {
    let mut faults = Faults::default();
    faults.add(pointer.to_owned(), detail.to_owned());
    match faults.into_result() {
        Err(problem) => problem,
        Ok(()) => Problem::new(Kind::Invalid, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_whole_days() {
        let hour = |n: i64| Timestamp::from_unix_ms(n * 3_600_000);
        assert_eq!(checked(hour(3), hour(5)).unwrap(), (hour(0), hour(24)));
        assert_eq!(checked(hour(24), hour(48)).unwrap(), (hour(24), hour(48)));
        assert_eq!(checked(hour(-1), hour(25)).unwrap(), (hour(-24), hour(48)));
        assert!(checked(hour(5), hour(5)).is_err());
        assert!(checked(hour(0), hour(24 * 4_000)).is_err());
        let range = |from: Option<i64>, to: Option<i64>| ArchiveRange {
            from: from.map(hour),
            to: to.map(hour),
        };
        assert_eq!(range(None, None).days().unwrap(), None);
        assert!(range(Some(1), None).days().is_err());
        assert!(range(None, Some(1)).days().is_err());
        let restore = |keep_days| RestoreRequest {
            from: hour(0),
            to: hour(1),
            keep_days,
        };
        assert!(restore(1).check().is_ok());
        assert!(restore(0).check().is_err());
        assert!(restore(3_661).check().is_err());
    }
}
