//! `foretell analyze rank`: which service is the cause of an incident.

use super::input::Lines;
use super::output::{Output, must_differ};
use super::series::Id;
use super::services::{Calls, Measured, calls, kind};
use super::summary::Summary;
use crate::cli::Files;
use crate::exit::{Exit, UsageError};
use analytics::rank::{Metric, Node, rank};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

/// The longest file, in octets.
const FILE_LEN_MAX: usize = 256 << 20;
/// The most incidents.
const INCIDENTS_MAX: usize = 10_000;
/// Seconds over which a row sums up what follows its time, where one row is all there is.
const STEP_SECS: i64 = 300;

#[derive(Deserialize)]
struct Incident {
    id: Id,
    traffic: String,
    target: Target,
}

/// What was seen to suffer, and when.
#[derive(Deserialize)]
struct Target {
    node: String,
    metric: String,
    /// Unix time in seconds.
    timestamp: f64,
}

/// A kind of traffic: who calls whom, and what is normal.
struct Traffic {
    calls: Calls,
    normal: Measured,
}

/// Runs it.
pub(super) fn run(files: &Files) -> anyhow::Result<Exit> {
    must_differ(&files.input, &files.output)?;
    let path = files.input.join("targets.json");
    let text = Lines::open(&path)?.rest(FILE_LEN_MAX)?;
    let incidents: Vec<Incident> =
        serde_json::from_str(&text).map_err(|error| wrong(&path, &error.to_string()))?;
    if incidents.len() > INCIDENTS_MAX {
        let text = format!("there are more than {INCIDENTS_MAX} incidents");
        return Err(wrong(&path, &text));
    }
    let mut output = Output::begin(&files.output)?;
    let mut summary = Summary::begin("rank", "incidents");
    let mut known: BTreeMap<String, Traffic> = BTreeMap::new();
    for incident in &incidents {
        for name in [&incident.traffic, &incident.id.0] {
            if !is_plain(name) {
                return Err(wrong(&path, &format!("`{name}` is no name of a file")));
            }
        }
        let folder = files.input.join(&incident.traffic);
        let traffic = match known.entry(incident.traffic.clone()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => place.insert(traffic(&folder)?),
        };
        let ranking = ranking(incident, traffic, &folder, &path)?;
        let told = json!({"id": incident.id.0, "ranking": ranking});
        writeln!(output, "{told}")?;
        summary.answered(1);
    }
    output.finish()?;
    summary.tell(files)
}

/// Services, the likeliest first.
fn ranking(
    incident: &Incident,
    traffic: &Traffic,
    folder: &Path,
    targets: &Path,
) -> anyhow::Result<Vec<String>> {
    let Target {
        node,
        metric,
        timestamp,
    } = &incident.target;
    let symptom = kind(metric);
    let symptom =
        symptom.ok_or_else(|| wrong(targets, &format!("the metric `{metric}` is not known")))?;
    let during = measured(folder, &incident.id.0)?;
    let mut names = traffic.calls.services.clone();
    let mut places: HashMap<String, usize> = (0..)
        .zip(&names)
        .map(|(place, name)| (name.clone(), place))
        .collect();
    let columns: Vec<_> = traffic
        .normal
        .values
        .keys()
        .chain(during.values.keys())
        .collect();
    for column in &columns {
        if !places.contains_key(&column.service) {
            places.insert(column.service.clone(), names.len());
            names.push(column.service.clone());
        }
    }
    let Some(&target) = places.get(node) else {
        return Err(wrong(targets, &format!("the node `{node}` is not known")));
    };
    // A row sums up what follows its time.
    let step = during.at_secs.iter().zip(during.at_secs.iter().skip(1));
    let step = step
        .map(|(a, b)| b - a)
        .find(|step| *step > 0)
        .unwrap_or(STEP_SECS);
    let begin = during
        .at_secs
        .iter()
        .position(|at| (at + step) as f64 > *timestamp);
    let begin = begin.unwrap_or(0);
    let mut nodes = vec![Node::default(); names.len()];
    let mut columns = columns;
    columns.sort_unstable();
    columns.dedup();
    for column in columns {
        let Some((kind, place)) = kind(&column.metric).zip(places.get(&column.service)) else {
            continue;
        };
        let of = |measured: &Measured, begin: usize| {
            let values = measured
                .values
                .get(column)
                .and_then(|values| values.get(begin..));
            values.unwrap_or_default().to_vec()
        };
        if let Some(node) = nodes.get_mut(*place) {
            node.metrics.push(Metric {
                kind,
                normal: of(&traffic.normal, 0),
                during: of(&during, begin),
            });
        }
    }
    let suspects = rank(&nodes, &traffic.calls.calls, target, symptom);
    let suspects = suspects.map_err(|error| wrong(folder, &error.to_string()))?;
    let ranked = suspects
        .iter()
        .filter_map(|suspect| names.get(suspect.node));
    Ok(ranked.cloned().collect())
}

fn traffic(folder: &Path) -> anyhow::Result<Traffic> {
    let path = folder.join("graph.csv");
    let text = Lines::open(&path)?.rest(FILE_LEN_MAX)?;
    let calls = calls(&text).map_err(|detail| wrong(&path, &detail))?;
    Ok(Traffic {
        calls,
        normal: measured(folder, "noissue")?,
    })
}

/// What was measured, of a file that may be packed.
fn measured(folder: &Path, name: &str) -> anyhow::Result<Measured> {
    let names = [format!("{name}.csv.gz"), format!("{name}.csv")];
    let paths = names.map(|name| folder.join(name));
    let [packed, plain] = &paths;
    let path: &PathBuf = if packed.exists() { packed } else { plain };
    let text = Lines::open(path)?.rest(FILE_LEN_MAX)?;
    Measured::parse(&text).map_err(|detail| wrong(path, &detail))
}

/// Whether it is the name of one thing in a folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

fn wrong(path: &Path, detail: &str) -> anyhow::Error {
    UsageError(format!("{}: {detail}", path.display())).into()
}
