//! One ICMP socket and the table of replies that are awaited on it.
//!
//! One thread sends and reads, many packets at a time, and stamps each request and reply, so that a
//! busy caller does not make a round trip look longer. Nobody else waits at the socket: a worker of
//! the callers' runtime would be woken by every reply, which costs as much as the reply. Replies are matched on
//! sequence and address: on datagram sockets the kernel replaces the identifier by one of its own.

use super::batch::{self, BATCH_MAX, Incoming, Outgoing};
use super::packet::{self, Wire};
use super::{Echo, Echoes};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

/// Requests in flight on one socket. A reply takes some 768 octets of the receive buffer whatever
/// its length, and Linux by default grants 416 KiB at most: so many fit even when all come at once
/// and the reader is late.
const IN_FLIGHT_MAX: usize = 512;
/// Octets of receive buffer that we ask for; the kernel cuts it to what it allows.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;
/// Name of the threads.
const THREAD: &str = "icmp";
/// How long the reader rests after an error that may come again at once.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Why ICMP cannot be used here; Display is the sentence that an operator reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Neither kind of socket is allowed.
    #[error(
        "ICMP is not permitted: this process is in no group of net.ipv4.ping_group_range and has \
         no CAP_NET_RAW. Run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or grant the \
         capability."
    )]
    NotPermitted,
    /// The machine does not speak this family.
    #[error("{family} is not available on this machine.")]
    NoFamily { family: Family },
    /// Anything else.
    #[error("ICMP over {family} could not be opened: {source}.")]
    Socket {
        family: Family,
        #[source]
        source: io::Error,
    },
}

/// A request under way.
struct Pending {
    address: IpAddr,
    sent: Instant,
    round_trip: oneshot::Sender<Duration>,
}

/// Requests under way by their sequence number.
type Waiting = Arc<Mutex<HashMap<u16, Pending>>>;

/// A socket with the thread that sends and reads.
pub(super) struct Engine {
    next_sequence: AtomicU16,
    waiting: Waiting,
    // The thread at the socket ends with this.
    requests: mpsc::Sender<u16>,
    places: Semaphore,
}

impl Engine {
    /// Opens a datagram socket, else a raw one.
    pub(super) fn open(family: Family) -> Result<Self, OpenError> {
        let identifier = rand::random();
        let (socket, wire) = match socket(family, Type::DGRAM) {
            Ok(socket) => (socket, datagram(family)),
            Err(first) => match socket(family, Type::RAW) {
                Ok(socket) => {
                    hear_only(&socket, family, identifier);
                    (socket, raw(family))
                }
                Err(second) => return Err(reason(family, &first, second)),
            },
        };
        let io = |source| OpenError::Socket { family, source };
        let waiting = Waiting::default();
        let (requests, asked) = mpsc::channel(IN_FLIGHT_MAX);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(io)?;
        let line = Line {
            socket: {
                let _here = runtime.enter();
                UdpSocket::from_std(socket.into()).map_err(io)?
            },
            wire,
            identifier,
            waiting: Arc::clone(&waiting),
        };
        let thread = thread::Builder::new().name(THREAD.to_owned());
        thread
            .spawn(move || runtime.block_on(line.run(asked)))
            .map_err(io)?;
        Ok(Self {
            next_sequence: AtomicU16::new(rand::random()),
            waiting,
            requests,
            places: Semaphore::new(IN_FLIGHT_MAX),
        })
    }

