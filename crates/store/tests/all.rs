//! The store from outside, by capability.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "all/fixture.rs"]
mod fixture;
#[path = "all/inventory.rs"]
mod inventory;
