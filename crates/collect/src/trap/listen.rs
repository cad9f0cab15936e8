//! The sockets that notifications come to, and what is counted of them.

use super::kind::{self, Kind};
use super::port::{self, Port};
use super::refusal::Refusals;
use super::repeat::{InformKey, Known, Repeats};
use crate::pace::{Admission, Pace};
use crate::udp;
use bytes::Bytes;
use model::{Clock, CredentialId, Timestamp};
use snmp::{Credentials, LocalEngine, Notification, Outcome, Receiver, Rejection};
use std::collections::BTreeMap;
use std::hash::RandomState;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The largest UDP datagram there can be: a datagram is never cut, and never sizes the buffer.
const DATAGRAM_LEN_MAX: usize = 65_535;
/// Octets the kernel may hold for us while one is worked on. It grants what net.core.rmem_max allows.
const RECEIVE_BUFFER_OCTETS: usize = 4 * 1024 * 1024;
/// Seconds of its rate that a sender may send at once: a chassis that restarts sends a trap a port.
const BURST_SECS: u32 = 20;
/// Rest after a failed receive, so that a broken socket does not spin.
const RECEIVE_PAUSE: Duration = Duration::from_millis(50);

/// How the listener works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapOptions {
    /// Datagrams a second that one sender may send.
    pub per_source_rate_max: u32,
}

/// A socket that is bound and not listened at yet.
pub struct BoundSocket {
    socket: UdpSocket,
    address: SocketAddr,
}

impl BoundSocket {
    /// Binds an address. Call within a tokio runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = udp::bind(address, RECEIVE_BUFFER_OCTETS)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it is bound; the port that was taken where none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A notification that is believed.
pub struct TrapReport {
    /// When it came.
    pub at: Timestamp,
    /// Who sent it.
    pub source: SocketAddr,
    /// What it says.
    pub notification: Notification,
    /// What it was believed by.
    pub credential_id: CredentialId,
    /// Its kind, where that is known.
    pub kind: Option<Kind>,
    /// The interface that it is about.
    pub port: Option<Port>,
    /// How an inform is answered; none of a trap.
    pub acknowledgement: Option<Acknowledgement>,
}

/// The answer that an inform waits for. To be sent once it is kept; dropped unsent, the inform is
/// taken for new when it comes again.
pub struct Acknowledgement {
    shared: Arc<Shared>,
    socket: Arc<UdpSocket>,
    key: InformKey,
    reply: Option<Bytes>,
}

impl Acknowledgement {
    /// Answers.
    pub async fn send(mut self) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        {
            let mut hearing = self.shared.lock();
            hearing.repeats.answered(&self.key);
            hearing.stats.informs_answered += 1;
        }
        if let Err(error) = self.socket.send_to(&reply, self.key.source).await {
            tracing::debug!(%error, "an inform could not be answered");
        }
    }
}

impl Drop for Acknowledgement {
    fn drop(&mut self) {
        if self.reply.is_some() {
            self.shared.lock().repeats.forget(&self.key);
        }
    }
}

/// What the listener has counted since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrapStats {
    /// Datagrams that came.
    pub datagrams: u64,
    /// Notifications that were believed and told.
    pub accepted: u64,
    /// Datagrams that were refused, by why.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Datagrams of senders that sent more than their share.
    pub over_rate: u64,
    /// Datagrams of senders beyond the bound on senders, of which together more came than of one.
    pub over_sources: u64,
    /// Notifications that were dropped because those before were not taken in yet.
    pub queue_full: u64,
    /// Informs that came again.
    pub informs_repeated: u64,
    /// Informs that were answered.
    pub informs_answered: u64,
    /// Senders of informs that asked who we are.
    pub discoveries: u64,
    /// Values against the rules that could be read, and objects beyond the bound.
    pub defects: u64,
    /// Senders that have a share of their own now.
    pub sources: usize,
}

