//! The table in ARCHITECTURE.md that says which crate may depend on which, held against the
//! manifests. The table is for people first; this reads it as they do.

use crate::programs::{cargo, output, root};
use crate::tally::Outcome;
use anyhow::{Context as _, bail};
use std::collections::{BTreeMap, BTreeSet};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// What a row allows.
#[derive(Debug, PartialEq)]
enum Allowed {
    All,
    Only(BTreeSet<String>),
}

/// Fails with every dependency that the table does not allow, and every crate it does not know.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md"))
        .context("ARCHITECTURE.md, which holds the dependency table")?;
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version=1"]))?;
    let faults = faults(&table(&text)?, &graph(&metadata)?);
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(Outcome::Passed)
}

/// The rows under the heading `| crate | may depend on | never |`.
fn table(text: &str) -> anyhow::Result<BTreeMap<String, Allowed>> {
    let mut rows = BTreeMap::new();
    let lines = text
        .lines()
        .skip_while(|line| !cells(line).starts_with(&["crate".into(), "may depend on".into()]))
        .skip(2)
        .take_while(|line| line.trim_start().starts_with('|'));
    for line in lines {
        let cells = cells(line);
        let [names, allowed, ..] = cells.as_slice() else {
            bail!("a row of the dependency table lacks a column: {line}");
        };
        for name in list(names) {
            let allowed = if allowed == "all" {
                Allowed::All
            } else {
                Allowed::Only(list(allowed))
            };
            rows.insert(name, allowed);
        }
    }
    if rows.is_empty() {
        bail!("ARCHITECTURE.md has no table with the heading | crate | may depend on | never |");
    }
    Ok(rows)
}

fn cells(line: &str) -> Vec<String> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// `model, snmp (informs)` is model and snmp; `-` is nothing.
fn list(cell: &str) -> BTreeSet<String> {
    cell.split(',')
        .filter_map(|item| item.split_whitespace().next())
        .map(|name| name.trim_matches('`').to_owned())
        .filter(|name| name != "-")
        .collect()
}

/// Which crates of the workspace each one is built with (dependencies of tests left out).
fn graph(metadata: &str) -> anyhow::Result<Graph> {
    let metadata: serde_json::Value = serde_json::from_str(metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let short = |name: &serde_json::Value| {
        let name = name.as_str().unwrap_or_default();
        name.strip_prefix("foretell-").unwrap_or(name).to_owned()
    };
    let members: BTreeSet<String> = packages.iter().map(|p| short(&p["name"])).collect();
    let graph = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let ours = dependencies
            .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
            .map(|dependency| short(&dependency["name"]))
            .filter(|name| members.contains(name));
        (short(&package["name"]), ours.collect())
    });
    Ok(graph.collect())
}

fn faults(table: &BTreeMap<String, Allowed>, graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, dependencies) in graph {
        match table.get(name) {
            None => faults.push(format!("{name} has no row in the dependency table")),
            Some(Allowed::All) => {}
            Some(Allowed::Only(allowed)) => {
                for extra in dependencies.difference(allowed) {
                    faults.push(format!("{name} may not depend on {extra}"));
                }
            }
        }
    }
    for name in table.keys().filter(|name| !graph.contains_key(*name)) {
        faults.push(format!(
            "the dependency table has a row for {name}, which is no crate"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "text\n\n| crate | may depend on | never |\n| --- | --- | --- |\n\
        | model | - | I/O |\n| topology, analytics | model | a clock |\n\
        | alert | model, `snmp` (informs) | - |\n| server | all | - |\n\nmore | text\n";

    fn check(edges: &[(&str, &[&str])], expected: &[&str]) {
        let mut graph: Graph = ["model", "topology", "analytics", "alert", "server"]
            .map(|name| (name.to_owned(), BTreeSet::new()))
            .into();
        for (from, to) in edges {
            graph.insert(
                (*from).to_owned(),
                to.iter().map(|name| (*name).to_owned()).collect(),
            );
        }
        assert_eq!(faults(&table(TABLE).unwrap(), &graph), expected);
    }

    #[test]
    fn the_table_is_read_as_people_read_it() {
        check(&[], &[]);
        check(&[("server", &["model", "alert"])], &[]);
        check(&[("alert", &["model", "snmp"])], &[]);
        check(
            &[("analytics", &["topology"])],
            &["analytics may not depend on topology"],
        );
        check(&[("sim", &[])], &["sim has no row in the dependency table"]);
    }
}
