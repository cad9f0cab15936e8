//! Sessions against agents: a hostile one made here, and net-snmp's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "all/agent.rs"]
mod agent;
#[path = "all/ber.rs"]
mod ber;
#[path = "all/hostile.rs"]
mod hostile;
#[path = "all/modes.rs"]
mod modes;
#[path = "all/net_snmp.rs"]
mod net_snmp;
#[path = "all/notifications.rs"]
mod notifications;
#[path = "all/pieces.rs"]
mod pieces;
#[path = "all/repeats.rs"]
mod repeats;
