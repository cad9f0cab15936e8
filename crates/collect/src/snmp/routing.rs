//! Neighbours by routing protocols: ospfNbrTable of OSPF-MIB (RFC 4750) and bgpPeerTable of BGP4-MIB
//! (RFC 4273).

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};
use ::snmp::{Defect, Value};
use model::facts::RoutingNeighborFacts;
use model::neighbor::RoutingProtocol;
use std::net::{IpAddr, Ipv4Addr};

const OSPF_NBR_RTR_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 14, 10, 1, 3];
const OSPF_NBR_STATE: &[u32] = &[1, 3, 6, 1, 2, 1, 14, 10, 1, 6];
const BGP_PEER_IDENTIFIER: &[u32] = &[1, 3, 6, 1, 2, 1, 15, 3, 1, 1];
const BGP_PEER_STATE: &[u32] = &[1, 3, 6, 1, 2, 1, 15, 3, 1, 2];
const BGP_PEER_LOCAL_ADDR: &[u32] = &[1, 3, 6, 1, 2, 1, 15, 3, 1, 5];
const BGP_PEER_REMOTE_AS: &[u32] = &[1, 3, 6, 1, 2, 1, 15, 3, 1, 9];
const BGP_PEER_FSM_ESTABLISHED_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 15, 3, 1, 16];
/// Which interface has an address, and its mask: IP-MIB (RFC 1213).
const ADDR_IF_INDEX: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 20, 1, 2];
const ADDR_MASK: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 20, 1, 3];

/// ospfNbrState, from 1 up.
const OSPF_STATES: [&str; 8] = [
    "down",
    "attempt",
    "init",
    "twoWay",
    "exchangeStart",
    "exchange",
    "loading",
    "full",
];
/// bgpPeerState, from 1 up.
const BGP_STATES: [&str; 6] = [
    "idle",
    "connect",
    "active",
    "opensent",
    "openconfirm",
    "established",
];

/// Rows that are kept of one device. A route reflector has some hundred sessions; beyond it the
/// lowest addresses are kept, and each that is not is counted as a defect.
pub(super) const ROUTING_NEIGHBORS_MAX: usize = 4_096;

pub(super) static OSPF: Mib = Mib {
    name: "OSPF-MIB",
    asks: &[
        Ask::of(Groups::ROUTING, OSPF_NBR_RTR_ID),
        Ask::of(Groups::ROUTING, OSPF_NBR_STATE),
        Ask::of(Groups::ROUTING, ADDR_IF_INDEX),
        Ask::of(Groups::ROUTING, ADDR_MASK),
    ],
    enterprises: &[],
    read: ospf,
};

pub(super) static BGP: Mib = Mib {
    name: "BGP4-MIB",
    asks: &[
        Ask::of(Groups::ROUTING, BGP_PEER_IDENTIFIER),
        Ask::of(Groups::ROUTING, BGP_PEER_STATE),
        Ask::of(Groups::ROUTING, BGP_PEER_LOCAL_ADDR),
        Ask::of(Groups::ROUTING, BGP_PEER_REMOTE_AS),
        Ask::of(Groups::ROUTING, BGP_PEER_FSM_ESTABLISHED_TIME),
    ],
    enterprises: &[],
    read: bgp,
};

fn ospf(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::ROUTING) {
        return;
    }
    for index in rows.indexes(&[OSPF_NBR_RTR_ID, OSPF_NBR_STATE]) {
        // ospfNbrIpAddr, ospfNbrAddressLessIndex: the ifIndex of a link without addresses, else 0.
        let Some((address, addressless)) = index
            .split_last_chunk::<1>()
            .and_then(|(address, [last])| Some((decode::ipv4_index(address)?, *last)))
        else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let interface = if addressless == 0 {
            interface_towards(rows, address)
        } else {
            Some(addressless)
        };
        let remote_id = router_id(rows, draft, OSPF_NBR_RTR_ID, index);
        let neighbor = RoutingNeighborFacts {
            protocol: Some(RoutingProtocol::Ospf),
            remote_address: Some(address.into()),
            remote_id,
            state: state(rows, draft, OSPF_NBR_STATE, index, &OSPF_STATES),
            local_interface: interface.and_then(|index| draft.interface_names.get(&index).cloned()),
            ..RoutingNeighborFacts::default()
        };
        push(draft, neighbor);
    }
}

