//! What waits to be read of a socket: a queue for each sender, which are served in turn, within a bound
//! for all. Pure.
//!
//! A sender's queue has room of its own for a little; beyond that it may have as much as is still free of
//! the room of all, no more. One that floods takes half of that, two take a third each: something is
//! always left for one that has nothing waiting yet, however many there are, and nothing that was taken in
//! is pushed out. Source: dynamic queue length thresholds (Choudhury and Hahne, IEEE/ACM Transactions on
//! Networking 6(2), 1998), with a factor of one.

use super::Datagram;
use crate::pace::{Lane, SOURCES_MAX};
use std::collections::{HashMap, VecDeque};

/// Octets that wait at one socket beyond what each sender has of its own: some 50,000 lines of logs, a
/// second of them.
pub(super) const WAITING_OCTETS_MAX: usize = 16 << 20;
/// Octets that each sender may have here whatever the others have: a frame of Ethernet, a few lines.
const OWN_OCTETS: usize = 2_048;
/// Senders that have these, which the buckets bound; together 32 MiB.
const LANES_MAX: usize = SOURCES_MAX + 1;
/// What a datagram takes besides its octets: its sender, its place, its part of the allocator.
const DATAGRAM_OVERHEAD_OCTETS: usize = 256;

/// Datagrams by their senders.
// Invariant: `turns` has each lane of `lanes` once, at most LANES_MAX, and none of these is empty; `octets`
// is the sum of what each has beyond OWN_OCTETS, at most WAITING_OCTETS_MAX.
#[derive(Default)]
pub(super) struct Waiting {
    lanes: HashMap<Lane, Queue>,
    turns: VecDeque<Lane>,
    octets: usize,
}

#[derive(Default)]
struct Queue {
    datagrams: VecDeque<Datagram>,
    octets: usize,
}

impl Waiting {
    /// Takes a datagram in; false where it has no room, for its sender has its share.
    pub(super) fn push(&mut self, lane: Lane, datagram: Datagram) -> bool {
        let octets = octets(&datagram);
        let own = self.lanes.get(&lane).map_or(0, |queue| queue.octets);
        let free = WAITING_OCTETS_MAX.saturating_sub(self.octets);
        let more = beyond_own(own + octets) - beyond_own(own);
        let is_one_too_many = own == 0 && self.lanes.len() >= LANES_MAX;
        if is_one_too_many || (more > 0 && own + octets > free) {
            return false;
        }
        if own == 0 {
            self.turns.push_back(lane);
        }
        let queue = self.lanes.entry(lane).or_default();
        queue.datagrams.push_back(datagram);
        queue.octets += octets;
        self.octets += more;
        true
    }

    /// The next: the oldest of the sender whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Datagram> {
        let lane = self.turns.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let datagram = queue.datagrams.pop_front()?;
        let octets = octets(&datagram);
        let rest = queue.octets - octets;
        self.octets -= beyond_own(queue.octets) - beyond_own(rest);
        queue.octets = rest;
        if queue.datagrams.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some(datagram)
    }
}

/// Of the octets of a sender those that are taken of the room of all.
fn beyond_own(octets: usize) -> usize {
    octets.saturating_sub(OWN_OCTETS)
}

fn octets(datagram: &Datagram) -> usize {
    datagram.octets.len() + DATAGRAM_OVERHEAD_OCTETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use std::net::{IpAddr, Ipv4Addr};

    fn sender(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn datagram(number: u32, len: usize) -> Datagram {
        Datagram {
            at: Timestamp::default(),
            source: (sender(number), 514).into(),
            octets: vec![0; len].into(),
        }
    }

    fn push(waiting: &mut Waiting, number: u32, len: usize) -> bool {
        waiting.push(Lane::Of(sender(number)), datagram(number, len))
    }

    /// How many of so long a sender can bring.
    fn filled(waiting: &mut Waiting, number: u32, len: usize) -> usize {
        (0..1_000_000)
            .take_while(|_| push(waiting, number, len))
            .count()
    }

    #[test]
    fn what_one_sender_fills_leaves_room_for_others_and_turns_go_round() {
        let mut waiting = Waiting::default();
        let most = WAITING_OCTETS_MAX / (100 + DATAGRAM_OVERHEAD_OCTETS);
        // Half, and a quarter; what each has of its own is a few of them.
        let own = OWN_OCTETS / (100 + DATAGRAM_OVERHEAD_OCTETS) + 1;
        let first = filled(&mut waiting, 1, 100);
        assert!((most / 2..=most / 2 + own).contains(&first), "{first}");
        let second = filled(&mut waiting, 2, 100);
        let quarter = most / 4 - own..=most / 4 + own;
        assert!(quarter.contains(&second), "{second}");
        // One of the longest there are is let in beside them.
        assert!(push(&mut waiting, 3, 65_000));
        let next: Vec<_> = (0..6).filter_map(|_| waiting.pop()).collect();
        let whose: Vec<_> = next.iter().map(|next| next.source.ip()).collect();
        assert_eq!(whose, [1, 2, 3, 1, 2, 1].map(sender));
        let rest = std::iter::from_fn(|| waiting.pop()).count();
        assert_eq!(rest, first + second - 5);
        assert_eq!(
            (waiting.octets, waiting.lanes.len(), waiting.turns.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn all_senders_that_have_a_bucket_find_room_beside_a_flood() {
        let mut waiting = Waiting::default();
        let flood = filled(&mut waiting, 0, 1_400);
        assert!(flood > 5_000, "{flood}");
        // With that which floods.
        let senders = u32::try_from(SOURCES_MAX).unwrap();
        assert!((1..senders).all(|number| push(&mut waiting, number, 200)));
        let lane = Lane::Strangers;
        assert!(waiting.push(lane, datagram(u32::MAX, 200)));
    }

    #[test]
    fn a_few_hundred_that_flood_leave_room_for_one_that_does_not() {
        let mut waiting = Waiting::default();
        for number in 1..=300 {
            filled(&mut waiting, number, 65_000);
            filled(&mut waiting, number, 1_400);
            filled(&mut waiting, number, 100);
        }
        assert!(waiting.octets <= WAITING_OCTETS_MAX);
        assert!((0..4).all(|_| push(&mut waiting, 0, 200)));
        while waiting.pop().is_some() {}
        assert_eq!(waiting.octets, 0);
    }

    #[test]
    fn what_waits_is_in_the_order_in_which_it_came() {
        let mut waiting = Waiting::default();
        for len in 1..100 {
            assert!(push(&mut waiting, 7, len));
        }
        let lens = std::iter::from_fn(|| waiting.pop()).map(|next| next.octets.len());
        assert!(lens.eq(1..100));
    }
}
