//! Flows on the wire: UDP sockets that are read, and the minute's tops on their way.

use super::Protocol;
use super::collector::{Collector, Totals};
use super::exporter::ExporterState;
use super::window::Sealed;
use super::window::heavy::HeavyPlace;
use crate::udp;
use model::Clock;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Memory for datagrams that wait to be read, in octets; the kernel gives what `net.core.rmem_max`
/// allows. Three tenths of a second of 300,000 flows/s.
const RECEIVE_BUFFER_OCTETS: usize = 8 * 1024 * 1024;
/// The largest datagram of UDP, in octets.
const DATAGRAM_MAX: usize = 65_535;
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
    clock: Clock,
}

impl Flows {
    /// Each exporter may send so many flows a second in the long run.
    pub fn new(flows_per_sec_max: u32, clock: Clock) -> Self {
        Self {
            collector: Arc::new(Mutex::new(Collector::new(flows_per_sec_max))),
            clock,
        }
    }

    /// Every exporter that was heard.
    pub fn exporters(&self) -> Vec<ExporterState> {
        self.lock().exporters()
    }

    /// What was taken in so far.
    pub fn totals(&self) -> Totals {
        self.lock().totals()
    }

    /// The heavy hosts of the open windows where something came since this was asked last: those that have at least
    /// one part in `part` of what crossed an interface one way. Nothing is taken in meanwhile: some milliseconds
    /// for a thousand interfaces.
    pub fn heavy(&self, part: u64) -> Vec<HeavyPlace> {
        self.lock().heavy(part)
    }

    /// Takes a port. Call it within a runtime.
    pub fn bind(address: SocketAddr) -> Result<UdpSocket, ListenError> {
        udp::bind(address, RECEIVE_BUFFER_OCTETS).map_err(|source| ListenError { address, source })
    }

    /// Reads a socket until it is cancelled.
    pub async fn read(self, socket: UdpSocket, protocol: Protocol, stop: CancellationToken) {
        let mut datagram = vec![0; DATAGRAM_MAX];
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                ready = socket.readable() => if let Err(error) = ready {
                    warn!(%error, "flows are not listened for any more");
                    return;
                },
            }
            self.turn(&socket, protocol, &mut datagram);
            tokio::task::yield_now().await;
        }
    }

    fn turn(&self, socket: &UdpSocket, protocol: Protocol, datagram: &mut [u8]) {
        let now = self.clock.now();
        let mut collector = self.lock();
        for _ in 0..TURN_MAX {
            // An error tells of a datagram that we sent, and we send none: what is left waits.
            let Ok((len, source)) = socket.try_recv_from(datagram) else {
                return;
            };
            let datagram = datagram.get(..len).unwrap_or_default();
            collector.datagram(protocol, source, datagram, now);
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
