//! Building the workspace, and where what was built is.
//!
//! Everything is built for the whole workspace at once: cargo unifies the features of what is
//! built together, so building one package alone would build its dependencies a second time.

use crate::programs::{cargo, output, run, target_dir};
use crate::tally::Outcome;
use anyhow::Context as _;
use std::path::PathBuf;

/// Builds the binaries; optimised, only `foretell`.
pub(crate) fn build(release: bool) -> anyhow::Result<Outcome> {
    if release {
        build_foretell(true)?;
    } else {
        run(&mut cargo(&["build", "--workspace"]))?;
    }
    Ok(Outcome::Passed)
}

/// Builds the binary `foretell` and nothing else; where it is. Optimised, nothing else of the
/// workspace is needed, and what only the tests use is not built.
pub(crate) fn build_foretell(release: bool) -> anyhow::Result<PathBuf> {
    if !release {
        build(false)?;
        return Ok(foretell());
    }
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "foretell-server",
    ]))?;
    Ok(target_dir().join("release/foretell"))
}

/// Builds binaries, examples and tests.
pub(crate) fn build_all_targets() -> anyhow::Result<Outcome> {
    run(&mut cargo(&["build", "--workspace", "--all-targets"]))?;
    Ok(Outcome::Passed)
}

/// The binary `foretell`, unoptimised.
pub(crate) fn foretell() -> PathBuf {
    target_dir().join("debug/foretell")
}

/// This program. Not `current_exe`: building the workspace may have put another file in its place.
pub(crate) fn xtask() -> PathBuf {
    target_dir().join("debug/xtask")
}

/// An example that was built.
pub(crate) fn example(name: &str) -> PathBuf {
    target_dir().join("debug/examples").join(name)
}

/// The program of an integration test, built if need be.
pub(crate) fn test_program(package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let messages = output(&mut cargo(&[
        "test",
        "--workspace",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let of_package = message["package_id"].as_str()?.contains(package);
            let is_test = message["target"]["kind"][0] == "test";
            let named = message["target"]["name"] == name;
            let program = message["executable"].as_str()?;
            (of_package && is_test && named).then(|| PathBuf::from(program))
        })
        .with_context(|| format!("{package} has no test named {name}"))
}
