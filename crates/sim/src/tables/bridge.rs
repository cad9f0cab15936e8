//! BRIDGE-MIB (RFC 4188) and Q-BRIDGE-MIB (RFC 4363): ports of the bridge and their state, MACs learnt, VLANs.

use super::surroundings::Learnt;
use super::view::{View, octets, text};
use super::{Column, Rows};
use crate::mib::Value;
use crate::network::{Peer, VLAN_OWN, VLANS};

macro_rules! column {
    ($rows:ident, $($arc:literal)+, $read:expr) => {
        Column {
            oid: &[1, 3, 6, 1, 2, 1, 17, $($arc),+],
            rows: Rows::$rows,
            read: $read,
        }
    };
}

const TRANSPARENT: i32 = 2;
/// dot1dStpPortState: of a port that is up, and of one that is not.
const FORWARDING: i32 = 5;
const DISABLED: i32 = 1;
const LEARNED: i32 = 3;
const PERMANENT: i32 = 2;
const ACTIVE: i32 = 1;
/// Seconds after which a MAC is forgotten. Source: IEEE 802.1D-1998 table 7-5.
const AGING_SECS: i32 = 300;

pub(super) static COLUMNS: &[Column] = &[
    // dot1dBaseBridgeAddress, dot1dBaseNumPorts, dot1dBaseType
    column!(Scalar, 1 1, |view, _| {
        bridges(view).then(|| octets(view.network().chassis_mac(view.number())))
    }),
    column!(Scalar, 1 2, |view, _| {
        let ports = i32::from(view.device().management_port());
        bridges(view).then_some(Value::Integer(ports))
    }),
    column!(Scalar, 1 3, |view, _| bridges(view).then_some(Value::Integer(TRANSPARENT))),
    // dot1dBasePort, dot1dBasePortIfIndex, dot1dBasePortCircuit, dot1dBasePortDelayExceeded-
    // Discards, dot1dBasePortMtuExceededDiscards
    column!(BridgePorts, 1 4 1 1, |view, row| Some(number(port(view, row)?))),
    column!(BridgePorts, 1 4 1 2, |view, row| {
        let index = view.numbering().index(port(view, row)?);
        Some(Value::Integer(index.cast_signed()))
    }),
    column!(BridgePorts, 1 4 1 3, |_, _| {
        Some(Value::ObjectIdentifier(std::borrow::Cow::Borrowed(&[0, 0])))
    }),
    column!(BridgePorts, 1 4 1 4, |_, _| Some(Value::Counter32(0))),
    column!(BridgePorts, 1 4 1 5, |_, _| Some(Value::Counter32(0))),
    // dot1dStpPort, dot1dStpPortState
    column!(BridgePorts, 2 15 1 1, |view, row| Some(number(port(view, row)?))),
    column!(BridgePorts, 2 15 1 3, |view, row| {
        let is_up = view.timeline().is_up(view.port(port(view, row)?), view.at());
        Some(Value::Integer(if is_up { FORWARDING } else { DISABLED }))
    }),
    // dot1dTpLearnedEntryDiscards, dot1dTpAgingTime
    column!(Scalar, 4 1, |view, _| bridges(view).then_some(Value::Counter32(0))),
    column!(Scalar, 4 2, |view, _| bridges(view).then_some(Value::Integer(AGING_SECS))),
    // dot1dTpFdbAddress, dot1dTpFdbPort, dot1dTpFdbStatus
    column!(Learnt, 4 3 1 1, |view, row| Some(octets(learnt(view, row)?.mac))),
    column!(Learnt, 4 3 1 2, |view, row| Some(number(learnt(view, row)?.port))),
    column!(Learnt, 4 3 1 3, |_, _| Some(Value::Integer(LEARNED))),
    // dot1qVlanVersionNumber, dot1qMaxVlanId, dot1qMaxSupportedVlans, dot1qNumVlans
    column!(Scalar, 7 1 1 1, |view, _| bridges(view).then_some(Value::Integer(1))),
    column!(Scalar, 7 1 1 2, |view, _| bridges(view).then_some(Value::Integer(4_094))),
    column!(Scalar, 7 1 1 3, |view, _| bridges(view).then_some(Value::Gauge32(4_094))),
    column!(Scalar, 7 1 1 4, |view, _| {
        let count = u32::try_from(VLANS.len()).ok()?;
        bridges(view).then_some(Value::Gauge32(count))
    }),
    // dot1qTpFdbPort, dot1qTpFdbStatus
    column!(LearntByVlan, 7 1 2 2 1 2, |view, row| {
        let learnt = view.surroundings().learnt_by_vlan.1.get(row)?;
        Some(number(learnt.port))
    }),
    column!(LearntByVlan, 7 1 2 2 1 3, |_, _| Some(Value::Integer(LEARNED))),
    // dot1qVlanFdbId, dot1qVlanCurrentEgressPorts, dot1qVlanCurrentUntaggedPorts,
    // dot1qVlanStatus, dot1qVlanCreationTime
    column!(CurrentVlans, 7 1 4 2 1 3, |_, row| {
        Some(Value::Gauge32(u32::from(VLANS.get(row)?.0)))
    }),
    column!(CurrentVlans, 7 1 4 2 1 4, |view, row| Some(octets(egress(view, row)))),
    column!(CurrentVlans, 7 1 4 2 1 5, |view, row| Some(octets(untagged(view, row)))),
    column!(CurrentVlans, 7 1 4 2 1 6, |_, _| Some(Value::Integer(PERMANENT))),
    column!(CurrentVlans, 7 1 4 2 1 7, |_, _| Some(Value::TimeTicks(0))),
    // dot1qVlanStaticName, dot1qVlanStaticEgressPorts, dot1qVlanForbiddenEgressPorts,
    // dot1qVlanStaticUntaggedPorts, dot1qVlanStaticRowStatus
    column!(Vlans, 7 1 4 3 1 1, |_, row| Some(text(VLANS.get(row)?.1))),
    column!(Vlans, 7 1 4 3 1 2, |view, row| Some(octets(egress(view, row)))),
    column!(Vlans, 7 1 4 3 1 3, |_, _| Some(octets(Vec::new()))),
    column!(Vlans, 7 1 4 3 1 4, |view, row| Some(octets(untagged(view, row)))),
    column!(Vlans, 7 1 4 3 1 5, |_, _| Some(Value::Integer(ACTIVE))),
    // dot1qPvid
    column!(BridgePorts, 7 1 4 5 1 1, |view, row| {
        Some(Value::Gauge32(u32::from(untagged_vlan(view, port(view, row)?))))
    }),
];

