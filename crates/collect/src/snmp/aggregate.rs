//! Which aggregate an interface is an active member of: dot3adAggPortTable of IEEE8023-LAG-MIB (IEEE
//! 802.3ad), and ifStackTable of IF-MIB (RFC 2863) for what that does not speak of.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, if_mib};
use ::snmp::{Defect, Value};
use std::collections::{BTreeMap, BTreeSet};

/// dot3adAggPortAttachedAggID, by the ifIndex of the port: the ifIndex of the aggregate; 0 of a port
/// that is attached to none, its own number of one that is used by itself.
pub(super) const ATTACHED_AGG_ID: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
/// ifStackStatus, by the ifIndex of the higher and of the lower layer.
const STACK_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3];
/// ifStackStatus: the two are stacked now.
const ACTIVE: u64 = 1;

/// ifType of aggregates: propMultiplexor, ieee8023adLag. Source: IANAifType-MIB.
const AGGREGATES: [u64; 2] = [54, 161];
/// ifType of what is no port that an aggregate could have: softwareLoopback, propVirtual, tunnel,
/// l2vlan, l3ipvlan, bridge.
const NO_PORTS: [u64; 6] = [24, 53, 131, 135, 136, 209];

pub(super) static MIB: Mib = Mib {
    name: "IEEE8023-LAG-MIB",
    asks: &[Ask::aside(Groups::INTERFACES, ATTACHED_AGG_ID)],
    enterprises: &[],
    read: attached,
};

pub(super) static STACK: Mib = Mib {
    name: "ifStackTable",
    asks: &[],
    enterprises: &[],
    read: stacked,
};

/// Asked for where some aggregate has no member by IEEE8023-LAG-MIB: the table is long, and most
/// devices have no aggregate.
pub(super) const STACKED: &[&[u32]] = &[STACK_STATUS];

/// Whether some interface is an aggregate that no port is attached to, as far as is said.
pub(super) fn lacks_members(rows: &Rows) -> bool {
    let attached: BTreeSet<u64> = rows
        .column(ATTACHED_AGG_ID)
        .filter_map(|(_, value)| value.as_u64())
        .collect();
    rows.column(if_mib::TYPE).any(|(index, kind)| {
        let number = index.first().copied().map(u64::from);
        kind.as_u64().is_some_and(|kind| AGGREGATES.contains(&kind))
            && number.is_some_and(|number| !attached.contains(&number))
    })
}

/// Aggregates by the ifIndex of their members.
type Members = BTreeMap<u32, u32>;

fn attached(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::INTERFACES) {
        return;
    }
    let listed = listed(draft);
    let mut members = Members::new();
    for (index, _) in rows.column(ATTACHED_AGG_ID) {
        let &[port] = index else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let Some(number) = draft.number(rows, ATTACHED_AGG_ID, index) else {
            continue;
        };
        if number == 0 || number == u64::from(port) {
            continue;
        }
        match u32::try_from(number) {
            Ok(aggregate) if listed.contains(&port) && listed.contains(&aggregate) => {
                members.insert(port, aggregate);
            }
            _ => draft.defects.add(Defect::AbsurdValue),
        }
    }
    keep(&members, draft);
}

fn stacked(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::INTERFACES) || !rows.has(STACK_STATUS) {
        return;
    }
    let listed = listed(draft);
    let kind = |index: u32| rows.cell(if_mib::TYPE, &[index]).and_then(Value::as_u64);
    let is_aggregate = |index| kind(index).is_some_and(|kind| AGGREGATES.contains(&kind));
    let mut members = Members::new();
    for (index, status) in rows.column(STACK_STATUS) {
        let &[higher, lower] = index else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        // 0 is the top or the bottom of a stack; only an aggregate is over its members.
        if higher == 0 || lower == 0 || !is_aggregate(higher) || status.as_u64() != Some(ACTIVE) {
            continue;
        }
        let is_said = rows.cell(ATTACHED_AGG_ID, &[lower]).is_some();
        let is_port = kind(lower).is_none_or(|kind| !NO_PORTS.contains(&kind));
        if is_said || !is_port {
            continue;
        }
        let is_known = listed.contains(&higher) && listed.contains(&lower);
        if !is_known || is_aggregate(lower) || members.contains_key(&lower) {
            draft.defects.add(Defect::AbsurdValue);
            continue;
        }
        members.insert(lower, higher);
    }
    keep(&members, draft);
}

/// The interfaces that IF-MIB lists.
fn listed(draft: &Draft) -> BTreeSet<u32> {
    let rows = draft.facts.interfaces.iter();
    rows.filter_map(|row| row.index).collect()
}

/// Writes the aggregate of each member. What is said to be in an aggregate is none itself: of a ring
/// nothing is kept.
fn keep(members: &Members, draft: &mut Draft) {
    for row in &mut draft.facts.interfaces {
        let Some(aggregate) = row.index.and_then(|index| members.get(&index)) else {
            continue;
        };
        if members.contains_key(aggregate) {
            draft.defects.add(Defect::AbsurdValue);
        } else {
            row.aggregate = Some(*aggregate);
        }
    }
}
