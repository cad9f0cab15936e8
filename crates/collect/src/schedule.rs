//! When each device is due: pure, in milliseconds since the poller started.
//!
//! Every device has a phase, a stable hash of its id, and is due whenever the time is at its phase
//! modulo its interval. So polls are spread evenly, the times of a device's samples are evenly
//! spaced, and neither a restart nor a neighbour's change moves them. The very first poll of a
//! device comes at once, but no more than one device each [`FIRST_POLL_GAP_MS`].
//!
//! A device that is being polled is not in the queue: it is put back by [`Schedule::finished`], so
//! two polls in flight for one device cannot be expressed.

use model::DeviceId;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Shortest interval unless the poller's options say otherwise.
pub const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// Longest interval.
pub const INTERVAL_MAX: Duration = Duration::from_hours(24);
/// First polls are spaced by this: 10,000 devices are all asked within 20 s of a start, and a
/// device that was just added is asked at once.
const FIRST_POLL_GAP_MS: u64 = 2;
/// Polls in a row that nothing answered before we ask less often.
const BACK_OFF_AFTER_POLLS: u32 = 2;
/// Longest wait that backing off may lead to, in milliseconds: where the interval is longer than
/// this, the interval stays.
const BACK_OFF_MAX_MS: u64 = 300_000;

/// Milliseconds since the poller started.
pub type Ms = u64;

/// Who is due when.
#[derive(Debug)]
pub struct Schedule {
    interval_min: Duration,
    entries: HashMap<DeviceId, Entry>,
    // Invariant: holds (due, id) of exactly the entries that have a due time.
    queue: BTreeSet<(Ms, DeviceId)>,
    next_first: Ms,
    overruns: u64,
}

#[derive(Debug)]
struct Entry {
    interval: Ms,
    /// None while a poll is in flight.
    due: Option<Ms>,
    /// Somebody asked for a poll while one was in flight that may have begun before the change
    /// they wait for.
    again: bool,
}

/// A device whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub device_id: DeviceId,
    /// When it was due.
    pub at: Ms,
}

impl Schedule {
    /// A schedule without devices, in which no interval is shorter than `interval_min`.
    pub fn new(interval_min: Duration) -> Self {
        Self {
            interval_min,
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            next_first: 0,
            overruns: 0,
        }
    }

    /// Adds a device, or changes its interval. Held to the shortest and to [`INTERVAL_MAX`].
    pub fn set(&mut self, device_id: DeviceId, interval: Duration, now: Ms) {
        let interval = interval_ms(interval, self.interval_min);
        match self.entries.get_mut(&device_id) {
            Some(entry) if entry.interval == interval => {}
            Some(entry) => {
                entry.interval = interval;
                // Nobody waits longer for the change than the new interval.
                if let Some(due) = entry.due {
                    let sooner = due.min(next_in_phase(device_id, interval, now));
                    self.put(device_id, sooner);
                }
            }
            None => {
                let first = self.next_first.max(now);
                self.next_first = first.saturating_add(FIRST_POLL_GAP_MS);
                self.entries.insert(
                    device_id,
                    Entry {
                        interval,
                        due: None,
                        again: false,
                    },
                );
                self.put(device_id, first);
            }
        }
    }

    /// Forgets a device.
    pub fn remove(&mut self, device_id: DeviceId) {
        if let Some(Entry { due: Some(due), .. }) = self.entries.remove(&device_id) {
            self.queue.remove(&(due, device_id));
        }
    }

    /// Makes a device due at once; while its poll is in flight, once more right after it.
    pub fn hasten(&mut self, device_id: DeviceId, now: Ms) {
        match self.entries.get_mut(&device_id) {
            None => {}
            Some(entry) if entry.due.is_none() => entry.again = true,
            Some(entry) => {
                let due = entry.due.map_or(now, |due| due.min(now));
                self.put(device_id, due);
            }
        }
    }

