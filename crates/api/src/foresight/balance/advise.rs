//! How what is expected of a direction is best split over its links, beside how it is split now.

use super::find::Way;
use super::measure::{Carried, DAY, LinkCarried, WEEK};
use super::{Course, Found};
use analytics::balance::{self, Unbalanceable};
use analytics::robust::quantile;
use model::interface::Interface;
use model::link::LinkStatus;
use model::{DeviceId, InterfaceId, LinkId, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// The most buckets that weights are given out of: what small routers have.
const BUCKETS: u32 = 16;
/// What is worth a change: five percentage points. Less is lost again by how unevenly flows hash.
const GAIN_MIN: f64 = 0.05;
/// A member that carries less, in parts of all, may carry nothing on purpose.
const SHARE_MIN: f64 = 0.01;
/// Parts in which the shares of today are counted.
const PARTS: f64 = 10_000.0;

/// One direction of a group: what a device sends to the other.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = BalanceDirection)]
pub(crate) struct Direction {
    /// Who sends, and would set the weights.
    pub(crate) from_device_id: DeviceId,
    /// Who receives; null where that is several, see the members, or is not known.
    pub(crate) to_device_id: Option<DeviceId>,
    /// Whether there is anything to gain that is worth a change.
    pub(crate) is_advised: bool,
    /// Why nothing is advised, in one sentence; null where something is.
    pub(crate) reason: Option<String>,
    /// What all links carried together, in bit/s: the mean of the last week.
    pub(crate) mean_bps: Option<f64>,
    /// The 95th percentile of its hours.
    pub(crate) p95_bps: Option<f64>,
    /// The most that is expected within a day, in bit/s; null where nothing is.
    pub(crate) peak_day_bps: Option<f64>,
    /// The most that is expected within a week: for this weights are advised.
    pub(crate) peak_bps: Option<f64>,
    /// When that is: the beginning of the hour.
    pub(crate) peak_at: Option<Timestamp>,
    /// Load of the worst link at that time as traffic is shared now, in parts of its capacity.
    pub(crate) worst_now: Option<f64>,
    /// The same with the weights that are advised; never more.
    pub(crate) worst_then: Option<f64>,
    /// How much lower that is, in parts of a capacity.
    pub(crate) gain: Option<f64>,
    /// The worst load if there were one more link, as fast as the fastest that is up, and weights were set for it.
    pub(crate) worst_with_another: Option<f64>,
    /// Its links, in the order of their ids.
    pub(crate) members: Vec<Member>,
    /// What is not certain, in sentences.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
}

/// A link of a direction.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = BalanceMember)]
pub(crate) struct Member {
    /// The link; null where no neighbour is seen on the interface.
    pub(crate) link_id: Option<LinkId>,
    /// The interface that sends; null where it is not known.
    pub(crate) interface_id: Option<InterfaceId>,
    /// Its name.
    pub(crate) interface_name: Option<String>,
    /// The device that receives; null where it is not known.
    pub(crate) to_device_id: Option<DeviceId>,
    /// What people call it.
    pub(crate) to_device_name: Option<String>,
    /// Name of the interface that receives.
    pub(crate) to_interface_name: Option<String>,
    /// What it carries at most, in bit/s: the lower speed of its ends.
    pub(crate) speed_bps: Option<u64>,
    /// How it is. One that is down counts as no capacity.
    pub(crate) status: LinkStatus,
    /// What it carried, in bit/s: the mean of the last week.
    pub(crate) mean_bps: Option<f64>,
    /// The 95th percentile of its hours.
    pub(crate) p95_bps: Option<f64>,
    /// Its share of what all carried in the last day, 0 to 1.
    pub(crate) share_now: Option<f64>,
    /// Its share by the weights that are advised.
    pub(crate) share_then: Option<f64>,
    /// The weight that is advised: so many of at most 16 buckets, of more than 16 links of as many as are up; null where those of today are as good.
    pub(crate) weight: Option<u32>,
    /// Its load at the most that is expected, in parts of its capacity, as traffic is shared now.
    pub(crate) load_now: Option<f64>,
    /// The same with the weights that are advised.
    pub(crate) load_then: Option<f64>,
}

/// The most that is expected of a direction.
pub(super) enum Expected {
    /// Nothing, and why, in one sentence.
    Unknown(String),
    /// So much.
    Known {
        day_bps: f64,
        peak_bps: f64,
        at: Timestamp,
        /// What is said where the week is not known yet.
        learning: Option<String>,
    },
}

impl Expected {
    /// That of a course.
    pub(super) fn of(course: &Course, learning: Option<String>) -> Self {
        let most = |hours: usize| {
            let steps = (0u32..).zip(course.high.iter().take(hours));
            // Of equals the first.
            steps.fold(
                (0, 0.0),
                |most: (u32, f64), (at, bps)| {
                    if *bps > most.1 { (at, *bps) } else { most }
                },
            )
        };
        let (at, peak_bps) = most(usize::MAX);
        Self::Known {
            day_bps: most(DAY).1,
            peak_bps,
            at: course.begins.plus(Duration::from_hours(1) * at),
            learning,
        }
    }
}

/// What is said of a direction. Its links are those of `found`, in order.
pub(super) fn direction(
    (from, to): (DeviceId, Option<DeviceId>),
    carried: &Carried,
    expected: Expected,
    (found, name_of_a): (&Found, &str),
) -> Direction {
    let sum = carried.sum().ok();
    let week = sum.as_ref().map(|sum| Carried::last_week(sum).1);
    let [mean_bps, p95_bps] = numbers(week.as_deref().unwrap_or_default());
    let mut direction = Direction {
        from_device_id: from,
        to_device_id: to,
        is_advised: false,
        reason: None,
        mean_bps,
        p95_bps,
        peak_day_bps: None,
        peak_bps: None,
        peak_at: None,
        worst_now: None,
        worst_then: None,
        gain: None,
        worst_with_another: None,
        members: members(from, carried, (found, name_of_a)),
        notes: notes(carried),
    };
    let (peak, learning) = match expected {
        Expected::Unknown(reason) => {
            direction.reason = Some(reason);
            return direction;
        }
        Expected::Known {
            day_bps,
            peak_bps,
            at,
            learning,
        } => {
            direction.peak_day_bps = Some(day_bps);
            direction.peak_bps = Some(peak_bps);
            direction.peak_at = Some(at);
            (peak_bps, learning)
        }
    };
    let hours = hours_of_all(carried);
    if hours.is_empty() && carried.links.iter().any(|link| !link.is_down) {
        direction.reason = Some("no hour of the last day is known of all links".to_owned());
        return direction;
    }
    let links = carried.links.iter().zip(&found.ways);
    let known: Option<Vec<Before>> = links.map(|of| before(of, &hours)).collect();
    let Some(known) = known else {
        direction.reason = Some("the speed of a link that is up is not known".to_owned());
        return direction;
    };
    match split(&known, peak) {
        Ok(split) => direction.take(&split, carried, learning),
        Err(Unbalanceable::Down) => {
            direction.reason = Some("no link of the group is up".to_owned());
        }
        Err(error) => direction.reason = Some(error.to_string()),
    }
    direction
}

impl Direction {
    fn take(&mut self, split: &Split, carried: &Carried, learning: Option<String>) {
        let gain = split.worst_now - split.worst_then;
        self.worst_now = Some(split.worst_now);
        self.worst_then = Some(split.worst_then);
        self.gain = Some(gain);
        self.worst_with_another = split.worst_with_another;
        self.is_advised = gain >= GAIN_MIN && split.weights.is_some();
        if !self.is_advised {
            self.reason = Some(format!(
                "it is balanced: other weights would make the worst link {:.1} percentage points lower, and under {:.0} are not worth a change",
                gain * 100.0,
                GAIN_MIN * 100.0
            ));
        }
        for (place, member) in self.members.iter_mut().enumerate() {
            let at = |all: &[f64]| all.get(place).copied();
            member.share_now = at(&split.shares_now);
            member.share_then = at(&split.shares_then);
            member.load_now = at(&split.loads_now);
            member.load_then = at(&split.loads_then);
            let weights = split.weights.as_ref();
            member.weight = weights.and_then(|weights| weights.get(place)).copied();
        }
        let idle = carried.links.iter().zip(&split.shares_now);
        let idle = idle.filter(|(link, share)| !link.is_down && **share < SHARE_MIN);
        self.notes.extend(idle.map(|(link, _)| {
            format!(
                "{} carries next to nothing: it may wait as a spare, be blocked by a spanning tree, or be there for something else; look before you set a weight",
                link.label
            )
        }));
        self.notes.extend(learning);
    }
}

/// Mean and 95th percentile.
fn numbers(values: &[f64]) -> [Option<f64>; 2] {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    [(!known.is_empty()).then_some(mean), quantile(&known, 0.95)]
}

fn members(from: DeviceId, carried: &Carried, (found, name_of_a): (&Found, &str)) -> Vec<Member> {
    let ways = found.ways.iter().zip(&carried.links);
    ways.map(|(way, of_way)| {
        let [near, far] = &way.ports;
        let is_out = from == found.a;
        let (sender, receiver) = if is_out { (near, far) } else { (far, near) };
        let [mean_bps, p95_bps] = numbers(of_way.last(WEEK));
        let name = |port: &Option<Arc<Interface>>| port.as_ref().map(|port| port.name.clone());
        let to = if is_out {
            way.to.clone()
        } else {
            Some((found.a, name_of_a.to_owned()))
        };
        let (to_device_id, to_device_name) = to.unzip();
        Member {
            link_id: way.link_id(),
            interface_id: sender.as_ref().map(|port| port.id),
            interface_name: name(sender),
            to_device_id,
            to_device_name,
            to_interface_name: name(receiver),
            speed_bps: way.speed_bps,
            status: way.status,
            mean_bps,
            p95_bps,
            share_now: None,
            share_then: None,
            weight: None,
            load_now: None,
            load_then: None,
        }
    })
    .collect()
}

fn notes(carried: &Carried) -> Vec<String> {
    let other = carried.links.iter().filter(|link| link.of_other > 0);
    other
        .map(|link| {
            format!(
                "{} hours of {} are counted by the end that receives alone",
                link.of_other, link.label
            )
        })
        .collect()
}

/// Hours of the last day of which it is known what each link that is up carried: shares of other hours would be of
/// unequal times.
fn hours_of_all(carried: &Carried) -> Vec<usize> {
    let is_known = |hour: &usize| {
        let mut up = carried.links.iter().filter(|link| !link.is_down);
        up.all(|link| link.last(DAY).get(*hour).is_some_and(|bps| bps.is_finite()))
    };
    (0..DAY).filter(is_known).collect()
}

/// What is known of a link beforehand; none where it is up and its speed is not known.
fn before((carried, way): (&LinkCarried, &Way), hours: &[usize]) -> Option<Before> {
    if carried.is_down {
        return Some(Before {
            capacity: 0.0,
            carried: 0.0,
        });
    }
    let speed = way.speed_bps.filter(|bps| *bps > 0)?;
    let day = carried.last(DAY);
    Some(Before {
        capacity: speed as f64,
        carried: hours.iter().filter_map(|hour| day.get(*hour)).sum(),
    })
}

/// What is known of a link before what is expected is split.
#[derive(Clone, Copy, Debug)]
struct Before {
    /// In bit/s; 0 of one that is down.
    capacity: f64,
    /// What it carried in the hours of the last day that are known of all links, in any unit.
    carried: f64,
}

/// How a demand is split, now and best.
#[derive(Clone, Debug)]
struct Split {
    shares_now: Vec<f64>,
    shares_then: Vec<f64>,
    loads_now: Vec<f64>,
    loads_then: Vec<f64>,
    /// None where the shares of today are as good.
    weights: Option<Vec<u32>>,
    worst_now: f64,
    worst_then: f64,
    worst_with_another: Option<f64>,
}

fn split(known: &[Before], demand_bps: f64) -> Result<Split, Unbalanceable> {
    let total: f64 = up(known).map(|link| link.carried).sum();
    // Of what never carried anything it is taken that all are used alike.
    let part = |link: &Before| match link.capacity > 0.0 {
        true if total > 0.0 => link.carried / total,
        true => 1.0 / up(known).count() as f64,
        false => 0.0,
    };
    let members: Vec<balance::Member> = known
        .iter()
        .map(|link| balance::Member {
            capacity: link.capacity,
            other: 0.0,
            weight: parts(part(link)),
        })
        .collect();
    let group = best(&members, demand_bps)?;
    let today: Vec<u32> = members.iter().map(|member| member.weight).collect();
    let (shares_now, shares_then) = (shares(&today), shares(&group.weights));
    let loads = |shares: &[f64]| -> Vec<f64> {
        let of = shares.iter().zip(known);
        of.map(|(share, link)| {
            if link.capacity > 0.0 {
                share * demand_bps / link.capacity
            } else {
                0.0
            }
        })
        .collect()
    };
    let fastest = known.iter().map(|link| link.capacity).fold(0.0, f64::max);
    let mut more = members;
    more.push(balance::Member {
        capacity: fastest,
        other: 0.0,
        weight: 0,
    });
    let another = best(&more, demand_bps);
    let few = group.weights.iter().sum::<u32>() <= buckets(known.iter().map(|link| link.capacity));
    Ok(Split {
        loads_now: loads(&shares_now),
        loads_then: loads(&shares_then),
        shares_now,
        shares_then,
        weights: few.then_some(group.weights),
        worst_now: group.worst_now,
        worst_then: group.worst_then,
        worst_with_another: another.ok().map(|group| group.worst_then),
    })
}

/// The best weights of all numbers of buckets, of equals those of the fewest: one and four are as good as three
/// and thirteen, and better.
fn best(members: &[balance::Member], demand_bps: f64) -> Result<balance::Group, Unbalanceable> {
    let mut best = balance::group(members, demand_bps, 1)?;
    for buckets in 2..=buckets(members.iter().map(|member| member.capacity)) {
        let group = balance::group(members, demand_bps, buckets)?;
        if group.worst_then < best.worst_then * (1.0 - 1e-9) {
            best = group;
        }
    }
    Ok(best)
}

/// Buckets at most: one for each link that is up, or [`BUCKETS`].
fn buckets(capacities: impl Iterator<Item = f64>) -> u32 {
    let up = capacities.filter(|capacity| *capacity > 0.0).count();
    u32::try_from(up).unwrap_or(BUCKETS).max(BUCKETS)
}

fn up(known: &[Before]) -> impl Iterator<Item = &Before> {
    known.iter().filter(|link| link.capacity > 0.0)
}

/// A share in whole parts.
fn parts(share: f64) -> u32 {
    // Between 0 and PARTS.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let parts = (share * PARTS).round().clamp(0.0, PARTS) as u32;
    parts
}

fn shares(weights: &[u32]) -> Vec<f64> {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let share = |weight: &u32| f64::from(*weight) / total.max(1.0);
    weights.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(capacity: f64, carried: f64) -> Before {
        Before { capacity, carried }
    }

    #[test]
    fn weights_follow_capacity() {
        // Ten and forty, shared alike: the small one is full before the large one is used.
        let split = split(&[link(10.0, 5.0), link(40.0, 5.0)], 16.0).unwrap();
        assert_eq!(split.weights.as_deref(), Some(&[1, 4][..]));
        assert!((split.worst_now - 0.8).abs() < 1e-9, "{split:?}");
        assert!((split.worst_then - 0.32).abs() < 1e-9, "{split:?}");
        // One more of forty.
        let another = split.worst_with_another.unwrap();
        assert!((another - 0.16 / 0.9).abs() < 1e-9, "{another}");
    }

    #[test]
    fn what_is_down_is_sent_nothing_and_what_never_carried_is_taken_for_even() {
        let down = split(&[link(0.0, 7.0), link(10.0, 5.0), link(10.0, 5.0)], 10.0).unwrap();
        assert_eq!(down.shares_now, [0.0, 0.5, 0.5]);
        assert_eq!(down.shares_then, [0.0, 0.5, 0.5]);
        assert!(down.worst_now.is_finite());
        let fresh = split(&[link(10.0, 0.0), link(0.0, 0.0), link(10.0, 0.0)], 10.0).unwrap();
        assert_eq!(fresh.shares_now, [0.5, 0.0, 0.5]);
        assert!(split(&[link(0.0, 1.0), link(0.0, 1.0)], 1.0).is_err());
        assert!(split(&[], 1.0).is_err());
    }

    #[test]
    fn of_many_links_each_has_a_part() {
        let mut links = vec![link(10.0, 1.0); 20];
        links[0].carried = 4.0;
        let split = split(&links, 20.0).unwrap();
        assert_eq!(split.weights.as_deref(), Some(&[1; 20][..]));
        assert!(split.worst_with_another.unwrap() < split.worst_then);
    }

    proptest! {
        #[test]
        fn what_is_advised_is_never_worse(
            links in prop::collection::vec((0.0..1e12_f64, 0.0..1e15_f64, prop::bool::weighted(0.2)), 1..64),
            demand in 0.0..1e13_f64,
        ) {
            let known: Vec<Before> = links
                .iter()
                .map(|(capacity, carried, down)| link(if *down { 0.0 } else { *capacity }, *carried))
                .collect();
            let Ok(split) = split(&known, demand) else {
                prop_assert!(known.iter().all(|link| link.capacity <= 0.0));
                return Ok(());
            };
            prop_assert!(split.worst_then <= split.worst_now, "{split:?}");
            prop_assert!(split.worst_with_another.unwrap() <= split.worst_now);
            for shares in [&split.shares_now, &split.shares_then] {
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
                for (share, link) in shares.iter().zip(&known) {
                    prop_assert!(link.capacity > 0.0 || *share == 0.0);
                }
            }
            if let Some(weights) = &split.weights {
                let most = buckets(known.iter().map(|link| link.capacity));
                prop_assert!((1..=most).contains(&weights.iter().sum::<u32>()));
            }
            let worst = split.loads_then.iter().copied().fold(0.0, f64::max);
            prop_assert!((worst - split.worst_then).abs() <= 1e-9 * worst.max(1.0));
        }
    }
}
