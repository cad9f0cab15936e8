//! Sealed samples: one block per device and range of time.
//!
//! [`Blocks`] is what a back end does, [`codec`] is what the octets of a block mean. What is not
//! yet sealed lives in `series`.

pub mod codec;
pub(crate) mod octets;
mod rows;

pub use octets::Short;
pub use rows::{Block, Column};

/// A block could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlocksError {}
