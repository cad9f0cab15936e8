//! From facts to topology, as pure functions: which device an answer came from ([`identity`]),
//! which interface a row is ([`interfaces`]), which neighbours are devices that we know and which
//! links follow from them ([`links`]), how the whole is ([`health`]), which addresses were heard of and
//! are no device yet ([`candidates`]), and what becomes of a new device ([`rules`]).
//!
//! No I/O, no clock: every function takes what it needs and `now`. What a device is asked, and
//! where the results are kept, is decided elsewhere. Begin with [`identity::resolve`].

pub mod availability;
pub mod candidates;
pub mod directory;
pub mod health;
pub mod identity;
pub mod interfaces;
pub mod links;
pub mod rules;
pub mod senders;
pub mod usable;

pub use directory::{Directory, Known};
