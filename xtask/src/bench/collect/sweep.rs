//! A sweep of 65,534 loopback addresses beside fping's, both measured from outside in the same way,
//! in turns: fping as fast as it goes, and so at its best; and once at one packet in a millisecond,
//! which is as fast as it lets anyone go who is not root.

use super::super::example;
use super::{Bench, median};
use crate::bench::figure::Outcome;
use crate::install::ensure_peer;
use crate::programs::output;
use anyhow::{Context as _, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::process::Command;

const ROUNDS: usize = 5;
/// All hosts of this network are this machine.
const NETWORK: &str = "127.0.0.0/16";
const HOSTS: f64 = 65_534.0;

pub(super) fn run(_bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    if !ensure_peer("fping", "fping") {
        outcome
            .skipped
            .push(("fping", "it cannot be installed here".to_owned()));
        return Ok(());
    }
    let ours = example::build("foretell-collect", "sweep_bench")?;
    let (mut our_us, mut their_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut missed = 0.0;
    for _ in 0..ROUNDS {
        let (us, printed) = measured(&mut Command::new(&ours))?;
        let figures = example::figures(&printed)?;
        let alive = figures.get("sweep_alive").context("no sweep_alive")?;
        missed += HOSTS - alive;
        let peer_us = fping("0")?;
        our_us.push(us);
        their_us.push(peer_us);
        ratios.push(us / peer_us);
    }
    let paced_us = fping("1")?;
    let us = median(our_us);
    outcome.add("sweep_missed", missed);
    outcome.add("fping_at_1_ms_cpu_us_per_ping", paced_us);
    outcome.add("sweep_cpu_ratio_to_fping_at_1_ms", us / paced_us);
    outcome.add("sweep_cpu_us_per_ping", us);
    outcome.add("fping_cpu_us_per_ping", median(their_us));
    outcome.add("sweep_cpu_ratio_to_fping", median(ratios));
    Ok(())
}

/// CPU time of fping a host, with so many milliseconds from packet to packet.
fn fping(interval_ms: &str) -> anyhow::Result<f64> {
    let args = ["-a", "-q", "-r", "1", "-i", interval_ms, "-g", NETWORK];
    let (us, printed) = measured(Command::new("fping").args(args))?;
    let found = printed.lines().count();
    ensure!(found as f64 > HOSTS * 0.9, "fping found {found} hosts");
    Ok(us)
}

/// CPU time of a whole program, in microseconds a host, and what it printed.
fn measured(command: &mut Command) -> anyhow::Result<(f64, String)> {
    let so_far = || -> anyhow::Result<i64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
    };
    let before = so_far()?;
    let printed = output(command)?;
    Ok(((so_far()? - before) as f64 / HOSTS, printed))
}
