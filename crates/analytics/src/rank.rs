//! Which service began an incident: from who calls whom, and what was measured of each before it and
//! during it.

use crate::linear::count;
use crate::robust::{median, quantile, spread};

/// The most nodes.
pub const NODES_MAX: usize = 2_000;
/// The most calls.
pub const CALLS_MAX: usize = 20_000;
/// Beyond this, in either direction, nothing was measured: it counts as missing.
const VALUE_MAX: f64 = 1e100;
/// A loss of so many usual ones is as likely one as none.
const SURE: f64 = 3.0;
/// How much that counts which callees explain, beside what they do not.
const REST: f64 = 0.1;
/// How much it counts that something is unusual, whatever is lost by it.
const LEAST: f64 = 0.01;

/// What a metric tells, by which is known in which direction it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Mean time to answer: more is worse.
    Latency,
    /// Number of errors: more is worse.
    Errors,
    /// Share of what was answered well, in whatever unit for all: less is worse.
    Availability,
    /// How much was asked in a step: more is worse where it is the symptom.
    Traffic,
    /// How much of a resource is used: more is worse.
    Saturation,
}

/// One metric of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it tells.
    pub kind: Kind,
    /// Values while nothing was the matter, step by step, with the other metrics of the node side by side;
    /// those that are not finite are missing.
    pub normal: Vec<f64>,
    /// Values around the incident, step by step, with those of all nodes side by side; best with some from
    /// just before and after it.
    pub during: Vec<f64>,
}

/// A service, or what stands for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// In any order; the first of a kind is looked at: its mean.
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
/// callee; `symptom` is what is bad at the target. Nodes that the target does not reach come last.
///
/// What a fault costs is carried up the calls in full: seconds of waiting, or requests that fail, which are
/// lost at the callee are lost at all that wait for it. So each node is asked how much more than usual it
/// lost (latency or failures times traffic) at the moments in which it was bad at the target, beside those
/// in which it was not, and how far that is out of its usual; what its callees lost is taken off, and what
/// is left began there. Source of the plan: an anomalous node none of whose callees explains it, of Lin,
/// Chen and Zheng, "Microscope: Pinpoint Performance Issues with Causal Graphs in Micro-service
/// Environments" (2018), in the units of Budhathoki et al., "Causal Structure-based Root Cause Analysis of
/// Outliers" (2022), who attribute shares. O(values · log values + nodes + calls).
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
    Ok(suspects(nodes, calls, target, symptom))
}

/// What went wrong at a node, beside what is usual there.
struct Excess {
    /// Step by step of the incident: seconds or requests lost more than usual, or so much more of it.
    during: Vec<f64>,
    /// How far the same goes from zero while nothing is the matter.
    usual: f64,
}

fn suspects(
    nodes: &[Node],
    calls: &[(usize, usize)],
    target: usize,
    symptom: Kind,
) -> Vec<Suspect> {
    let steps = nodes
        .iter()
        .flat_map(|node| node.metrics.iter().map(|metric| metric.during.len()))
        .max()
        .unwrap_or_default();
    let excesses: Vec<Option<Excess>> = nodes
        .iter()
        .map(|node| excess(node, symptom, steps))
        .collect();
    let seen = excesses.get(target).and_then(Option::as_ref);
    let moments = Moments::of(seen.map(|excess| excess.during.as_slice()), steps);
    // Lost at each node when it was bad at the target, and how sure that is.
    let found: Vec<(f64, f64)> = excesses
        .iter()
        .map(|excess| excess.as_ref().map_or((0.0, 0.0), |of| moments.lost(of)))
        .collect();
    let mut callees = vec![Vec::new(); nodes.len()];
    for &(caller, callee) in calls {
        if let Some(of) = callees.get_mut(caller) {
            of.push(callee);
        }
    }
    for of in &mut callees {
        of.sort_unstable();
        of.dedup();
    }
    let lost = |node: usize| found.get(node).map_or(0.0, |(lost, sure)| lost * sure);
    let reached = reached(&callees, target);
    let whole = found
        .get(target)
        .map_or(0.0, |(lost, _)| *lost)
        .max(f64::MIN_POSITIVE);
    let mut suspects: Vec<(f64, Suspect)> = callees
        .iter()
        .enumerate()
        .map(|(node, of)| {
            let by_callees: f64 = of
                .iter()
                .filter(|callee| **callee != node)
                .map(|&callee| lost(callee))
                .sum();
            let own = (lost(node) - by_callees).max(0.0) / whole;
            let anomaly = found.get(node).map_or(0.0, |(_, sure)| *sure);
            let share = own.min(1.0) + REST * (lost(node) / whole).min(1.0) + LEAST * anomaly;
            let reached = reached.get(node).copied().unwrap_or_default();
            let suspect = Suspect {
                node,
                likelihood: if reached { share + LEAST } else { 0.0 },
                anomaly,
            };
            (share, suspect)
        })
        .collect();
    suspects.sort_by(|a, b| (b.1.likelihood.total_cmp(&a.1.likelihood)).then(b.0.total_cmp(&a.0)));
    let total: f64 = suspects.iter().map(|(_, of)| of.likelihood).sum();
    suspects
        .into_iter()
        .map(|(_, of)| Suspect {
            likelihood: of.likelihood / total,
            ..of
        })
        .collect()
}

