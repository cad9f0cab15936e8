//! How much each sender may send: a token bucket for each address, so that a flood of one costs
//! only that one. Pure; time is given as what has passed since the listener began.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Senders that have a bucket of their own. Others share one, so that a flood from made-up addresses
/// cannot take memory; a monitored network has this many senders at most.
pub const SOURCES_MAX: usize = 16_384;
/// Seconds of its rate that a sender may send at once: a chassis that restarts sends a trap a port.
pub const BURST_SECS: u32 = 20;
/// Buckets that are looked at for one to give up when a new sender comes. A full table costs no more.
const LOOKED_AT_MAX: usize = 16;

/// Whether a datagram may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// Its sender sends too much.
    TooMany,
    /// Too much comes from senders for whom there is no bucket.
    TooManyStrangers,
}

/// What is left to a sender.
#[derive(Clone, Copy)]
struct Bucket {
    /// Thousandths of a datagram.
    left: u64,
    at: Duration,
}

/// Buckets by sender.
// Invariant: at most SOURCES_MAX buckets.
pub(super) struct Pace {
    /// Datagrams a second.
    rate: u64,
    buckets: HashMap<IpAddr, Bucket>,
    others: Bucket,
}

impl Pace {
    /// So many datagrams a second for each sender.
    pub(super) fn new(rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        Self {
            rate,
            buckets: HashMap::new(),
            others: Bucket {
                left: full(rate),
                at: Duration::ZERO,
            },
        }
    }

    /// Takes one from a sender's bucket.
    pub(super) fn admit(&mut self, source: IpAddr, now: Duration) -> Admission {
        let rate = self.rate;
        if let Some(bucket) = self.buckets.get_mut(&source) {
            return taken(bucket.take(rate, now), Admission::TooMany);
        }
        if self.buckets.len() >= SOURCES_MAX && !self.give_up_one(now) {
            return taken(self.others.take(rate, now), Admission::TooManyStrangers);
        }
        let mut bucket = Bucket {
            left: full(rate),
            at: now,
        };
        bucket.take(rate, now);
        self.buckets.insert(source, bucket);
        Admission::Admitted
    }

    /// Senders that have a bucket.
    pub(super) fn sources(&self) -> usize {
        self.buckets.len()
    }

    /// Gives up a bucket that is full again, which is as good as none.
    fn give_up_one(&mut self, now: Duration) -> bool {
        let rate = self.rate;
        let mut looked_at = self.buckets.iter().take(LOOKED_AT_MAX);
        let idle = looked_at.find(|(_, bucket)| bucket.refilled(rate, now) >= full(rate));
        match idle.map(|(source, _)| *source) {
            Some(source) => self.buckets.remove(&source).is_some(),
            None => false,
        }
    }
}

impl Bucket {
    fn refilled(&self, rate: u64, now: Duration) -> u64 {
        let passed_ms = now.saturating_sub(self.at).as_millis();
        let gained = u64::try_from(passed_ms).unwrap_or(u64::MAX);
        // A rate of so many a second is as many thousandths a millisecond.
        self.left
            .saturating_add(gained.saturating_mul(rate))
            .min(full(rate))
    }

    fn take(&mut self, rate: u64, now: Duration) -> bool {
        let refilled = self.refilled(rate, now);
        let rest = refilled.checked_sub(1_000);
        *self = Self {
            left: rest.unwrap_or(refilled),
            at: now.max(self.at),
        };
        rest.is_some()
    }
}

fn full(rate: u64) -> u64 {
    rate.saturating_mul(u64::from(BURST_SECS))
        .saturating_mul(1_000)
}

fn taken(is_taken: bool, otherwise: Admission) -> Admission {
    if is_taken {
        Admission::Admitted
    } else {
        otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn a_flood_of_one_costs_only_that_one() {
        let mut pace = Pace::new(10);
        let now = Duration::from_secs(1);
        let admitted = (0..1_000)
            .filter(|_| pace.admit(at(1), now) == Admission::Admitted)
            .count();
        assert_eq!(admitted, 200);
        assert_eq!(pace.admit(at(2), now), Admission::Admitted);
        // What was taken comes back with time, no more than a burst of it.
        let later = now + Duration::from_millis(250);
        let admitted = (0..10).filter(|_| pace.admit(at(1), later) == Admission::Admitted);
        assert_eq!(admitted.count(), 2);
        let much_later = now + Duration::from_hours(1);
        let admitted = (0..1_000)
            .filter(|_| pace.admit(at(1), much_later) == Admission::Admitted)
            .count();
        assert_eq!(admitted, 200);
    }

    #[test]
    fn made_up_senders_take_no_memory() {
        let mut pace = Pace::new(10);
        let now = Duration::from_secs(1);
        let mut refused = 0;
        for number in 0..100_000 {
            if pace.admit(at(number), now) == Admission::TooManyStrangers {
                refused += 1;
            }
        }
        assert_eq!(pace.sources(), SOURCES_MAX);
        assert_eq!(refused, 100_000 - SOURCES_MAX - 200);
        // Once they are idle they make room.
        assert_eq!(
            pace.admit(at(200_000), now + Duration::from_mins(1)),
            Admission::Admitted
        );
        assert_eq!(pace.sources(), SOURCES_MAX);
    }
}
