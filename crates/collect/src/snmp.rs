//! Reading a device by the standard MIBs: what to ask, and what the answers mean.
//!
//! A look has two halves. The asking half (here) names the columns of the groups that are wanted and
//! walks them together. The reading half is pure: each file under `snmp/` turns rows of one MIB into
//! facts and readings, without a packet, so that a recording tests it as well as a device.
//! How a question is put on the wire is the `snmp` crate's business; when it is put, the schedule's.
//! Begin with [`read`] and [`interpret`]; `mib.rs` lists what is read.

mod aggregate;
mod arp;
mod aside;
mod bridge;
mod bridge_ports;
#[cfg(test)]
mod bridge_tests;
mod cisco_cdp;
mod cisco_vtp;
pub mod decode;
mod default_route;
mod dialect;
mod draft;
mod entity;
#[cfg(test)]
mod group_tests;
mod groups;
mod host_resources;
mod if_mib;
mod if_type;
mod ip_mib;
mod kind;
mod lldp;
mod look;
mod markers;
mod mib;
mod platform;
mod profiled;
mod q_bridge;
mod routing;
mod rows;
mod system;
#[cfg(test)]
mod tests;
mod ucd;
mod vendor;
#[cfg(test)]
mod wireless_tests;

pub use bridge_ports::BRIDGE_PORTS_MAX;
pub use dialect::Dialect;
pub use groups::Groups;
pub use look::{Glimpse, Look, Origin};
pub use markers::Markers;
pub(crate) use profiled::WIRELESS_MAX;
pub use rows::Rows;

use crate::profile::{Plan, Profiles};
use ::snmp::{Bound, Oid, Session, SessionError, WalkBounds, WalkEnd};
use draft::Draft;
use mib::Ask;
use model::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time for one look. A device that takes longer is read in part.
const LOOK_TIME_MAX: Duration = Duration::from_mins(1);
/// Rows of a column that a look at the system group reads of a table: the chassis comes first.
const HEAD_ROWS: usize = 12;

/// Enough of a device to know it again: the system group, its engine id, chassis id, serial. What was
/// read within the time is kept.
pub async fn identify(
    session: &mut Session,
    dialect: &mut Dialect,
    clock: &Clock,
    time: Duration,
) -> Result<Look, SessionError> {
    let look = read_within(session, dialect, Groups::SYSTEM, clock, time).await;
    match &look.error {
        Some(error) if look.answered_at.is_none() => Err(error.clone()),
        _ => Ok(look),
    }
}

/// Reads the groups that are wanted. What could not be read is missing from
/// [`Look::complete`]; what ended the look early is [`Look::error`].
pub async fn read(
    session: &mut Session,
    dialect: &mut Dialect,
    groups: Groups,
    clock: &Clock,
) -> Look {
    read_within(session, dialect, groups, clock, LOOK_TIME_MAX).await
}

/// As [`read`], in a given time: what was read until then is kept.
pub async fn read_within(
    session: &mut Session,
    dialect: &mut Dialect,
    groups: Groups,
    clock: &Clock,
    time: Duration,
) -> Look {
    let (rows, mut look) = ask_all(session, dialect, groups, clock, time).await;
    let draft = Draft {
        wanted: implied(groups),
        cut: implied(groups) - look.complete,
        plan: Arc::clone(dialect.plan()),
        known_names: Arc::clone(dialect.names()),
        ..Draft::default()
    };
    let (read, _, names) = interpret_into(&rows, draft);
    if groups.intersects(Groups::NAMED) {
        dialect.name(names, look.complete.contains(groups & Groups::NAMED));
    }
    look.facts = read.facts;
    look.readings = read.readings;
    look.glimpse = read.glimpse;
    look.defects.merge(&read.defects);
    dialect.keep(&mut look);
    lldp::forget_foreign_loopback(&mut look, session.agent().ip());
    look.complete = look.complete & groups;
    look
}

