//! A network that runs: what there is, what happens, and what time it is; and the agents' answers at
//! any moment.

use crate::clock::Pace;
use crate::hardware;
use crate::network::{DeviceNo, Network, NetworkError};
use crate::scenario::{FaultDraft, Scenario, ScenarioError};
use crate::tables::{DeviceMib, Numberings};
use crate::timeline::{AddError, FaultId, FaultView, Timeline};
use arc_swap::ArcSwap;
use model::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// A simulation cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The network cannot be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A fault of the scenario makes no sense in this network.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// A network that runs.
pub struct Simulation {
    network: Arc<Network>,
    timeline: ArcSwap<Timeline>,
    pace: Pace,
    pub(crate) hardware: hardware::Store,
    pub(crate) numberings: Numberings,
    /// Held while the timeline is changed, so that no two changes lose each other.
    changing: Mutex<()>,
    changed: Notify,
}

impl Simulation {
    /// Starts a scenario: simulated time is what it says, or what `clock` says, from now on.
    pub fn new(scenario: &Scenario, clock: Clock) -> Result<Arc<Self>, SimulationError> {
        let network = Arc::new(Network::new(scenario)?);
        let start = scenario.starts_at(clock.now());
        let timeline = Timeline::new(Arc::clone(&network), scenario, start)?;
        Ok(Arc::new(Self {
            network,
            timeline: ArcSwap::from_pointee(timeline),
            pace: Pace::new(clock, start, scenario.time.speed),
            hardware: hardware::Store::default(),
            numberings: Numberings::default(),
            changing: Mutex::new(()),
            changed: Notify::new(),
        }))
    }

    /// What there is.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// What happens.
    pub fn timeline(&self) -> Arc<Timeline> {
        self.timeline.load_full()
    }

    /// A number that changes with every change of the timeline.
    pub(crate) fn version(&self) -> u32 {
        self.timeline.load().version()
    }

    /// What time it is.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// What a device's agent answers from, at the present simulated time or at any other.
    pub fn mib(self: &Arc<Self>, device: DeviceNo) -> DeviceMib {
        DeviceMib::new(Arc::clone(self), device)
    }

    /// Adds a fault; it begins now, unless it says when.
    pub fn add_fault(&self, draft: &FaultDraft) -> Result<FaultView, AddError> {
        self.change(|timeline| timeline.add(draft, self.pace.now()))
    }

    /// Ends a fault now. None where there is no such fault.
    pub fn remove_fault(&self, id: FaultId) -> Option<FaultView> {
        self.change(|timeline| timeline.remove(id, self.pace.now()))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Timeline) -> T) -> T {
        let changing = self.changing.lock();
        let _changing = changing.unwrap_or_else(PoisonError::into_inner);
        let mut timeline = Timeline::clone(&self.timeline.load());
        let done = change(&mut timeline);
        self.timeline.store(Arc::new(timeline));
        self.changed.notify_waiters();
        done
    }

    /// Waits for the next change of the timeline, counted from this call.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.changed.notified()
    }
}
