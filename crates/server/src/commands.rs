//! One file a command.

pub mod analyze;
mod answer;
pub mod archive;
pub mod audit;
pub mod backup;
pub mod check;
mod client;
pub mod config;
mod consent;
pub mod discover;
pub mod documents;
pub mod import;
pub mod job;
pub mod metrics;
pub mod probe;
pub mod profile;
pub mod report;
pub mod restore;
pub mod retention;
pub mod series;
pub mod serve;
mod session;
pub mod simulate;
#[cfg(test)]
mod standin;
pub mod store;
pub mod user;
pub mod walk;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs the command.
pub fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(command) => serve::run(command),
        Command::Discover(command) => discover::run(command),
        Command::Probe(command) => probe::run(command),
        Command::Profile(command) => profile::run(command),
        Command::Walk(command) => walk::run(command),
        Command::Check(command) => check::run(command),
        Command::Import(command) => import::run(command),
        Command::Metrics(command) => metrics::run(command),
        Command::Simulate(command) => simulate::run(command),
        Command::User(command) => user::run(command),
        Command::Documents(command) => documents::run(command),
        Command::Archive(command) => archive::run(command),
        Command::Backup(command) => backup::run(command),
        Command::Restore(command) => restore::run(command),
        Command::Store(command) => store::run(command),
        Command::Series(command) => series::run(command),
        Command::Retention(command) => retention::run(command),
        Command::Hold(command) => retention::hold::run(command),
        Command::Job(command) => job::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Analyze(command) => analyze::run(command),
        Command::Report(command) => report::run(command),
        Command::Config(command) => config::run(command),
    }
}
