//! Advice on how traffic is split over links that lead from one device to the same other, over members of an
//! aggregate, and over next hops of the default route: found, measured, forecast and split here. Advice, never
//! a change. Begin at [`all`]; [`find`] says which ways are a group, [`measure`] what they carried, [`advise`]
//! what is best. `analytics::balance` has the method.

mod advise;
mod find;
mod measure;

pub(crate) use advise::Direction;
use find::Found;
pub(crate) use find::Kind;

use super::Ground;
use super::input::{self, Grain};
use super::make;
use super::place::Place;
use advise::Expected;
use measure::Carried;
use model::link::LinkStatus;
use model::{DeviceId, GroupId, InterfaceId, LinkId, Metric, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::series::SeriesError;

/// Groups that are looked at, those with the greatest speed first: each takes some ten milliseconds of a core
/// in an hour, and 10 kB.
pub(crate) const GROUPS_MAX: usize = 256;
/// Links of a group that are split: routers take no more next hops or members.
const LINKS_MAX: usize = 64;
/// How far ahead demand is forecast: a week.
pub(crate) const HORIZON: Duration = Duration::from_hours(24 * 7);
/// The quantile of the demand that a split is made for: the upper bound of the band of 80 %.
pub(crate) const QUANTILE: f64 = 0.9;

/// Ways that share what a device sends, and how traffic is best split over them.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = BalanceGroup)]
pub(crate) struct Group {
    /// Of links between two devices the lowest link, of an aggregate its interface, of routes to several
    /// neighbours the device. Any link or interface of the group names it too.
    pub(crate) id: GroupId,
    /// What makes it a group; where several do, the first of aggregate, routes, links.
    pub(crate) kind: Kind,
    /// What the device calls its aggregate; null of others.
    pub(crate) name: Option<String>,
    /// The device that sends; where both split over the same ways the one with the lower id.
    pub(crate) a: End,
    /// The other; null where the ways lead to several devices, or it is not known where to.
    pub(crate) b: Option<End>,
    /// Whether there is anything to gain that is worth a change: five percentage points or more, in either
    /// direction.
    pub(crate) is_advised: bool,
    /// Why nothing is advised, in one sentence; null where something is.
    pub(crate) reason: Option<String>,
    /// How much lower the load of the worst link gets, in parts of its capacity (0.05 is five percentage
    /// points), in the direction that gains most; null where it is not known.
    pub(crate) gain: Option<f64>,
    /// Load of the worst link in that direction as traffic is shared now, at the most that is expected, in parts
    /// of its capacity.
    pub(crate) worst_now: Option<f64>,
    /// The same with the weights that are advised.
    pub(crate) worst_then: Option<f64>,
    /// Which quantile of the demand is balanced for, 0 to 1.
    pub(crate) quantile: f64,
    /// Seconds ahead of which the most is taken.
    pub(crate) horizon_secs: u64,
    /// When this was computed: it stands for the hour, of which nothing whole is known before it is over.
    pub(crate) made_at: Timestamp,
    /// What `a` sends, and where that is split over the same ways what comes back; each device sets the
    /// weights of what it sends.
    pub(crate) directions: Vec<Direction>,
    /// What it rests on and what is not known, in sentences.
    pub(crate) evidence: Vec<String>,
}

/// A device at an end of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = BalanceEnd)]
pub(crate) struct End {
    /// The device.
    pub(crate) device_id: DeviceId,
    /// What people call it.
    pub(crate) device_name: String,
    /// The site it belongs to.
    pub(crate) site: Option<String>,
}

/// What was and what is expected of a direction, hour by hour.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Course {
    /// Who sends.
    pub(crate) from: DeviceId,
    /// When the first hour of what was begins, and what all links carried together, bit/s; NaN where it is not
    /// known.
    pub(crate) past: (Timestamp, Vec<f64>),
    /// When the first hour of what is expected begins.
    pub(crate) begins: Timestamp,
    /// What is expected of all together, bit/s: half of what comes is above it.
    pub(crate) median: Vec<f64>,
    /// The same at [`QUANTILE`].
    pub(crate) high: Vec<f64>,
}

