//! UDP sockets that wait for what others send: lines of logs, traps, flows.
//!
//! The kernel holds the datagrams of all senders of a socket in one buffer, and drops those of everybody
//! when it is full. So each socket is drained by a thread of its own, many datagrams a call, that does
//! nothing else with them: it asks the listener's [`Door`] whether their senders may bring one more, and
//! puts what is let in in a queue that is [`fair`] between senders. The listener reads that [`Inbox`] at
//! its own pace. What a sender brings too fast for it costs that sender alone.

mod fair;

use crate::incoming::Incoming;
use crate::pace::Lane;
use crate::socket_thread;
use fair::Waiting;
use model::{Clock, Timestamp};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Octets of datagrams that the kernel is to hold for us, which is what may come while the thread waits
/// for a processor: some 0.1 s of 300,000 flows or 200,000 lines a second. What it counts is twice that,
/// with its own headers.
const RECEIVE_BUFFER_OCTETS: usize = 16 << 20;
/// The largest datagram there can be: a datagram is never cut, and never sizes the buffer.
const DATAGRAM_LEN_MAX: usize = 65_535;
/// Datagrams of one call of the kernel: more save nothing that can be measured.
const BATCH_MAX: usize = 32;
/// Name of the threads.
const THREAD: &str = "listen";
/// Rest after a failed receive, so that a broken socket does not spin.
const REST_AFTER_ERROR: Duration = Duration::from_millis(50);

/// A datagram that was let in.
pub(crate) struct Datagram {
    /// When it was taken from the kernel, by this server's clock.
    pub(crate) at: Timestamp,
    pub(crate) source: SocketAddr,
    pub(crate) octets: Box<[u8]>,
}

/// Who is let in, and what is counted of it. Asked by the thread at the socket: what it locks is not held
/// while something is read.
pub(crate) trait Door: Send + Sync + 'static {
    /// Beside whom a datagram of a sender waits; none where it is refused.
    fn admit(&self, source: IpAddr) -> Option<Lane>;
    /// So many that were let in found no room.
    fn found_no_room(&self, datagrams: u64);
}

/// A socket that is bound and not listened at yet.
#[derive(Debug)]
pub struct BoundSocket {
    socket: std::net::UdpSocket,
    address: SocketAddr,
}

impl BoundSocket {
    /// Binds an address. One of IPv6 hears IPv6 alone, so that the same port can be listened at over
    /// IPv4 beside it.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let protocol = Some(socket2::Protocol::UDP);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, protocol)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        widen(&socket, address);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = std::net::UdpSocket::from(socket);
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it is bound; the port that was taken where none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same socket, for answers: it is not waited at, what finds no room is not sent.
    pub(crate) fn to_answer_from(&self) -> io::Result<std::net::UdpSocket> {
        self.socket.try_clone()
    }

    /// Starts to drain it, until it is stopped or nobody reads any more. An error where the system gives
    /// no thread, or the socket cannot be waited at.
    pub(crate) fn listen(
        self,
        door: Arc<impl Door>,
        clock: Clock,
        stop: &CancellationToken,
    ) -> io::Result<Inbox> {
        let drain = Drain {
            door,
            clock,
            shared: Arc::default(),
            stop: stop.child_token(),
        };
        let (shared, stop) = (Arc::clone(&drain.shared), drain.stop.clone());
        let thread = socket_thread::start(THREAD, self.socket, |socket| drain.run(socket))?;
        Ok(Inbox {
            shared,
            stop,
            thread: Some(thread),
            has_ended: false,
        })
    }
}

