//! What the collector bears: ten thousand devices polled each minute for a quarter of an hour, the
//! simulator beside it on the same machine.

use super::super::{example, proc};
use super::{Bench, COMMUNITY, given, text};
use crate::bench::figure::Outcome;
use crate::programs::output;
use anyhow::Context as _;
use std::process::Command;

/// How many devices, and how long they are polled; `BENCH_LOAD_DEVICES` and `BENCH_LOAD_SECS` say
/// otherwise.
const DEVICES: u32 = 10_000;
const SECS: u32 = 900;

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    let devices = given("BENCH_LOAD_DEVICES", DEVICES)?;
    let secs = given("BENCH_LOAD_SECS", SECS)?;
    let collector = example::build("foretell-collect", "load_bench")?;
    let (simulator, told) = bench.fleet(devices)?;
    let before = proc::cpu_seconds(simulator.pid())?;
    let printed = output(
        Command::new(&collector)
            .args([text(&told, "first_address")?, &told["port"].to_string()])
            .args([devices.to_string(), secs.to_string()])
            .env("COMMUNITY", COMMUNITY),
    )?;
    let simulated = proc::cpu_seconds(simulator.pid())? - before;
    simulator.stop()?;
    let figures = example::figures(&printed)?;
    let of = |name: &str| {
        figures
            .get(name)
            .copied()
            .with_context(|| format!("no {name}"))
    };
    outcome.add("load_devices", of("devices")?);
    outcome.add("load_samples_per_s", of("samples")? / of("secs")?);
    // A poll that never came is a loss of all its samples; those of one that was not answered are among
    // the samples lost.
    let each = of("samples")? / of("polls")?;
    let never_came = of("polls_left_out")? * each;
    outcome.add("load_samples_lost", of("samples_lost")? + never_came);
    outcome.add(
        "load_overruns_percent",
        of("overruns")? * 100.0 / of("polls")?,
    );
    outcome.add("load_collector_cpu_cores", of("cpu_cores")?);
    outcome.add("load_collector_cpu_us_per_poll", of("cpu_us_per_poll")?);
    outcome.add("load_collector_peak_memory_mib", of("peak_memory_mib")?);
    outcome.add("load_lag_max_ms", of("lag_max_ms")?);
    // The simulator was at work while polls spread, too.
    outcome.add("load_simulator_cpu_secs", simulated);
    Ok(())
}
