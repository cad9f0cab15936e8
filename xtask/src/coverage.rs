//! Which lines of the product the tests run: cargo-tarpaulin over the crates that make the binary.
//!
//! rustc's own instrumentation is used (`-Cinstrument-coverage`), whose profiles tarpaulin reads
//! itself, so that no part of LLVM has to be installed. What counts are the lines of `crates/`, the
//! tests among them left out; the lab's and the browser's tests do not run here, so the product is
//! covered better than this says.

use crate::programs::{root, run, target_dir};
use crate::tally::Outcome;
use crate::tools;
use anyhow::{Context as _, bail};
use std::process::Command;

/// Lines that must be covered, in per cent.
const COVERED_MIN_PERCENT: f64 = 75.0;
/// Where the lines that count are not.
const LEFT_OUT: [&str; 6] = [
    "xtask/*",
    "lab/*",
    "fuzz/*",
    "target/*",
    "crates/*/tests/*",
    "crates/*/examples/*",
];
/// Seconds that one test program may take: instrumented and unoptimised.
const TEST_SECS_MAX: &str = "900";

/// Builds everything anew, instrumented, and runs the tests: many minutes.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let tarpaulin = tools::cargo_tool("cargo-tarpaulin")?;
    let to = target_dir().join("coverage");
    std::fs::create_dir_all(&to)?;
    let mut command = Command::new(tarpaulin);
    command
        .args(["tarpaulin", "--engine", "llvm", "--skip-clean"])
        .args([
            "--workspace",
            "--exclude",
            "xtask",
            "--exclude",
            "foretell-lab",
        ])
        .args([
            "--no-fail-fast",
            "--follow-exec",
            "--timeout",
            TEST_SECS_MAX,
        ])
        .args(LEFT_OUT.iter().flat_map(|files| ["--exclude-files", files]))
        .args(["--out", "json"])
        .arg("--output-dir")
        .arg(&to)
        .arg("--target-dir")
        .arg(to.join("build"))
        .current_dir(root());
    run(&mut command)?;
    let report = std::fs::read_to_string(to.join("tarpaulin-report.json"))?;
    let files = files(&report)?;
    let (covered, lines) = files.iter().fold((0, 0), |(covered, lines), file| {
        (covered + file.covered, lines + file.lines)
    });
    for (name, covered, lines) in by_crate(&files) {
        println!(
            "{:>6.1} %  {name} ({covered} of {lines} lines)",
            percent(covered, lines)
        );
    }
    let all = percent(covered, lines);
    println!("{all:>6.1} %  all ({covered} of {lines} lines)");
    if all < COVERED_MIN_PERCENT {
        bail!("{all:.1} % of the lines are covered, below {COVERED_MIN_PERCENT} %");
    }
    Ok(Outcome::Passed)
}

/// The lines of one file.
#[derive(Debug, PartialEq, Eq)]
struct File {
    /// The crate's folder.
    krate: String,
    covered: u64,
    lines: u64,
}

/// The files of the product in a report of tarpaulin's.
fn files(report: &str) -> anyhow::Result<Vec<File>> {
    let report: serde_json::Value = serde_json::from_str(report)?;
    let files = report["files"]
        .as_array()
        .context("the report has no files")?;
    let read = |file: &serde_json::Value| {
        let path: Vec<&str> = file["path"]
            .as_array()?
            .iter()
            .filter_map(|part| part.as_str())
            .collect();
        let at = path.iter().rposition(|part| *part == "crates")?;
        Some(File {
            krate: (*path.get(at + 1)?).to_owned(),
            covered: file["covered"].as_u64()?,
            lines: file["coverable"].as_u64()?,
        })
    };
    Ok(files.iter().filter_map(read).collect())
}

/// Crate, covered lines, lines.
fn by_crate(files: &[File]) -> Vec<(String, u64, u64)> {
    let mut crates: std::collections::BTreeMap<&str, (u64, u64)> =
        std::collections::BTreeMap::new();
    for file in files {
        let sum = crates.entry(&file.krate).or_default();
        *sum = (sum.0 + file.covered, sum.1 + file.lines);
    }
    crates
        .into_iter()
        .map(|(name, (covered, lines))| (name.to_owned(), covered, lines))
        .collect()
}

fn percent(covered: u64, lines: u64) -> f64 {
    if lines == 0 {
        0.0
    } else {
        covered as f64 / lines as f64 * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_by_crate() {
        let report = r#"{"files": [
            {"path": ["/", "home", "crates", "x", "crates", "snmp", "src", "lib.rs"], "covered": 3, "coverable": 4},
            {"path": ["/", "home", "crates", "x", "crates", "snmp", "src", "walk.rs"], "covered": 1, "coverable": 4},
            {"path": ["/", "home", "x", "build.rs"], "covered": 0, "coverable": 9}
        ]}"#;
        let files = files(report).unwrap();
        assert_eq!(by_crate(&files)[0], ("snmp".to_owned(), 4, 8));
        assert!((percent(4, 8) - 50.0).abs() < 1e-9);
    }
}
