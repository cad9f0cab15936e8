//! Pings over one ICMP socket: what is in flight is bounded, each reply finds its caller.

use super::line::{IN_FLIGHT_MAX, Pending, Thread, Waiting};
use super::socket::{self, Family, OpenError};
use super::{Echo, Echoes};
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long the requests of a ping may wait for room: packets wait some 3 s for a neighbour that does
/// not answer ARP or neighbour solicitations, and are then thrown away.
const ROOM_WITHIN: Duration = Duration::from_secs(5);

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
    /// Opens its socket and starts the thread at it.
    pub(super) fn open(family: Family) -> Result<Self, OpenError> {
        let opened = socket::open(family)?;
        let io = |source| OpenError::Socket { family, source };
        let waiting = Waiting::default();
        let (requests, asked) = mpsc::channel(IN_FLIGHT_MAX);
        let thread = Thread::start(opened, Arc::clone(&waiting), asked).map_err(io)?;
        Ok(Self {
            next_sequence: AtomicU16::new(rand::random()),
            waiting,
            places: Semaphore::new(IN_FLIGHT_MAX),
            requests,
            _thread: thread,
        })
    }

    /// Sends `echoes.count` requests a gap apart, then waits for what is still to come.
    pub(super) async fn ping(&self, address: IpAddr, echoes: Echoes) -> Result<Echo, Gone> {
        let mut awaited: Vec<Awaited> = Vec::with_capacity(usize::from(echoes.count));
        let places = u32::from(echoes.count);
        // All places at once: taken one by one, many pings could each hold one and wait for ever.
        let _places = self.places.acquire_many(places).await;
        let room_until = Instant::now() + ROOM_WITHIN;
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
            // What the first waits for room is not given once more to the next.
            let room_until = room_until + echoes.gap * u32::from(n);
            awaited.push(self.send(address, room_until).await?);
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

    /// Has one request sent, where there is room for it until then.
    async fn send(&self, address: IpAddr, room_until: Instant) -> Result<Awaited<'_>, Gone> {
        let (sequence, round_trip) = self.expect(address).ok_or(Gone)?;
        let awaited = Awaited {
            waiting: &self.waiting,
            sequence,
            asked: Instant::now(),
            room_until,
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
    /// When it is given up where it waits for room in the kernel.
    room_until: Instant,
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
        let mut until = self.until(wait, Instant::now());
        loop {
            if let Ok(ended) = timeout_at(until, &mut self.round_trip).await {
                self.is_over = true;
                return ended.ok();
            }
            let later = self.until(wait, Instant::now());
            if later <= until {
                return None;
            }
            until = later;
        }
    }

    /// Until when to wait, as far as can be said now: so long from when the request left. Where it
    /// still waits for room in the kernel it may leave now, but not when it is given up.
    fn until(&self, wait: Duration, now: Instant) -> Instant {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = waiting.get(&self.sequence).map(|pending| pending.sent);
        match sent {
            Some(Some(sent)) => sent + wait,
            Some(None) => (now + wait).min(self.room_until),
            None => self.asked + wait,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Past the test harness, which keeps what a passing test prints to itself.
    fn skipped(why: &str) {
        let told = format!("SKIPPED: {why}\n");
        std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
    }

    fn engine(family: Family) -> Option<Engine> {
        match Engine::open(family) {
            Ok(engine) => Some(engine),
            Err(e) => {
                skipped(&format!("ICMP engine test: {e}"));
                None
            }
        }
    }

    async fn answers_on_loopback(family: Family, address: &str) {
        let Some(engine) = engine(family) else { return };
        let echo = engine
            .ping(address.parse().unwrap(), Echoes::POLL)
            .await
            .unwrap();
        if family == Family::V6 && echo.received == 0 {
            return skipped("no IPv6 loopback here");
        }
        assert_eq!((echo.sent, echo.received), (3, 3), "{address}");
        assert!(echo.rtt.unwrap() < Duration::from_secs(1));
        assert!(engine.waiting.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_kernel_answers_on_loopback() {
        answers_on_loopback(Family::V4, "127.0.0.1").await;
    }

    #[tokio::test]
    async fn the_kernel_answers_on_loopback_of_ipv6() {
        answers_on_loopback(Family::V6, "::1").await;
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

    #[test]
    fn two_requests_of_a_ping_wait_for_room_no_longer_than_one() {
        let began = Instant::now();
        let after = |ms: u64| began + Duration::from_millis(ms);
        let Echoes { gap, timeout, .. } = Echoes::SWEEP;
        let (first, second) = (after(0) + ROOM_WITHIN, after(0) + ROOM_WITHIN + gap);
        // What is still without room at that time, or left then, and until when it is waited for.
        for (room_until, wait, now, sent, until) in [
            (first, gap, after(0), None, after(300)),
            (first, gap, after(4_900), None, after(5_000)),
            (first, gap, after(5_000), None, after(5_000)),
            (first, gap, after(5_000), Some(after(4_990)), after(5_290)),
            (second, timeout, after(5_000), None, after(5_300)),
            (second, timeout, after(5_300), None, after(5_300)),
            (
                second,
                timeout,
                after(5_300),
                Some(after(5_300)),
                after(6_100),
            ),
        ] {
            let (tell, round_trip) = oneshot::channel();
            let pending = Pending {
                address: [192, 0, 2, 1].into(),
                sent,
                round_trip: tell,
            };
            let waiting = Waiting::default();
            waiting.lock().unwrap().insert(7, pending);
            let awaited = Awaited {
                waiting: &waiting,
                sequence: 7,
                asked: began,
                room_until,
                round_trip,
                is_over: false,
            };
            assert_eq!(awaited.until(wait, now), until);
        }
    }

    /// Moves this thread into a network namespace of its own and configures it by commands of ip(8);
    /// whether that can be done here.
    fn is_apart(commands: &[&str]) -> bool {
        use nix::sched::{CloneFlags, unshare};
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            skipped(&format!("no network namespace: {error}"));
            return false;
        }
        commands.iter().all(|command| {
            let mut ip = std::process::Command::new("ip");
            let status = ip.args(command.split(' ')).status();
            let is_done = status.is_ok_and(|status| status.success());
            if !is_done {
                skipped(&format!("ip {command}"));
            }
            is_done
        })
    }

    /// Runs in this thread, whose namespace the engine's socket is then in.
    fn block_on(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
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
            tokio::time::sleep(Duration::from_millis(50)).await;
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
