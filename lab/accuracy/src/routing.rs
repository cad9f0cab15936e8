//! How well traffic is spread over links: the load of the most loaded link, over the least that any routing
//! could have had that knew the demand beforehand (Fortz and Thorup, "Internet Traffic Engineering by Optimizing
//! OSPF Weights", IEEE INFOCOM 2000; the ratio after Azar, Cohen, Fiat, Kaplan and Räcke, STOC 2003).
//!
//! The least is part of the truth; here answers are only carried out: weights by shortest paths that share
//! equally, paths with their shares, or shares of each next hop.

use crate::number::{count, mean, median, quantile};
use crate::read::{Table, json, json_lines};
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Paths whose lengths differ by less are equally long.
const EQUAL: f64 = 1e-9;

#[derive(Deserialize)]
struct Topology {
    nodes: Vec<String>,
    links: Vec<LinkOf>,
    first_eval_step: usize,
    steps: usize,
}

#[derive(Deserialize)]
struct LinkOf {
    a: String,
    b: String,
    capacity_mbps: f64,
}

#[derive(Deserialize)]
struct Truth {
    opt: BTreeMap<usize, f64>,
    ospf_unit: BTreeMap<usize, f64>,
}

/// Of pairs (`a>b`): shares and the nodes that each goes by.
type Paths = BTreeMap<String, Vec<(f64, Vec<String>)>>;
/// Of destinations: of nodes: the share of each neighbour.
type Next = BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>;

/// What is answered for a step. One of the three counts: the next hops first, then the paths.
#[derive(Deserialize)]
struct Answer {
    step: usize,
    weights: Option<BTreeMap<String, f64>>,
    paths: Option<Paths>,
    next: Option<Next>,
    elapsed_ms: Option<f64>,
}

/// A link, by the places of its ends.
#[derive(Clone, Copy, Debug)]
struct Link {
    from: usize,
    to: usize,
    capacity: f64,
}

/// Nodes and links.
struct Network {
    places: BTreeMap<String, usize>,
    links: Vec<Link>,
    by_ends: BTreeMap<(usize, usize), usize>,
}

/// What each node sends to each other, in the order of nodes.
type Demand = Vec<Vec<f64>>;

/// Scores a file of answers over a folder with the network and its demands.
pub fn score(set: &Path, truth: &Path, answers: &Path) -> anyhow::Result<Value> {
    let topology: Topology = json(&set.join("topology.json"))?;
    let network = Network::of(&topology)?;
    let table = Table::read(&set.join("tm.csv.gz"))?;
    let truth: Truth = json(truth)?;
    let answers: Vec<Answer> = json_lines(answers)?;
    let answers: BTreeMap<usize, Answer> = answers
        .into_iter()
        .map(|answer| (answer.step, answer))
        .collect();
    let demands = demands(&table, network.places.len())?;
    let (mut reached, mut shortest, mut took) = (Vec::new(), Vec::new(), Vec::new());
    let mut over = 0;
    for step in topology.first_eval_step..topology.steps {
        let answer = answers
            .get(&step)
            .with_context(|| format!("no answer for step {step}"))?;
        let demand = demands
            .get(step)
            .with_context(|| format!("no demand of step {step}"))?;
        let loads = network
            .loads(answer, demand)
            .with_context(|| format!("step {step}"))?;
        let worst = network.worst(&loads);
        let known = |of: &BTreeMap<usize, f64>| {
            of.get(&step)
                .copied()
                .with_context(|| format!("no truth of step {step}"))
        };
        let least = known(&truth.opt)?;
        reached.push(worst / least);
        shortest.push(known(&truth.ospf_unit)? / least);
        over += usize::from(worst > 1.0);
        took.extend(answer.elapsed_ms);
    }
    ensure!(!reached.is_empty(), "no step is scored");
    Ok(json!({
        "steps": reached.len(),
        "mlu_over_optimal": spread(&reached),
        "ospf_unit_over_optimal": spread(&shortest),
        "gap_closed_vs_ospf": 1.0 - (mean(&reached) - 1.0) / (mean(&shortest) - 1.0),
        "steps_over_100pct": over,
        "ms_median": (!took.is_empty()).then(|| median(&took)),
    }))
}

