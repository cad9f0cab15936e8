//! Changes of a device and its interfaces, put into the history.
//!
//! What the history could not take, as where the disk is full, is tried again with the next report,
//! with how things are then: a change may come late there, and is not lost.

use super::Context;
use model::history::{DeviceFound, IfStates, InterfaceFound};
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Status, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::history::{Record, same_month};
use store::inventory::StatusReport;
use topology::interfaces::Assignment;
use tracing::warn;

/// What the history knows of a device, as far as this run of the server told it.
#[derive(Default)]
pub(super) struct Kept {
    device: Option<KeptDevice>,
    /// How interfaces were according to the history, where it could not be told since: as many as
    /// the device has interfaces.
    owed: BTreeMap<InterfaceId, Option<IfStates>>,
    /// The history failed with the report before; told once.
    failing: bool,
}

#[derive(Clone, Copy)]
struct KeptDevice {
    /// When the run of the server began in which it was told.
    run_began: Option<Timestamp>,
    at: Timestamp,
    status: Status,
    interfaces_read: bool,
}

/// The interfaces of a device, as a poll found them.
pub(super) struct Interfaces<'a> {
    /// As they were until now.
    pub(super) before: &'a [Arc<Interface>],
    /// As they are.
    pub(super) now: &'a Assignment,
    /// Whether their states could be read.
    pub(super) read: bool,
}

/// Keeps what changed of a device; without interfaces where none were taken in.
pub(super) async fn keep(
    context: &Context,
    kept: &mut Kept,
    device_id: DeviceId,
    status: &StatusReport,
    interfaces: Option<Interfaces<'_>>,
) {
    let found = DeviceFound {
        at: status.at,
        status: status.status,
        interfaces_read: interfaces.as_ref().is_some_and(|all| all.read),
        evidence: status.evidence.clone(),
    };
    let mut records = Vec::new();
    let run_began = context.store.history.run_began();
    let told = kept.device.is_some_and(|before| {
        before.status == found.status
            && before.run_began == run_began
            && before.interfaces_read == found.interfaces_read
            && same_month(before.at, found.at)
    });
    if !told {
        records.push(Record::Device {
            id: device_id,
            found: found.clone(),
        });
    }
    let changes = interfaces
        .as_ref()
        .map(|all| changes(all.before, all.now, &kept.owed))
        .unwrap_or_default();
    let at = status.at;
    records.extend(changes.iter().map(|(id, before, now)| Record::Interface {
        id: *id,
        found: InterfaceFound {
            at,
            before: *before,
            now: *now,
        },
    }));
    if records.is_empty() {
        return;
    }
    let count = records.len();
    let mut taken = match context.store.history.append(records).await {
        Ok(taken) => {
            kept.failing = false;
            taken
        }
        Err(error) => {
            if !kept.failing {
                let error = crate::chain(&error);
                warn!(device.id = %device_id, %error, "{count} changes of status not kept yet");
            }
            kept.failing = true;
            vec![false; count]
        }
    }
    .into_iter();
    if !told {
        kept.device = taken.next().unwrap_or(false).then_some(KeptDevice {
            run_began,
            at: found.at,
            status: found.status,
            interfaces_read: found.interfaces_read,
        });
    }
    for ((id, before, _), taken) in changes.into_iter().zip(taken) {
        if taken {
            kept.owed.remove(&id);
        } else {
            kept.owed.entry(id).or_insert(before);
        }
    }
    if let Some(all) = interfaces.filter(|_| !kept.owed.is_empty()) {
        let there = |id: &InterfaceId| all.now.interfaces.iter().any(|row| row.id == *id);
        kept.owed.retain(|id, _| there(id));
    }
}

/// The interfaces whose states are others than the history has them: which, how it has them, and how
/// they are.
fn changes(
    before: &[Arc<Interface>],
    now: &Assignment,
    owed: &BTreeMap<InterfaceId, Option<IfStates>>,
) -> Vec<(InterfaceId, Option<IfStates>, IfStates)> {
    let before: HashMap<InterfaceId, IfStates> =
        before.iter().map(|row| (row.id, states(row))).collect();
    now.interfaces
        .iter()
        .filter_map(|row| {
            let known = match owed.get(&row.id) {
                Some(owed) => *owed,
                None => before.get(&row.id).copied(),
            };
            let now = states(row);
            let is_owed = owed.contains_key(&row.id);
            (is_owed || known != Some(now)).then_some((row.id, known, now))
        })
        .collect()
}

/// The states of an interface; none of one that the agent does not list.
fn states(interface: &Interface) -> IfStates {
    if !interface.present {
        return IfStates::default();
    }
    IfStates {
        oper: interface.oper_status,
        admin: interface.admin_status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::DeviceId;
    use model::facts::InterfaceFacts;
    use model::interface::IfStatus;

    fn assigned(known: &[Arc<Interface>], oper: &[Option<u64>]) -> Assignment {
        let rows: Vec<InterfaceFacts> = (1u32..)
            .zip(oper)
            .filter_map(|(index, oper)| {
                Some(InterfaceFacts {
                    index: Some(index),
                    name: Some(format!("eth{index}")),
                    oper_status: IfStatus::from_number((*oper)?),
                    admin_status: Some(IfStatus::Up),
                    ..InterfaceFacts::default()
                })
            })
            .collect();
        let known: Vec<Interface> = known.iter().map(|row| row.as_ref().clone()).collect();
        let at = Timestamp::from_unix_ms(0);
        let id = DeviceId::from_bytes([1; 16]);
        topology::interfaces::assign(&known, &rows, true, id, at)
    }

    fn kept(assignment: &Assignment) -> Vec<Arc<Interface>> {
        let rows = assignment.interfaces.iter();
        rows.map(|row| Arc::new(row.clone())).collect()
    }

    #[test]
    fn only_changes_are_told_and_owed_ones_again() {
        let none = BTreeMap::new();
        let first = assigned(&[], &[Some(1), Some(2)]);
        let told = changes(&[], &first, &none);
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|(_, before, _)| before.is_none()));
        let known = kept(&first);
        let same = assigned(&known, &[Some(1), Some(2)]);
        assert_eq!(changes(&known, &same, &none), []);
        // One goes down, the other is no longer listed.
        let next = assigned(&known, &[Some(2), None]);
        let told = changes(&known, &next, &none);
        let oper: Vec<_> = told.iter().map(|(_, _, now)| now.oper).collect();
        assert_eq!(oper, [Some(IfStatus::Down), None]);
        // What the history could not be told is told with how it was there.
        let id = known[0].id;
        let owed = BTreeMap::from([(id, Some(states(&known[0])))]);
        let known = kept(&next);
        let told = changes(&known, &assigned(&known, &[Some(2), None]), &owed);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0, told[0].2.oper), (id, Some(IfStatus::Down)));
        assert_eq!(told[0].1.unwrap().oper, Some(IfStatus::Up));
        // And where it came up again meanwhile: the history may have it as unknown.
        let told = changes(&known, &assigned(&known, &[Some(1), None]), &owed);
        assert_eq!(told.len(), 1);
    }
}
