//! `foretell analyze`: the functions of `analytics` on files. One file a task; how files are read and
//! written is in `input`, `rows`, `series` and `output`, the threads are in `each`. What is said of a
//! series is in `analytics`.

mod balance;
mod capacity;
mod detect;
mod each;
mod folder;
mod forecast;
pub mod input;
pub mod matrices;
mod output;
mod rank;
pub mod rows;
mod scaling;
pub mod series;
pub mod services;
mod structure;
mod summary;

use crate::cli::Analyze;
use crate::exit::Exit;
use crate::logging;

/// Runs it.
pub fn run(command: &Analyze) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        Analyze::Detect(asked) => detect::run(asked),
        Analyze::Forecast(asked) => forecast::run(asked),
        Analyze::Capacity(asked) => capacity::run(asked),
        Analyze::Structure(asked) => structure::run(asked),
        Analyze::Scaling(asked) => scaling::run(asked),
        Analyze::Balance(asked) => balance::run(asked),
        Analyze::Rank(asked) => rank::run(asked),
    }
}
