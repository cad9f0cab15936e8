//! CISCO-VTP-MIB: VLANs of Cisco switches, which have no Q-BRIDGE-MIB.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};
use ::snmp::Defect;
use model::facts::VlanFacts;

/// Indexed by management domain and VLAN.
const VLAN_STATE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 46, 1, 3, 1, 1, 2];
const VLAN_TYPE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 46, 1, 3, 1, 1, 3];
const VLAN_NAME: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 46, 1, 3, 1, 1, 4];

const ETHERNET: u64 = 1;

pub(super) static MIB: Mib = Mib {
    name: "CISCO-VTP-MIB",
    asks: &[
        Ask::of(Groups::VLANS, VLAN_STATE),
        Ask::of(Groups::VLANS, VLAN_TYPE),
        Ask::of(Groups::VLANS, VLAN_NAME),
    ],
    enterprises: &[9],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::VLANS) || !draft.facts.vlans.is_empty() {
        return;
    }
    for index in rows.indexes(&[VLAN_STATE, VLAN_NAME]) {
        // 1002 to 1005 are there for FDDI and Token Ring on every switch.
        let kind = draft.number(rows, VLAN_TYPE, index);
        if kind.is_some_and(|kind| kind != ETHERNET) {
            continue;
        }
        let id = match *index {
            [_domain, vlan] => u16::try_from(vlan)
                .ok()
                .filter(|id| (1..=4094).contains(id)),
            _ => None,
        };
        let Some(id) = id else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let name = draft.text(rows, VLAN_NAME, index);
        draft.facts.vlans.push(VlanFacts {
            id: Some(id),
            name,
            ..VlanFacts::default()
        });
    }
}
