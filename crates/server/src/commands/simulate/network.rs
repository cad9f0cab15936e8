//! A simulated network, until it is told to stop.

use super::access::{Credential, access};
use crate::cli;
use crate::clock;
use crate::exit::{Exit, UsageError};
use crate::shutdown::{self, Signals};
use anyhow::Context as _;
use serde::Serialize;
use sim::scenario::{Scenario, ScenarioFile, ScenarioFileError, Shape};
use sim::{Agents, Exported, Simulation, SimulationError, Truth, flows, logs};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Time for the control to finish what it is answering.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// Runs it.
pub(super) fn run(simulate: &cli::Simulate) -> anyhow::Result<Exit> {
    let told = |error: ScenarioFileError| UsageError(crate::chain(&error));
    let file = simulate.scenario.as_deref().map(ScenarioFile::load);
    let file = file.transpose().map_err(told)?;
    let scenario = scenario(simulate, file.as_ref())?;
    let (access, credential) = access(&simulate.ask, &scenario.agents.community)?;
    let simulation =
        Simulation::new(&scenario, clock::real()).map_err(|error| match (error, &file) {
            (SimulationError::Scenario(problem), Some(file)) => told(file.place(problem)),
            (error, _) => UsageError(crate::chain(&error)),
        })?;
    if let Some(file) = &simulate.truth {
        write_truth(&simulation, file)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let options = super::serve_options(simulate, scenario.seed);
        let agents = Agents::serve(
            &simulation,
            &Arc::new(access),
            scenario.agents.port,
            &options,
        )?;
        let listener = TcpListener::bind(simulate.control)
            .await
            .with_context(|| format!("the control cannot listen on {}", simulate.control))?;
        let words = Words::of(&simulation, &scenario, &agents, &listener, credential)?;
        words.print(simulate.json)?;
        let (cancel, real) = (CancellationToken::new(), clock::real());
        let control = tokio::spawn(sim::control::serve(
            listener,
            Arc::clone(&simulation),
            agents.port(),
            cancel.clone(),
        ));
        tokio::select! {
            _ = signals.next() => {}
            () = agents.follow(&simulation, &cancel) => {}
            exported = export(simulate.flows, |to| flows::export(&simulation, to, &real, &cancel)) => {
                exported.context("flows cannot be exported")?;
            }
            exported = export(simulate.syslog, |to| logs::export(&simulation, to, &real, &cancel)) => {
                exported.context("log lines cannot be sent")?;
            }
        }
        cancel.cancel();
        tokio::select! {
            _ = signals.next() => shutdown::at_once(),
            ended = tokio::time::timeout(STOP_TIME_MAX, control) => {
                // Whoever still asks is cut off with the runtime.
                if let Ok(ended) = ended {
                    ended?.context("the control failed")?;
                }
            }
        }
        super::farewell(agents.stats());
        Ok(Exit::Done)
    })
}

/// Sends to a collector where one is given; otherwise waits for ever.
async fn export<F>(
    collector: Option<SocketAddrV4>,
    to: impl FnOnce(SocketAddrV4) -> F,
) -> std::io::Result<Exported>
where
    F: Future<Output = std::io::Result<Exported>>,
{
    match collector {
        Some(collector) => to(collector).await,
        None => std::future::pending().await,
    }
}

/// The scenario: flags before the file, that before the defaults.
fn scenario(simulate: &cli::Simulate, file: Option<&ScenarioFile>) -> Result<Scenario, UsageError> {
    let mut scenario = file.map_or_else(Scenario::default, |file| file.scenario.clone());
    macro_rules! take {
        ($($flag:ident => $($key:ident).+;)*) => {
            $(if let Some(value) = simulate.$flag { scenario.$($key).+ = value; })*
        };
    }
    take! {
        topology => topology;
        devices => devices;
        seed => seed;
        base => agents.base;
        port => agents.port;
        speed => time.speed;
    }
    scenario.ports = simulate.ports.or(scenario.ports);
    if let Some(graph) = &simulate.graph {
        scenario.graph = Some(graph.clone());
        scenario.topology = Shape::Graph;
    } else if simulate.topology.is_some_and(|shape| shape != Shape::Graph) {
        scenario.graph = None;
    }
    scenario
        .check()
        .map_err(|error| UsageError(error.to_string()))?;
    Ok(scenario)
}

fn write_truth(simulation: &Simulation, file: &Path) -> anyhow::Result<()> {
    let mut writer = std::io::BufWriter::new(std::fs::File::create(file)?);
    serde_json::to_writer_pretty(&mut writer, &Truth::of(simulation.network()))?;
    writer.write_all(b"\n")?;
    writer.flush()?;
    Ok(())
}

/// What is told when it runs.
#[derive(Debug, Serialize)]
struct Words {
    name: String,
    topology: &'static str,
    seed: u64,
    devices: usize,
    links: usize,
    hosts: usize,
    first_address: Ipv4Addr,
    last_address: Ipv4Addr,
    /// Holds all of them, and little more.
    network: String,
    port: u16,
    seed_device: String,
    #[serde(flatten)]
    credential: Credential,
    control: String,
    starts_at: String,
    speed: f64,
}

impl Words {
    fn of(
        simulation: &Simulation,
        scenario: &Scenario,
        agents: &Agents,
        listener: &TcpListener,
        credential: Credential,
    ) -> anyhow::Result<Self> {
        let network = simulation.network();
        let first = network.devices().first().context("a network has devices")?;
        let last = network.devices().last().context("a network has devices")?;
        let control: SocketAddr = listener.local_addr()?;
        Ok(Self {
            name: network.name.clone(),
            topology: network.shape.word(),
            seed: scenario.seed,
            devices: network.devices().len(),
            links: network.links().len(),
            hosts: network.edges().len(),
            first_address: first.address,
            last_address: last.address,
            network: cover(first.address, last.address),
            port: agents.port(),
            seed_device: first.name.clone(),
            credential,
            control: format!("http://{control}"),
            starts_at: simulation.pace().start().to_string(),
            speed: simulation.pace().speed(),
        })
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
        } else {
            self.print_people(&mut out)?;
        }
        out.flush()?;
        Ok(())
    }

    fn print_people(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let credential = self.credential.words();
        writeln!(
            out,
            "{} \"{}\", seed {}: {} devices, {} links, {} hosts",
            self.topology, self.name, self.seed, self.devices, self.links, self.hosts
        )?;
        writeln!(
            out,
            "agents   {} to {}, UDP port {}, {credential}",
            self.first_address, self.last_address, self.port
        )?;
        writeln!(out, "control  {}", self.control)?;
        writeln!(out, "time     {}, speed {}", self.starts_at, self.speed)?;
        let target = if self.links == 0 {
            self.network.clone()
        } else {
            format!("{} --allow {}", self.first_address, self.network)
        };
        writeln!(
            out,
            "try      foretell discover {target} --port {} --no-icmp {}",
            self.port, self.credential.flags
        )
    }
}

/// The smallest network that holds both addresses.
fn cover(first: Ipv4Addr, last: Ipv4Addr) -> String {
    let bits = (first.to_bits() ^ last.to_bits()).leading_zeros();
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    format!("{}/{bits}", Ipv4Addr::from_bits(first.to_bits() & mask))
}
