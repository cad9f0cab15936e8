//! The inventory in memory, and the maps by which it is found.

use super::attached::Changed;
use super::record::DeviceRecord;
use model::interface::Interface;
use model::link::Link;
use model::{CredentialId, DeviceId, InterfaceId, LinkId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

/// Everything in memory.
// Invariant: `interfaces`, `by_address` and `by_credential` say what `devices` says.
pub(super) struct View {
    pub(super) devices: BTreeMap<DeviceId, Arc<DeviceRecord>>,
    pub(super) interfaces: HashMap<InterfaceId, Arc<Interface>>,
    pub(super) by_address: HashMap<IpAddr, BTreeSet<DeviceId>>,
    pub(super) by_credential: HashMap<CredentialId, BTreeSet<DeviceId>>,
    pub(super) links: Arc<[Arc<Link>]>,
    /// The links as they were written last: their times may be behind those of `links`.
    pub(super) kept_links: Arc<BTreeMap<LinkId, Arc<Link>>>,
    /// What is attached to series and is to be looked at anew.
    pub(super) changed: Changed,
}

impl View {
    pub(super) fn empty() -> Self {
        Self {
            devices: BTreeMap::new(),
            interfaces: HashMap::new(),
            by_address: HashMap::new(),
            by_credential: HashMap::new(),
            links: Arc::new([]),
            kept_links: Arc::default(),
            changed: Changed::default(),
        }
    }

    /// Puts a record in place of the one that is there, if any.
    pub(super) fn put(&mut self, record: DeviceRecord) {
        let device = &record.device.body;
        let id = device.id;
        let before = self.devices.get(&id).cloned();
        if let Some(before) = &before {
            let old = &before.device.body;
            if old.address != device.address {
                leave(&mut self.by_address, &old.address, id);
            }
            if let Some(credential) = old.credential_id
                && old.credential_id != device.credential_id
            {
                leave(&mut self.by_credential, &credential, id);
            }
        }
        self.by_address
            .entry(device.address)
            .or_default()
            .insert(id);
        if let Some(credential) = device.credential_id {
            self.by_credential.entry(credential).or_default().insert(id);
        }
        let same_interfaces = before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(&before.interfaces, &record.interfaces));
        let same_device = before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(&before.device, &record.device));
        if !same_device || !same_interfaces {
            self.changed.note(id);
        }
        if !same_interfaces {
            for interface in before.iter().flat_map(|before| before.interfaces.iter()) {
                self.interfaces.remove(&interface.id);
            }
            for interface in record.interfaces.iter() {
                self.interfaces.insert(interface.id, interface.clone());
            }
        }
        self.devices.insert(id, Arc::new(record));
    }

    /// Changes the record of a device; nothing happens where it is no longer there.
    pub(super) fn alter(&mut self, id: DeviceId, change: impl FnOnce(&mut DeviceRecord)) {
        if let Some(record) = self.devices.get(&id) {
            let mut record = DeviceRecord::clone(record);
            change(&mut record);
            self.put(record);
        }
    }

    /// Keeps only the links that `stay` says.
    pub(super) fn keep_links(&mut self, stay: impl Fn(&Link) -> bool) {
        self.links = self.links.iter().filter(|l| stay(l)).cloned().collect();
        let kept = self.kept_links.iter().filter(|(_, link)| stay(link));
        self.kept_links = Arc::new(kept.map(|(id, link)| (*id, link.clone())).collect());
    }

    /// Takes a device out, with its interfaces.
    pub(super) fn remove(&mut self, id: DeviceId) {
        let Some(record) = self.devices.remove(&id) else {
            return;
        };
        self.changed.note(id);
        leave(&mut self.by_address, &record.device.body.address, id);
        if let Some(credential) = record.device.body.credential_id {
            leave(&mut self.by_credential, &credential, id);
        }
        for interface in record.interfaces.iter() {
            self.interfaces.remove(&interface.id);
        }
    }
}

fn leave<K: Eq + Hash>(map: &mut HashMap<K, BTreeSet<DeviceId>>, key: &K, id: DeviceId) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}
