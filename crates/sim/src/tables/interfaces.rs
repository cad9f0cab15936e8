//! IF-MIB (RFC 2863): ifTable and ifXTable.

use super::view::{View, octets, text};
use super::{Column, Rows};
use crate::mib::Value;
use crate::network::{Peer, PortNo};
use std::borrow::Cow;

macro_rules! column {
    ($($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, $($arc),+],
            rows: Rows::Interfaces,
            read: $read,
        }
    };
}

pub(super) static COLUMNS: &[Column] = &[
    // ifNumber
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 2, 1],
        rows: Rows::Scalar,
        read: |view, _| {
            let count = i32::try_from(view.device().ports().len()).ok()?;
            Some(Value::Integer(count))
        },
    },
    // ifIndex, ifDescr, ifType, ifMtu, ifSpeed, ifPhysAddress
    column!(2 2 1 1, |view, row| {
        let index = view.numbering().index(view.port_of(row)?.port);
        Some(Value::Integer(index.cast_signed()))
    }),
    column!(2 2 1 2, |view, row| Some(text(view.hardware().description(view.port_of(row)?.port)))),
    column!(2 2 1 3, |view, row| Some(Value::Integer(kind(view, view.port_of(row)?)))),
    column!(2 2 1 4, |view, row| Some(Value::Integer(mtu(view, view.port_of(row)?)))),
    column!(2 2 1 5, |view, row| {
        // ifSpeed is held at its end where the speed is beyond it.
        let bps = u64::from(speed_mbps(view, view.port_of(row)?)) * 1_000_000;
        Some(Value::Gauge32(u32::try_from(bps).unwrap_or(u32::MAX)))
    }),
    column!(2 2 1 6, |view, row| {
        let port = view.port_of(row)?;
        Some(if kind(view, port) == LOOPBACK {
            octets(Vec::new())
        } else {
            octets(view.network().mac(port))
        })
    }),
    // ifAdminStatus, ifOperStatus, ifLastChange
    column!(2 2 1 7, |_, _| Some(Value::Integer(UP))),
    column!(2 2 1 8, |view, row| {
        let is_up = view.timeline().is_up(view.port_of(row)?, view.at());
        Some(Value::Integer(if is_up { UP } else { DOWN }))
    }),
    column!(2 2 1 9, |view, row| {
        let changed = view.timeline().last_change(view.port_of(row)?, view.at());
        Some(Value::TimeTicks(view.ticks(changed)))
    }),
    // ifInOctets, ifInUcastPkts, ifInDiscards, ifInErrors, ifInUnknownProtos
    column!(2 2 1 10, |view, row| narrow(view, row, |c| c.in_octets)),
    column!(2 2 1 11, |view, row| narrow(view, row, |c| c.in_packets)),
    column!(2 2 1 13, |_, _| Some(Value::Counter32(0))),
    column!(2 2 1 14, |view, row| narrow(view, row, |c| c.in_errors)),
    column!(2 2 1 15, |_, _| Some(Value::Counter32(0))),
    // ifOutOctets, ifOutUcastPkts, ifOutDiscards, ifOutErrors
    column!(2 2 1 16, |view, row| narrow(view, row, |c| c.out_octets)),
    column!(2 2 1 17, |view, row| narrow(view, row, |c| c.out_packets)),
    column!(2 2 1 19, |view, row| narrow(view, row, |c| c.out_discards)),
    column!(2 2 1 20, |_, _| Some(Value::Counter32(0))),
    // ifName, ifInMulticastPkts, ifInBroadcastPkts, ifOutMulticastPkts, ifOutBroadcastPkts
    column!(31 1 1 1 1, |view, row| Some(text(view.hardware().name(view.port_of(row)?.port)))),
    column!(31 1 1 1 2, |view, row| cut(groups(view, row, false, MULTICAST_IN))),
    column!(31 1 1 1 3, |view, row| cut(groups(view, row, false, BROADCAST_IN))),
    column!(31 1 1 1 4, |view, row| cut(groups(view, row, true, MULTICAST_IN))),
    column!(31 1 1 1 5, |view, row| cut(groups(view, row, true, BROADCAST_IN))),
    // ifHCInOctets, ifHCInUcastPkts, ifHCInMulticastPkts, ifHCInBroadcastPkts
    column!(31 1 1 1 6, |view, row| wide(view, row, |c| c.in_octets)),
    column!(31 1 1 1 7, |view, row| wide(view, row, |c| c.in_packets)),
    column!(31 1 1 1 8, |view, row| groups(view, row, false, MULTICAST_IN).map(Value::Counter64)),
    column!(31 1 1 1 9, |view, row| groups(view, row, false, BROADCAST_IN).map(Value::Counter64)),
    // ifHCOutOctets, ifHCOutUcastPkts, ifHCOutMulticastPkts, ifHCOutBroadcastPkts
    column!(31 1 1 1 10, |view, row| wide(view, row, |c| c.out_octets)),
    column!(31 1 1 1 11, |view, row| wide(view, row, |c| c.out_packets)),
    column!(31 1 1 1 12, |view, row| groups(view, row, true, MULTICAST_IN).map(Value::Counter64)),
    column!(31 1 1 1 13, |view, row| groups(view, row, true, BROADCAST_IN).map(Value::Counter64)),
    // ifLinkUpDownTrapEnable, ifHighSpeed, ifPromiscuousMode, ifConnectorPresent, ifAlias
    column!(31 1 1 1 14, |_, _| Some(Value::Integer(2))),
    column!(31 1 1 1 15, |view, row| {
        Some(Value::Gauge32(speed_mbps(view, view.port_of(row)?)))
    }),
    column!(31 1 1 1 16, |_, _| Some(Value::Integer(2))),
    column!(31 1 1 1 17, |view, row| {
        let peer = peer(view, view.port_of(row)?);
        let is_plug = !matches!(peer, Some(Peer::Inside | Peer::Aggregate(_)));
        Some(Value::Integer(if is_plug { 1 } else { 2 }))
    }),
    column!(31 1 1 1 18, |view, row| {
        Some(Value::OctetString(Cow::Owned(
            view.network().plugged(view.port_of(row)?).into_bytes(),
        )))
    }),
    // ifCounterDiscontinuityTime: counters begin at boot.
    column!(31 1 1 1 19, |_, _| Some(Value::TimeTicks(0))),
    // ifTableLastChange: the table is as it was at boot.
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 31, 1, 5],
        rows: Rows::Scalar,
        read: |_, _| Some(Value::TimeTicks(0)),
    },
    // ifStackStatus, by the ifIndex of the higher and of the lower layer, and ifStackLastChange: of
    // devices with aggregates.
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3],
        rows: Rows::Stacked,
        read: |_, _| Some(Value::Integer(ACTIVE)),
    },
    Column {
        oid: &[1, 3, 6, 1, 2, 1, 31, 1, 6],
        rows: Rows::Scalar,
        read: |view, _| (view.rows(Rows::Stacked).len() > 0).then_some(Value::TimeTicks(0)),
    },
];

