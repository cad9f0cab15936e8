//! The splits with which the worst link has least, over several demands that may come.
//!
//! What is made small is the mean over those demands of the logarithm of the worst link's load: which
//! splits are best for it does not change if each is measured by the least that was possible for that
//! demand. The worst is smoothed, ever less, and shares are shifted pair by pair from the way that costs
//! most to the one that costs least, by the slope and the curvature of that.

// Kernels over links, pairs and demands whose lengths are made here.
#![allow(clippy::indexing_slicing)]

use super::ways::Leaving;
use super::{Network, ROUTES_MAX, Route};
use crate::linear::count;

/// How sharply the worst link stands out of those beside it, phase by phase: a link that has a part of 1/300
/// less than the worst counts e times less in the last.
const SHARPNESS: [f64; 3] = [30.0, 100.0, 300.0];
/// Sweeps over all pairs in a phase, at most.
const SWEEPS_MAX: usize = 20;
/// Sweeps after which new ways are looked for.
const SWEEPS_BETWEEN: usize = 3;
/// A phase ends where two sweeps in which a new way was looked for gain less than this together, in parts.
const GAIN_MIN: f64 = 1e-6;
/// Beyond this exponent a link counts no more than at it.
const EXPONENT_MAX: f64 = 60.0;
/// Less than this is no share.
const SHARE_MIN: f64 = 1e-6;
/// How much each link adds to the length of a way beside what it costs, in parts of the mean: of two ways
/// that cost the same, the shorter.
const LENGTH: f64 = 1e-3;

/// What may come, and how much it counts.
pub(super) struct Demands {
    /// Pair by pair what each of the matrices says of it.
    pub(super) sent: Vec<f64>,
    /// Weights of the matrices; 1 together.
    pub(super) weights: Vec<f64>,
}

/// A pair of nodes and the ways it takes, also those that have no share now.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) routes: Vec<Route>,
}

/// Mean logarithm of the worst link's load; what is lower is better.
pub(super) fn cost(network: &Network, demands: &Demands, pairs: &[Pair]) -> f64 {
    Loads::new(network, demands, pairs, 1.0).cost()
}

/// Splits that are better, or as good, in place; says what they cost. Pairs are in ascending order of
/// where they come from. O(sweeps · (pairs · (routes · length · matrices) + nodes · links · log links)).
pub(super) fn improve(
    network: &Network,
    leaving: &Leaving,
    demands: &Demands,
    pairs: &mut Vec<Pair>,
) -> f64 {
    let mut best: Option<(f64, Vec<Pair>)> = None;
    for sharpness in SHARPNESS {
        let mut before = f64::INFINITY;
        for sweep in 0..=SWEEPS_MAX {
            let mut loads = Loads::new(network, demands, pairs, sharpness);
            let cost = loads.cost();
            if best.as_ref().is_none_or(|best| cost < best.0) {
                best = Some((cost, pairs.clone()));
            }
            if sweep == SWEEPS_MAX {
                break;
            }
            if sweep % SWEEPS_BETWEEN == 0 {
                let smooth = loads.smooth();
                if before - smooth < GAIN_MIN {
                    break;
                }
                before = smooth;
                let all: Vec<f64> = loads.factors().collect();
                loads.find(leaving, &all, pairs);
                // What is long where all is taken together may be short for one that may come.
                for matrix in (0..all.len()).filter(|_| sweep == 0) {
                    let mut one = vec![0.0; all.len()];
                    one[matrix] = all[matrix];
                    loads.find(leaving, &one, pairs);
                }
            }
            for (at, pair) in pairs.iter_mut().enumerate() {
                loads.shift(at, pair);
            }
        }
    }
    match best {
        Some((cost, found)) => {
            *pairs = found;
            cost
        }
        None => f64::INFINITY,
    }
}

/// Loads of links by the demands that may come, with the splits of now.
struct Loads<'a> {
    network: &'a Network,
    demands: &'a Demands,
    /// Link by link what it has of each of the matrices, in parts of its capacity.
    parts: Vec<f64>,
    /// How much it counts among the links, by its distance from the worst.
    counts: Vec<f64>,
    /// Sums of these, matrix by matrix.
    sums: Vec<f64>,
    /// Loads of the worst link, matrix by matrix, when this was made.
    worst: Vec<f64>,
    sharpness: f64,
}

impl<'a> Loads<'a> {
    fn new(network: &'a Network, demands: &'a Demands, pairs: &[Pair], sharpness: f64) -> Self {
        let (links, matrices) = (network.links().len(), demands.weights.len());
        let mut parts = vec![0.0; links * matrices];
        for (pair, sent) in pairs.iter().zip(demands.sent.chunks_exact(matrices)) {
            for route in pair.routes.iter().filter(|route| route.share > 0.0) {
                for &link in &route.links {
                    let part = route.share / network.links()[link].capacity;
                    add(&mut parts[link * matrices..][..matrices], sent, part);
                }
            }
        }
        let mut worst = vec![f64::MIN_POSITIVE; matrices];
        for of_link in parts.chunks_exact(matrices) {
            for (worst, load) in worst.iter_mut().zip(of_link) {
                *worst = worst.max(*load);
            }
        }
        let mut state = Self {
            network,
            demands,
            counts: vec![0.0; parts.len()],
            parts,
            sums: vec![0.0; matrices],
            worst,
            sharpness,
        };
        for link in 0..links {
            state.recount(link);
        }
        state
    }

