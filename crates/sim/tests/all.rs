//! Agents asked over loopback, by programs and libraries that are not ours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "all/net_snmp.rs"]
mod net_snmp;
#[path = "all/shelf.rs"]
mod shelf;
