//! Reading a device by the standard MIBs: what to ask, and what the answers mean.
//!
//! A look has two halves. The asking half (here) names the columns of the groups that are wanted and
//! walks them together. The reading half is pure: each file under `snmp/` turns rows of one MIB into
//! facts and readings, without a packet, so that a recording tests it as well as a device.
//! How a question is put on the wire is the `snmp` crate's business; when it is put, the schedule's.
//! Begin with [`read`] and [`interpret`]; `mib.rs` lists what is read.

mod arp;
mod bridge;
mod cisco_cdp;
mod cisco_memory;
mod cisco_process;
mod cisco_sensor;
mod cisco_vtp;
pub mod decode;
mod draft;
mod entity;
mod entity_sensor;
mod groups;
mod host_resources;
mod if_mib;
mod if_type;
mod ip_mib;
mod kind;
mod lldp;
mod lm_sensors;
mod look;
mod mib;
mod platform;
mod q_bridge;
mod routing;
mod rows;
mod system;
#[cfg(test)]
mod tests;
mod ucd;
mod ups;
mod vendor;
mod vendor_load;

pub use groups::Groups;
pub use look::{Glimpse, Look};
pub use rows::Rows;

use ::snmp::{Bound, Oid, Session, SessionError, WalkBounds, WalkEnd};
use draft::Draft;
use mib::Ask;
use model::Clock;
use std::time::Duration;
use tokio::time::Instant;

/// Time for one look. A device that takes longer is read in part.
const LOOK_TIME_MAX: Duration = Duration::from_mins(1);
/// Rows of a column that a look at the system group reads of a table: the chassis comes first.
const HEAD_ROWS: usize = 12;

/// Enough of a device to know it again: the system group, its engine id, chassis id, serial.
pub async fn identify(session: &mut Session, clock: &Clock) -> Result<Look, SessionError> {
    let look = read(session, Groups::SYSTEM, clock).await;
    match &look.error {
        Some(error) if look.answered_at.is_none() => Err(error.clone()),
        _ => Ok(look),
    }
}

/// Reads the groups that are wanted. What could not be read is missing from
/// [`Look::complete`]; what ended the look early is [`Look::error`].
pub async fn read(session: &mut Session, groups: Groups, clock: &Clock) -> Look {
    read_within(session, groups, clock, LOOK_TIME_MAX).await
}

/// As [`read`], in a given time: what was read until then is kept.
pub async fn read_within(
    session: &mut Session,
    groups: Groups,
    clock: &Clock,
    time: Duration,
) -> Look {
    let until = Instant::now() + time;
    // Whoever wants interfaces wants their counters too.
    let wanted = if groups.contains(Groups::INTERFACES) {
        groups | Groups::TRAFFIC
    } else {
        groups
    };
    let mut rows = Rows::default();
    let mut look = Look {
        asked: groups,
        ..Look::default()
    };
    match session.get(&scalars(wanted)).await {
        Ok(objects) => {
            look.answered_at = Some(clock.now());
            rows.extend(objects);
        }
        Err(error) => {
            look.answered_at = error.is_answer().then(|| clock.now());
            look.error = Some(error);
            look.defects = session.take_defects();
            return look;
        }
    }
    look.defects = session.take_defects();
    look.complete = walk(session, wanted, until, &mut rows, &mut look).await;
    let read = interpret(&rows, wanted);
    look.facts = read.facts;
    look.readings = read.readings;
    look.glimpse = read.glimpse;
    look.defects.merge(&read.defects);
    lldp::forget_foreign_loopback(&mut look, session.agent().ip());
    look.complete = look.complete & groups;
    look
}

/// What rows of an agent mean: the pure half of [`read`]. The look it gives has facts, readings,
/// the glimpse and defects alone.
pub fn interpret(rows: &Rows, wanted: Groups) -> Look {
    let mut draft = Draft {
        wanted,
        ..Draft::default()
    };
    for mib in mib::ALL {
        if mib.fits(&draft.object_id) {
            (mib.read)(rows, &mut draft);
        }
    }
    system::finish(&mut draft);
    Look {
        facts: draft.facts,
        readings: draft.readings,
        glimpse: draft.glimpse,
        defects: draft.defects,
        asked: wanted,
        ..Look::default()
    }
}

