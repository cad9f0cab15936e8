//! Probing every recorded device of the corpus beside the checkout, and scoring what was read.

use crate::install::python_can_make_venvs;
use crate::programs::{output, root, run as run_program, target_dir};
use crate::python::Venv;
use crate::tally::Outcome;
use crate::workspace;
use anyhow::{Context as _, bail};
use std::process::Command;

/// The mean over categories that must be reached, in per cent. A plain reading scores 60.3.
const MEAN_MIN_PERCENT: f64 = 80.0;
/// What each category must reach, in per cent.
const CATEGORIES_MIN_PERCENT: &[(&str, f64)] = &[
    ("interfaces", 90.0),
    ("addresses", 90.0),
    ("vlans", 90.0),
    ("storage", 90.0),
    ("device", 80.0),
    ("memory", 65.0),
    ("neighbors", 65.0),
    ("processors", 65.0),
    ("sensors", 65.0),
];
/// The simulator.
const VENV: Venv = Venv {
    name: "snmpsim",
    packages: &["snmpsim==1.2.2", "pysmi"],
};
/// Probes at once: the simulator answers on one thread, so more would only wait.
const JOBS: &str = "4";

/// Fails where a device goes unanswered or the score is too low.
pub(crate) fn run() -> anyhow::Result<Outcome> {
    let corpus = root().join("../shared/corpus");
    if !corpus.join("run.py").is_file() {
        return Ok(Outcome::Skipped(
            "there is no ../shared/corpus beside the checkout".to_owned(),
        ));
    }
    if !python_can_make_venvs() {
        return Ok(Outcome::Skipped("python3 cannot make a venv".to_owned()));
    }
    let simulator = VENV.program("snmpsim-command-responder")?;
    let facts = target_dir().join("corpus");
    run_program(
        Command::new("python3")
            .arg(corpus.join("run.py"))
            .arg(corpus.join("devices"))
            .arg(&facts)
            .args(["--jobs", JOBS, "--"])
            .arg(workspace::foretell())
            .args(["probe", "{address}:{port}"])
            .args(["--community", "{community}", "--json"])
            .env("SNMPSIM", simulator),
    )?;
    let scores = output(
        Command::new("python3")
            .arg(corpus.join("score.py"))
            .arg(corpus.join("devices"))
            .arg(&facts)
            .args(["--worst", "10"]),
    )?;
    print!("{scores}");
    let mean = mean_of(&scores).context("score.py did not end with a mean over categories")?;
    if mean < MEAN_MIN_PERCENT {
        bail!("mean over categories {mean} %, below {MEAN_MIN_PERCENT} %");
    }
    for &(category, floor) in CATEGORIES_MIN_PERCENT {
        let share =
            share_of(&scores, category).with_context(|| format!("no score of {category}"))?;
        if share < floor {
            bail!("{category} {share} %, below {floor} %");
        }
    }
    Ok(Outcome::Passed)
}

/// The share of `sensors   625.0 /    7317    8.54 %`.
fn share_of(scores: &str, category: &str) -> Option<f64> {
    let line = scores
        .lines()
        .find(|line| line.split_whitespace().next() == Some(category))?;
    let mut words = line.split_whitespace().rev();
    words.next().filter(|&unit| unit == "%")?;
    words.next()?.parse().ok()
}

/// The last number of `..., mean over categories 66.10 %`.
fn mean_of(scores: &str) -> Option<f64> {
    let (_, mean) = scores.trim_end().rsplit_once("mean over categories ")?;
    mean.trim_end_matches('%').trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_read_from_the_last_line() {
        let line = "devices 379, unanswered 0, mean over devices 80.00 %, \
                    mean over categories 64.25 %\n";
        assert_eq!(mean_of(line), Some(64.25));
        assert_eq!(mean_of("nothing"), None);
    }

    #[test]
    fn the_share_of_a_category_is_read_from_its_line() {
        let lines = "memory  192.0 /  280  68.57 %\nsensors  625.0 / 7317  8.54 %\n";
        assert_eq!(share_of(lines, "sensors"), Some(8.54));
        assert_eq!(share_of(lines, "vlans"), None);
    }
}
