//! Everything that must hold before a change lands, in the order in which it fails soonest; what
//! only takes time runs beside the rest.

use crate::beside::{self, Lane, Step};
use crate::programs::{cargo, count_tests};
use crate::tally::{Outcome, Tally, Tests};
use crate::{archive, check, contract, corpus, demo, fuzz, install, lab, tools, web, workspace};
use anyhow::bail;
use std::time::Instant;

/// Formatting, lints and unit tests: minutes.
pub(crate) fn quick(tally: &mut Tally) {
    check::quick(tally);
    tally.step("unit tests", unit_tests);
}

/// All of it. What cannot be done here is skipped aloud.
pub(crate) fn full(tally: &mut Tally) {
    tally.step("programs", || Ok(install::ensure()));
    // The page first: the server embeds it.
    tally.step("page", web::build);
    check::text(tally);
    check::built(tally);
    // From here to the end of this lane nothing else calls cargo: see `beside`.
    let idle = Lane::begin(idle_steps());
    tally.step("page types", web::check_types);
    tally.step("page unit tests", web::unit_tests);
    if tally.held("build") {
        tally.step("Rust tests", rust_tests);
        let lab = lab::step().ok().flatten().map(alone);
        tally.step("page in browser", web::browser_tests);
        let contract = contract::step().map(alone);
        tally.step("demo in browser", demo::walk);
        told(tally, contract, "contract", || {
            contract::run(contract::SEED)
        });
        tally.step("corpus", corpus::run);
        told(tally, lab, "lab", || lab::run(None));
        tally.step("archive", archive::run);
    } else {
        tally.step("page in browser", web::browser_tests);
        for name in [
            "Rust tests",
            "demo in browser",
            "contract",
            "corpus",
            "lab",
            "archive",
        ] {
            tally.step(name, || Ok(Outcome::Skipped("the build failed".to_owned())));
        }
    }
    idle.tell(tally);
    check::licences(tally);
    tally.step("fuzz", || fuzz::run(None, fuzz::SHORT_SECS, false));
}

/// A step in a lane of its own.
fn alone(step: Step) -> Lane {
    Lane::begin(vec![step])
}

/// What came of a step that ran beside; where it could not, it says why itself.
fn told(
    tally: &mut Tally,
    lane: Option<Lane>,
    name: &str,
    work: impl FnOnce() -> anyhow::Result<Outcome>,
) {
    match lane {
        Some(lane) => lane.tell(tally),
        None => tally.step(name, work),
    }
}

/// What compiles and is needed late or by nothing: done in the time that the steps beside it wait for
/// a network or a browser.
fn idle_steps() -> Vec<Step> {
    let docs = ["test", "--workspace", "--doc", "--no-fail-fast"];
    let builds = [
        ("fuzz build", fuzz::build_command()),
        ("cargo-deny build", tools::build_command(check::DENY)),
    ];
    let mut steps = vec![
        beside::idle("clippy", &check::clippy()),
        beside::idle("doc tests", &cargo(&docs)),
    ];
    for (name, build) in builds {
        steps.extend(build.map(|build| beside::idle(name, &build)));
    }
    steps
}

/// The tests beside the code.
fn unit_tests() -> anyhow::Result<Outcome> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    command.env("CARGO_TERM_COLOR", "never");
    count_tests(&mut command)?.outcome()
}

/// What `cargo test` runs of what is built, the tests in documentation left out. Not by cargo, which
/// would wait for the build beside it.
fn rust_tests() -> anyhow::Result<Outcome> {
    let mut tests = Tests::default();
    let mut broken = Vec::new();
    for program in workspace::test_programs()? {
        println!("     Running {program}");
        let began = Instant::now();
        match count_tests(&mut program.command()) {
            Ok(more) => tests.add(more),
            Err(error) => broken.push(format!("{program}: {error:#}")),
        }
        println!("    {program}: {:.1} s", began.elapsed().as_secs_f64());
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("; "));
    }
    tests.outcome()
}
