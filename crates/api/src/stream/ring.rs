//! The latest events, numbered: what every client is told from, and from which one that comes back
//! gets what it missed. In memory: it begins anew with the process, under another [`StreamId`].
//!
//! A client has a position in the ring and not a copy of what it has not read. Whoever falls behind
//! the ring is told how many events it lost.

use model::event::Event;
use model::{Clock, StreamId, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Events that are kept: those of two hours of 100 devices polled each minute. One without samples
/// has some hundred octets.
pub(crate) const EVENTS_MAX: usize = 16_384;
/// Samples that the kept events hold together: 32 MB, and 12 s of the largest network that one
/// server carries (80,000 samples a second), in which a page is back from a lost connection.
pub(crate) const SAMPLES_MAX: usize = 1_000_000;
/// Events taken at one look, so that a long way back holds nobody up.
const BATCH_MAX: usize = 32;

/// The ring.
pub(crate) struct Ring {
    /// This life of the stream.
    pub(crate) id: StreamId,
    // Never held across an await.
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
}

/// An event, with its number and when it happened.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) event: Arc<Event>,
}

// Invariant: `events` ascends by number; where one is left out it was lost before it came here.
#[derive(Default)]
struct Kept {
    events: VecDeque<Told>,
    samples: usize,
    last: u64,
}

/// What lies behind a position.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing yet.
    Nothing,
    /// The next events, without a gap.
    Events(Vec<Told>),
    /// The next `dropped` events are gone; it goes on behind the number `to`.
    Lost {
        /// How many.
        dropped: u64,
        /// The last of them.
        to: u64,
    },
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self {
            id: StreamId::new(),
            kept: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }

    /// The number of the latest event; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.kept().last
    }

    /// Changes whenever an event is added.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// What lies behind a position.
    pub(crate) fn after(&self, position: u64) -> Step {
        let kept = self.kept();
        if kept.last <= position {
            return Step::Nothing;
        }
        let from = kept.events.partition_point(|told| told.seq <= position);
        let next = kept.events.get(from).map_or(kept.last + 1, |told| told.seq);
        if next > position + 1 {
            return Step::Lost {
                dropped: next - position - 1,
                to: next - 1,
            };
        }
        let events = kept.events.range(from..).zip(next..);
        let events = events.take_while(|(told, seq)| told.seq == *seq);
        Step::Events(
            events
                .take(BATCH_MAX)
                .map(|(told, _)| told.clone())
                .collect(),
        )
    }

    fn add(&self, at: Timestamp, event: Arc<Event>) {
        let mut kept = self.kept();
        kept.last += 1;
        let seq = kept.last;
        kept.samples += samples(&event);
        kept.events.push_back(Told { seq, at, event });
        while kept.events.len() > EVENTS_MAX || kept.samples > SAMPLES_MAX {
            let Some(oldest) = kept.events.pop_front() else {
                break;
            };
            kept.samples -= samples(&oldest.event);
        }
        drop(kept);
        self.last.send_replace(seq);
    }

    /// Counts events that were lost on their way here.
    fn miss(&self, count: u64) {
        let seq = {
            let mut kept = self.kept();
            kept.last += count;
            kept.last
        };
        self.last.send_replace(seq);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what happens into the ring until the server stops.
pub(crate) async fn fill(
    ring: Arc<Ring>,
    mut events: broadcast::Receiver<Arc<Event>>,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = events.recv() => received,
        };
        match received {
            Ok(event) => ring.add(clock.now(), event),
            Err(broadcast::error::RecvError::Lagged(missed)) => ring.miss(missed),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// What an event takes of memory, in samples; the others are small.
fn samples(event: &Event) -> usize {
    match event {
        Event::Samples { samples, .. } => samples.len(),
        // Each is a text of some hundred octets at most.
        Event::DiscoveryProgress(run) => {
            let request = &run.request;
            4 * (request.targets.len() + request.allowed_networks.len() + run.notices.len())
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceId, SeriesId, Value};

    fn add(ring: &Ring, samples: usize) {
        let device_id = DeviceId::new();
        let at = Timestamp::from_unix_ms(0);
        let sample = (SeriesId::new(), Value::U64(1));
        let event = match samples {
            0 => Event::DeviceChanged { device_id },
            _ => Event::Samples {
                device_id,
                at,
                samples: vec![sample; samples],
            },
        };
        ring.add(at, Arc::new(event));
    }

    /// Walks from a position to the end: `1-3 lost 4-9 10` as numbers.
    fn walk(ring: &Ring, mut position: u64) -> (Vec<u64>, u64) {
        let (mut seen, mut lost) = (Vec::new(), 0);
        loop {
            match ring.after(position) {
                Step::Nothing => return (seen, lost),
                Step::Lost { dropped, to } => {
                    lost += dropped;
                    position = to;
                }
                Step::Events(events) => {
                    assert!(events.len() <= BATCH_MAX && !events.is_empty());
                    seen.extend(events.iter().map(|told| told.seq));
                    position = events.last().unwrap().seq;
                }
            }
        }
    }

    #[test]
    fn all_is_told_once_in_order_and_what_is_lost_is_counted() {
        let ring = Ring::new();
        assert_eq!(walk(&ring, 0), (vec![], 0));
        for _ in 0..3 {
            add(&ring, 0);
        }
        ring.miss(5);
        assert_eq!(walk(&ring, 0), (vec![1, 2, 3], 5));
        add(&ring, 0);
        assert_eq!(walk(&ring, 1), (vec![2, 3, 9], 5));
        assert_eq!(walk(&ring, 6), (vec![9], 2));
        assert_eq!(walk(&ring, 9), (vec![], 0));
        assert_eq!(walk(&ring, 70), (vec![], 0), "from another life");
    }

    #[test]
    fn the_ring_is_bounded_by_events() {
        let ring = Ring::new();
        let over = 10;
        for _ in 0..EVENTS_MAX + over {
            add(&ring, 0);
        }
        let (seen, lost) = walk(&ring, 0);
        assert_eq!((seen.len(), lost), (EVENTS_MAX, over as u64));
    }

    #[test]
    fn the_ring_is_bounded_by_samples() {
        let ring = Ring::new();
        for _ in 0..25 {
            add(&ring, SAMPLES_MAX / 10);
        }
        let (seen, lost) = walk(&ring, 0);
        assert_eq!((seen.len(), lost), (10, 15));
        add(&ring, SAMPLES_MAX + 1);
        assert_eq!(walk(&ring, 0), (vec![], 26), "one too large for it");
    }
}
