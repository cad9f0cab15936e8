//! One ICMP socket and the table of replies that are awaited on it.
//!
//! A task of its own reads the socket and stamps each reply, so that a busy caller does not make a
//! round trip look longer. Replies are matched on (address, sequence): on datagram sockets the
//! kernel replaces the identifier by one of its own.

use super::packet::{self, REQUEST_LEN, Wire};
use super::{Echo, Echoes};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

/// Requests in flight on one socket. A reply takes some 768 octets of the receive buffer whatever
/// its length, and Linux by default grants 416 KiB at most: so many fit even when all come at once
/// and the reader is late.
const IN_FLIGHT_MAX: usize = 512;
/// Octets of receive buffer that we ask for; the kernel cuts it to what it allows.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;
/// Enough for an echo reply with the longest IPv4 header. Longer packets are cut, which is well:
/// only the header is read.
const PACKET_LEN_MAX: usize = 60 + REQUEST_LEN;
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

type Key = (IpAddr, u16);
type Waiting = Arc<Mutex<HashMap<Key, oneshot::Sender<Instant>>>>;

/// A socket with its reader.
pub(super) struct Engine {
    socket: Arc<UdpSocket>,
    wire: Wire,
    identifier: u16,
    next_sequence: AtomicU16,
    waiting: Waiting,
    places: Semaphore,
    // Owns the reader: it ends with the engine.
    _reader: AbortOnDropHandle<()>,
}

impl Engine {
    /// Opens a datagram socket, else a raw one.
    pub(super) fn open(family: Family) -> Result<Self, OpenError> {
        let (socket, wire) = match socket(family, Type::DGRAM) {
            Ok(socket) => (socket, datagram(family)),
            Err(first) => match socket(family, Type::RAW) {
                Ok(socket) => (socket, raw(family)),
                Err(second) => return Err(reason(family, &first, second)),
            },
        };
        let io = |source| OpenError::Socket { family, source };
        let socket = Arc::new(UdpSocket::from_std(socket.into()).map_err(io)?);
        let waiting = Waiting::default();
        let identifier = rand::random();
        let reader = tokio::spawn(read(
            Arc::clone(&socket),
            wire,
            identifier,
            Arc::clone(&waiting),
        ));
        Ok(Self {
            socket,
            wire,
            identifier,
            next_sequence: AtomicU16::new(rand::random()),
            waiting,
            places: Semaphore::new(IN_FLIGHT_MAX),
            _reader: AbortOnDropHandle::new(reader),
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
                    let reply = timeout(echoes.gap, &mut first.arrived).await;
                    if let Ok(Ok(at)) = reply {
                        let rtt = at.saturating_duration_since(first.sent);
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
            if let Ok(Ok(at)) = timeout_at(reply.until, &mut reply.arrived).await {
                round_trips.push(at.saturating_duration_since(reply.sent));
                if echoes.one_reply_is_enough {
                    break;
                }
            }
        }
        Echo::of(echoes.count, &round_trips)
    }

    /// Sends one request; none where it could not leave (no route, a filter), which is a loss.
    async fn send(&self, address: IpAddr, wait: Duration) -> Option<Awaited<'_>> {
        let (sequence, arrived) = self.expect(address)?;
        let sent = Instant::now();
        let awaited = Awaited {
            waiting: &self.waiting,
            key: (address, sequence),
            sent,
            until: sent + wait,
            arrived,
        };
        let bytes = packet::request(self.wire, self.identifier, sequence);
        self.socket
            .send_to(&bytes, SocketAddr::new(address, 0))
            .await
            .ok()?;
        Some(awaited)
    }

    /// Books the next sequence number that is free for this address. With at most
    /// [`IN_FLIGHT_MAX`] requests in flight the first or second try finds one.
    fn expect(&self, address: IpAddr) -> Option<(u16, oneshot::Receiver<Instant>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..=IN_FLIGHT_MAX {
            let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
            if let Entry::Vacant(place) = waiting.entry((address, sequence)) {
                let (tell, arrived) = oneshot::channel();
                place.insert(tell);
                return Some((sequence, arrived));
            }
        }
        None
    }
}

/// A reply that is waited for; the place in the table is given back when this is dropped.
struct Awaited<'a> {
    waiting: &'a Waiting,
    key: Key,
    sent: Instant,
    until: Instant,
    arrived: oneshot::Receiver<Instant>,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.key);
    }
}

/// Reads replies for as long as the engine lives.
async fn read(socket: Arc<UdpSocket>, wire: Wire, identifier: u16, waiting: Waiting) {
    let mut bytes = [0; PACKET_LEN_MAX];
    loop {
        let (len, from) = match socket.recv_from(&mut bytes).await {
            Ok(received) => received,
            Err(e) => {
                tracing::debug!(error = %e, "an ICMP socket gave an error; reading on");
                sleep(REST_AFTER_ERROR).await;
                continue;
            }
        };
        let at = Instant::now();
        let Some(reply) = bytes.get(..len).and_then(|b| packet::reply(wire, b)) else {
            continue;
        };
        let ours = match wire {
            Wire::V4Datagram | Wire::V6Datagram => true,
            Wire::V4Raw | Wire::V6Raw => reply.identifier == identifier,
        };
        if !ours {
            continue;
        }
        let key = (from.ip(), reply.sequence);
        let awaited = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key);
        if let Some(tell) = awaited {
            // The caller may have given up in this very moment; then nobody wants to know.
            let _ = tell.send(at);
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
        let _ = timeout(Duration::from_millis(20), ping).await;
        assert!(engine.waiting.lock().unwrap().is_empty());
        assert_eq!(engine.places.available_permits(), IN_FLIGHT_MAX);
    }
}
