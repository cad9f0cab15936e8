//! A simulated network: devices, links, traffic and faults from a scenario and a seed, and the SNMP
//! agents that answer for them.
//!
//! It is for scale, for demonstration and for tests of what no laboratory can hold; what real agents
//! do is tested over real agents. It builds its tables from the standards and shares no code with
//! `collect`, whose reading of them it is there to try.
//!
//! A [`Scenario`] makes a [`Network`], which never changes. A [`Timeline`] has what goes wrong with
//! it, and tells every counter at every moment, past or future. A [`Simulation`] is both with a clock;
//! its [`Simulation::mib`] is what a device's agent answers, now or ([`DeviceMib::at`]) at any moment.

pub mod agent;
mod clock;
pub mod control;
mod exporting;
pub mod flows;
mod hardware;
mod hash;
pub mod logs;
pub mod mib;
pub mod network;
pub mod recording;
mod routes;
pub mod scenario;
mod serving;
mod simulation;
pub mod snapshot;
mod tables;
pub mod timeline;
mod topology;
pub mod traffic;
mod truth;

pub use clock::Pace;
pub use exporting::Exported;
pub use mib::{Mib, Value};
pub use network::{DeviceNo, Network, NetworkError, PortNo};
pub use scenario::{Scenario, ScenarioError};
pub use serving::Agents;
pub use simulation::{Simulation, SimulationError};
pub use tables::{DeviceMib, MibAt};
pub use timeline::{Octets, Timeline};
pub use topology::graph;
pub use truth::Truth;
