//! Making, changing and deleting devices.

use super::Inventory;
use super::record::DeviceRecord;
use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Expect, Stored};
use model::DeviceId;
use model::device::{Device, Identity, Said};
use std::sync::Arc;

/// How often a change of what was seen of a device is tried again where an operator changed the device
/// at the same moment. Each try takes up what is kept then, so two are rarely needed.
const AMEND_TRIES_MAX: u32 = 32;

impl Inventory {
    /// Keeps a new device. [`StoreError::Duplicate`] where a device is asked at that address and
    /// port already, [`StoreError::NotFound`] where its credential is not there.
    pub async fn create(&self, device: Device) -> Result<Arc<DeviceRecord>, StoreError> {
        let id = device.id.to_string();
        let mut changes = vec![
            self.collections
                .devices
                .change(&id, Expect::Absent, &device)?,
        ];
        changes.extend(credential_is_there(&device));
        let revisions = self.documents.write(changes).await?;
        let stored = stored(id, revisions.first(), device);
        let record = DeviceRecord::new(Arc::new(stored), self.clock.now());
        self.change().put(record.clone());
        Ok(Arc::new(record))
    }

    /// Writes a device that is there, where it is still at the expected revision.
    pub async fn update(
        &self,
        device: Device,
        expect: Expect,
    ) -> Result<Arc<Stored<Device>>, StoreError> {
        let id = device.id.to_string();
        let expect = match expect {
            Expect::Any => Expect::Present,
            given => given,
        };
        let mut changes = vec![self.collections.devices.change(&id, expect, &device)?];
        changes.extend(credential_is_there(&device));
        let revisions = self.documents.write(changes).await?;
        let stored = Arc::new(stored(id, revisions.first(), device));
        self.change().alter(stored.body.id, |record| {
            // Two changes may come here in the other order than they were written in.
            if record.device.revision < stored.revision {
                record.device = stored.clone();
            }
        });
        Ok(stored)
    }

    /// Takes in what a device said of itself. Writes only where that differs from what is kept;
    /// answers whether it did.
    pub async fn observe(
        &self,
        id: DeviceId,
        said: &Said,
        identity: &Identity,
    ) -> Result<bool, StoreError> {
        self.amend(id, |device| {
            if device.said == *said && device.identity == *identity {
                return false;
            }
            device.said = said.clone();
            device.identity = identity.clone();
            true
        })
        .await
    }

    /// Changes a device at whatever revision it is. `change` says whether it changed anything;
    /// where an operator changed the device at the same moment it is asked again, with that.
    /// Answers whether anything was written.
    pub async fn amend(
        &self,
        id: DeviceId,
        change: impl Fn(&mut Device) -> bool,
    ) -> Result<bool, StoreError> {
        let mut tries = 0;
        let mut latest = self.device(id).ok_or_else(|| missing(id))?.device.clone();
        loop {
            let mut device = latest.body.clone();
            if !change(&mut device) {
                return Ok(false);
            }
            let expect = Expect::Revision(latest.revision);
            tries += 1;
            match self.update(device, expect).await {
                Ok(_) => return Ok(true),
                Err(StoreError::RevisionConflict { .. }) if tries < AMEND_TRIES_MAX => {
                    // From the documents: memory may be a moment behind.
                    let device = self.collections.devices.require(&id.to_string()).await?;
                    latest = Arc::new(device);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Deletes a device with its interfaces, facts, neighbours, status and links. What other
    /// devices say of it stays until they are polled again; its series are not ours.
    pub async fn delete(&self, id: DeviceId, expect: Expect) -> Result<(), StoreError> {
        let key = id.to_string();
        let expect = match expect {
            Expect::Any => Expect::Present,
            given => given,
        };
        let c = &self.collections;
        let changes = vec![
            c.devices.removal(&key, expect),
            c.facts.removal(&key, Expect::Any),
            c.neighbors.removal(&key, Expect::Any),
            c.statuses.removal(&key, Expect::Any),
            Change::DeleteAll {
                collection: &catalog::INTERFACES,
                index: "device_id",
                key: key.clone(),
            },
            Change::DeleteAll {
                collection: &catalog::LINKS,
                index: "a_device_id",
                key: key.clone(),
            },
            Change::DeleteAll {
                collection: &catalog::LINKS,
                index: "b_device_id",
                key,
            },
        ];
        self.documents.write(changes).await?;
        let mut view = self.change();
        view.remove(id);
        view.keep_links(|link| link.a.device_id != id && link.b.device_id != id);
        Ok(())
    }
}

pub(super) fn missing(id: DeviceId) -> StoreError {
    StoreError::NotFound {
        collection: catalog::DEVICES.name,
        id: id.to_string(),
    }
}

fn stored(id: String, revision: Option<&u64>, device: Device) -> Stored<Device> {
    Stored {
        id,
        revision: revision.copied().unwrap_or(0),
        body: device,
    }
}

fn credential_is_there(device: &Device) -> Option<Change> {
    device.credential_id.map(|credential| Change::Require {
        collection: &catalog::CREDENTIALS,
        id: credential.to_string(),
        expect: Expect::Present,
    })
}
