//! What waits to be read of a socket: a queue for each sender, which are served in turn, within a bound
//! for all. Pure.
//!
//! A sender's queue may have as much as is still free of all the room, no more. One that floods takes
//! half of it, two take a third each: something is always left for one that has nothing waiting yet, and
//! nothing that was taken in is pushed out. Source: dynamic queue length thresholds (Choudhury and
//! Hahne, IEEE/ACM Transactions on Networking 6(2), 1998), with a factor of one.

use super::Datagram;
use crate::pace::Lane;
use std::collections::{HashMap, VecDeque};

/// Octets that wait at one socket, of all senders: some 50,000 lines of logs, a second of them; each
/// sender that there is a bucket for could have two of them here at the same time.
pub(super) const WAITING_OCTETS_MAX: usize = 16 << 20;
/// What a datagram takes besides its octets: its sender, its place, its part of the allocator.
const DATAGRAM_OVERHEAD_OCTETS: usize = 256;

/// Datagrams by their senders.
// Invariant: `turns` has each lane of `lanes` once, and none of these is empty; `octets` is their sum, at
// most WAITING_OCTETS_MAX.
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
        if own + octets > free {
            return false;
        }
        if own == 0 {
            self.turns.push_back(lane);
        }
        let queue = self.lanes.entry(lane).or_default();
        queue.datagrams.push_back(datagram);
        queue.octets += octets;
        self.octets += octets;
        true
    }

    /// The next: the oldest of the sender whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Datagram> {
        let lane = self.turns.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let datagram = queue.datagrams.pop_front()?;
        let octets = octets(&datagram);
        queue.octets -= octets;
        self.octets -= octets;
        if queue.datagrams.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some(datagram)
    }
}

fn octets(datagram: &Datagram) -> usize {
    datagram.octets.len() + DATAGRAM_OVERHEAD_OCTETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::SOURCES_MAX;
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
        // One more is let in while what is free is as much as the sender has with it.
        let first = filled(&mut waiting, 1, 100);
        assert_eq!(first, most.div_ceil(2));
        let second = filled(&mut waiting, 2, 100);
        assert!((most / 4..=most / 4 + 1).contains(&second), "{second}");
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
        let senders = u32::try_from(SOURCES_MAX).unwrap();
        assert!((1..=senders).all(|number| push(&mut waiting, number, 200)));
        let lane = Lane::Strangers;
        assert!(waiting.push(lane, datagram(u32::MAX, 200)));
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
