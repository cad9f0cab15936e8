//! The parts of the binary `foretell`: one file a command, and the wiring of the server. What a
//! command does with devices, series or pages is in the crates of that name; here they are put
//! together.
//!
//! Begin with [`cli`], then [`commands`], then `serve` and `wire`.

pub mod allowance;
pub mod archive;
pub mod backups;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod clockwork;
pub mod commands;
pub mod config;
pub mod desk;
pub mod exit;
pub mod flows;
pub mod foresight;
pub mod ingest;
pub mod links;
pub mod logging;
pub mod logs;
pub mod metrics;
pub mod own_line;
pub mod process;
pub mod readiness;
pub mod refusals;
pub mod retention;
pub mod secrets;
pub mod seed;
pub mod senders;
pub mod server;
pub mod shutdown;
pub mod threads;
pub mod tombstones;
pub mod traps;
pub mod webhook;
pub mod wire;
pub mod workbench;

/// Words for the operator, apart from results.
#[allow(clippy::print_stderr)]
pub fn complain(words: &str) {
    eprintln!("foretell: {words}");
}

/// An error with its causes, in one line: each layer tells its own part.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // `transparent` errors say what their cause says.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
