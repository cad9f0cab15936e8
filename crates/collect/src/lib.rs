//! Schedule, discovery and polling: who is asked when, what is asked, and how a device is by what
//! it answers. Decides nothing about identity, and knows neither the store nor the API.
//!
//! To follow one poll: [`poller::Poller`] keeps the devices; [`schedule`] says which one is due; its
//! poll asks ICMP ([`icmp`]) and SNMP ([`mod@snmp`]) side by side within a deadline; [`status`]
//! makes of both how the device is; and a [`poller::PollReport`] leaves by a bounded channel.
//! Finding devices in the first place is [`discovery`]; what they send by themselves, [`trap`].

pub mod check;
pub mod connect;
pub mod credential;
pub mod discovery;
pub mod flow;
pub mod http;
pub mod icmp;
mod incoming;
pub mod object_names;
mod pace;
pub mod poller;
pub mod profile;
pub mod reading;
pub mod schedule;
pub mod snmp;
mod socket_thread;
pub mod status;
pub mod syslog;
pub mod trap;
mod udp;

pub use credential::{CredentialError, auth_protocol, credentials, privacy_protocol};
pub use discovery::{DiscoveryPlan, Found, TargetError};
pub use icmp::Pinger;
pub use poller::{PollReport, Poller, PollerOptions, PollerStats, Target};
pub use profile::Profiles;
pub use trap::{TrapListener, TrapOptions, TrapReport, TrapStats};
