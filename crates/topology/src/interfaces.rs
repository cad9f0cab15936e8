//! Which interface a row of IF-MIB is, so that an interface keeps its id, and with it its series,
//! when the agent renumbers ifIndex.
//!
//! Keys in order: ifName, ifDescr, MAC, ifAlias. A key tells an interface only where one row and
//! one known interface have that value; where several have it (VLANs that share a MAC, cards that
//! all say "Ethernet"), the later keys are tried, then ifIndex tells them apart, and that is
//! reported. A row that has none of the keys, as when only counters were read, is the interface that
//! has its ifIndex.

mod matching;

use matching::{Key, Matching, nameless};
use model::facts::InterfaceFacts;
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId, Timestamp};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Interfaces that the agent no longer lists and that are remembered, so that a card that comes
/// back keeps its history. Hosts that make and drop virtual interfaces all day would otherwise
/// grow without end.
pub const ABSENT_INTERFACES_MAX: usize = 256;

/// The interfaces of a device after a walk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// All of them, in order of ifIndex, those absent at the end.
    pub interfaces: Vec<Interface>,
    /// Present interfaces by ifIndex.
    pub by_index: BTreeMap<u32, InterfaceId>,
    /// What changed.
    pub changes: Vec<Change>,
    /// What an operator should know: one sentence each.
    pub reports: Vec<String>,
}

/// One change of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// First seen.
    Appeared {
        /// Which.
        id: InterfaceId,
    },
    /// No longer listed.
    Vanished {
        /// Which.
        id: InterfaceId,
    },
    /// Listed again.
    Returned {
        /// Which.
        id: InterfaceId,
    },
    /// Forgotten, being the longest absent of too many.
    Forgotten {
        /// Which.
        id: InterfaceId,
    },
    /// Another ifIndex.
    Renumbered {
        /// Which.
        id: InterfaceId,
        /// The ifIndex it had.
        from: u32,
        /// The ifIndex it has.
        to: u32,
    },
    /// Another name.
    Renamed {
        /// Which.
        id: InterfaceId,
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
    /// Another ifOperStatus.
    OperStatus {
        /// Which.
        id: InterfaceId,
        /// How it was.
        from: Option<IfStatus>,
        /// How it is.
        to: Option<IfStatus>,
    },
}

/// Gives each row the interface it is. `complete` says whether the walk reached the end of the
/// table: only then is an interface without a row taken for absent.
pub fn assign(
    known: &[Interface],
    rows: &[InterfaceFacts],
    complete: bool,
    device_id: DeviceId,
    now: Timestamp,
) -> Assignment {
    let mut assignment = Assignment::default();
    let rows = by_index(rows, &mut assignment.reports);
    let matched = Matching::new(known, &rows).run(&mut assignment.reports);
    for (index, row) in &rows {
        let old = matched.get(index).and_then(|position| known.get(*position));
        if old.is_none() && !complete && nameless(row) {
            continue;
        }
        let mut interface = merge(old, row, *index, device_id, now);
        // Of a whole walk, one that is in no aggregate has left that in which it was.
        if !complete {
            interface.aggregate = interface.aggregate.or(old.and_then(|old| old.aggregate));
        }
        changes_between(old, &interface, &mut assignment.changes);
        assignment.by_index.insert(*index, interface.id);
        assignment.interfaces.push(interface);
    }
    let taken: BTreeSet<usize> = matched.values().copied().collect();
    let mut absent = Vec::new();
    for (position, old) in known.iter().enumerate() {
        if taken.contains(&position) {
            continue;
        }
        let mut kept = old.clone();
        if complete && old.present {
            kept.present = false;
            kept.oper_status = None;
            kept.admin_status = None;
            kept.aggregate = None;
            kept.last_change_at = Some(now);
            assignment.changes.push(Change::Vanished { id: old.id });
            if old.oper_status.is_some() {
                assignment.changes.push(Change::OperStatus {
                    id: old.id,
                    from: old.oper_status,
                    to: None,
                });
            }
        }
        absent.push(kept);
    }
    forget_the_longest_absent(&mut absent, &mut assignment.changes);
    assignment.interfaces.append(&mut absent);
    assignment
}

