//! Everything that must hold before a change lands, in the order in which it fails soonest.

use crate::programs::{cargo, count_tests, in_idle_time};
use crate::tally::{Outcome, Tally};
use crate::{check, contract, corpus, demo, fuzz, install, lab, tools, web};
use std::process::Stdio;
use std::thread::{self, JoinHandle};

/// Formatting, lints and unit tests: minutes.
pub(crate) fn quick(tally: &mut Tally) {
    check::quick(tally);
    tally.step("unit tests", || cargo_test(&["--lib", "--bins"]));
}

/// All of it. What cannot be done here is skipped aloud.
pub(crate) fn full(tally: &mut Tally) {
    tally.step("programs", || Ok(install::ensure()));
    // The page first: the server embeds it.
    tally.step("page", web::build);
    check::code(tally);
    let aside = build_aside();
    tally.step("page types", web::check_types);
    tally.step("page unit tests", web::unit_tests);
    tally.step("cargo test", || cargo_test(&[]));
    let built = tally.held("build");
    let lab = built.then(lab::Beside::begin);
    tally.step("page in browser", web::browser_tests);
    if built {
        tally.step("contract", || contract::run(contract::SEED));
        tally.step("demo in browser", demo::walk);
        tally.step("corpus", corpus::run);
        tally.step("lab", || match lab.transpose()?.flatten() {
            Some(lab) => lab.end(),
            None => lab::run(None),
        });
    } else {
        for name in ["contract", "demo in browser", "lab", "corpus"] {
            tally.step(name, || Ok(Outcome::Skipped("the build failed".to_owned())));
        }
    }
    // What it could not build, the steps below tell.
    let _ = aside.join();
    check::licences(tally);
    tally.step("fuzz", || fuzz::run(None, fuzz::SHORT_SECS, false));
}

/// Begins to build what the last steps need, in the time that the steps before them wait for a
/// network or a browser. What fails here is built again, and told, by the step that needs it.
fn build_aside() -> JoinHandle<()> {
    thread::spawn(|| {
        let builds = [fuzz::build_command(), tools::build_command(check::DENY)];
        for build in builds.into_iter().flatten() {
            let _ = in_idle_time(&build).stderr(Stdio::null()).status();
        }
    })
}

fn cargo_test(which: &[&str]) -> anyhow::Result<Outcome> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(which).env("CARGO_TERM_COLOR", "never");
    Ok(Outcome::Tests(count_tests(&mut command)?))
}
