//! What one sender may have kept in a day, of logs and traps together: at the rate that it may bring
//! them, one that floods would push out the history of all by its size.
//!
//! It is counted in memory, and begins anew with each UTC day and each start.

use model::EventRecord;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// Senders that have an allowance of their own, as many as are told apart where lines and traps are
/// received. Others share one, so that made-up addresses take neither memory nor room on disk.
const SENDERS_MAX: usize = 16_384;
/// Senders of a day of which it is logged that theirs is spent: more is a flood of its own.
const TOLD_MAX: u32 = 100;
/// Octets that an event takes besides what it says: its id, time, sender, device and their index.
const EVENT_OCTETS: u64 = 128;
const DAY_MS: i64 = 86_400_000;

/// What is left to each sender. Cheap to clone.
#[derive(Clone)]
pub struct Allowance {
    octets_max: u64,
    over: Counter,
    spent: Arc<Mutex<Spent>>,
}

/// Whether an event of a sender may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Kept,
    /// It may not, and is the first of the day.
    First,
    /// It may not, as those before.
    Over,
}

/// What was kept today.
// Invariant: at most SENDERS_MAX senders besides none.
#[derive(Default)]
struct Spent {
    day: i64,
    by_sender: HashMap<Option<IpAddr>, Spending>,
    told: u32,
}

#[derive(Clone, Copy, Default)]
struct Spending {
    octets: u64,
    is_over: bool,
}

impl Allowance {
    /// Each sender may have so many octets kept in a day. What is over is counted in the registry.
    pub fn register(octets_max: u64, registry: &mut Registry) -> Self {
        let over = Counter::default();
        registry.register(
            "foretell_events_over_allowance",
            "Lines of logs and traps that were not kept since their sender had enough kept that day",
            over.clone(),
        );
        Self {
            octets_max,
            over,
            spent: Arc::default(),
        }
    }

    /// Takes an event from what is left to its sender today.
    pub fn take(&self, event: &EventRecord) -> Verdict {
        let octets = octets(event);
        let day = event.at.unix_ms().div_euclid(DAY_MS);
        let (verdict, is_told) = {
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            spent.take(event.source, day, octets, self.octets_max)
        };
        if verdict != Verdict::Kept {
            self.over.inc();
        }
        if is_told {
            warn!(source = %event.source, "a sender had as much kept today as one may: \
                its lines of logs and traps are dropped until 0:00 UTC (events.sender_bytes_per_day_max)");
        }
        verdict
    }
}

impl Spent {
    /// The verdict, and whether it is to be told.
    fn take(&mut self, source: IpAddr, day: i64, octets: u64, octets_max: u64) -> (Verdict, bool) {
        // What is late by midnight alone is taken from what is left of today; a clock that was far
        // ahead and was set right begins anew.
        if day > self.day || day.saturating_add(1) < self.day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        let source = Some(source);
        let has_room = self.by_sender.len() < SENDERS_MAX || self.by_sender.contains_key(&source);
        let spending = self
            .by_sender
            .entry(source.filter(|_| has_room))
            .or_default();
        if spending.octets < octets_max {
            spending.octets = spending.octets.saturating_add(octets);
            return (Verdict::Kept, false);
        }
        if std::mem::replace(&mut spending.is_over, true) {
            return (Verdict::Over, false);
        }
        self.told += 1;
        (Verdict::First, self.told <= TOLD_MAX)
    }
}

/// What an event takes on disk, about: its text once more in the index of words.
fn octets(event: &EventRecord) -> u64 {
    let mut body = Counted(0);
    if !event.body.is_null() {
        // Counting does not fail.
        let _ = serde_json::to_writer(&mut body, &event.body);
    }
    EVENT_OCTETS
        .saturating_add(2 * event.text.len() as u64)
        .saturating_add(body.0)
}

