//! The tests over real agents in network namespaces: lab/tests/network.rs, run one at a time.

use crate::install::lacking;
use crate::programs::{count_tests, is_root, root, target_dir};
use crate::tally::Outcome;
use crate::workspace;
use std::process::Command;

/// Runs them, or only those whose name holds `filter`. The workspace must be built.
pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::Skipped("needs root".to_owned()));
    }
    if let Some(what) = lacking("lab") {
        return Ok(Outcome::Skipped(what));
    }
    let mut command = Command::new(workspace::test_program("foretell-lab", "network")?);
    command
        .args(["--ignored", "--test-threads=1", "--nocapture"])
        .args(filter)
        .current_dir(root().join("lab"))
        .env("FORETELL_BIN", workspace::foretell())
        .env("FORETELL_LAB_BIN", target_dir().join("debug/foretell-lab"));
    Ok(Outcome::Tests(count_tests(&mut command)?))
}
