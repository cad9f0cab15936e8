//! Fuzzing every parser of bytes and text, on the stable compiler.
//!
//! libFuzzer comes with the crate libfuzzer-sys; the instrumentation it wants is a pass of LLVM
//! that stable rustc can be asked for (fuzz/instrument.sh). All parsers are in one program (see fuzz/),
//! so that it is linked once; FUZZ_TARGET picks one.

use crate::install::lacking;
use crate::programs::{cargo, output, root, run as run_program, target_dir};
use crate::tally::{Outcome, Tests};
use anyhow::{Context as _, bail};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// Seconds for each parser in `cargo xtask test`.
pub(crate) const SHORT_SECS: u32 = 4;
/// The longest input tried, in bytes: beyond the largest UDP datagram nothing new comes.
const INPUT_LEN_MAX: &str = "-max_len=65536";
/// Memory that one input may make a parser use, in MiB. Far above any honest need.
const MEMORY_MIB_MAX: &str = "-rss_limit_mb=1024";
/// Parsers fuzzed at once: each may use the memory above.
const AT_ONCE_MAX: usize = 4;
/// Seconds that one input may take.
const INPUT_SECS_MAX: &str = "-timeout=10";

/// Replays the saved inputs of each parser, then looks for new ones.
pub(crate) fn run(only: Option<&str>, seconds: u32, keep: bool) -> anyhow::Result<Outcome> {
    if let Some(what) = lacking("fuzz") {
        return Ok(Outcome::Skipped(what));
    }
    let program = build()?;
    let names = output(Command::new(&program).env("FUZZ_TARGET", "list"))?;
    let names: Vec<&str> = names
        .lines()
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    if names.is_empty() {
        bail!("no such parser; see fuzz/src");
    }
    Ok(Outcome::Tests(all(&program, names, seconds, keep)))
}

/// Each parser on a processor of its own, so that all are done sooner and none has less time.
fn all(program: &Path, names: Vec<&str>, seconds: u32, keep: bool) -> Tests {
    let left = Mutex::new(names.into_iter());
    let next = || left.lock().expect("no parser's thread panics").next();
    let tests = Mutex::new(Tests::default());
    let work = || {
        while let Some(name) = next() {
            let mut came = Tests::default();
            match one(program, name, seconds, keep) {
                Ok(told) => {
                    eprintln!("    {name}: {told}");
                    came.passed += 1;
                }
                Err(error) => {
                    eprintln!("FAILED {name}: {error:#}");
                    came.failed += 1;
                }
            }
            tests.lock().expect("no parser's thread panics").add(came);
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|threads| {
        for _ in 0..processors.min(AT_ONCE_MAX) {
            threads.spawn(work);
        }
    });
    tests.into_inner().expect("no parser's thread panics")
}

fn build() -> anyhow::Result<PathBuf> {
    run_program(&mut building())?;
    Ok(target_dir().join("debug/examples/foretell-fuzz"))
}

/// What builds the parsers; nothing where they cannot be built.
pub(crate) fn build_command() -> Option<Command> {
    lacking("fuzz").is_none().then(building)
}

/// Crates of ours are built once more, instrumented; their dependencies are those of the workspace.
fn building() -> Command {
    let mut build = cargo(&["build", "--locked", "--workspace"]);
    build
        .args(["--example", "foretell-fuzz"])
        .args(["--features", "foretell-fuzz/libfuzzer"])
        .env("RUSTC_WORKSPACE_WRAPPER", root().join("fuzz/instrument.sh"));
    build
}

fn one(program: &Path, name: &str, seconds: u32, keep: bool) -> anyhow::Result<String> {
    let saved = root().join("fuzz/corpus").join(name);
    let found = target_dir().join("fuzz/found").join(name);
    std::fs::create_dir_all(&saved)?;
    std::fs::create_dir_all(&found)?;
    let fuzzer = |arguments: &[&str], folders: &[&Path]| {
        let mut command = Command::new(program);
        command
            .env("FUZZ_TARGET", name)
            .args(arguments)
            .args([INPUT_LEN_MAX, MEMORY_MIB_MAX, INPUT_SECS_MAX])
            .args(folders)
            .current_dir(&found);
        command
    };
    told(&mut fuzzer(&["-runs=0"], &[&saved])).context("replay of the saved inputs")?;
    let time = format!("-max_total_time={seconds}");
    let log = told(&mut fuzzer(
        &[&time, "-print_final_stats=1"],
        &[&found, &saved],
    ))?;
    if keep {
        told(&mut fuzzer(&["-merge=1"], &[&saved, &found])).context("merge")?;
    }
    let runs = log
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units: "));
    Ok(format!("{} inputs", runs.unwrap_or("no").trim()))
}

/// Runs it to the end; libFuzzer tells everything on standard error.
fn told(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        eprintln!("{log}");
        bail!("{}; the input is shown above", output.status);
    }
    Ok(log)
}