    /// Takes out the device that has been due longest; it is in flight from here on.
    pub fn take_due(&mut self, now: Ms) -> Option<Due> {
        let &(at, device_id) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.pop_first();
        if let Some(entry) = self.entries.get_mut(&device_id) {
            entry.due = None;
        }
        Some(Due { device_id, at })
    }

    /// Puts a device back after its poll. `silent_polls` in a row found nothing; see [`wait`].
    /// Times that passed while the poll was under way are left out and counted as overruns.
    pub fn finished(&mut self, device_id: DeviceId, was_due: Ms, silent_polls: u32, now: Ms) {
        let Some(entry) = self.entries.get_mut(&device_id) else {
            return;
        };
        let interval = entry.interval;
        if std::mem::take(&mut entry.again) {
            self.put(device_id, now);
            return;
        }
        let wait = wait(interval, silent_polls);
        // From when it was due and not from now, so that slow polls do not add up. A first poll,
        // or one that was asked for, is out of phase: a fifth of an interval at least lies between
        // it and the next, so that rates mean something, and a fifth more than an interval at most,
        // so that silence is seen in time.
        let mut next = if wait == interval {
            next_in_phase(device_id, interval, was_due.saturating_add(interval / 5))
        } else {
            was_due.saturating_add(wait)
        };
        if next < now {
            self.overruns = self.overruns.saturating_add(1);
            next = next_in_phase(device_id, interval, now);
        }
        self.put(device_id, next);
    }

    /// When the next device is due.
    pub fn next_due(&self) -> Option<Ms> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Devices that are due and still wait for their poll, longest first.
    pub fn overdue(&self, now: Ms) -> impl Iterator<Item = Due> {
        self.queue
            .iter()
            .take_while(move |(at, _)| *at <= now)
            .map(|&(at, device_id)| Due { device_id, at })
    }

    /// Devices there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Times that were left out because a poll was still under way.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    fn put(&mut self, device_id: DeviceId, due: Ms) {
        if let Some(entry) = self.entries.get_mut(&device_id) {
            if let Some(old) = entry.due.replace(due) {
                self.queue.remove(&(old, device_id));
            }
            self.queue.insert((due, device_id));
        }
    }
}

/// Milliseconds to wait after a poll: the interval, and longer for a device that is dead. At most
/// 1.75 intervals, since one that answers again is to be `up` within two, and never beyond
/// [`BACK_OFF_MAX_MS`] for that reason. (The greater saving is that a silent device is asked a
/// single question; see [`crate::poller`].)
pub fn wait(interval: Ms, silent_polls: u32) -> Ms {
    let longer = match silent_polls.saturating_sub(BACK_OFF_AFTER_POLLS) {
        0 => interval,
        1 => interval.saturating_mul(5) / 4,
        2 => interval.saturating_mul(3) / 2,
        _ => interval.saturating_mul(7) / 4,
    };
    longer.min(BACK_OFF_MAX_MS.max(interval))
}

/// The first time at or after `from` that is a device's by its phase.
pub fn next_in_phase(device_id: DeviceId, interval: Ms, from: Ms) -> Ms {
    let interval = interval.max(1);
    let phase = spread(device_id) % interval;
    let behind = from.saturating_add(interval).saturating_sub(phase) % interval;
    from.saturating_add((interval - behind) % interval)
}

/// A hash of an id that is the same on every machine and in every release: FNV-1a of 64 bits with
/// the finisher of SplitMix64, for ids made together differ in a few bits only.
fn spread(device_id: DeviceId) -> u64 {
    let mut hash = device_id
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn interval_ms(interval: Duration, shortest: Duration) -> Ms {
    let held = interval.max(shortest).min(INTERVAL_MAX);
    // At most INTERVAL_MAX, which fits.
    Ms::try_from(held.as_millis()).unwrap_or(Ms::MAX)
}

#[cfg(test)]
mod tests;
