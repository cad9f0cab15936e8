//! How much each sender may bring: a token bucket for each address, so that a flood of one costs
//! only that one. Logs and traps have one of these each. Pure; time is given as what has passed
//! since the listener began.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Senders that have a bucket of their own: 16 for each of the thousand devices of a large site, and
/// some two megabytes. Others share one, so that a flood from made-up addresses takes no memory.
pub(crate) const SOURCES_MAX: usize = 16_384;
/// How often idle senders are forgotten while there are [`SOURCES_MAX`]: looking at all of them for
/// every made-up sender would be the flood's work.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// One datagram or line in the units that are counted: refilling goes by the nanosecond.
const ONE: u64 = 1_000_000_000;

/// Who came so long ago for the first time is no passer-by: a flood of made-up senders, each seen once,
/// does not take its bucket.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// How long one that settled may be silent and keeps its bucket.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Whose bucket something was taken from, and so beside whom it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// One sender's.
    Of(IpAddr),
    /// That of all senders for whom there is no bucket.
    Strangers,
}

/// Why what a sender brings is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its sender brings too much.
    TooMany,
    /// Too much comes from senders for whom there is no bucket.
    TooManyStrangers,
}

/// What is left to a sender.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Billionths of one.
    left: u64,
    at: Duration,
    /// When its sender came first.
    since: Duration,
}

/// What one sender may bring.
#[derive(Clone, Copy, Debug)]
struct Share {
    per_sec: u64,
    /// Of a full bucket, in billionths of one.
    burst: u64,
}

/// Buckets by sender.
// Invariant: at most SOURCES_MAX buckets.
#[derive(Debug)]
pub(crate) struct Pace {
    share: Share,
    buckets: HashMap<IpAddr, Bucket>,
    strangers: Bucket,
    swept_at: Option<Duration>,
}

impl Pace {
    /// Each sender may bring so many a second, at least one, and so many seconds of them at once.
    pub(crate) fn new(per_sec: u32, burst_secs: u32) -> Self {
        let per_sec = u64::from(per_sec.max(1));
        let burst = per_sec
            .saturating_mul(u64::from(burst_secs))
            .saturating_mul(ONE);
        Self {
            share: Share { per_sec, burst },
            buckets: HashMap::new(),
            strangers: Bucket {
                left: burst,
                at: Duration::ZERO,
                since: Duration::ZERO,
            },
            swept_at: None,
        }
    }

    /// Takes one from a sender's bucket; answers which that is.
    pub(crate) fn admit(&mut self, source: IpAddr, now: Duration) -> Result<Lane, Refusal> {
        let share = self.share;
        if let Some(bucket) = self.buckets.get_mut(&source) {
            let is_taken = bucket.take(share, now);
            return is_taken.then_some(Lane::Of(source)).ok_or(Refusal::TooMany);
        }
        if self.buckets.len() >= SOURCES_MAX {
            self.sweep(now);
        }
        if self.buckets.len() >= SOURCES_MAX {
            let is_taken = self.strangers.take(share, now);
            let lane = is_taken.then_some(Lane::Strangers);
            return lane.ok_or(Refusal::TooManyStrangers);
        }
        let full = Bucket {
            left: share.burst,
            at: now,
            since: now,
        };
        let bucket = self.buckets.entry(source).or_insert(full);
        let is_taken = bucket.take(share, now);
        is_taken.then_some(Lane::Of(source)).ok_or(Refusal::TooMany)
    }

    /// Senders that have a bucket.
    pub(crate) fn sources(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets those whose bucket is full again, which is as good as none; of those that settled only the
    /// ones that have been silent for long, for theirs would be taken by passers-by.
    fn sweep(&mut self, now: Duration) {
        let swept_lately = |at: Duration| now.saturating_sub(at) < SWEEP_INTERVAL;
        if self.swept_at.is_some_and(swept_lately) {
            return;
        }
        self.swept_at = Some(now);
        let share = self.share;
        self.buckets
            .retain(|_, bucket| bucket.is_kept(now) || bucket.refilled(share, now) < share.burst);
        // All seem to have settled: those that are silent now make room, else who is new has none.
        if self.buckets.len() >= SOURCES_MAX {
            self.buckets.retain(|_, bucket| {
                let is_silent = now.saturating_sub(bucket.at) >= SETTLED_AFTER;
                !is_silent || bucket.refilled(share, now) < share.burst
            });
        }
    }
}

impl Bucket {
    fn refilled(&self, share: Share, now: Duration) -> u64 {
        let passed = now.saturating_sub(self.at).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(share.per_sec);
        self.left.saturating_add(more).min(share.burst)
    }

    fn take(&mut self, share: Share, now: Duration) -> bool {
        let refilled = self.refilled(share, now);
        let rest = refilled.checked_sub(ONE);
        self.left = rest.unwrap_or(refilled);
        self.at = now.max(self.at);
        rest.is_some()
    }

    /// Whether its sender settled, and came lately.
    fn is_kept(&self, now: Duration) -> bool {
        self.at.saturating_sub(self.since) >= SETTLED_AFTER
            && now.saturating_sub(self.at) < REMEMBERED
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
        let mut pace = Pace::new(10, 20);
        let now = Duration::from_secs(1);
        let admitted = (0..1_000)
            .filter(|_| pace.admit(at(1), now).is_ok())
            .count();
        assert_eq!(admitted, 200);
        assert_eq!(pace.admit(at(2), now), Ok(Lane::Of(at(2))));
        // What was taken comes back with time, no more than a burst of it.
        let later = now + Duration::from_millis(250);
        let admitted = (0..10).filter(|_| pace.admit(at(1), later).is_ok());
        assert_eq!(admitted.count(), 2);
        let much_later = now + Duration::from_hours(1);
        let admitted = (0..1_000)
            .filter(|_| pace.admit(at(1), much_later).is_ok())
            .count();
        assert_eq!(admitted, 200);
        // A clock that goes backwards gives nothing.
        assert_eq!(pace.admit(at(1), now), Err(Refusal::TooMany));
    }

    #[test]
    fn made_up_senders_take_no_memory() {
        let mut pace = Pace::new(10, 20);
        let now = Duration::from_secs(1);
        let mut refused = 0;
        for number in 0..100_000 {
            if pace.admit(at(number), now) == Err(Refusal::TooManyStrangers) {
                refused += 1;
            }
        }
        assert_eq!(pace.sources(), SOURCES_MAX);
        assert_eq!(refused, 100_000 - SOURCES_MAX - 200);
        // Once they are idle they make room.
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.admit(at(200_000), later), Ok(Lane::Of(at(200_000))));
        assert_eq!(pace.sources(), 1);
    }

    #[test]
    fn made_up_senders_do_not_take_the_bucket_of_one_that_was_there_before() {
        let mut pace = Pace::new(10, 20);
        let (device, mut made_up) = (at(1), 100);
        for second in 0..100 {
            let now = Duration::from_secs(second);
            assert_eq!(pace.admit(device, now), Ok(Lane::Of(device)));
            // More of them than there are buckets, once the device has settled.
            let flood = if second > 10 { 20_000 } else { 0 };
            for _ in 0..flood {
                made_up += 1;
                let _ = pace.admit(at(made_up), now);
            }
        }
        assert_eq!(pace.sources(), SOURCES_MAX);
        // It was silent for long, and makes room.
        let later = Duration::from_secs(100) + REMEMBERED;
        assert!(pace.admit(at(2), later).is_ok());
        assert_eq!(pace.sources(), 1);
    }
}
