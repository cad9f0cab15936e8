//! Benchmarks by name: what is measured, what is wanted of it, and the history of it.
//!
//! A bench gives figures, each beside the floor, the target and the peer's figure of the issue that
//! asked for it. Where a floor is missed the task fails. Begin with [`BENCHES`].

mod analytics;
mod collect;
mod crash;
mod example;
mod figure;
mod history;
mod proc;
mod store;

use anyhow::bail;
use figure::{Bound, Outcome, Peer, Want};
use std::process::ExitCode;

/// A benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    wants: &'static [Want],
    /// The parts that may be asked for alone with `--only`.
    parts: &'static [&'static str],
    run: fn(only: Option<&str>) -> anyhow::Result<Outcome>,
}

/// To add one, add a row.
const BENCHES: &[Bench] = &[
    Bench {
        name: "store",
        about: "what samples cost to take, seal, keep, start with and query, part by part",
        wants: store::WANTS,
        parts: store::PARTS,
        run: store::run,
    },
    Bench {
        name: "store-peers",
        about: "the store beside VictoriaMetrics and Prometheus, in one run (store --peers)",
        wants: store::peers::WANTS,
        parts: &[],
        run: |_| store::peers::run(),
    },
    Bench {
        name: "store-growth",
        about: "how the costs of the store grow with the number of series (store --growth)",
        wants: &[],
        parts: &[],
        run: |_| store::growth::run(),
    },
    Bench {
        name: "crash",
        about: "a thousand kills while the store appends, changes segments, seals and merges",
        wants: crash::WANTS,
        parts: &[],
        run: |_| crash::run(),
    },
    Bench {
        name: "collect",
        about: "what polling costs, part by part, and the first view of what was polled",
        wants: collect::WANTS,
        parts: collect::PARTS,
        run: collect::run,
    },
    Bench {
        name: "analytics",
        about: "how good and how dear forecasts, anomalies and advice are; writes docs/accuracy.md",
        wants: analytics::WANTS,
        parts: analytics::PARTS,
        run: analytics::run,
    },
    Bench {
        name: "busiest",
        about: "what a list of interfaces sorted by traffic costs at 480,000",
        wants: &[],
        parts: &[],
        run: |_| example::run("foretell-api", "busiest_bench", &[]),
    },
    Bench {
        name: "agents",
        about: "answers of simulated agents a second of their CPU time, and their memory",
        wants: AGENTS,
        parts: &[],
        run: |_| example::run("foretell-sim", "agent_bench", &[]),
    },
    Bench {
        name: "answers",
        about: "what answers about 10,000 devices cost",
        wants: &[],
        parts: &[],
        run: |_| example::run("foretell-api", "answers_bench", &[]),
    },
    Bench {
        name: "networks",
        about: "what it costs to make a simulated network of 10,000 devices, to look a poll up in it, to reroute",
        wants: &[],
        parts: &[],
        run: |_| example::run("foretell-sim", "network_bench", &[]),
    },
];

const AGENTS: &[Want] = &[
    Want {
        name: "getbulk_25_counter64_per_agent_cpu_sec",
        floor: Bound::Least(50_000.0),
        target: Some(100_000.0),
        peer: Peer::None,
    },
    Want {
        name: "getbulk_25_of_10000_devices_per_agent_cpu_sec",
        floor: Bound::Least(50_000.0),
        target: Some(100_000.0),
        peer: Peer::None,
    },
];

/// Runs one, optimised, shows its figures and adds them to the history; without a name lists all.
pub(crate) fn run(name: Option<&str>, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let Some(name) = name else {
        print!("{}", listed());
        return Ok(ExitCode::SUCCESS);
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("no bench is named `{name}`; there are\n{}", listed());
    };
    if let Some(part) = only
        && !bench.parts.contains(&part)
    {
        bail!("{name} has no part `{part}`; there are\n{}", listed());
    }
    let load = history::load();
    let outcome = (bench.run)(only)?;
    println!("{}", figure::table(bench.wants, &outcome));
    if let Some(load) = load.filter(|load| *load > LOAD_QUIET) {
        println!(
            "load was {load} as it began: others were at work, and figures of time are worse for it"
        );
    }
    if outcome.figures.is_empty() {
        bail!("nothing was measured");
    }
    history::add(bench.name, &outcome.figures, load)?;
    let missed = figure::missed(bench.wants, &outcome.figures);
    if !missed.is_empty() {
        bail!("below the floor: {}", missed.join(", "));
    }
    let lacking = figure::lacking(bench.wants, &outcome);
    if only.is_none() && !lacking.is_empty() {
        bail!("not measured: {}", lacking.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// More than this wanted to run over the last minute: the machine was not ours alone.
const LOAD_QUIET: f64 = 0.5;

fn listed() -> String {
    let row = |bench: &Bench| {
        let parts = if bench.parts.is_empty() {
            String::new()
        } else {
            format!(" (--only {})", bench.parts.join(" | "))
        };
        format!("{}: {}{parts}\n", bench.name, bench.about)
    };
    BENCHES.iter().map(row).collect()
}
