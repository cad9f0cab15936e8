//! What must hold of the text: formatting, lints, layers, sizes, generated files, licences.

use crate::programs::{cargo, output, root, run};
use crate::tally::{Outcome, Tally};
use crate::{codegen, compatible, layers, tools, workspace};
use anyhow::{Context as _, bail};
use std::path::PathBuf;
use std::process::Command;

/// A file longer than this holds more than one idea.
const FILE_LINES_MAX: usize = 700;

/// Endings of the files that people write.
const SOURCES: &[&str] = &["rs", "ts", "svelte", "mjs", "css", "py", "sh"];

/// All of them.
pub(crate) fn all(tally: &mut Tally) {
    code(tally);
    licences(tally);
}

/// Those of our own code, and its build.
pub(crate) fn code(tally: &mut Tally) {
    quick(tally);
    built(tally);
}

/// The build, and what is read of it.
pub(crate) fn built(tally: &mut Tally) {
    tally.step("build", workspace::build_for_tests);
    tally.step("generated files", || codegen::run(true));
    tally.step("released API kept", compatible::check);
}

/// What others wrote: whether we may and want to use it.
pub(crate) fn licences(tally: &mut Tally) {
    tally.step("licences and bans", deny);
}

/// Those without a build.
pub(crate) fn quick(tally: &mut Tally) {
    text(tally);
    tally.step("clippy", || run(&mut clippy()).map(|()| Outcome::Passed));
}

/// Those that take seconds.
pub(crate) fn text(tally: &mut Tally) {
    tally.step("fmt", || {
        run(&mut cargo(&["fmt", "--all", "--check"])).map(|()| Outcome::Passed)
    });
    tally.step("layers", layers::check);
    tally.step("file sizes", file_sizes);
    tally.step("unsafe forbidden", unsafe_forbidden);
}

/// Lints of all that is ours; a warning is a failure.
pub(crate) fn clippy() -> Command {
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny=warnings",
    ])
}

fn file_sizes() -> anyhow::Result<Outcome> {
    let mut long = Vec::new();
    for path in tracked()? {
        let source = path
            .extension()
            .is_some_and(|e| SOURCES.iter().any(|s| e == *s));
        let generated = path
            .components()
            .any(|part| part.as_os_str() == "generated");
        if !source || generated {
            continue;
        }
        // A tracked file may have been removed and not yet committed.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            continue;
        };
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    }
    if !long.is_empty() {
        bail!("over {FILE_LINES_MAX}: {}", long.join(", "));
    }
    Ok(Outcome::Passed)
}

/// The compiler refuses `unsafe` in every crate that takes the workspace's lints: so all must.
fn unsafe_forbidden() -> anyhow::Result<Outcome> {
    let manifest = |path: PathBuf| -> anyhow::Result<toml::Table> {
        let text = std::fs::read_to_string(root().join(&path));
        let text = text.with_context(|| path.display().to_string())?;
        Ok(toml::from_str(&text)?)
    };
    let root_manifest = manifest("Cargo.toml".into())?;
    let workspace = root_manifest.get("workspace").context("no workspace")?;
    let lints = workspace.get("lints").and_then(|l| l.get("rust"));
    let unsafe_code = lints.and_then(|l| l.get("unsafe_code"));
    if unsafe_code.and_then(toml::Value::as_str) != Some("forbid") {
        bail!("Cargo.toml does not say unsafe_code = \"forbid\"");
    }
    let members = workspace.get("members").and_then(toml::Value::as_array);
    for member in members.context("no members")? {
        let name = member.as_str().context("a member is not a string")?;
        let crate_manifest = manifest(PathBuf::from(name).join("Cargo.toml"))?;
        let inherited = crate_manifest.get("lints").and_then(|l| l.get("workspace"));
        if inherited.and_then(toml::Value::as_bool) != Some(true) {
            bail!("{name} does not take the lints of the workspace");
        }
    }
    Ok(Outcome::Passed)
}

/// The tool that looks at licences and bans.
pub(crate) const DENY: &str = "cargo-deny";

/// cargo-deny, without its advisories: their database needs the network.
fn deny() -> anyhow::Result<Outcome> {
    let deny = tools::cargo_tool(DENY)?;
    run(Command::new(deny)
        .args(["check", "--hide-inclusion-graph"])
        .args(["bans", "licenses", "sources"])
        .current_dir(root()))?;
    Ok(Outcome::Passed)
}

/// Files that git knows.
fn tracked() -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let names = output(git.current_dir(root()))?;
    Ok(names
        .split('\0')
        .filter(|n| !n.is_empty())
        .map(Into::into)
        .collect())
}
