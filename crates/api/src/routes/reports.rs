//! Reports: which there are, and one of them as JSON, CSV or a page. What they say is made in `report`.

use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, Query};
use crate::report::{
    self, Cell, Column, PERIOD_DEFAULT, PERIOD_MAX, Question, Report, ReportBy, ReportKind,
    ReportOf, ReportStatistic, Row, THRESHOLD_DEFAULT, THRESHOLD_MIN,
};
use crate::sampling::{Point, Span, Where};
use crate::turns::Turn;
use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// As what a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportFormat {
    /// A page of rows, with base units.
    Json,
    /// All rows, with base units (RFC 4180).
    Csv,
    /// One page for people, with charts.
    Html,
}

/// A kind of report, and what may be asked of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReportResource {
    /// Its name in the path.
    kind: ReportKind,
    /// As people call it.
    title: &'static str,
    /// What it tells.
    help: &'static str,
    /// What rows may be of.
    by: Vec<ReportBy>,
    /// What it may be of; empty where it is of one thing alone.
    of: Vec<ReportOf>,
    /// As what it is written.
    formats: Vec<ReportFormat>,
    /// Names of the parameters that it takes.
    parameters: Vec<&'static str>,
    /// Its columns; where it may be of several things, of the first of them.
    columns: Vec<Column>,
}

/// A report: a page of its rows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReportPage {
    /// What is told.
    kind: ReportKind,
    /// What rows are of.
    by: ReportBy,
    /// What of; null where the kind is of one thing, or of all resources.
    of: Option<ReportOf>,
    /// In words.
    title: String,
    /// Where the period begins.
    from: Timestamp,
    /// Where it ends; not part of it.
    to: Timestamp,
    /// Where the period before begins; it ends where the period begins.
    before_from: Timestamp,
    /// When the report was made.
    made_at: Timestamp,
    /// What `values` of the rows say, in which unit.
    columns: Vec<Column>,
    /// Rows of the whole report.
    rows: u64,
    /// Whether rows are left out, as `notes` says.
    partial: bool,
    /// How many.
    left_out: u64,
    /// What whoever reads it should know, as what was left out or could not be read.
    notes: Vec<String>,
    /// The rows.
    items: Vec<ReportRow>,
    /// Give it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// A row of a report.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReportRow {
    /// What tells it from the others: the id of a device or an interface, or a site or a tag in lower case.
    id: String,
    /// What people call it; empty for the devices without a site or tag.
    name: String,
    /// The site of the device, where the row is of one or of its interface.
    site: Option<String>,
    /// The device.
    device_id: Option<DeviceId>,
    /// The interface.
    interface_id: Option<InterfaceId>,
    /// By the names of `columns`: a number in the unit of the column, a text, or null where nothing is known.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    values: BTreeMap<&'static str, Cell>,
    /// `[unix_ms, value]`: the course over the period in some 60 points, in bit/s, or as a share of the limit;
    /// empty where the kind has none. Null where nothing is known.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    points: Vec<Point>,
}

/// How the kinds are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// kind; with a leading `-` the other way.
    sort: Option<String>,
}

/// What a report is of, and how it is written.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// What a row is of; device where it is not given.
    #[param(inline)]
    by: Option<ReportBy>,
    /// What a trend or a limit is of. Of trends in_traffic where it is not given, of capacity every resource;
    /// other kinds do not take it. Interfaces have traffic alone.
    #[param(inline)]
    of: Option<ReportOf>,
    /// Which number of each day is held against the threshold; percentile where it is not given. For capacity.
    #[param(inline)]
    statistic: Option<ReportStatistic>,
    /// The part of a limit that is not to be exceeded, 0.01 to 1; 0.8 where it is not given. For
    /// capacity.
    #[param(minimum = 0.01, maximum = 1)]
    threshold_ratio: Option<f64>,
    /// Where the period begins; 30 days before its end where it is not given, 731 days at most.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given, and at the latest.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Only devices of these sites, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    site: OneOf<String>,
    /// Only devices with any of these tags, with commas between. By tag, rows are of these alone.
    #[param(value_type = Option<String>, max_length = 4096)]
    tag: OneOf<String>,
    /// Only these devices, with commas between.
    #[param(value_type = Option<String>, max_length = 4096)]
    device_id: OneOf<DeviceId>,
    /// As what it is written; by the header Accept where it is not given, else JSON.
    #[param(inline)]
    format: Option<ReportFormat>,
    /// Rows of a page, 1 to 1000; 100 where it is not given. For JSON: CSV has all rows, and a page the first 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before. Give `from` and `to` with it, so that all pages are of one period. For JSON.
    cursor: Option<String>,
    /// name, or the name of a column, with a leading `-` the other way. Where it is not given, what needs
    /// somebody comes first.
    sort: Option<String>,
}

