//! A simulation on the wire: an agent for each device, which misbehaves when a fault says so.

use crate::agent::{self, Access, Agent, Behaviour, Engine, EngineId, ServeOptions, Server, Shown};
use crate::network::DeviceNo;
use crate::simulation::Simulation;
use model::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Agents that answer for a simulation, until this is dropped.
pub struct Agents {
    server: Server,
    agents: Vec<Arc<Agent>>,
}

impl Agents {
    /// Answers for every device of a simulation from now on, all on one UDP port; 0 takes any.
    pub fn serve(
        simulation: &Arc<Simulation>,
        access: &Arc<Access>,
        port: u16,
        options: &ServeOptions,
    ) -> Result<Self, agent::ServeError> {
        let now = Instant::now();
        let agents: Vec<Arc<Agent>> = simulation
            .network()
            .device_numbers()
            .map(|device| Arc::new(agent(simulation, device, access, port, now)))
            .collect();
        let server = agent::serve(&agents, options)?;
        let agents = Self { server, agents };
        agents.follow_once(simulation, simulation.pace().now(), &mut BTreeMap::new());
        Ok(agents)
    }

    /// The UDP port of all agents.
    pub fn port(&self) -> u16 {
        self.server.address(0).map_or(0, |address| address.port())
    }

    /// What was asked and answered.
    pub fn stats(&self) -> agent::Stats {
        self.server.stats()
    }

    /// Lets agents misbehave and boot as faults come and go, until it is cancelled.
    pub async fn follow(&self, simulation: &Simulation, cancel: &CancellationToken) {
        let mut boots = BTreeMap::new();
        loop {
            // Listened for before looking, so that nothing changes unseen between the two.
            let changed = simulation.changed();
            let now = simulation.pace().now();
            let next = self.follow_once(simulation, now, &mut boots);
            let wait = next.and_then(|next| simulation.pace().real_ms_until(next));
            let wait = wait.map_or(WAIT_MAX, Duration::from_millis);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = changed => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sets what holds now, and tells when that changes.
    fn follow_once(
        &self,
        simulation: &Simulation,
        now: Timestamp,
        boots: &mut BTreeMap<DeviceNo, u32>,
    ) -> Option<Timestamp> {
        let timeline = simulation.timeline();
        for device in timeline.devices_with_faults() {
            let agent = usize::try_from(device.0)
                .ok()
                .and_then(|place| self.agents.get(place));
            let Some(agent) = agent else { continue };
            let manners = timeline.manners(device, now);
            set(agent.behaviour(), manners);
            let count = timeline.boots(device, now);
            if let Some(before) = boots.insert(device, count)
                && before != count
            {
                agent.engine().restart(Instant::now());
            }
        }
        timeline.next_change(now)
    }
}

/// Longest wait where nothing is scheduled: a fault that is added wakes us.
const WAIT_MAX: Duration = Duration::from_hours(24);

fn set(behaviour: &Behaviour, manners: crate::timeline::Manners) {
    behaviour.set_silent(manners.silent);
    behaviour.set_delay(Duration::from_millis(u64::from(manners.delay_ms)));
    behaviour.set_loss(manners.loss);
}

fn agent(
    simulation: &Arc<Simulation>,
    device: DeviceNo,
    access: &Arc<Access>,
    port: u16,
    now: Instant,
) -> Agent {
    let network = simulation.network();
    let address = SocketAddr::from((network.device(device).address, port));
    let timeline = simulation.timeline();
    let at = simulation.pace().now();
    let age = at.since(timeline.booted(device, at));
    let agent = Agent::new(
        address,
        Shown::One(Arc::new(simulation.mib(device))),
        Arc::clone(access),
        now,
    );
    let id = EngineId::new(&network.engine_id(device));
    let id = id.unwrap_or_else(|_| EngineId::of_address(address));
    agent.with_engine(Engine::with_age(id, simulation.boots(device, at), now, age))
}
