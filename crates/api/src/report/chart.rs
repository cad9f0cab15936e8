//! Charts as SVG in a page: bars beside those of the period before, and small courses. Without script, and in the
//! colours of the page's own style.

use super::human::{escaped, words};
use super::{Cell, Report, Row};
use crate::sampling::Point;
use std::fmt::Write as _;

/// Rows of the chart of bars.
const BARS_MAX: usize = 20;
/// Width of the chart, of the names in it, and of the numbers, in units of its own.
const WIDTH: f64 = 860.0;
const NAMES: f64 = 250.0;
const NUMBERS: f64 = 110.0;
/// Height of a row.
const ROW: f64 = 30.0;
/// Characters of a name that fit.
const NAME_LEN: usize = 34;
/// Size of a small course.
const COURSE: (f64, f64) = (120.0, 24.0);

/// Bars of the first rows: the period over the one before. Nothing where no row has a number.
pub(super) fn bars(report: &Report, rows: &[&Row]) -> String {
    let (now, before) = report.charted;
    let unit = report.columns.iter().find(|column| column.name == now);
    let unit = unit.map_or("", |column| column.unit);
    let number = |row: &Row, column: &str| match report.cell(row, column) {
        Some(Cell::Number(number)) => Some(*number),
        Some(Cell::Count(count)) => Some(*count as f64),
        _ => None,
    };
    let shown: Vec<&Row> = rows
        .iter()
        .copied()
        .filter(|row| number(row, now).is_some())
        .take(BARS_MAX)
        .collect();
    let all = shown
        .iter()
        .flat_map(|row| [number(row, now), number(row, before)]);
    let most = all.flatten().fold(0.0, f64::max);
    if shown.is_empty() || most <= 0.0 {
        return String::new();
    }
    let room = WIDTH - NAMES - NUMBERS;
    let length = |value: f64| (value / most).clamp(0.0, 1.0) * room;
    let height = ROW * shown.len() as f64;
    let mut svg = format!(
        "<figure><svg class=\"bars\" role=\"img\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\"><title>{}, this period over the one before</title>",
        escaped(&report.title())
    );
    for (at, row) in shown.iter().enumerate() {
        let top = ROW * at as f64;
        let name: String = row.name().chars().take(NAME_LEN).collect();
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            NAMES - 8.0,
            top + 19.0,
            escaped(&name)
        );
        let bar = |class: &str, y: f64, value: f64| {
            let width = length(value);
            format!(
                "<rect class=\"{class}\" x=\"{NAMES:.0}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"10\"/>"
            )
        };
        if let Some(value) = number(row, now) {
            svg.push_str(&bar("now", top + 5.0, value));
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
                NAMES + length(value) + 6.0,
                top + 15.0,
                escaped(&words(&Cell::Number(value), unit))
            );
        }
        if let Some(value) = number(row, before) {
            svg.push_str(&bar("before", top + 16.0, value));
        }
    }
    let left = rows.len().saturating_sub(shown.len());
    let rest = match left {
        0 => String::new(),
        left => format!(" {left} more rows are in the table."),
    };
    let _ = write!(
        svg,
        "</svg><figcaption>Dark bars are this period, light ones the period before.{rest}</figcaption></figure>"
    );
    svg
}

/// The course of a row; gaps are gaps. Nothing where fewer than two points are known.
pub(super) fn course(points: &[Point]) -> String {
    let known = points.iter().filter_map(|Point(_, value)| *value);
    let most = known.clone().fold(0.0, f64::max);
    if known.count() < 2 || most <= 0.0 {
        return String::new();
    }
    let (width, height) = COURSE;
    let each = width / (points.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut pen = 'M';
    for (at, Point(_, value)) in points.iter().enumerate() {
        let Some(value) = value else {
            pen = 'M';
            continue;
        };
        let y = height - 1.0 - (value / most).clamp(0.0, 1.0) * (height - 2.0);
        let _ = write!(path, "{pen}{:.1} {y:.1}", each * at as f64);
        pen = 'L';
    }
    format!(
        "<svg class=\"course\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\"><title>course over the period</title><path d=\"{path}\"/></svg>"
    )
}
