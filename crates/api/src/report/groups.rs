//! What the rows of a report are of.

use super::{Question, ROWS_MAX, ReportBy};
use crate::routes::devices::list::belongs;
use model::interface::Interface;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::inventory::DeviceRecord;

/// What a row is of.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// What tells it from the others of its report: an id, or the name of a site or tag without regard to case.
    pub(crate) id: String,
    /// What people call it; empty for devices without a site or tag.
    pub(crate) name: String,
    /// The device, where it is of one or of its interface.
    pub(crate) device: Option<Arc<DeviceRecord>>,
    /// The interface, where it is of one.
    pub(crate) interface: Option<Arc<Interface>>,
    /// The devices.
    pub(crate) members: Vec<Arc<DeviceRecord>>,
}

/// The groups by name, and how many there are beyond [`ROWS_MAX`].
pub(super) fn of(devices: Vec<Arc<DeviceRecord>>, question: &Question) -> (Vec<Group>, u64) {
    let mut devices: Vec<(String, Arc<DeviceRecord>)> = devices
        .into_iter()
        .filter(|record| {
            let device = &record.device.body;
            question.device_id.takes(&device.id) && belongs(device, &question.site, &question.tag)
        })
        .map(|record| (record.device.body.name(), record))
        .collect();
    devices.sort_by(|(a, first), (b, second)| {
        let ids = (&first.device.id, &second.device.id);
        a.to_lowercase()
            .cmp(&b.to_lowercase())
            .then_with(|| ids.0.cmp(ids.1))
    });
    let (mut groups, mut beyond) = (Vec::new(), 0u64);
    let mut put = |group: &dyn Fn() -> Group| {
        if groups.len() < ROWS_MAX {
            groups.push(group());
        } else {
            beyond += 1;
        }
    };
    match question.by {
        ReportBy::Device => {
            for (name, record) in devices {
                put(&|| Group {
                    id: record.device.id.clone(),
                    name: name.clone(),
                    device: Some(Arc::clone(&record)),
                    interface: None,
                    members: vec![Arc::clone(&record)],
                });
            }
        }
        ReportBy::Interface => {
            for (name, record) in devices {
                for interface in record.interfaces.iter().filter(|row| row.present) {
                    put(&|| Group {
                        id: interface.id.to_string(),
                        name: format!("{name} {}", interface.name),
                        device: Some(Arc::clone(&record)),
                        interface: Some(Arc::clone(interface)),
                        members: vec![Arc::clone(&record)],
                    });
                }
            }
        }
        ReportBy::Site | ReportBy::Tag => {
            for group in named(devices, question) {
                put(&|| group.clone());
            }
        }
    }
    (groups, beyond)
}

/// Groups by site or tag; those without one are a group of their own, whose name is empty.
fn named(devices: Vec<(String, Arc<DeviceRecord>)>, question: &Question) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (_, record) in devices {
        let typed = &record.device.body.typed;
        let names: Vec<&str> = match question.by {
            // Of a device with several tags only those that were asked for.
            ReportBy::Tag => typed
                .tags
                .iter()
                .map(String::as_str)
                .filter(|tag| question.tag.takes_text(Some(tag)))
                .collect(),
            _ => typed.site.as_deref().into_iter().collect(),
        };
        let without = names.is_empty().then_some("");
        for name in names.into_iter().chain(without) {
            let group = groups.entry(name.to_lowercase());
            let group = group.or_insert_with_key(|id| Group {
                id: id.clone(),
                name: name.to_owned(),
                device: None,
                interface: None,
                members: Vec::new(),
            });
            // Two tags that differ by case alone are one.
            if !group
                .members
                .last()
                .is_some_and(|last| Arc::ptr_eq(last, &record))
            {
                group.members.push(Arc::clone(&record));
            }
        }
    }
    groups.into_values().collect()
}
