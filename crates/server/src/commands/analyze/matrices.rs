//! A network and what goes over it: what `balance` reads.

use super::rows::number;
use analytics::balance::{LINKS_MAX, Link, NODES_MAX, Network};
use serde::Deserialize;
use std::collections::HashMap;

/// A network, by the names of its nodes.
#[derive(Debug)]
pub struct Topology {
    names: Vec<String>,
    /// Its links.
    pub network: Network,
    /// The first step that is answered.
    pub first_step: usize,
}

#[derive(Deserialize)]
struct Written {
    nodes: Vec<String>,
    links: Vec<WrittenLink>,
    #[serde(default)]
    first_eval_step: usize,
}

#[derive(Deserialize)]
struct WrittenLink {
    a: String,
    b: String,
    capacity_mbps: f64,
}

impl Topology {
    /// Reads `topology.json`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Written {
            nodes,
            links,
            first_eval_step,
        } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if nodes.len() > NODES_MAX || links.len() > LINKS_MAX {
            return Err(format!(
                "{} nodes and {} links are given, and at most {NODES_MAX} and {LINKS_MAX} are balanced",
                nodes.len(),
                links.len()
            ));
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, name) in nodes.iter().enumerate() {
            if places.insert(name, place).is_some() {
                return Err(format!("the node `{name}` is there twice"));
            }
        }
        let place = |name: &str| {
            let place = places.get(name).copied();
            place.ok_or_else(|| format!("a link ends at `{name}`, which is no node"))
        };
        let mut known = Vec::with_capacity(links.len());
        for link in &links {
            known.push(Link {
                from: place(&link.a)?,
                to: place(&link.b)?,
                capacity: link.capacity_mbps,
            });
        }
        let network = Network::new(nodes.len(), known).map_err(|error| error.to_string())?;
        Ok(Self {
            names: nodes,
            network,
            first_step: first_eval_step,
        })
    }

    /// A node's name.
    pub fn name(&self, node: usize) -> &str {
        self.names.get(node).map_or("", String::as_str)
    }
}

/// Which column of a table of matrices is of which pair of nodes.
#[derive(Debug)]
pub struct Pairs {
    /// The place of each column but the first in a matrix, row by row.
    places: Vec<usize>,
    nodes: usize,
}

impl Pairs {
    /// Reads a header: `step`, then `from>to` for each pair that is measured.
    pub fn parse(header: &str, topology: &Topology) -> Result<Self, String> {
        let nodes = topology.names.len();
        let places: HashMap<&str, usize> = topology
            .names
            .iter()
            .enumerate()
            .map(|(place, name)| (name.as_str(), place))
            .collect();
        let mut names = header.split(',');
        if names.next().map(str::trim) != Some("step") {
            return Err("the first column is `step`".to_owned());
        }
        let mut seen = vec![false; nodes * nodes];
        let mut all = Vec::new();
        for name in names {
            let ends = name.trim().split_once('>');
            let ends = ends.and_then(|(from, to)| places.get(from).zip(places.get(to)));
            let Some((from, to)) = ends else {
                let name: String = name.chars().take(64).collect();
                return Err(format!("the column `{name}` names no two nodes as a>b"));
            };
            let place = from * nodes + to;
            match seen.get_mut(place) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(format!("the column `{}` is there twice", name.trim())),
            }
            all.push(place);
        }
        Ok(Self { places: all, nodes })
    }

    /// Reads a step: its number, and what goes from each node to each, row by row; what is missing is NaN, what has
    /// no column is nothing.
    pub fn step(&self, line: &str) -> Result<(u64, Vec<f64>), String> {
        let mut fields = line.split(',');
        let first = fields.next().unwrap_or_default().trim();
        let step = first.parse().map_err(|_| {
            let first: String = first.chars().take(64).collect();
            format!("`{first}` is no number of a step")
        })?;
        let mut demands = vec![0.0; self.nodes * self.nodes];
        let mut places = self.places.iter();
        for field in fields {
            let Some(place) = places.next() else {
                return Err("it has more columns than the header".to_owned());
            };
            let demand = number(field.trim())?.unwrap_or(f64::NAN);
            if demand < 0.0 {
                return Err(format!("{demand} is less than nothing"));
            }
            if let Some(into) = demands.get_mut(*place) {
                *into = demand;
            }
        }
        if places.next().is_some() {
            return Err("it has fewer columns than the header".to_owned());
        }
        Ok((step, demands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = r#"{"name": "t", "nodes": ["a", "b"], "first_eval_step": 3,
        "links": [{"a": "a", "b": "b", "capacity_mbps": 10.0}], "steps": 9}"#;

    #[test]
    fn matrices_are_read_by_their_header() {
        let topology = Topology::parse(TOPOLOGY).unwrap();
        assert_eq!((topology.first_step, topology.name(1)), (3, "b"));
        let pairs = Pairs::parse("step,b>a,a>b", &topology).unwrap();
        let (step, demands) = pairs.step("7,2.5,").unwrap();
        assert_eq!((step, &demands[2..3]), (7, &[2.5][..]));
        assert!(demands[1].is_nan());
        assert_eq!(demands[..1], [0.0]);
        for (line, wrong) in [
            ("7,1", "fewer"),
            ("7,1,2,3", "more"),
            ("x,1,2", "no number of a step"),
            ("7,-1,2", "less than nothing"),
            ("7,1,y", "no number"),
        ] {
            let error = pairs.step(line).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn networks_that_do_not_fit_are_refused() {
        let topology = Topology::parse(TOPOLOGY).unwrap();
        for (header, wrong) in [
            ("a>b", "the first column"),
            ("step,a>c", "no two nodes"),
            ("step,a>b,a>b", "twice"),
        ] {
            let error = Pairs::parse(header, &topology).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
        for (text, wrong) in [
            ("{", "EOF"),
            (r#"{"nodes": ["a", "a"], "links": []}"#, "twice"),
            (r#"{"nodes": [], "links": []}"#, "1 to"),
            (
                r#"{"nodes": ["a"], "links": [{"a": "a", "b": "x", "capacity_mbps": 1}]}"#,
                "no node",
            ),
            (
                r#"{"nodes": ["a"], "links": [{"a": "a", "b": "a", "capacity_mbps": -1}]}"#,
                "from 0",
            ),
        ] {
            let error = Topology::parse(text).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
