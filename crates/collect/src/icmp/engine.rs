//! One ICMP socket and the table of replies that are awaited on it.
//!
//! One thread sends and reads, many packets at a time, and stamps each request and reply, so that a
//! busy caller does not make a round trip look longer. Nobody else waits at the socket: a worker of
//! the callers' runtime would be woken by every reply, which costs as much as the reply. Replies are
//! matched on sequence and address: on datagram sockets the kernel replaces the identifier by one of
//! its own.

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
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Requests in flight on one socket. A reply takes some 768 octets of the receive buffer whatever
/// its length, and Linux by default grants 416 KiB at most: so many fit even when all come at once
/// and the reader is late.
const IN_FLIGHT_MAX: usize = 512;
/// Octets of each buffer that we ask for; the kernel cuts them to what it allows.
const BUFFER_OCTETS: usize = 4 << 20;
/// How long requests rest for which the kernel has no room.
const REST_WITHOUT_ROOM: Duration = Duration::from_millis(10);
/// How long a request may wait for room: packets wait some 3 s for a neighbour that does not answer
/// ARP or neighbour solicitations, and are then thrown away.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// That the kernel has no room for a packet; it has no ErrorKind of its own on stable Rust. Linux's
/// number: of a raw socket that has too much waiting, or of a neighbour that there is no room for.
const ENOBUFS: i32 = 105;
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
    /// None while it waits for room in the kernel.
    sent: Option<Instant>,
    round_trip: oneshot::Sender<Duration>,
}

/// Requests under way by their sequence number.
type Waiting = Arc<Mutex<HashMap<u16, Pending>>>;

/// A socket with the thread that sends and reads.
pub(super) struct Engine {
    next_sequence: AtomicU16,
    waiting: Waiting,
    places: Semaphore,
    // The thread at the socket ends when this is gone, and is then waited for: they go in this order.
    requests: mpsc::Sender<u16>,
    _thread: Thread,
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
        let draft = Draft {
            socket,
            wire,
            identifier,
            waiting: Arc::clone(&waiting),
        };
        Ok(Self {
            next_sequence: AtomicU16::new(rand::random()),
            waiting,
            places: Semaphore::new(IN_FLIGHT_MAX),
            requests,
            _thread: Thread::start(draft, asked).map_err(io)?,
        })
    }

    /// Sends `echoes.count` requests a gap apart, then waits for what is still to come.
    pub(super) async fn ping(&self, address: IpAddr, echoes: Echoes) -> Result<Echo, Gone> {
        let mut awaited: Vec<Awaited> = Vec::with_capacity(usize::from(echoes.count));
        let places = u32::from(echoes.count);
        // All places at once: taken one by one, many pings could each hold one and wait for ever.
        let _places = self.places.acquire_many(places).await;
        for n in 0..echoes.count {
            let next = Instant::now() + echoes.gap;
            match awaited.last_mut().filter(|_| echoes.one_reply_is_enough) {
                Some(first) => {
                    if let Some(rtt) = first.within(echoes.gap).await {
                        return Ok(Echo::of(n, &[rtt]));
                    }
                    // One that could not leave is known at once; the next still keeps its distance.
                    sleep_until(next).await;
                }
                None if n > 0 => sleep_until(next).await,
                None => {}
            }
            awaited.push(self.send(address).await?);
        }
        let mut round_trips = Vec::with_capacity(awaited.len());
        for mut reply in awaited {
            if let Some(rtt) = reply.within(echoes.timeout).await {
                round_trips.push(rtt);
                if echoes.one_reply_is_enough {
                    break;
                }
            }
        }
        Ok(Echo::of(echoes.count, &round_trips))
    }

    /// Has one request sent.
    async fn send(&self, address: IpAddr) -> Result<Awaited<'_>, Gone> {
        let (sequence, round_trip) = self.expect(address).ok_or(Gone)?;
        let awaited = Awaited {
            waiting: &self.waiting,
            sequence,
            asked: Instant::now(),
            round_trip,
            is_over: false,
        };
        self.requests.send(sequence).await.map_err(|_| Gone)?;
        Ok(awaited)
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
                    sent: None,
                    round_trip: tell,
                });
                return Some((sequence, round_trip));
            }
        }
        None
    }
}

/// The thread at the socket is no more, or no sequence number is free: nothing can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The thread that sends echo requests has ended.")]
pub(super) struct Gone;

/// A reply that is waited for; the place in the table is given back when this is dropped.
struct Awaited<'a> {
    waiting: &'a Waiting,
    sequence: u16,
    asked: Instant,
    round_trip: oneshot::Receiver<Duration>,
    /// Whether the reply came, or the request could not leave: its place in the table is free.
    is_over: bool,
}