/// A group that was looked at, with its courses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Looked {
    /// What is said of it.
    pub(crate) group: Group,
    /// Of the directions of which anything is known.
    pub(crate) courses: Vec<Course>,
}

/// Groups of this hour, so that a list is made of what another made.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    // Invariant: at most GROUPS_MAX.
    groups: Mutex<BTreeMap<GroupId, (Key, Arc<Looked>)>>,
    /// Held while a group is looked at: others who ask for it at the begin of an hour wait for what comes of it.
    looking: Mutex<()>,
}

/// What a group was made of.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    hour: Timestamp,
    /// Why it is taken for a group.
    why: String,
    over_others: Option<String>,
    /// The other end, and whether what comes back is looked at.
    back: (Option<DeviceId>, bool),
    ways: Vec<KeyOfWay>,
}

/// A way as it was.
type KeyOfWay = (Option<LinkId>, Option<InterfaceId>, LinkStatus, Option<u64>);

impl Kept {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, (Key, Arc<Looked>)>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, id: GroupId, key: &Key) -> Option<Arc<Looked>> {
        let groups = self.groups();
        let (made_of, looked) = groups.get(&id)?;
        (made_of == key).then(|| Arc::clone(looked))
    }

    fn keep(&self, key: Key, looked: Looked) -> Arc<Looked> {
        let looked = Arc::new(looked);
        let mut groups = self.groups();
        // Those of hours that are over first.
        if groups.len() >= GROUPS_MAX {
            groups.retain(|_, (other, _)| other.hour == key.hour);
        }
        if groups.len() >= GROUPS_MAX {
            groups.pop_first();
        }
        groups.insert(looked.group.id, (key, Arc::clone(&looked)));
        looked
    }
}

/// All groups of a network, at most [`GROUPS_MAX`], and how many there are beyond. Blocks: it reads files, and
/// forecasts those that were not looked at in this hour. What was done until nobody waits any more is kept.
pub(crate) fn all(
    ground: &Ground,
    kept: &Kept,
    times: (Timestamp, Option<Instant>),
) -> Result<(Vec<Arc<Looked>>, usize), SeriesError> {
    let (groups, left_out) = find::groups(&ground.store.inventory, GROUPS_MAX);
    let looked = groups.iter().map(|found| one(ground, kept, found, times));
    Ok((looked.collect::<Result<_, _>>()?, left_out))
}

/// The group of an id, or that a link or an interface of this id is of, with its courses; none where there is
/// none. Blocks as [`all`] does.
pub(crate) fn of_id(
    ground: &Ground,
    kept: &Kept,
    id: GroupId,
    times: (Timestamp, Option<Instant>),
) -> Result<Option<Arc<Looked>>, SeriesError> {
    let found = find::of_id(&ground.store.inventory, id);
    found
        .map(|found| one(ground, kept, &found, times))
        .transpose()
}

