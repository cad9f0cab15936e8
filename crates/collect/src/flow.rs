//! Flows: NetFlow v5 and v9, IPFIX and sFlow v5, from the datagram to the tops of a minute.
//!
//! [`collector::Collector`] is the whole of it without sockets and clock: it hands each datagram to
//! its exporter, whose reader makes [`record::Flow`]s of it, and counts them in [`window::Window`]s,
//! which keep the heaviest of each interface by a [`sketch`]. [`listen`] puts it on the wire. Nothing
//! here knows which device an exporter is.

pub mod collector;
pub mod defects;
mod element;
pub mod exporter;
mod frame;
mod hashing;
pub mod listen;
mod netflow5;
mod octets;
pub mod record;
mod sampling;
mod sequence;
mod sflow;
pub mod sketch;
mod template;
mod templated;
pub mod window;

#[cfg(test)]
mod tests;

pub use collector::{Collector, Totals};
pub use defects::Defects;
pub use exporter::{ExporterState, Format};
pub use listen::{Flows, ListenError, Listening};
pub use window::Sealed;
pub use window::heavy::{HeavyHost, HeavyPlace};

/// What is expected at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// NetFlow v5 and v9, and IPFIX, told apart by their version.
    Netflow,
    /// sFlow v5.
    Sflow,
}
