//! Ports of a bridge: which interface each is, its VLAN and its state in the spanning tree. BRIDGE-MIB
//! (RFC 4188) and Q-BRIDGE-MIB (RFC 4363).

use super::bridge::DOT1D_BASE_PORT_IF_INDEX;
use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};
use ::snmp::Defect;
use model::facts::{BridgePortFacts, StpState};
use std::collections::BTreeMap;

/// dot1qPvid, by dot1dBasePort.
const PVID: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1];
/// dot1dStpPortState, by dot1dStpPort, which is dot1dBasePort.
const STP_PORT_STATE: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 3];

/// What is asked where some interface is a port of a bridge.
pub(super) const COLUMNS: &[&[u32]] = &[PVID, STP_PORT_STATE];

/// Ports of a device whose VLAN and state are kept: twice the largest chassis we know.
pub const BRIDGE_PORTS_MAX: usize = 8_192;
/// Octets of a `PortList` that are read, a bit a port.
const PORT_LIST_LEN_MAX: usize = BRIDGE_PORTS_MAX / 8;

pub(super) static MIB: Mib = Mib {
    name: "BRIDGE-MIB",
    asks: &[
        Ask::aside(Groups::VLANS, DOT1D_BASE_PORT_IF_INDEX),
        Ask::aside(Groups::VLANS, PVID),
        Ask::aside(Groups::VLANS, STP_PORT_STATE),
    ],
    enterprises: &[],
    read,
};

/// ifIndexes by dot1dBasePort.
pub(super) type Ports = BTreeMap<u32, u32>;

/// Which interface each port is. What cannot be is a defect.
pub(super) fn ports(rows: &Rows, draft: &mut Draft) -> Ports {
    let mut ports = Ports::new();
    for (index, _) in rows.column(DOT1D_BASE_PORT_IF_INDEX) {
        let &[port] = index else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let Some(number) = draft.number(rows, DOT1D_BASE_PORT_IF_INDEX, index) else {
            continue;
        };
        match u32::try_from(number) {
            // Of a port without an interface some agents say 0.
            Ok(0) => {}
            Ok(number) => {
                ports.insert(port, number);
            }
            Err(_) => draft.defects.add(Defect::AbsurdValue),
        }
    }
    ports
}

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::VLANS) {
        return;
    }
    let mut by_interface: BTreeMap<u32, BridgePortFacts> = BTreeMap::new();
    for (port, index) in ports(rows, draft) {
        let pvid = pvid(rows, draft, port);
        let stp_state = stp_state(rows, draft, port);
        if pvid.is_none() && stp_state.is_none() {
            continue;
        }
        if by_interface.len() >= BRIDGE_PORTS_MAX {
            draft.defects.add(Defect::TooManyRows);
            break;
        }
        by_interface.entry(index).or_insert(BridgePortFacts {
            index: Some(index),
            pvid,
            stp_state,
        });
    }
    draft.facts.bridge_ports = by_interface.into_values().collect();
}

fn pvid(rows: &Rows, draft: &mut Draft, port: u32) -> Option<u16> {
    let number = draft.number(rows, PVID, &[port])?;
    // Of a port that takes no frames without a tag some agents say 0.
    if number == 0 {
        return None;
    }
    let id = u16::try_from(number).ok().filter(|id| *id <= 4_094);
    if id.is_none() {
        draft.defects.add(Defect::AbsurdValue);
    }
    id
}

fn stp_state(rows: &Rows, draft: &mut Draft, port: u32) -> Option<StpState> {
    let number = draft.number(rows, STP_PORT_STATE, &[port])?;
    let state = StpState::from_number(number);
    if state.is_none() {
        draft.defects.add(Defect::AbsurdValue);
    }
    state
}

/// ifIndexes of the ports in a `PortList`, ascending; none where there is no such list. Ports that are
/// no interface, and octets beyond the bound, are left out and counted once.
pub(super) fn listed(
    rows: &Rows,
    draft: &mut Draft,
    column: &[u32],
    index: &[u32],
    ports: &Ports,
) -> Option<Vec<u32>> {
    let octets = draft.octets(rows, column, index)?;
    let mut interfaces = Vec::new();
    let mut is_whole = octets.len() <= PORT_LIST_LEN_MAX;
    for port in bits(octets) {
        match ports.get(&port) {
            Some(&index) => interfaces.push(index),
            None => is_whole = false,
        }
    }
    if !is_whole {
        draft.defects.add(Defect::WrongIndex);
    }
    interfaces.sort_unstable();
    interfaces.dedup();
    Some(interfaces)
}

/// The ports whose bits are set: the first is the highest bit of the first octet (RFC 4363).
fn bits(octets: &[u8]) -> Vec<u32> {
    let octets = octets.iter().take(PORT_LIST_LEN_MAX);
    (0_u32..)
        .zip(octets)
        .flat_map(|(place, &octet)| {
            let set = (0..8).filter(move |bit| octet & (0x80_u8 >> bit) != 0);
            set.map(move |bit| place * 8 + bit + 1)
        })
        .collect()
}