/// Rows by ifIndex; a row without one, or with one that another row had, is left out.
fn by_index<'a>(
    rows: &'a [InterfaceFacts],
    reports: &mut Vec<String>,
) -> BTreeMap<u32, &'a InterfaceFacts> {
    let mut by_index = BTreeMap::new();
    let mut twice = 0;
    for row in rows {
        let Some(index) = row.index else { continue };
        match by_index.entry(index) {
            Entry::Vacant(place) => {
                place.insert(row);
            }
            Entry::Occupied(_) => twice += 1,
        }
    }
    if twice > 0 {
        reports.push(format!(
            "{twice} rows repeat an ifIndex of another row and were left out"
        ));
    }
    by_index
}

/// The interface as the row says it is now. What a row leaves out because it was not asked is kept.
fn merge(
    old: Option<&Interface>,
    row: &InterfaceFacts,
    index: u32,
    device_id: DeviceId,
    now: Timestamp,
) -> Interface {
    let name = Key::Name.of_row(row);
    let kept = old.filter(|old| old.present);
    let oper_status = row.oper_status.or(kept.and_then(|old| old.oper_status));
    let admin_status = row.admin_status.or(kept.and_then(|old| old.admin_status));
    let changed = old.is_some_and(|old| {
        !old.present || old.oper_status != oper_status || old.admin_status != admin_status
    });
    Interface {
        id: old.map_or_else(InterfaceId::new, |old| old.id),
        device_id,
        index,
        name: name
            .or_else(|| old.map(|old| old.name.clone()))
            .unwrap_or_else(|| format!("if{index}")),
        description: row.description.clone().or_else(|| old?.description.clone()),
        alias: row.alias.clone().or_else(|| old?.alias.clone()),
        kind: row.kind.clone().or_else(|| old?.kind.clone()),
        speed_bps: row.speed_bps.or(old.and_then(|old| old.speed_bps)),
        mac: row.mac.clone().or_else(|| old?.mac.clone()),
        mtu: row.mtu.or(old.and_then(|old| old.mtu)),
        aggregate: row.aggregate,
        admin_status,
        oper_status,
        last_change_at: if changed {
            Some(now)
        } else {
            old.and_then(|old| old.last_change_at)
        },
        present: true,
    }
}

fn changes_between(old: Option<&Interface>, new: &Interface, changes: &mut Vec<Change>) {
    let id = new.id;
    let Some(old) = old else {
        changes.push(Change::Appeared { id });
        return;
    };
    if !old.present {
        changes.push(Change::Returned { id });
    }
    if old.index != new.index {
        changes.push(Change::Renumbered {
            id,
            from: old.index,
            to: new.index,
        });
    }
    if old.name != new.name {
        let (from, to) = (old.name.clone(), new.name.clone());
        changes.push(Change::Renamed { id, from, to });
    }
    if old.oper_status != new.oper_status {
        let (from, to) = (old.oper_status, new.oper_status);
        changes.push(Change::OperStatus { id, from, to });
    }
}

fn forget_the_longest_absent(absent: &mut Vec<Interface>, changes: &mut Vec<Change>) {
    let gone = absent.iter().filter(|interface| !interface.present).count();
    let mut excess = gone.saturating_sub(ABSENT_INTERFACES_MAX);
    absent.sort_by_key(|interface| (interface.present, interface.last_change_at));
    absent.retain(|interface| {
        let forget = excess > 0 && !interface.present;
        if forget {
            excess -= 1;
            changes.push(Change::Forgotten { id: interface.id });
        }
        !forget
    });
    absent.sort_by_key(|interface| (!interface.present, interface.index));
}
