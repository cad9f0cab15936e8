//! IF-MIB (RFC 2863): interfaces, their states and counters.
//!
//! Counters are 64-bit where the agent has them. Where it has only 32-bit ones, their readings go
//! under the same metric: a rate over them breaks at 2^32.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode, if_type};
use crate::reading::Instance;
use ::snmp::Defect;
use model::Metric;
use model::facts::InterfaceFacts;
use model::interface::IfStatus;

macro_rules! columns {
    ($($name:ident = $($arc:literal)+;)*) => {
        $(pub(super) const $name: &[u32] = &[1, 3, 6, 1, 2, 1, $($arc),+];)*
    };
}

columns! {
    DESCR = 2 2 1 2;
    TYPE = 2 2 1 3;
    MTU = 2 2 1 4;
    SPEED = 2 2 1 5;
    PHYS_ADDRESS = 2 2 1 6;
    ADMIN_STATUS = 2 2 1 7;
    OPER_STATUS = 2 2 1 8;
    IN_OCTETS = 2 2 1 10;
    IN_UCAST_PKTS = 2 2 1 11;
    IN_DISCARDS = 2 2 1 13;
    IN_ERRORS = 2 2 1 14;
    OUT_OCTETS = 2 2 1 16;
    OUT_UCAST_PKTS = 2 2 1 17;
    OUT_DISCARDS = 2 2 1 19;
    OUT_ERRORS = 2 2 1 20;
    NAME = 31 1 1 1 1;
    HC_IN_OCTETS = 31 1 1 1 6;
    HC_IN_UCAST_PKTS = 31 1 1 1 7;
    HC_OUT_OCTETS = 31 1 1 1 10;
    HC_OUT_UCAST_PKTS = 31 1 1 1 11;
    HIGH_SPEED = 31 1 1 1 15;
    ALIAS = 31 1 1 1 18;
}

/// Bit/s that no interface has: a thousand times the fastest Ethernet that is standardised.
const SPEED_BPS_MAX: u64 = 1_600_000_000_000_000;
/// ifSpeed's way of saying that it cannot hold the speed (RFC 2863).
const SPEED_UNKNOWN: u64 = u32::MAX as u64;

const NAMES: Groups = Groups::INTERFACES;
const STATES: Groups = Groups::TRAFFIC;

pub(super) static MIB: Mib = Mib {
    name: "IF-MIB",
    asks: &[
        // Whoever names an interface needs these two.
        Ask::of(Groups::NAMED, DESCR),
        Ask::of(Groups::NAMED, NAME),
        Ask::of(NAMES, TYPE),
        Ask::of(NAMES, MTU),
        Ask::of(NAMES, SPEED),
        Ask::of(NAMES, PHYS_ADDRESS),
        Ask::of(NAMES, HIGH_SPEED),
        Ask::of(NAMES, ALIAS),
        Ask::of(STATES, ADMIN_STATUS),
        Ask::of(STATES, OPER_STATUS),
        Ask::of(STATES, HC_IN_OCTETS),
        Ask::of(STATES, HC_OUT_OCTETS),
        Ask::of(STATES, HC_IN_UCAST_PKTS),
        Ask::of(STATES, HC_OUT_UCAST_PKTS),
        Ask::of(STATES, IN_DISCARDS),
        Ask::of(STATES, OUT_DISCARDS),
        Ask::of(STATES, IN_ERRORS),
        Ask::of(STATES, OUT_ERRORS),
    ],
    enterprises: &[],
    read,
};

/// The 32-bit counters, asked for where some interface lacks the 64-bit ones.
pub(super) const NARROW: &[&[u32]] = &[IN_OCTETS, OUT_OCTETS, IN_UCAST_PKTS, OUT_UCAST_PKTS];

/// Whether some interface has no 64-bit octet counters.
pub(super) fn lacks_wide_counters(rows: &Rows) -> bool {
    rows.column(OPER_STATUS)
        .any(|(index, _)| rows.cell(HC_IN_OCTETS, index).is_none())
        || (!rows.has(OPER_STATUS) && !rows.has(HC_IN_OCTETS))
}

/// A metric, its 64-bit column where there is one, and its 32-bit one.
type Counter = (Metric, Option<&'static [u32]>, &'static [u32]);

static COUNTERS: &[Counter] = &[
    (Metric::IF_HC_IN_OCTETS, Some(HC_IN_OCTETS), IN_OCTETS),
    (Metric::IF_HC_OUT_OCTETS, Some(HC_OUT_OCTETS), OUT_OCTETS),
    (
        Metric::IF_HC_IN_UCAST_PKTS,
        Some(HC_IN_UCAST_PKTS),
        IN_UCAST_PKTS,
    ),
    (
        Metric::IF_HC_OUT_UCAST_PKTS,
        Some(HC_OUT_UCAST_PKTS),
        OUT_UCAST_PKTS,
    ),
    (Metric::IF_IN_DISCARDS, None, IN_DISCARDS),
    (Metric::IF_OUT_DISCARDS, None, OUT_DISCARDS),
    (Metric::IF_IN_ERRORS, None, IN_ERRORS),
    (Metric::IF_OUT_ERRORS, None, OUT_ERRORS),
];

