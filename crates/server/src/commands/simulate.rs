//! `foretell simulate`: a simulated network that answers until it is told to stop, recordings that
//! are played, and commands to a simulation that runs.

mod access;
mod command;
mod network;
mod recordings;

use crate::exit::Exit;
use crate::{cli, complain};
use sim::agent::{ServeOptions, Stats};
use std::io::Write as _;
use std::num::NonZeroUsize;

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
        Some(folder) => recordings::run(folder, simulate),
        None => network::run(simulate),
    }
}

fn serve_options(simulate: &cli::Simulate, seed: u64) -> ServeOptions {
    ServeOptions {
        threads: NonZeroUsize::new(usize::from(simulate.threads)).unwrap_or(NonZeroUsize::MIN),
        seed,
    }
}

/// The last words: what was asked and answered.
fn farewell(stats: Stats) {
    complain(&format!(
        "{} requests, {} answers",
        stats.datagrams_in, stats.datagrams_out
    ));
}
