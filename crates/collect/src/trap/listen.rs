//! The sockets that notifications come to, and what is counted of them.

use super::kind::{self, Kind};
use super::port::{self, Port};
use super::refusal::Refusals;
use super::repeat::{InformKey, Known, Repeats};
use crate::pace::{Lane, Pace, Refusal};
use crate::udp::{BoundSocket, Datagram, Door, Inbox};
use bytes::Bytes;
use model::{Clock, CredentialId, Timestamp};
use snmp::{Credentials, LocalEngine, Notification, Outcome, Receiver, Rejection};
use std::collections::BTreeMap;
use std::hash::RandomState;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Datagrams that are taken in in one turn, before others are let in: some milliseconds of ciphers.
const TURN_MAX: usize = 64;
/// Seconds of its rate that a sender may send at once: a chassis that restarts sends a trap a port.
const BURST_SECS: u32 = 20;

/// How the listener works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapOptions {
    /// Datagrams a second that one sender may send.
    pub per_source_rate_max: u32,
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
    /// Answers. Where the kernel has no room for the answer it is lost, and the inform comes again.
    pub fn send(mut self) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        {
            let mut hearing = self.shared.lock();
            hearing.repeats.answered(&self.key);
            hearing.stats.informs_answered += 1;
        }
        if let Err(error) = self.socket.send_to(&reply, self.key.source) {
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
    /// Datagrams that were dropped because those before, of their sender, were not taken in yet.
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
    gate: Gate,
    hearing: Mutex<Hearing>,
    clock: Clock,
    begun: Instant,
    hasher: RandomState,
    reports: mpsc::Sender<TrapReport>,
}

/// What is asked before a datagram waits to be taken in. Apart from the rest, so that the socket is
/// drained while ciphers are at work.
struct Gate {
    pace: Mutex<Pace>,
    datagrams: AtomicU64,
    over_rate: AtomicU64,
    over_sources: AtomicU64,
    queue_full: AtomicU64,
}

/// What all sockets share. Held for the time that one datagram takes, never across an await.
struct Hearing {
    receiver: Receiver,
    /// In the order in which the receiver has their credentials.
    credentials: Vec<CredentialId>,
    repeats: Repeats,
    refusals: Refusals,
    stats: TrapStats,
}

impl TrapListener {
    /// Listens at sockets as an engine. What is believed leaves by `reports`; where that is full
    /// datagrams wait at the socket within a bound for each sender, and beyond it are dropped and counted.
    /// An error where the system gives no thread. Call within a tokio runtime.
    pub fn start(
        options: TrapOptions,
        engine: LocalEngine,
        sockets: Vec<BoundSocket>,
        clock: Clock,
        reports: mpsc::Sender<TrapReport>,
        cancel: &CancellationToken,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            gate: Gate {
                pace: Mutex::new(Pace::new(options.per_source_rate_max, BURST_SECS)),
                datagrams: AtomicU64::new(0),
                over_rate: AtomicU64::new(0),
                over_sources: AtomicU64::new(0),
                queue_full: AtomicU64::new(0),
            },
            hearing: Mutex::new(Hearing {
                receiver: Receiver::new(engine),
                credentials: Vec::new(),
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
            let socket = Arc::new(bound.to_answer_from()?);
            let inbox = bound.listen(Arc::clone(&shared), shared.clock.clone(), cancel)?;
            let (shared, cancel) = (Arc::clone(&shared), cancel.clone());
            tasks.spawn(receive(shared, inbox, socket, cancel));
        }
        Ok(Self {
            shared,
            addresses,
            tasks: tokio::sync::Mutex::new(tasks),
        })
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
        let gate = &self.shared.gate;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrapStats {
            datagrams: get(&gate.datagrams),
            over_rate: get(&gate.over_rate),
            over_sources: get(&gate.over_sources),
            queue_full: get(&gate.queue_full),
            sources: gate.pace().sources(),
            ..self.shared.lock().stats.clone()
        }
    }

    /// Waits until it has ended; comes back only after it was cancelled.
    pub async fn join(&self) {
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }
}

async fn receive(
    shared: Arc<Shared>,
    mut inbox: Inbox,
    socket: Arc<UdpSocket>,
    cancel: CancellationToken,
) {
    while let Some(lot) = inbox.next(TURN_MAX).await {
        for datagram in lot {
            let room = tokio::select! {
                biased;
                room = shared.reports.reserve() => room,
                () = cancel.cancelled() => return,
            };
            let Ok(room) = room else { return };
            if let Some(reply) = hear(&shared, &socket, &datagram, room)
                && let Err(error) = socket.send_to(&reply, datagram.source)
            {
                tracing::debug!(%error, "a sender of informs could not be answered");
            }
        }
    }
}

/// Takes in one datagram, where there is room for what it says; what is to be sent back at once.
fn hear(
    shared: &Arc<Shared>,
    socket: &Arc<UdpSocket>,
    datagram: &Datagram,
    room: mpsc::Permit<'_, TrapReport>,
) -> Option<Bytes> {
    let (elapsed, source) = (shared.begun.elapsed(), datagram.source);
    let address = source.ip().to_canonical();
    let mut hearing = shared.lock();
    let taken = hearing.receiver.take(&datagram.octets, elapsed);
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
    hearing.stats.accepted += 1;
    drop(hearing);
    room.send(TrapReport {
        at: datagram.at,
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
    });
    None
}

impl Door for Shared {
    fn admit(&self, source: IpAddr) -> Option<Lane> {
        let gate = &self.gate;
        gate.datagrams.fetch_add(1, Ordering::Relaxed);
        let over = match gate.pace().admit(source, self.begun.elapsed()) {
            Ok(lane) => return Some(lane),
            Err(Refusal::TooMany) => &gate.over_rate,
            Err(Refusal::TooManyStrangers) => &gate.over_sources,
        };
        over.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn found_no_room(&self, datagrams: u64) {
        self.gate.queue_full.fetch_add(datagrams, Ordering::Relaxed);
    }
}

impl Gate {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