fn bridges(view: &View<'_>) -> bool {
    view.device().role.bridges()
}

fn port(view: &View<'_>, row: usize) -> Option<u16> {
    view.surroundings().bridge_ports.1.get(row).copied()
}

fn learnt(view: &View<'_>, row: usize) -> Option<Learnt> {
    view.surroundings().learnt.1.get(row).copied()
}

/// dot1dBasePort of a port.
fn number<'a>(port: u16) -> Value<'a> {
    Value::Integer(i32::from(port) + 1)
}

/// The VLAN that frames without a tag belong to on a port.
fn untagged_vlan(view: &View<'_>, port: u16) -> u16 {
    match view.device().port(port).map(|port| port.peer) {
        Some(Peer::Edge(edge)) => view.network().host_vlan(edge),
        Some(Peer::Link(_)) => {
            let far = view.network().far_end(view.port(port));
            far.map_or(VLAN_OWN, |far| view.network().link_vlan(far.device))
        }
        // Ports that wait for a host.
        _ => 10,
    }
}

/// PortList of the ports that a VLAN leaves by: its hosts', and every link.
fn egress(view: &View<'_>, row: usize) -> Vec<u8> {
    ports(view, |port, is_link| {
        is_link
            || VLANS
                .get(row)
                .is_some_and(|(vlan, _)| *vlan == untagged_vlan(view, port))
    })
}

/// The same, for frames that leave without a tag.
fn untagged(view: &View<'_>, row: usize) -> Vec<u8> {
    ports(view, |port, _| {
        VLANS
            .get(row)
            .is_some_and(|(vlan, _)| *vlan == untagged_vlan(view, port))
    })
}

/// PortList: a bit a port, the first is the highest of the first octet. Source: RFC 4363.
fn ports(view: &View<'_>, is_in: impl Fn(u16, bool) -> bool) -> Vec<u8> {
    let all = &view.surroundings().bridge_ports.1;
    let mut bits = vec![0_u8; all.len().div_ceil(8)];
    for &port in all {
        let peer = view.device().port(port).map(|port| port.peer);
        let is_link = matches!(peer, Some(Peer::Link(_)));
        if is_in(port, is_link)
            && let Some(octet) = bits.get_mut(usize::from(port / 8))
        {
            *octet |= 0x80 >> (port % 8);
        }
    }
    bits
}