/// Every column and subtree that an agent may be asked for.
pub fn roots() -> impl Iterator<Item = &'static [u32]> {
    let of_all = mib::ALL.iter().flat_map(|mib| mib.asks).map(|ask| ask.root);
    of_all.chain(vendor_load::roots())
}

/// The columns and subtrees that an agent with this sysObjectID is asked for to their end in a look
/// at some groups, in the order asked.
pub fn columns(object_id: &[u32], wanted: Groups) -> Vec<&'static [u32]> {
    let mut roots = Vec::new();
    for ask in asks(object_id, wanted) {
        if is_whole(&ask) && !roots.contains(&ask.root) {
            roots.push(ask.root);
        }
    }
    roots
}

/// What an agent with this sysObjectID is asked for.
fn asks(object_id: &[u32], wanted: Groups) -> Vec<Ask> {
    mib::ALL
        .iter()
        .filter(|mib| mib.fits(object_id))
        .flat_map(|mib| mib.asks)
        .copied()
        .chain(vendor_load::asks(object_id))
        .filter(|ask| ask.groups.intersects(wanted))
        .collect()
}

/// Whether a column is walked to its end, whatever else there is.
fn is_whole(ask: &Ask) -> bool {
    !ask.head && ask.where_any.is_none()
}

fn scalars(wanted: Groups) -> Vec<Oid> {
    let mut objects = system::FIRST.to_vec();
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
    let asks = asks(&object_id, wanted);
    // A head of a column that is walked whole anyway needs no walk of its own.
    let whole: Vec<&Ask> = asks.iter().filter(|ask| is_whole(ask)).collect();
    let heads: Vec<&Ask> = asks
        .iter()
        .filter(|ask| ask.head && !whole.iter().any(|other| other.root == ask.root))
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
    complete = complete - ask(session, &whole, bounds, (rows, look, &mut gone)).await;
    let named: Vec<&Ask> = asks
        .iter()
        .filter(|ask| ask.where_any.is_some_and(|column| rows.has(column)))
        .filter(|ask| !whole.iter().any(|other| other.root == ask.root))
        .collect();
    complete = complete - ask(session, &named, bounds, (rows, look, &mut gone)).await;
    complete = complete - ask(session, &heads, head_bounds, (rows, look, &mut gone)).await;
    if wanted.contains(Groups::TRAFFIC) && if_mib::lacks_wide_counters(rows) {
        let narrow: Vec<Ask> = if_mib::NARROW
            .iter()
            .map(|&root| Ask::of(Groups::TRAFFIC, root))
            .collect();
        let narrow: Vec<&Ask> = narrow.iter().collect();
        complete = complete - ask(session, &narrow, bounds, (rows, look, &mut gone)).await;
    }
    complete
}

/// How far to walk.
#[derive(Clone, Copy)]
struct Reach {
    rows: usize,
    until: Instant,
}

/// Walks columns together. The groups that were cut short.
async fn ask(
    session: &mut Session,
    asks: &[&Ask],
    bounds: Reach,
    (rows, look, gone): (&mut Rows, &mut Look, &mut bool),
) -> Groups {
    let mut roots: Vec<&[u32]> = Vec::new();
    for ask in asks {
        if !roots.contains(&ask.root) {
            roots.push(ask.root);
        }
    }
    if roots.is_empty() || *gone {
        return asks.iter().fold(Groups::NONE, |cut, ask| cut | ask.groups);
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
    let mut cut = Groups::NONE;
    for (root, end) in roots.iter().zip(&found.ends) {
        let meant = bounds.rows == HEAD_ROWS && *end == WalkEnd::Bound(Bound::Rows);
        if !end.is_complete() && !meant {
            cut = asks
                .iter()
                .filter(|ask| ask.root == *root)
                .fold(cut, |cut, ask| cut | ask.groups);
        }
        if let WalkEnd::Failed(error) = end {
            look.error.get_or_insert_with(|| error.clone());
        }
    }
    if bounds.rows != HEAD_ROWS {
        look.defects.merge(&found.defects);
    }
    cut
}

fn is_silence(end: &WalkEnd) -> bool {
    matches!(
        end,
        WalkEnd::Failed(
            SessionError::Silent { .. } | SessionError::Refused { .. } | SessionError::Io { .. }
        )
    )
}
