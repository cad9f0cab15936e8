//! Devices, their interfaces, facts and neighbours, and the links between them: kept as documents,
//! and all of it in memory for quick reading.
//!
//! A change is durable first and seen second: what a reader is shown survives a crash. Readers
//! take snapshots (`Arc`) and never wait for a writer.
//!
//! What is observed of one device (interfaces, facts, neighbours, state) is written by one task at
//! a time, the one that takes in its polls; the device itself may be changed by anybody, held
//! apart by its revision. Rates and samples are not here but in the series.

mod attached;
mod devices;
mod load;
mod observed;
mod record;
mod view;

pub use observed::{InterfaceChange, StatusChange, StatusReport};
pub use record::DeviceRecord;

use crate::catalog;
use crate::documents::{Collection, Documents};
use crate::series::Attached;
use model::device::Device;
use model::facts::Facts;
use model::interface::Interface;
use model::link::Link;
use model::{Clock, CredentialId, DeviceId, InterfaceId};
pub(crate) use record::{KeptNeighbors, KeptStatus};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, RwLock};
use view::View;

/// The inventory. Cheap to clone.
#[derive(Clone)]
pub struct Inventory {
    documents: Arc<dyn Documents>,
    collections: Arc<Collections>,
    // Never held across an await, nor while anything is read from disk.
    view: Arc<RwLock<View>>,
    /// What was attached to series when that was asked last. Locked before the view.
    attached: Arc<Mutex<Arc<Attached>>>,
    clock: Clock,
}

struct Collections {
    devices: Collection<Device>,
    interfaces: Collection<Interface>,
    facts: Collection<Facts>,
    neighbors: Collection<KeptNeighbors>,
    statuses: Collection<KeptStatus>,
    links: Collection<Link>,
}

impl Collections {
    fn new(documents: &Arc<dyn Documents>) -> Self {
        Self {
            devices: Collection::new(documents.clone(), &catalog::DEVICES),
            interfaces: Collection::new(documents.clone(), &catalog::INTERFACES),
            facts: Collection::new(documents.clone(), &catalog::FACTS),
            neighbors: Collection::new(documents.clone(), &catalog::NEIGHBORS),
            statuses: Collection::new(documents.clone(), &catalog::STATUSES),
            links: Collection::new(documents.clone(), &catalog::LINKS),
        }
    }
}

impl Inventory {
    /// One device with all that is known of it; none where it is not there.
    pub fn device(&self, id: DeviceId) -> Option<Arc<DeviceRecord>> {
        self.read().devices.get(&id).cloned()
    }

    /// All devices, by id: in the order they were made.
    pub fn devices(&self) -> Vec<Arc<DeviceRecord>> {
        self.read().devices.values().cloned().collect()
    }

    /// How many devices there are.
    pub fn device_count(&self) -> usize {
        self.read().devices.len()
    }

    /// The devices that are asked at an address, whatever the port.
    pub fn devices_at(&self, address: IpAddr) -> Vec<Arc<DeviceRecord>> {
        let view = self.read();
        view.by_address
            .get(&address)
            .into_iter()
            .flatten()
            .filter_map(|id| view.devices.get(id).cloned())
            .collect()
    }

    /// The devices that are asked with a credential.
    pub fn devices_using(&self, credential: CredentialId) -> Vec<DeviceId> {
        let view = self.read();
        view.by_credential
            .get(&credential)
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// One interface; none where it is not there. Its device is [`Interface::device_id`].
    pub fn interface(&self, id: InterfaceId) -> Option<Arc<Interface>> {
        self.read().interfaces.get(&id).cloned()
    }

    /// All links, by id.
    pub fn links(&self) -> Arc<[Arc<Link>]> {
        self.read().links.clone()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn change(&self) -> std::sync::RwLockWriteGuard<'_, View> {
        self.view
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
