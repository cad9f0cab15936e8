//! One UDP socket an address family for all devices, and whose answer each datagram is.
//!
//! async-snmp has a shared transport of its own; this one stands in its place because it knows which
//! device a stray, late or damaged datagram came from, so that it is counted against that device.
//! The protocol itself stays async-snmp's: see [`link`].

pub(crate) mod ledger;
pub(crate) mod link;
mod socket;

use crate::error::TransportError;
use async_snmp::EngineCache;
use socket::Socket;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinHandle;

/// SNMPv3 engines remembered: a device each, with room for discoveries besides.
const ENGINES_MAX: usize = 65_536;

/// The sockets that all devices are asked from. Clones share them.
///
/// The sockets close and their tasks end when the last clone and the last session are dropped.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    v4: Option<Arc<Socket>>,
    v6: Option<Arc<Socket>>,
    engines: Arc<EngineCache>,
    receivers: Vec<JoinHandle<()>>,
}

/// Datagrams that reached no session, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportStats {
    /// Datagrams received.
    pub datagrams: u64,
    /// Of these, the ones from an address that no session asks.
    pub from_strangers: u64,
    /// Of these, the ones dropped because a request already held its fill of candidates.
    pub overflowed: u64,
}

impl Transport {
    /// Binds the sockets, each to a port of the system's choosing. Call within a tokio runtime.
    ///
    /// A machine without IPv6 (or without IPv4) has the other socket alone.
    pub fn bind() -> Result<Self, TransportError> {
        let v4 = Socket::bind((Ipv4Addr::UNSPECIFIED, 0).into());
        let v6 = Socket::bind((Ipv6Addr::UNSPECIFIED, 0).into());
        let (v4, v6) = match (v4, v6) {
            (Err(source), Err(_)) => return Err(TransportError::Bind { source }),
            (v4, v6) => (v4.ok().map(Arc::new), v6.ok().map(Arc::new)),
        };
        let receivers = [&v4, &v6]
            .into_iter()
            .flatten()
            .map(|socket| tokio::spawn(Arc::clone(socket).receive()))
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                v4,
                v6,
                engines: Arc::new(EngineCache::new().with_max_capacity(ENGINES_MAX)),
                receivers,
            }),
        })
    }

    /// Where its sockets are bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let sockets = [&self.inner.v4, &self.inner.v6].into_iter().flatten();
        sockets.filter_map(|socket| socket.local_addr()).collect()
    }

    /// What reached no session.
    pub fn stats(&self) -> TransportStats {
        let sockets = || [&self.inner.v4, &self.inner.v6].into_iter().flatten();
        let sum = |counter: fn(&Socket) -> u64| sockets().map(|socket| counter(socket)).sum();
        TransportStats {
            datagrams: sum(|socket| socket.datagrams.load(Ordering::Relaxed)),
            from_strangers: sum(|socket| socket.from_strangers.load(Ordering::Relaxed)),
            overflowed: sum(|socket| socket.overflowed.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn engines(&self) -> Arc<EngineCache> {
        Arc::clone(&self.inner.engines)
    }

    fn socket_for(&self, agent: SocketAddr) -> io::Result<Arc<Socket>> {
        let socket = match agent {
            SocketAddr::V4(_) => &self.inner.v4,
            SocketAddr::V6(_) => &self.inner.v6,
        };
        socket.clone().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "this machine has no socket of that address family",
            )
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for receiver in &self.receivers {
            receiver.abort();
        }
    }
}
