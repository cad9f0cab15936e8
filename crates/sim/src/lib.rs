//! A simulated network: devices, links, traffic and faults from a scenario and a seed, and the SNMP
//! agents that answer for them.
//!
//! It is for scale, for demonstration and for tests of what no laboratory can hold; what real agents
//! do is tested over real agents. It builds its tables from the standards and shares no code with
//! `collect`, whose reading of them it is there to try.

pub mod agent;
pub mod mib;
pub mod recording;
pub mod snapshot;

pub use mib::{Mib, Value};
