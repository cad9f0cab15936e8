//! The server: opens what it works with, starts its parts along the [`wire`](crate::wire), serves,
//! and stops in the reverse order, so that what was read is kept.

use crate::config::Settings;
use crate::shutdown::{self, Signals};
use anyhow::Context as _;
use collect::Poller;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::series::SeriesStore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

mod connections;
mod front;
pub mod options;
mod start;

/// Runs until a signal, then stops in order within the deadline.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let running = tokio::select! {
        running = start::start(&settings) => running?,
        name = signals.next() => {
            info!("{name} while starting");
            return Ok(());
        }
    };
    let name = signals.next().await;
    let deadline = Duration::from_secs(u64::from(settings.shutdown.deadline_secs));
    info!("{name}: stopping within {} s", deadline.as_secs());
    tokio::select! {
        stopped = tokio::time::timeout(deadline, running.stop()) => {
            if stopped.is_ok() {
                info!("stopped");
            } else {
                warn!("stopped at the deadline; what was acknowledged is kept");
            }
        }
        _ = signals.next() => shutdown::at_once(),
    }
    Ok(())
}

/// The server at work.
struct Running {
    store: Store,
    series: SeriesStore,
    poller: Arc<Poller>,
    /// Stops what comes in: polls, requests, discoveries.
    intake: CancellationToken,
    poller_stop: CancellationToken,
    /// Ends by itself when the poller has: ingest and links.
    drain: TaskTracker,
    /// Ends when told: desk, discoveries, readiness, HTTP, streams.
    tasks: TaskTracker,
}

impl Running {
    /// Stops intake, drains what was read, syncs and closes.
    async fn stop(self) {
        self.intake.cancel();
        self.poller_stop.cancel();
        self.poller.join().await;
        // The last handle to the channel of reports goes with the poller: ingest ends after it.
        drop(self.poller);
        self.drain.close();
        self.drain.wait().await;
        self.series.close().await;
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.store.close().await {
            warn!(error = %crate::chain(&error), "the documents were not closed in order");
        }
    }
}
