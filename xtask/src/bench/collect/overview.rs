//! The first view over fifty devices with two weeks of history: what it costs the server, and how soon
//! it is there in a browser.

use super::super::proc;
use super::{Bench, median};
use crate::bench::figure::Outcome;
use crate::demo::{Shape, Stand};
use crate::http::Api;
use crate::install::lacking;
use crate::programs::{output, root};
use anyhow::Context as _;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

const DEVICES: u16 = 50;
const HISTORY: &str = "14d";
/// As usual: seldom enough that polls do not move what is measured.
const INTERVAL_SECS: u16 = 60;
/// How often everything is asked for in one measurement, and how often that is measured.
const VISITS: u32 = 20;
const ROUNDS: usize = 5;

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    if let Some(what) = lacking("browser") {
        outcome.skipped.push(("overview", what));
        return Ok(());
    }
    crate::web::build()?;
    let shape = Shape {
        devices: DEVICES,
        history: HISTORY.to_owned(),
        interval_secs: INTERVAL_SECS,
    };
    let folder = bench.folder.join("overview");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let stand = Stand::start(&bench.program, &folder, &shape, &bench.interrupt)?;
    let printed = output(
        Command::new("node")
            .arg("e2e/overview.mjs")
            .current_dir(root().join("web"))
            .env("FORETELL_URL", stand.url())
            .env("FORETELL_PASSWORD", stand.password()),
    )?;
    let seen: Value = serde_json::from_str(printed.trim()).context("overview.mjs")?;
    let interactive = seen["interactive_ms"]
        .as_f64()
        .context("no interactive_ms")?;
    let paths: Vec<&str> = seen["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str()?.strip_prefix("/api/v1/"))
        .collect();
    let api = stand.api()?;
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        costs.push(cost_ms(&api, &paths)?);
    }
    outcome.add("overview_interactive_ms", interactive);
    outcome.add("overview_requests", paths.len() as f64);
    outcome.add("overview_cpu_ms", median(costs));
    stand.stop()
}

/// What one visit costs the part of the server that answers; what it does by itself in the same time
/// is left out.
fn cost_ms(api: &Api, paths: &[&str]) -> anyhow::Result<f64> {
    let front = || proc::part_seconds(&api.metrics()?, "front");
    let before = front()?;
    let started = Instant::now();
    for _ in 0..VISITS {
        for path in paths {
            api.get(path)?;
        }
    }
    let took = started.elapsed();
    let busy = front()? - before;
    let before = front()?;
    std::thread::sleep(took.max(Duration::from_secs(1)));
    let idle = front()? - before;
    Ok((busy - idle).max(0.0) * 1_000.0 / f64::from(VISITS))
}
