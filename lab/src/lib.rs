//! Networks of real agents in network namespaces, and a server to watch them: what the tests in
//! `tests/network/` stand on, and what `foretell-lab up` shows by hand.
//!
//! Everything here needs root and Debian's snmpd, snmp, lldpd, iproute2. Nothing here knows how
//! Foretell works inside: it speaks to it over HTTP and WebSocket, as anyone would. Begin with
//! [`network::Network`], then [`server::Server`].
#![allow(clippy::indexing_slicing)] // Of JSON only: indexing it gives null where there is nothing.

pub mod agent;
pub mod client;
pub mod echo;
pub mod namespace;
pub mod network;
pub mod server;
pub mod stream;
pub mod traffic;
pub mod wait;
