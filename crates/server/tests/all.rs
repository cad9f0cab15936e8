//! The binary and its configuration, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "all/agent.rs"]
mod agent;
#[path = "all/commands.rs"]
mod commands;
#[path = "all/configuration.rs"]
mod configuration;
#[path = "all/own_objects.rs"]
mod own_objects;
#[path = "all/past.rs"]
mod past;
#[path = "all/program.rs"]
mod program;
#[path = "all/recordings.rs"]
mod recordings;
#[path = "all/replaced.rs"]
mod replaced;
#[path = "all/schedules.rs"]
mod schedules;
#[path = "all/serve.rs"]
mod serve;
#[path = "all/simulate.rs"]
mod simulate;
