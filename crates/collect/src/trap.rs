//! Traps and informs: heard, believed or refused, and told by a bounded channel. Off unless an
//! address to listen at is given.
//!
//! A datagram goes through the pace of its sender ([`crate::pace`]) before anything else is spent on it,
//! waits in a queue that is fair between senders ([`crate::udp`]), then goes through [`snmp::Receiver`],
//! which says whether it is believed; an inform that was told before is answered again and told no more
//! ([`repeat`]). What a notification is called and what
//! it asks for is a table ([`kind`]); which interface it is about, a guess from its objects
//! ([`port`]). Whose notification it is, is not decided here.

pub mod kind;
mod listen;
pub mod port;
mod refusal;
mod repeat;

pub use crate::udp::BoundSocket;
pub use kind::{Consequence, Kind};
pub use listen::{Acknowledgement, TrapListener, TrapOptions, TrapReport, TrapStats};
