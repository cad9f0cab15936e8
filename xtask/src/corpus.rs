//! Probing every recorded device of the corpus beside the checkout, and scoring what was read.

use crate::install::python_can_make_venvs;
use crate::programs::{output, root, run as run_program, target_dir};
use crate::python::Venv;
use crate::tally::Outcome;
use crate::workspace;
use anyhow::{Context as _, bail};
use std::process::Command;

/// The mean over categories that must and that should be reached, in per cent. A plain reading scores
/// 60.3.
const MEAN: Wanted = Wanted(80.0, 88.0);
/// What each category must and should reach.
const CATEGORIES: &[(&str, Wanted)] = &[
    ("interfaces", Wanted(90.0, 95.0)),
    ("addresses", Wanted(90.0, 95.0)),
    ("vlans", Wanted(90.0, 95.0)),
    ("storage", Wanted(90.0, 95.0)),
    ("device", Wanted(80.0, 90.0)),
    ("memory", Wanted(65.0, 80.0)),
    ("neighbors", Wanted(65.0, 80.0)),
    ("processors", Wanted(65.0, 80.0)),
    ("sensors", Wanted(65.0, 80.0)),
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
    MEAN.hold("mean over categories", mean)?;
    for (category, wanted) in CATEGORIES {
        let share =
            share_of(&scores, category).with_context(|| format!("no score of {category}"))?;
        wanted.hold(category, share)?;
    }
    Ok(Outcome::Passed)
}

/// A floor and a target, in per cent.
struct Wanted(f64, f64);

impl Wanted {
    /// Fails below the floor, and tells what is below the target.
    fn hold(&self, what: &str, share: f64) -> anyhow::Result<()> {
        let Self(floor, target) = *self;
        if share < floor {
            bail!("{what} {share} %, below {floor} %");
        }
        if share < target {
            println!("{what} {share} %: the target of {target} % is missed");
        }
        Ok(())
    }
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
    fn a_floor_is_held_and_a_target_told() {
        let wanted = Wanted(80.0, 90.0);
        assert!(wanted.hold("device", 79.9).is_err());
        assert!(wanted.hold("device", 80.0).is_ok());
    }

    #[test]
    fn the_share_of_a_category_is_read_from_its_line() {
        let lines = "memory  192.0 /  280  68.57 %\nsensors  625.0 / 7317  8.54 %\n";
        assert_eq!(share_of(lines, "sensors"), Some(8.54));
        assert_eq!(share_of(lines, "vlans"), None);
    }
}
