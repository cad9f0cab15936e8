//! One UDP socket, the requests that wait on it, and the sessions that ask from it.

use super::ledger::Ledger;
use crate::defects::Defect;
use crate::envelope::envelope;
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// The largest UDP datagram there can be: a datagram is never cut, and never sizes the buffer.
const DATAGRAM_LEN_MAX: usize = 65_535;
/// Bytes the kernel may hold for us: 10,000 devices polled at once answer in bursts. The kernel
/// grants what net.core.rmem_max allows.
const RECEIVE_BUFFER_LEN: usize = 4 * 1024 * 1024;
/// Datagrams that one request holds until it looks at them. More than one means retransmissions,
/// repeats or forgeries.
pub(super) const CANDIDATES_MAX: usize = 8;
/// Pause after a failed receive, so that a broken socket does not spin.
const RECEIVE_PAUSE: Duration = Duration::from_millis(50);

pub(super) type Candidate = (Bytes, SocketAddr);

pub(crate) struct Socket {
    udp: UdpSocket,
    waiting: Mutex<HashMap<i32, mpsc::Sender<Candidate>>>,
    // By address without scope and flow: the latest session to each.
    agents: Mutex<HashMap<SocketAddr, Weak<Ledger>>>,
    pub(super) datagrams: AtomicU64,
    pub(super) from_strangers: AtomicU64,
    pub(super) overflowed: AtomicU64,
}

impl Socket {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket =
            socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A smaller buffer loses bursts and works otherwise.
        if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN) {
            tracing::debug!(%error, "the receive buffer keeps its default size");
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self {
            udp: UdpSocket::from_std(socket.into())?,
            waiting: Mutex::default(),
            agents: Mutex::default(),
            datagrams: AtomicU64::new(0),
            from_strangers: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        })
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        self.udp.local_addr().ok()
    }

    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        self.udp.send_to(datagram, to).await.map(|_| ())
    }

    /// Hands every datagram to who waits for it, for as long as the transport lives.
    pub(super) async fn receive(self: Arc<Self>) {
        let mut buffer = vec![0u8; DATAGRAM_LEN_MAX];
        loop {
            match self.udp.recv_from(&mut buffer).await {
                Ok((length, source)) => {
                    self.datagrams.fetch_add(1, Ordering::Relaxed);
                    if let Some(datagram) = buffer.get(..length) {
                        self.deliver(datagram, source);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "receiving from the SNMP socket failed");
                    tokio::time::sleep(RECEIVE_PAUSE).await;
                }
            }
        }
    }

    fn deliver(&self, datagram: &[u8], source: SocketAddr) {
        let Some(envelope) = envelope(datagram) else {
            return self.blame(source, Defect::MalformedAnswer);
        };
        let waiting = lock(&self.waiting).get(&envelope.id).cloned();
        match waiting {
            None => self.blame(source, Defect::AnswerToAnotherRequest),
            Some(waiting) => {
                if waiting
                    .try_send((Bytes::copy_from_slice(datagram), source))
                    .is_err()
                {
                    self.overflowed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn blame(&self, source: SocketAddr, defect: Defect) {
        let ledger = lock(&self.agents)
            .get(&plain(source))
            .and_then(Weak::upgrade);
        match ledger {
            Some(ledger) => ledger.add(defect),
            None => {
                self.from_strangers.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn register(
        self: &Arc<Self>,
        ids: Vec<i32>,
    ) -> Result<(Registration, mpsc::Receiver<Candidate>), i32> {
        let (sender, receiver) = mpsc::channel(CANDIDATES_MAX);
        let mut waiting = lock(&self.waiting);
        if let Some(&taken) = ids.iter().find(|id| waiting.contains_key(id)) {
            return Err(taken);
        }
        for &id in &ids {
            waiting.insert(id, sender.clone());
        }
        drop(waiting);
        let socket = Arc::clone(self);
        Ok((Registration { socket, ids }, receiver))
    }

    pub(super) fn enlist(&self, agent: SocketAddr, ledger: &Arc<Ledger>) {
        lock(&self.agents).insert(plain(agent), Arc::downgrade(ledger));
    }

    pub(super) fn delist(&self, agent: SocketAddr, ledger: &Arc<Ledger>) {
        let mut agents = lock(&self.agents);
        let ours = agents
            .get(&plain(agent))
            .is_some_and(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(ledger)));
        if ours {
            agents.remove(&plain(agent));
        }
    }
}

/// Takes a request's ids off the list when it is over, however it ends.
pub(super) struct Registration {
    socket: Arc<Socket>,
    ids: Vec<i32>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut waiting = lock(&self.socket.waiting);
        for id in &self.ids {
            waiting.remove(id);
        }
    }
}

/// An address by which a sender is known again: the kernel fills in scope and flow as it likes.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

// The maps are whole after every statement, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
