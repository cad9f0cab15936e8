//! `foretell serve --seed-history`: the weeks before the first poll, for demonstrations and tests.
//!
//! A simulated network tells every counter at every moment, so what its devices would have answered
//! is asked of it in this process, read as a poll's answer is read, and written as a poll's samples
//! are written: same series, same log, same blocks. The counters run on without a step into what the
//! devices answer from now on.
//!
//! It waits until a discovery has ended and what it found was polled once; it works beside
//! everything else. A store that holds anything else is refused, and a store that was seeded says so
//! for good. Begin with [`prepare`]. [`grid`] is which moments, [`past`] what was answered then,
//! [`changes`] what follows from it for the status of devices and interfaces.

mod changes;
mod grid;
mod mark;
mod past;
#[cfg(test)]
mod tests;
mod write;

pub use grid::{SPAN_MAX, SPAN_MIN};
pub use mark::{Mark, read as mark_of};

use api::Reason;
use model::discovery::DiscoveryPhase;
use model::{Clock, DeviceId};
use past::Past;
use sim::Scenario;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::inventory::DeviceRecord;
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// From look to look whether the devices are there.
const LOOK: Duration = Duration::from_millis(500);
/// Looks without a discovery, without a device more and without one that still waits for its first
/// poll, after which no more are expected.
const QUIET_LOOKS: u32 = 6;
/// Looks without any of that and with devices that were never polled, after which those go without a
/// history: 90 s, in which each is asked once.
const UNPOLLED_LOOKS: u32 = 180;
/// What readiness calls this part.
const PART: &str = "history";

/// What is asked for on the command line.
pub struct Wanted {
    /// How much history.
    pub span: Duration,
    /// The simulated network that it is of.
    pub scenario: Scenario,
}