/// What is lost at a node by what is bad at the target. None where it was not measured in both times.
fn excess(node: &Node, symptom: Kind, steps: usize) -> Option<Excess> {
    let of = |kind| node.metrics.iter().find(|metric| metric.kind == kind);
    let metric = of(symptom)?;
    let traffic = match symptom {
        Kind::Latency | Kind::Availability => of(Kind::Traffic),
        Kind::Errors | Kind::Traffic | Kind::Saturation => None,
    };
    let usual = median(&metric.normal).filter(|usual| tellable(*usual))?;
    let sign = if symptom == Kind::Availability {
        -1.0
    } else {
        1.0
    };
    let lost = |values: &[f64], traffic: Option<&[f64]>, at: usize| {
        let value = values.get(at).copied().filter(|value| tellable(*value));
        let asked = traffic.map_or(1.0, |traffic| {
            let asked = traffic.get(at).copied().filter(|asked| tellable(*asked));
            asked.unwrap_or_default().max(0.0)
        });
        value.map_or(0.0, |value| sign * (value - usual) * asked)
    };
    let of_normal = traffic.map(|metric| metric.normal.as_slice());
    let normal: Vec<f64> = (0..metric.normal.len())
        .map(|at| lost(&metric.normal, of_normal, at))
        .collect();
    let of_during = traffic.map(|metric| metric.during.as_slice());
    let tails = quantile(&normal, 0.98)? - quantile(&normal, 0.02)?;
    Some(Excess {
        during: (0..steps)
            .map(|at| lost(&metric.during, of_during, at))
            .collect(),
        usual: spread(&normal)?.max(tails / 4.0),
    })
}

/// Whether a number is one that was measured.
fn tellable(value: f64) -> bool {
    value.abs() <= VALUE_MAX
}

/// When it was bad at the target, and when it was not.
struct Moments {
    /// How much each step counts; 1 together.
    bad: Vec<f64>,
    /// The same of those in which it was not bad; empty where it always was.
    quiet: Vec<f64>,
}

impl Moments {
    fn of(seen: Option<&[f64]>, steps: usize) -> Self {
        let even = 1.0 / count(steps.max(1));
        let seen = seen.unwrap_or_default();
        let greatest = seen.iter().copied().fold(0.0, f64::max);
        if greatest <= 0.0 {
            return Self {
                bad: vec![even; steps],
                quiet: Vec::new(),
            };
        }
        let parts: Vec<f64> = seen.iter().map(|of| of.max(0.0) / greatest).collect();
        let total: f64 = parts.iter().sum();
        let bad: Vec<f64> = parts.iter().map(|part| part / total).collect();
        let quiet: Vec<f64> = bad
            .iter()
            .map(|part| f64::from(u8::from(*part < even / 2.0)))
            .collect();
        let many: f64 = quiet.iter().sum();
        Self {
            bad,
            quiet: quiet
                .iter()
                .filter(|_| many > 0.0)
                .map(|of| of / many)
                .collect(),
        }
    }

    /// What a node lost in the bad moments beside the quiet ones, and how sure it is that this is not usual,
    /// 0 to 1.
    fn lost(&self, excess: &Excess) -> (f64, f64) {
        let mean = |weights: &[f64]| -> f64 {
            let pairs = weights.iter().zip(&excess.during);
            pairs.map(|(weight, lost)| weight * lost).sum()
        };
        let lost = (mean(&self.bad) - mean(&self.quiet)).max(0.0);
        if lost <= 0.0 {
            return (0.0, 0.0);
        }
        let usual = excess.usual / lost;
        (lost, 1.0 / (1.0 + (SURE * usual).powi(2)))
    }
}

/// Which nodes the target calls, itself or by others; and itself.
fn reached(callees: &[Vec<usize>], target: usize) -> Vec<bool> {
    let mut reached = vec![false; callees.len()];
    let mut open = vec![target];
    while let Some(node) = open.pop() {
        let Some(known) = reached.get_mut(node) else {
            continue;
        };
        if !*known {
            *known = true;
            open.extend(callees.get(node).into_iter().flatten());
        }
    }
    reached
}