fn spread(values: &[f64]) -> Value {
    json!({
        "mean": mean(values),
        "p50": median(values),
        "p95": quantile(values, 0.95),
        "max": quantile(values, 1.0),
    })
}

/// The matrices of a table, step by step: behind the step a cell for each pair of nodes, row by row.
fn demands(table: &Table, nodes: usize) -> anyhow::Result<Vec<Demand>> {
    let columns: Vec<&str> = table.names().skip(1).collect();
    ensure!(
        columns.len() == nodes * nodes,
        "{} pairs of {nodes} nodes",
        columns.len()
    );
    let mut demands = vec![vec![vec![0.0; nodes]; nodes]; table.len()];
    for (nth, name) in columns.into_iter().enumerate() {
        for (demand, value) in demands.iter_mut().zip(table.numbers(name)?) {
            demand[nth / nodes][nth % nodes] = value;
        }
    }
    Ok(demands)
}

impl Network {
    fn of(topology: &Topology) -> anyhow::Result<Self> {
        let nodes = topology.nodes.iter().cloned();
        let places: BTreeMap<String, usize> = nodes.zip(0..).collect();
        let place = |name: &String| {
            places
                .get(name)
                .copied()
                .with_context(|| format!("no node {name}"))
        };
        let mut links = Vec::with_capacity(topology.links.len());
        for link in &topology.links {
            let (from, to) = (place(&link.a)?, place(&link.b)?);
            links.push(Link {
                from,
                to,
                capacity: link.capacity_mbps,
            });
        }
        let by_ends = links
            .iter()
            .enumerate()
            .map(|(at, link)| ((link.from, link.to), at))
            .collect();
        Ok(Self {
            places,
            links,
            by_ends,
        })
    }

    fn place(&self, node: &str) -> anyhow::Result<usize> {
        self.places
            .get(node)
            .copied()
            .with_context(|| format!("no node {node}"))
    }

    fn link(&self, from: usize, to: usize) -> anyhow::Result<usize> {
        let at = self.by_ends.get(&(from, to)).copied();
        at.with_context(|| format!("no link from node {from} to node {to}"))
    }

    fn worst(&self, loads: &[f64]) -> f64 {
        let shares = loads
            .iter()
            .zip(&self.links)
            .map(|(load, link)| load / link.capacity);
        shares.fold(0.0, f64::max)
    }

    /// The load of each link where an answer is carried out.
    fn loads(&self, answer: &Answer, demand: &Demand) -> anyhow::Result<Vec<f64>> {
        if let Some(next) = &answer.next {
            return self.loads_by_next(next, demand);
        }
        if let Some(paths) = &answer.paths {
            return self.loads_by_paths(paths, demand);
        }
        let mut weights = vec![1.0; self.links.len()];
        for (ends, &weight) in answer
            .weights
            .as_ref()
            .context("no weights, paths or next")?
        {
            let (from, to) = ends
                .split_once('>')
                .with_context(|| format!("no link: {ends}"))?;
            ensure!(
                weight > 0.0 && weight.is_finite(),
                "the weight of {ends} is {weight}"
            );
            weights[self.link(self.place(from)?, self.place(to)?)?] = weight;
        }
        let mut loads = vec![0.0; self.links.len()];
        self.add_by_weights(&weights, demand, &mut loads);
        Ok(loads)
    }

    /// Adds what shortest paths carry; where several are equally short, each node shares equally among its
    /// links on them.
    fn add_by_weights(&self, weights: &[f64], demand: &Demand, loads: &mut [f64]) {
        let nodes = self.places.len();
        for to in 0..nodes {
            let distances = self.distances(weights, to);
            // From the farthest on: all that passes a node has come to it before it is shared.
            let mut farthest: Vec<usize> = (0..nodes).collect();
            farthest.retain(|node| *node != to && distances[*node].is_finite());
            farthest.sort_by(|a, b| distances[*b].total_cmp(&distances[*a]));
            let mut carried: Vec<f64> = demand.iter().map(|row| row[to]).collect();
            for node in farthest {
                let is_next = |at: &usize| {
                    let link = self.links[*at];
                    let through = distances[link.to] + weights[*at];
                    link.from == node && (through - distances[node]).abs() < EQUAL
                };
                let next: Vec<usize> = (0..self.links.len()).filter(is_next).collect();
                let each = carried[node] / count(next.len());
                for at in next {
                    loads[at] += each;
                    carried[self.links[at].to] += each;
                }
            }
        }
    }

