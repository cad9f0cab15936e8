//! Neighbours to devices and interfaces that we know, and links from them, each with its evidence.
//! The two steps are in [`neighbors`] and [`infer`]; both only read a [`crate::Directory`].

mod infer;
mod neighbors;
mod ports;

pub use infer::{LINK_KEPT_UNREPORTED, infer};
pub use neighbors::resolve_neighbors;