/// Lists the kinds of reports, and what may be asked of each.
#[utoipa::path(get, path = "/reports", tag = "reports", operation_id = "list_reports",
    params(ReportsQuery),
    responses((status = 200, description = "A page of kinds.", body = Page<ReportResource>)))]
pub(crate) async fn list(
    _granted: Granted<permit::ReadInventory>,
    Query(query): Query<ReportsQuery>,
) -> Answer<Json<Page<ReportResource>>> {
    let sort = sort_field(query.sort.as_deref(), &["kind"])?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let kinds = ReportKind::ALL.into_iter();
    let rows = kinds.map(|kind| ((Key::text(kind.name()), kind.name().to_owned()), kind));
    Ok(Json(paging.take(rows).map(ReportResource::of)))
}

/// Makes a report over a period, beside the period before it.
///
/// What is too much for one report is left out row by row, from the last by name, and told by `partial`, `left_out` and `notes`; no row is of less than it says. Each row tells how much of the period was measured.
#[utoipa::path(get, path = "/reports/{kind}", tag = "reports", operation_id = "get_report",
    params(("kind" = inline(ReportKind), Path, description = "Which report."), ReportQuery),
    responses((status = 200, description = "The report.", content(
        (ReportPage = "application/json"), (String = "text/csv"), (String = "text/html")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Query(query): Query<ReportQuery>,
) -> Answer<Response> {
    let kind = ReportKind::named(&name).ok_or_else(|| {
        let known = ReportKind::ALL.map(ReportKind::name).join(", ");
        let detail = format!("There is no such report; there are {known}.");
        Problem::new(Kind::NotFound, detail)
    })?;
    let services = granted.services().clone();
    let question = check(kind, &query, services.clock.now())?;
    let format = query.format.unwrap_or_else(|| accepted(&headers));
    let sort = sort_of(kind, &query)?;
    let asked = format!(
        "{kind:?}{:?}",
        ReportQuery {
            format: None,
            limit: None,
            cursor: None,
            sort: None,
            ..query.clone()
        }
    );
    let paging = match format {
        ReportFormat::Json => {
            let cursor = query.cursor.as_deref();
            let sort = (sort.0.as_str(), sort.1);
            Some(Paging::new(query.limit, cursor, sort, &asked)?)
        }
        _ => None,
    };
    if paging.is_none() && (query.limit.is_some() || query.cursor.is_some()) {
        let name = if query.limit.is_some() {
            "?limit"
        } else {
            "?cursor"
        };
        let detail = "only JSON comes in pages";
        return Err(Problem::field(Kind::BadQuery, name, detail));
    }
    // What is made by then can still be written, before nobody waits any more.
    let until = Instant::now() + services.options.request_timeout.mul_f64(0.75);
    let state = granted.state();
    let made = match state.reports.turn(&asked).await? {
        Turn::Answered(made) => made,
        Turn::Yours(turn) => {
            let work = move || {
                let _turn = turn;
                report::make(&services, question, until)
            };
            let made = state.query(work).await??;
            if made.is_partial() {
                state.reports_partial.inc();
            }
            state.reports.answered(asked, made)
        }
    };
    // A page of many rows takes tens of milliseconds.
    state
        .query(move || written(&made, format, paging.as_ref(), (&sort.0, sort.1)))
        .await?
}

fn check(kind: ReportKind, query: &ReportQuery, now: Timestamp) -> Answer<Question> {
    let refuse = |name: &str, detail: String| {
        Err(Problem::field(Kind::BadQuery, format!("?{name}"), detail))
    };
    let bounds = (PERIOD_DEFAULT, PERIOD_MAX);
    let span = Span::past_within(query.from, query.to, now, bounds, Where::Query)?;
    let by = query.by.unwrap_or_default();
    let mut of = query.of;
    if of.is_some_and(|of| !kind.of().contains(&of)) {
        return refuse("of", format!("a report of {} is not of that", kind.name()));
    }
    if kind == ReportKind::Trend {
        of = of.or(Some(ReportOf::InTraffic));
    }
    if by == ReportBy::Interface && of.is_some_and(|of| !of.is_of_interfaces()) {
        let detail = "interfaces do not have it; ask by device, tag or site";
        return refuse("of", detail.to_owned());
    }
    if kind != ReportKind::Capacity {
        let given = [
            ("statistic", query.statistic.is_some()),
            ("threshold_ratio", query.threshold_ratio.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            return refuse(name, "it is for reports of capacity".to_owned());
        }
    }
    let threshold = query.threshold_ratio.unwrap_or(THRESHOLD_DEFAULT);
    if !(THRESHOLD_MIN..=1.0).contains(&threshold) {
        let detail = format!("it is from {THRESHOLD_MIN} to 1");
        return refuse("threshold_ratio", detail);
    }
    Ok(Question {
        kind,
        by,
        of,
        statistic: query.statistic.unwrap_or_default(),
        threshold,
        span,
        site: query.site.clone(),
        tag: query.tag.clone(),
        device_id: query.device_id.clone(),
    })
}

/// The column that rows are sorted by, and which way.
fn sort_of(kind: ReportKind, query: &ReportQuery) -> Answer<(String, bool)> {
    if query.sort.is_none() {
        let (column, descending) = kind.sort();
        return Ok((column.to_owned(), descending));
    }
    let columns = kind.columns(query.of);
    let mut fields = vec!["name"];
    fields.extend(columns.iter().map(|column| column.name));
    let (field, descending) = sort_field(query.sort.as_deref(), &fields)?;
    Ok((field.to_owned(), descending))
}

/// The format that a client likes best of ours (RFC 9110 section 12.5.1); JSON where it names none of them.
fn accepted(headers: &HeaderMap) -> ReportFormat {
    let named = headers.get_all(header::ACCEPT).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let mut best = (0.0, ReportFormat::Json);
    for range in named.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "application/json" | "application/*" | "*/*" => ReportFormat::Json,
            "text/csv" => ReportFormat::Csv,
            "text/html" | "text/*" => ReportFormat::Html,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
        let weight: f64 = weight.unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, format);
        }
    }
    best.1
}

