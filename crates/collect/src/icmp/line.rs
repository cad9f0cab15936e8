//! The thread at one ICMP socket: it sends what is asked for, reads replies, and stamps both.
//!
//! Requests and replies go many at a time. Nobody else waits at the socket: a worker of the callers'
//! runtime would be woken by every reply, which costs as much as the reply. Replies are matched on
//! sequence and address: on datagram sockets the kernel replaces the identifier by one of its own.

use super::batch::{self, BATCH_MAX, Outgoing, PACKET_LEN_MAX};
use super::packet::{self, Wire};
use super::socket::Opened;
use crate::incoming::Incoming;
use crate::socket_thread;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

/// Requests in flight on one socket. A reply takes some 768 octets of the receive buffer whatever
/// its length, and Linux by default grants 416 KiB at most: so many fit even when all come at once
/// and the reader is late.
pub(super) const IN_FLIGHT_MAX: usize = 512;
/// How long requests rest for which the kernel has no room.
const REST_WITHOUT_ROOM: Duration = Duration::from_millis(10);
/// Requests of one pass that the kernel refuses for want of room, after which the others wait for the
/// next: each is a call, which may have the kernel look for neighbours to forget, and replies wait.
const REFUSED_MAX: usize = BATCH_MAX;
/// That the kernel has no room for a packet; it has no ErrorKind of its own on stable Rust. Linux's
/// number: of a raw socket that has too much waiting, or of a neighbour that there is no room for.
const ENOBUFS: i32 = 105;
/// Name of the threads.
const THREAD: &str = "icmp";
/// How long the reader rests after an error that may come again at once.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// A request under way.
pub(super) struct Pending {
    pub(super) address: IpAddr,
    /// None while it waits for room in the kernel.
    pub(super) sent: Option<Instant>,
    pub(super) round_trip: oneshot::Sender<Duration>,
}

/// Requests under way by their sequence number.
pub(super) type Waiting = Arc<Mutex<HashMap<u16, Pending>>>;

/// The thread at the socket; dropping this waits for its end.
pub(super) struct Thread(Option<thread::JoinHandle<()>>);

