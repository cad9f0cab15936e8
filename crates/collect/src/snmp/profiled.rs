//! What rows mean by the device's profiles: see `profile.rs` for what a profile is.

mod cell;
mod device;
mod loads;
mod sensors;
mod wireless;

use super::draft::Draft;
use super::mib::Mib;
use super::{Groups, Rows, decode};
use crate::profile::{Cell, Condition, InterfaceOf, Neighbors, Plan, Template, Texts, Vlans};
use cell::{first_text, passes, text_of};
use model::facts::{NeighborFacts, VlanFacts};
use std::collections::BTreeSet;
pub(crate) use wireless::WIRELESS_MAX;
#[cfg(test)]
pub(super) use wireless::measures as wireless_measures;

/// The name under which both halves are listed.
pub(super) const NAME: &str = "profiles";

/// The device as a whole, processors, memory, storage, wireless, VLANs and neighbours: before the standard MIBs
/// that tell of the same in general terms.
pub(super) static FACTS: Mib = Mib {
    name: NAME,
    asks: &[],
    enterprises: &[],
    read: |rows, draft| {
        let plan = std::sync::Arc::clone(&draft.plan);
        for profile in &plan.profiles {
            draft.profile = Some(std::sync::Arc::clone(profile));
            if draft.wants(Groups::SYSTEM) {
                device::read(&profile.device, rows, draft);
            }
            for table in &profile.processors {
                loads::processors(table, rows, draft);
            }
            for table in &profile.memory {
                loads::volume(loads::Sort::Memory, table, rows, draft);
            }
            for table in &profile.storage {
                loads::volume(loads::Sort::Storage, table, rows, draft);
            }
            let told = wireless::kinds(draft);
            for table in &profile.wireless {
                wireless::read(table, &told, rows, draft);
            }
            for table in &profile.vlans {
                vlans(table, rows, draft);
            }
            for table in &profile.neighbors {
                neighbors(table, rows, draft);
            }
        }
        draft.profile = None;
    },
};

/// Sensors: after the standard MIBs.
pub(super) static SENSORS: Mib = Mib {
    name: NAME,
    asks: &[],
    enterprises: &[],
    read: |rows, draft| {
        if !draft.wants(Groups::SENSORS) {
            return;
        }
        let plan = std::sync::Arc::clone(&draft.plan);
        for profile in &plan.profiles {
            draft.profile = Some(std::sync::Arc::clone(profile));
            for table in &profile.sensors {
                sensors::read(table, rows, draft);
            }
        }
        draft.profile = None;
    },
};

/// A column that a plan needs, the groups that need it, and whether it is worth asking for only where
/// there is something in another.
pub(super) struct PlanAsk<'a> {
    pub(super) groups: Groups,
    pub(super) root: &'a [u32],
    pub(super) where_any: Option<&'a [u32]>,
}

/// Every column that a plan needs.
pub(super) fn asks(plan: &Plan) -> Vec<PlanAsk<'_>> {
    let mut asks = Asks::default();
    for profile in &plan.profiles {
        let device = &profile.device;
        for texts in [
            &device.vendor,
            &device.model,
            &device.os,
            &device.os_version,
            &device.serial,
            &device.kind,
            &device.name,
            &device.location,
        ] {
            asks.texts(texts);
        }
        for table in &profile.processors {
            asks.table(Groups::PROCESSORS, &table.load, &table.rows, Vec::new());
        }
        for table in &profile.memory {
            let (first, others) = loads::cells(table);
            asks.table(Groups::MEMORY, first, &table.rows, others);
        }
        for table in &profile.storage {
            let (first, others) = loads::cells(table);
            asks.table(Groups::STORAGE, first, &table.rows, others);
        }
        for table in &profile.sensors {
            asks.table(
                Groups::SENSORS,
                &table.value,
                &table.rows,
                sensors::cells(table),
            );
            if let (Some(InterfaceOf::Entity), Some(first)) =
                (&table.interface, table.value.columns().into_iter().next())
            {
                for root in [super::entity::ALIAS_MAPPING, super::entity::CONTAINED_IN] {
                    asks.all.push(PlanAsk {
                        groups: Groups::SENSORS,
                        root,
                        where_any: Some(first),
                    });
                }
            }
        }
        for table in &profile.wireless {
            asks.whole(Groups::WIRELESS, &table.column);
            for measure in wireless::measures(table) {
                asks.of(Groups::WIRELESS, &measure.cell, &table.column);
            }
            for source in wireless::texts(table) {
                let from = std::slice::from_ref(&source.from);
                asks.rows(Groups::WIRELESS, from, &[], &table.column);
            }
            for source in wireless::lasting(table) {
                let from = std::slice::from_ref(&source.from);
                asks.rows(Groups::INVENTORY, from, &[], &table.column);
            }
            asks.rows(
                Groups::WIRELESS,
                &table.rows.name,
                &table.rows.when,
                &table.column,
            );
        }
        for table in &profile.vlans {
            asks.whole(Groups::VLANS, &table.column);
            asks.of(Groups::VLANS, &table.id, &table.column);
            asks.rows(
                Groups::VLANS,
                &table.rows.name,
                &table.rows.when,
                &table.column,
            );
        }
        for table in &profile.neighbors {
            asks.whole(Groups::NEIGHBORS, &table.column);
            asks.of(Groups::NEIGHBORS, &table.interface, &table.column);
            for template in [
                &table.remote_name,
                &table.remote_port,
                &table.remote_platform,
            ] {
                asks.rows(Groups::NEIGHBORS, template.as_slice(), &[], &table.column);
            }
            asks.rows(Groups::NEIGHBORS, &[], &table.rows.when, &table.column);
        }
    }
    asks.all
}

