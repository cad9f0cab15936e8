//! What one sender may cost: a bucket of lines for each address, so that a flood of one is dropped
//! and costs nobody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Senders that are told apart: 16 for each of the thousand devices of a large site, and some two
/// megabytes. Beyond them, those that are new share one bucket.
pub const SOURCES_MAX: usize = 16_384;
/// Seconds of its rate that a sender may bring at once: what a device says when it starts.
const BURST_SECS: u64 = 5;
/// How often idle senders are forgotten while there are [`SOURCES_MAX`].
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A line in the units that are counted: refilling goes by the nanosecond.
const LINE: u64 = 1_000_000_000;

/// The buckets of all senders.
#[derive(Debug)]
pub struct Sources {
    per_sec: u64,
    buckets: HashMap<IpAddr, Bucket>,
    /// Of those for which there is no room.
    strangers: Option<Bucket>,
    swept_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// What may come, in billionths of a line.
    left: u64,
    at: Instant,
    /// Lines that were dropped and not told yet.
    dropped: u64,
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
            per_sec: u64::from(lines_per_sec.max(1)),
            buckets: HashMap::new(),
            strangers: None,
            swept_at: None,
        }
    }

    /// Whether a line of a sender is taken; it is counted where not.
    pub fn take(&mut self, source: IpAddr, now: Instant) -> bool {
        let per_sec = self.per_sec;
        if let Some(bucket) = self.buckets.get_mut(&source) {
            return bucket.take(per_sec, now);
        }
        if self.buckets.len() >= SOURCES_MAX {
            self.sweep(now);
        }
        let full = Bucket::full(per_sec, now);
        if self.buckets.len() >= SOURCES_MAX {
            return self.strangers.get_or_insert(full).take(per_sec, now);
        }
        self.buckets
            .entry(source)
            .or_insert(full)
            .take(per_sec, now)
    }

    /// Whose lines were dropped since this was asked last.
    pub fn told(&mut self) -> Vec<Dropped> {
        let mut told: Vec<Dropped> = Vec::new();
        let named = self
            .buckets
            .iter_mut()
            .map(|(source, bucket)| (Some(*source), bucket));
        let strangers = self.strangers.iter_mut().map(|bucket| (None, bucket));
        for (source, bucket) in named
            .chain(strangers)
            .filter(|(_, bucket)| bucket.dropped > 0)
        {
            let lines = std::mem::take(&mut bucket.dropped);
            told.push(Dropped { source, lines });
        }
        told.sort_by_key(|dropped| std::cmp::Reverse(dropped.lines));
        told
    }

    /// Senders that are told apart at present.
    pub fn count(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets those that could bring as much as a new one, and have nothing to tell.
    fn sweep(&mut self, now: Instant) {
        let swept_lately = |at: Instant| now.saturating_duration_since(at) < SWEEP_INTERVAL;
        if self.swept_at.is_some_and(swept_lately) {
            return;
        }
        self.swept_at = Some(now);
        let per_sec = self.per_sec;
        self.buckets.retain(|_, bucket| {
            bucket.refill(per_sec, now);
            bucket.left < burst(per_sec) || bucket.dropped > 0
        });
    }
}

impl Bucket {
    fn full(per_sec: u64, now: Instant) -> Self {
        Self {
            left: burst(per_sec),
            at: now,
            dropped: 0,
        }
    }

    fn refill(&mut self, per_sec: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(per_sec);
        self.left = self.left.saturating_add(more).min(burst(per_sec));
        self.at = now;
    }

    fn take(&mut self, per_sec: u64, now: Instant) -> bool {
        self.refill(per_sec, now);
        if let Some(left) = self.left.checked_sub(LINE) {
            self.left = left;
            return true;
        }
        self.dropped += 1;
        false
    }
}

fn burst(per_sec: u64) -> u64 {
    per_sec.saturating_mul(BURST_SECS * LINE)
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
        let begin = Instant::now();
        let (loud, quiet) = (address(1), address(2));
        let taken = (0..1_000).filter(|_| sources.take(loud, begin)).count();
        assert_eq!(taken, 50);
        assert!(sources.take(quiet, begin));
        let later = begin + Duration::from_secs(2);
        let taken = (0..1_000).filter(|_| sources.take(loud, later)).count();
        assert_eq!(taken, 20);
        let told = Dropped {
            source: Some(loud),
            lines: 950 + 980,
        };
        assert_eq!(sources.told(), [told]);
        assert_eq!(sources.told(), []);
        // A clock that goes backwards gives nothing.
        assert!(!sources.take(loud, begin));
    }

    #[test]
    fn senders_are_bounded_and_idle_ones_forgotten() {
        let mut sources = Sources::new(1);
        let begin = Instant::now();
        let most = u32::try_from(SOURCES_MAX).unwrap();
        for n in 0..most {
            assert!(sources.take(address(n), begin));
        }
        let taken = (0..1_000)
            .filter(|n| sources.take(address(most + n), begin))
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
        assert!(sources.take(address(most), later));
        assert_eq!(sources.count(), 1);
    }
}
