//! A report as one page: for a browser, a printer and a mail. No script, no address of anything, one style that
//! its policy names by a digest.

use super::human::{escaped, words};
use super::{Cell, Report, ReportKind, Row, chart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Rows of a page, at most: CSV and JSON have all.
pub(crate) const ROWS_SHOWN: usize = 1_000;

/// Light and dark as the reader's system is; always light on paper.
const STYLE: &str = "\
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--dim:#5a6472;--line:#d5dae1;--now:#1f6feb;--before:#a9c7f7;--warn:#9a3412;--warned:#fff4e5}\
@media (prefers-color-scheme:dark){:root{--page:#11151a;--ink:#e6e9ed;--dim:#98a3b1;--line:#313a45;--now:#6ea8fe;--before:#2f4f7f;--warn:#ffb480;--warned:#33210f}}\
body{margin:0 auto;padding:1.5rem;max-width:100rem;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}\
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}p{margin:.25rem 0;max-width:60rem}\
.dim,figcaption{color:var(--dim);font-size:.87rem}\
.warn{border-left:4px solid var(--warn);background:var(--warned);padding:.5rem .75rem;margin:.75rem 0;max-width:60rem}\
figure{margin:1rem 0;max-width:60rem}svg text{fill:var(--ink);font-size:13px}svg .now{fill:var(--now)}svg .before{fill:var(--before)}\
svg.bars{width:100%;height:auto}svg.course{width:120px;height:24px;display:block}svg.course path{fill:none;stroke:var(--now);stroke-width:1.5}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top;white-space:nowrap}\
th{vertical-align:bottom}th:first-child,td:first-child,.text{text-align:left}td.text{white-space:normal;overflow-wrap:anywhere;min-width:8rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;max-width:60rem;font-size:.87rem}dt{font-weight:600}dd{margin:0}\
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--dim:#444;--line:#999;--now:#1f6feb;--before:#a9c7f7;--warn:#000;--warned:#fff}\
@page{size:A4 landscape;margin:12mm}body{padding:0;font-size:9pt;max-width:none}.wide{overflow:visible}table{font-size:7pt}th,td{padding:.15rem .3rem}\
thead{display:table-header-group}tr,figure{break-inside:avoid}rect,path{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// What the page may do: its style, and nothing else. For the header of an answer.
pub(crate) fn policy() -> String {
    format!("{}; frame-ancestors 'none'", policy_of_page())
}

/// The same without what only a header may say: a page that was saved keeps it.
fn policy_of_page() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

/// The page, with rows in the order of a column.
pub(crate) fn write(report: &Report, sort: (&str, bool)) -> String {
    let rows = report.sorted(sort);
    let title = escaped(&report.title());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        policy_of_page()
    );
    head(report, rows.len(), &mut page);
    page.push_str(&chart::bars(report, &rows));
    let shown = rows.get(..ROWS_SHOWN).unwrap_or(&rows);
    if shown.is_empty() {
        page.push_str(
            "<p>There is nothing to tell of: no site, tag, device or interface is meant.</p>\n",
        );
    } else {
        table(report, shown, &mut page);
    }
    columns(report, &mut page);
    page.push_str("</body>\n</html>\n");
    page
}

/// What the report is of, and what it lacks.
fn head(report: &Report, count: usize, page: &mut String) {
    let (span, before) = (report.question.span, report.before);
    let _ = write!(
        page,
        "<p>{}</p>\n<p class=\"dim\">From {} to {}, beside the period from {} to {} before it. Made at {}. {} rows.</p>\n",
        escaped(report.question.kind.help()),
        span.from,
        span.to,
        before.from,
        before.to,
        report.made_at,
        count,
    );
    let filters = [
        ("sites", report.question.site.0.join(", ")),
        ("tags", report.question.tag.0.join(", ")),
    ];
    for (what, names) in filters.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(page, "<p class=\"dim\">Only {what}: {}</p>", escaped(names));
    }
    if report.question.kind == ReportKind::Capacity {
        let threshold = words(&Cell::Number(report.question.threshold), "ratio");
        let _ = writeln!(
            page,
            "<p class=\"dim\">The threshold is {threshold} of each limit.</p>"
        );
    }
    if report.is_partial() {
        let _ = writeln!(
            page,
            "<p class=\"warn\"><strong>This report is partial: {} rows are left out.</strong></p>",
            report.left_out
        );
    }
    for note in &report.notes {
        let _ = writeln!(page, "<p class=\"warn\">{}</p>", escaped(note));
    }
    if count > ROWS_SHOWN {
        let _ = writeln!(
            page,
            "<p class=\"warn\"><strong>The first {ROWS_SHOWN} of {count} rows are shown here; CSV and JSON have all.</strong></p>"
        );
    }
}

fn table(report: &Report, rows: &[&Row], page: &mut String) {
    let has_course = rows.iter().any(|row| !row.points.is_empty());
    page.push_str("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Name</th>");
    if has_course {
        page.push_str("<th scope=\"col\">Course</th>");
    }
    for column in &report.columns {
        let class = class(column.unit);
        let _ = write!(
            page,
            "<th scope=\"col\"{class}>{}</th>",
            escaped(column.title)
        );
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let _ = write!(page, "<tr><td class=\"text\">{}</td>", escaped(row.name()));
        if has_course {
            let _ = write!(page, "<td>{}</td>", chart::course(&row.points));
        }
        for (column, cell) in report.columns.iter().zip(&row.cells) {
            let unit = match column.unit {
                "as limit_unit" => report.text(row, "limit_unit"),
                unit => unit,
            };
            let (class, words) = (class(column.unit), words(cell, unit));
            let _ = write!(page, "<td{class}>{}</td>", escaped(&words));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn class(unit: &str) -> &'static str {
    if unit.is_empty() {
        " class=\"text\""
    } else {
        ""
    }
}

/// What the columns say.
fn columns(report: &Report, page: &mut String) {
    page.push_str("<h2>What the columns say</h2>\n<dl>\n");
    for column in &report.columns {
        let unit = match column.unit {
            "" => String::new(),
            unit => format!(" ({unit})"),
        };
        let _ = writeln!(
            page,
            "<dt>{}</dt><dd>{}{}</dd>",
            escaped(column.title),
            escaped(column.help),
            escaped(&unit)
        );
    }
    page.push_str("</dl>\n");
}