/// Why a store is not seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is something in it that is not a seeded demonstration's.
    #[error(
        "the data folder holds {devices} devices and {series} series that --seed-history did not \
         make: history is made up only in a folder of its own (--data-dir)"
    )]
    NotOurs {
        /// How many devices.
        devices: usize,
        /// How many series.
        series: u64,
    },
    /// It was made for another network.
    #[error(
        "the data folder was seeded from the network `{name}` with seed {seed}, which is not the \
         one of --seed-scenario: use another folder (--data-dir)"
    )]
    AnotherNetwork {
        /// Its name.
        name: String,
        /// Its seed.
        seed: u64,
    },
    /// The network cannot be made.
    #[error("the network of --seed-scenario cannot be made")]
    Network(#[from] sim::SimulationError),
    /// The store failed.
    #[error("the mark of a seeded store could not be kept")]
    Store(#[from] StoreError),
}

/// Marks a new store as seeded, or finds it so. None where its history is made already.
pub async fn prepare(
    store: &Store,
    wanted: Wanted,
    clock: &Clock,
) -> Result<Option<Seeding>, SeedError> {
    let Wanted { span, scenario } = wanted;
    let mark = match mark::read(store).await? {
        Some(mark) if mark.is_of(&scenario) => mark,
        Some(Mark { name, seed, .. }) => return Err(SeedError::AnotherNetwork { name, seed }),
        None => {
            let devices = store.inventory.device_count();
            let series = store.series.stats().series;
            if devices > 0 || series > 0 {
                return Err(SeedError::NotOurs { devices, series });
            }
            let mark = Mark::new(&scenario, span, clock.now());
            mark::keep(store, &mark).await?;
            mark
        }
    };
    if mark.done_at.is_some() {
        info!("the history of this store is made already");
        return Ok(None);
    }
    let past = Past::new(&scenario, clock.clone())?;
    Ok(Some(Seeding { span, mark, past }))
}

/// A store whose history is to be made.
pub struct Seeding {
    span: Duration,
    mark: Mark,
    past: Past,
}

/// What seeding works with.
pub struct Context {
    /// Where everything is kept.
    pub store: Store,
    /// The one clock.
    pub clock: Clock,
    /// Told how far it is, for readiness.
    pub told: watch::Sender<Option<Reason>>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Seeding {
    /// What readiness says until it is at work.
    pub fn waiting() -> Reason {
        reason("it will be made once a discovery has ended")
    }

    /// Waits for the devices, makes their history, and says so for good. What is cut short by a stop
    /// is made anew at the next start, onto itself.
    pub async fn run(self, context: Context) {
        let stop = context.stop.clone();
        let told = context.told.clone();
        tokio::select! {
            () = self.work(&context) => {}
            () = stop.cancelled() => {}
        }
        told.send_replace(None);
    }

    async fn work(mut self, context: &Context) {
        let devices = self.devices(context).await;
        let Some(until) = devices
            .values()
            .map(|record| record.device.body.created_at)
            .min()
        else {
            return;
        };
        let began = Instant::now();
        let moments = grid::moments(until, self.span);
        info!(
            devices = devices.len(),
            moments = moments.len(),
            "making history"
        );
        let past = Arc::new(self.past);
        let written = write::all(context, &past, &devices, &moments).await;
        let samples = match written {
            Ok(samples) => samples,
            Err(error) => {
                warn!(error = %crate::chain(&error), "the history could not be made; the next start tries again");
                return;
            }
        };
        let changed = changes::all(&context.store, &devices, &moments, until).await;
        if let Err(error) = changed {
            warn!(error = %crate::chain(&error), "the changes of status could not be made; the next start tries again");
            return;
        }
        self.mark.from = moments.first().copied().unwrap_or(until);
        self.mark.until = Some(until);
        self.mark.done_at = Some(context.clock.now());
        if let Err(error) = mark::keep(&context.store, &self.mark).await {
            warn!(error = %crate::chain(&error), "the history is made, which could not be noted");
        }
        info!(
            devices = devices.len(),
            samples,
            "history made in {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }

    /// The devices of the network, once they are all registered and polled. Those that do not answer
    /// are waited for in vain, and left out.
    async fn devices(&self, context: &Context) -> BTreeMap<DeviceId, Arc<DeviceRecord>> {
        context.told.send_replace(Some(Self::waiting()));
        let mut quiet = Quiet::default();
        loop {
            tokio::time::sleep(LOOK).await;
            let records = context.store.inventory.devices();
            let ours: Vec<_> = records
                .into_iter()
                .filter(|record| self.past.number(record.device.body.address).is_some())
                .collect();
            let known = ours.len();
            let polled: BTreeMap<_, _> = ours
                .into_iter()
                .filter(|record| !record.interfaces.is_empty())
                .map(|record| (record.device.body.id, record))
                .collect();
            let look = Look {
                known,
                polled: polled.len(),
            };
            let is_still = quiet.is_unchanged(look) && !is_discovering(context).await;
            if quiet.is_enough(look, is_still, self.past.device_count()) {
                let unpolled = known - polled.len();
                if unpolled > 0 {
                    warn!(unpolled, "devices that do not answer get no history");
                }
                return polled;
            }
        }
    }
}

/// What there is at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    /// Devices of the network that are registered.
    known: usize,
    /// Those of them that were polled.
    polled: usize,
}

/// For how many looks nothing has changed.
#[derive(Default)]
struct Quiet {
    looks: u32,
    before: Look,
}

impl Quiet {
    fn is_unchanged(&self, look: Look) -> bool {
        look == self.before
    }

    /// Takes a look in, and tells whether no devices more are expected.
    fn is_enough(&mut self, look: Look, is_still: bool, all: usize) -> bool {
        self.looks = if is_still { self.looks + 1 } else { 0 };
        self.before = look;
        let Look { known, polled } = look;
        if polled == 0 {
            return false;
        }
        if polled < known {
            return self.looks >= UNPOLLED_LOOKS;
        }
        // All that there are need no quiet to be known as all.
        known >= all || self.looks >= QUIET_LOOKS
    }
}

/// Whether the latest discovery is still at work. Where that cannot be read, the devices tell.
async fn is_discovering(context: &Context) -> bool {
    let latest = context.store.discoveries.page(None, None, true, 1).await;
    let latest = latest.ok().and_then(|page| page.items.into_iter().next());
    latest.is_some_and(|run| run.body.phase == DiscoveryPhase::Running)
}

fn tell(context: &Context, detail: &str) {
    context.told.send_replace(Some(reason(detail)));
}

fn reason(detail: &str) -> Reason {
    Reason {
        part: PART.to_owned(),
        detail: format!("history before the first poll: {detail}"),
    }
}
