//! One poll of one device, beside Debian's prometheus-snmp-exporter that reads ifTable and ifXTable of
//! the same agent. What the two read is told: the exporter's module asks for all columns.

use super::super::{example, proc};
use super::{Bench, COMMUNITY, agent, median};
use crate::bench::figure::Outcome;
use crate::http;
use crate::install::ensure_peer;
use crate::programs::output;
use crate::service::Service;
use anyhow::{Context as _, ensure};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

/// How often each of the two is measured, in turns.
const ROUNDS: usize = 5;
/// Polls of one round.
const POLLS: u32 = 50;
const PROGRAM: &str = "prometheus-snmp-exporter";
const READY_WITHIN: Duration = Duration::from_secs(30);

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    if !ensure_peer(PROGRAM, PROGRAM) {
        outcome
            .skipped
            .push((PROGRAM, "it cannot be installed here".to_owned()));
        return Ok(());
    }
    let ours = example::build("foretell-collect", "poll_bench")?;
    let (simulator, told) = bench.fleet(1)?;
    let agent = agent(&told)?;
    let listen = free_address()?;
    let exporter = Service::start_silent(
        "exporter",
        Command::new(PROGRAM).arg(format!("--web.listen-address={listen}")),
        &bench.folder.join("exporter.log"),
    )?;
    let path = format!("/snmp?target={agent}&module=if_mib");
    let ready = || Ok(http::ask(&listen, "GET", "/", None, None).ok());
    bench
        .interrupt
        .or_until("the exporter is ready", READY_WITHIN, ready)?;
    let (mut our_us, mut their_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut samples = 0;
    for _ in 0..ROUNDS {
        let printed = output(
            Command::new(&ours)
                .args([agent.as_str(), &POLLS.to_string()])
                .env("COMMUNITY", COMMUNITY),
        )?;
        let us = example::figures(&printed)?
            .get("cpu_us_per_poll")
            .copied()
            .context("no cpu_us_per_poll")?;
        let before = proc::cpu_seconds(exporter.pid())?;
        for _ in 0..POLLS {
            let answer = http::ask(&listen, "GET", &path, None, None)?;
            ensure!(
                answer.status == 200,
                "the exporter answered {}",
                answer.status
            );
            samples = answer
                .body
                .lines()
                .filter(|line| !line.starts_with('#'))
                .count();
        }
        let theirs = (proc::cpu_seconds(exporter.pid())? - before) * 1e6 / f64::from(POLLS);
        our_us.push(us);
        their_us.push(theirs);
        ratios.push(us / theirs);
    }
    // It knows no orderly end.
    drop(exporter);
    simulator.stop()?;
    outcome.add("exporter_poll_cpu_us", median(their_us));
    outcome.add("exporter_poll_samples", f64::from(u32::try_from(samples)?));
    outcome.add("beside_exporter_poll_cpu_us", median(our_us));
    outcome.add("poll_cpu_ratio_to_exporter", median(ratios));
    Ok(())
}

/// An address that nobody listens on. Another program may take it before the exporter does, which
/// then says so and ends.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
