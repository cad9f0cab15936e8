//! The poller: every device asked in its time, never two polls in flight for one.
//!
//! [`Poller`] is the handle. Behind it one task ([`dispatch`]) holds the [`crate::schedule`] and
//! what is remembered of each device ([`memory`]); a poll ([`poll`]) is a short task that takes
//! that memory with it and brings it back, so that two polls cannot share it. What a poll found
//! leaves as a [`PollReport`] by the bounded channel that the caller gave.

mod access_points;
mod dispatch;
mod evidence;
mod memory;
mod poll;
mod stats;

use crate::icmp::Pinger;
use crate::profile::Profiles;
use crate::reading::Reading;
use crate::snmp::{Glimpse, Groups};
use model::device::{Identity, Said};
use model::facts::Facts;
use model::status::{Evidence, Status};
use model::{Clock, DeviceId, Timestamp};
use snmp::{Credentials, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use stats::PollerStats;

/// A device to poll.
#[derive(Clone)]
pub struct Target {
    /// Which.
    pub device_id: DeviceId,
    /// Where its agent listens; echo requests go to the address.
    pub address: SocketAddr,
    /// What it is asked with; none means that SNMP is not asked.
    pub credentials: Option<Arc<Credentials>>,
    /// From poll to poll; held to 5 s to 86,400 s.
    pub interval: Duration,
    /// Name of the profile that it is read by; none: by those that match it.
    pub profile: Option<Arc<str>>,
}

/// How the poller works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollerOptions {
    /// Polls in flight at most, over all devices.
    pub in_flight_max: usize,
    /// Longest wait for one answer; a short interval makes it shorter.
    pub answer_timeout: Duration,
    /// Longest time for one poll, however short the interval: an agent that needs 8 s for its
    /// tables is still read every 10 s when it should be every 5.
    pub deadline_min: Duration,
    /// Longest time for one poll, however long the interval: so long a place among the polls in
    /// flight is held at most.
    pub deadline_max: Duration,
    /// Shortest interval of a device; a shorter one is held to it.
    pub interval_min: Duration,
    /// Time from one reading of what seldom changes (system, interfaces, addresses, VLANs; neighbours
    /// where their marker stands still) to the next.
    pub details_interval: Duration,
    /// Time from one reading of the parts of a device to the next.
    pub inventory_interval: Duration,
}

impl PollerOptions {
    /// How long a poll of a device may take.
    fn deadline(&self, interval: Duration) -> Duration {
        interval.max(self.deadline_min).min(self.deadline_max)
    }
}

impl Default for PollerOptions {
    fn default() -> Self {
        Self {
            // 10,000 devices each minute are 167 polls a second. Were all of them dead, each would
            // hold its place for 3 s.
            in_flight_max: 512,
            answer_timeout: Duration::from_millis(1500),
            deadline_min: Duration::from_secs(10),
            deadline_max: Duration::from_mins(1),
            interval_min: crate::schedule::INTERVAL_MIN,
            details_interval: Duration::from_hours(1),
            inventory_interval: Duration::from_hours(24),
        }
    }
}

/// What one poll found.
#[derive(Clone, Debug)]
pub struct PollReport {
    /// Of which device.
    pub device_id: DeviceId,
    /// Where it was asked.
    pub address: SocketAddr,
    /// When it was to begin.
    pub due_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When the device first answered SNMP, which is the time of its readings; else the end of
    /// the poll.
    pub answered_at: Timestamp,
    /// When anything last answered, in this poll or an earlier one.
    pub last_seen_at: Option<Timestamp>,
    /// How the device is.
    pub status: Status,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// What it says of itself; what was not asked in this poll is empty. Rows of interfaces are
    /// always there: where `complete` lacks INTERFACES, names and speeds are those of the last
    /// poll that read them, states and counters those of this poll.
    pub facts: Facts,
    /// The groups that were read to their end in this poll. Only these replace what is known.
    pub complete: Groups,
    /// The groups of which something was not heard to its end that they are not judged by: see
    /// [`crate::snmp::Look::unheard`].
    pub unheard: Groups,
    /// What it says of itself as a whole, where that was asked.
    pub said: Option<Said>,
    /// What tells it from other devices, where that was asked.
    pub identity: Option<Identity>,
    /// Who answered SNMP, as far as each poll tells. Whether that is the device is not decided here.
    pub glimpse: Glimpse,
    /// What was measured.
    pub readings: Vec<Reading>,
    /// Defects in its answers in this poll, by name.
    pub defects: BTreeMap<String, u64>,
    /// How much later than due it began.
    pub lag: Duration,
    /// Nothing was asked: it says only that the device has waited so long for its poll that its
    /// status is not known any more.
    pub only_behind: bool,
}

/// The handle. Dropping it ends the polling at once; see [`Poller::join`] for the orderly way.
pub struct Poller {
    shared: Arc<Shared>,
    ended: CancellationToken,
    // Owns the task.
    _task: AbortOnDropHandle<()>,
}

/// What the handle and the task share.
#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    ordered: Notify,
    counts: stats::Counts,
}

/// Orders not yet taken: the latest of each kind for each device, so no more than devices.
type Orders = BTreeMap<DeviceId, Order>;

/// What the handle wants for one device.
#[derive(Default)]
struct Order {
    change: Option<Change>,
    poll_now: bool,
    reread: bool,
}

enum Change {
    Set(Target),
    Remove,
}

impl Poller {
    /// Starts polling; there is no device yet. It ends when `cancel` is cancelled. A full
    /// `reports` makes polls wait. Must be called within a tokio runtime.
    pub fn start(
        options: PollerOptions,
        transport: Transport,
        pinger: Pinger,
        clock: Clock,
        profiles: Profiles,
        reports: mpsc::Sender<PollReport>,
        cancel: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let ended = CancellationToken::new();
        let context = Arc::new(poll::Context {
            options,
            transport,
            pinger,
            clock,
            profiles,
            reports,
            shared: Arc::clone(&shared),
        });
        let guard = ended.clone().drop_guard();
        let task = tokio::spawn(async move {
            dispatch::run(context, cancel).await;
            drop(guard);
        });
        Self {
            shared,
            ended,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Adds a device, or changes how it is asked. A new one is asked at once. What is remembered
    /// of it is kept unless its address changes; where its profile changes, all of it is read anew.
    pub fn set(&self, target: Target) {
        let device_id = target.device_id;
        self.order(device_id, |order| order.change = Some(Change::Set(target)));
    }

    /// Polls a device no longer. A poll in flight is given up, and reports nothing.
    pub fn remove(&self, device_id: DeviceId) {
        self.order(device_id, |order| order.change = Some(Change::Remove));
    }

    /// Asks a device at once; while a poll of it is in flight, again right after that.
    pub fn poll_now(&self, device_id: DeviceId) {
        self.order(device_id, |order| order.poll_now = true);
    }

    /// Asks a device at once, and for everything, as it was when it was added.
    pub fn reread(&self, device_id: DeviceId) {
        self.order(device_id, |order| {
            order.reread = true;
            order.poll_now = true;
        });
    }

    /// How the poller does.
    pub fn stats(&self) -> PollerStats {
        self.shared.counts.read()
    }

    /// Waits until all polls have ended; comes back only after `cancel` was cancelled.
    pub async fn join(&self) {
        self.ended.cancelled().await;
    }

    fn order(&self, device_id: DeviceId, change: impl FnOnce(&mut Order)) {
        let mut orders = self
            .shared
            .orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(orders.entry(device_id).or_default());
        drop(orders);
        self.shared.ordered.notify_one();
    }
}
