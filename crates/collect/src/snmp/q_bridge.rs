//! Q-BRIDGE-MIB (RFC 4363): VLANs and their names.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows};
use ::snmp::Defect;
use model::facts::VlanFacts;
use std::collections::BTreeMap;

/// Indexed by time mark and VLAN.
const CURRENT_FDB_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3];
const CURRENT_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 6];
const STATIC_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 1];
const STATIC_ROW_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 5];

pub(super) static MIB: Mib = Mib {
    name: "Q-BRIDGE-MIB",
    asks: &[
        Ask::of(Groups::VLANS, CURRENT_FDB_ID),
        Ask::of(Groups::VLANS, CURRENT_STATUS),
        Ask::of(Groups::VLANS, STATIC_NAME),
        Ask::of(Groups::VLANS, STATIC_ROW_STATUS),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::VLANS) {
        return;
    }
    let mut vlans: BTreeMap<u16, Option<String>> = BTreeMap::new();
    for index in rows.indexes(&[STATIC_NAME, STATIC_ROW_STATUS]) {
        if let [vlan] = *index
            && let Some(id) = vlan_id(draft, vlan)
        {
            vlans.insert(id, draft.text(rows, STATIC_NAME, index));
        }
    }
    // The time mark is no part of what a VLAN is.
    for index in rows.indexes(&[CURRENT_FDB_ID, CURRENT_STATUS]) {
        if let [_mark, vlan] = *index
            && let Some(id) = vlan_id(draft, vlan)
        {
            vlans.entry(id).or_default();
        }
    }
    draft.facts.vlans.extend(
        vlans
            .into_iter()
            .map(|(id, name)| VlanFacts { id: Some(id), name }),
    );
}

/// 1 to 4094; more is a defect (some agents list internal VLANs above).
fn vlan_id(draft: &mut Draft, vlan: u32) -> Option<u16> {
    let id = u16::try_from(vlan)
        .ok()
        .filter(|id| (1..=4094).contains(id));
    if id.is_none() {
        draft.defects.add(Defect::WrongIndex);
    }
    id
}
