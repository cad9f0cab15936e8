//! Everything that must hold before a change lands, in the order in which it fails soonest.

use crate::programs::{cargo, count_tests};
use crate::tally::{Outcome, Tally};
use crate::{check, contract, corpus, fuzz, install, lab, web};

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
    check::all(tally);
    tally.step("page types", web::check_types);
    tally.step("page unit tests", web::unit_tests);
    tally.step("cargo test", || cargo_test(&[]));
    tally.step("page in browser", web::browser_tests);
    if tally.held("build") {
        tally.step("contract", || contract::run(contract::SEED));
        tally.step("lab", || lab::run(None));
        tally.step("corpus", corpus::run);
    } else {
        for name in ["contract", "lab", "corpus"] {
            tally.step(name, || Ok(Outcome::Skipped("the build failed".to_owned())));
        }
    }
    tally.step("fuzz", || fuzz::run(None, fuzz::SHORT_SECS, false));
}

fn cargo_test(which: &[&str]) -> anyhow::Result<Outcome> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(which).env("CARGO_TERM_COLOR", "never");
    Ok(Outcome::Tests(count_tests(&mut command)?))
}
