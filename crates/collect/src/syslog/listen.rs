//! The sockets that lines come to. Each line is read where it arrives, and leaves in batches on a
//! bounded channel.
//!
//! Where the channel is full, what comes by UDP waits in queues that are fair between senders
//! ([`crate::udp`]), and what finds no room there is dropped and counted; over TCP and TLS the sender
//! waits.

use super::frames::Frames;
use super::parse::{Parsed, parse};
use super::source::{Dropped, Sources};
use super::tls::Tls;
use crate::pace::Lane;
use crate::udp::{BoundSocket, Datagram, Door, Inbox};
use model::device::LOCAL_VANTAGE;
use model::log_line::LogTransport;
use model::{Clock, DeviceId, EventId, EventKind, EventRecord, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Lines of one batch.
pub const BATCH_MAX: usize = 256;
/// Connections of all senders, over TCP and TLS together: each has 40 kB.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address: a host that relays for others has a few.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 32;
/// How long the greeting of TLS may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Octets that are read of a connection at a time.
const READ_MAX: usize = 16_384;
/// Pause after a connection could not be accepted, as where the process has no file left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A line that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// When, by this server's clock.
    pub at: Timestamp,
    /// From which address.
    pub source: IpAddr,
    /// What it says.
    pub parsed: Parsed,
}

impl Received {
    /// As it is kept, with the device whose address sent it.
    pub fn into_event(self, device_id: Option<DeviceId>) -> EventRecord {
        let parsed = self.parsed;
        EventRecord {
            id: EventId::received(self.at),
            at: self.at,
            vantage: LOCAL_VANTAGE.to_owned(),
            kind: EventKind::Log,
            device_id,
            interface_id: None,
            source: self.source,
            severity: parsed.severity,
            text: parsed.text,
            // It has no keys that are no strings.
            body: serde_json::to_value(&parsed.line).unwrap_or_default(),
        }
    }
}

/// How lines are received.
#[derive(Clone, Copy, Debug)]
pub struct SyslogOptions {
    /// Lines a second that are taken of one sender; in a burst five times as many.
    pub source_per_sec_max: u32,
    /// How long a connection may bring nothing.
    pub idle_max: Duration,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyslogStats {
    /// Lines that were received: over UDP, TCP, TLS.
    pub received: [u64; 3],
    /// Lines of senders that brought more than one may.
    pub dropped_of_source: u64,
    /// Lines by UDP for which the server had no room.
    pub dropped_full: u64,
    /// Lines without a PRI.
    pub no_priority: u64,
    /// Lines that begin as RFC 5424 and do not go on so.
    pub malformed: u64,
    /// Lines that are no UTF-8.
    pub not_utf8: u64,
    /// Lines that were longer than is read.
    pub cut: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Connections that were refused: too many of one address, or of all.
    pub connections_refused: u64,
    /// Connections that were closed since they brought nothing for long.
    pub connections_idle: u64,
    /// Connections that could not be accepted, or whose TLS failed.
    pub connections_failed: u64,
    /// Senders that are told apart at present, of datagrams and of connections.
    pub sources: u64,
}

#[derive(Default)]
struct Counters {
    received: [AtomicU64; 3],
    dropped_of_source: AtomicU64,
    dropped_full: AtomicU64,
    no_priority: AtomicU64,
    malformed: AtomicU64,
    not_utf8: AtomicU64,
    cut: AtomicU64,
    connections_refused: AtomicU64,
    connections_idle: AtomicU64,
    connections_failed: AtomicU64,
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// The listeners. Cheap to clone; sockets are opened one by one.
#[derive(Clone)]
pub struct Syslog(Arc<Shared>);

struct Shared {
    options: SyslogOptions,
    clock: Clock,
    begun: Instant,
    lines: mpsc::Sender<Vec<Received>>,
    /// Of datagrams, as whose sender anybody may send them, and of connections: what is made up in a
    /// device's name costs nothing that it brings over TLS.
    sources: [Mutex<Sources>; 2],
    connections: Mutex<HashMap<IpAddr, usize>>,
    /// Of all connections one at a time waits for room: beside many that flood, datagrams have every
    /// second batch.
    turn: Semaphore,
    counters: Counters,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Syslog {
    /// No socket is open yet. Lines go to the channel until `stop`; `tasks` owns what runs.
    pub fn new(
        options: SyslogOptions,
        clock: Clock,
        lines: mpsc::Sender<Vec<Received>>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self(Arc::new(Shared {
            sources: [(); 2].map(|()| Mutex::new(Sources::new(options.source_per_sec_max))),
            options,
            clock,
            begun: Instant::now(),
            lines,
            connections: Mutex::default(),
            turn: Semaphore::new(1),
            counters: Counters::default(),
            stop,
            tasks,
        }))
    }

    /// Listens for datagrams; answers where.
    pub fn listen_udp(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = BoundSocket::bind(address)?;
        let bound = socket.address();
        let shared = Arc::clone(&self.0);
        let (door, clock) = (Arc::clone(&self.0), self.0.clock.clone());
        let inbox = socket.listen(door, clock, &self.0.stop)?;
        self.0
            .tasks
            .spawn(async move { shared.datagrams(inbox).await });
        Ok(bound)
    }

    /// Listens for connections, over TLS where it is told how; answers where.
    pub fn listen_tcp(&self, address: SocketAddr, tls: Option<Arc<Tls>>) -> io::Result<SocketAddr> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A server that is started anew need not wait for connections of the one before.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(128)?;
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        let shared = Arc::clone(&self.0);
        self.0
            .tasks
            .spawn(async move { accept(&shared, &listener, tls).await });
        Ok(bound)
    }

