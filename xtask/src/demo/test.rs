//! The demo as a test: smaller, unoptimised, and walked through by a browser, which injects a fault by
//! the command that the demo prints.

use super::{Shape, Stand, promise};
use crate::install::lacking;
use crate::programs::{root, run, target_dir};
use crate::service::Interrupt;
use crate::tally::Outcome;
use crate::workspace;
use anyhow::Context as _;
use std::process::Command;

/// Few enough that an unoptimised server makes their history in seconds.
const DEVICES: u16 = 12;
/// A day tells as much as two weeks whether the chart goes on over the seam.
const HISTORY: &str = "1d";
const HISTORY_SECS: u32 = 86_400;
/// So that two intervals are quickly over.
const INTERVAL_SECS: u16 = 5;

/// Runs it. The workspace and the page must be built.
pub(crate) fn walk() -> anyhow::Result<Outcome> {
    if let Some(what) = lacking("browser") {
        return Ok(Outcome::Skipped(what));
    }
    if !root().join("web/node_modules").is_dir() {
        return Ok(Outcome::Skipped(
            "the page's packages are not there".to_owned(),
        ));
    }
    let folder = target_dir().join("demo-test");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let shape = Shape {
        devices: DEVICES,
        history: HISTORY.to_owned(),
        interval_secs: INTERVAL_SECS,
    };
    let interrupt = Interrupt::listen()?;
    let program = workspace::foretell();
    let stand = Stand::start(&program, &folder, &shape, &interrupt)?;
    println!("{}", promise::check(&stand, &interrupt)?);
    let (fault, device) = stand.fault(&program)?;
    run(Command::new("node")
        .arg("e2e/demo.mjs")
        .current_dir(root().join("web"))
        .env("FORETELL_URL", stand.url())
        .env("FORETELL_PASSWORD", stand.password())
        .env("FORETELL_FAULT", fault)
        .env("FORETELL_FAULT_DEVICE", device)
        .env("FORETELL_INTERVAL_SECS", INTERVAL_SECS.to_string())
        .env("FORETELL_HISTORY_SECS", HISTORY_SECS.to_string()))?;
    // Again on what is there: nothing is made twice, and it still holds.
    stand.stop().context("the first stop")?;
    let again = Stand::start(&program, &folder, &shape, &interrupt)?;
    println!("{}", promise::check(&again, &interrupt)?);
    again.stop()?;
    Ok(Outcome::Passed)
}
