//! Topology from data: interfaces through renumbering, links from neighbours, health.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "all/availability.rs"]
mod availability;
#[path = "all/health.rs"]
mod health;
#[path = "all/interfaces.rs"]
mod interfaces;
#[path = "all/links.rs"]
mod links;
