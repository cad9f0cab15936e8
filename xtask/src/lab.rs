//! The tests over real agents in network namespaces: lab/tests/network.rs, run one at a time.

use crate::install::lacking;
use crate::programs::{count_tests, counted_in, is_root, root, target_dir};
use crate::tally::Outcome;
use crate::workspace;
use anyhow::bail;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Runs them, or only those whose name holds `filter`. The workspace must be built.
pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<Outcome> {
    if let Some(why) = impossible() {
        return Ok(Outcome::Skipped(why));
    }
    Ok(Outcome::Tests(count_tests(&mut tests(filter)?)?))
}

/// All of them, running beside the steps that follow: they wait for a network most of the time.
pub(crate) struct Beside {
    child: Child,
    /// What they print, so that it is told in one piece.
    log: PathBuf,
}

impl Beside {
    /// Nothing where they cannot be run here: [`run`] says why.
    pub(crate) fn begin() -> anyhow::Result<Option<Self>> {
        if impossible().is_some() {
            return Ok(None);
        }
        let log = target_dir().join("lab.log");
        let out = File::create(&log)?;
        let child = tests(None)?
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()?;
        Ok(Some(Self { child, log }))
    }

    /// Waits for their end and tells what they printed.
    pub(crate) fn end(mut self) -> anyhow::Result<Outcome> {
        let status = self.child.wait()?;
        let told = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        println!("{told}");
        let tests = counted_in(&told);
        if !status.success() && tests.failed == 0 {
            bail!("the lab ended with {status}");
        }
        Ok(Outcome::Tests(tests))
    }
}

/// Why they cannot be run here.
fn impossible() -> Option<String> {
    if !is_root() {
        return Some("needs root".to_owned());
    }
    lacking("lab")
}

fn tests(filter: Option<&str>) -> anyhow::Result<Command> {
    let mut command = Command::new(workspace::test_program("foretell-lab", "network")?);
    command
        .args(["--ignored", "--test-threads=1", "--nocapture"])
        .args(filter)
        .current_dir(root().join("lab"))
        .env("FORETELL_BIN", workspace::foretell())
        .env("FORETELL_LAB_BIN", target_dir().join("debug/foretell-lab"));
    Ok(command)
}
