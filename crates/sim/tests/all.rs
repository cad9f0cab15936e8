//! Agents asked over loopback, by programs and libraries that are not ours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "all/codec.rs"]
mod codec;
#[path = "all/hostile.rs"]
mod hostile;
#[path = "all/net_snmp.rs"]
mod net_snmp;
#[path = "all/recordings.rs"]
mod recordings;
#[path = "all/serving.rs"]
mod serving;
#[path = "all/shelf.rs"]
mod shelf;
