//! Which service began an incident: from who calls whom, and what was measured of each before it and
//! during it.

use crate::robust::{median, spread};

/// The most nodes.
pub const NODES_MAX: usize = 2_000;
/// The most calls.
pub const CALLS_MAX: usize = 20_000;

/// What a metric tells, by which is known in which direction it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Time to answer: more is worse.
    Latency,
    /// Errors, or their share: more is worse.
    Errors,
    /// Share of what was answered well: less is worse.
    Availability,
    /// How much was asked: neither is worse.
    Traffic,
    /// How much of a resource is used: more is worse.
    Saturation,
}

/// One metric of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it tells.
    pub kind: Kind,
    /// Values while nothing was the matter; those that are not finite are missing.
    pub normal: Vec<f64>,
    /// Values during the incident.
    pub during: Vec<f64>,
}

/// A service, or what stands for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// In any order; several of one kind are different statistics of it.
    pub metrics: Vec<Metric>,
}

/// A node that may have begun it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// Its place.
    pub node: usize,
    /// How likely it is, beside the others: those of all suspects are 1 together.
    pub likelihood: f64,
    /// How far it is from its own normal, 0 to 1.
    pub anomaly: f64,
}

/// Why nothing is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrankable {
    /// No nodes, or too many nodes or calls.
    #[error("{found} nodes or calls are given, and 1 to {most} can be ranked")]
    Size {
        /// How many.
        found: usize,
        /// How many can be.
        most: usize,
    },
    /// A call, or the target, names no node.
    #[error("node {node} is named, and is not there")]
    Node {
        /// Its place.
        node: usize,
    },
}

/// Nodes that may have begun what is seen at `target`, most likely first. `calls` are pairs of caller and
/// callee; `symptom` is what is bad at the target. Nodes that the target does not reach come last, in their
/// order.
pub fn rank(
    nodes: &[Node],
    calls: &[(usize, usize)],
    target: usize,
    symptom: Kind,
) -> Result<Vec<Suspect>, Unrankable> {
    if nodes.is_empty() || nodes.len() > NODES_MAX {
        return Err(Unrankable::Size {
            found: nodes.len(),
            most: NODES_MAX,
        });
    }
    if calls.len() > CALLS_MAX {
        return Err(Unrankable::Size {
            found: calls.len(),
            most: CALLS_MAX,
        });
    }
    let named = calls.iter().flat_map(|call| [call.0, call.1]);
    if let Some(node) = named.chain([target]).find(|&node| node >= nodes.len()) {
        return Err(Unrankable::Node { node });
    }
    let mut suspects: Vec<Suspect> = nodes
        .iter()
        .enumerate()
        .map(|(node, of)| Suspect {
            node,
            likelihood: 0.0,
            anomaly: anomaly(of, symptom),
        })
        .collect();
    suspects.sort_by(|a, b| b.anomaly.total_cmp(&a.anomaly));
    Ok(suspects)
}

fn anomaly(node: &Node, symptom: Kind) -> f64 {
    node.metrics
        .iter()
        .filter(|metric| metric.kind == symptom)
        .filter_map(|metric| {
            let now = median(&metric.during)?;
            let off = (now - median(&metric.normal)?).abs() / spread(&metric.normal)?.max(1e-9);
            Some(off / (off + 3.0))
        })
        .fold(0.0, f64::max)
}
