//! One poll of one device, beside Debian's prometheus-snmp-exporter that reads ifTable and ifXTable of
//! the same agent. What the two read is told: the exporter's module asks for all columns.
//!
//! Debian ships the exporter without modules. Ours walks what the module `if_mib` of its makers walks
//! and labels each series with ifDescr, ifName and ifAlias as that does.

use super::super::{example, proc};
use super::{Bench, COMMUNITY, agent, median};
use crate::bench::figure::Outcome;
use crate::http;
use crate::install::ensure_peer;
use crate::programs::output;
use crate::service::Service;
use anyhow::{Context as _, ensure};
use std::fmt::Write as _;
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
    let config = bench.folder.join("snmp.yml");
    std::fs::write(&config, module())?;
    let exporter = Service::start_silent(
        "exporter",
        Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={listen}")),
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
                "the exporter answered {}: {}",
                answer.status,
                answer.body
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

/// The columns of ifTable and ifXTable that are numbers. Source: IF-MIB (RFC 2863).
const COLUMNS: [(&str, &str, &str); 32] = [
    ("ifIndex", "2.2.1.1", "gauge"),
    ("ifType", "2.2.1.3", "gauge"),
    ("ifMtu", "2.2.1.4", "gauge"),
    ("ifSpeed", "2.2.1.5", "gauge"),
    ("ifAdminStatus", "2.2.1.7", "gauge"),
    ("ifOperStatus", "2.2.1.8", "gauge"),
    ("ifLastChange", "2.2.1.9", "gauge"),
    ("ifInOctets", "2.2.1.10", "counter"),
    ("ifInUcastPkts", "2.2.1.11", "counter"),
    ("ifInNUcastPkts", "2.2.1.12", "counter"),
    ("ifInDiscards", "2.2.1.13", "counter"),
    ("ifInErrors", "2.2.1.14", "counter"),
    ("ifInUnknownProtos", "2.2.1.15", "counter"),
    ("ifOutOctets", "2.2.1.16", "counter"),
    ("ifOutUcastPkts", "2.2.1.17", "counter"),
    ("ifOutNUcastPkts", "2.2.1.18", "counter"),
    ("ifOutDiscards", "2.2.1.19", "counter"),
    ("ifOutErrors", "2.2.1.20", "counter"),
    ("ifOutQLen", "2.2.1.21", "gauge"),
    ("ifInMulticastPkts", "31.1.1.1.2", "counter"),
    ("ifInBroadcastPkts", "31.1.1.1.3", "counter"),
    ("ifOutMulticastPkts", "31.1.1.1.4", "counter"),
    ("ifOutBroadcastPkts", "31.1.1.1.5", "counter"),
    ("ifHCInOctets", "31.1.1.1.6", "counter"),
    ("ifHCInUcastPkts", "31.1.1.1.7", "counter"),
    ("ifHCInMulticastPkts", "31.1.1.1.8", "counter"),
    ("ifHCInBroadcastPkts", "31.1.1.1.9", "counter"),
    ("ifHCOutOctets", "31.1.1.1.10", "counter"),
    ("ifHCOutUcastPkts", "31.1.1.1.11", "counter"),
    ("ifHighSpeed", "31.1.1.1.15", "gauge"),
    ("ifPromiscuousMode", "31.1.1.1.16", "gauge"),
    ("ifConnectorPresent", "31.1.1.1.17", "gauge"),
];

/// Names that each series of an interface is labelled with.
const NAMES: [(&str, &str); 3] = [
    ("ifAlias", "31.1.1.1.18"),
    ("ifDescr", "2.2.1.2"),
    ("ifName", "31.1.1.1.1"),
];

/// The exporter's configuration: a module that walks the two tables, as many objects a packet as its
/// makers ask for.
fn module() -> String {
    const MIB_2: &str = "1.3.6.1.2.1";
    let mut text = format!(
        "if_mib:\n  walk: [{MIB_2}.2, {MIB_2}.31.1.1]\n  get: [{MIB_2}.1.3.0]\n  version: 2\n  \
         max_repetitions: 25\n  auth:\n    community: {COMMUNITY}\n  metrics:\n  \
         - {{name: sysUpTime, oid: {MIB_2}.1.3, type: gauge, help: sysUpTime}}\n"
    );
    let lookups: Vec<String> = NAMES
        .iter()
        .map(|(name, oid)| {
            format!(
                "{{labels: [ifIndex], labelname: {name}, oid: {MIB_2}.{oid}, type: DisplayString}}"
            )
        })
        .collect();
    let lookups = lookups.join(", ");
    for (name, oid, kind) in COLUMNS {
        let _ = writeln!(
            text,
            "  - {{name: {name}, oid: {MIB_2}.{oid}, type: {kind}, help: {name}, \
             indexes: [{{labelname: ifIndex, type: gauge}}], lookups: [{lookups}]}}"
        );
    }
    text
}

/// An address that nobody listens on. Another program may take it before the exporter does, which
/// then says so and ends.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
