//! `foretell analyze balance`: how traffic over a network is split, step by step.

use super::input::Lines;
use super::matrices::{Pairs, Topology};
use super::output::{Output, must_differ};
use super::summary::Summary;
use crate::cli::Balance;
use crate::exit::{Exit, UsageError};
use analytics::balance::{Balancer, Route, Unbalanceable};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The longest `topology.json`, in octets.
const TOPOLOGY_LEN_MAX: usize = 16 << 20;
/// The most steps of a file.
const STEPS_MAX: usize = 1_000_000;

/// Runs it.
pub(super) fn run(asked: &Balance) -> anyhow::Result<Exit> {
    let files = &asked.files;
    must_differ(&files.input, &files.output)?;
    let topology = topology(&files.input.join("topology.json"))?;
    let mut lines = Lines::open(&matrices(&files.input)?)?;
    let Some((line, header)) = lines.read()? else {
        let text = format!("{} is empty: a header is expected", lines.name());
        return Err(UsageError(text).into());
    };
    let pairs = Pairs::parse(header, &topology);
    let pairs = pairs.map_err(|detail| lines.wrong(line, &detail))?;
    let mut output = Output::begin(&files.output)?;
    let mut summary = Summary::begin("balance", "steps");
    let mut balancer = Balancer::new(topology.network.clone());
    let mut next = 0;
    loop {
        let read = lines.read()?;
        // Said before the step's own demands are seen.
        let is_last = read.is_none();
        if next >= topology.first_step && (!is_last || asked.ahead) {
            let told = step(next, &mut balancer, &topology)?;
            writeln!(output, "{told}")?;
            summary.answered(1);
        }
        let Some((line, text)) = read else {
            break;
        };
        let taken = pairs.step(text).and_then(|(step, demands)| {
            if usize::try_from(step) != Ok(next) {
                return Err(format!("step {next} is expected, and it is {step}"));
            }
            if next >= STEPS_MAX {
                return Err(format!("a file has at most {STEPS_MAX} steps"));
            }
            balancer
                .observe(&demands)
                .map_err(|error| error.to_string())
        });
        taken.map_err(|detail| lines.wrong(line, &detail))?;
        next += 1;
    }
    output.finish()?;
    summary.tell(files)
}

/// What is told of a step, of those before it.
fn step(step: usize, balancer: &mut Balancer, topology: &Topology) -> anyhow::Result<Value> {
    let begun = Instant::now();
    let plan = match balancer.plan() {
        Ok(plan) => plan,
        // Before the first matrix there is nothing to go by: all takes the shortest ways.
        Err(Unbalanceable::Unmeasured) => return Ok(json!({"step": step, "paths": {}})),
        Err(error) => return Err(UsageError(format!("step {step}: {error}")).into()),
    };
    let elapsed_ms = begun.elapsed().as_secs_f64() * 1e3;
    let mut paths = Map::new();
    for split in &plan.splits {
        let ends = format!("{}>{}", topology.name(split.from), topology.name(split.to));
        let ways = split.routes.iter();
        let ways = ways.map(|route| way(route, split.from, topology));
        paths.insert(ends, ways.collect());
    }
    Ok(json!({"step": step, "paths": paths, "elapsed_ms": elapsed_ms}))
}

/// A way's share, and the nodes that it goes over.
fn way(route: &Route, from: usize, topology: &Topology) -> Value {
    let links = topology.network.links();
    let nodes: Vec<&str> = std::iter::once(from)
        .chain(
            route
                .links
                .iter()
                .filter_map(|link| Some(links.get(*link)?.to)),
        )
        .map(|node| topology.name(node))
        .collect();
    json!([route.share, nodes])
}

fn topology(path: &Path) -> anyhow::Result<Topology> {
    let text = Lines::open(path)?.rest(TOPOLOGY_LEN_MAX)?;
    let topology = Topology::parse(&text);
    topology.map_err(|detail| UsageError(format!("{}: {detail}", path.display())).into())
}

/// The file of the matrices.
fn matrices(folder: &Path) -> anyhow::Result<PathBuf> {
    let names = ["tm.csv", "tm.csv.gz"].map(|name| folder.join(name));
    let there = names.iter().find(|path| path.exists()).cloned();
    let folder = folder.display();
    Ok(there.ok_or_else(|| UsageError(format!("there is no tm.csv or tm.csv.gz in {folder}")))?)
}
