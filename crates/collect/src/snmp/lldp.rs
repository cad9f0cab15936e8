//! LLDP-MIB (IEEE 802.1AB): the chassis id, and who is heard on which port.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Look, Rows, bridge, decode};
use ::snmp::{Defect, Value};
use model::facts::NeighborFacts;
use model::neighbor::Protocol;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

macro_rules! objects {
    ($($name:ident = $($arc:literal)+;)*) => {
        $(pub(super) const $name: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, $($arc),+];)*
    };
}

objects! {
    LOC_CHASSIS_SUBTYPE = 3 1;
    LOC_CHASSIS_ID = 3 2;
    LOC_PORT_SUBTYPE = 3 7 1 2;
    LOC_PORT_ID = 3 7 1 3;
    LOC_PORT_DESC = 3 7 1 4;
    REM_CHASSIS_SUBTYPE = 4 1 1 4;
    REM_CHASSIS_ID = 4 1 1 5;
    REM_PORT_SUBTYPE = 4 1 1 6;
    REM_PORT_ID = 4 1 1 7;
    REM_PORT_DESC = 4 1 1 8;
    REM_SYS_NAME = 4 1 1 9;
    REM_SYS_DESC = 4 1 1 10;
    REM_MAN_ADDR_IF_SUBTYPE = 4 2 1 3;
}

/// Port ids that are the name of the interface (LldpPortIdSubtype interfaceName).
const BY_INTERFACE_NAME: u64 = 5;

/// The scalars of a look at the system group.
pub(super) const SCALARS: &[&[u32]] = &[LOC_CHASSIS_SUBTYPE, LOC_CHASSIS_ID];

