//! What one sender may cost, and whose lines were dropped for it.

use crate::pace::{Lane, Pace, Refusal, SOURCES_MAX};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds of its rate that a sender may bring at once: what a device says when it starts.
const BURST_SECS: u32 = 5;

/// The pace of all senders, and what came over it.
#[derive(Debug)]
pub struct Sources {
    pace: Pace,
    /// Lines that were dropped and not told yet.
    // Invariant: at most SOURCES_MAX senders besides none.
    dropped: HashMap<Option<IpAddr>, u64>,
}

/// Lines of one sender that were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Who; none for the senders together for which there was no room.
    pub source: Option<IpAddr>,
    /// How many since it was told last.
    pub lines: u64,
}

impl Sources {
    /// Each sender may bring so many lines a second, at least one.
    pub fn new(lines_per_sec: u32) -> Self {
        Self {
            pace: Pace::new(lines_per_sec, BURST_SECS),
            dropped: HashMap::new(),
        }
    }

    /// Beside whom a line of a sender waits; none where it is not taken, which is counted. `now` is what
    /// has passed since the listener began.
    pub(crate) fn admit(&mut self, source: IpAddr, now: Duration) -> Option<Lane> {
        let whose = match self.pace.admit(source, now) {
            Ok(lane) => return Some(lane),
            Err(Refusal::TooMany) => Some(source),
            Err(Refusal::TooManyStrangers) => None,
        };
        let has_room = self.dropped.len() < SOURCES_MAX || self.dropped.contains_key(&whose);
        let whose = whose.filter(|_| has_room);
        *self.dropped.entry(whose).or_default() += 1;
        None
    }

    /// Whose lines were dropped since this was asked last, most first.
    pub fn told(&mut self) -> Vec<Dropped> {
        let dropped = self.dropped.drain();
        let mut told: Vec<Dropped> = dropped
            .map(|(source, lines)| Dropped { source, lines })
            .collect();
        told.sort_by_key(|dropped| std::cmp::Reverse(dropped.lines));
        told
    }

    /// Senders that are told apart at present.
    pub fn count(&self) -> usize {
        self.pace.sources()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn a_flood_costs_only_its_sender() {
        let mut sources = Sources::new(10);
        let begin = Duration::from_secs(1);
        let (loud, quiet) = (address(1), address(2));
        let taken = (0..1_000)
            .filter(|_| sources.admit(loud, begin).is_some())
            .count();
        assert_eq!(taken, 50);
        assert!(sources.admit(quiet, begin).is_some());
        let later = begin + Duration::from_secs(2);
        let taken = (0..1_000)
            .filter(|_| sources.admit(loud, later).is_some())
            .count();
        assert_eq!(taken, 20);
        let told = Dropped {
            source: Some(loud),
            lines: 950 + 980,
        };
        assert_eq!(sources.told(), [told]);
        assert_eq!(sources.told(), []);
        // A clock that goes backwards gives nothing.
        assert!(sources.admit(loud, begin).is_none());
    }

    #[test]
    fn senders_are_bounded_and_idle_ones_forgotten() {
        let mut sources = Sources::new(1);
        let begin = Duration::from_secs(1);
        let most = u32::try_from(SOURCES_MAX).unwrap();
        for n in 0..most {
            assert!(sources.admit(address(n), begin).is_some());
        }
        let taken = (0..1_000)
            .filter(|n| sources.admit(address(most + n), begin).is_some())
            .count();
        assert_eq!((taken, sources.count()), (5, SOURCES_MAX));
        assert_eq!(
            sources.told(),
            [Dropped {
                source: None,
                lines: 995
            }]
        );
        let later = begin + Duration::from_mins(1);
        assert!(sources.admit(address(most), later).is_some());
        assert_eq!(sources.count(), 1);
    }
}