fn written(
    report: &Arc<Report>,
    format: ReportFormat,
    paging: Option<&Paging>,
    sort: (&str, bool),
) -> Answer<Response> {
    let name = report.question.kind.name();
    let mut response = match (format, paging) {
        (ReportFormat::Json, Some(paging)) => page(report, paging, sort.0).into_response(),
        (ReportFormat::Csv, _) => {
            let text = report::csv::write(report, sort);
            let text = text.map_err(|error| Problem::internal("writing a report", &error))?;
            let file = format!("attachment; filename=\"foretell-{name}.csv\"");
            let about = [
                (
                    header::CONTENT_TYPE,
                    "text/csv; charset=utf-8; header=present".to_owned(),
                ),
                (header::CONTENT_DISPOSITION, file),
            ];
            (about, text).into_response()
        }
        _ => {
            let about = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (header::CONTENT_SECURITY_POLICY, report::html::policy()),
            ];
            (about, report::html::write(report, sort)).into_response()
        }
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, vary);
    Ok(response)
}

fn page(report: &Report, paging: &Paging, column: &str) -> Json<ReportPage> {
    let rows = report.rows.iter();
    let page = paging.take(rows.map(|row| (report.place(row, column), row)));
    let page = page.map(|row| ReportRow::of(report, row));
    let question = &report.question;
    Json(ReportPage {
        kind: question.kind,
        by: question.by,
        of: question.of,
        title: report.title(),
        from: question.span.from,
        to: question.span.to,
        before_from: report.before.from,
        made_at: report.made_at,
        columns: report.columns.clone(),
        rows: report.rows.len() as u64,
        partial: report.is_partial(),
        left_out: report.left_out,
        notes: report.notes.clone(),
        items: page.items,
        next_cursor: page.next_cursor,
    })
}

impl ReportRow {
    fn of(report: &Report, row: &Row) -> Self {
        let columns = report.columns.iter().map(|column| column.name);
        Self {
            id: row.group.id.clone(),
            name: row.group.name.clone(),
            site: row.site().map(str::to_owned),
            device_id: row.device_id(),
            interface_id: row.interface_id(),
            values: columns.zip(row.cells.iter().cloned()).collect(),
            points: row.points.clone(),
        }
    }
}

impl ReportResource {
    fn of(kind: ReportKind) -> Self {
        let mut parameters = vec![
            "by",
            "from",
            "to",
            "site",
            "tag",
            "device_id",
            "format",
            "sort",
            "limit",
            "cursor",
        ];
        if !kind.of().is_empty() {
            parameters.push("of");
        }
        if kind == ReportKind::Capacity {
            parameters.extend(["statistic", "threshold_ratio"]);
        }
        Self {
            kind,
            title: kind.title(),
            help: kind.help(),
            by: ReportBy::ALL.to_vec(),
            of: kind.of().to_vec(),
            formats: vec![ReportFormat::Json, ReportFormat::Csv, ReportFormat::Html],
            parameters,
            columns: kind.columns(kind.of().first().copied()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_what_the_client_likes_best() {
        for (accept, format) in [
            (None, ReportFormat::Json),
            (Some("*/*"), ReportFormat::Json),
            (Some("text/csv"), ReportFormat::Csv),
            (Some("TEXT/HTML;q=0.5, text/csv;q=0.9"), ReportFormat::Csv),
            // As browsers ask.
            (
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                ReportFormat::Html,
            ),
            (Some("image/png"), ReportFormat::Json),
            (Some("text/csv;q=nonsense"), ReportFormat::Csv),
            (Some("text/csv;q=0, */*;q=0.1"), ReportFormat::Json),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(accepted(&headers), format, "{accept:?}");
        }
    }
}
