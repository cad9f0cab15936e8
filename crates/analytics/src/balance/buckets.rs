//! Weights for the members of a group of parallel links, paths or next hops.
//!
//! A router shares a group's traffic by hash over so many buckets, and gives each member a whole number of
//! them. Giving the buckets out one by one, each to the member that is least loaded with it, keeps the worst
//! load lowest (Ibaraki and Katoh, "Resource Allocation Problems", 1988, chapter 4: minimax of functions
//! that never fall).

use super::{Unbalanceable, VALUE_MAX};

/// The most members of a group.
pub const MEMBERS_MAX: usize = 256;
/// The most buckets.
pub const BUCKETS_MAX: u32 = 1_024;

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// What it carries at most, or the narrowest link of its path; zero of one that is down.
    pub capacity: f64,
    /// What it carries beside the group's traffic.
    pub other: f64,
    /// Its weight today; all zero where nothing is known, which counts as equal ones.
    pub weight: u32,
}

/// Advice for a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Weights that keep the worst member's load lowest, in the order of the members, with no common
    /// divisor; zero of one that should carry nothing.
    pub weights: Vec<u32>,
    /// Load of the worst member with the weights of today, in parts of its capacity; infinite where one
    /// that is down is sent something.
    pub worst_now: f64,
    /// The same with those advised.
    pub worst_then: f64,
}

impl Group {
    /// How much lower the worst load gets, in parts of a capacity; never negative.
    pub fn gain(&self) -> f64 {
        self.worst_now - self.worst_then
    }
}

/// Weights for a group to which so much is expected to be sent, of together at most so many buckets.
/// Today's weights are kept where none are better. O(buckets · members).
pub fn group(members: &[Member], demand: f64, buckets: u32) -> Result<Group, Unbalanceable> {
    if members.is_empty() || members.len() > MEMBERS_MAX {
        return Err(Unbalanceable::Size {
            found: members.len(),
            most: MEMBERS_MAX,
        });
    }
    let positive = |value: f64| (0.0..=VALUE_MAX).contains(&value);
    if let Some(at) = members
        .iter()
        .position(|member| !(positive(member.capacity) && positive(member.other)))
    {
        return Err(Unbalanceable::Number { at });
    }
    if !positive(demand) {
        return Err(Unbalanceable::Number { at: members.len() });
    }
    if members.iter().all(|member| member.capacity <= 0.0) {
        return Err(Unbalanceable::Down);
    }
    let known = members.iter().any(|member| member.weight > 0);
    let now: Vec<u32> = members
        .iter()
        .map(|member| if known { member.weight } else { 1 })
        .collect();
    let worst_now = worst(members, demand, &now);
    let mut best = (worst_now, now);
    let given = given(members, demand, buckets.clamp(1, BUCKETS_MAX));
    let then = worst(members, demand, &given);
    // A gain of what a number is rounded to is none.
    if then < best.0 * (1.0 - 1e-9) || best.0.is_infinite() {
        best = (then, given);
    }
    let (worst_then, mut weights) = best;
    let divisor = weights.iter().copied().fold(0, divisor).max(1);
    for weight in &mut weights {
        *weight /= divisor;
    }
    Ok(Group {
        weights,
        worst_now,
        worst_then,
    })
}

/// So many buckets, each to the member that is least loaded with it.
fn given(members: &[Member], demand: f64, buckets: u32) -> Vec<u32> {
    let mut weights = vec![0_u32; members.len()];
    for _ in 0..buckets {
        let least = members
            .iter()
            .zip(&mut weights)
            .filter(|(member, _)| member.capacity > 0.0)
            .map(|(member, weight)| {
                let share = f64::from(*weight + 1) / f64::from(buckets);
                (load(member, demand * share), weight)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, weight)) = least {
            *weight += 1;
        }
    }
    weights
}

/// Load of the member that has most, in parts of its capacity.
fn worst(members: &[Member], demand: f64, weights: &[u32]) -> f64 {
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    members
        .iter()
        .zip(weights)
        .map(|(member, &weight)| load(member, demand * f64::from(weight) / total))
        .fold(0.0, f64::max)
}

/// Load of a member that is sent so much, in parts of its capacity.
fn load(member: &Member, sent: f64) -> f64 {
    let carried = member.other + sent;
    if member.capacity > 0.0 {
        carried / member.capacity
    } else if sent > 0.0 {
        f64::INFINITY
    } else {
        0.0
    }
}

/// The greatest common divisor.
fn divisor(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
