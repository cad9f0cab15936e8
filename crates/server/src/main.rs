//! The entry of the binary `foretell`: the allocator, the command line, the exit code.

use clap::Parser;
use foretell_server::exit::Exit;
use foretell_server::{cli, commands, complain};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let exit = commands::run(&cli.command).unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        // Whoever read our output has read enough, as `head` does.
        if exit != Exit::Done {
            complain(&format!("{error:#}"));
        }
        exit
    });
    exit.into()
}
