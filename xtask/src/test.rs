//! Everything that must hold before a change lands, in the order in which it fails soonest.

use crate::programs::{cargo, count_tests, in_idle_time};
use crate::tally::{Outcome, Tally};
use crate::{check, contract, corpus, demo, fuzz, install, lab, tools, web};
use anyhow::bail;
use std::process::Stdio;
use std::thread;

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
    let aside = thread::spawn(aside);
    tally.step("page types", web::check_types);
    tally.step("page unit tests", web::unit_tests);
    tally.step("cargo test", || cargo_test(&[]));
    tally.step("page in browser", web::browser_tests);
    if tally.held("build") {
        tally.step("contract", || contract::run(contract::SEED));
        tally.step("demo in browser", demo::walk);
        tally.step("lab", || lab::run(None));
        tally.step("corpus", corpus::run);
    } else {
        for name in ["contract", "demo in browser", "lab", "corpus"] {
            tally.step(name, || Ok(Outcome::Skipped("the build failed".to_owned())));
        }
    }
    tally.step("fuzz", || {
        let fuzzed = aside.join();
        fuzzed.unwrap_or_else(|_| bail!("its thread panicked"))
    });
    check::licences(tally);
}

/// What is done in the time that the other steps wait for a network or a browser: the tool for the
/// licences is built, which that step tells where it fails, and every parser fuzzed.
fn aside() -> anyhow::Result<Outcome> {
    if let Some(build) = tools::build_command(check::DENY) {
        let _ = in_idle_time(&build).stderr(Stdio::null()).status();
    }
    fuzz::run(fuzz::Plan {
        seconds: fuzz::SHORT_SECS,
        idle: true,
        ..fuzz::Plan::default()
    })
}

fn cargo_test(which: &[&str]) -> anyhow::Result<Outcome> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(which).env("CARGO_TERM_COLOR", "never");
    Ok(Outcome::Tests(count_tests(&mut command)?))
}
