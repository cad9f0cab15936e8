//! The parts of the binary `foretell`: one file a command, and the wiring of the server. What a
//! command does with devices, series or pages is in the crates of that name; here they are put
//! together.
//!
//! Begin with [`cli`], then [`commands`], then `serve` and `wire`.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod exit;
pub mod logging;
pub mod secrets;

/// Words for the operator, apart from results.
#[allow(clippy::print_stderr)]
pub fn complain(words: &str) {
    eprintln!("foretell: {words}");
}