    /// Whose lines were dropped since this was asked last, most first.
    pub fn dropped(&self) -> Vec<Dropped> {
        let mut dropped: BTreeMap<_, u64> = BTreeMap::new();
        for sources in &self.0.sources {
            for told in lock(sources).told() {
                *dropped.entry(told.source).or_default() += told.lines;
            }
        }
        let dropped = dropped.into_iter();
        let mut dropped: Vec<_> = dropped
            .map(|(source, lines)| Dropped { source, lines })
            .collect();
        dropped.sort_by_key(|dropped| std::cmp::Reverse(dropped.lines));
        dropped
    }

    /// Counters, for `/metrics`.
    pub fn stats(&self) -> SyslogStats {
        let counters = &self.0.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SyslogStats {
            received: counters.received.each_ref().map(get),
            dropped_of_source: get(&counters.dropped_of_source),
            dropped_full: get(&counters.dropped_full),
            no_priority: get(&counters.no_priority),
            malformed: get(&counters.malformed),
            not_utf8: get(&counters.not_utf8),
            cut: get(&counters.cut),
            connections: self.0.connections().values().sum::<usize>() as u64,
            connections_refused: get(&counters.connections_refused),
            connections_idle: get(&counters.connections_idle),
            connections_failed: get(&counters.connections_failed),
            sources: self
                .0
                .sources
                .each_ref()
                .map(|of| lock(of).count() as u64)
                .iter()
                .sum(),
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line that came; whose it is beside, where its sender may bring one more.
    fn came(&self, (source, transport): (IpAddr, LogTransport)) -> Option<Lane> {
        let [udp, tcp, tls] = &self.counters.received;
        let [of_datagrams, of_connections] = &self.sources;
        let (received, sources) = match transport {
            LogTransport::Udp => (udp, of_datagrams),
            LogTransport::Tcp => (tcp, of_connections),
            LogTransport::Tls => (tls, of_connections),
        };
        add(received, 1);
        let admitted = lock(sources).admit(source, self.begun.elapsed());
        if admitted.is_none() {
            add(&self.counters.dropped_of_source, 1);
        }
        admitted
    }

    /// Reads a line of a connection into a batch, where its sender may bring one more.
    fn line(&self, octets: &[u8], from: (IpAddr, LogTransport), batch: &mut Vec<Received>) {
        if self.came(from).is_some() {
            batch.extend(self.read(octets, from, self.clock.now()));
        }
    }

    /// Reads a line; none where it says nothing.
    fn read(
        &self,
        octets: &[u8],
        (source, transport): (IpAddr, LogTransport),
        at: Timestamp,
    ) -> Option<Received> {
        let counters = &self.counters;
        let parsed = parse(octets, transport, at);
        let defects = parsed.defects;
        for (is, counter) in [
            (defects.no_priority, &counters.no_priority),
            (defects.malformed, &counters.malformed),
            (defects.not_utf8, &counters.not_utf8),
            (defects.cut, &counters.cut),
        ] {
            if is {
                add(counter, 1);
            }
        }
        let is_empty = parsed.text.is_empty() && parsed.line.structured.is_empty();
        (!is_empty).then_some(Received { at, source, parsed })
    }

    async fn datagrams(&self, mut inbox: Inbox) {
        while let Some(lot) = inbox.next(BATCH_MAX).await {
            let lines = lot.iter().filter_map(|datagram| self.datagram(datagram));
            if !self.deliver(lines.collect()).await {
                return;
            }
        }
    }

    fn datagram(&self, Datagram { at, source, octets }: &Datagram) -> Option<Received> {
        let source = source.ip().to_canonical();
        self.read(octets, (source, LogTransport::Udp), *at)
    }

    /// Reads a connection to its end.
    async fn connection(&self, mut stream: impl AsyncRead + Unpin, from: (IpAddr, LogTransport)) {
        let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_MAX]);
        loop {
            let read = timeout(self.options.idle_max, stream.read(&mut buffer));
            let read = tokio::select! {
                () = self.stop.cancelled() => break,
                read = read => read,
            };
            let octets = match read {
                Ok(Ok(length @ 1..)) => buffer.get(..length).unwrap_or_default(),
                Ok(_) => break,
                Err(_) => {
                    add(&self.counters.connections_idle, 1);
                    break;
                }
            };
            let mut batch = Vec::new();
            frames.push(octets, |octets| self.line(octets, from, &mut batch));
            if !self.deliver_in_turn(batch).await {
                return;
            }
        }
        let mut batch = Vec::new();
        frames.finish(|octets| self.line(octets, from, &mut batch));
        self.deliver_in_turn(batch).await;
    }

