//! Samples that users write, correct and delete.

use crate::auth::gate::{App, Granted, permit};
use crate::auth::principal::Principal;
use crate::body::{Body, escape};
use crate::jobs::JobError;
use crate::once::{NewId, SentBefore};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::Query;
use crate::routes::jobs::accepted;
use crate::routes::retention::tidy;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::job::{Job, JobKind};
use model::{AuditId, DeviceId, JobId, Labels, SeriesId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::audit::{AUDIT_TEXT_LEN_MAX, Who};
use store::deletion::{DeleteError, Deleted, Deletion};
use store::exchange::{Named, Of, Whose};
use store::pushing::{PushError, Pushed, SAMPLES_PER_PUSH_MAX, Taken};
use store::series::{Selector, SelectorError, SeriesError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason, in characters.
const REASON_LEN_MAX: usize = AUDIT_TEXT_LEN_MAX / 2;
/// Refused samples that are told with a sentence; all are told with a word. So an answer is never longer
/// than one that is kept for its key.
const DETAILS_MAX: usize = 1_000;
/// Longest selector, in octets.
const SELECTOR_LEN_MAX: usize = 4_096;

/// The routes under `/samples` that change something.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(push, delete))
        .routes(routes!(correct))
}

/// A sample. Its series is named by its id or by metric, device and labels; one that is not there is
/// made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampleWrite {
    /// The series, by its id.
    #[serde(default)]
    series_id: Option<SeriesId>,
    /// The series, by what is measured: a metric of the table, or one that was made.
    #[serde(default)]
    #[schema(max_length = 128)]
    metric: Option<String>,
    /// Whose it is, with `metric`; of the whole network where it is not given.
    #[serde(default)]
    device_id: Option<DeviceId>,
    /// Which of the metric's series it is, with `metric`: at most 32, names of up to 64 octets, values
    /// of up to 256.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// When it was true; now where it is not given.
    #[serde(default)]
    at: Option<Timestamp>,
    /// The value. A whole number up to 2^64-1 is kept as it is.
    #[schema(value_type = f64)]
    value: serde_json::Number,
}

/// Samples to be written.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplesWrite {
    /// The samples, 1 to 10,000. Of two of one series and time the later holds.
    #[schema(min_items = 1, max_items = 10000)]
    samples: Vec<SampleWrite>,
}

/// Samples to be written again, or added to the past.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplesCorrection {
    /// The samples, 1 to 10,000, of whatever age.
    #[schema(min_items = 1, max_items = 10000)]
    samples: Vec<SampleWrite>,
    /// Why; it is written down.
    #[schema(max_length = 500)]
    reason: String,
}

/// A sample that was not taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RefusedSample {
    /// Its place among those that were given, from 0.
    index: usize,
    /// What of it is the matter: a JSON pointer (RFC 6901) into the body.
    #[schema(example = "/samples/3/value")]
    pointer: String,
    /// Why, in one word.
    reason: &'static str,
    /// Why, in one sentence; empty beyond the first thousand.
    detail: String,
}

/// What became of samples.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SamplesTaken {
    /// How many are kept.
    taken: u64,
    /// The others; the rest is kept whatever became of these.
    refused: Vec<RefusedSample>,
}

/// What became of corrections.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SamplesCorrected {
    /// How many took the place of another value.
    replaced: u64,
    /// How many are of a time that had none.
    added: u64,
    /// How many had that value already.
    same: u64,
    /// The others; the rest is kept whatever became of these.
    refused: Vec<RefusedSample>,
    /// The entry of the audit.
    audit_id: Option<AuditId>,
}

/// What is deleted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// The series, as a selector; see the guide to series. Those that it means now.
    #[serde(rename = "match")]
    #[param(max_length = 4096, example = "ifHCInOctets{site=\"lyon\"}")]
    matching: String,
    /// From when on.
    from: Timestamp,
    /// Until when, not itself; not in the future.
    to: Timestamp,
    /// Why; it is written down.
    #[param(max_length = 500)]
    reason: Option<String>,
    /// Whether it is only told what would be deleted.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// What would be deleted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SamplesDeletion {
    /// Devices whose series are meant.
    devices: u64,
    /// Series that are meant.
    series: u64,
    /// Samples that they have in the range.
    samples: u64,
    /// Those are all; else there may be more: counting them took too long, or some are in the archive and
    /// could not be had.
    counted_whole: bool,
}

impl SamplesDeletion {
    fn of(deleted: &Deleted) -> Self {
        Self {
            devices: deleted.devices,
            series: deleted.series,
            samples: deleted.samples,
            counted_whole: deleted.counted_whole,
        }
    }
}