/// Listens until it is cancelled or dropped.
pub struct TrapListener {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    // Owns the tasks.
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

struct Shared {
    hearing: Mutex<Hearing>,
    clock: Clock,
    begun: Instant,
    hasher: RandomState,
    reports: mpsc::Sender<TrapReport>,
}

/// What all sockets share. Held for the time that one datagram takes, never across an await.
struct Hearing {
    receiver: Receiver,
    /// In the order in which the receiver has their credentials.
    credentials: Vec<CredentialId>,
    pace: Pace,
    repeats: Repeats,
    refusals: Refusals,
    stats: TrapStats,
}

impl TrapListener {
    /// Listens at sockets as an engine. What is believed leaves by `reports`; where that is full it
    /// is dropped and counted, for who sends does not wait. Call within a tokio runtime.
    pub fn start(
        options: TrapOptions,
        engine: LocalEngine,
        sockets: Vec<BoundSocket>,
        clock: Clock,
        reports: mpsc::Sender<TrapReport>,
        cancel: &CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            hearing: Mutex::new(Hearing {
                receiver: Receiver::new(engine),
                credentials: Vec::new(),
                pace: Pace::new(options.per_source_rate_max, BURST_SECS),
                repeats: Repeats::default(),
                refusals: Refusals::default(),
                stats: TrapStats::default(),
            }),
            clock,
            begun: Instant::now(),
            hasher: RandomState::new(),
            reports,
        });
        let addresses = sockets.iter().map(BoundSocket::address).collect();
        let mut tasks = JoinSet::new();
        for bound in sockets {
            let shared = Arc::clone(&shared);
            let cancel = cancel.clone();
            tasks.spawn(async move {
                cancel
                    .run_until_cancelled(receive(shared, Arc::new(bound.socket)))
                    .await;
            });
        }
        Self {
            shared,
            addresses,
            tasks: tokio::sync::Mutex::new(tasks),
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whom to believe from now on.
    pub fn believe(&self, credentials: Vec<(CredentialId, Arc<Credentials>)>) {
        let (ids, credentials): (Vec<_>, Vec<_>) = credentials.into_iter().unzip();
        let mut hearing = self.shared.lock();
        hearing.receiver.believe(credentials);
        hearing.credentials = ids;
    }

    /// What it has counted.
    pub fn stats(&self) -> TrapStats {
        let hearing = self.shared.lock();
        TrapStats {
            sources: hearing.pace.sources(),
            ..hearing.stats.clone()
        }
    }

    /// Waits until it has ended; comes back only after it was cancelled.
    pub async fn join(&self) {
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }
}

async fn receive(shared: Arc<Shared>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0u8; DATAGRAM_LEN_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let Some(datagram) = buffer.get(..length) else {
                    continue;
                };
                let heard = hear(&shared, &socket, datagram, source);
                if let Some(reply) = heard
                    && let Err(error) = socket.send_to(&reply, source).await
                {
                    tracing::debug!(%error, "a sender of informs could not be answered");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "receiving traps failed");
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
        }
    }
}

/// Takes in one datagram; what is to be sent back at once.
fn hear(
    shared: &Arc<Shared>,
    socket: &Arc<UdpSocket>,
    datagram: &[u8],
    source: SocketAddr,
) -> Option<Bytes> {
    let elapsed = shared.begun.elapsed();
    let address = source.ip().to_canonical();
    let mut hearing = shared.lock();
    hearing.stats.datagrams += 1;
    match hearing.pace.admit(address, elapsed) {
        Admission::Admitted => {}
        Admission::TooMany => {
            hearing.stats.over_rate += 1;
            return None;
        }
        Admission::TooManyStrangers => {
            hearing.stats.over_sources += 1;
            return None;
        }
    }
    let taken = hearing.receiver.take(datagram, elapsed);
    let notification = match taken.outcome {
        Outcome::Notification(notification) => *notification,
        Outcome::Discovery => {
            hearing.stats.discoveries += 1;
            return taken.reply;
        }
        Outcome::Rejected(reason) => {
            hearing.reject(address, reason, elapsed);
            return taken.reply;
        }
    };
    let &credential_id = hearing.credentials.get(notification.credential)?;
    let key = InformKey::of(source, credential_id, &notification, &shared.hasher);
    if let Some(key) = key {
        match hearing.repeats.note(key, elapsed) {
            Known::New => {}
            Known::Pending => {
                hearing.stats.informs_repeated += 1;
                return None;
            }
            Known::Answered => {
                hearing.stats.informs_repeated += 1;
                return taken.reply;
            }
        }
    }
    hearing.stats.defects += notification.defects;
    // Its drop takes the lock.
    drop(hearing);
    let report = TrapReport {
        at: shared.clock.now(),
        source: SocketAddr::new(address, source.port()),
        kind: kind::of(&notification.trap_oid),
        port: port::of(&notification.objects),
        notification,
        credential_id,
        acknowledgement: key.map(|key| Acknowledgement {
            shared: Arc::clone(shared),
            socket: Arc::clone(socket),
            key,
            reply: taken.reply,
        }),
    };
    let told = shared.reports.try_send(report);
    let is_told = told.is_ok();
    drop(told);
    let stats = &mut shared.lock().stats;
    if is_told {
        stats.accepted += 1;
    } else {
        stats.queue_full += 1;
    }
    None
}

impl Hearing {
    fn reject(&mut self, source: IpAddr, reason: Rejection, elapsed: Duration) {
        *self.stats.rejected.entry(reason).or_default() += 1;
        if self.refusals.is_news(source, reason, elapsed) {
            tracing::info!(%source, reason = reason.name(), "a trap was refused");
        }
    }
}

impl Shared {
    // Counters and tables are whole after every statement.
    fn lock(&self) -> MutexGuard<'_, Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