impl Thread {
    /// Starts it; an error where the system gives no thread, or the socket cannot be waited at.
    pub(super) fn start(
        opened: Opened,
        waiting: Waiting,
        asked: mpsc::Receiver<u16>,
    ) -> io::Result<Self> {
        let thread = socket_thread::start(THREAD, opened.socket.into(), move |socket| {
            let line = Line {
                socket,
                wire: opened.wire,
                identifier: opened.identifier,
                waiting,
            };
            line.run(asked)
        })?;
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
    /// neighbours that do not answer ARP wait there, requests wait here and replies go on being read. A
    /// new request is tried at once, those that wait at their own time: many new ones are no reason to
    /// try them more often, nor later.
    async fn run(self, mut asked: mpsc::Receiver<u16>) {
        let mut incoming = Incoming::new(BATCH_MAX, PACKET_LEN_MAX);
        let mut replies = Vec::with_capacity(BATCH_MAX);
        let (mut new, mut without_room) = (Vec::with_capacity(BATCH_MAX), Vec::new());
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
                () = sleep_until(again_at), if !without_room.is_empty() => {
                    without_room = self.send(&without_room);
                    again_at = Instant::now() + REST_WITHOUT_ROOM;
                }
                _ = asked.recv_many(&mut new, BATCH_MAX), if without_room.len() < IN_FLIGHT_MAX => {
                    if without_room.is_empty() {
                        again_at = Instant::now() + REST_WITHOUT_ROOM;
                    }
                    without_room.extend(self.send(&new));
                    new.clear();
                }
            }
        }
    }

    /// Sends requests; gives those for which the kernel has no room, as they are to be tried again.
    /// What cannot leave otherwise (no route, a filter) is a loss, of which its caller learns at once.
    fn send(&self, sequences: &[u16]) -> Vec<u16> {
        let packets = self.packets(sequences);
        let pass = pass(&packets, |next| {
            self.stamp(next);
            batch::send(&self.socket, next)
        });
        let mut waiting = self.waiting();
        for sequence in pass.lost {
            waiting.remove(&sequence);
        }
        for sequence in &pass.without_room {
            if let Some(pending) = waiting.get_mut(sequence) {
                pending.sent = None;
            }
        }
        pass.without_room
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
        packets: &mut dyn Iterator<Item = (SocketAddr, &[u8])>,
        replies: &mut Vec<(oneshot::Sender<Duration>, Duration)>,
    ) {
        let at = Instant::now();
        let mut waiting = self.waiting();
        replies.extend(packets.filter_map(|(from, bytes)| {
            let pending = self.answered(&mut waiting, from.ip(), bytes)?;
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

/// What did not leave in a pass.
struct Pass {
    /// In the order in which they are to be tried again: first those that were not tried now.
    without_room: Vec<u16>,
    lost: Vec<u16>,
}

/// Hands over packets for as long as there is room. `hand_over` takes the first of what it is given and
/// says how many those were; its error is that of the first alone.
fn pass(packets: &[Outgoing], mut hand_over: impl FnMut(&[Outgoing]) -> io::Result<usize>) -> Pass {
    let (mut rest, mut refused, mut lost) = (packets, Vec::new(), Vec::new());
    while let Some(first) = rest.first()
        && refused.len() < REFUSED_MAX
    {
        let gone = match hand_over(rest.get(..BATCH_MAX).unwrap_or(rest)) {
            Ok(sent) => sent.max(1),
            // No room for any.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) => {
                // No room for this one, of whose neighbour too much may wait: others may go.
                if e.raw_os_error() == Some(ENOBUFS) {
                    refused.push(first.sequence);
                } else {
                    lost.push(first.sequence);
                }
                1
            }
        };
        rest = rest.get(gone..).unwrap_or_default();
    }
    let mut without_room: Vec<u16> = rest.iter().map(|packet| packet.sequence).collect();
    without_room.append(&mut refused);
    Pass { without_room, lost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn packets(sequences: impl IntoIterator<Item = u16>) -> Vec<Outgoing> {
        let packet = |sequence| Outgoing {
            sequence,
            bytes: packet::request(Wire::V4Raw, 0, sequence),
            address: [192, 0, 2, 1].into(),
        };
        sequences.into_iter().map(packet).collect()
    }

    #[test]
    fn a_kernel_without_room_is_asked_so_often_in_a_pass_and_each_request_has_its_turn() {
        let all = u16::try_from(IN_FLIGHT_MAX).unwrap();
        let mut waiting: Vec<u16> = (0..all).collect();
        let (mut tried, mut calls) = (BTreeSet::new(), 0);
        for _ in 0..IN_FLIGHT_MAX / REFUSED_MAX {
            let before = calls;
            let pass = pass(&packets(waiting), |next| {
                calls += 1;
                tried.insert(next[0].sequence);
                Err(io::Error::from_raw_os_error(ENOBUFS))
            });
            assert_eq!(calls - before, REFUSED_MAX);
            assert!(pass.lost.is_empty());
            waiting = pass.without_room;
            assert_eq!(waiting.len(), IN_FLIGHT_MAX);
        }
        assert_eq!(tried.len(), IN_FLIGHT_MAX);
    }

    #[test]
    fn a_request_without_room_holds_up_no_other_and_one_without_a_route_is_lost() {
        let pass = pass(&packets(0..6), |next| match next[0].sequence {
            0 => Err(io::Error::from_raw_os_error(ENOBUFS)),
            1 => Ok(2),
            3 => Err(io::ErrorKind::NetworkUnreachable.into()),
            // The socket is full.
            _ => Err(io::ErrorKind::WouldBlock.into()),
        });
        assert_eq!((pass.without_room, pass.lost), (vec![4, 5, 0], vec![3]));
    }
}
