//! CISCO-CDP-MIB: neighbours by the Cisco Discovery Protocol.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};
use ::snmp::Defect;
use model::facts::NeighborFacts;
use model::neighbor::Protocol;
use std::net::IpAddr;

const ADDRESS_TYPE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 3];
const ADDRESS: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 4];
const DEVICE_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 6];
const DEVICE_PORT: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 7];
const PLATFORM: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 8];

// Others than Cisco speak CDP too, so every agent is asked.
pub(super) static MIB: Mib = Mib {
    name: "CISCO-CDP-MIB",
    asks: &[
        Ask::of(Groups::NEIGHBORS, ADDRESS_TYPE),
        Ask::of(Groups::NEIGHBORS, ADDRESS),
        Ask::of(Groups::NEIGHBORS, DEVICE_ID),
        Ask::of(Groups::NEIGHBORS, DEVICE_PORT),
        Ask::of(Groups::NEIGHBORS, PLATFORM),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::NEIGHBORS) {
        return;
    }
    for index in rows.indexes(&[DEVICE_ID, DEVICE_PORT]) {
        // cdpCacheIfIndex, cdpCacheDeviceIndex
        let [interface, _device] = *index else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let neighbor = NeighborFacts {
            protocol: Some(Protocol::Cdp),
            local_interface: draft.interface_names.get(&interface).cloned(),
            local_index: Some(interface),
            remote_name: draft.text(rows, DEVICE_ID, index),
            remote_port: draft.text(rows, DEVICE_PORT, index),
            remote_platform: draft.text(rows, PLATFORM, index),
            remote_address: address(rows, draft, index),
            remote_chassis_id: None,
        };
        draft.facts.neighbors.push(neighbor);
    }
}

/// CiscoNetworkProtocol: ip(1), ipv6(20).
fn address(rows: &Rows, draft: &mut Draft, index: &[u32]) -> Option<IpAddr> {
    let octets = draft.octets(rows, ADDRESS, index)?;
    let kind = match draft.number(rows, ADDRESS_TYPE, index)? {
        1 => 1,
        20 => 2,
        _ => return None,
    };
    decode::inet_address(kind, octets).filter(|address| !address.is_unspecified())
}