/// Everything that a device tells, and which object told it.
pub async fn explain(
    session: &mut Session,
    dialect: &mut Dialect,
    clock: &Clock,
) -> (Look, Vec<Origin>) {
    let (rows, mut look) = ask_all(session, dialect, Groups::ALL, clock, LOOK_TIME_MAX).await;
    let (read, origins) = interpret_noting(&rows, Groups::ALL, dialect.plan());
    look.facts = read.facts;
    look.readings = read.readings;
    look.defects.merge(&read.defects);
    (look, origins)
}

/// Whoever wants interfaces wants their counters too.
fn implied(groups: Groups) -> Groups {
    if groups.contains(Groups::INTERFACES) {
        groups | Groups::TRAFFIC
    } else {
        groups
    }
}

async fn ask_all(
    session: &mut Session,
    dialect: &mut Dialect,
    groups: Groups,
    clock: &Clock,
    time: Duration,
) -> (Rows, Look) {
    let until = Instant::now() + time;
    let wanted = implied(groups);
    let mut rows = Rows::default();
    let mut look = Look {
        asked: groups,
        ..Look::default()
    };
    match session.get(&scalars(wanted, dialect)).await {
        Ok(objects) => {
            look.answered_at = Some(clock.now());
            rows.extend(objects);
        }
        Err(error) => {
            look.answered_at = error.is_answer().then(|| clock.now());
            look.error = Some(error);
            look.defects = session.take_defects();
            return (rows, look);
        }
    }
    look.markers = markers::read(&rows);
    dialect.begin(wanted, look.markers);
    let is_learnt = dialect.learn(session, wanted, &mut rows, time).await;
    look.defects = session.take_defects();
    look.complete = walk(session, dialect, wanted, until, &mut rows, &mut look).await;
    if !is_learnt {
        look.complete = look.complete - Groups::SYSTEM;
    }
    (rows, look)
}

/// What rows of an agent mean: the pure half of [`read`]. The look it gives has facts, readings,
/// the glimpse and defects alone.
pub fn interpret(rows: &Rows, wanted: Groups, plan: &Arc<Plan>) -> Look {
    interpret_into(
        rows,
        Draft {
            wanted,
            plan: Arc::clone(plan),
            ..Draft::default()
        },
    )
    .0
}

/// As [`interpret`], noting which object told each fact.
pub fn interpret_noting(rows: &Rows, wanted: Groups, plan: &Arc<Plan>) -> (Look, Vec<Origin>) {
    let origins = Some(Vec::new());
    let (look, origins, _) = interpret_into(
        rows,
        Draft {
            wanted,
            plan: Arc::clone(plan),
            origins,
            ..Draft::default()
        },
    );
    (look, origins)
}

/// A recording as a device would be read that has all these rows: only what would be asked of it
/// counts.
pub fn interpret_recording(rows: &Rows, profiles: &Profiles) -> (Look, Vec<Origin>, Arc<Plan>) {
    let plan = Plan::of_rows(profiles, rows);
    let object_id = rows
        .scalar(system::SYS_OBJECT_ID)
        .and_then(::snmp::Value::as_oid);
    let object_id = object_id.map(|oid| oid.arcs().to_vec()).unwrap_or_default();
    let scalars = scalars(Groups::ALL, &Dialect::default()).into_iter();
    let mut asked: Rows = scalars
        .filter_map(|oid| Some((oid.clone(), rows.cell(oid.arcs(), &[])?.clone())))
        .collect();
    let mut roots: Vec<&[u32]> = Vec::new();
    let asks = asks(&object_id, Groups::ALL, &plan);
    for ask in &asks {
        if ask.where_any.is_none_or(|column| rows.has(column)) {
            roots.push(ask.root);
        }
    }
    roots.extend(if_mib::NARROW);
    roots.extend(aggregate::STACKED);
    for root in roots {
        let found = rows.column(root).take(WalkBounds::default().rows);
        asked.extend(
            found.map(|(index, value)| (Oid::from_slice(&[root, index].concat()), value.clone())),
        );
    }
    let (look, origins) = interpret_noting(&asked, Groups::ALL, &plan);
    (look, origins, plan)
}