/// Counts octets instead of writing them.
struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(octets.len() as u64);
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::syslog::{Received, parse};
    use model::log_line::LogTransport;
    use model::{Clock, Timestamp};
    use std::net::Ipv4Addr;
    use store::events::{EventOptions, EventStore};

    const NOW: i64 = 1_800_000_000_000;

    fn line(sender: u32, at_ms: i64, text: &str) -> EventRecord {
        let at = Timestamp::from_unix_ms(at_ms);
        let received = Received {
            at,
            source: Ipv4Addr::from(sender).into(),
            parsed: parse(text.as_bytes(), LogTransport::Udp, at),
        };
        received.into_event(None)
    }

    fn allowance(octets_max: u64) -> Allowance {
        Allowance::register(octets_max, &mut Registry::default())
    }

    #[test]
    fn a_sender_that_floods_all_day_leaves_room_for_others() {
        let one = octets(&line(1, NOW, "<13>a: b"));
        let allowance = allowance(10 * one);
        let take = |sender, at_ms| allowance.take(&line(sender, at_ms, "<13>a: b"));
        for _ in 0..10 {
            assert_eq!(take(1, NOW), Verdict::Kept);
        }
        assert_eq!(take(1, NOW), Verdict::First);
        assert_eq!(take(1, NOW + 1_000), Verdict::Over);
        assert_eq!(take(2, NOW + 1_000), Verdict::Kept);
        assert_eq!(take(1, NOW + DAY_MS), Verdict::Kept);
        // What is late, or a clock that is set back a little, gives nothing.
        for _ in 0..9 {
            assert_eq!(take(1, NOW), Verdict::Kept);
        }
        assert_eq!(take(1, NOW), Verdict::First);
        assert_eq!(allowance.over.get(), 3);
        // One that was years ahead does not close the door for years.
        assert_eq!(take(1, NOW + 1_000 * DAY_MS), Verdict::Kept);
        assert_eq!(take(1, NOW), Verdict::Kept);
        assert_eq!(take(1, NOW), Verdict::Kept);
    }

    #[test]
    fn made_up_senders_share_one_allowance() {
        let one = octets(&line(1, NOW, "<13>a: b"));
        let allowance = allowance(2 * one);
        let most = u32::try_from(SENDERS_MAX).unwrap();
        let kept = (0..most + 1_000)
            .filter(|sender| allowance.take(&line(*sender, NOW, "<13>a: b")) == Verdict::Kept);
        assert_eq!(kept.count(), SENDERS_MAX + 2);
        let spent = allowance.spent.lock().unwrap();
        assert_eq!(spent.by_sender.len(), SENDERS_MAX + 1);
    }

    #[test]
    fn those_whose_allowance_is_spent_are_told_as_far_as_the_bound() {
        let allowance = allowance(1);
        for sender in 0..TOLD_MAX + 10 {
            allowance.take(&line(sender, NOW, "<13>a: b"));
            allowance.take(&line(sender, NOW, "<13>a: b"));
        }
        let mut spent = allowance.spent.lock().unwrap();
        assert_eq!(spent.told, TOLD_MAX + 10);
        let source = Ipv4Addr::from(5_000).into();
        let day = spent.day;
        spent.take(source, day, 1, 1);
        assert_eq!(spent.take(source, day, 1, 1), (Verdict::First, false));
    }

    #[tokio::test]
    async fn what_is_counted_is_about_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(NOW));
        let store = EventStore::open(folder.path(), EventOptions::default(), clock);
        let store = store.unwrap().0;
        let events: Vec<EventRecord> = (0..4_000)
            .map(|n| {
                let text = format!(
                    "<189>{n}: sw{}: Mar  1 08:00:00.123 UTC: %LINEPROTO-5-UPDOWN: Line protocol on \
                     Interface GigabitEthernet1/0/{}, changed state to {}",
                    n % 7,
                    n % 48,
                    if n % 2 == 0 { "up" } else { "down" }
                );
                line(1, NOW + n, &text)
            })
            .collect();
        let counted: u64 = events.iter().map(octets).sum();
        store.append(events).await.unwrap();
        store.close().await;
        let stored = store.stats().size;
        assert!(
            counted > stored / 2 && counted < stored * 2,
            "{counted} of {stored}"
        );
    }
}
