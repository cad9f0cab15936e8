//! Q-BRIDGE-MIB (RFC 4363): VLANs, their names and the ports that they leave by.

use super::bridge_ports::{self, Ports};
use super::draft::Draft;
use super::mib::{Ask, Mib, enterprise};
use super::{Groups, Rows};
use ::snmp::Defect;
use model::facts::VlanFacts;
use std::collections::BTreeMap;

/// Indexed by time mark and VLAN.
const CURRENT_FDB_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3];
const CURRENT_EGRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 4];
const CURRENT_UNTAGGED: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 5];
const CURRENT_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 6];
/// Indexed by VLAN.
const STATIC_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 1];
const STATIC_EGRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 2];
const STATIC_UNTAGGED: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 4];
const STATIC_ROW_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 5];

/// What is asked for the ports of VLANs.
pub(super) const CURRENT: &[&[u32]] = &[CURRENT_EGRESS, CURRENT_UNTAGGED];
/// What is asked where the tables above tell of none.
pub(super) const STATIC: &[&[u32]] = &[STATIC_EGRESS, STATIC_UNTAGGED];

/// Ports of all VLANs of a device together, of which four octets each are kept: 500 VLANs on each of
/// 60 ports. VLANs beyond are told without their ports.
pub(super) const MEMBERSHIPS_MAX: usize = 30_000;

/// Juniper Networks, whose agents index VLANs by numbers of their own, and write a `PortList` as numbers
/// with commas between unless they are set up for bits.
const INDEXES_OF_ITS_OWN: u32 = 2636;

pub(super) static MIB: Mib = Mib {
    name: "Q-BRIDGE-MIB",
    asks: &[
        Ask::of(Groups::VLANS, CURRENT_FDB_ID),
        Ask::of(Groups::VLANS, CURRENT_STATUS),
        Ask::of(Groups::VLANS, STATIC_NAME),
        Ask::of(Groups::VLANS, STATIC_ROW_STATUS),
        Ask::aside(Groups::VLANS, CURRENT_EGRESS),
        Ask::aside(Groups::VLANS, CURRENT_UNTAGGED),
        Ask::aside(Groups::VLANS, STATIC_EGRESS),
        Ask::aside(Groups::VLANS, STATIC_UNTAGGED),
    ],
    enterprises: &[],
    read,
};

/// Whether there are VLANs that were set up, and none of whose ports is told of as they are now.
pub(super) fn lacks_ports(rows: &Rows) -> bool {
    let is_current = rows.has(CURRENT_EGRESS) && rows.has(CURRENT_UNTAGGED);
    !is_current && (rows.has(STATIC_NAME) || rows.has(STATIC_ROW_STATUS))
}

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::VLANS) {
        return;
    }
    let mut vlans: BTreeMap<u16, Told> = BTreeMap::new();
    for index in rows.indexes(&[STATIC_NAME, STATIC_ROW_STATUS]) {
        if let [vlan] = *index
            && let Some(id) = vlan_id(draft, vlan)
        {
            let told = vlans.entry(id).or_default();
            told.name = draft.text(rows, STATIC_NAME, index);
            told.fixed = Some(index.to_vec());
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
    // The latest mark tells of its ports.
    for (index, _) in rows.column(CURRENT_EGRESS) {
        if let [_mark, vlan] = *index
            && let Ok(id) = u16::try_from(vlan)
            && let Some(told) = vlans.get_mut(&id)
        {
            told.current = Some(index.to_vec());
        }
    }
    // What is wrong with them is counted where they are read for themselves.
    let counted = draft.defects.clone();
    let ports = bridge_ports::ports(rows, draft);
    draft.defects = counted;
    let mut room = MEMBERSHIPS_MAX;
    for (id, told) in vlans {
        let members = told.members(rows, draft, &ports);
        let (untagged, tagged) = take(members, &mut room, draft);
        draft.facts.vlans.push(VlanFacts {
            id: Some(id),
            name: told.name,
            untagged,
            tagged,
        });
    }
}

/// What tells of a VLAN: its name, and the rows that it has.
#[derive(Default)]
struct Told {
    name: Option<String>,
    current: Option<Vec<u32>>,
    fixed: Option<Vec<u32>>,
}

/// Ports by which frames leave without a tag, and with one.
type Members = (Vec<u32>, Vec<u32>);

impl Told {
    /// The ports as they are now, else as they were set up; none where the one or the other list is
    /// missing, no port is known to be an interface, or an index may be no VLAN.
    fn members(&self, rows: &Rows, draft: &mut Draft, ports: &Ports) -> Option<Members> {
        if ports.is_empty() || enterprise(&draft.object_id) == Some(INDEXES_OF_ITS_OWN) {
            return None;
        }
        let tables = [
            (&self.current, CURRENT_EGRESS, CURRENT_UNTAGGED),
            (&self.fixed, STATIC_EGRESS, STATIC_UNTAGGED),
        ];
        tables.into_iter().find_map(|(index, egress, untagged)| {
            let index = index.as_ref()?;
            let all = bridge_ports::listed(rows, draft, egress, index, ports)?;
            let untagged = bridge_ports::listed(rows, draft, untagged, index, ports)?;
            // Those without a tag are among all.
            let is_untagged = |port: &u32| untagged.binary_search(port).is_ok();
            Some(all.into_iter().partition(is_untagged))
        })
    }
}

/// The ports as far as there is room for them.
fn take(
    members: Option<Members>,
    room: &mut usize,
    draft: &mut Draft,
) -> (Option<Vec<u32>>, Option<Vec<u32>>) {
    let Some((untagged, tagged)) = members else {
        return (None, None);
    };
    let Some(left) = room.checked_sub(untagged.len() + tagged.len()) else {
        draft.defects.add(Defect::TooManyRows);
        return (None, None);
    };
    *room = left;
    (Some(untagged), Some(tagged))
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