/// The look, which object told each fact, and what the interfaces are called.
fn interpret_into(rows: &Rows, mut draft: Draft) -> (Look, Vec<Origin>, BTreeMap<u32, String>) {
    for mib in mib::ALL {
        if mib.fits(&draft.object_id) {
            let before = draft.tally();
            (mib.read)(rows, &mut draft);
            draft.note_since(&before, mib.name);
        }
    }
    let before = draft.tally();
    system::finish(&mut draft);
    draft.note_since(&before, "sysDescr");
    let look = Look {
        facts: draft.facts,
        readings: draft.readings,
        glimpse: draft.glimpse,
        defects: draft.defects,
        asked: draft.wanted,
        ..Look::default()
    };
    (
        look,
        draft.origins.unwrap_or_default(),
        draft.interface_names,
    )
}

/// Every column and subtree that an agent may be asked for.
pub fn roots(profiles: &Profiles) -> BTreeSet<Vec<u32>> {
    let of_all = mib::ALL
        .iter()
        .flat_map(|mib| mib.asks)
        .map(|ask| ask.root.to_vec());
    let catalog = profiles.now();
    let plan = Plan {
        profiles: catalog
            .heads()
            .filter_map(|head| catalog.find(&head.name))
            .collect(),
    };
    let of_profiles = profiled::asks(&plan)
        .into_iter()
        .map(|ask| ask.root.to_vec());
    of_all.chain(of_profiles).collect()
}

/// The columns and subtrees that an agent with this sysObjectID is asked for to their end in a look
/// at some groups, in the order asked.
pub fn columns(object_id: &[u32], wanted: Groups, plan: &Plan) -> Vec<Vec<u32>> {
    let mut roots: Vec<Vec<u32>> = Vec::new();
    for ask in asks(object_id, wanted, plan) {
        if !ask.head && !roots.iter().any(|root| root == ask.root) {
            roots.push(ask.root.to_vec());
        }
    }
    roots
}

/// What an agent with this sysObjectID is asked for.
fn asks<'a>(object_id: &[u32], wanted: Groups, plan: &'a Plan) -> Vec<Ask<'a>> {
    let standard = mib::ALL
        .iter()
        .filter(|mib| mib.fits(object_id))
        .flat_map(|mib| mib.asks)
        .copied();
    let profiled = profiled::asks(plan).into_iter().map(|ask| Ask {
        where_any: ask.where_any,
        ..Ask::of(ask.groups, ask.root)
    });
    standard
        .chain(profiled)
        .filter(|ask| ask.groups.intersects(wanted))
        .collect()
}

/// Whether a column is walked to its end, whatever else there is.
fn is_whole(ask: &Ask<'_>) -> bool {
    !ask.head && !ask.aside && ask.where_any.is_none()
}

fn scalars(wanted: Groups, dialect: &Dialect) -> Vec<Oid> {
    let mut objects = system::FIRST.to_vec();
    let markers = markers::OBJECTS.iter().copied();
    objects
        .extend(markers.filter(|marker| wanted.contains(Groups::SYSTEM) || !dialect.lacks(marker)));
    if wanted.contains(Groups::SYSTEM) {
        objects.extend(system::SCALARS);
        objects.extend(lldp::SCALARS);
    }
    objects
        .into_iter()
        .map(|object| Oid::from_slice(object).child(0))
        .collect()
}