fn one(
    ground: &Ground,
    kept: &Kept,
    found: &Found,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Arc<Looked>, SeriesError> {
    let hour = input::begin_of(now, Grain::Hours.step());
    let of_way = |way: &find::Way| {
        let [near, _] = &way.ports;
        let port = near.as_ref().map(|port| port.id);
        (way.link_id(), port, way.status, way.speed_bps)
    };
    let key = Key {
        hour,
        why: found.why.clone(),
        over_others: found.over_others(),
        back: (found.b, found.is_both),
        ways: found.ways.iter().map(of_way).collect(),
    };
    if let Some(known) = kept.known(found.id, &key) {
        return Ok(known);
    }
    let _looking = kept.looking.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.known(found.id, &key) {
        return Ok(known);
    }
    if until.is_some_and(|until| Instant::now() >= until) {
        return Err(SeriesError::GivenUp);
    }
    let looked = look(ground, found, (now, until))?;
    Ok(kept.keep(key, looked))
}

fn look(
    ground: &Ground,
    found: &Found,
    (now, until): (Timestamp, Option<Instant>),
) -> Result<Looked, SeriesError> {
    let mut group = Group {
        id: found.id,
        kind: found.kind,
        name: found.name.clone(),
        a: end(ground, found.a),
        b: found.b.map(|b| end(ground, b)),
        is_advised: false,
        reason: None,
        gain: None,
        worst_now: None,
        worst_then: None,
        quantile: QUANTILE,
        horizon_secs: HORIZON.as_secs(),
        made_at: now,
        directions: Vec::new(),
        evidence: found.evidence(),
    };
    let mut courses = Vec::new();
    if found.ways.len() > LINKS_MAX {
        group.reason = Some(format!(
            "{} links are of the group, and at most {LINKS_MAX} are split",
            found.ways.len()
        ));
        return Ok(Looked { group, courses });
    }
    if let Some(reason) = found.over_others() {
        group.reason = Some(reason);
        return Ok(Looked { group, courses });
    }
    let carried = match measure::carried(ground, found, (now, until)) {
        Ok(carried) => carried,
        Err(SeriesError::GivenUp) => return Err(SeriesError::GivenUp),
        Err(error) => {
            group.reason = Some(format!("what the links carried could not be read: {error}"));
            return Ok(Looked { group, courses });
        }
    };
    let name_of_a = find::name_of(&ground.store.inventory, found.a);
    let a = Some(found.a);
    let ends = [(a, found.b), (found.b, a)];
    for ((from, to), carried) in ends.into_iter().zip(&carried) {
        let Some(from) = from else { continue };
        let (expected, course) = expect(from, carried, (now, &ground.place));
        let direction = advise::direction((from, to), carried, expected, (found, &name_of_a));
        for note in &direction.notes {
            if !group.evidence.contains(note) {
                group.evidence.push(note.clone());
            }
        }
        group.directions.push(direction);
        courses.extend(course);
    }
    let best = group
        .directions
        .iter()
        .filter(|direction| direction.gain.is_some())
        .max_by(|a, b| a.gain.unwrap_or(0.0).total_cmp(&b.gain.unwrap_or(0.0)));
    if let Some(best) = best {
        group.is_advised = best.is_advised;
        group.gain = best.gain;
        group.worst_now = best.worst_now;
        group.worst_then = best.worst_then;
        group.reason.clone_from(&best.reason);
    } else {
        let mut reasons = group.directions.iter();
        group.reason = reasons.find_map(|one| one.reason.clone());
    }
    Ok(Looked { group, courses })
}

/// What is expected of all links of a direction together: of their sum, for traffic that moves from one to
/// another changes nothing in it.
fn expect(
    from: DeviceId,
    carried: &Carried,
    (now, place): (Timestamp, &Place),
) -> (Expected, Option<Course>) {
    let sum = match carried.sum() {
        Ok(sum) => sum,
        Err(reason) => return (Expected::Unknown(reason), None),
    };
    let hours = usize::try_from(HORIZON.as_secs() / 3_600).unwrap_or(usize::MAX);
    let past = Carried::last_week(&sum);
    // The hour that is under way is forecast too: of it nothing whole is known.
    let metric = Metric::IF_HC_OUT_OCTETS;
    let made = match make::expect_values(metric, &sum, (Grain::Hours, place), hours + 1, now) {
        Ok(made) => made,
        Err(error) => return (Expected::Unknown(error.to_string()), None),
    };
    let course = Course {
        from,
        past,
        begins: made.trained.1,
        median: made.course.median,
        high: made.course.upper80,
    };
    let expected = Expected::of(&course, make::learning(sum.known()));
    (expected, Some(course))
}

fn end(ground: &Ground, device_id: DeviceId) -> End {
    let record = ground.store.inventory.device(device_id);
    let device = record.as_ref().map(|record| &record.device.body);
    End {
        device_id,
        device_name: device.map(model::device::Device::name).unwrap_or_default(),
        site: device.and_then(|device| device.typed.site.clone()),
    }
}
