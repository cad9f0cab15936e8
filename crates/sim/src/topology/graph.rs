//! A network from a file: nodes and links as somebody else drew them, in node-link JSON or GraphML.
//! Each node is a router with its customers; those with most links have a way out.

mod graphml;
mod node_link;

use super::{COST, CUSTOMERS, WORLD};
use crate::network::{Behind, Draft, Role};
use crate::scenario::{DEVICES_MAX, Scenario};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Octets of a graph file: the largest that [`DEVICES_MAX`] nodes with their links need.
pub const GRAPH_LEN_MAX: usize = 16 * 1024 * 1024;
/// Links of a graph file: ten to a device.
pub const GRAPH_LINKS_MAX: usize = 200_000;
/// Characters of a name: as many as sysName has (RFC 3418).
const NAME_LEN_MAX: usize = 64;
/// Ports for customers on a router, where nothing is said.
const PORTS: u16 = 4;
/// Of how many routers one has a way out.
const WORLD_IN: usize = 20;

/// The graph file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is too long, or not text.
    #[error("a graph file is text of at most {len_max} octets")]
    NotText {
        /// How long it may be.
        len_max: usize,
    },
    /// It is not what its first sign promises.
    #[error("line {line}: {detail}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A node or a link that cannot be.
    #[error("{place}: {detail}")]
    Content {
        /// Where, as `links[3]`.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// A graph as a file has it: checked, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// The links.
    pub links: Vec<GraphLink>,
}

/// A link of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphLink {
    /// Place of one end in the nodes.
    pub a: usize,
    /// Place of the other.
    pub b: usize,
    /// Megabits in a second, where the file says so.
    pub speed_mbps: Option<u32>,
    /// Cost of a path over it, where the file says so.
    pub cost: Option<u32>,
}

/// What a reader of a format found, before it is checked.
#[derive(Debug, Default)]
struct Found {
    nodes: Vec<FoundNode>,
    links: Vec<FoundLink>,
}

#[derive(Debug)]
struct FoundNode {
    id: String,
    /// What people call it, where that is something else.
    label: Option<String>,
    place: String,
}

#[derive(Debug)]
struct FoundLink {
    a: String,
    b: String,
    speed_bps: Option<f64>,
    cost: Option<f64>,
    place: String,
}

impl Graph {
    /// Reads a graph file: node-link JSON (`nodes`, and `links` or `edges`, with ends `a` and `b`,
    /// `source` and `target`, or `from` and `to`), or GraphML.
    pub fn parse(bytes: &[u8]) -> Result<Self, GraphError> {
        let not_text = || GraphError::NotText {
            len_max: GRAPH_LEN_MAX,
        };
        if bytes.len() > GRAPH_LEN_MAX {
            return Err(not_text());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| not_text())?;
        let text = text.trim_start_matches('\u{feff}');
        let found = match text.trim_start().chars().next() {
            Some('<') => graphml::read(text)?,
            _ => node_link::read(text)?,
        };
        check(found)
    }

    /// Reads one from disk.
    pub fn load(path: &Path) -> Result<Self, GraphError> {
        let mut bytes = Vec::new();
        let octets_max = GRAPH_LEN_MAX as u64 + 1;
        File::open(path)
            .and_then(|file| file.take(octets_max).read_to_end(&mut bytes))
            .map_err(|source| GraphError::Read {
                path: path.to_owned(),
                source,
            })?;
        Self::parse(&bytes)
    }
}

