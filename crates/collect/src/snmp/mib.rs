//! What a MIB's file offers: the columns to ask for, and how to read them.
//!
//! To add a MIB: one file with a `MIB`, one line in [`ALL`], its tests.

use super::draft::Draft;
use super::{Groups, Rows};
use super::{
    aggregate, arp, bridge, bridge_ports, cisco_cdp, cisco_vtp, default_route, entity,
    host_resources, if_mib, ip_mib, lldp, profiled, q_bridge, routing, system, ucd,
};

/// A MIB, or a part of one.
pub(super) struct Mib {
    /// Its name, for people who want to know where a fact came from.
    pub(super) name: &'static str,
    /// What to walk, and for which groups.
    pub(super) asks: &'static [Ask<'static>],
    /// The enterprises under whose sysObjectID an agent may have it; none means any.
    pub(super) enterprises: &'static [u32],
    /// What the rows mean.
    pub(super) read: fn(&Rows, &mut Draft),
}

/// A column or subtree, and the groups that need it.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) groups: Groups,
    pub(super) root: &'a [u32],
    /// Of a look at the system group alone, only the first rows are wanted.
    pub(super) head: bool,
    /// Worth asking for only where there is something in this column.
    pub(super) where_any: Option<&'a [u32]>,
    /// Asked for last, and no group is judged by how it ends: `aside.rs`.
    pub(super) aside: bool,
}

impl<'a> Ask<'a> {
    pub(super) const fn of(groups: Groups, root: &'a [u32]) -> Self {
        Self {
            groups,
            root,
            head: false,
            where_any: None,
            aside: false,
        }
    }
    pub(super) const fn head(groups: Groups, root: &'a [u32]) -> Self {
        Self {
            groups,
            root,
            head: true,
            ..Self::of(groups, root)
        }
    }
    pub(super) const fn aside(groups: Groups, root: &'a [u32]) -> Self {
        Self {
            aside: true,
            ..Self::of(groups, root)
        }
    }
}

/// Every MIB that is read, in the order of reading: later ones use what earlier ones found.
pub(super) static ALL: &[&Mib] = &[
    &system::MIB,
    &entity::MIB,
    &if_mib::MIB,
    &aggregate::MIB,
    &aggregate::STACK,
    &ip_mib::MIB,
    &bridge::MIB,
    &bridge_ports::MIB,
    &q_bridge::MIB,
    &cisco_vtp::MIB,
    &profiled::FACTS,
    &host_resources::MIB,
    &ucd::MIB,
    &profiled::SENSORS,
    &lldp::MIB,
    &cisco_cdp::MIB,
    &arp::MIB,
    &routing::OSPF,
    &routing::BGP,
    &default_route::MIB,
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