    /// Sends `echoes.count` requests a gap apart, then waits for what is still to come.
    pub(super) async fn ping(&self, address: IpAddr, echoes: Echoes) -> Echo {
        let mut awaited: Vec<Awaited> = Vec::with_capacity(usize::from(echoes.count));
        let places = u32::from(echoes.count);
        // All places at once: taken one by one, many pings could each hold one and wait for ever.
        let _places = self.places.acquire_many(places).await;
        for n in 0..echoes.count {
            match awaited.last_mut().filter(|_| echoes.one_reply_is_enough) {
                Some(first) => {
                    if let Some(rtt) = first.by(Instant::now() + echoes.gap).await {
                        return Echo::of(n, &[rtt]);
                    }
                }
                None if n > 0 => sleep(echoes.gap).await,
                None => {}
            }
            awaited.extend(self.send(address, echoes.timeout).await);
        }
        let mut round_trips = Vec::with_capacity(awaited.len());
        for mut reply in awaited {
            let until = reply.until;
            if let Some(rtt) = reply.by(until).await {
                round_trips.push(rtt);
                if echoes.one_reply_is_enough {
                    break;
                }
            }
        }
        Echo::of(echoes.count, &round_trips)
    }

    /// Has one request sent; none where there is no more of this engine.
    async fn send(&self, address: IpAddr, wait: Duration) -> Option<Awaited<'_>> {
        let (sequence, round_trip) = self.expect(address)?;
        let awaited = Awaited {
            waiting: &self.waiting,
            sequence,
            until: Instant::now() + wait,
            round_trip,
            came: false,
        };
        self.requests.send(sequence).await.ok()?;
        Some(awaited)
    }

    /// Books the next sequence number that is free. With at most [`IN_FLIGHT_MAX`] requests in
    /// flight the first or second try finds one.
    fn expect(&self, address: IpAddr) -> Option<(u16, oneshot::Receiver<Duration>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..=IN_FLIGHT_MAX {
            let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
            if let Entry::Vacant(place) = waiting.entry(sequence) {
                let (tell, round_trip) = oneshot::channel();
                place.insert(Pending {
                    address,
                    sent: Instant::now(),
                    round_trip: tell,
                });
                return Some((sequence, round_trip));
            }
        }
        None
    }
}

/// A reply that is waited for; the place in the table is given back when this is dropped.
struct Awaited<'a> {
    waiting: &'a Waiting,
    sequence: u16,
    until: Instant,
    round_trip: oneshot::Receiver<Duration>,
    came: bool,
}

impl Awaited<'_> {
    /// The round trip, where the reply comes by then.
    async fn by(&mut self, at: Instant) -> Option<Duration> {
        let round_trip = timeout_at(at, &mut self.round_trip).await.ok()?.ok()?;
        self.came = true;
        Some(round_trip)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if self.came {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.sequence);
    }
}

/// What the thread at the socket works with.
struct Line {
    socket: UdpSocket,
    wire: Wire,
    identifier: u16,
    waiting: Waiting,
}

