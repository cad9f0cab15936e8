//! What is promised of the whole product, over real agents. Needs root and a built workspace:
//! run it by `cargo xtask lab`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test fails by panicking.

mod crash;
mod discovery;
mod echoes;
mod faults;
mod latency;
mod permission;
mod shown;
mod stand;
mod traffic;
mod walk;
