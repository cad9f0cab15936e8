//! Which device sent something by itself (a trap, a line of a log, flows), and which of its interfaces
//! a trap is about.

use crate::usable;
use model::device::{Device, Identity};
use model::interface::Interface;
use model::{DeviceId, InterfaceId};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a message tells of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// snmpEngineID, where it was authenticated.
    pub engine_id: Option<&'a [u8]>,
    /// The address that it names as its maker's: agent-addr, snmpTrapAddress.
    pub named: Option<IpAddr>,
    /// Where it came from.
    pub source: IpAddr,
}

/// By what a sender was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its engine id.
    EngineId,
    /// The address that the message names.
    NamedAddress,
    /// The address that the message came from.
    SourceAddress,
}

impl KnownBy {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::EngineId => "engine_id",
            Self::NamedAddress => "named_address",
            Self::SourceAddress => "source_address",
        }
    }
}

/// Devices of one address that are told apart by name. Only simulated ones share an address so.
const SHARED_MAX: usize = 64;

/// Who has a value that one device should have.
#[derive(Clone, PartialEq, Eq)]
enum Holder {
    One(DeviceId),
    /// The first [`SHARED_MAX`] of them.
    Several(Vec<DeviceId>),
}

/// sysName and the name that was typed, in small letters.
type Names = [Option<String>; 2];

/// Devices by what messages tell of their senders. Built from a snapshot; to be built anew when
/// devices came, went or changed.
#[derive(Default)]
pub struct Senders {
    engines: HashMap<Vec<u8>, Holder>,
    /// Where devices are asked.
    asked_at: HashMap<IpAddr, Holder>,
    /// Their other addresses.
    own_addresses: HashMap<IpAddr, Holder>,
    /// Of devices that share an address.
    names: HashMap<DeviceId, Names>,
}

impl Senders {
    /// Indexes devices.
    pub fn new<'a>(devices: impl IntoIterator<Item = &'a Device>) -> Self {
        let mut senders = Self::default();
        let devices: Vec<&Device> = devices.into_iter().collect();
        for device in &devices {
            senders.add(device.id, device.socket(), &device.identity);
        }
        let holders = senders
            .asked_at
            .values()
            .chain(senders.own_addresses.values());
        let shared = holders.filter_map(|holder| match holder {
            Holder::Several(ids) => Some(ids),
            Holder::One(_) => None,
        });
        let shared: HashSet<DeviceId> = shared.flatten().copied().collect();
        for device in devices {
            if shared.contains(&device.id) {
                let names = [&device.identity.sys_name, &device.typed.name];
                let names = names.map(|name| name.as_deref().map(fold));
                senders.names.insert(device.id, names);
            }
        }
        senders
    }

    fn add(&mut self, id: DeviceId, socket: SocketAddr, identity: &Identity) {
        let engine = identity.engine_id.as_deref().and_then(usable::engine_id);
        if let Some(engine) = engine.and_then(|engine| octets(&engine)) {
            hold(&mut self.engines, engine, id);
        }
        hold(&mut self.asked_at, socket.ip().to_canonical(), id);
        // Each has the loopback addresses; only one that is asked there is meant by them.
        let own = identity.addresses.iter().map(IpAddr::to_canonical);
        for address in own.filter(|address| !address.is_loopback() && !address.is_unspecified()) {
            hold(&mut self.own_addresses, address, id);
        }
    }

    /// The device that a message is from; none where that is not known, or several could be it. An
    /// engine id goes before addresses, and the address that is named before that of whoever
    /// passed the message on, where it is one that a device is known by beyond its own wire.
    pub fn find(&self, claims: &Claims<'_>) -> Option<(DeviceId, KnownBy)> {
        let by_engine = claims.engine_id.and_then(|id| one(self.engines.get(id)));
        if let Some(id) = by_engine {
            return Some((id, KnownBy::EngineId));
        }
        let source = claims.source.to_canonical();
        let named = claims.named.map(|address| address.to_canonical());
        // Simulated devices are on loopback, and name it; another machine that does means itself.
        let named = named.filter(|address| source.is_loopback() || tells_a_device(*address));
        let named = named.and_then(|address| self.at(address, None));
        if let Some(id) = named {
            return Some((id, KnownBy::NamedAddress));
        }
        self.at(source, None).map(|id| (id, KnownBy::SourceAddress))
    }

    /// The device that is asked at an address, or else has it on an interface. Where several are, the
    /// one that is called as the sender calls its host, if it does; none where that does not decide.
    pub fn at(&self, address: IpAddr, host: Option<&str>) -> Option<DeviceId> {
        let address = address.to_canonical();
        let holder = self
            .asked_at
            .get(&address)
            .or_else(|| self.own_addresses.get(&address))?;
        match holder {
            Holder::One(id) => Some(*id),
            Holder::Several(ids) => self.called(ids, host?),
        }
    }

    /// The one of several devices that has a name: all of it, else its first part where either is
    /// without a domain.
    fn called(&self, ids: &[DeviceId], host: &str) -> Option<DeviceId> {
        let host = fold(host);
        let having = |is_it: &dyn Fn(&str) -> bool| -> Vec<DeviceId> {
            let has = |id: &DeviceId| {
                let names = self.names.get(id);
                names.is_some_and(|names| names.iter().flatten().any(|name| is_it(name)))
            };
            ids.iter().copied().filter(has).collect()
        };
        let mut found = having(&|name| name == host);
        if found.is_empty() && host.parse::<IpAddr>().is_err() {
            let has_domain = |name: &str| name.contains('.');
            found = having(&|name| {
                !(has_domain(&host) && has_domain(name)) && short(name) == short(&host)
            });
        }
        match found.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// Whether an address that a message names can be that of one device: others have the same loopback
/// and link-local addresses.
fn tells_a_device(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(is_link_local || address.is_loopback() || address.is_multicast() || address.is_unspecified())
}

fn fold(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// A name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What a message says of an interface.
#[derive(Clone, Copy, Debug, Default)]
pub struct PortClues<'a> {
    /// ifIndex.
    pub index: Option<u32>,
    /// ifName.
    pub name: Option<&'a str>,
    /// ifDescr.
    pub description: Option<&'a str>,
}

/// The interface that a message is about. A name goes before an index, for an agent that has begun
/// anew may have other indexes than at the last poll.
pub fn interface(interfaces: &[Arc<Interface>], clues: PortClues<'_>) -> Option<InterfaceId> {
    let only = |is_it: &dyn Fn(&Interface) -> bool| {
        let mut found = interfaces.iter().filter(|row| row.present && is_it(row));
        match (found.next(), found.next()) {
            (Some(row), None) => Some(row.id),
            _ => None,
        }
    };
    let named = |name: Option<&str>| {
        let name = name?;
        only(&|row| row.name == name)
            .or_else(|| only(&|row| row.description.as_deref() == Some(name)))
    };
    named(clues.name)
        .or_else(|| named(clues.description))
        .or_else(|| {
            let index = clues.index?;
            only(&|row| row.index == index)
        })
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok())?
        })
        .collect()
}

fn hold<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Holder>, key: K, id: DeviceId) {
    match map.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(Holder::One(id));
        }
        Entry::Occupied(mut occupied) => match occupied.get_mut() {
            Holder::One(first) if *first == id => {}
            Holder::One(first) => {
                let both = vec![*first, id];
                occupied.insert(Holder::Several(both));
            }
            Holder::Several(ids) => {
                if ids.len() < SHARED_MAX && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        },
    }
}

fn one(holder: Option<&Holder>) -> Option<DeviceId> {
    match holder {
        Some(Holder::One(id)) => Some(*id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
