//! How the costs of the store grow with the number of series: each size in a process of its own, as far
//! as memory and disk allow. The chart and the table in docs/operate are written anew.

use super::super::example;
use super::EXAMPLE;
use super::chart::{self, Panel};
use crate::bench::figure::{Figures, Outcome, shown};
use crate::programs::{output, root};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Series.
const SIZES: [u64; 5] = [10_000, 100_000, 500_000, 1_000_000, 5_000_000];
/// Octets of memory that a series takes at most, of the load as well as of the store.
const MEMORY_PER_SERIES: u64 = 2_000;
/// Octets of disk that a series takes at most: half an hour in the log, and the registry.
const DISK_PER_SERIES: u64 = 1_500;

const PAGE: &str = "docs/operate/storage.md";
const CHART: &str = "docs/operate/storage-growth.svg";
const PICTURE: &str = "![Costs by the number of series](storage-growth.svg)";
const BEGIN: &str = "<!-- written by cargo xtask bench store --growth -->";
const END: &str = "<!-- end of what it writes -->";

/// What is drawn and tabled: the figure, in words, and the factor to the unit of the words.
const COLUMNS: [(&str, &str, f64); 9] = [
    ("append_cpu_ns_per_sample", "append, CPU ns a sample", 1.0),
    ("seal_cpu_ns_per_sample", "seal, CPU ns a sample", 1.0),
    ("head_bytes_per_series", "head, octets a series", 1.0),
    ("index_bytes_per_series", "index, octets a series", 1.0),
    ("open_cpu_s", "open after a stop, CPU s", 1.0),
    (
        "select_of_device_cpu_ms",
        "select 48 of a device, CPU µs",
        1e3,
    ),
    ("select_of_all_cpu_ms", "select a tenth of all, CPU ms", 1.0),
    ("query_1_series_cpu_ms", "1 series x 30 min, CPU µs", 1e3),
    (
        "query_1000_series_cpu_ms",
        "1,000 series x 30 min, CPU ms",
        1.0,
    ),
];

pub(crate) fn run() -> anyhow::Result<Outcome> {
    let program = example::build(EXAMPLE.0, EXAMPLE.1)?;
    let mut outcome = Outcome::default();
    let mut measured: Vec<Figures> = Vec::new();
    for size in SIZES {
        if let Some(why) = lacking(size)? {
            outcome
                .skipped
                .push(("larger sizes", format!("{size} series: {why}")));
            break;
        }
        eprintln!("==> {size} series");
        let printed = output(
            Command::new(&program)
                .args(["growth", &size.to_string()])
                .current_dir(root()),
        )?;
        let figures = example::figures(&printed)?;
        for (name, value) in &figures {
            outcome.add(&format!("growth_{size}_{name}"), *value);
        }
        measured.push(figures);
    }
    fs::write(root().join(CHART), chart::drawn(&panels(&measured)))?;
    let page = fs::read_to_string(root().join(PAGE)).context(PAGE)?;
    let page = replaced(&page, &format!("{PICTURE}\n\n{}", table(&measured)));
    fs::write(root().join(PAGE), page.context("its marks are missing")?)?;
    Ok(outcome)
}

/// What there is not enough of for so many series; nothing is `None`.
fn lacking(series: u64) -> anyhow::Result<Option<String>> {
    let told = fs::read_to_string("/proc/meminfo")?;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let memory = kib.context("no MemAvailable")? * 1_024;
    let disk = free(root())?;
    let needs = |what: &str, there: u64, each: u64| {
        let needed = series * each;
        (there < needed).then(|| format!("{what}: {} of {} MiB", there >> 20, needed >> 20))
    };
    let memory = needs("memory", memory, MEMORY_PER_SERIES);
    Ok(memory.or_else(|| needs("disk", disk, DISK_PER_SERIES)))
}

/// Octets that may be written where a folder is.
fn free(folder: &Path) -> anyhow::Result<u64> {
    let told = nix::sys::statvfs::statvfs(folder)?;
    Ok(told.blocks_available() * told.fragment_size())
}

fn panels(measured: &[Figures]) -> Vec<Panel> {
    let panel = |(name, words, factor): &(&str, &str, f64)| {
        let point = |figures: &Figures| {
            let series = figures.get("series")?;
            Some((*series, figures.get(*name)? * factor))
        };
        Panel {
            title: (*words).to_owned(),
            points: measured.iter().filter_map(point).collect(),
        }
    };
    COLUMNS.iter().map(panel).collect()
}

/// One row a figure, one column a size.
fn table(measured: &[Figures]) -> String {
    let mut text = String::from("| |");
    for figures in measured {
        let series = figures.get("series").copied().unwrap_or(f64::NAN);
        let _ = write!(text, " {} |", shown(series));
    }
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(measured.len()));
    for (name, words, factor) in COLUMNS {
        let _ = write!(text, "\n| {words} |");
        for figures in measured {
            let value = figures.get(name).map(|value| shown(value * factor));
            let _ = write!(text, " {} |", value.unwrap_or_default());
        }
    }
    text.push('\n');
    text
}

/// The page with other text between its marks; none where they are missing.
fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(series: f64, append: f64) -> Figures {
        [("series", series), ("append_cpu_ns_per_sample", append)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    #[test]
    fn a_table_has_a_column_for_each_size() {
        let text = table(&[figures(10_080.0, 123.4), figures(1e6, 250.0)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.first(), Some(&"| | 10,080 | 1,000,000 |"));
        assert_eq!(
            lines.get(2),
            Some(&"| append, CPU ns a sample | 123 | 250 |")
        );
        assert_eq!(lines.len(), 2 + COLUMNS.len());
    }

    #[test]
    fn what_is_between_the_marks_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb");
        assert_eq!(
            replaced(&page, "new\n").unwrap(),
            format!("a\n{BEGIN}\nnew\n{END}\nb")
        );
        assert!(replaced("a", "b").is_none());
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        assert!(replaced(&page, "").is_some(), "{PAGE} has no marks");
    }
}