    /// Counts a link anew whose loads changed.
    fn recount(&mut self, link: usize) {
        let matrices = self.sums.len();
        let span = link * matrices..(link + 1) * matrices;
        let parts = self.parts[span.clone()].iter().zip(&self.worst);
        let counts = self.counts[span].iter_mut().zip(&mut self.sums);
        for ((load, worst), (count, sum)) in parts.zip(counts) {
            let exponent = self.sharpness * (load / worst - 1.0);
            let now = exponent.min(EXPONENT_MAX).exp();
            *sum += now - *count;
            *count = now;
        }
    }

    /// Mean logarithm of the worst loads.
    fn cost(&self) -> f64 {
        let worst = self.worst.iter().zip(&self.demands.weights);
        worst.map(|(worst, weight)| weight * worst.ln()).sum()
    }

    /// The same, smoothed.
    fn smooth(&self) -> f64 {
        let sums = self.sums.iter().zip(&self.demands.weights);
        let over: f64 = sums.map(|(sum, weight)| weight * sum.ln()).sum();
        self.cost() + over / self.sharpness
    }

    /// What a unit of each matrix costs on a link of capacity 1 that counts 1.
    fn factors(&self) -> impl Iterator<Item = f64> {
        let weights = self.demands.weights.iter();
        weights
            .zip(self.worst.iter().zip(&self.sums))
            .map(|(weight, (worst, sum))| weight / (worst * sum))
    }

    /// What a link costs, with so much of each matrix.
    fn price(&self, link: usize, factors: &[f64]) -> f64 {
        let counts = &self.counts[link * factors.len()..][..factors.len()];
        let sum: f64 = counts.iter().zip(factors).map(|(a, b)| a * b).sum();
        sum / self.network.links()[link].capacity
    }

    /// Adds to each pair the way that costs least now, where it does not know it.
    fn find(&self, leaving: &Leaving, factors: &[f64], pairs: &mut [Pair]) {
        let links = self.network.links();
        let prices: Vec<f64> = (0..links.len())
            .map(|link| {
                if links[link].capacity > 0.0 {
                    self.price(link, factors)
                } else {
                    0.0
                }
            })
            .collect();
        let each = LENGTH * prices.iter().sum::<f64>() / count(prices.len().max(1));
        let lengths: Vec<f64> = prices.iter().map(|price| price + each).collect();
        for of_node in pairs.chunk_by_mut(|a, b| a.from == b.from) {
            let tree = leaving.from(of_node[0].from, &lengths);
            for pair in of_node {
                let Some(way) = tree.way(pair.to) else {
                    continue;
                };
                let routes = &mut pair.routes;
                if routes.iter().any(|route| route.links == way) {
                    continue;
                }
                if routes.len() >= ROUTES_MAX {
                    let Some(unused) = routes.iter().position(|route| route.share <= 0.0) else {
                        continue;
                    };
                    routes.remove(unused);
                }
                routes.push(Route {
                    share: 0.0,
                    links: way,
                });
            }
        }
    }

    /// Shifts what a pair sends from the way that costs most to the one that costs least.
    fn shift(&mut self, at: usize, pair: &mut Pair) {
        if pair.routes.len() < 2 {
            return;
        }
        let matrices = self.sums.len();
        let demands = self.demands;
        let sent = &demands.sent[at * matrices..][..matrices];
        let mut factors: Vec<f64> = self.factors().zip(sent).map(|(a, b)| a * b).collect();
        let costs: Vec<f64> = pair
            .routes
            .iter()
            .map(|route| {
                let links = route.links.iter();
                links.map(|&link| self.price(link, &factors)).sum()
            })
            .collect();
        let used = (0..costs.len()).filter(|&route| pair.routes[route].share > 0.0);
        let by_cost = |a: &usize, b: &usize| costs[*a].total_cmp(&costs[*b]);
        let (Some(to), Some(from)) = ((0..costs.len()).min_by(by_cost), used.max_by(by_cost))
        else {
            return;
        };
        let gain = costs[from] - costs[to];
        let (less, more) = (&pair.routes[from].links, &pair.routes[to].links);
        let only = |these: &[usize], those: &[usize], sign: f64| -> Vec<(usize, f64)> {
            let these = these.iter().filter(|link| !those.contains(link));
            these.map(|&link| (link, sign)).collect()
        };
        let changed = [only(less, more, -1.0), only(more, less, 1.0)].concat();
        for ((factor, sent), worst) in factors.iter_mut().zip(sent).zip(&self.worst) {
            *factor *= sent / worst;
        }
        let curvature: f64 = changed
            .iter()
            .map(|&(link, _)| self.price(link, &factors) / self.network.links()[link].capacity)
            .sum();
        let step = gain / (curvature * self.sharpness);
        // Also where no number came of it.
        if from == to || step.is_nan() || step <= 0.0 {
            return;
        }
        let rest = pair.routes[from].share - step;
        let rest = if rest < SHARE_MIN { 0.0 } else { rest };
        let step = pair.routes[from].share - rest;
        pair.routes[from].share = rest;
        pair.routes[to].share += step;
        for (link, sign) in changed {
            let part = sign * step / self.network.links()[link].capacity;
            add(&mut self.parts[link * matrices..][..matrices], sent, part);
            self.recount(link);
        }
    }
}

/// Adds a part of what is sent.
fn add(loads: &mut [f64], sent: &[f64], part: f64) {
    for (load, sent) in loads.iter_mut().zip(sent) {
        *load += part * sent;
    }
}
