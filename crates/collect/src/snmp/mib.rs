//! What a MIB's file offers: the columns to ask for, and how to read them.
//!
//! To add a MIB: one file with a `MIB`, one line in [`ALL`], its tests.

use super::draft::Draft;
use super::{Groups, Rows};
use super::{
    arp, bridge, cisco_cdp, cisco_memory, cisco_process, cisco_sensor, cisco_vtp, entity,
    entity_sensor, host_resources, if_mib, ip_mib, lldp, lm_sensors, q_bridge, routing, system,
    ucd, ups, vendor_load,
};

/// A MIB, or a part of one.
pub(super) struct Mib {
    /// What to walk, and for which groups.
    pub(super) asks: &'static [Ask],
    /// The enterprises under whose sysObjectID an agent may have it; none means any.
    pub(super) enterprises: &'static [u32],
    /// What the rows mean.
    pub(super) read: fn(&Rows, &mut Draft),
}

/// A column or subtree, and the groups that need it.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) groups: Groups,
    pub(super) root: &'static [u32],
    /// Of a look at the system group alone, only the first rows are wanted.
    pub(super) head: bool,
    /// Worth asking for only where there is something in this column.
    pub(super) where_any: Option<&'static [u32]>,
}

impl Ask {
    pub(super) const fn of(groups: Groups, root: &'static [u32]) -> Self {
        Self {
            groups,
            root,
            head: false,
            where_any: None,
        }
    }
    pub(super) const fn where_any(
        groups: Groups,
        root: &'static [u32],
        column: &'static [u32],
    ) -> Self {
        Self {
            groups,
            root,
            head: false,
            where_any: Some(column),
        }
    }
    pub(super) const fn head(groups: Groups, root: &'static [u32]) -> Self {
        Self {
            groups,
            root,
            head: true,
            where_any: None,
        }
    }
}

/// Every MIB that is read, in the order of reading: later ones use what earlier ones found.
pub(super) static ALL: &[&Mib] = &[
    &system::MIB,
    &entity::MIB,
    &if_mib::MIB,
    &ip_mib::MIB,
    &bridge::MIB,
    &q_bridge::MIB,
    &cisco_vtp::MIB,
    &host_resources::MIB,
    &ucd::MIB,
    &cisco_process::MIB,
    &cisco_memory::MIB,
    &vendor_load::MIB,
    &entity_sensor::MIB,
    &cisco_sensor::MIB,
    &lm_sensors::MIB,
    &ups::MIB,
    &lldp::MIB,
    &cisco_cdp::MIB,
    &arp::MIB,
    &routing::OSPF,
    &routing::BGP,
];

impl Mib {
    /// Whether an agent with this sysObjectID may have it.
    pub(super) fn fits(&self, object_id: &[u32]) -> bool {
        self.enterprises.is_empty()
            || enterprise(object_id).is_some_and(|number| self.enterprises.contains(&number))
    }
}

/// The enterprise number of a sysObjectID. Source: IANA, under 1.3.6.1.4.1.
pub(super) fn enterprise(object_id: &[u32]) -> Option<u32> {
    match object_id {
        [1, 3, 6, 1, 4, 1, number, ..] => Some(*number),
        _ => None,
    }
}