/// Has the kernel hold as much as may be: what is asked for where we may ask for it (CAP_NET_ADMIN), else
/// what `net.core.rmem_max` allows. Less loses bursts and works otherwise.
fn widen(socket: &socket2::Socket, address: SocketAddr) {
    if setsockopt(socket, RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err()
        && let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)
    {
        tracing::debug!(%error, "the receive buffer keeps its size");
    }
    // Linux tells twice what it was asked for.
    let held_octets = socket.recv_buffer_size().map_or(0, |octets| octets / 2);
    if held_octets < RECEIVE_BUFFER_OCTETS {
        tracing::info!(
            %address,
            held_octets,
            wanted_octets = RECEIVE_BUFFER_OCTETS,
            "the kernel holds less of datagrams than wanted, and bursts may be lost: raise net.core.rmem_max"
        );
    }
}

/// What waits to be read of one socket. Dropping it ends the thread, and waits for that.
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
    has_ended: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    came: Notify,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    /// Waits for datagrams and gives so many at most, one of each sender in turn; none after it was
    /// stopped and gave one lot more. What waits then goes as what the kernel still has. Others of this
    /// thread have their turn, however fast datagrams come.
    pub(crate) async fn next(&mut self, most: usize) -> Option<Vec<Datagram>> {
        tokio::task::yield_now().await;
        while !self.has_ended {
            self.has_ended = self.stop.is_cancelled();
            let lot = {
                let mut waiting = self.shared.waiting();
                let next = std::iter::from_fn(|| waiting.pop());
                next.take(most).collect::<Vec<_>>()
            };
            if !lot.is_empty() {
                return Some(lot);
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.shared.came.notified() => {}
            }
        }
        None
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the hook.
            let _ = thread.join();
        }
    }
}

/// What the thread at the socket works with.
struct Drain<D> {
    door: Arc<D>,
    clock: Clock,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl<D: Door> Drain<D> {
    async fn run(self, socket: UdpSocket) {
        let mut incoming = Incoming::new(BATCH_MAX, DATAGRAM_LEN_MAX);
        let mut failing = false;
        loop {
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                received = incoming.receive(&socket, |datagrams| self.let_in(datagrams)) => received,
            };
            if let Err(error) = &received {
                if !failing {
                    tracing::warn!(%error, "receiving datagrams failed");
                }
                tokio::time::sleep(REST_AFTER_ERROR).await;
            }
            failing = received.is_err();
        }
    }

