//! What the poller counts about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How the poller does. Counters count from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollerStats {
    /// Devices that are polled.
    pub devices: u64,
    /// Polls in flight.
    pub in_flight: u64,
    /// Devices that are due and wait for one of the polls in flight to end.
    pub waiting: u64,
    /// Polls that ended.
    pub polls: u64,
    /// Polls that nothing answered.
    pub polls_silent: u64,
    /// Polls left out because the one before was still under way.
    pub overruns: u64,
    /// Polls that ran into their deadline.
    pub deadlines: u64,
    /// How often the bound on polls in flight kept a device waiting.
    pub in_flight_bound_hits: u64,
    /// Reports that waited because the channel was full.
    pub reports_waited: u64,
    /// Polls that began so late that only what changes was read.
    pub postponed: u64,
    /// Polls that ended in a panic. Always a mistake of ours.
    pub panics: u64,
    /// How much later than due the latest poll began.
    pub lag: Duration,
    /// The worst of these so far.
    pub lag_max: Duration,
}

/// The same, as it is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) devices: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) polls: AtomicU64,
    pub(super) polls_silent: AtomicU64,
    pub(super) overruns: AtomicU64,
    pub(super) deadlines: AtomicU64,
    pub(super) in_flight_bound_hits: AtomicU64,
    pub(super) reports_waited: AtomicU64,
    pub(super) postponed: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) lag_ms: AtomicU64,
    pub(super) lag_max_ms: AtomicU64,
}

impl Counts {
    pub(super) fn read(&self) -> PollerStats {
        let read = |count: &AtomicU64| count.load(Relaxed);
        PollerStats {
            devices: read(&self.devices),
            in_flight: read(&self.in_flight),
            waiting: read(&self.waiting),
            polls: read(&self.polls),
            polls_silent: read(&self.polls_silent),
            overruns: read(&self.overruns),
            deadlines: read(&self.deadlines),
            in_flight_bound_hits: read(&self.in_flight_bound_hits),
            reports_waited: read(&self.reports_waited),
            postponed: read(&self.postponed),
            panics: read(&self.panics),
            lag: Duration::from_millis(read(&self.lag_ms)),
            lag_max: Duration::from_millis(read(&self.lag_max_ms)),
        }
    }

    /// Counts one more.
    pub(super) fn one(count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
    }

    /// Sets a gauge.
    pub(super) fn set(count: &AtomicU64, to: usize) {
        count.store(to as u64, Relaxed);
    }

    pub(super) fn lag(&self, ms: u64) {
        self.lag_ms.store(ms, Relaxed);
        self.lag_max_ms.fetch_max(ms, Relaxed);
    }
}