const UP: i32 = 1;
const DOWN: i32 = 2;
/// ethernetCsmacd, softwareLoopback, ieee8023adLag. Source: IANAifType-MIB.
const ETHERNET: i32 = 6;
const LOOPBACK: i32 = 24;
const AGGREGATE: i32 = 161;
/// RowStatus active.
const ACTIVE: i32 = 1;
/// Of how many packets one goes to a group, or to all.
const MULTICAST_IN: u64 = 400;
const BROADCAST_IN: u64 = 900;

fn peer(view: &View<'_>, port: PortNo) -> Option<Peer> {
    Some(view.device().port(port.port)?.peer)
}

fn kind(view: &View<'_>, port: PortNo) -> i32 {
    match peer(view, port) {
        Some(Peer::Inside) => view.device().make.management.1,
        Some(Peer::Aggregate(_)) => AGGREGATE,
        _ => ETHERNET,
    }
}

fn mtu(view: &View<'_>, port: PortNo) -> i32 {
    match (kind(view, port), speed_mbps(view, port)) {
        (LOOPBACK, _) => 65_536,
        (_, 0..=1_000) => 1_500,
        _ => 9_216,
    }
}

/// An aggregate is as fast as its members that are up; where none is, as all of them.
fn speed_mbps(view: &View<'_>, port: PortNo) -> u32 {
    let own = |port: PortNo| {
        let port = view.device().port(port.port);
        port.map_or(0, |port| port.speed_mbps)
    };
    let members = view.network().members(port);
    let up = members.filter(|&member| view.timeline().is_up(member, view.at()));
    match up.map(own).sum() {
        0 => own(port),
        together => together,
    }
}

fn wide<'a>(
    view: &View<'a>,
    row: usize,
    of: fn(&crate::timeline::Counters) -> u64,
) -> Option<Value<'a>> {
    Some(Value::Counter64(of(&view.counters(view.port_of(row)?))))
}

/// The low 32 bits: a narrow counter wraps.
fn narrow<'a>(
    view: &View<'a>,
    row: usize,
    of: fn(&crate::timeline::Counters) -> u64,
) -> Option<Value<'a>> {
    let value = of(&view.counters(view.port_of(row)?));
    Some(Value::Counter32(low(value)))
}

/// Packets to groups: a share of all.
fn groups(view: &View<'_>, row: usize, is_out: bool, one_in: u64) -> Option<u64> {
    let counters = view.counters(view.port_of(row)?);
    let packets = if is_out {
        counters.out_packets
    } else {
        counters.in_packets
    };
    Some(packets / one_in)
}

fn cut<'a>(value: Option<u64>) -> Option<Value<'a>> {
    value.map(|value| Value::Counter32(low(value)))
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}
