//! Shortest ways through a network by lengths of its links.

// Kernels over nodes and links that a network has checked.
#![allow(clippy::indexing_slicing)]

use super::{Network, Route};
use crate::linear::count;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Links by the node that they leave; those that carry nothing are left out.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    links: Vec<Vec<(usize, usize)>>,
}

/// Shortest ways from one node.
pub(super) struct Tree {
    /// How long the way to each node is; infinite where there is none.
    lengths: Vec<f64>,
    /// The last link of it.
    last: Vec<Option<(usize, usize)>>,
}

/// Nearer first, then by the node, so that the order does not depend on what came before.
#[derive(PartialEq)]
struct Reached(f64, usize);

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .0
            .total_cmp(&self.0)
            .then_with(|| other.1.cmp(&self.1))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Leaving {
    pub(super) fn new(network: &Network) -> Self {
        let mut links = vec![Vec::new(); network.nodes()];
        for (at, link) in network.links().iter().enumerate() {
            if link.capacity > 0.0 && link.from != link.to {
                links[link.from].push((at, link.to));
            }
        }
        Self { links }
    }

    /// Hops from each node to one; none where there is no way. O(nodes + links).
    pub(super) fn hops_to(&self, to: usize) -> Vec<Option<usize>> {
        let mut entering = vec![Vec::new(); self.links.len()];
        for (from, links) in self.links.iter().enumerate() {
            for &(_, to) in links {
                entering[to].push(from);
            }
        }
        let mut hops = vec![None; self.links.len()];
        hops[to] = Some(0);
        let mut reached = VecDeque::from([(to, 0)]);
        while let Some((node, far)) = reached.pop_front() {
            for &from in &entering[node] {
                if hops[from].is_none() {
                    hops[from] = Some(far + 1);
                    reached.push_back((from, far + 1));
                }
            }
        }
        hops
    }

    /// All ways of fewest hops, each node sending equal parts to its next ones; where there are more than
    /// so many, the first one only. `hops` are those to the node where they end.
    pub(super) fn equal(&self, from: usize, hops: &[Option<usize>], most: usize) -> Vec<Route> {
        let mut found = Vec::new();
        let mut open = vec![(from, 1.0, Vec::new())];
        while let Some((node, share, links)) = open.pop() {
            let Some(far) = hops[node] else {
                return Vec::new();
            };
            if far == 0 {
                found.push(Route { share, links });
                continue;
            }
            let nearer = self.links[node]
                .iter()
                .filter(|(_, to)| hops[*to] == Some(far - 1));
            let part = share / count(nearer.clone().count());
            for &(link, to) in nearer.rev() {
                let mut links = links.clone();
                links.push(link);
                open.push((to, part, links));
            }
            // Each that is open ends in a way of its own.
            if found.len() + open.len() > most {
                return self.first(from, hops);
            }
        }
        found
    }

    /// The first way of fewest hops.
    fn first(&self, from: usize, hops: &[Option<usize>]) -> Vec<Route> {
        let (mut node, mut links) = (from, Vec::new());
        while let Some(far) = hops[node].filter(|far| *far > 0) {
            let next = self.links[node]
                .iter()
                .find(|(_, to)| hops[*to] == Some(far - 1));
            let Some(&(link, to)) = next else {
                return Vec::new();
            };
            links.push(link);
            node = to;
        }
        vec![Route { share: 1.0, links }]
    }

    /// Dijkstra's algorithm ("A Note on Two Problems in Connexion with Graphs", 1959). Lengths are not
    /// negative. O((nodes + links) · log links).
    pub(super) fn from(&self, from: usize, lengths: &[f64]) -> Tree {
        let nodes = self.links.len();
        let mut tree = Tree {
            lengths: vec![f64::INFINITY; nodes],
            last: vec![None; nodes],
        };
        tree.lengths[from] = 0.0;
        let mut heap = BinaryHeap::from([Reached(0.0, from)]);
        while let Some(Reached(length, node)) = heap.pop() {
            if length > tree.lengths[node] {
                continue;
            }
            for &(link, to) in &self.links[node] {
                let through = length + lengths[link];
                if through < tree.lengths[to] {
                    tree.lengths[to] = through;
                    tree.last[to] = Some((link, node));
                    heap.push(Reached(through, to));
                }
            }
        }
        tree
    }
}

impl Tree {
    /// Links of the way to a node, in order; none where there is no way.
    pub(super) fn way(&self, to: usize) -> Option<Vec<usize>> {
        let (mut node, mut way) = (to, Vec::new());
        while let Some((link, before)) = self.last[node] {
            way.push(link);
            node = before;
            // Of a tree no way is longer.
            if way.len() >= self.last.len() {
                break;
            }
        }
        way.reverse();
        (!way.is_empty()).then_some(way)
    }
}
