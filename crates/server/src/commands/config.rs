//! `foretell config`: the reference, the sample, and the check of a file.

use crate::cli;
use crate::config::{load, reference};
use crate::exit::Exit;
use std::io::Write as _;

/// Runs it.
pub fn run(command: &cli::Config) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    match command {
        cli::Config::Reference => out.write_all(reference::page().as_bytes())?,
        cli::Config::Sample => out.write_all(reference::sample().as_bytes())?,
        cli::Config::Check { file } => {
            let loaded = load::load(Some(file), &load::environment(), &load::Flags::default())?;
            for warning in &loaded.warnings {
                crate::complain(warning);
            }
            writeln!(out, "{} is right", file.display())?;
        }
    }
    Ok(Exit::Done)
}
