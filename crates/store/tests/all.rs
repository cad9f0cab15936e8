//! The store from outside, by capability.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "all/blocks.rs"]
mod blocks;
#[path = "all/crash.rs"]
mod crash;
#[path = "all/fixture.rs"]
mod fixture;
#[path = "all/inventory.rs"]
mod inventory;
#[path = "all/series.rs"]
mod series;
#[path = "all/series_fixture.rs"]
mod series_fixture;
