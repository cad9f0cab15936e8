//! Benches that are an example program of a crate, which prints one JSON object of figures.

use super::figure::{Figures, Outcome};
use crate::programs::{cargo, output};
use anyhow::Context as _;
use std::path::PathBuf;

/// Builds it optimised and runs it with these arguments.
pub(crate) fn run(package: &str, example: &str, arguments: &[&str]) -> anyhow::Result<Outcome> {
    let built = [
        "run",
        "--release",
        "--quiet",
        "--package",
        package,
        "--example",
        example,
        "--",
    ];
    let printed = output(cargo(&built).args(arguments))?;
    Ok(Outcome {
        figures: figures(&printed)?,
        ..Outcome::default()
    })
}

/// Builds it optimised; where it is.
pub(crate) fn build(package: &str, example: &str) -> anyhow::Result<PathBuf> {
    crate::programs::run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        package,
        "--example",
        example,
    ]))?;
    Ok(crate::programs::target_dir()
        .join("release/examples")
        .join(example))
}

/// The numbers of the JSON object that a program printed; what is no number is for people.
pub(crate) fn figures(printed: &str) -> anyhow::Result<Figures> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(printed.trim()).context("it did not print one JSON object")?;
    let numbers = object
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_f64()?)));
    Ok(numbers.collect())
}
