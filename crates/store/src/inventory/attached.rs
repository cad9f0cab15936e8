//! What is attached to series, kept from one asking to the next: only devices that changed meanwhile
//! are looked at anew.

use super::Inventory;
use super::record::DeviceRecord;
use crate::series::Attached;
use crate::series::attached::OfDevice;
use model::DeviceId;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

/// Devices that are noted as changed at most, 16 octets each: where more did, all are looked at.
const CHANGED_MAX: usize = 4_096;

/// The devices of which something else is attached than when it was asked last.
// Invariant: at most CHANGED_MAX, and none where it is all.
#[derive(Debug, Default)]
pub(super) struct Changed {
    devices: BTreeSet<DeviceId>,
    all: bool,
}

impl Changed {
    /// A device is another, has other interfaces, came or went.
    pub(super) fn note(&mut self, id: DeviceId) {
        if self.all {
            return;
        }
        self.devices.insert(id);
        if self.devices.len() > CHANGED_MAX {
            self.devices.clear();
            self.all = true;
        }
    }

    fn is_empty(&self) -> bool {
        !self.all && self.devices.is_empty()
    }
}

impl Inventory {
    /// What is attached to the series of devices and interfaces. Where nothing changed since it was
    /// asked last it is the same; devices that did are looked at anew: 150 ms where ten thousand of
    /// 48 ports did. May wait for another who looks: call it where blocking is allowed.
    pub fn attached(&self) -> Arc<Attached> {
        let mut kept = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read().changed.is_empty() {
            return Arc::clone(&kept);
        }
        // What changes from here on is noted again, also where it is seen below already.
        let changed = std::mem::take(&mut self.change().changed);
        if changed.all {
            let mut attached = Attached::default();
            for record in self.devices() {
                put(&mut attached, &record);
            }
            *kept = Arc::new(attached);
        } else {
            // A copy, where a reader has it still.
            let attached = Arc::make_mut(&mut kept);
            for id in changed.devices {
                match self.device(id) {
                    Some(record) => put(attached, &record),
                    None => attached.remove(id),
                }
            }
        }
        Arc::clone(&kept)
    }
}

fn put(attached: &mut Attached, record: &DeviceRecord) {
    let device = &record.device.body;
    let of_device = OfDevice::from(device);
    attached.put(device.id, of_device, Arc::clone(&record.interfaces));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_too_many_changed_all_are_looked_at() {
        let mut changed = Changed::default();
        assert!(changed.is_empty());
        for _ in 0..=CHANGED_MAX {
            changed.note(DeviceId::new());
        }
        assert!(changed.all && changed.devices.is_empty() && !changed.is_empty());
        changed.note(DeviceId::new());
        assert!(changed.devices.is_empty());
    }
}
