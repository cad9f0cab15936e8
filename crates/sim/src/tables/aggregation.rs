//! IEEE8023-LAG-MIB (IEEE 802.3ad): aggregates, and the ports that are members of them. A member whose
//! link is down is attached to none.

use super::view::{View, octets};
use super::{Column, Rows};
use crate::mib::Value;
use crate::network::PortNo;

macro_rules! column {
    ($rows:ident, $($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 2, 840, 10006, 300, 43, $($arc),+],
            rows: Rows::$rows,
            read: $read,
        }
    };
}

const TRUE: i32 = 1;
/// Priority of a system, and of a port, where nobody set another. Source: IEEE 802.1AX section 6.3.
const PRIORITY: i32 = 32_768;

pub(super) static COLUMNS: &[Column] = &[
    // dot3adAggMACAddress, dot3adAggActorSystemPriority, dot3adAggActorSystemID,
    // dot3adAggAggregateOrIndividual, dot3adAggActorAdminKey, dot3adAggActorOperKey,
    // dot3adAggPartnerSystemID
    column!(Aggregates, 1 1 1 1 2, |view, row| Some(octets(view.network().mac(aggregate(view, row)?)))),
    column!(Aggregates, 1 1 1 1 3, |_, _| Some(Value::Integer(PRIORITY))),
    column!(Aggregates, 1 1 1 1 4, |view, _| Some(octets(view.network().chassis_mac(view.number())))),
    column!(Aggregates, 1 1 1 1 5, |_, _| Some(Value::Integer(TRUE))),
    column!(Aggregates, 1 1 1 1 6, |view, row| Some(key(view, aggregate(view, row)?))),
    column!(Aggregates, 1 1 1 1 7, |view, row| Some(key(view, aggregate(view, row)?))),
    column!(Aggregates, 1 1 1 1 8, |view, row| {
        let far = view.network().far_end(aggregate(view, row)?)?;
        Some(octets(view.network().chassis_mac(far.device)))
    }),
    // dot3adAggPortActorSystemPriority, dot3adAggPortActorSystemID, dot3adAggPortActorAdminKey,
    // dot3adAggPortSelectedAggID, dot3adAggPortAttachedAggID, dot3adAggPortActorPort,
    // dot3adAggPortActorPortPriority, dot3adAggPortAggregateOrIndividual
    column!(Members, 1 2 1 1 2, |_, _| Some(Value::Integer(PRIORITY))),
    column!(Members, 1 2 1 1 3, |view, _| Some(octets(view.network().chassis_mac(view.number())))),
    column!(Members, 1 2 1 1 4, |view, row| Some(key(view, view.port(member(view, row)?.1)))),
    column!(Members, 1 2 1 1 12, |view, row| {
        let (_, aggregate) = member(view, row)?;
        Some(index(view, aggregate))
    }),
    column!(Members, 1 2 1 1 13, |view, row| {
        let (port, aggregate) = member(view, row)?;
        let is_up = view.timeline().is_up(view.port(port), view.at());
        Some(if is_up { index(view, aggregate) } else { Value::Integer(0) })
    }),
    column!(Members, 1 2 1 1 14, |view, row| Some(Value::Integer(i32::from(member(view, row)?.0) + 1))),
    column!(Members, 1 2 1 1 15, |_, _| Some(Value::Integer(PRIORITY))),
    column!(Members, 1 2 1 1 24, |_, _| Some(Value::Integer(TRUE))),
    // dot3adTablesLastChanged
    column!(Scalar, 1 3, |view, _| {
        let changed = view.timeline().members_changed(view.number(), view.at());
        let has_any = view.rows(Rows::Aggregates).len() > 0;
        has_any.then(|| Value::TimeTicks(view.ticks(changed)))
    }),
];

fn aggregate(view: &View<'_>, row: usize) -> Option<PortNo> {
    let port = view.surroundings().groups.aggregates.1.get(row)?;
    Some(view.port(*port))
}

/// A member and its aggregate.
fn member(view: &View<'_>, row: usize) -> Option<(u16, u16)> {
    view.surroundings().groups.members.1.get(row).copied()
}

/// LacpKey: the number of the aggregate among those of the device, from 1.
fn key<'a>(view: &View<'a>, aggregate: PortNo) -> Value<'a> {
    let first = view.device().management_port();
    Value::Integer(i32::from(aggregate.port.saturating_sub(first)))
}

fn index<'a>(view: &View<'a>, port: u16) -> Value<'a> {
    Value::Integer(view.numbering().index(port).cast_signed())
}
