//! The tables of docs/accuracy.md.

use super::rows::{ACCURACY, COST, Row};
use crate::bench::figure::{Bound, Figures, shown};
use crate::programs::root;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::fs;

const PAGE: &str = "docs/accuracy.md";
const END: &str = "<!-- end of what it writes -->";

/// Writes anew each table of which all figures are there.
pub(super) fn write(figures: &Figures) -> anyhow::Result<()> {
    let path = root().join(PAGE);
    let mut page = fs::read_to_string(&path).context(PAGE)?;
    for (part, rows) in [("accuracy", ACCURACY), ("cost", COST)] {
        if rows.iter().all(|row| figures.contains_key(row.figure)) {
            let table = table(rows, figures);
            page = replaced(&page, part, &table)
                .with_context(|| format!("{PAGE}: the marks of {part} are missing"))?;
        }
    }
    fs::write(path, page).context(PAGE)
}

/// One row a score; without those that were not measured.
pub(super) fn table(rows: &[Row], figures: &Figures) -> String {
    let mut text = String::from("| task | score | measured | floor | target | aim | others |\n");
    text.push_str("| --- | --- | ---: | ---: | ---: | ---: | --- |\n");
    for row in rows {
        let Some(&value) = figures.get(row.figure) else {
            continue;
        };
        let of = |end: &str| figures.get(&format!("{}{end}", row.figure)).copied();
        let interval = match (of("_low"), of("_high")) {
            (Some(low), Some(high)) => format!(" ({} to {})", told(low), told(high)),
            _ => String::new(),
        };
        let floor = match row.floor {
            Bound::Most(floor) | Bound::Least(floor) => Some(floor),
            Bound::Less | Bound::More => None,
        };
        let or_none = |value: Option<f64>| value.map_or_else(String::new, told);
        let _ = writeln!(
            text,
            "| {} | {} | **{}**{interval} | {} | {} | {} | {} |",
            row.task,
            row.score,
            told(value),
            or_none(floor),
            or_none(row.target),
            or_none(row.aim),
            row.others
        );
    }
    text
}

/// With one digit more than a bench tells, as what is near to 1 differs by little.
fn told(value: f64) -> String {
    if value.abs() >= 10.0 {
        return shown(value);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The page with another table between the marks of that part; none where they are missing.
fn replaced(page: &str, part: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- {part}: written by cargo xtask bench analytics -->");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_shown_with_its_interval_and_what_is_wanted() {
        let figures = [
            ("balance_95th_ratio", 1.0111),
            ("petshop_top1_share", 0.5),
            ("petshop_top1_share_low", 0.28),
            ("petshop_top1_share_high", 0.72),
            ("nab_standard_points", 61.27),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value)).into();
        let table = table(ACCURACY, &figures);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].contains("| **61.3** | 48 | 60 | 70 | windowed"),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].contains("| **1.011** | 1.11 | 1.06 | 1.04 |"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].contains("| **0.5** (0.28 to 0.72) |  | 0.45 |  |"),
            "{}",
            lines[2]
        );
    }

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let page = "a\n<!-- cost: written by cargo xtask bench analytics -->\nold\n\
            <!-- end of what it writes -->\nb\n";
        let page = replaced(page, "cost", "new\n").unwrap();
        assert!(page.starts_with("a\n") && page.ends_with("\nb\n"));
        assert!(page.contains("new\n") && !page.contains("old"));
        assert!(replaced(&page, "accuracy", "new\n").is_none());
    }

    #[test]
    fn the_page_has_the_marks() {
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        for part in ["accuracy", "cost"] {
            assert!(replaced(&page, part, "").is_some(), "{part}");
        }
    }
}
