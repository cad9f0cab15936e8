//! The stream: what happens in the network, told over WebSocket as it happens.
//!
//! [`ring`] keeps the latest events, [`protocol`] is what is said in both directions,
//! [`subscription`] decides who is told what, [`connection`] runs one client, [`tickets`] lets
//! clients in that have no cookie.

pub(crate) mod connection;
pub mod protocol;
pub(crate) mod ring;
pub(crate) mod subscription;
pub(crate) mod tickets;