fn check(found: Found) -> Result<Graph, GraphError> {
    let content = |place: &str, detail: String| {
        Err(GraphError::Content {
            place: place.to_owned(),
            detail,
        })
    };
    if found.nodes.is_empty() {
        return content("nodes", "there are none".to_owned());
    }
    if found.nodes.len() > DEVICES_MAX {
        return content("nodes", format!("more than {DEVICES_MAX}"));
    }
    if found.links.len() > GRAPH_LINKS_MAX {
        return content("links", format!("more than {GRAPH_LINKS_MAX}"));
    }
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let mut names = HashSet::new();
    let mut graph = Graph::default();
    for (number, node) in found.nodes.into_iter().enumerate() {
        if by_id.contains_key(&node.id) {
            return content(
                &node.place,
                format!("there are two nodes `{}`", cut(&node.id)),
            );
        }
        let mut wanted = name(node.label.as_deref().unwrap_or(&node.id));
        if wanted.is_empty() {
            "node".clone_into(&mut wanted);
        }
        let mut name = wanted.clone();
        // Two places of one name are told apart by their numbers.
        if !names.insert(name.clone()) {
            name = format!("{wanted}-{number}");
            let mut more = number;
            while !names.insert(name.clone()) {
                more += 1;
                name = format!("{wanted}-{number}-{more}");
            }
        }
        by_id.insert(node.id, number);
        graph.nodes.push(name);
    }
    for link in found.links {
        let end = |id: &str| match by_id.get(id) {
            Some(&node) => Ok(node),
            None => Err(GraphError::Content {
                place: link.place.clone(),
                detail: format!("there is no node `{}`", cut(id)),
            }),
        };
        let (a, b) = (end(&link.a)?, end(&link.b)?);
        if a == b {
            // A loop carries nothing from here to there.
            continue;
        }
        graph.links.push(GraphLink {
            a,
            b,
            speed_mbps: link.speed_bps.and_then(speed_mbps),
            cost: link.cost.and_then(cost),
        });
    }
    Ok(graph)
}

/// Within what a link of today can be.
fn speed_mbps(bps: f64) -> Option<u32> {
    let mbps = (bps / 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range by the line before"
    )]
    (1.0..=1_600_000.0).contains(&mbps).then_some(mbps as u32)
}

fn cost(cost: f64) -> Option<u32> {
    let cost = cost.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range it is asked for"
    )]
    (1.0..=1_000_000.0).contains(&cost).then_some(cost as u32)
}

/// A host's name: letters, digits, hyphens, dots; what is anything else becomes a hyphen.
fn name(text: &str) -> String {
    let plain: String = text
        .chars()
        .take(NAME_LEN_MAX)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    plain.trim_matches('-').to_owned()
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

pub(super) fn draw(scenario: &Scenario) -> Result<Draft, GraphError> {
    let path = scenario.graph.as_deref().unwrap_or(Path::new("graph.json"));
    Ok(of_graph(&Graph::load(path)?, scenario.ports))
}

fn of_graph(graph: &Graph, ports: Option<u16>) -> Draft {
    let mut draft = Draft::default();
    let mut degrees = vec![0_usize; graph.nodes.len()];
    for end in graph.links.iter().flat_map(|link| [link.a, link.b]) {
        if let Some(degree) = degrees.get_mut(end) {
            *degree += 1;
        }
    }
    let mut by_degree: Vec<usize> = (0..graph.nodes.len()).collect();
    by_degree.sort_by_key(|&node| (std::cmp::Reverse(degrees.get(node).copied()), node));
    let ways_out: HashSet<usize> = by_degree
        .into_iter()
        .take(graph.nodes.len().div_ceil(WORLD_IN))
        .collect();
    for (number, name) in graph.nodes.iter().enumerate() {
        let site = draft.site(name.clone());
        let router = draft.device(name.clone(), Role::Router, site);
        let ports = ports.unwrap_or(PORTS);
        draft.edge(
            router,
            (ports, ports * 3 / 4, 10_000),
            Behind::Host,
            CUSTOMERS,
        );
        if ways_out.contains(&number) {
            draft.edge(router, (1, 1, 10_000), Behind::World, WORLD);
        }
    }
    for link in &graph.links {
        draft.link(
            link.a,
            link.b,
            link.speed_mbps.unwrap_or(10_000),
            link.cost.unwrap_or(COST),
        );
    }
    draft
}

#[cfg(test)]
mod tests;