/// Writes samples as they were measured, no older than `store.late_days`. Each is taken or refused by
/// itself. Sent twice they are there once: what is written last holds. Values that a hold keeps are not
/// changed; that others are is written down.
#[utoipa::path(post, path = "/samples", tag = "series", operation_id = "write_samples",
    request_body = SamplesWrite,
    responses((status = 200, description = "What became of them.", body = SamplesTaken)))]
pub(crate) async fn push(
    granted: Granted<permit::WriteSamples>,
    SentBefore(sent): SentBefore,
    Body(body): Body<SamplesWrite>,
) -> Answer<Json<SamplesTaken>> {
    let services = granted.services();
    let samples = read(&granted, body.samples)?;
    let (store, who) = (services.store.clone(), who(&granted.principal));
    let work = |_| async move {
        let done = store.push_samples(samples, &who, sent).await;
        done.map_err(of_push)
    };
    let taken = services.to_the_end(work).await?;
    Ok(Json(SamplesTaken {
        taken: taken.taken,
        refused: refused(taken),
    }))
}

/// Writes samples again, or adds some to the past, of whatever age. Values that a hold keeps are not
/// changed. It is written down who did it and why.
#[utoipa::path(post, path = "/samples/corrections", tag = "series", operation_id = "correct_samples",
    request_body = SamplesCorrection,
    responses((status = 200, description = "What became of them.", body = SamplesCorrected)))]
pub(crate) async fn correct(
    granted: Granted<permit::ManageStorage>,
    SentBefore(sent): SentBefore,
    Body(body): Body<SamplesCorrection>,
) -> Answer<Json<SamplesCorrected>> {
    let services = granted.services();
    let reason = tidy(&body.reason, REASON_LEN_MAX);
    let reason = reason.map_err(|detail| Problem::field(Kind::Invalid, "/reason", detail))?;
    let samples = read(&granted, body.samples)?;
    let (store, who) = (services.store.clone(), who(&granted.principal));
    let work = |_| async move {
        let done = store.correct_samples(samples, reason, &who, sent).await;
        done.map_err(of_push)
    };
    let taken = services.to_the_end(work).await?;
    Ok(Json(SamplesCorrected {
        replaced: taken.replaced,
        added: taken.added,
        same: taken.same,
        audit_id: taken.audit_id,
        refused: refused(taken),
    }))
}

/// Deletes samples of a range of time. They are gone for all readers when the job is done, and for good:
/// out of files as these are written again, within days. What a hold keeps is not deleted; where it keeps
/// any of it, nothing is. It is written down who did it and why.
#[utoipa::path(delete, path = "/samples", tag = "series", operation_id = "delete_samples",
    params(DeleteQuery),
    responses(
        (status = 200, description = "What would be deleted.", body = SamplesDeletion),
        (status = 202, description = "It is being deleted; the job's `result` is what was.", body = Job,
            headers(("Location" = String, description = "Where the job is."))),
    ))]
pub(crate) async fn delete(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
    Query(query): Query<DeleteQuery>,
) -> Answer<Response> {
    let reason = match (&query.reason, query.dry_run) {
        (Some(reason), _) => tidy(reason, REASON_LEN_MAX),
        (None, true) => Ok(String::new()),
        (None, false) => Err("say why it is deleted".to_owned()),
    };
    let reason = reason.map_err(|detail| Problem::field(Kind::BadQuery, "?reason", detail))?;
    let ask = Deletion {
        selector: selector(&query.matching)?,
        text: query.matching,
        from: query.from,
        to: query.to,
        reason,
    };
    let store = granted.services().store.clone();
    // What cannot be deleted is told at once.
    let checked = ask.clone();
    if query.dry_run {
        let work = move || store.count_deletion(&checked, &store::progress::Progress::default());
        let counted = granted.state().blocking(work).await?.map_err(of_delete)?;
        return Ok(Json(SamplesDeletion::of(&counted)).into_response());
    }
    let check = store.clone();
    let work = move || check.check_deletion(&checked);
    granted.state().blocking(work).await?.map_err(of_delete)?;
    let who = who(&granted.principal);
    let job =
        granted
            .state()
            .jobs
            .start(id, JobKind::Delete, &granted.principal, move |progress| {
                let job_id = Some(JobId::reserved(id));
                let deleted = store.delete_samples(&ask, &who, job_id, progress);
                let deleted = deleted.map_err(|error| match error {
                    DeleteError::Stopped(stopped) => JobError::from(stopped),
                    error => JobError::failed(crate::problem::chain(&error)),
                })?;
                let mut result =
                    serde_json::to_value(SamplesDeletion::of(&deleted)).unwrap_or_default();
                if let (Some(result), Some(audit_id)) = (result.as_object_mut(), deleted.audit_id) {
                    result.insert("audit_id".to_owned(), audit_id.to_string().into());
                }
                Ok(result)
            });
    Ok(accepted(job.await?))
}