impl Line {
    /// Sends what is asked for and reads replies, as long as the engine lives. Replies go first: what
    /// waits looks like a longer round trip.
    async fn run(self, mut asked: mpsc::Receiver<u16>) {
        let mut incoming = Incoming::new();
        let mut replies = Vec::with_capacity(BATCH_MAX);
        let mut sequences = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                biased;
                received = incoming.receive(&self.socket, |packets| self.match_up(packets, &mut replies)) => {
                    for (tell, round_trip) in replies.drain(..) {
                        // The caller may have given up in this very moment; then nobody wants to know.
                        let _ = tell.send(round_trip);
                    }
                    if let Err(e) = received {
                        tracing::debug!(error = %e, "an ICMP socket gave an error; reading on");
                        sleep(REST_AFTER_ERROR).await;
                    }
                }
                count = asked.recv_many(&mut sequences, BATCH_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.send(&sequences).await;
                    sequences.clear();
                }
            }
        }
    }

    /// Sends requests. What could not leave (no route, a filter) is a loss, of which its caller
    /// learns at once.
    async fn send(&self, sequences: &[u16]) {
        let packets = self.stamped(sequences);
        let mut rest = packets.as_slice();
        while let Some(first) = rest.first() {
            let gone = if let Ok(sent) = batch::send(&self.socket, rest).await {
                sent
            } else {
                self.waiting().remove(&first.sequence);
                1
            };
            rest = rest.get(gone.max(1)..).unwrap_or_default();
        }
    }

    /// The packets of those requests that are still wanted; notes that they go now.
    fn stamped(&self, sequences: &[u16]) -> Vec<Outgoing> {
        let mut waiting = self.waiting();
        let now = Instant::now();
        let wanted = sequences.iter().filter_map(|sequence| {
            let pending = waiting.get_mut(sequence)?;
            pending.sent = now;
            Some(Outgoing {
                sequence: *sequence,
                bytes: packet::request(self.wire, self.identifier, *sequence),
                address: pending.address,
            })
        });
        wanted.collect()
    }

    /// Finds who waits for these packets. They are told when the table is free again: told before,
    /// they would wake and wait for it.
    fn match_up(
        &self,
        packets: &mut dyn Iterator<Item = (IpAddr, &[u8])>,
        replies: &mut Vec<(oneshot::Sender<Duration>, Duration)>,
    ) {
        let at = Instant::now();
        let mut waiting = self.waiting();
        replies.extend(packets.filter_map(|(from, bytes)| {
            let pending = self.answered(&mut waiting, from, bytes)?;
            let round_trip = at.saturating_duration_since(pending.sent);
            Some((pending.round_trip, round_trip))
        }));
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u16, Pending>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that a packet answers, where it is one of ours that is still waited for.
    fn answered(
        &self,
        waiting: &mut HashMap<u16, Pending>,
        from: IpAddr,
        bytes: &[u8],
    ) -> Option<Pending> {
        let reply = packet::reply(self.wire, bytes)?;
        let ours = match self.wire {
            Wire::V4Datagram | Wire::V6Datagram => true,
            Wire::V4Raw | Wire::V6Raw => reply.identifier == self.identifier,
        };
        match waiting.entry(reply.sequence) {
            Entry::Occupied(pending) if ours && pending.get().address == from => {
                Some(pending.remove())
            }
            _ => None,
        }
    }
}

fn socket(family: Family, kind: Type) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    // Only asked for: a smaller buffer works too, and the kernel's limit is not ours to judge.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN);
    Ok(socket)
}

/// Has the kernel drop what a raw socket hears but nobody here asked for: everything on this
/// machine that is no echo reply with our identifier. Only asked for: the reader looks as well.
fn hear_only(socket: &Socket, family: Family, identifier: u16) {
    // Classic BPF (bpf(4), linux/filter.h). For IPv4 the packet begins with its IP header, whose
    // length goes to X; for IPv6 there is none, and X is 0.
    const LDX_MSH: u16 = 0xb1;
    const LDX_IMM: u16 = 0x01;
    const LD_BYTE_AT_X: u16 = 0x50;
    const LD_HALF_AT_X: u16 = 0x48;
    const JEQ: u16 = 0x15;
    const RET: u16 = 0x06;
    const WHOLE: u32 = u32::MAX;
    let (skip_ip_header, reply_type) = match family {
        Family::V4 => (LDX_MSH, raw(family).reply_type()),
        Family::V6 => (LDX_IMM, raw(family).reply_type()),
    };
    let _ = socket.attach_filter(&[
        SockFilter::new(skip_ip_header, 0, 0, 0),
        SockFilter::new(LD_BYTE_AT_X, 0, 0, 0),
        SockFilter::new(JEQ, 0, 3, reply_type.into()),
        SockFilter::new(LD_HALF_AT_X, 0, 0, 4),
        SockFilter::new(JEQ, 0, 1, identifier.into()),
        SockFilter::new(RET, 0, 0, WHOLE),
        SockFilter::new(RET, 0, 0, 0),
    ]);
}

fn datagram(family: Family) -> Wire {
    match family {
        Family::V4 => Wire::V4Datagram,
        Family::V6 => Wire::V6Datagram,
    }
}

