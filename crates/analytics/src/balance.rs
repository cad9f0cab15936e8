//! How traffic is split so that the link with the highest load has as little as can be: over a network of
//! links ([`Balancer`]), and over the members of one group of parallel links ([`group`]). Advice, never a
//! change.

mod buckets;
mod solve;
mod ways;

pub use buckets::{BUCKETS_MAX, Group, MEMBERS_MAX, Member, group};

use crate::linear::count;
use solve::{Demands, Pair};
use std::collections::VecDeque;
use ways::Leaving;

/// The most nodes of a network.
pub const NODES_MAX: usize = 100;
/// The most links of a network; a link carries one direction.
pub const LINKS_MAX: usize = 1_000;
/// The most ways between two nodes.
pub const ROUTES_MAX: usize = 8;
/// Matrices that are looked at: the last ones.
pub const MATRICES_MAX: usize = 12;
/// Beyond this no demand was measured, and below one part of it a link carries nothing.
const VALUE_MAX: f64 = 1e100;
/// How much a matrix counts, in parts of the one that came after it.
const WEIGHT_OF_EARLIER: f64 = 0.8;
/// What each pair is taken to send at least, in parts of the mean of all, so that the ways of those that
/// sent nothing are kept off the links that have most.
const DEMAND_MIN: f64 = 1e-4;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The node that sends, counted from 0.
    pub from: usize,
    /// The node that receives.
    pub to: usize,
    /// What it carries at most, in the unit of the demands, to 1e100; one under 1e-100 is down.
    pub capacity: f64,
}