#[derive(Default)]
struct Asks<'a> {
    all: Vec<PlanAsk<'a>>,
}

impl<'a> Asks<'a> {
    fn whole(&mut self, groups: Groups, root: &'a [u32]) {
        self.all.push(PlanAsk {
            groups,
            root,
            where_any: None,
        });
    }

    fn of(&mut self, groups: Groups, cell: &'a Cell, first: &'a [u32]) {
        for root in cell.columns() {
            if root != first {
                self.all.push(PlanAsk {
                    groups,
                    root,
                    where_any: Some(first),
                });
            }
        }
    }

    fn rows(
        &mut self,
        groups: Groups,
        name: &'a [Template],
        when: &'a [Condition],
        first: &'a [u32],
    ) {
        let cells = when.iter().flat_map(|condition| condition.cell.columns());
        let named = name.iter().flat_map(Template::columns);
        for root in cells.chain(named) {
            if root != first {
                self.all.push(PlanAsk {
                    groups,
                    root,
                    where_any: Some(first),
                });
            }
        }
    }

    fn table(
        &mut self,
        groups: Groups,
        value: &'a Cell,
        rows: &'a crate::profile::Rows,
        others: Vec<&'a Cell>,
    ) {
        let Some(first) = value.columns().into_iter().next() else {
            return;
        };
        self.whole(groups, first);
        for cell in others {
            self.of(groups, cell, first);
        }
        self.of(groups, value, first);
        self.rows(groups, &rows.name, &rows.when, first);
    }

    fn texts(&mut self, texts: &'a Texts) {
        for source in texts {
            for root in source.from.columns() {
                self.whole(Groups::SYSTEM, root);
            }
        }
    }
}

fn vlans(table: &Vlans, rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::VLANS) {
        return;
    }
    let mut known: BTreeSet<u16> = draft
        .facts
        .vlans
        .iter()
        .filter_map(|vlan| vlan.id)
        .collect();
    for (index, _) in rows.column(&table.column) {
        if !passes(&table.rows.when, rows, index) {
            continue;
        }
        let id = cell::number(&table.id, rows, index).filter(|id| (1.0..=4094.0).contains(id));
        let Some(id) = id
            .and_then(|id| u16::try_from(decode::integer(id)).ok())
            .filter(|&id| known.insert(id))
        else {
            continue;
        };
        let name = first_text(&table.rows.name, rows, index);
        draft.note("vlans", &[&table.column, index].concat());
        draft.facts.vlans.push(VlanFacts {
            id: Some(id),
            name,
            ..VlanFacts::default()
        });
    }
}

fn neighbors(table: &Neighbors, rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::NEIGHBORS) {
        return;
    }
    for (index, _) in rows.column(&table.column) {
        if !passes(&table.rows.when, rows, index) {
            continue;
        }
        let port = cell::number(&table.interface, rows, index).filter(|port| *port >= 0.0);
        let port = port.and_then(|port| u32::try_from(decode::integer(port)).ok());
        let text = |template: &Option<Template>| {
            template
                .as_ref()
                .and_then(|template| text_of(template, rows, index))
        };
        let neighbor = NeighborFacts {
            protocol: Some(table.protocol),
            local_interface: port.and_then(|port| draft.interface_names.get(&port).cloned()),
            local_index: port,
            remote_name: text(&table.remote_name),
            remote_port: text(&table.remote_port),
            remote_platform: text(&table.remote_platform),
            ..NeighborFacts::default()
        };
        draft.note("neighbors", &[&table.column, index].concat());
        draft.facts.neighbors.push(neighbor);
    }
}
