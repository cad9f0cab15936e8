//! Queries: rows of the samples of many series, which are chosen by their labels.

mod body;

use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::problem::{Answer, Kind, Problem};
use crate::sampling::{self, Point};
use axum::Json;
use body::{Asked, QueryRequest};
use model::{SeriesId, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use store::series::query::{self, QueryError};

/// Rows of the samples of many series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QueryAnswer {
    /// The selector, as it was understood.
    #[serde(rename = "match")]
    matching: String,
    /// Where the range begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Seconds of a step. Steps are aligned: each begins at a multiple of it since 1970.
    step_secs: u32,
    /// The last of these that any steps were made from: `raw` (samples), `5m`, `1h` (roll-ups), `archive`
    /// (samples that were fetched of the archive), `missing` (such that could not be had).
    level: &'static str,
    /// From what the parts of the range were made; of several series the coarsest.
    parts: Vec<QueryPart>,
    /// What whoever reads it should know, as that archived samples are missing; left out where there is
    /// nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The rows.
    rows: Vec<QueryRow>,
    /// Whether there are others, which did not fit `limit`.
    more: bool,
    /// How many series the selector means.
    matched: usize,
    /// What the answer took.
    cost: QueryCost,
}

/// A part of the range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QueryPart {
    /// Where it begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// What its steps were made from: `raw` (samples), `5m` or `1h` (roll-ups), `archive` (samples that
    /// were fetched of the archive), `missing` (such samples that could not be had).
    level: &'static str,
}

/// A row: a series, or a group of series.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QueryRow {
    /// The series; null where it is of a group.
    series_id: Option<SeriesId>,
    /// All labels of the series, its own and those of its device and interface, or the labels of the
    /// group. Several values of a label are joined by commas.
    labels: BTreeMap<String, String>,
    /// Of how many series it is.
    series: u64,
    /// By what it was ranked: the mean over its steps. Null where it was not.
    ranked_by: Option<f64>,
    /// `[unix_ms, value]` for every step in order; null where there is no value: a gap is a gap.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    points: Vec<Point>,
}

/// What an answer took.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QueryCost {
    /// Devices that were read.
    devices: u64,
    /// Series that were read.
    series: u64,
    /// Samples and numbers of roll-ups that were read, with some on either side of the range.
    samples: u64,
}

/// Answers a question over many series: by steps of time, each by itself, put together by their labels, or the first by rank.
#[utoipa::path(post, path = "/query", tag = "series", operation_id = "query",
    request_body = QueryRequest,
    responses((status = 200, description = "The rows.", body = QueryAnswer)))]
pub(crate) async fn query(
    granted: Granted<permit::ReadInventory>,
    Body(body): Body<QueryRequest>,
) -> Answer<Json<QueryAnswer>> {
    let services = granted.services();
    let until = Instant::now() + services.options.request_timeout;
    let now = services.clock.now();
    let (store, inventory) = (services.series.clone(), services.store.inventory.clone());
    // Expressions are compiled where blocking is allowed, and no more at a time than there are cores.
    let work = move || -> Answer<QueryAnswer> {
        let asked = body.check(now, until)?;
        let attached = inventory.attached();
        let answer = query::run(&store, &asked.query, &attached);
        Ok(told(&asked, answer.map_err(|error| refused(&error))?))
    };
    granted.state().query(work).await?.map(Json)
}

fn told(asked: &Asked, answer: query::Answer) -> QueryAnswer {
    let step_ms = i64::from(asked.step_secs) * 1_000;
    let first = answer.first.unix_ms();
    let row = |row: query::Row| {
        let times = (0i64..).map(|n| first.saturating_add(n.saturating_mul(step_ms)));
        let points = times.zip(row.values);
        QueryRow {
            series_id: row.series,
            labels: row.labels,
            series: row.count,
            ranked_by: row.ranked_by,
            points: points.map(|(at, value)| Point(at, value)).collect(),
        }
    };
    let part = |part: query::Part| QueryPart {
        from: part.from,
        to: part.to,
        level: part.level,
    };
    QueryAnswer {
        matching: asked.query.selector.to_string(),
        from: asked.query.from,
        to: asked.query.to,
        step_secs: asked.step_secs,
        level: answer.level,
        notes: sampling::notes(
            answer
                .parts
                .iter()
                .map(|part| (part.from, part.to, part.level)),
        ),
        parts: answer.parts.into_iter().map(part).collect(),
        rows: answer.rows.into_iter().map(row).collect(),
        more: answer.more,
        matched: answer.matched,
        cost: QueryCost {
            devices: answer.cost.devices,
            series: answer.cost.series,
            samples: answer.cost.samples,
        },
    }
}

/// What of a question would fit, where it was too much.
fn refused(error: &QueryError) -> Problem {
    let point = |pointer: &str, would: String| {
        Problem::field(Kind::Invalid, pointer, format!("{error}: {would}"))
    };
    match error {
        QueryError::TooManySeries { .. } => point(
            "/match",
            "narrow it by a label, or ask for rows of single series".to_owned(),
        ),
        QueryError::TooManySamples { range, .. } => {
            let secs = range.as_secs();
            let would = format!("{secs} seconds of these series fit, or fewer of them for longer");
            point("/from", would)
        }
        QueryError::TooManyGroups { .. } => {
            point("/across", "group by labels with fewer values".to_owned())
        }
        QueryError::TooManyNumbers { steps, max } => {
            let fit = max / (*steps).max(1);
            let would = format!("{fit} rows of so many steps fit, or longer steps");
            point("/step_secs", would)
        }
        QueryError::TooManyArchived { max } => {
            let would = format!("{max} of them fit, or steps that roll-ups answer");
            point("/from", would)
        }
        QueryError::ArchiveLate => sampling::archive_too_long(),
        QueryError::Late => Problem::new(Kind::Timeout, "Reading took too long; ask for less."),
        QueryError::Read(error) => Problem::internal("reading samples", error),
    }
}
