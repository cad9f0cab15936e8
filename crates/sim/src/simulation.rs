//! A network that runs: what there is, what happens, and what time it is; and the agents' answers at
//! any moment.

use crate::agent::{BOOTS_MAX, Engine};
use crate::clock::Pace;
use crate::hardware;
use crate::network::{DeviceNo, Network, NetworkError};
use crate::scenario::{FaultDraft, Scenario, ScenarioError};
use crate::tables::{DeviceMib, Numberings};
use crate::timeline::{AddError, FaultId, FaultView, Timeline};
use arc_swap::ArcSwap;
use model::{Clock, Timestamp};
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
    /// snmpEngineBoots before the first boot that the timeline knows of.
    boots_before: u32,
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
        let now = clock.now();
        let start = scenario.starts_at(now);
        let timeline = Timeline::new(Arc::clone(&network), scenario, start)?;
        Ok(Arc::new(Self {
            network,
            timeline: ArcSwap::from_pointee(timeline),
            boots_before: Engine::boots_of_start(now),
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

    /// snmpEngineBoots of a device: what the timeline counts, after the boots of earlier simulations of
    /// the same network.
    pub fn boots(&self, device: DeviceNo, at: Timestamp) -> u32 {
        let boots = self.timeline.load().boots(device, at);
        self.boots_before.saturating_add(boots).min(BOOTS_MAX)
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
        self.change(|timeline, now| timeline.add(draft, now))
    }

    /// Ends a fault now. None where there is no such fault.
    pub fn remove_fault(&self, id: FaultId) -> Option<FaultView> {
        self.change(|timeline, now| timeline.remove(id, now))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Timeline, Timestamp) -> T) -> T {
        let changing = self.changing.lock();
        let _changing = changing.unwrap_or_else(PoisonError::into_inner);
        // A recount takes a second where there are many paths. What agents showed of it by the old
        // timeline, the new one would take back: so they show nothing later than where it changes.
        let held = self.pace.hold_ticks();
        let mut timeline = Timeline::clone(&self.timeline.load());
        let done = change(&mut timeline, held.now());
        self.timeline.store(Arc::new(timeline));
        self.changed.notify_waiters();
        done
    }

    /// Waits for the next change of the timeline, counted from this call.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mib::{Mib as _, Value};
    use std::sync::atomic::{AtomicI64, Ordering};

    /// ifHCOutOctets.
    const OUT_OCTETS: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10];

    fn out_octets(mib: &DeviceMib) -> u64 {
        let mut sum = 0;
        mib.walk(&OUT_OCTETS, &mut |name, value| match value {
            Value::Counter64(count) if name.starts_with(&OUT_OCTETS) => {
                sum += count;
                std::ops::ControlFlow::Continue(())
            }
            _ => std::ops::ControlFlow::Break(()),
        });
        sum
    }

    #[test]
    fn counters_do_not_go_back_while_a_fault_is_worked_out() {
        let real = Arc::new(AtomicI64::new(1_795_000_000_000));
        let clock = {
            let real = Arc::clone(&real);
            Clock::new(move || Timestamp::from_unix_ms(real.load(Ordering::Relaxed)))
        };
        let scenario = Scenario {
            devices: 12,
            ..Scenario::default()
        };
        let simulation = Simulation::new(&scenario, clock).unwrap();
        let mib = simulation.mib(simulation.network().by_name("core-1").unwrap());
        let outage = FaultDraft {
            kind: "surge".to_owned(),
            target: "core-1".to_owned(),
            factor: Some(0.0),
            ..FaultDraft::default()
        };
        // Both changes take ten seconds, and an agent is asked at the end of each.
        let (fault, during) = simulation.change(|timeline, now| {
            real.fetch_add(10_000, Ordering::Relaxed);
            let during = out_octets(&mib);
            (timeline.add(&outage, now).unwrap(), during)
        });
        assert!(out_octets(&mib) >= during);
        real.fetch_add(60_000, Ordering::Relaxed);
        let before = out_octets(&mib);
        let during = simulation.change(|timeline, now| {
            real.fetch_add(10_000, Ordering::Relaxed);
            let during = out_octets(&mib);
            timeline.remove(fault.id, now);
            during
        });
        assert_eq!(before, during);
        let after = out_octets(&mib);
        assert!(after > during);
        real.fetch_add(10_000, Ordering::Relaxed);
        assert!(out_octets(&mib) > after);
    }

    #[test]
    fn who_asked_an_earlier_simulation_believes_the_next() {
        let at = 1_795_000_000_000;
        let start = |real: i64| {
            let clock = Clock::new(move || Timestamp::from_unix_ms(real));
            Simulation::new(&Scenario::default(), clock).unwrap()
        };
        let (one, other) = (start(at), start(at + 60_000));
        let moment = Timestamp::from_unix_ms(at + 120_000);
        let boots = [1, 3, 6, 1, 6, 3, 10, 2, 1, 2, 0];
        // All that a device says but how often it booted.
        let said = |mib: &DeviceMib| {
            let mut all = Vec::new();
            mib.at(moment).walk(&[], &mut |name, value| {
                if name != boots {
                    all.push((name.to_vec(), value.into_owned()));
                }
                std::ops::ControlFlow::Continue(())
            });
            all
        };
        for device in one.network().device_numbers() {
            let before = one.boots(device, moment);
            let after = other.boots(device, moment);
            assert_eq!(after, before + 60);
            let mib = other.mib(device);
            let shown = mib.at(moment).get(&boots).map(Value::into_owned);
            assert_eq!(shown, Some(Value::Integer(after.cast_signed())));
            assert_eq!(said(&one.mib(device)), said(&mib));
        }
    }
}
