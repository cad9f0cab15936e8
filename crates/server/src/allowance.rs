//! What one sender may have kept in a day, of logs and again of traps: at the rate that it may bring
//! them, one that floods would push out the history of all by its size. Each kind has an allowance of
//! its own, for a line by datagram may bear any address: no such flood silences a device's traps.
//!
//! It is counted in memory, and begins anew with each UTC day and each start.

use crate::own_line::{OTHERS, own_line};
use model::{EventKind, EventRecord};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// Senders of a kind that have an allowance of their own, as many as are told apart where lines and
/// traps are received. Others share one, so that made-up addresses take neither memory nor room on disk.
const SENDERS_MAX: usize = 16_384;
/// Senders of a kind and a day of which it is logged that theirs is spent: more is a flood of its own.
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
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may, and took so much.
    Kept(Taken),
    /// It may not, and is the first of the day: what is said of it in its sender's log.
    First(Box<EventRecord>),
    /// It may not, as those before.
    Over,
}

/// What an event took, to be given back where it is not kept after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    kind: EventKind,
    /// None is what is shared.
    sender: Option<IpAddr>,
    day: i64,
    octets: u64,
}

/// What was kept today.
#[derive(Default)]
struct Spent {
    day: i64,
    by_kind: HashMap<EventKind, Senders>,
}

/// What was kept of one kind.
// Invariant: at most SENDERS_MAX senders besides none.
#[derive(Default)]
struct Senders {
    by_sender: HashMap<Option<IpAddr>, Spending>,
    told: u32,
}

#[derive(Clone, Copy, Default)]
struct Spending {
    octets: u64,
    is_over: bool,
    is_told: bool,
}