/// Walks all columns of the groups that are wanted together, and tells which groups were read to
/// their end.
async fn walk(
    session: &mut Session,
    dialect: &mut Dialect,
    wanted: Groups,
    until: Instant,
    rows: &mut Rows,
    look: &mut Look,
) -> Groups {
    let object_id = rows
        .scalar(system::SYS_OBJECT_ID)
        .and_then(::snmp::Value::as_oid)
        .map(|oid| oid.arcs().to_vec())
        .unwrap_or_default();
    let plan = Arc::clone(dialect.plan());
    let asks = asks(&object_id, wanted, &plan);
    let whole: Vec<&Ask<'_>> = asks
        .iter()
        .filter(|ask| is_whole(ask) && !dialect.skips(wanted, ask))
        .collect();
    // A head of a column that is walked whole anyway needs no walk of its own.
    let heads: Vec<&Ask<'_>> = asks
        .iter()
        .filter(|ask| {
            ask.head
                && !asks
                    .iter()
                    .any(|other| is_whole(other) && other.root == ask.root)
        })
        .collect();
    let mut complete = wanted;
    let mut gone = false;
    let bounds = Reach {
        rows: WalkBounds::default().rows,
        until,
    };
    let head_bounds = Reach {
        rows: HEAD_ROWS,
        ..bounds
    };
    let found = ask(session, &whole, bounds, (rows, look, &mut gone)).await;
    complete = complete - found.cut;
    for ask in whole.iter().filter(|ask| found.ended.contains(ask.root)) {
        dialect.ended(ask, rows);
    }
    let named: Vec<&Ask<'_>> = asks
        .iter()
        .filter(|ask| !ask.aside && ask.where_any.is_some_and(|column| rows.has(column)))
        .filter(|ask| !whole.iter().any(|other| other.root == ask.root))
        .collect();
    complete = complete
        - ask(session, &named, bounds, (rows, look, &mut gone))
            .await
            .cut;
    complete = complete
        - ask(session, &heads, head_bounds, (rows, look, &mut gone))
            .await
            .cut;
    if wanted.contains(Groups::TRAFFIC) && if_mib::lacks_wide_counters(rows) {
        let narrow: Vec<Ask<'_>> = if_mib::NARROW
            .iter()
            .map(|&root| Ask::of(Groups::TRAFFIC, root))
            .collect();
        let narrow: Vec<&Ask<'_>> = narrow.iter().collect();
        complete = complete
            - ask(session, &narrow, bounds, (rows, look, &mut gone))
                .await
                .cut;
    }
    look.unheard = wanted & aside::GROUPS;
    if !gone {
        let (unheard, defects) = aside::walk(session, wanted, bounds, rows).await;
        look.unheard = unheard;
        look.defects.merge(&defects);
    }
    complete
}

/// How far to walk.
#[derive(Clone, Copy)]
struct Reach {
    rows: usize,
    until: Instant,
}

/// How a walk of columns ended.
#[derive(Default)]
struct Ended<'a> {
    /// The groups that were cut short.
    cut: Groups,
    /// The columns that were read to their end.
    ended: BTreeSet<&'a [u32]>,
}

/// Walks columns together.
async fn ask<'a>(
    session: &mut Session,
    asks: &[&Ask<'a>],
    bounds: Reach,
    (rows, look, gone): (&mut Rows, &mut Look, &mut bool),
) -> Ended<'a> {
    let mut roots: Vec<&'a [u32]> = Vec::new();
    for ask in asks {
        if !roots.contains(&ask.root) {
            roots.push(ask.root);
        }
    }
    if roots.is_empty() || *gone {
        return Ended {
            cut: asks.iter().fold(Groups::NONE, |cut, ask| cut | ask.groups),
            ..Ended::default()
        };
    }
    let oids: Vec<Oid> = roots.iter().map(|root| Oid::from_slice(root)).collect();
    let walk = WalkBounds {
        rows: bounds.rows,
        time: bounds.until.saturating_duration_since(Instant::now()),
        ..WalkBounds::default()
    };
    let found = session.columns(&oids, walk).await;
    rows.extend(found.rows);
    // One column that an agent chokes on is no reason to leave the rest; silence at the end is.
    *gone |= found.ends.iter().filter(|end| is_silence(end)).count() > 1;
    let mut all = Ended::default();
    for (root, end) in roots.iter().zip(&found.ends) {
        let meant = bounds.rows == HEAD_ROWS && *end == WalkEnd::Bound(Bound::Rows);
        if end.is_complete() {
            all.ended.insert(root);
        } else if !meant {
            all.cut = asks
                .iter()
                .filter(|ask| ask.root == *root)
                .fold(all.cut, |cut, ask| cut | ask.groups);
        }
        if let WalkEnd::Failed(error) = end
            && *gone
        {
            look.error.get_or_insert_with(|| error.clone());
        }
    }
    if bounds.rows != HEAD_ROWS {
        look.defects.merge(&found.defects);
    }
    all
}

fn is_silence(end: &WalkEnd) -> bool {
    matches!(
        end,
        WalkEnd::Failed(
            SessionError::Silent { .. } | SessionError::Refused { .. } | SessionError::Io { .. }
        )
    )
}
