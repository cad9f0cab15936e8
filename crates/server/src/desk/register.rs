//! Which device an address is, and registering what is new.

use super::{Context, Opened};
use collect::snmp::Look;
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::event::Event;
use model::{CredentialId, DeviceId};
use std::net::SocketAddr;
use store::StoreError;
use topology::identity::{self, Index, Resolution};
use tracing::{info, warn};

/// What became of an address.
pub(super) struct Placed {
    /// The device that it is; none where it is none, or none is kept.
    pub(super) device_id: Option<DeviceId>,
    /// Why.
    pub(super) reason: Option<String>,
    /// A name for the device within this run, whether it is kept or not.
    pub(super) counted_as: Option<DeviceId>,
    /// It was not known before.
    pub(super) new: bool,
}

/// Finds the device that answered, or registers it. `index` knows the inventory and what this run
/// found.
pub(super) async fn place(
    context: &Context,
    index: &mut Index,
    register: bool,
    result: &DiscoveryResult,
    look: Option<&Look>,
    credential: Option<CredentialId>,
) -> Placed {
    let address = SocketAddr::new(result.address, result.port);
    let by_echo_alone = result.snmp == SnmpAnswer::NotAsked && result.icmp_answered == Some(true);
    if look.is_none() && !by_echo_alone {
        return Placed {
            device_id: None,
            reason: None,
            counted_as: None,
            new: false,
        };
    }
    let (said, mut identity) =
        look.map_or_else(Default::default, |look| (look.said(), look.identity()));
    identity.addresses.insert(result.address);
    let resolution = index.resolve(&identity, address);
    let reason = Some(resolution.reason().to_owned());
    if let Resolution::Same { device_id, .. } = resolution {
        let kept = context.store.inventory.device(device_id).is_some();
        let device_id_kept = kept.then_some(device_id);
        return Placed {
            device_id: device_id_kept,
            reason,
            counted_as: Some(device_id),
            new: false,
        };
    }
    if let Resolution::Conflict { with, reason } = &resolution {
        info!(device.id = %with, %address, "{reason}");
    }
    if !register {
        let counted_as = DeviceId::new();
        index.insert(counted_as, &identity, address);
        return Placed {
            device_id: None,
            reason,
            counted_as: Some(counted_as),
            new: true,
        };
    }
    match create(context, address, said, identity.clone(), credential).await {
        Ok(device_id) => {
            index.insert(device_id, &identity, address);
            Placed {
                device_id: Some(device_id),
                reason,
                counted_as: Some(device_id),
                new: true,
            }
        }
        Err(StoreError::Duplicate { .. }) => held(context, address, &identity, resolution.reason()),
        Err(error) => {
            warn!(%address, error = %crate::chain(&error), "a found device was not registered");
            let reason = Some(format!("not registered: {error}"));
            Placed {
                device_id: None,
                reason,
                counted_as: None,
                new: false,
            }
        }
    }
}

/// What becomes of a device that answers at an address where one is registered. Another one is not
/// put into the index: met at an address that is free, it is registered there.
fn held(context: &Context, address: SocketAddr, identity: &Identity, reason: &str) -> Placed {
    let there = context.store.inventory.devices_at(address.ip());
    let holder = there
        .iter()
        .map(|record| &record.device.body)
        .find(|device| device.socket() == address);
    let reason = match holder {
        // Given up in this moment; the next run finds it free.
        None => reason.to_owned(),
        Some(holder) => {
            let known = [(holder.id, &holder.identity, address)];
            match identity::resolve(&known, identity, address) {
                // Registered while this run was at work.
                Resolution::Same { device_id, reason } => {
                    return Placed {
                        device_id: Some(device_id),
                        reason: Some(reason),
                        counted_as: Some(device_id),
                        new: false,
                    };
                }
                Resolution::New { reason } | Resolution::Conflict { reason, .. } => {
                    not_here(holder, &reason)
                }
            }
        }
    };
    Placed {
        device_id: None,
        reason: Some(reason),
        counted_as: Some(DeviceId::new()),
        // It is told where it was met, with the device that it stands in for.
        new: false,
    }
}

/// Why a device is not registered at an address that another has, and the ways out.
fn not_here(holder: &Device, reason: &str) -> String {
    format!(
        "{reason}. {} ({}) is registered at {}: accept there that it was replaced, or give it its \
         new address or delete it and discover again",
        holder.name(),
        holder.id,
        holder.socket(),
    )
}

async fn create(
    context: &Context,
    address: SocketAddr,
    said: Said,
    identity: Identity,
    credential_id: Option<CredentialId>,
) -> Result<DeviceId, StoreError> {
    let device = Device {
        id: DeviceId::new(),
        address: address.ip(),
        port: address.port(),
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said,
        identity,
        credential_id,
        interval_secs: context.interval_secs,
        maintenance: None,
        created_at: context.clock.now(),
        conflict: None,
        replaced_at: Vec::new(),
    };
    let record = context.store.inventory.create(device).await?;
    let device = &record.device.body;
    info!(device.id = %device.id, %address, "device registered");
    context.tell(Event::DeviceChanged {
        device_id: device.id,
    });
    context.poll(device, &mut Opened::default()).await;
    Ok(device.id)
}