/// What is found where something is to be taken.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Room(Taken),
    FirstOver {
        /// None is what is shared.
        sender: Option<IpAddr>,
        /// Whether it is to be logged.
        is_told: bool,
    },
    Over,
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
        let found = self
            .spent()
            .take(event.kind, event.source, day, octets, self.octets_max);
        let (sender, is_told) = match found {
            Found::Room(taken) => return Verdict::Kept(taken),
            Found::FirstOver { sender, is_told } => (sender, is_told),
            Found::Over => {
                self.over.inc();
                return Verdict::Over;
            }
        };
        self.over.inc();
        let what = match event.kind {
            EventKind::Trap => "traps",
            _ => "lines",
        };
        if is_told && let Some(source) = sender {
            warn!(%source, "a sender had as much kept today as one may: its {what} are dropped \
                until 0:00 UTC (events.sender_bytes_per_day_max)");
        } else if is_told {
            warn!(
                "senders beyond {SENDERS_MAX} had as much kept today as one may: their {what} are \
                 dropped until 0:00 UTC (events.sender_bytes_per_day_max)"
            );
        }
        let (source, device_id, senders) = match sender {
            Some(source) => (source, event.device_id, "this sender".to_owned()),
            None => (OTHERS, None, format!("senders beyond {SENDERS_MAX}")),
        };
        let text = format!(
            "foretell: further {what} of {senders} are dropped until 0:00 UTC, \
             more than events.sender_bytes_per_day_max"
        );
        Verdict::First(Box::new(own_line(event.at, source, device_id, text)))
    }

    /// Gives back what the last ones of a batch took, as many as were not kept: it is the last ones
    /// for which there is no room.
    pub fn give_back(&self, batch: &[Taken], not_kept: u64) {
        let count = usize::try_from(not_kept).unwrap_or(usize::MAX);
        let mut spent = self.spent();
        for taken in batch.iter().rev().take(count) {
            spent.give_back(taken, self.octets_max);
        }
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn take(
        &mut self,
        kind: EventKind,
        source: IpAddr,
        day: i64,
        octets: u64,
        octets_max: u64,
    ) -> Found {
        // What is late by midnight alone is taken from what is left of today; a clock that was far
        // ahead and was set right begins anew.
        if day > self.day || day.saturating_add(1) < self.day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        let senders = self.by_kind.entry(kind).or_default();
        let source = Some(source);
        let has_room =
            senders.by_sender.len() < SENDERS_MAX || senders.by_sender.contains_key(&source);
        let sender = source.filter(|_| has_room);
        let spending = senders.by_sender.entry(sender).or_default();
        if spending.octets < octets_max {
            spending.octets = spending.octets.saturating_add(octets);
            return Found::Room(Taken {
                kind,
                sender,
                day: self.day,
                octets,
            });
        }
        if std::mem::replace(&mut spending.is_over, true) {
            return Found::Over;
        }
        let was_told = std::mem::replace(&mut spending.is_told, true);
        senders.told += u32::from(!was_told);
        Found::FirstOver {
            sender,
            is_told: !was_told && senders.told <= TOLD_MAX,
        }
    }

    fn give_back(&mut self, taken: &Taken, octets_max: u64) {
        // What was taken on a day before is given back already.
        let senders = self
            .by_kind
            .get_mut(&taken.kind)
            .filter(|_| taken.day == self.day);
        let spending = senders.and_then(|senders| senders.by_sender.get_mut(&taken.sender));
        if let Some(spending) = spending {
            spending.octets = spending.octets.saturating_sub(taken.octets);
            // What was said in its log was not kept either, and is said again when it is over again.
            spending.is_over &= spending.octets >= octets_max;
        }
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

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Kept(_) => "kept",
            Verdict::First(_) => "first",
            Verdict::Over => "over",
        }
    }

    #[test]
    fn a_sender_that_floods_all_day_leaves_room_for_others() {
        let one = octets(&line(1, NOW, "<13>a: b"));
        let allowance = allowance(10 * one);
        let take = |sender, at_ms| word(&allowance.take(&line(sender, at_ms, "<13>a: b")));
        for _ in 0..10 {
            assert_eq!(take(1, NOW), "kept");
        }
        assert_eq!(take(1, NOW), "first");
        assert_eq!(take(1, NOW + 1_000), "over");
        assert_eq!(take(2, NOW + 1_000), "kept");
        assert_eq!(take(1, NOW + DAY_MS), "kept");
        // What is late, or a clock that is set back a little, gives nothing.
        for _ in 0..9 {
            assert_eq!(take(1, NOW), "kept");
        }
        assert_eq!(take(1, NOW), "first");
        assert_eq!(allowance.over.get(), 3);
        // One that was years ahead does not close the door for years.
        assert_eq!(take(1, NOW + 1_000 * DAY_MS), "kept");
        assert_eq!(take(1, NOW), "kept");
        assert_eq!(take(1, NOW), "kept");
    }

    #[test]
    fn made_up_senders_share_one_allowance() {
        let one = octets(&line(1, NOW, "<13>a: b"));
        let allowance = allowance(2 * one);
        let most = u32::try_from(SENDERS_MAX).unwrap();
        let verdicts =
            (0..most + 1_000).map(|sender| allowance.take(&line(sender, NOW, "<13>a: b")));
        let (kept, mut over) =
            verdicts.partition::<Vec<Verdict>, _>(|verdict| word(verdict) == "kept");
        assert_eq!(kept.len(), SENDERS_MAX + 2);
        over.retain(|verdict| word(verdict) == "first");
        // It is told of them all, and not of the one that happened to be the first.
        let [Verdict::First(told)] = over.as_slice() else {
            panic!("{over:?}");
        };
        assert_eq!(told.source, OTHERS);
        assert!(told.text.contains("senders beyond 16384 "), "{told:?}");
        let spent = allowance.spent();
        let lines = &spent.by_kind[&EventKind::Log];
        assert_eq!(lines.by_sender.len(), SENDERS_MAX + 1);
    }

    #[test]
    fn those_whose_allowance_is_spent_are_told_as_far_as_the_bound() {
        let allowance = allowance(1);
        for sender in 0..TOLD_MAX + 10 {
            allowance.take(&line(sender, NOW, "<13>a: b"));
            allowance.take(&line(sender, NOW, "<13>a: b"));
        }
        let mut spent = allowance.spent();
        assert_eq!(spent.by_kind[&EventKind::Log].told, TOLD_MAX + 10);
        let source = Ipv4Addr::from(5_000).into();
        let day = spent.day;
        spent.take(EventKind::Log, source, day, 1, 1);
        assert_eq!(
            spent.take(EventKind::Log, source, day, 1, 1),
            Found::FirstOver {
                sender: Some(source),
                is_told: false
            }
        );
    }

    #[test]
    fn a_flood_of_lines_under_the_address_of_a_device_leaves_its_traps() {
        let allowance = allowance(1);
        let line = line(1, NOW, "<13>a: b");
        let trap = EventRecord {
            kind: EventKind::Trap,
            ..line.clone()
        };
        assert_eq!(word(&allowance.take(&line)), "kept");
        assert_eq!(word(&allowance.take(&line)), "first");
        assert_eq!(word(&allowance.take(&trap)), "kept");
        let Verdict::First(told) = allowance.take(&trap) else {
            panic!("the first trap over the bound is told");
        };
        assert_eq!((told.kind, told.source), (EventKind::Log, trap.source));
        assert!(
            told.text.contains("further traps of this sender"),
            "{told:?}"
        );
    }

    #[test]
    fn what_a_full_disk_did_not_keep_is_not_spent() {
        let one = octets(&line(1, NOW, "<13>a: b"));
        let allowance = allowance(3 * one);
        let take = |at_ms| allowance.take(&line(1, at_ms, "<13>a: b"));
        let batch = || -> Vec<Taken> {
            let verdicts = (0..5).map(|_| take(NOW));
            let taken = verdicts.filter_map(|verdict| match verdict {
                Verdict::Kept(taken) => Some(taken),
                _ => None,
            });
            taken.collect()
        };
        let first = batch();
        assert_eq!(first.len(), 3);
        allowance.give_back(&first, 2);
        // Those of the batch that were kept stay spent, and it is told anew.
        assert_eq!(word(&take(NOW)), "kept");
        assert_eq!(word(&take(NOW)), "kept");
        assert_eq!(word(&take(NOW)), "first");
        // What was taken yesterday is not given back today.
        assert_eq!(word(&take(NOW + DAY_MS)), "kept");
        allowance.give_back(&first, 3);
        assert_eq!(word(&take(NOW + DAY_MS)), "kept");
        assert_eq!(word(&take(NOW + DAY_MS)), "kept");
        assert_eq!(word(&take(NOW + DAY_MS)), "first");
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