fn read(rows: &Rows, draft: &mut Draft) {
    names(rows, draft);
    if draft.wants(Groups::TRAFFIC) {
        readings(rows, draft);
    }
    if draft.wants(Groups::INTERFACES) {
        facts(rows, draft);
    }
}

fn names(rows: &Rows, draft: &mut Draft) {
    for index in rows.indexes(&[DESCR, NAME]) {
        let Some(number) = if_index(draft, index) else {
            continue;
        };
        let name = draft
            .text(rows, NAME, index)
            .or_else(|| draft.text(rows, DESCR, index));
        if let Some(name) = name {
            draft.interface_names.insert(number, name);
        }
    }
}

fn readings(rows: &Rows, draft: &mut Draft) {
    for index in rows.indexes(&[OPER_STATUS, HC_IN_OCTETS, IN_OCTETS]) {
        let Some(number) = if_index(draft, index) else {
            continue;
        };
        let instance = Instance::Interface { index: number };
        for (metric, column) in [
            (Metric::IF_ADMIN_STATUS, ADMIN_STATUS),
            (Metric::IF_OPER_STATUS, OPER_STATUS),
        ] {
            if let Some(status) = status(rows, draft, column, index) {
                draft.count(metric, &instance, status.number());
            }
        }
        for &(metric, wide, narrow) in COUNTERS {
            if let Some(value) = counter(rows, draft, wide, narrow, index) {
                draft.count(metric, &instance, value);
            }
        }
    }
}

fn facts(rows: &Rows, draft: &mut Draft) {
    let known = [
        DESCR,
        NAME,
        TYPE,
        ADMIN_STATUS,
        OPER_STATUS,
        SPEED,
        IN_OCTETS,
    ];
    for index in rows.indexes(&known) {
        let Some(number) = if_index(draft, index) else {
            continue;
        };
        let row = InterfaceFacts {
            index: Some(number),
            name: draft.interface_names.get(&number).cloned(),
            description: draft.text(rows, DESCR, index),
            alias: draft.text(rows, ALIAS, index),
            kind: draft
                .number(rows, TYPE, index)
                .and_then(if_type::name)
                .map(str::to_owned),
            speed_bps: speed(rows, draft, index),
            mtu: draft
                .number(rows, MTU, index)
                .and_then(|octets| u32::try_from(octets).ok()),
            aggregate: None,
            mac: draft
                .octets(rows, PHYS_ADDRESS, index)
                .and_then(decode::mac),
            admin_status: status(rows, draft, ADMIN_STATUS, index),
            oper_status: status(rows, draft, OPER_STATUS, index),
            in_octets: counter(rows, draft, Some(HC_IN_OCTETS), IN_OCTETS, index),
            out_octets: counter(rows, draft, Some(HC_OUT_OCTETS), OUT_OCTETS, index),
            in_errors: counter(rows, draft, None, IN_ERRORS, index),
            out_errors: counter(rows, draft, None, OUT_ERRORS, index),
        };
        draft.facts.interfaces.push(row);
    }
}

/// ifIndex is one arc, from 1 to 2^31 - 1.
fn if_index(draft: &mut Draft, index: &[u32]) -> Option<u32> {
    match *index {
        [number] if number > 0 => Some(number),
        _ => {
            draft.defects.add(Defect::WrongIndex);
            None
        }
    }
}

fn status(rows: &Rows, draft: &mut Draft, column: &[u32], index: &[u32]) -> Option<IfStatus> {
    let number = draft.number(rows, column, index)?;
    let status = IfStatus::from_number(number);
    if status.is_none() {
        draft.defects.add(Defect::AbsurdValue);
    }
    status
}

/// The 64-bit counter; the 32-bit one where there is no other, or the other stands still at zero
/// while it counts (agents that list ifXTable and never fill it).
fn counter(
    rows: &Rows,
    draft: &mut Draft,
    wide: Option<&[u32]>,
    narrow: &[u32],
    index: &[u32],
) -> Option<u64> {
    let wide = wide.and_then(|column| draft.number(rows, column, index));
    let narrow = draft.number(rows, narrow, index);
    match (wide, narrow) {
        (Some(0), Some(narrow)) => Some(narrow),
        (Some(wide), _) => Some(wide),
        (None, narrow) => narrow,
    }
}

/// ifSpeed where it can hold the speed, for it is exact; ifHighSpeed where it cannot.
fn speed(rows: &Rows, draft: &mut Draft, index: &[u32]) -> Option<u64> {
    let exact = draft
        .number(rows, SPEED, index)
        .filter(|&bps| bps > 0 && bps < SPEED_UNKNOWN);
    let high = draft
        .number(rows, HIGH_SPEED, index)
        .filter(|&mbps| mbps > 0)
        .map(|mbps| mbps.saturating_mul(1_000_000));
    let speed = match (exact, high) {
        // ifHighSpeed is rounded to a megabit; a larger gap means that ifSpeed ran over.
        (Some(exact), Some(high)) if exact.abs_diff(high) > 1_000_000 => high,
        (Some(exact), _) => exact,
        (None, high) => high?,
    };
    if speed > SPEED_BPS_MAX {
        draft.defects.add(Defect::AbsurdValue);
        return None;
    }
    Some(speed)
}