fn raw(family: Family) -> Wire {
    match family {
        Family::V4 => Wire::V4Raw,
        Family::V6 => Wire::V6Raw,
    }
}

/// What to tell an operator when both kinds of socket failed.
fn reason(family: Family, datagram: &io::Error, raw: io::Error) -> OpenError {
    let refused = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
    // EAFNOSUPPORT has no ErrorKind of its own on stable Rust; 97 is Linux's number for it.
    let no_family = |e: &io::Error| e.raw_os_error() == Some(97);
    if no_family(datagram) || no_family(&raw) {
        OpenError::NoFamily { family }
    } else if refused(&raw) || refused(datagram) {
        OpenError::NotPermitted
    } else {
        OpenError::Socket {
            family,
            source: raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_setting() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let missing = || io::Error::from_raw_os_error(97);
        let unsupported = || io::Error::from_raw_os_error(93);
        for (datagram, raw, expected) in [
            (denied(), denied(), "net.ipv4.ping_group_range"),
            (unsupported(), denied(), "CAP_NET_RAW"),
            (missing(), missing(), "not available"),
            (unsupported(), unsupported(), "could not be opened"),
        ] {
            let text = reason(Family::V6, &datagram, raw).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    fn engine(family: Family) -> Option<Engine> {
        match Engine::open(family) {
            Ok(engine) => Some(engine),
            Err(e) => {
                println!("SKIPPED: ICMP engine test: {e}");
                None
            }
        }
    }

    #[tokio::test]
    async fn the_kernel_answers_on_loopback() {
        for (family, address) in [(Family::V4, "127.0.0.1"), (Family::V6, "::1")] {
            let Some(engine) = engine(family) else {
                continue;
            };
            let echo = engine.ping(address.parse().unwrap(), Echoes::POLL).await;
            if family == Family::V6 && echo.received == 0 {
                println!("SKIPPED: no IPv6 loopback here");
                continue;
            }
            assert_eq!((echo.sent, echo.received), (3, 3), "{address}");
            assert!(echo.rtt.unwrap() < Duration::from_secs(1));
            assert!(engine.waiting.lock().unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn a_sweep_is_content_with_one_reply() {
        let Some(engine) = engine(Family::V4) else {
            return;
        };
        let echo = engine
            .ping("127.0.0.1".parse().unwrap(), Echoes::SWEEP)
            .await;
        assert_eq!((echo.sent, echo.received), (1, 1));
        let places = engine.places.available_permits();
        assert_eq!(
            (places, engine.waiting.lock().unwrap().len()),
            (IN_FLIGHT_MAX, 0)
        );
    }

    #[tokio::test]
    async fn a_burst_beyond_the_bound_loses_nothing() {
        let Some(engine) = engine(Family::V4) else {
            return;
        };
        let engine = Arc::new(engine);
        let mut pings = tokio::task::JoinSet::new();
        for n in 0..1000u32 {
            let engine = Arc::clone(&engine);
            let address = IpAddr::V4((0x7f00_0001 + n).into());
            pings.spawn(async move { engine.ping(address, Echoes::POLL).await.received });
        }
        let answered = pings.join_all().await.into_iter().filter(|n| *n == 3);
        assert_eq!(answered.count(), 1000);
    }

    #[tokio::test]
    async fn a_ping_given_up_leaves_nothing_behind() {
        let Some(engine) = engine(Family::V4) else {
            return;
        };
        let silent = Echoes {
            timeout: Duration::from_mins(1),
            ..Echoes::POLL
        };
        // TEST-NET-1 (RFC 5737): nobody answers, or the send fails at once.
        let ping = engine.ping("192.0.2.1".parse().unwrap(), silent);
        let _ = tokio::time::timeout(Duration::from_millis(20), ping).await;
        assert!(engine.waiting.lock().unwrap().is_empty());
        assert_eq!(engine.places.available_permits(), IN_FLIGHT_MAX);
    }
}
