//! What one thread of a server works with: its responder, its chance, and the requests that are held
//! back because their agents are slow.

use super::Audience;
use crate::agent::Agent;
use crate::agent::respond::Responder;
use crate::agent::socket::AgentSocket;
use nix::sys::socket::SockaddrStorage;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::time::Instant;

/// Requests that one thread holds back at once: a few for each of 10,000 devices that are all slow.
const DELAYED_MAX: usize = 32 * 1024;
/// Their octets. A request of a few names has a hundred.
const DELAYED_OCTETS_MAX: usize = 16 * 1024 * 1024;
/// A thread's own; see above.
pub(super) struct Desk {
    pub(super) responder: Responder,
    pub(super) random: Random,
    held: BinaryHeap<Reverse<Held>>,
    held_octets: usize,
    taken: u64,
}

/// A request that is answered later. Ordered by its time, then by its coming.
struct Held {
    due: Instant,
    order: u64,
    octets: Box<[u8]>,
    from: SockaddrStorage,
    to: Option<Ipv4Addr>,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl Desk {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            responder: Responder::default(),
            random: Random(seed),
            held: BinaryHeap::new(),
            held_octets: 0,
            taken: 0,
        }
    }

    pub(super) fn answer(
        &mut self,
        socket: &AgentSocket,
        agent: &Agent,
        octets: &[u8],
        from: &SockaddrStorage,
        to: Option<Ipv4Addr>,
        now: Instant,
    ) {
        let Some(answer) = self.responder.respond(agent, octets, now) else {
            return;
        };
        let length = answer.len() as u64;
        let sent = socket.send(answer, from, to);
        let tally = &mut self.responder.tally;
        match sent {
            Ok(()) => {
                tally.datagrams_out += 1;
                tally.octets_out += length;
            }
            Err(_) => tally.unsent += 1,
        }
    }

    pub(super) fn hold(
        &mut self,
        octets: &[u8],
        from: SockaddrStorage,
        to: Option<Ipv4Addr>,
        due: Instant,
    ) {
        let held_octets = self.held_octets + octets.len();
        if self.held.len() >= DELAYED_MAX || held_octets > DELAYED_OCTETS_MAX {
            self.responder.tally.delayed_overflow += 1;
            return;
        }
        self.held_octets = held_octets;
        self.taken += 1;
        self.held.push(Reverse(Held {
            due,
            order: self.taken,
            octets: octets.into(),
            from,
            to,
        }));
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    pub(super) fn answer_late(&mut self, socket: &AgentSocket, audience: &Audience, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse(held)) = self.held.pop() else {
                return;
            };
            self.held_octets -= held.octets.len();
            if let Some(agent) = audience.whom(held.to) {
                self.answer(socket, agent, &held.octets, &held.from, held.to, now);
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): enough to lose datagrams by.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 32) as u32
    }
}