    /// How far each node is from one, by the weights of links (Bellman and Ford: networks are small).
    fn distances(&self, weights: &[f64], to: usize) -> Vec<f64> {
        let mut distances = vec![f64::INFINITY; self.places.len()];
        distances[to] = 0.0;
        for _ in 0..self.places.len() {
            let mut changed = false;
            for (link, weight) in self.links.iter().zip(weights) {
                let through = distances[link.to] + weight;
                if through < distances[link.from] - 1e-12 {
                    distances[link.from] = through;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        distances
    }

    /// Pairs that are left out go by the fewest hops.
    fn loads_by_paths(&self, paths: &Paths, demand: &Demand) -> anyhow::Result<Vec<f64>> {
        let mut loads = vec![0.0; self.links.len()];
        let mut left = demand.clone();
        for (pair, paths) in paths {
            let (from, to) = pair
                .split_once('>')
                .with_context(|| format!("no pair: {pair}"))?;
            let (from, to) = (self.place(from)?, self.place(to)?);
            let all: f64 = paths.iter().map(|(share, _)| share).sum();
            ensure!(all > 0.0, "{pair}: its shares are {all} together");
            left[from][to] = 0.0;
            for (share, path) in paths {
                let path = path
                    .iter()
                    .map(|node| self.place(node))
                    .collect::<Result<Vec<_>, _>>()?;
                let ends = (path.first().copied(), path.last().copied());
                ensure!(
                    ends == (Some(from), Some(to)),
                    "{pair}: a path has other ends"
                );
                for hop in path.windows(2) {
                    loads[self.link(hop[0], hop[1])?] += demand[from][to] * share / all;
                }
            }
        }
        self.add_by_weights(&vec![1.0; self.links.len()], &left, &mut loads);
        Ok(loads)
    }

    /// Nodes that are left out send to the neighbour with the fewest hops, the first of equal ones.
    fn loads_by_next(&self, next: &Next, demand: &Demand) -> anyhow::Result<Vec<f64>> {
        let mut loads = vec![0.0; self.links.len()];
        for (name, &to) in &self.places {
            let sent: Vec<f64> = demand.iter().map(|row| row[to]).collect();
            if sent
                .iter()
                .enumerate()
                .all(|(node, sent)| node == to || *sent <= 0.0)
            {
                continue;
            }
            let mut shares: BTreeMap<usize, f64> = BTreeMap::new();
            let mut told = vec![false; self.places.len()];
            for (node, of) in next.get(name).into_iter().flatten() {
                let from = self.place(node)?;
                let all: f64 = of.values().sum();
                if from == to || all <= 0.0 {
                    continue;
                }
                told[from] = true;
                for (neighbour, share) in of {
                    shares.insert(self.link(from, self.place(neighbour)?)?, share / all);
                }
            }
            let hops = self.distances(&vec![1.0; self.links.len()], to);
            for from in (0..told.len()).filter(|node| *node != to && !told[*node]) {
                let of_node = self.by_ends.range((from, 0)..=(from, usize::MAX));
                let nearest = of_node.min_by(|a, b| hops[a.0.1].total_cmp(&hops[b.0.1]));
                shares.insert(*nearest.context("a node has no link")?.1, 1.0);
            }
            let through = self.through(&shares, &sent, to)?;
            for (&at, share) in &shares {
                loads[at] += through[self.links[at].from] * share;
            }
        }
        Ok(loads)
    }

    /// What passes each node on the way to one: what it sends itself and what others send to it, solved by
    /// elimination with the largest pivot.
    fn through(
        &self,
        shares: &BTreeMap<usize, f64>,
        sent: &[f64],
        to: usize,
    ) -> anyhow::Result<Vec<f64>> {
        let nodes = sent.len();
        let mut rows = vec![vec![0.0; nodes + 1]; nodes];
        for (node, row) in rows.iter_mut().enumerate() {
            row[node] = 1.0;
            row[nodes] = if node == to { 0.0 } else { sent[node] };
        }
        for (&at, share) in shares {
            rows[self.links[at].to][self.links[at].from] -= share;
        }
        for column in 0..nodes {
            let largest = (column..nodes)
                .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()));
            rows.swap(column, largest.unwrap_or(column));
            let pivot = rows[column].clone();
            if pivot[column].abs() < 1e-12 {
                bail!("traffic to node {to} goes in a circle");
            }
            for (at, row) in rows.iter_mut().enumerate() {
                let factor = row[column] / pivot[column];
                if at != column && factor != 0.0 {
                    for (cell, of_pivot) in row.iter_mut().zip(&pivot) {
                        *cell -= factor * of_pivot;
                    }
                }
            }
        }
        Ok(rows
            .iter()
            .enumerate()
            .map(|(node, row)| row[nodes] / row[node])
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square a-b-d and a-c-d, both ways, each link of 10; a sends 8 to d.
    fn square() -> (Network, Demand) {
        let ends = ["ab", "ba", "bd", "db", "ac", "ca", "cd", "dc"];
        let links = ends.map(|ends| LinkOf {
            a: ends[..1].to_owned(),
            b: ends[1..].to_owned(),
            capacity_mbps: 10.0,
        });
        let topology = Topology {
            nodes: ["a", "b", "c", "d"].map(str::to_owned).into(),
            links: links.into(),
            first_eval_step: 0,
            steps: 1,
        };
        let mut demand = vec![vec![0.0; 4]; 4];
        demand[0][3] = 8.0;
        (Network::of(&topology).unwrap(), demand)
    }

    fn check(answer: &str, worst: Option<f64>) {
        let (network, demand) = square();
        let answer: Answer = serde_json::from_str(answer).unwrap();
        let found = network
            .loads(&answer, &demand)
            .map(|loads| network.worst(&loads));
        match (found, worst) {
            (Ok(found), Some(worst)) => assert!((found - worst).abs() < 1e-12, "{found}"),
            (found, worst) => assert_eq!(found.ok(), worst),
        }
    }

    #[test]
    fn weights_are_carried_out_by_shortest_paths() {
        check(r#"{"step": 0, "weights": {}}"#, Some(0.4));
        check(r#"{"step": 0, "weights": {"a>b": 1.5}}"#, Some(0.8));
        check(r#"{"step": 0, "weights": {"a>b": 0}}"#, None);
        check(r#"{"step": 0, "weights": {"a>d": 1}}"#, None);
        check(r#"{"step": 0}"#, None);
    }

    #[test]
    fn paths_carry_their_shares() {
        let paths = r#"{"step": 0, "paths": {"a>d": [[3, ["a","b","d"]], [1, ["a","c","d"]]]}}"#;
        check(paths, Some(0.6));
        check(r#"{"step": 0, "paths": {}}"#, Some(0.4));
        check(r#"{"step": 0, "paths": {"a>d": [[1, ["a","b"]]]}}"#, None);
        check(r#"{"step": 0, "paths": {"a>d": [[1, ["a","d"]]]}}"#, None);
    }

    #[test]
    fn next_hops_carry_their_shares() {
        check(
            r#"{"step": 0, "next": {"d": {"a": {"b": 0.75, "c": 0.25}}}}"#,
            Some(0.6),
        );
        // Left out: the fewest hops, by the first neighbour.
        check(r#"{"step": 0, "next": {}}"#, Some(0.8));
        // There and back for ever.
        check(
            r#"{"step": 0, "next": {"d": {"a": {"b": 1}, "b": {"a": 1}}}}"#,
            None,
        );
        // Half of it comes back once and again: 8 * (1 + 1/2 + 1/4 + ...) from a to b.
        check(
            r#"{"step": 0, "next": {"d": {"a": {"b": 1}, "b": {"a": 1, "d": 1}}}}"#,
            Some(1.6),
        );
    }
}