pub(super) static MIB: Mib = Mib {
    name: "LLDP-MIB",
    asks: &[
        Ask::of(Groups::NEIGHBORS, LOC_PORT_SUBTYPE),
        Ask::of(Groups::NEIGHBORS, LOC_PORT_ID),
        Ask::of(Groups::NEIGHBORS, LOC_PORT_DESC),
        Ask::of(Groups::NEIGHBORS, REM_CHASSIS_SUBTYPE),
        Ask::of(Groups::NEIGHBORS, REM_CHASSIS_ID),
        Ask::of(Groups::NEIGHBORS, REM_PORT_SUBTYPE),
        Ask::of(Groups::NEIGHBORS, REM_PORT_ID),
        Ask::of(Groups::NEIGHBORS, REM_PORT_DESC),
        Ask::of(Groups::NEIGHBORS, REM_SYS_NAME),
        Ask::of(Groups::NEIGHBORS, REM_SYS_DESC),
        Ask::of(Groups::NEIGHBORS, REM_MAN_ADDR_IF_SUBTYPE),
        Ask::of(Groups::NEIGHBORS, bridge::DOT1D_BASE_PORT_IF_INDEX),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if draft.wants(Groups::SYSTEM) {
        draft.facts.device.chassis_id = id(
            rows,
            draft,
            (LOC_CHASSIS_SUBTYPE, LOC_CHASSIS_ID),
            &[0],
            decode::lldp_chassis_id,
        );
    }
    if draft.wants(Groups::NEIGHBORS) {
        neighbors(rows, draft);
    }
}

fn neighbors(rows: &Rows, draft: &mut Draft) {
    let addresses = management_addresses(rows, draft);
    // By port and neighbour alone: the time mark before them changes as the agent likes, and an
    // agent that lists a neighbour under an old mark and a new has one neighbour.
    let mut found: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for index in rows.indexes(&[REM_CHASSIS_ID, REM_PORT_ID, REM_SYS_NAME]) {
        match *index {
            [_mark, port, remote] => {
                found.insert((port, remote), index.to_vec());
            }
            _ => draft.defects.add(Defect::WrongIndex),
        }
    }
    for ((port, remote), index) in found {
        let (local_interface, local_index) = local_port(rows, draft, port);
        let neighbor = NeighborFacts {
            protocol: Some(Protocol::Lldp),
            local_interface,
            local_index,
            remote_name: draft.text(rows, REM_SYS_NAME, &index),
            remote_port: remote_port(rows, draft, &index),
            remote_platform: draft.text(rows, REM_SYS_DESC, &index),
            remote_address: addresses.get(&(port, remote)).copied(),
            remote_chassis_id: id(
                rows,
                draft,
                (REM_CHASSIS_SUBTYPE, REM_CHASSIS_ID),
                &index,
                decode::lldp_chassis_id,
            ),
        };
        draft.facts.neighbors.push(neighbor);
    }
}

/// The port as its id says; its description where there is no id that can be read.
fn remote_port(rows: &Rows, draft: &mut Draft, index: &[u32]) -> Option<String> {
    id(
        rows,
        draft,
        (REM_PORT_SUBTYPE, REM_PORT_ID),
        index,
        decode::lldp_port_id,
    )
    .or_else(|| draft.text(rows, REM_PORT_DESC, index))
}

fn id(
    rows: &Rows,
    draft: &mut Draft,
    (subtype, id): (&[u32], &[u32]),
    index: &[u32],
    decode: fn(u32, &[u8]) -> Option<String>,
) -> Option<String> {
    let octets = draft.octets(rows, id, index)?;
    let subtype = draft
        .number(rows, subtype, index)
        .and_then(|subtype| u32::try_from(subtype).ok())?;
    decode(subtype, octets)
}

/// lldpRemLocalPortNum is a bridge port or an ifIndex as the agent likes; the port id and its
/// description tell which interface it is.
fn local_port(rows: &Rows, draft: &mut Draft, port: u32) -> (Option<String>, Option<u32>) {
    let subtype = draft.number(rows, LOC_PORT_SUBTYPE, &[port]);
    let id = id(
        rows,
        draft,
        (LOC_PORT_SUBTYPE, LOC_PORT_ID),
        &[port],
        decode::lldp_port_id,
    );
    let description = draft.text(rows, LOC_PORT_DESC, &[port]);
    let named = |name: &Option<String>| {
        let name = name.as_ref()?;
        draft
            .interface_names
            .iter()
            .find(|&(_, known)| known == name)
            .map(|(&index, _)| index)
    };
    let bridged = rows
        .cell(bridge::DOT1D_BASE_PORT_IF_INDEX, &[port])
        .and_then(Value::as_u64)
        .and_then(|index| u32::try_from(index).ok());
    let same = draft.interface_names.contains_key(&port).then_some(port);
    let index = named(&id)
        .or_else(|| named(&description))
        .or(bridged)
        .or(same);
    let name = index
        .and_then(|index| draft.interface_names.get(&index).cloned())
        .or_else(|| {
            if subtype == Some(BY_INTERFACE_NAME) {
                id.or(description)
            } else {
                description.or(id)
            }
        });
    (name, index)
}

/// The address to ask each neighbour at: IPv4 before IPv6, the first of several.
fn management_addresses(rows: &Rows, draft: &mut Draft) -> BTreeMap<(u32, u32), IpAddr> {
    let mut addresses = BTreeMap::new();
    for (index, _) in rows.column(REM_MAN_ADDR_IF_SUBTYPE) {
        // MACs and names of other kinds are sound, and no address to ask.
        let Some(found) = decode::lldp_management_index(index) else {
            continue;
        };
        // Other loopback addresses mean something where agents are asked on loopback themselves: see
        // [`forget_foreign_loopback`].
        if found.address.is_unspecified() || is_localhost(found.address) {
            draft.defects.add(Defect::AbsurdValue);
            continue;
        }
        let known = addresses
            .entry((found.port, found.remote))
            .or_insert(found.address);
        if known.is_ipv6() && found.address.is_ipv4() {
            *known = found.address;
        }
    }
    addresses
}

/// What an agent says that knows no address of its neighbour.
fn is_localhost(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

/// A loopback address is the neighbour's own, and no way to it, unless the one who told of it was
/// asked on loopback: as agents that are simulated are.
pub(super) fn forget_foreign_loopback(look: &mut Look, asked_at: IpAddr) {
    if asked_at.to_canonical().is_loopback() {
        return;
    }
    for neighbor in &mut look.facts.neighbors {
        if neighbor
            .remote_address
            .is_some_and(|address| address.to_canonical().is_loopback())
        {
            neighbor.remote_address = None;
            look.defects.add(Defect::AbsurdValue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_no_way_to_a_neighbour_unless_all_are_on_it() {
        let check = |asked_at: &str, told: &str, expected: Option<&str>| {
            let mut look = Look::default();
            look.facts.neighbors.push(NeighborFacts {
                remote_address: Some(told.parse().unwrap()),
                ..NeighborFacts::default()
            });
            forget_foreign_loopback(&mut look, asked_at.parse().unwrap());
            let expected = expected.map(|address| address.parse::<IpAddr>().unwrap());
            let [neighbor] = look.facts.neighbors.as_slice() else {
                panic!("{:?}", look.facts.neighbors);
            };
            assert_eq!(neighbor.remote_address, expected, "{asked_at} {told}");
        };
        check("192.0.2.1", "127.20.0.9", None);
        check("192.0.2.1", "192.0.2.9", Some("192.0.2.9"));
        check("127.20.0.1", "127.20.0.9", Some("127.20.0.9"));
        check("::ffff:127.20.0.1", "127.20.0.9", Some("127.20.0.9"));
    }
}
