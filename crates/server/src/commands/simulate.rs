//! `foretell simulate`: a simulated network that answers until it is told to stop, recordings that
//! are played, and commands to a simulation that runs.

mod command;
mod network;
mod recordings;

use crate::cli;
use crate::exit::Exit;
use std::io::Write as _;

/// Runs it.
pub fn run(simulate: &cli::Simulate) -> anyhow::Result<Exit> {
    if let Some(command) = &simulate.command {
        return command::run(command);
    }
    if simulate.print_scenario {
        std::io::stdout()
            .lock()
            .write_all(sim::scenario::SAMPLE.as_bytes())?;
        return Ok(Exit::Done);
    }
    match &simulate.recordings {
        Some(folder) => recordings::run(folder, simulate.listen, simulate.each_address),
        None => network::run(simulate),
    }
}
