//! `foretell simulate`: a simulated network that answers until it is told to stop, recordings that
//! are played, and commands to a simulation that runs.

mod access;
mod command;
mod network;
mod recordings;

use crate::exit::{Exit, UsageError};
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
    refuse_strangers(simulate)?;
    match &simulate.recordings {
        Some(folder) => recordings::run(folder, simulate),
        None => network::run(simulate),
    }
}

/// What is taken by other commands and would be lost here in silence.
fn refuse_strangers(simulate: &cli::Simulate) -> Result<(), UsageError> {
    let ask = &simulate.ask;
    let has_community = [
        ask.community.is_some(),
        ask.community_env.is_some(),
        ask.community_file.is_some(),
    ]
    .contains(&true);
    let at_one_address = simulate.recordings.is_some() && !simulate.each_address;
    let detail = if ask.v1 {
        "--v1: agents answer SNMPv1 and v2c alike"
    } else if !ask.v3_context.is_empty() {
        "--v3-context: a device answers in the default context, a recording in that of its name"
    } else if at_one_address && has_community {
        "--community: at one address a recording's name is its community; --each-address gives \
         each an address, and all one community"
    } else {
        return Ok(());
    };
    Err(UsageError(detail.to_owned()))
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
