//! One poll of one device, beside a held session of net-snmp's library that reads the same objects.

use super::super::example;
use super::{Bench, COMMUNITY, agent, median};
use crate::bench::figure::{Figures, Outcome};
use crate::install::{ensure_library, lacking_library};
use crate::programs::{output, root};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

/// How often each of the two is measured, in turns, so that what else the machine does meets both.
const ROUNDS: usize = 7;
/// Polls of one round.
const POLLS: &str = "1000";
/// Objects that one question asks for at most, and columns: those of our walk.
const OBJECTS: &str = "96";
const WINDOW: &str = "20";

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    let ours = example::build("foretell-collect", "poll_bench")?;
    let theirs = peer(&bench.folder);
    let (simulator, told) = bench.fleet(1)?;
    let agent = &agent(&told)?;
    let mut figures: Vec<(Figures, Option<Figures>)> = Vec::new();
    for _ in 0..ROUNDS {
        let printed = output(
            Command::new(&ours)
                .args([agent, POLLS])
                .env("COMMUNITY", COMMUNITY),
        )?;
        let columns = columns(&printed)?;
        let ours = example::figures(&printed)?;
        let theirs = match &theirs {
            Ok(program) => {
                let mut peer = Command::new(program);
                peer.args([agent, POLLS, OBJECTS, WINDOW])
                    .args(&columns)
                    .env("COMMUNITY", COMMUNITY);
                Some(example::figures(&output(&mut peer)?)?)
            }
            Err(_) => None,
        };
        figures.push((ours, theirs));
    }
    simulator.stop()?;
    let of = |name: &str, figures: Option<&Figures>| figures.and_then(|f| f.get(name).copied());
    let ours = |name| {
        median(
            figures
                .iter()
                .filter_map(|(f, _)| of(name, Some(f)))
                .collect(),
        )
    };
    let peers = |name| {
        median(
            figures
                .iter()
                .filter_map(|(_, f)| of(name, f.as_ref()))
                .collect(),
        )
    };
    outcome.add("poll_cpu_us", ours("cpu_us_per_poll"));
    outcome.add("poll_requests", ours("requests_per_poll"));
    outcome.add("poll_readings", ours("readings_per_poll"));
    match theirs {
        Ok(_) => {
            outcome.add("net_snmp_poll_cpu_us", peers("cpu_us_per_poll"));
            outcome.add("net_snmp_poll_requests", peers("requests_per_poll"));
            outcome.add("net_snmp_poll_objects", peers("objects_per_poll"));
            // Of each round, so that a round on a busy machine is busy for both.
            let ratios = figures.iter().filter_map(|(ours, theirs)| {
                let cpu = |figures| of("cpu_us_per_poll", figures);
                Some(cpu(Some(ours))? / cpu(theirs.as_ref())?)
            });
            outcome.add("poll_cpu_ratio", median(ratios.collect()));
        }
        Err(why) => outcome
            .skipped
            .push(("net-snmp beside it", format!("{why:#}"))),
    }
    Ok(())
}

/// The columns that our poll asks for.
fn columns(printed: &str) -> anyhow::Result<Vec<String>> {
    let told: serde_json::Value = serde_json::from_str(printed.trim())?;
    let columns = told["columns"].as_str().context("no columns")?;
    Ok(columns.split(' ').map(str::to_owned).collect())
}

/// Compiles the peer; an error says what is missing for it.
fn peer(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    ensure_library();
    if let Some(what) = lacking_library() {
        anyhow::bail!(what);
    }
    let program = folder.join("net_snmp_session");
    crate::programs::run(
        Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(root().join("bench/net_snmp_session.c"))
            .arg("-lnetsnmp"),
    )?;
    Ok(program)
}