/// Who somebody is, for the audit.
pub(super) fn who(principal: &Principal) -> Who {
    Who {
        user_id: Some(principal.user_id),
        name: principal.username.clone(),
    }
}

fn selector(text: &str) -> Answer<Selector> {
    let bad = |detail: String| Problem::field(Kind::BadQuery, "?match", detail);
    if text.len() > SELECTOR_LEN_MAX {
        return Err(bad(format!("it has at most {SELECTOR_LEN_MAX} octets")));
    }
    text.parse()
        .map_err(|error: SelectorError| bad(error.to_string()))
}

/// The samples that a body gives; a problem where it is not what it ought to be.
fn read<P>(granted: &Granted<P>, given: Vec<SampleWrite>) -> Answer<Vec<Pushed>> {
    if given.is_empty() || given.len() > SAMPLES_PER_PUSH_MAX {
        let detail = format!("1 to {SAMPLES_PER_PUSH_MAX} samples are taken at once");
        return Err(Problem::field(Kind::Invalid, "/samples", detail));
    }
    let now = granted.services().clock.now();
    let mut faults = Faults::default();
    let mut samples = Vec::with_capacity(given.len());
    for (index, sample) in given.into_iter().enumerate() {
        let value = match sample.value.as_u64() {
            Some(whole) => Value::U64(whole),
            // One that no such number is as large as is infinite, and refused by itself.
            None => Value::F64(sample.value.as_f64().unwrap_or(f64::INFINITY)),
        };
        let of = match (sample.series_id, sample.metric) {
            (Some(id), None) if sample.device_id.is_none() && sample.labels.is_empty() => Of {
                id: Some(id),
                named: None,
            },
            (None, Some(metric)) => Of {
                id: None,
                named: Some(Named {
                    metric,
                    or_metric: None,
                    device: sample.device_id.map_or(Whose::Unsaid, Whose::Id),
                    labels: Labels(sample.labels),
                    said: None,
                }),
            },
            _ => {
                let detail = "give `series_id` alone, or `metric` with `device_id` and `labels`";
                faults.add(format!("/samples/{index}"), detail);
                continue;
            }
        };
        samples.push(Pushed {
            of: Arc::new(of),
            at: sample.at.unwrap_or(now),
            is_timed: sample.at.is_some(),
            value,
        });
    }
    faults.into_result()?;
    Ok(samples)
}

fn refused(taken: Taken) -> Vec<RefusedSample> {
    let refused = taken.refused.into_iter().enumerate();
    let refused = refused.map(|(place, refused)| {
        let field = refused.field.map(|field| format!("/{}", escape(field)));
        RefusedSample {
            index: refused.index,
            pointer: format!("/samples/{}{}", refused.index, field.unwrap_or_default()),
            reason: refused.reason,
            detail: if place < DETAILS_MAX {
                refused.detail
            } else {
                String::new()
            },
        }
    });
    refused.collect()
}

/// What an error of writing is to a client.
fn of_push(error: PushError) -> Problem {
    match error {
        PushError::Append(error) => {
            tracing::warn!(%error, "samples that were pushed are refused");
            let detail = "The samples could not be written to the disk; send them again.";
            Problem::busy(detail, Duration::from_secs(5))
        }
        PushError::Holds(error) => of_delete(error),
        PushError::Audit(error) => crate::store_problem::of_store(error),
        PushError::Series(error @ SeriesError::ArchiveMissing { .. }) => {
            tracing::warn!(error = ?error, "samples that were sent are refused");
            let detail = "What is there is in the archive, which does not answer; send them again.";
            Problem::busy(detail, Duration::from_secs(10))
        }
        PushError::Series(error) => Problem::internal("the series", &error),
    }
}

/// What an error of deleting is to a client.
fn of_delete(error: DeleteError) -> Problem {
    match error {
        DeleteError::Range { .. } => Problem::field(Kind::BadQuery, "?to", error.to_string()),
        DeleteError::TooManySeries { .. } => {
            Problem::field(Kind::BadQuery, "?match", error.to_string())
        }
        DeleteError::Held { .. } => {
            Problem::new(Kind::Conflict, format!("{error}; release that first."))
        }
        DeleteError::Holds(_) => {
            let detail = "Whether a hold keeps any of it cannot be told: look at the notices.";
            Problem::new(Kind::Conflict, detail)
        }
        DeleteError::Audit(error) => crate::store_problem::of_store(error),
        error => Problem::internal("deleting samples", &error),
    }
}
