//! Every arrow between the parts of the server: its capacity, the reason for it, what happens when
//! it is full, and how full it is. Nothing else in the server makes a channel between parts.
//!
//! ```text
//! poller --reports--> ingest --events--> api (stream)
//! api --commands--> desk --runs--> discovery --found--> desk --events--> api
//! ingest --heard--> links
//! listener --traps--> traps
//! clockwork --events--> api
//! syslog --log_lines--> logs
//! all --readiness, notices--> api
//! keeper of backups --backups--> api
//! seed --seeding--> readiness
//! api --bands--> foresight, which hears all events
//! plan of forecasts --matter--> foresight
//! flows --tops--> keeper of flows --standing--> api
//! ```

use crate::foresight::watch::scores::Matter;
use api::expected::BandsAsked;
use api::{Command, Notice, Readiness, Reason};
use collect::flow::Sealed;
use collect::syslog::Received;
use collect::{Found, PollReport, TrapReport};
use model::DiscoveryId;
use model::backup::Backup;
use model::event::Event;
use model::flow::FlowStanding;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{broadcast, mpsc, watch};

/// Poll reports from the poller to ingest. 10,000 devices each minute are 167 a second, so this is
/// six seconds of a disk that does not answer. Full: polls wait to report, so nothing is lost and
/// the poller falls behind, which readiness tells.
pub const REPORTS_MAX: usize = 1_024;

/// Reports from ingest to one of its workers. Full: ingest waits, and the reports behind it. Small,
/// for the reports of one device go to one worker in order.
pub const WORKER_REPORTS_MAX: usize = 16;

/// Workers of ingest. Each waits for the sync that its samples share with those of the others
/// (100 ms by default), so this many devices are taken in at once: 2,560 a second.
pub const WORKERS: usize = 256;

/// Wishes of the API: polls now, changes of devices, discoveries. A person clicks few; a script that
/// makes 10,000 devices is slowed down. Full: the request waits a moment, then is answered with 503.
pub const COMMANDS_MAX: usize = 256;

/// What runs of discovery found, on its way to the desk that registers it. Full: the run waits.
pub const FOUND_MAX: usize = 256;

/// What happened, for the clients of the stream. Ten seconds of a large network's polls. Full:
/// the oldest is dropped for the slow receiver alone, which is told how much it missed.
pub const EVENTS_MAX: usize = 4_096;

/// Devices whose neighbours were read or whose interfaces changed, on their way to the task that keeps
/// links. Full: the worker waits; the task takes all that is there at once.
pub const HEARD_MAX: usize = 1_024;

/// Batches of lines of logs from the listeners to the task that keeps them, each of
/// [`collect::syslog::BATCH_MAX`] lines at most: a third of a second of 50,000 lines a second. Full:
/// connections wait, and what comes by datagram waits at its socket within a bound.
pub const LOG_BATCHES_MAX: usize = 64;
/// Traps from the listener to who keeps them: some seconds of a disk that does not answer at a
/// thousand traps a second. Full: they wait at the socket within a bound.
pub const TRAPS_MAX: usize = 4_096;
/// Minutes of flows on their way to where they are kept, each the tops of all interfaces. Full: sealing
/// waits, and the minutes wait unsealed; of these the collector drops the oldest.
pub const FLOW_TOPS_MAX: usize = 2;

/// Questions of the API for what is expected of a series: one for each chart of a busy page. Full: the request
/// waits a moment, then is answered with 503.
pub const BANDS_MAX: usize = 64;

/// Shown by `/metrics`: one arrow.
#[derive(Clone)]
pub struct Gauge {
    /// The arrow.
    pub name: &'static str,
    /// The most it holds.
    pub capacity: usize,
    /// How many wait now; asked of the arrow itself, for one that is stuck has no receiver to tell.
    waiting: Arc<dyn Fn() -> usize + Send + Sync>,
    full: Arc<AtomicU64>,
}

impl Gauge {
    /// Of several arrows the fullest is shown. It does not keep them from ending.
    fn new<T: Send + 'static>(
        name: &'static str,
        capacity: usize,
        senders: Vec<mpsc::WeakSender<T>>,
    ) -> Self {
        let waiting = move || {
            let held = senders.iter().filter_map(mpsc::WeakSender::upgrade);
            held.map(|sender| sender.max_capacity() - sender.capacity())
                .max()
                .unwrap_or(0)
        };
        Self {
            name,
            capacity,
            waiting: Arc::new(waiting),
            full: Arc::default(),
        }
    }
    /// How much it holds now.
    pub fn depth(&self) -> u64 {
        (self.waiting)() as u64
    }
    /// How often it was found full.
    pub fn times_full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }
    fn seen(&self, left: usize) {
        // One was just taken, so it was full where only one place is free.
        if left + 1 >= self.capacity {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The receiving end of an arrow, which counts how full it was.
pub struct Receiver<T> {
    inner: mpsc::Receiver<T>,
    gauge: Gauge,
}

impl<T> Receiver<T> {
    /// The next; none when all senders are gone and all was taken.
    pub async fn recv(&mut self) -> Option<T> {
        let item = self.inner.recv().await;
        if item.is_some() {
            self.gauge.seen(self.inner.len());
        }
        item
    }
    /// One more that is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        let item = self.inner.try_recv().ok()?;
        self.gauge.seen(self.inner.len());
        Some(item)
    }
}

/// Something about a device from which links follow.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which device.
    pub device_id: model::DeviceId,
    /// The neighbours that it reported; none where only its interfaces or its status changed.
    pub neighbors: Option<Vec<model::facts::NeighborFacts>>,
    /// When.
    pub at: model::Timestamp,
}

