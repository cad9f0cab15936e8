//! Benchmarks by name, and the history of their figures in bench/history.jsonl.

use crate::programs::{cargo, output, root};
use anyhow::{Context as _, bail};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Command, ExitCode};

/// A benchmark: an example program of a crate that prints one JSON object of figures, each name
/// ending in its unit.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    about: &'static str,
}

/// To add one, add a row.
const BENCHES: &[Bench] = &[
    Bench {
        name: "series",
        package: "foretell-store",
        example: "series_bench",
        about: "how fast samples are taken and sealed, and how small they become",
    },
    Bench {
        name: "answers",
        package: "foretell-api",
        example: "answers_bench",
        about: "what answers about 10,000 devices cost",
    },
    Bench {
        name: "busiest",
        package: "foretell-api",
        example: "busiest_bench",
        about: "what a list of interfaces sorted by traffic costs at 480,000",
    },
    Bench {
        name: "agents",
        package: "foretell-sim",
        example: "agent_bench",
        about: "answers of simulated agents a second of their CPU time, and their memory",
    },
];

/// Runs one, optimised, and adds its figures to the history; without a name lists them all.
pub(crate) fn run(name: Option<&str>) -> anyhow::Result<ExitCode> {
    let Some(name) = name else {
        println!("{}", listed());
        return Ok(ExitCode::SUCCESS);
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("no bench is named `{name}`; {}", listed());
    };
    let printed = output(&mut cargo(&[
        "run",
        "--release",
        "--quiet",
        "--package",
        bench.package,
        "--example",
        bench.example,
    ]))?;
    let figures: serde_json::Value =
        serde_json::from_str(printed.trim()).context("the bench did not print one JSON object")?;
    let entry = serde_json::json!({
        "bench": bench.name,
        "commit": commit()?,
        "cores": std::thread::available_parallelism()?.get(),
        "figures": figures,
    });
    println!("{entry}");
    let folder = root().join("bench");
    std::fs::create_dir_all(&folder)?;
    let history = folder.join("history.jsonl");
    let mut file = OpenOptions::new().create(true).append(true).open(history)?;
    writeln!(file, "{entry}")?;
    Ok(ExitCode::SUCCESS)
}

fn listed() -> String {
    if BENCHES.is_empty() {
        return "there are no benches yet".to_owned();
    }
    let rows = BENCHES
        .iter()
        .map(|bench| format!("{}: {}", bench.name, bench.about));
    format!("there are: {}", rows.collect::<Vec<_>>().join("; "))
}

fn commit() -> anyhow::Result<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]);
    Ok(output(git.current_dir(root()))?.trim().to_owned())
}
