//! How long samples are kept: what there is of them, policies, holds, and what would go.

mod holds;
mod policies;
pub(crate) mod preview;

use crate::auth::gate::{App, Granted, permit};
use crate::problem::{Answer, Kind, Problem};
use crate::routes::pushed_samples::who;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::StatusCode;
use model::Timestamp;
use serde::Serialize;
use store::audit::{AuditAction, AuditCounts, AuditState, What};
use store::retention::{Detail, Pass, RetentionError};
use store::series::Size;
use tracing::{info, warn};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/retention`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(accept_damage))
        .routes(routes!(preview::preview))
        .routes(routes!(policies::list, policies::create))
        .routes(routes!(policies::get, policies::update, policies::delete))
        .routes(routes!(holds::list, holds::create))
        .routes(routes!(holds::get, holds::update, holds::delete))
}

/// How much is kept, and what was removed last.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RetentionStanding {
    /// What there is in files, by detail and length of range.
    sizes: Vec<KeptSize>,
    /// The last pass since the server started; null where there was none yet.
    last_pass: Option<RetentionPass>,
    /// Why the last pass was not made, or failed in some part; null where it was well.
    failing: Option<String>,
    /// How many holds there are.
    holds: u64,
}

/// How much there is of one detail, in files of one length of range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct KeptSize {
    /// How much detail.
    level: Detail,
    /// Seconds of the range of each file.
    range_secs: u64,
    /// Files.
    files: u64,
    /// Their octets.
    bytes: u64,
    /// Samples in them; of roll-ups, their fields.
    samples: u64,
    /// Where the oldest begins.
    oldest: Timestamp,
    /// Where the newest ends.
    newest: Timestamp,
}

impl KeptSize {
    fn of(size: &Size) -> Self {
        let span_ms = size.level.span_ms().unsigned_abs();
        Self {
            level: Detail::of(size.kind),
            range_secs: span_ms / 1_000,
            files: size.files,
            bytes: size.bytes,
            samples: size.samples,
            oldest: size.oldest,
            newest: size.newest,
        }
    }
}

/// What a pass removed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RetentionPass {
    /// When it began.
    at: Timestamp,
    /// How long it took.
    took_ms: u64,
    /// Files that were removed as a whole.
    files_removed: u64,
    /// Days that were written again without some series.
    days_rewritten: u64,
    /// Octets that went.
    bytes: u64,
    /// Samples that went.
    samples: u64,
    /// Octets that holds alone keep, as far as it looked.
    bytes_held: u64,
    /// Samples that holds alone keep, as far as it looked.
    samples_held: u64,
    /// Files and days that were left to later passes.
    left: u64,
}

impl RetentionPass {
    fn of(pass: &Pass) -> Self {
        Self {
            at: pass.at,
            took_ms: pass.took_ms,
            files_removed: pass.files_removed,
            days_rewritten: pass.days_rewritten,
            bytes: pass.gone.bytes,
            samples: pass.gone.samples,
            bytes_held: pass.held.bytes,
            samples_held: pass.held.samples,
            left: pass.left,
        }
    }
}

/// Tells how much is kept of samples, and what the last pass removed.
#[utoipa::path(get, path = "/retention", tag = "storage", operation_id = "get_retention",
    responses((status = 200, description = "How much is kept.", body = RetentionStanding)))]
pub(crate) async fn get(granted: Granted<permit::ReadSystem>) -> Json<RetentionStanding> {
    let services = granted.services();
    let stats = services.store.retention.stats();
    Json(RetentionStanding {
        sizes: services.series.sizes().iter().map(KeptSize::of).collect(),
        last_pass: stats.last.as_ref().map(RetentionPass::of),
        failing: stats.failing,
        holds: stats.holds,
    })
}

/// Accepts that policies or holds are damaged: what is left of them decides from now on. Until then
/// nothing is removed.
#[utoipa::path(post, path = "/retention/damage/accept", tag = "storage", operation_id = "accept_retention_damage",
    responses((status = 204, description = "It is accepted.")))]
pub(crate) async fn accept_damage(granted: Granted<permit::ManageStorage>) -> Answer<StatusCode> {
    let retention = &granted.services().store.retention;
    let damaged = retention.accept_damage().await.map_err(of_retention)?;
    let by = granted.principal.username.as_str();
    info!(
        damaged,
        by, "that policies or holds of samples are damaged was accepted"
    );
    Ok(StatusCode::NO_CONTENT)
}

/// What an error of retention is to a client.
fn of_retention(error: RetentionError) -> Problem {
    match error {
        RetentionError::Documents(error) => of_store(error),
        RetentionError::Series(error) => Problem::internal("retention", &error),
        error => Problem::new(Kind::Conflict, format!("{error}.")),
    }
}

/// Writes down who changed how long samples are kept. It was changed already: where this fails it is told.
async fn noted<P>(granted: &Granted<P>, action: AuditAction, detail: String) {
    let what = What {
        action,
        selector: None,
        range: None,
        job_id: None,
        detail: Some(detail),
    };
    let (who, counts) = (who(&granted.principal), AuditCounts::default());
    let audit = &granted.services().store.audit;
    if let Err(error) = audit.note(&who, what, AuditState::Done, counts).await {
        warn!(%error, "a change of how long samples are kept is not in the audit");
    }
}

/// A text that is not empty and has no more characters, tidied.
pub(super) fn tidy(text: &str, len_max: usize) -> Result<String, String> {
    let text = text.trim().to_owned();
    if text.is_empty() {
        Err("a text is needed".to_owned())
    } else if text.chars().count() > len_max {
        Err(format!("at most {len_max} characters are taken"))
    } else if text.chars().any(char::is_control) {
        Err("control characters are not taken".to_owned())
    } else {
        Ok(text)
    }
}
