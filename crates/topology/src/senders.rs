//! Which device sent a message by itself (a trap), and which of its interfaces the message is about.

use crate::usable;
use model::device::{Device, Identity};
use model::interface::Interface;
use model::{DeviceId, InterfaceId};
use std::collections::HashMap;
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

/// A value that one device has, or several: then it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    One(DeviceId),
    Several,
}

/// Devices by what messages tell of their senders. Built from a snapshot; to be built anew when
/// devices came, went or changed.
#[derive(Default)]
pub struct Senders {
    engines: HashMap<Vec<u8>, Holder>,
    /// Where devices are asked.
    asked_at: HashMap<IpAddr, Holder>,
    /// Their other addresses.
    own_addresses: HashMap<IpAddr, Holder>,
}

impl Senders {
    /// Indexes devices.
    pub fn new<'a>(devices: impl IntoIterator<Item = &'a Device>) -> Self {
        let mut senders = Self::default();
        for device in devices {
            senders.add(device.id, device.socket(), &device.identity);
        }
        senders
    }

    fn add(&mut self, id: DeviceId, socket: SocketAddr, identity: &Identity) {
        let engine = identity.engine_id.as_deref().and_then(usable::engine_id);
        if let Some(engine) = engine.and_then(|engine| octets(&engine)) {
            hold(&mut self.engines, engine, id);
        }
        hold(&mut self.asked_at, socket.ip().to_canonical(), id);
        let own = identity.addresses.iter().map(IpAddr::to_canonical);
        for address in own.filter(|address| !address.is_loopback() && !address.is_unspecified()) {
            hold(&mut self.own_addresses, address, id);
        }
    }

    /// The device that a message is from; none where that is not known, or several could be it. An
    /// engine id goes before addresses, and the address that is named before that of whoever
    /// passed the message on.
    pub fn find(&self, claims: &Claims<'_>) -> Option<(DeviceId, KnownBy)> {
        let by_engine = claims.engine_id.and_then(|id| one(self.engines.get(id)));
        if let Some(id) = by_engine {
            return Some((id, KnownBy::EngineId));
        }
        let named = claims.named.and_then(|address| self.at(address));
        if let Some(id) = named {
            return Some((id, KnownBy::NamedAddress));
        }
        self.at(claims.source)
            .map(|id| (id, KnownBy::SourceAddress))
    }

    fn at(&self, address: IpAddr) -> Option<DeviceId> {
        let address = address.to_canonical();
        match self.asked_at.get(&address) {
            Some(holder) => one(Some(holder)),
            None => one(self.own_addresses.get(&address)),
        }
    }
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

#[cfg(test)]
mod tests;
