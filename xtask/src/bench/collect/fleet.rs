//! Thousands of devices, polled every minute for five minutes: nothing is late, nothing is lost, and
//! what each part uses.

use super::super::{example, proc};
use super::{Bench, COMMUNITY, text};
use crate::bench::figure::Outcome;
use crate::http::{self, Api};
use crate::programs::output;
use crate::service::Service;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many devices; `BENCH_FLEET_DEVICES` says otherwise.
const DEVICES: u32 = 2_000;
/// How often each is polled, in seconds.
const INTERVAL_SECS: u64 = 60;
/// How long it is measured.
const MEASURED: Duration = Duration::from_mins(5);
/// How long discovery and the first polls may take.
const FOUND_WITHIN: Duration = Duration::from_mins(5);
/// Between the first polls and the measurement: polls spread over their interval meanwhile.
const SETTLE: Duration = Duration::from_secs(INTERVAL_SECS + 10);
const PASSWORD: &str = "bench-administrator";

/// Parts of the server whose CPU time is told.
const PARTS: [&str; 4] = ["poll", "ingest", "store", "front"];

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    let devices = match std::env::var("BENCH_FLEET_DEVICES") {
        Ok(given) => given.parse().context("BENCH_FLEET_DEVICES")?,
        Err(_) => DEVICES,
    };
    let count = example::build("foretell-store", "series_count")?;
    let data = bench.folder.join("fleet");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let (simulator, told) = bench.fleet(devices)?;
    let (server, address) = Service::start(
        "server",
        Command::new(&bench.program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
            .env(
                "FORETELL_POLL__DEFAULT_INTERVAL_SECS",
                INTERVAL_SECS.to_string(),
            ),
        &bench.folder.join("server.log"),
        |line| Some(line.strip_prefix("listening on http://")?.to_owned()),
    )?;
    let ready =
        || Ok((http::ask(&address, "GET", "/readyz", None, None)?.status == 200).then_some(()));
    bench
        .interrupt
        .or_until("the server is ready", FOUND_WITHIN, ready)?;
    let api = Api::sign_in(&address, PASSWORD)?;
    register(bench, &api, &told, devices)?;
    wait(bench, SETTLE)?;

    let before = Seen::look(&api, &server, &simulator)?;
    let from = unix_ms()?;
    eprintln!("    {devices} devices, measuring {} s", MEASURED.as_secs());
    wait(bench, MEASURED)?;
    let after = Seen::look(&api, &server, &simulator)?;
    // Polls that began before the end have ended and are synced a little later.
    let to = unix_ms()?;
    wait(bench, Duration::from_secs(10))?;

    let secs = (after.at - before.at).as_secs_f64();
    for (part, (before, after)) in PARTS.iter().zip(before.parts.iter().zip(&after.parts)) {
        outcome.add(&format!("fleet_{part}_cpu_cores"), (after - before) / secs);
    }
    outcome.add(
        "fleet_server_cpu_cores",
        (after.server - before.server) / secs,
    );
    outcome.add(
        "fleet_simulator_cpu_cores",
        (after.simulator - before.simulator) / secs,
    );
    let polls = after.polls - before.polls;
    outcome.add(
        "fleet_poll_part_cpu_us_per_poll",
        (after.parts[0] - before.parts[0]) * 1e6 / polls,
    );
    outcome.add(
        "fleet_server_peak_memory_mib",
        proc::peak_memory_mib(server.pid())?,
    );
    outcome.add(
        "fleet_simulator_peak_memory_mib",
        proc::peak_memory_mib(simulator.pid())?,
    );
    outcome.add("fleet_devices", f64::from(devices));
    outcome.add("fleet_overruns", after.overruns - before.overruns);
    outcome.add("fleet_samples_refused", after.refused - before.refused);
    server.stop()?;
    simulator.stop()?;

    // What is kept, read from the store itself: of each series a sample for each poll.
    let printed = output(Command::new(count).arg(&data).args([
        from.to_string(),
        to.to_string(),
        (INTERVAL_SECS * 1_000).to_string(),
    ]))?;
    let kept = example::figures(&printed)?;
    let of = |name: &str| {
        kept.get(name)
            .copied()
            .with_context(|| format!("no {name}"))
    };
    if (of("devices")? - f64::from(devices)).abs() > 0.5 {
        bail!("{} devices have samples, not {devices}", of("devices")?);
    }
    outcome.add("fleet_series", of("series")?);
    outcome.add("fleet_samples_per_s", of("samples")? / secs);
    outcome.add("fleet_samples_lost", of("lost")?);
    Ok(())
}

/// Discovers all devices and waits until each was polled once.
pub(super) fn register(bench: &Bench, api: &Api, told: &Value, devices: u32) -> anyhow::Result<()> {
    let credential = json!({"name": "bench", "kind": "snmp_v2c", "community": COMMUNITY});
    let credential = api.post("credentials", &credential)?["id"].clone();
    let (first, last) = (text(told, "first_address")?, text(told, "last_address")?);
    api.post(
        "discoveries",
        &json!({
            "targets": [format!("{first}-{last}")],
            "methods": ["snmp"],
            "credential_ids": [credential],
            "port": told["port"],
            "max_hops": 0,
        }),
    )?;
    let began = Instant::now();
    bench
        .interrupt
        .or_until("all devices are up", FOUND_WITHIN, || {
            std::thread::sleep(Duration::from_secs(2));
            let up = api.list("devices?status=up")?.len();
            Ok((up >= usize::try_from(devices)?).then_some(()))
        })?;
    eprintln!(
        "    found and polled within {} s",
        began.elapsed().as_secs()
    );
    Ok(())
}

/// What was used until a moment.
struct Seen {
    at: Instant,
    parts: [f64; PARTS.len()],
    server: f64,
    simulator: f64,
    polls: f64,
    overruns: f64,
    refused: f64,
}

impl Seen {
    fn look(api: &Api, server: &Service, simulator: &Service) -> anyhow::Result<Self> {
        let metrics = api.metrics()?;
        let mut parts = [0.0; PARTS.len()];
        for (seconds, part) in parts.iter_mut().zip(PARTS) {
            *seconds = proc::part_seconds(&metrics, part)?;
        }
        Ok(Self {
            at: Instant::now(),
            parts,
            server: proc::cpu_seconds(server.pid())?,
            simulator: proc::cpu_seconds(simulator.pid())?,
            polls: proc::metric(&metrics, "foretell_polls_total{outcome=\"answered\"}")?,
            overruns: proc::metric(&metrics, "foretell_poll_overruns_total")?,
            refused: proc::metric(&metrics, "foretell_samples_refused_total")?,
        })
    }
}

fn wait(bench: &Bench, time: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    let over = || Ok((Instant::now() >= until).then_some(()));
    bench.interrupt.or_until("the time is over", time * 2, over)
}

fn unix_ms() -> anyhow::Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())
}