/// A word of one run of discovery.
pub struct RunWord {
    /// Which run.
    pub run: DiscoveryId,
    /// The word.
    pub found: Found,
}

/// The arrow of the tops of flows.
pub type FlowTops = (mpsc::Sender<Vec<Sealed>>, Receiver<Vec<Sealed>>);

/// All arrows.
pub struct Wire {
    /// Poller to ingest.
    pub reports: (mpsc::Sender<PollReport>, Receiver<PollReport>),
    /// API to desk.
    pub commands: (mpsc::Sender<Command>, Receiver<Command>),
    /// Runs of discovery to desk.
    pub found: (mpsc::Sender<RunWord>, Receiver<RunWord>),
    /// Ingest to links.
    pub heard: (mpsc::Sender<Heard>, Receiver<Heard>),
    /// Listeners for syslog to the task that keeps lines.
    pub log_lines: (mpsc::Sender<Vec<Received>>, Receiver<Vec<Received>>),
    /// The listener to who keeps traps.
    pub traps: (mpsc::Sender<TrapReport>, Receiver<TrapReport>),
    /// API to whoever watches every series.
    pub bands: (mpsc::Sender<BandsAsked>, Receiver<BandsAsked>),
    /// All to the stream.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Whether the server can do its work. A snapshot: only the latest counts.
    pub readiness: watch::Sender<Readiness>,
    /// What the operator should know. A snapshot.
    pub notices: watch::Sender<Arc<Vec<Notice>>>,
    /// Backups that are there or being taken. A snapshot.
    pub backups: watch::Sender<Arc<Vec<Backup>>>,
    /// The tops of a minute of flows.
    pub flow_tops: FlowTops,
    /// Who sends flows. A snapshot.
    pub flows: watch::Sender<Arc<FlowStanding>>,
    /// Which series matter, from the plan of forecasts to who keeps scores. A snapshot.
    pub matter: watch::Sender<Matter>,
    /// How far the making of history is, where that is at work. A snapshot.
    pub seeding: watch::Sender<Option<Reason>>,
    /// How full the arrows are.
    pub gauges: Vec<Gauge>,
}

impl Wire {
    /// Strings all of them.
    pub fn new() -> Self {
        let mut gauges = Vec::new();
        Self {
            reports: channel("reports", REPORTS_MAX, &mut gauges),
            commands: channel("commands", COMMANDS_MAX, &mut gauges),
            found: channel("found", FOUND_MAX, &mut gauges),
            heard: channel("heard", HEARD_MAX, &mut gauges),
            log_lines: channel("log_lines", LOG_BATCHES_MAX, &mut gauges),
            traps: channel("traps", TRAPS_MAX, &mut gauges),
            bands: channel("bands", BANDS_MAX, &mut gauges),
            events: broadcast::channel(EVENTS_MAX).0,
            readiness: watch::Sender::new(Readiness::default()),
            notices: watch::Sender::new(Arc::default()),
            backups: watch::Sender::new(Arc::default()),
            flow_tops: channel("flow_tops", FLOW_TOPS_MAX, &mut gauges),
            flows: watch::Sender::new(Arc::default()),
            matter: watch::Sender::default(),
            seeding: watch::Sender::new(None),
            gauges,
        }
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

fn channel<T: Send + 'static>(
    name: &'static str,
    capacity: usize,
    gauges: &mut Vec<Gauge>,
) -> (mpsc::Sender<T>, Receiver<T>) {
    let (sender, inner) = mpsc::channel(capacity);
    let gauge = Gauge::new(name, capacity, vec![sender.downgrade()]);
    gauges.push(gauge.clone());
    (sender, Receiver { inner, gauge })
}

/// The arrows from ingest to its workers, one gauge for all of them that shows the fullest.
pub fn workers() -> (
    Vec<mpsc::Sender<PollReport>>,
    Vec<Receiver<PollReport>>,
    Gauge,
) {
    let (senders, inner): (Vec<_>, Vec<_>) = (0..WORKERS)
        .map(|_| mpsc::channel(WORKER_REPORTS_MAX))
        .unzip();
    let looked_at = senders.iter().map(mpsc::Sender::downgrade).collect();
    let gauge = Gauge::new("workers", WORKER_REPORTS_MAX, looked_at);
    let receiver = |inner| Receiver {
        inner,
        gauge: gauge.clone(),
    };
    let receivers = inner.into_iter().map(receiver).collect();
    (senders, receivers, gauge)
}

/// Between one run of discovery and its forwarder; its bound is [`FOUND_MAX`] behind it.
pub fn run() -> (mpsc::Sender<Found>, mpsc::Receiver<Found>) {
    mpsc::channel(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_arrow_that_nobody_takes_from_is_seen_to_be_full() {
        let mut gauges = Vec::new();
        let (sender, receiver) = channel("test", 2, &mut gauges);
        for word in 0..2 {
            sender.send(word).await.unwrap();
        }
        assert_eq!(gauges[0].depth(), 2);
        drop((sender, receiver));
        assert_eq!(gauges[0].depth(), 0);
    }
}
