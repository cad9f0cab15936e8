//! The neighbours that a device reports, resolved as far as they can be.
//!
//! The neighbour's chassis id goes first, then its management address, then its name; a name or an
//! address that finds a device with another chassis id finds nothing.

use super::ports;
use crate::{Directory, usable};
use model::facts::NeighborFacts;
use model::neighbor::{Neighbor, Protocol};
use model::{DeviceId, InterfaceId, Timestamp};

/// Resolves what `device_id` reports. `previous` is what it reported before: a neighbour that is
/// still there keeps the time it was first seen.
pub fn resolve_neighbors(
    device_id: DeviceId,
    reported: &[NeighborFacts],
    previous: &[Neighbor],
    directory: &Directory<'_>,
    now: Timestamp,
) -> Vec<Neighbor> {
    let mut neighbors: Vec<Neighbor> = Vec::with_capacity(reported.len());
    for row in reported {
        let mut neighbor = Neighbor {
            device_id,
            interface_id: local_interface(device_id, row, directory),
            local_interface: row.local_interface.clone(),
            protocol: row.protocol.unwrap_or(Protocol::Lldp),
            remote_name: row.remote_name.clone(),
            remote_port: row.remote_port.clone(),
            remote_platform: row.remote_platform.clone(),
            remote_address: row.remote_address,
            remote_chassis_id: row.remote_chassis_id.clone(),
            remote_device_id: None,
            remote_interface_id: None,
            first_seen_at: now,
            last_seen_at: now,
        };
        resolve_remote(&mut neighbor, directory);
        if let Some(before) = previous.iter().find(|before| same(before, &neighbor)) {
            neighbor.first_seen_at = before.first_seen_at;
        }
        if !neighbors.iter().any(|other| same(other, &neighbor)) {
            neighbors.push(neighbor);
        }
    }
    neighbors
}

/// Finds the device and interface at the other end again, as when a device was registered since.
pub(super) fn resolve_remote(neighbor: &mut Neighbor, directory: &Directory<'_>) {
    neighbor.remote_device_id =
        remote_device(neighbor, directory).filter(|found| *found != neighbor.device_id);
    neighbor.remote_interface_id = remote_interface(neighbor, directory);
}

/// Whether two rows tell of one neighbour on one port.
fn same(a: &Neighbor, b: &Neighbor) -> bool {
    let remote = |n: &Neighbor| {
        let chassis = n.remote_chassis_id.as_deref().and_then(usable::chassis_id);
        chassis.or_else(|| n.remote_name.as_deref().and_then(usable::name))
    };
    a.device_id == b.device_id
        && a.protocol == b.protocol
        && a.interface_id == b.interface_id
        && a.local_interface == b.local_interface
        && remote(a) == remote(b)
        && a.remote_port == b.remote_port
}

fn local_interface(
    device_id: DeviceId,
    row: &NeighborFacts,
    directory: &Directory<'_>,
) -> Option<InterfaceId> {
    let interfaces = directory.device(device_id)?.interfaces;
    // A name says more than a number: lldpLocPortNum need not be an ifIndex (LLDP-MIB).
    let by_name = row
        .local_interface
        .as_deref()
        .and_then(|port| ports::find(interfaces, port));
    by_name.or_else(|| {
        let index = row.local_index?;
        Some(
            interfaces
                .iter()
                .find(|i| i.present && i.index == index)?
                .id,
        )
    })
}

fn remote_device(neighbor: &Neighbor, directory: &Directory<'_>) -> Option<DeviceId> {
    let chassis = neighbor.remote_chassis_id.as_deref();
    if let Some(found) = chassis.and_then(|chassis| directory.by_chassis(chassis)) {
        return Some(found);
    }
    let agrees = |id: &DeviceId| {
        let theirs = directory
            .device(*id)
            .and_then(|known| known.identity.chassis_id.as_deref());
        match (
            chassis.and_then(usable::chassis_id),
            theirs.and_then(usable::chassis_id),
        ) {
            (Some(said), Some(known)) => said == known,
            _ => true,
        }
    };
    let by_address = neighbor
        .remote_address
        .and_then(|address| directory.by_address(address));
    by_address.filter(agrees).or_else(|| {
        let name = neighbor.remote_name.as_deref()?;
        // NX-OS announces `name(serial)` by CDP.
        let name = name.split('(').next().unwrap_or(name);
        directory.by_name(name).filter(agrees)
    })
}

fn remote_interface(neighbor: &Neighbor, directory: &Directory<'_>) -> Option<InterfaceId> {
    let device = directory.device(neighbor.remote_device_id?)?;
    ports::find(device.interfaces, neighbor.remote_port.as_deref()?)
}
