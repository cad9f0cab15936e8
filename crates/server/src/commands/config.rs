//! `foretell config`: the reference, the sample, and the check of a file.

use crate::cli;
use crate::config::{load, reference};
use crate::exit::Exit;

/// Runs it.
#[allow(clippy::print_stdout)]
pub fn run(command: &cli::Config) -> anyhow::Result<Exit> {
    match command {
        cli::Config::Reference => print!("{}", reference::page()),
        cli::Config::Sample => print!("{}", reference::sample()),
        cli::Config::Check { file } => {
            let loaded = load::load(Some(file), &load::environment(), &load::Flags::default())?;
            for warning in &loaded.warnings {
                crate::complain(warning);
            }
            println!("{} is right", file.display());
        }
    }
    Ok(Exit::Done)
}