/// Nodes and the links between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    // Invariant: ends of links are under `nodes`; capacities are zero, or from 1e-100 to 1e100.
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
    /// Load of the worst link with these splits, in parts of its capacity: the geometric mean over what is
    /// expected. Never over `worst_shortest`.
    pub worst_then: f64,
    /// The same where all takes the ways of fewest hops, equal ones in equal parts.
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
    /// A capacity or a load is negative, over 1e100, or no number.
    #[error("the capacity or load at place {at} is no number from 0 to 1e100")]
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
            if !(0.0..=VALUE_MAX).contains(&link.capacity) {
                return Err(Unbalanceable::Number { at });
            }
        }
        let mut links = links;
        for link in &mut links {
            if link.capacity < 1.0 / VALUE_MAX {
                link.capacity = 0.0;
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
///
/// What comes next is taken to be one of the last matrices, the later the likelier, and the splits are those
/// that are best for all of these together: the sample average of Shapiro, Dentcheva and Ruszczynski,
/// "Lectures on Stochastic Programming" (2009), chapter 5, which is more careful than the best for their
/// mean. They are found by shifting shares between ways by slope and curvature (Bertsekas, Gafni and
/// Gallager, "Second Derivative Algorithms for Minimum Delay Distributed Routing in Networks", IEEE
/// Transactions on Communications 32, 1984), on the smoothed maximum (Nesterov, "Smooth Minimization of
/// Non-Smooth Functions", Mathematical Programming 103, 2005), beginning with the splits of the step before.
#[derive(Clone, Debug)]
pub struct Balancer {
    network: Network,
    leaving: Leaving,
    /// The last matrices, the latest last.
    recent: VecDeque<Vec<f64>>,
    /// Of all between which there is a way, ascending: the ways of fewest hops.
    shortest: Vec<Pair>,
    /// The same with the splits of the last plan.
    pairs: Vec<Pair>,
}

impl Balancer {
    /// One that has seen nothing. O(nodes · (nodes + links)).
    pub fn new(network: Network) -> Self {
        let leaving = Leaving::new(&network);
        let mut shortest = Vec::new();
        for to in 0..network.nodes {
            let hops = leaving.hops_to(to);
            for from in (0..network.nodes).filter(|from| *from != to) {
                let routes = leaving.equal(from, &hops, ROUTES_MAX);
                if !routes.is_empty() {
                    shortest.push(Pair { from, to, routes });
                }
            }
        }
        shortest.sort_by_key(|pair| (pair.from, pair.to));
        Self {
            network,
            leaving,
            recent: VecDeque::with_capacity(MATRICES_MAX),
            pairs: shortest.clone(),
            shortest,
        }
    }

    /// The network it balances.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Takes in the demands of a step, `from * nodes + to`, in one unit with the capacities. What is no
    /// number, negative, or over 1e100 was not measured: the last one that was stands for it, or 0.
    /// O(nodes²).
    pub fn observe(&mut self, demands: &[f64]) -> Result<(), Unbalanceable> {
        let needed = self.network.nodes * self.network.nodes;
        if demands.len() != needed {
            return Err(Unbalanceable::Demands {
                found: demands.len(),
                needed,
            });
        }
        let last = self.recent.back();
        let known = |at: usize| last.and_then(|last| last.get(at)).copied();
        let taken = demands
            .iter()
            .enumerate()
            .map(|(at, &sent)| {
                if (0.0..=VALUE_MAX).contains(&sent) {
                    sent
                } else {
                    known(at).unwrap_or_default()
                }
            })
            .collect();
        if self.recent.len() == MATRICES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(taken);
        Ok(())
    }

    /// Splits for the next step, from what was observed until now. At most 60 sweeps of O(pairs · routes ·
    /// length of a route · 12), and 57 times O(nodes · links · log links): some 15 ms for 12 nodes and 30
    /// links, 0.1 s for 25 and 112, 0.2 s for 50 and 200, 2 s for 100 and 400.
    pub fn plan(&mut self) -> Result<Plan, Unbalanceable> {
        if self.recent.is_empty() {
            return Err(Unbalanceable::Unmeasured);
        }
        let demands = self.demands();
        let (mut then, mut shortest) = (0.0, 0.0);
        if demands.weights.is_empty() {
            self.pairs.clone_from(&self.shortest);
        } else {
            let of_shortest = solve::cost(&self.network, &demands, &self.shortest);
            if solve::cost(&self.network, &demands, &self.pairs) > of_shortest {
                self.pairs.clone_from(&self.shortest);
            }
            let cost = solve::improve(&self.network, &self.leaving, &demands, &mut self.pairs);
            (then, shortest) = (cost.exp(), of_shortest.exp());
        }
        Ok(Plan {
            splits: self.pairs.iter().map(split).collect(),
            worst_then: then,
            worst_shortest: shortest,
            unroutable: self.unroutable(),
        })
    }

    /// What may come: those of the last matrices in which anything is sent that has a way.
    fn demands(&self) -> Demands {
        let nodes = self.network.nodes;
        let sent = |matrix: &[f64], pair: &Pair| {
            let at = pair.from * nodes + pair.to;
            matrix.get(at).copied().unwrap_or_default()
        };
        let (mut matrices, mut weights) = (Vec::new(), Vec::new());
        let mut weight = 1.0;
        for matrix in self.recent.iter().rev() {
            let total: f64 = self.shortest.iter().map(|pair| sent(matrix, pair)).sum();
            if total > 0.0 {
                let least = DEMAND_MIN * total / count(self.shortest.len());
                matrices.push((matrix, least));
                weights.push(weight);
            }
            weight *= WEIGHT_OF_EARLIER;
        }
        let total: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }
        let of_pair = |pair| {
            let sent = matrices
                .iter()
                .map(move |(matrix, least)| sent(matrix, pair).max(*least));
            sent.collect::<Vec<f64>>()
        };
        Demands {
            sent: self.shortest.iter().flat_map(of_pair).collect(),
            weights,
        }
    }

    /// Pairs that sent something, and have no way.
    fn unroutable(&self) -> Vec<(usize, usize)> {
        let nodes = self.network.nodes;
        (0..nodes)
            .flat_map(|from| (0..nodes).map(move |to| (from, to)))
            .filter(|&(from, to)| {
                let asked = self.recent.iter().any(|matrix| {
                    matrix
                        .get(from * nodes + to)
                        .is_some_and(|sent| *sent > 0.0)
                });
                let place = |pair: &Pair| (pair.from, pair.to).cmp(&(from, to));
                from != to && asked && self.shortest.binary_search_by(place).is_err()
            })
            .collect()
    }
}

/// What a pair sends, without the ways that have no share.
fn split(pair: &Pair) -> Split {
    let used = pair.routes.iter().filter(|route| route.share > 0.0);
    let mut routes: Vec<Route> = used.cloned().collect();
    routes.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.links.cmp(&b.links)));
    let total: f64 = routes.iter().map(|route| route.share).sum();
    for route in &mut routes {
        route.share /= total;
    }
    Split {
        from: pair.from,
        to: pair.to,
        routes,
    }
}