impl Awaited<'_> {
    /// The round trip, where the reply comes within so long of when the request left.
    async fn within(&mut self, wait: Duration) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let mut until = self.left() + wait;
        loop {
            if let Ok(ended) = timeout_at(until, &mut self.round_trip).await {
                self.is_over = true;
                return ended.ok();
            }
            let later = self.left() + wait;
            if later <= until {
                return None;
            }
            until = later;
        }
    }

    /// When the request left. Where it still waits for room in the kernel, now, but no later than
    /// [`ROOM_WITHIN`] after it was asked for.
    fn left(&self) -> Instant {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = waiting.get(&self.sequence).map(|pending| pending.sent);
        match sent {
            Some(Some(sent)) => sent,
            Some(None) => Instant::now().min(self.asked + ROOM_WITHIN),
            None => self.asked,
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.sequence);
    }
}

/// What the thread at the socket is made of.
struct Draft {
    socket: Socket,
    wire: Wire,
    identifier: u16,
    waiting: Waiting,
}

/// The thread at the socket; dropping this waits for its end.
struct Thread(Option<thread::JoinHandle<()>>);

impl Thread {
    /// Starts it; an error where the system gives no thread, or the socket cannot be waited at.
    fn start(draft: Draft, asked: mpsc::Receiver<u16>) -> io::Result<Self> {
        let (told, ready) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name(THREAD.to_owned());
        // The runtime is made and ends there: it must not end within another.
        let thread = thread.spawn(move || {
            let made = Builder::new_current_thread().enable_all().build();
            let made = made.and_then(|runtime| {
                let here = runtime.enter();
                let socket = UdpSocket::from_std(draft.socket.into())?;
                drop(here);
                Ok((runtime, socket))
            });
            let (runtime, socket) = match made {
                Ok(made) => made,
                Err(error) => {
                    let _ = told.send(Err(error));
                    return;
                }
            };
            let line = Line {
                socket,
                wire: draft.wire,
                identifier: draft.identifier,
                waiting: draft.waiting,
            };
            if told.send(Ok(())).is_ok() {
                runtime.block_on(line.run(asked));
            }
        })?;
        let ended = |_| Err(io::Error::other("its thread has ended"));
        ready.recv().unwrap_or_else(ended)?;
        Ok(Self(Some(thread)))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A panic there was told by the hook; what waited for replies has seen its end.
            let _ = thread.join();
        }
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
    /// waits looks like a longer round trip. Where the kernel has no room, because packets to
    /// neighbours that do not answer ARP wait there, requests wait here and replies go on being read.
    async fn run(self, mut asked: mpsc::Receiver<u16>) {
        let mut incoming = Incoming::new();
        let mut replies = Vec::with_capacity(BATCH_MAX);
        let mut sequences = Vec::with_capacity(IN_FLIGHT_MAX);
        let mut again_at = Instant::now();
        while !asked.is_closed() {
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
                () = sleep_until(again_at), if !sequences.is_empty() => {
                    self.send(&mut sequences);
                    again_at = Instant::now() + REST_WITHOUT_ROOM;
                }
                _ = asked.recv_many(&mut sequences, BATCH_MAX), if sequences.len() < IN_FLIGHT_MAX => {
                    self.send(&mut sequences);
                    again_at = Instant::now() + REST_WITHOUT_ROOM;
                }
            }
        }
    }

    /// Sends requests; those for which the kernel has no room stay. What cannot leave otherwise (no
    /// route, a filter) is a loss, of which its caller learns at once.
    fn send(&self, sequences: &mut Vec<u16>) {
        let packets = self.packets(sequences);
        sequences.clear();
        let mut rest = packets.as_slice();
        while let Some(first) = rest.first() {
            let next = rest.get(..BATCH_MAX).unwrap_or(rest);
            self.stamp(next);
            let gone = match batch::send(&self.socket, next) {
                Ok(sent) => sent.max(1),
                // No room for any.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => {
                    // No room for this one, of whose neighbour too much may wait: others may go.
                    if e.raw_os_error() == Some(ENOBUFS) {
                        sequences.push(first.sequence);
                    } else {
                        self.waiting().remove(&first.sequence);
                    }
                    1
                }
            };
            rest = rest.get(gone..).unwrap_or_default();
        }
        sequences.extend(rest.iter().map(|packet| packet.sequence));
        let mut waiting = self.waiting();
        for sequence in sequences {
            if let Some(pending) = waiting.get_mut(sequence) {
                pending.sent = None;
            }
        }
    }

    /// The packets of those requests that are still wanted.
    fn packets(&self, sequences: &[u16]) -> Vec<Outgoing> {
        let waiting = self.waiting();
        let wanted = sequences.iter().filter_map(|sequence| {
            Some(Outgoing {
                sequence: *sequence,
                bytes: packet::request(self.wire, self.identifier, *sequence),
                address: waiting.get(sequence)?.address,
            })
        });
        wanted.collect()
    }

    /// Notes that these go now.
    fn stamp(&self, packets: &[Outgoing]) {
        let mut waiting = self.waiting();
        let now = Instant::now();
        for packet in packets {
            if let Some(pending) = waiting.get_mut(&packet.sequence) {
                pending.sent = Some(now);
            }
        }
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
            let round_trip = at.saturating_duration_since(pending.sent?);
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
    // Only asked for: smaller buffers work too, and the kernel's limit is not ours to judge.
    let _ = socket.set_recv_buffer_size(BUFFER_OCTETS);
    let _ = socket.set_send_buffer_size(BUFFER_OCTETS);
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
            let echo = engine
                .ping(address.parse().unwrap(), Echoes::POLL)
                .await
                .unwrap();
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
            .await
            .unwrap();
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
            pings.spawn(async move { engine.ping(address, Echoes::POLL).await.unwrap().received });
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

    /// Moves this thread into a network namespace of its own and configures it by commands of ip(8);
    /// whether that can be done here.
    fn is_apart(commands: &[&str]) -> bool {
        use nix::sched::{CloneFlags, unshare};
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            println!("SKIPPED: no network namespace: {error}");
            return false;
        }
        commands.iter().all(|command| {
            let mut ip = std::process::Command::new("ip");
            let status = ip.args(command.split(' ')).status();
            let is_done = status.is_ok_and(|status| status.success());
            if !is_done {
                println!("SKIPPED: ip {command}");
            }
            is_done
        })
    }

    /// Runs in this thread, whose namespace the engine's socket is then in.
    fn block_on(test: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test);
    }

    #[test]
    fn what_cannot_leave_is_a_loss_in_a_sweep_as_in_a_poll() {
        if !is_apart(&["link set lo up"]) {
            return;
        }
        block_on(async {
            let Some(engine) = engine(Family::V4) else {
                return;
            };
            // There is no route to it.
            let nowhere = "192.0.2.1".parse().unwrap();
            for echoes in [Echoes::SWEEP, Echoes::POLL] {
                let echo = engine.ping(nowhere, echoes).await.unwrap();
                assert_eq!((echo.sent, echo.received), (echoes.count, 0));
            }
            assert!(engine.waiting.lock().unwrap().is_empty());
        });
    }

    #[test]
    fn the_kernel_answers_over_ipv6_on_a_socket_of_either_kind() {
        if !is_apart(&["link set lo up"]) {
            return;
        }
        block_on(async {
            let Some(engine) = engine(Family::V6) else {
                return;
            };
            let here = "::1".parse().unwrap();
            let echo = engine.ping(here, Echoes::POLL).await.unwrap();
            assert_eq!((echo.sent, echo.received), (3, 3));
        });
    }

    /// On a network on which nobody answers ARP.
    #[test]
    fn a_sweep_of_nobody_does_not_hold_up_who_answers() {
        let commands = [
            "link set lo up",
            "link add void0 type veth peer name void1",
            "link set void1 up",
            "addr add 10.9.0.1/16 dev void0",
            "link set void0 up",
        ];
        if !is_apart(&commands) {
            return;
        }
        block_on(async {
            let Some(engine) = engine(Family::V4) else {
                return;
            };
            let engine = Arc::new(engine);
            let mut sweep = tokio::task::JoinSet::new();
            for n in 2..700_u32 {
                let engine = Arc::clone(&engine);
                let nobody = IpAddr::V4((0x0a09_0000 + n).into());
                sweep.spawn(async move { engine.ping(nobody, Echoes::SWEEP).await.unwrap() });
            }
            sleep(Duration::from_millis(50)).await;
            // Sees what waits at the socket, without a place among those that wait.
            let here = Echoes {
                count: 1,
                ..Echoes::POLL
            };
            for _ in 0..10 {
                let echo = engine
                    .ping("10.9.0.1".parse().unwrap(), here)
                    .await
                    .unwrap();
                assert_eq!(echo.received, 1);
            }
            for echo in sweep.join_all().await {
                assert_eq!((echo.sent, echo.received), (2, 0));
            }
        });
    }
}
