//! The tests over real agents in network namespaces: lab/tests/network.rs, run one at a time.

use crate::beside::{self, Step};
use crate::install::lacking;
use crate::programs::{count_tests, is_root, target_dir};
use crate::tally::Outcome;
use crate::workspace;
use std::process::Command;

/// Runs them, or only those whose name holds `filter`. The workspace must be built.
pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<Outcome> {
    if let Some(why) = impossible() {
        return Ok(Outcome::Skipped(why));
    }
    count_tests(&mut tests(filter)?)?.outcome()
}

/// All of them, to run beside other steps: they wait for a network most of the time. Nothing where
/// they cannot be run here: [`run`] says why.
pub(crate) fn step() -> anyhow::Result<Option<Step>> {
    if impossible().is_some() {
        return Ok(None);
    }
    Ok(Some(beside::waiting("lab", tests(None)?).of_tests()))
}

/// Why they cannot be run here.
fn impossible() -> Option<String> {
    if !is_root() {
        return Some("needs root".to_owned());
    }
    lacking("lab")
}

fn tests(filter: Option<&str>) -> anyhow::Result<Command> {
    let mut command = workspace::test_program("foretell-lab", "network")?.command();
    command
        .args(["--ignored", "--test-threads=1", "--nocapture"])
        .args(filter)
        .env("FORETELL_BIN", workspace::foretell())
        .env("FORETELL_LAB_BIN", target_dir().join("debug/foretell-lab"));
    Ok(command)
}
