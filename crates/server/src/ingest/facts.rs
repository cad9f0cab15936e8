//! What a poll read takes the place of what is known, group by group; what it did not read to its
//! end leaves it as it is.

use collect::snmp::{BRIDGE_PORTS_MAX, Groups};
use model::Timestamp;
use model::device::Identity;
use model::facts::Facts;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The facts after a poll that read these groups to their end, but for the ports of VLANs where the
/// second ones say so.
pub(super) fn merge(
    known: &Facts,
    read: &Facts,
    (complete, unheard): (Groups, Groups),
    at: Timestamp,
) -> Facts {
    let mut facts = known.clone();
    macro_rules! take {
        ($($group:ident $field:ident),*) => {
            $(if complete.contains(Groups::$group) {
                facts.$field.clone_from(&read.$field);
            })*
        };
    }
    take!(
        SYSTEM device, ADDRESSES addresses, PROCESSORS processors, MEMORY memory,
        STORAGE storage, SENSORS sensors, WIRELESS wireless, VLANS vlans,
        VLANS bridge_ports, INVENTORY inventory, ROUTING routing_neighbors,
        ROUTING default_routes
    );
    if complete.contains(Groups::VLANS) && unheard.contains(Groups::VLANS) {
        keep_ports(&mut facts, known);
    }
    if complete.contains(Groups::ROUTING) {
        facts.routing_read_at = Some(at);
    }
    // Of a table that is longer than is read, what was read is worth having.
    if complete.contains(Groups::ARP) || !read.arp.is_empty() {
        facts.arp.clone_from(&read.arp);
        facts.arp_read_at = Some(at);
    }
    facts
}

/// Leaves what was not heard of ports as it was, as far as there is room beside what was heard. A list
/// comes whole or not at all.
fn keep_ports(facts: &mut Facts, known: &Facts) {
    let read = std::mem::take(&mut facts.bridge_ports).into_iter();
    let mut ports: BTreeMap<_, _> = read.map(|port| (port.index, port)).collect();
    for before in &known.bridge_ports {
        let has_room = ports.len() < BRIDGE_PORTS_MAX;
        match ports.entry(before.index) {
            Entry::Occupied(mut port) => {
                let port = port.get_mut();
                port.pvid = port.pvid.or(before.pvid);
                port.stp_state = port.stp_state.or(before.stp_state);
            }
            Entry::Vacant(place) if has_room => {
                place.insert(before.clone());
            }
            Entry::Vacant(_) => {}
        }
    }
    facts.bridge_ports = ports.into_values().collect();
    let told = known.vlans.iter().filter(|vlan| vlan.untagged.is_some());
    let told: BTreeMap<_, _> = told.map(|vlan| (vlan.id, vlan)).collect();
    for vlan in facts
        .vlans
        .iter_mut()
        .filter(|vlan| vlan.untagged.is_none())
    {
        if let Some(before) = told.get(&vlan.id) {
            vlan.untagged.clone_from(&before.untagged);
            vlan.tagged.clone_from(&before.tagged);
        }
    }
}

/// The identity after a poll: MACs and addresses stay where they were not read to their end, and
/// what was not said this time is not forgotten, since it may tell another device one day.
pub(super) fn merge_identity(known: &Identity, read: &Identity, complete: Groups) -> Identity {
    let mut identity = read.clone();
    macro_rules! keep {
        ($($field:ident)*) => {
            $(if identity.$field.is_none() {
                identity.$field.clone_from(&known.$field);
            })*
        };
    }
    keep!(engine_id serial chassis_id base_mac);
    if !complete.contains(Groups::INTERFACES) {
        identity.interface_macs.clone_from(&known.interface_macs);
    }
    if !complete.contains(Groups::ADDRESSES) {
        identity.addresses.clone_from(&known.addresses);
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::{BridgePortFacts, SensorFacts, VlanFacts};

    #[test]
    fn what_was_not_said_is_not_forgotten() {
        let some = |text: &str| Some(text.to_owned());
        let known = Identity {
            engine_id: some("80001f8880aa000001"),
            serial: some("AAAA1"),
            sys_name: some("r1"),
            interface_macs: ["02:00:00:00:00:01".to_owned()].into(),
            ..Identity::default()
        };
        let read = Identity {
            serial: some("AAAA2"),
            ..Identity::default()
        };
        let merged = merge_identity(&known, &read, Groups::SYSTEM);
        assert_eq!(merged.engine_id, known.engine_id);
        assert_eq!(
            (merged.serial, merged.sys_name),
            (read.serial.clone(), None)
        );
        assert_eq!(merged.interface_macs, known.interface_macs);
        let merged = merge_identity(&known, &read, Groups::ALL);
        assert!(merged.interface_macs.is_empty());
    }

    #[test]
    fn only_groups_that_were_read_to_their_end_replace() {
        let sensor = |name: &str| SensorFacts {
            name: Some(name.into()),
            ..SensorFacts::default()
        };
        let known = Facts {
            sensors: vec![sensor("old")],
            vlans: vec![VlanFacts {
                id: Some(1),
                ..VlanFacts::default()
            }],
            ..Facts::default()
        };
        let read = Facts {
            sensors: vec![sensor("new")],
            ..Facts::default()
        };
        let at = Timestamp::from_unix_ms(1_000);
        let merged = merge(&known, &read, (Groups::SENSORS, Groups::NONE), at);
        assert_eq!(merged.sensors, read.sensors);
        assert_eq!(merged.vlans, known.vlans);
        let none = (Groups::NONE, Groups::ALL);
        assert_eq!(merge(&known, &read, none, at), known);
        let all = merge(&known, &read, (Groups::ALL, Groups::NONE), at);
        assert_eq!((all.routing_read_at, all.arp_read_at), (Some(at), Some(at)));
        assert_eq!((&all.sensors, &all.vlans), (&read.sensors, &read.vlans));
    }

    #[test]
    fn what_was_not_heard_of_ports_stays_as_it_was() {
        let facts = |vlans: &[(u16, Option<u32>)], pvids: &[u16]| Facts {
            vlans: vlans
                .iter()
                .map(|&(id, port)| VlanFacts {
                    id: Some(id),
                    untagged: port.map(|port| vec![port]),
                    tagged: port.map(|_| Vec::new()),
                    ..VlanFacts::default()
                })
                .collect(),
            bridge_ports: pvids
                .iter()
                .map(|&pvid| BridgePortFacts {
                    index: Some(u32::from(pvid) % 10),
                    pvid: Some(pvid),
                    ..BridgePortFacts::default()
                })
                .collect(),
            ..Facts::default()
        };
        // The last figure of a PVID stands for its port.
        let known = facts(&[(1, Some(7)), (2, Some(8)), (9, Some(9))], &[1, 2]);
        let read = facts(&[(1, None), (2, Some(4)), (3, Some(5))], &[12, 13]);
        let at = Timestamp::from_unix_ms(1_000);
        let vlans = Groups::VLANS;
        for (unheard, expected) in [
            (Groups::NONE, read.clone()),
            (Groups::ROUTING, read.clone()),
            (
                vlans,
                facts(&[(1, Some(7)), (2, Some(4)), (3, Some(5))], &[1, 12, 13]),
            ),
        ] {
            let merged = merge(&known, &read, (vlans, unheard), at);
            assert_eq!(merged, expected, "{unheard:?}");
        }
        let first = merge(&Facts::default(), &read, (vlans, vlans), at);
        assert_eq!(first, read);
    }
}
