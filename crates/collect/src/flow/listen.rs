//! Flows on the wire: what comes at UDP sockets, taken in by turns, and the minute's tops on their way.

use super::Protocol;
use super::collector::{Collector, Totals};
use super::exporter::ExporterState;
use super::window::Sealed;
use super::window::heavy::HeavyPlace;
use crate::pace::{Lane, Pace};
use crate::udp::{BoundSocket, Door, Inbox};
use model::Clock;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Seconds of its rate that an exporter may send at once, as [`super::exporter`] has it of flows.
const BURST_SECS: u32 = 2;
/// Datagrams that are read in one turn, before others are let in.
const TURN_MAX: usize = 64;
/// How often it is looked for windows whose time is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for flows on {address}")]
pub struct ListenError {
    /// Which address.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The collector of flows, shared by its sockets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Flows {
    // Never held across an await; in one turn of a socket for at most [`TURN_MAX`] datagrams.
    collector: Arc<Mutex<Collector>>,
    gate: Arc<Gate>,
    clock: Clock,
}

/// A port that is listened at.
pub struct Listening {
    address: SocketAddr,
    protocol: Protocol,
    inbox: Inbox,
}

impl Listening {
    /// Where; the port that was taken where none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What is asked before a datagram waits to be read. A datagram has a flow at least, so an exporter that
/// sends more of them than it may of flows is over its allowance whatever they say: that costs nobody the
/// reading. Apart from the collector, so that sockets are drained while it is at work.
#[derive(Debug)]
struct Gate {
    pace: Mutex<Pace>,
    begun: Instant,
    limited: AtomicU64,
    without_room: AtomicU64,
}

impl Flows {
    /// Each exporter may send so many flows a second in the long run.
    pub fn new(flows_per_sec_max: u32, clock: Clock) -> Self {
        Self {
            collector: Arc::new(Mutex::new(Collector::new(flows_per_sec_max))),
            gate: Arc::new(Gate {
                pace: Mutex::new(Pace::new(flows_per_sec_max, BURST_SECS)),
                begun: Instant::now(),
                limited: AtomicU64::new(0),
                without_room: AtomicU64::new(0),
            }),
            clock,
        }
    }

    /// Every exporter that was heard.
    pub fn exporters(&self) -> Vec<ExporterState> {
        self.lock().exporters()
    }

    /// What was taken in so far.
    pub fn totals(&self) -> Totals {
        let mut totals = self.lock().totals();
        let limited = self.gate.limited.load(Ordering::Relaxed);
        totals.without_room = self.gate.without_room.load(Ordering::Relaxed);
        totals.datagrams += limited + totals.without_room;
        totals.defects.limited += limited;
        totals
    }

    /// The heavy hosts of the open windows where something came since this was asked last: those that have at least
    /// one part in `part` of what crossed an interface one way. Nothing is taken in meanwhile: some milliseconds
    /// for a thousand interfaces.
    pub fn heavy(&self, part: u64) -> Vec<HeavyPlace> {
        self.lock().heavy(part)
    }

    /// Takes a port, and holds what comes there until `stop`. An error where it cannot be had, or the
    /// system gives no thread.
    pub fn listen(
        &self,
        address: SocketAddr,
        protocol: Protocol,
        stop: &CancellationToken,
    ) -> Result<Listening, ListenError> {
        let listening = || -> io::Result<Listening> {
            let socket = BoundSocket::bind(address)?;
            let address = socket.address();
            let inbox = socket.listen(Arc::clone(&self.gate), self.clock.clone(), stop)?;
            Ok(Listening {
                address,
                protocol,
                inbox,
            })
        };
        listening().map_err(|source| ListenError { address, source })
    }

    /// Reads what comes until it is stopped.
    pub async fn read(self, listening: Listening) {
        let Listening {
            protocol,
            mut inbox,
            ..
        } = listening;
        while let Some(lot) = inbox.next(TURN_MAX).await {
            let now = self.clock.now();
            let mut collector = self.lock();
            for datagram in lot {
                collector.datagram(protocol, datagram.source, &datagram.octets, now);
            }
        }
    }

    /// Sends the tops of each window as its time is over, and of all of them when it is cancelled.
    /// Where the receiver is slow, windows wait; they are bounded.
    pub async fn seal(self, tops: mpsc::Sender<Vec<Sealed>>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stopping = tokio::select! {
                _ = ticks.tick() => false,
                () = stop.cancelled() => true,
            };
            let windows = if stopping {
                self.lock().all()
            } else {
                let now = self.clock.now();
                self.lock().due(now)
            };
            for window in windows {
                // Sorting a large window takes its time, and others want to go on meanwhile.
                let Ok(sealed) = tokio::task::spawn_blocking(|| window.seal()).await else {
                    continue;
                };
                if tops.send(sealed).await.is_err() {
                    return;
                }
            }
            if stopping {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Collector> {
        self.collector
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door for Gate {
    fn admit(&self, source: IpAddr) -> Option<Lane> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = pace.admit(source, self.begun.elapsed()).ok();
        if admitted.is_none() {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn found_no_room(&self, datagrams: u64) {
        self.without_room.fetch_add(datagrams, Ordering::Relaxed);
    }
}
