//! The pictures of the guide, taken of a demo.

use super::{INTERVAL_SECS, Shape, Stand};
use crate::install::lacking;
use crate::programs::{root, run, target_dir};
use crate::service::Interrupt;
use crate::tally::Outcome;
use crate::workspace;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// As `cargo xtask demo` shows.
const DEVICES: u16 = 50;
const HISTORY: &str = "14d";
const HISTORY_SECS: u32 = 14 * 86_400;

/// Takes them into docs/guide. Builds what it needs.
pub(crate) fn take() -> anyhow::Result<Outcome> {
    if let Some(what) = lacking("browser") {
        return Ok(Outcome::Skipped(what));
    }
    crate::web::build()?;
    let program = workspace::build_foretell(true)?;
    let folder = target_dir().join("pictures");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let shape = Shape {
        devices: DEVICES,
        history: HISTORY.to_owned(),
        interval_secs: INTERVAL_SECS,
    };
    let interrupt = Interrupt::listen()?;
    let stand = Stand::start(&program, &folder, &shape, &interrupt)?;
    super::promise::check(&stand, &interrupt)?;
    // Something to see: a link that is cut, once both its ends were polled.
    let (cut, device) = stand.fault(&program)?;
    run(Command::new("sh").args(["-c", &cut]))?;
    thread::sleep(2 * Duration::from_secs(INTERVAL_SECS.into()));
    run(Command::new("node")
        .arg("e2e/guide.mjs")
        .arg(root().join("docs/guide"))
        .current_dir(root().join("web"))
        .env("FORETELL_URL", stand.url())
        .env("FORETELL_PASSWORD", stand.password())
        .env("FORETELL_DEVICE", device)
        .env("FORETELL_HISTORY_SECS", HISTORY_SECS.to_string()))?;
    stand.stop()?;
    Ok(Outcome::Passed)
}
