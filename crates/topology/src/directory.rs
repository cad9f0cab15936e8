//! The devices and interfaces that we know, indexed by everything a neighbour may call them.
//! Built from a snapshot for one computation; kept nowhere.

use crate::usable;
use model::device::Identity;
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Status};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// A device as the other functions of this crate see it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The id.
    pub device_id: DeviceId,
    /// What people call it.
    pub name: &'a str,
    /// The address it is asked at.
    pub address: IpAddr,
    /// What tells it from others.
    pub identity: &'a Identity,
    /// How it is.
    pub status: Status,
    /// An operator works on it.
    pub maintenance: bool,
    /// Its interfaces.
    pub interfaces: &'a [Arc<Interface>],
}

/// A value that one device has, or several: then it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    One(DeviceId),
    Several,
}

/// Known devices by chassis id, MAC, address and name.
pub struct Directory<'a> {
    devices: HashMap<DeviceId, Known<'a>>,
    interfaces: HashMap<InterfaceId, &'a Interface>,
    by_chassis: HashMap<String, Holder>,
    by_mac: HashMap<String, Holder>,
    by_address: HashMap<IpAddr, Holder>,
    by_name: HashMap<String, Holder>,
    /// Names cut at their first dot: `r1` for `r1.example.net`.
    by_short_name: HashMap<String, Holder>,
}

impl<'a> Directory<'a> {
    /// Indexes the devices.
    pub fn new(known: impl IntoIterator<Item = Known<'a>>) -> Self {
        let mut directory = Self {
            devices: HashMap::new(),
            interfaces: HashMap::new(),
            by_chassis: HashMap::new(),
            by_mac: HashMap::new(),
            by_address: HashMap::new(),
            by_name: HashMap::new(),
            by_short_name: HashMap::new(),
        };
        for device in known {
            directory.add(device);
        }
        directory
    }

    fn add(&mut self, device: Known<'a>) {
        let id = device.device_id;
        let identity = device.identity;
        if let Some(chassis) = identity.chassis_id.as_deref().and_then(usable::chassis_id) {
            hold(&mut self.by_chassis, chassis, id);
        }
        let macs = identity.base_mac.iter().chain(&identity.interface_macs);
        let rows = device.interfaces.iter().filter_map(|row| row.mac.as_ref());
        let macs: HashSet<String> = macs
            .chain(rows)
            .filter_map(|mac| usable::interface_mac(mac))
            .collect();
        for mac in macs {
            hold(&mut self.by_mac, mac, id);
        }
        let own = identity.addresses.iter().copied().chain([device.address]);
        let own: HashSet<IpAddr> = own
            .filter(|address| !address.is_loopback() && !address.is_unspecified())
            .chain([device.address])
            .collect();
        for address in own {
            hold(&mut self.by_address, address, id);
        }
        if let Some(name) = identity.sys_name.as_deref().and_then(usable::name) {
            hold(&mut self.by_short_name, short(&name).to_owned(), id);
            hold(&mut self.by_name, name, id);
        }
        for interface in device.interfaces {
            self.interfaces.insert(interface.id, interface);
        }
        self.devices.insert(id, device);
    }

    /// The device of that id.
    pub fn device(&self, id: DeviceId) -> Option<&Known<'a>> {
        self.devices.get(&id)
    }
    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = &Known<'a>> {
        self.devices.values()
    }
    /// The interface of that id.
    pub fn interface(&self, id: InterfaceId) -> Option<&'a Interface> {
        self.interfaces.get(&id).copied()
    }
    /// The one device with that chassis id, which may also be its base MAC or a port's.
    pub(crate) fn by_chassis(&self, chassis: &str) -> Option<DeviceId> {
        let chassis = usable::chassis_id(chassis)?;
        one(self.by_chassis.get(&chassis)).or_else(|| one(self.by_mac.get(&chassis)))
    }
    /// The one device with that address.
    pub(crate) fn by_address(&self, address: IpAddr) -> Option<DeviceId> {
        one(self.by_address.get(&address))
    }
    /// The one device with that name; a name without a domain finds one with, and the reverse.
    pub(crate) fn by_name(&self, name: &str) -> Option<DeviceId> {
        let name = usable::name(name)?;
        if let Some(holder) = self.by_name.get(&name) {
            return one(Some(holder));
        }
        let id = one(self.by_short_name.get(short(&name)))?;
        let other = self.devices.get(&id)?.identity.sys_name.as_deref()?;
        let other = usable::name(other)?;
        let one_has_no_domain = !name.contains('.') || !other.contains('.');
        one_has_no_domain.then_some(id)
    }
}

fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn hold<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Holder>, key: K, id: DeviceId) {
    map.entry(key)
        .and_modify(|holder| {
            if *holder != Holder::One(id) {
                *holder = Holder::Several;
            }
        })
        .or_insert(Holder::One(id));
}

fn one(holder: Option<&Holder>) -> Option<DeviceId> {
    match holder {
        Some(Holder::One(id)) => Some(*id),
        _ => None,
    }
}