    /// Waits for the turn of a connection, and for room.
    async fn deliver_in_turn(&self, lines: Vec<Received>) -> bool {
        if lines.is_empty() {
            return true;
        }
        // It is never closed.
        let _turn = self.turn.acquire().await;
        self.deliver(lines).await
    }

    /// Waits for room; false where nobody takes lines any more.
    async fn deliver(&self, mut lines: Vec<Received>) -> bool {
        while !lines.is_empty() {
            let rest = lines.split_off(lines.len().min(BATCH_MAX));
            tokio::select! {
                // What was read before the server stops is still taken, where there is room.
                biased;
                sent = self.lines.send(lines) => if sent.is_err() { return false },
                () = self.stop.cancelled() => return false,
            }
            lines = rest;
        }
        true
    }

    /// Counts one more connection of an address; none where there are too many.
    fn admit(self: &Arc<Self>, source: IpAddr) -> Option<Admitted> {
        let mut connections = self.connections();
        let all: usize = connections.values().sum();
        let own = connections.get(&source).copied().unwrap_or(0);
        if all >= CONNECTIONS_MAX || own >= CONNECTIONS_PER_SOURCE_MAX {
            add(&self.counters.connections_refused, 1);
            return None;
        }
        connections.insert(source, own + 1);
        Some(Admitted {
            shared: Arc::clone(self),
            source,
        })
    }
}

fn lock(sources: &Mutex<Sources>) -> MutexGuard<'_, Sources> {
    sources.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door for Shared {
    fn admit(&self, source: IpAddr) -> Option<Lane> {
        self.came((source, LogTransport::Udp))
    }

    fn found_no_room(&self, datagrams: u64) {
        add(&self.counters.dropped_full, datagrams);
    }
}

/// A connection that is counted for as long as this lives.
struct Admitted {
    shared: Arc<Shared>,
    source: IpAddr,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut connections = self.shared.connections();
        if let Some(count) = connections.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.source);
            }
        }
    }
}

async fn accept(shared: &Arc<Shared>, listener: &TcpListener, tls: Option<Arc<Tls>>) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            add(&shared.counters.connections_failed, 1);
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(admitted) = shared.admit(from.ip().to_canonical()) else {
            continue;
        };
        let tls = tls.clone();
        shared
            .tasks
            .spawn(async move { serve(admitted, stream, tls).await });
    }
}

async fn serve(admitted: Admitted, stream: TcpStream, tls: Option<Arc<Tls>>) {
    let (shared, source) = (&admitted.shared, admitted.source);
    let Some(tls) = tls else {
        return shared.connection(stream, (source, LogTransport::Tcp)).await;
    };
    let greeted = tokio::select! {
        () = shared.stop.cancelled() => return,
        greeted = timeout(HANDSHAKE_MAX, greet(tls, stream)) => greeted,
    };
    match greeted {
        Ok(Ok(stream)) => shared.connection(stream, (source, LogTransport::Tls)).await,
        _ => add(&shared.counters.connections_failed, 1),
    }
}

async fn greet(tls: Arc<Tls>, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let config = tokio::task::spawn_blocking(move || tls.current()).await?;
    TlsAcceptor::from(config).accept(stream).await
}
