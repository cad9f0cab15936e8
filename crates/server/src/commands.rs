//! One file a command.

pub mod config;
pub mod probe;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs the command.
pub fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Config(command) => config::run(command),
        Command::Probe(probe) => probe::run(probe),
        _ => Err(anyhow::anyhow!("not yet built")),
    }
}
