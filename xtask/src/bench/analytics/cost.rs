//! What detectors and forecasts cost in CPU time.

use super::answers::Workplace;
use crate::bench::example;
use crate::bench::figure::Outcome;
use crate::install::python_can_make_venvs;
use crate::programs::{output, root, run};
use crate::python::Venv;
use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::path::Path;
use std::process::Command;

/// The example program that measures.
const EXAMPLE: (&str, &str) = ("foretell-analytics", "analytics_bench");

/// The peer. NumPy and pandas serve the test that holds our scorers to others in Python as well.
const VENV: Venv = Venv {
    name: "accuracy",
    packages: &["statsforecast==2.1.1", "numpy==2.4.6", "pandas==2.3.3"],
};

/// Series of which the cost is measured, so that it is seen to grow in proportion.
const SIZES: [u32; 3] = [1_000, 2_000, 4_000];
/// Series with full selection once a day.
const SELECTED: f64 = 100_000.0;
/// Series with a detector, and samples of each a day.
const WATCHED: f64 = 5_000_000.0;
const SAMPLES_PER_DAY: f64 = 1_440.0;
/// CPU seconds that two cores have in a day.
const TWO_CORES_SECS: f64 = 2.0 * 86_400.0;

pub(super) fn detector(outcome: &mut Outcome) -> anyhow::Result<()> {
    let measured = example::run(EXAMPLE.0, EXAMPLE.1, &["detector"])?;
    outcome.figures.extend(measured.figures);
    if let Some(us) = outcome.figures.get("detector_us_per_point") {
        outcome.add("detector_5m_cpu_s", us / 1e6 * WATCHED * SAMPLES_PER_DAY);
    }
    Ok(())
}

pub(super) fn forecast(outcome: &mut Outcome) -> anyhow::Result<()> {
    let measured = example::run(EXAMPLE.0, EXAMPLE.1, &["forecast"])?;
    outcome.figures.extend(measured.figures);
    Ok(())
}

/// The cost of each size, and what the largest says of all.
pub(super) fn scale(outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut each = Vec::with_capacity(SIZES.len());
    for size in SIZES {
        let measured = example::run(EXAMPLE.0, EXAMPLE.1, &["selection", &size.to_string()])?;
        let spent = measured
            .figures
            .get("selection_cpu_s")
            .context("no selection_cpu_s")?;
        outcome.add(&format!("selection_{size}_cpu_s"), *spent);
        each.push(spent / f64::from(size));
    }
    if let [first, .., last] = each.as_slice() {
        outcome.add("selection_growth_ratio", last / first);
        outcome.add("selection_100k_cpu_s", last * SELECTED);
    }
    Ok(())
}

/// What both take of a day of two cores, where both were measured.
pub(super) fn day(outcome: &mut Outcome) {
    let of = |name: &str| outcome.figures.get(name).copied();
    if let (Some(selected), Some(watched)) = (of("selection_100k_cpu_s"), of("detector_5m_cpu_s")) {
        outcome.add("day_share", (selected + watched) / TWO_CORES_SECS);
    }
}

/// The same series forecast by ours and by statsforecast's MSTL, each by one thread. Ours is the whole program,
/// with reading, writing and its start; the peer's time begins when it is loaded and compiled.
pub(super) fn peer(outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut skip = |why: String| outcome.skipped.push(("statsforecast's MSTL", why));
    let Some(at) = Workplace::open()? else {
        skip("../shared/eval/dev is not there".to_owned());
        return Ok(());
    };
    if !python_can_make_venvs() {
        skip("python3 cannot make a venv".to_owned());
        return Ok(());
    }
    let python = match VENV.program("python") {
        Ok(python) => python,
        Err(error) => {
            skip(format!("it cannot be installed: {error:#}"));
            return Ok(());
        }
    };
    let name = "forecast/m4_hourly.jsonl.gz";
    let (input, truth) = (at.input(name), at.truth(name));
    let owa = |answers: &Path| {
        let files = [
            ("--input", input.as_path()),
            ("--truth", &truth),
            ("--pred", answers),
        ];
        let told = at.score("forecast", &files)?;
        told["OWA_vs_Naive2"].as_f64().context("no OWA")
    };
    eprintln!("    ours");
    let answers = at.answer("beside_ours.csv");
    let before = children_secs()?;
    let mut ours = Command::new(&at.foretell);
    ours.args(["analyze", "forecast", "--threads", "1", "--input"])
        .arg(&input);
    run(ours.arg("--output").arg(&answers))?;
    let ours_secs = children_secs()? - before;
    let ours_owa = owa(&answers)?;
    eprintln!("    statsforecast's MSTL");
    let answers = at.answer("beside_mstl.csv");
    let mut mstl = Command::new(python);
    // One thread, as ours: the libraries below it would take all there are.
    for name in [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ] {
        mstl.env(name, "1");
    }
    mstl.arg(root().join("xtask/accuracy/mstl.py")).arg(&input);
    let told = example::figures(&output(mstl.arg(&answers))?)?;
    let of = |name: &str| {
        told.get(name)
            .copied()
            .with_context(|| format!("no {name}"))
    };
    let (mstl_secs, series, mstl_owa) = (of("cpu_s")?, of("series")?, owa(&answers)?);
    outcome.add("ours_m4_hourly_cpu_ms_per_series", ours_secs * 1e3 / series);
    outcome.add("mstl_m4_hourly_cpu_ms_per_series", mstl_secs * 1e3 / series);
    outcome.add("mstl_over_ours_cpu_ratio", mstl_secs / ours_secs);
    outcome.add("mstl_m4_hourly_owa_ratio", mstl_owa);
    outcome.add("ours_over_mstl_owa_ratio", ours_owa / mstl_owa);
    Ok(())
}

/// CPU time of the programs that were started and have ended.
fn children_secs() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let spent = usage.user_time() + usage.system_time();
    Ok(spent.num_microseconds() as f64 / 1e6)
}