fn bgp(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::ROUTING) {
        return;
    }
    for index in rows.indexes(&[BGP_PEER_STATE, BGP_PEER_REMOTE_AS]) {
        // bgpPeerRemoteAddr
        let Some(address) = decode::ipv4_index(index) else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let local = ipv4(rows, draft, BGP_PEER_LOCAL_ADDR, index);
        let interface = local
            .and_then(|local| interface_of(rows, local))
            .and_then(|index| draft.interface_names.get(&index).cloned());
        let remote_as = draft.number(rows, BGP_PEER_REMOTE_AS, index);
        let seconds = draft.number(rows, BGP_PEER_FSM_ESTABLISHED_TIME, index);
        let neighbor = RoutingNeighborFacts {
            protocol: Some(RoutingProtocol::Bgp),
            remote_address: Some(address.into()),
            remote_id: router_id(rows, draft, BGP_PEER_IDENTIFIER, index),
            remote_as: remote_as.and_then(|number| u32::try_from(number).ok()),
            state: state(rows, draft, BGP_PEER_STATE, index, &BGP_STATES),
            local_address: local.map(IpAddr::from),
            local_interface: interface,
            established_seconds: seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        };
        push(draft, neighbor);
    }
}

fn push(draft: &mut Draft, neighbor: RoutingNeighborFacts) {
    if draft.facts.routing_neighbors.len() < ROUTING_NEIGHBORS_MAX {
        draft.facts.routing_neighbors.push(neighbor);
    } else {
        draft.defects.add(Defect::TooManyRows);
    }
}

/// A router id; 0.0.0.0 is none, as of a peer that never answered.
fn router_id(rows: &Rows, draft: &mut Draft, column: &[u32], index: &[u32]) -> Option<String> {
    ipv4(rows, draft, column, index).map(|id| id.to_string())
}

/// An address that is one; another type is a defect.
fn ipv4(rows: &Rows, draft: &mut Draft, column: &[u32], index: &[u32]) -> Option<Ipv4Addr> {
    let value = rows.cell(column, index)?;
    let address = as_ipv4(value);
    if address.is_none() {
        draft.defects.add(Defect::WrongType);
    }
    address.filter(|address| !address.is_unspecified())
}

fn as_ipv4(value: &Value) -> Option<Ipv4Addr> {
    match value {
        Value::IpAddress(address) => Some(*address),
        Value::Octets(octets) => <[u8; 4]>::try_from(octets.as_ref())
            .ok()
            .map(Ipv4Addr::from),
        _ => None,
    }
}

fn state(
    rows: &Rows,
    draft: &mut Draft,
    column: &[u32],
    index: &[u32],
    names: &[&str],
) -> Option<String> {
    let number = draft.number(rows, column, index)?;
    let place = usize::try_from(number).ok()?.checked_sub(1);
    let name = place.and_then(|place| names.get(place));
    if name.is_none() {
        draft.defects.add(Defect::AbsurdValue);
    }
    name.map(|name| (*name).to_owned())
}

/// The interface that has an address.
fn interface_of(rows: &Rows, address: Ipv4Addr) -> Option<u32> {
    let index = address.octets().map(u32::from);
    let number = rows.cell(ADDR_IF_INDEX, &index)?.as_u64()?;
    u32::try_from(number).ok()
}

/// The interface on whose network an address is; of several the one with the longest mask.
fn interface_towards(rows: &Rows, address: Ipv4Addr) -> Option<u32> {
    let on = |(index, value): (&[u32], &Value)| {
        let (own, mask) = (decode::ipv4_index(index)?, as_ipv4(value)?);
        let same = own.to_bits() & mask.to_bits() == address.to_bits() & mask.to_bits();
        (same && mask.to_bits() != 0).then_some((mask.to_bits(), interface_of(rows, own)?))
    };
    let best = rows.column(ADDR_MASK).filter_map(on).max();
    best.map(|(_, interface)| interface)
}