    fn let_in(&self, datagrams: &mut dyn Iterator<Item = (SocketAddr, &[u8])>) {
        let at = self.clock.now();
        let admitted = datagrams.filter_map(|(source, octets)| {
            let lane = self.door.admit(source.ip().to_canonical())?;
            let octets = octets.into();
            Some((lane, Datagram { at, source, octets }))
        });
        let admitted: Vec<_> = admitted.collect();
        if admitted.is_empty() {
            return;
        }
        let mut without_room = 0;
        {
            let mut waiting = self.shared.waiting();
            for (lane, datagram) in admitted {
                without_room += u64::from(!waiting.push(lane, datagram));
            }
        }
        self.shared.came.notify_one();
        if without_room > 0 {
            self.door.found_no_room(without_room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Lets in all but one, and counts.
    #[derive(Default)]
    struct Counting {
        seen: AtomicU64,
        without_room: AtomicU64,
    }

    const REFUSED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

    impl Door for Counting {
        fn admit(&self, source: IpAddr) -> Option<Lane> {
            self.seen.fetch_add(1, Ordering::Relaxed);
            (source != REFUSED).then_some(Lane::Of(source))
        }

        fn found_no_room(&self, datagrams: u64) {
            self.without_room.fetch_add(datagrams, Ordering::Relaxed);
        }
    }

    fn listening() -> (Inbox, SocketAddr, Arc<Counting>, CancellationToken) {
        let bound = BoundSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (door, stop) = (Arc::new(Counting::default()), CancellationToken::new());
        let at = bound.address();
        let clock = Clock::new(Timestamp::default);
        let inbox = bound.listen(Arc::clone(&door), clock, &stop).unwrap();
        (inbox, at, door, stop)
    }

    fn sender(host: u8) -> std::net::UdpSocket {
        std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap()
    }

    async fn seen(door: &Counting, count: u64) {
        while door.seen.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn both_wildcard_addresses_of_a_port_can_be_bound() {
        let v6 = match BoundSocket::bind((Ipv6Addr::UNSPECIFIED, 0).into()) {
            Ok(socket) => socket,
            Err(error) => {
                let skipped = format!("SKIPPED: no IPv6 here: {error}\n");
                return io::Write::write_all(&mut io::stderr(), skipped.as_bytes()).unwrap();
            }
        };
        let port = v6.address().port();
        let v4 = BoundSocket::bind((Ipv4Addr::UNSPECIFIED, port).into()).unwrap();
        assert_eq!(v4.address().port(), port);
    }

    #[tokio::test]
    async fn a_flood_that_nobody_reads_costs_its_sender_alone() {
        let (mut inbox, at, door, _stop) = listening();
        let (loud, quiet, refused) = (sender(7), sender(8), sender(9));
        let (rounds, of_loud, long) = (200, 2, vec![0; 60_000]);
        for round in 0..rounds {
            for _ in 0..of_loud {
                loud.send_to(&long, at).unwrap();
            }
            quiet.send_to(&[u8::try_from(round).unwrap()], at).unwrap();
            refused.send_to(b"no", at).unwrap();
            // So that the kernel never has to drop any.
            seen(&door, (round + 1) * (of_loud + 2)).await;
        }
        let dropped = door.without_room.load(Ordering::Relaxed);
        assert!(dropped > 0);
        let (mut of_quiet, mut all) = (Vec::new(), 0);
        while all < rounds * (of_loud + 1) - dropped {
            let lot = inbox.next(64).await.unwrap();
            all += lot.len() as u64;
            let of_it = lot.into_iter().filter(|next| next.source.ip() != loud_ip());
            of_quiet.extend(of_it.map(|next| u64::from(next.octets[0])));
        }
        assert!(of_quiet.into_iter().eq(0..rounds));
    }

    fn loud_ip() -> IpAddr {
        Ipv4Addr::new(127, 0, 0, 7).into()
    }

    #[tokio::test]
    async fn what_waits_at_the_stop_comes_once_more_and_then_none() {
        let (mut inbox, at, door, stop) = listening();
        sender(7).send_to(b"last", at).unwrap();
        seen(&door, 1).await;
        let datagram = loop {
            if let Some(datagram) = inbox.shared.waiting().pop() {
                break datagram;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let lane = Lane::Of(datagram.source.ip());
        assert!(inbox.shared.waiting().push(lane, datagram));
        stop.cancel();
        assert_eq!(&*inbox.next(1).await.unwrap()[0].octets, b"last");
        assert!(inbox.next(1).await.is_none());
    }

    #[tokio::test]
    async fn others_have_their_turn_however_much_waits() {
        let (mut inbox, _at, _door, _stop) = listening();
        for _ in 0..100 {
            let source = SocketAddr::from(([127, 0, 0, 7], 514));
            let (at, octets) = (Timestamp::default(), Box::default());
            let datagram = Datagram { at, source, octets };
            let lane = Lane::Of(source.ip());
            assert!(inbox.shared.waiting().push(lane, datagram));
        }
        let other = tokio::spawn(async {});
        assert_eq!(inbox.next(10).await.unwrap().len(), 10);
        assert!(other.is_finished());
    }

    #[tokio::test]
    async fn an_answer_leaves_by_the_socket_that_was_asked() {
        let bound = BoundSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (at, answering) = (bound.address(), bound.to_answer_from().unwrap());
        let stop = CancellationToken::new();
        let clock = Clock::new(Timestamp::default);
        let door = Arc::new(Counting::default());
        let mut inbox = bound.listen(door, clock, &stop).unwrap();
        let asking = sender(7);
        asking.send_to(b"who", at).unwrap();
        let lot = inbox.next(1).await.unwrap();
        answering.send_to(b"me", lot[0].source).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(asking.recv_from(&mut buffer).unwrap(), (2, at));
    }
}
