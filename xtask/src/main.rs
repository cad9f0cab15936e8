//! The tasks of the project, as `cargo xtask TASK`. One file a task; this one only reads the
//! command line. Begin with [`test`], which uses most of the others.
#![allow(clippy::print_stdout)] // What a task prints is its product.
#![allow(clippy::indexing_slicing)] // Of JSON only: indexing it gives null where there is nothing.

mod archive;
mod bench;
mod beside;
mod check;
mod codegen;
mod compatible;
mod contract;
mod corpus;
mod coverage;
mod demo;
mod fuzz;
mod http;
mod install;
mod lab;
mod layers;
mod programs;
mod python;
mod service;
mod tally;
mod test;
mod tools;
mod web;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tally::Tally;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of the project.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page (where Node is there), then the workspace.
    Build {
        /// Unoptimised: quicker to build, slower to run.
        #[arg(long)]
        debug: bool,
    },
    /// Build, simulate a campus, serve with data in target/demo, discover it, make its history, and
    /// print the address and the sign-in.
    Demo(demo::Options),
    /// Take the pictures of the guide anew, of a demo in a browser.
    Pictures,
    /// Everything that must hold before a change lands.
    Test {
        /// Formatting, lints and unit tests only.
        #[arg(long)]
        quick: bool,
    },
    /// Formatting, lints, dependency table, file sizes, generated files, licences and bans.
    Check {
        /// Instead: how many lines of the product the tests run. Takes many minutes.
        #[arg(long)]
        coverage: bool,
    },
    /// Measure one thing, hold it to its floor, and add the figures to bench/history.jsonl.
    Bench {
        /// Which; none lists them.
        name: Option<String>,
        /// Only this part of it.
        #[arg(long, value_name = "PART", requires = "name")]
        only: Option<String>,
        /// Instead: the store beside its peers, which are installed where that may be done.
        #[arg(long, requires = "name", conflicts_with_all = ["only", "growth"])]
        peers: bool,
        /// Instead: how the costs of the store grow, drawn and tabled in docs/operate.
        #[arg(long, requires = "name", conflicts_with = "only")]
        growth: bool,
    },
    /// The tests over real agents in network namespaces. Needs root.
    Lab {
        /// Only tests whose name holds this.
        filter: Option<String>,
    },
    /// Replay the saved corpus, then fuzz each parser.
    Fuzz {
        /// Only this parser.
        target: Option<String>,
        /// Seconds for each parser.
        #[arg(long, default_value_t = fuzz::SHORT_SECS)]
        seconds: u32,
        /// Keep what was found: add new inputs to the saved corpus, minimised.
        #[arg(long)]
        keep: bool,
    },
    /// Score probes of the recorded devices in ../shared/corpus.
    Corpus,
    /// Archive a day to a folder and an S3 server, and read it with pyarrow, DuckDB and Polars.
    Archive,
    /// Requests made up from the OpenAPI document against the running server (Schemathesis).
    Contract {
        /// Another one looks elsewhere.
        #[arg(long, default_value_t = contract::SEED)]
        seed: u32,
        /// The part that runs in the namespace.
        #[arg(long, hide = true)]
        inside: bool,
    },
    /// Rewrite the generated files.
    Codegen {
        /// Change nothing; fail where a file is stale.
        #[arg(long)]
        check: bool,
        /// Make the API's present documents the released ones, which later changes may not break.
        #[arg(long, conflicts_with = "check")]
        accept_breaking: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::new();
    match task {
        Task::Build { debug } => {
            tally.step("page", web::build);
            tally.step("workspace", || workspace::build(!debug));
        }
        Task::Demo(options) if options.walk => {
            tally.step("page", web::build);
            tally.step("workspace", || workspace::build(false));
            tally.step("demo in browser", demo::walk);
        }
        Task::Demo(options) => return demo::run(&options),
        Task::Pictures => tally.step("pictures", demo::take_pictures),
        Task::Test { quick: true } => test::quick(&mut tally),
        Task::Test { quick: false } => test::full(&mut tally),
        Task::Check { coverage: true } => tally.step("coverage", coverage::check),
        Task::Check { coverage: false } => check::all(&mut tally),
        Task::Bench {
            name,
            only,
            peers,
            growth,
        } => {
            // Benches of their own, so that neither is run with the parts.
            let of = |suffix: &str| name.as_ref().map(|name| format!("{name}-{suffix}"));
            let name = match (peers, growth) {
                (true, _) => of("peers"),
                (_, true) => of("growth"),
                _ => name,
            };
            return bench::run(name.as_deref(), only.as_deref());
        }
        Task::Lab { filter } => {
            tally.step("page", web::build);
            tally.step("workspace", workspace::build_for_tests);
            tally.step("lab", || lab::run(filter.as_deref()));
        }
        Task::Fuzz {
            target,
            seconds,
            keep,
        } => tally.step("fuzz", || fuzz::run(target.as_deref(), seconds, keep)),
        Task::Archive => {
            tally.step("workspace", workspace::build_for_tests);
            tally.step("archive", archive::run);
        }
        Task::Corpus => {
            tally.step("workspace", workspace::build_for_tests);
            tally.step("corpus", corpus::run);
        }
        Task::Contract { seed, inside: true } => {
            contract::inside(seed)?;
            return Ok(ExitCode::SUCCESS);
        }
        Task::Contract { seed, .. } => {
            tally.step("workspace", workspace::build_for_tests);
            tally.step("contract", || contract::run(seed));
        }
        Task::Codegen {
            check: stale_only,
            accept_breaking,
        } => {
            tally.step("workspace", workspace::build_for_tests);
            tally.step("codegen", || codegen::run(stale_only));
            if accept_breaking {
                tally.step("released", || {
                    compatible::accept().map(|()| tally::Outcome::Passed)
                });
            }
        }
    }
    Ok(tally.finish())
}
