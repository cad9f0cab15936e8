//! The page: its build and its tests, by npm.

use crate::install::lacking;
use crate::programs::{count_tests, root, run};
use crate::tally::Outcome;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// What the page is built of, in web.
const SOURCES: &[&str] = &[
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];

/// Installs the packages and builds into web/dist. Without Node the binary embeds a page that
/// says what to run, so that is no failure.
pub(crate) fn build() -> anyhow::Result<Outcome> {
    if let Some(outcome) = unavailable() {
        return Ok(outcome);
    }
    install_packages()?;
    // What is built anew has the server, which embeds it, compiled anew.
    if !is_fresh() {
        run(npm().args(["run", "build"]))?;
    }
    Ok(Outcome::Passed)
}

/// Whether web/dist is younger than all that it is made of.
fn is_fresh() -> bool {
    let web = root().join("web");
    let built = web.join("dist/index.html").metadata();
    let Ok(built) = built.and_then(|file| file.modified()) else {
        return false;
    };
    SOURCES
        .iter()
        .all(|source| youngest(&web.join(source)).is_ok_and(|changed| changed < built))
}

/// When a file, or anything in a folder, was last changed; a folder changes where something goes.
fn youngest(path: &Path) -> io::Result<SystemTime> {
    let mut youngest = path.metadata()?.modified()?;
    if path.is_dir() {
        for entry in path.read_dir()? {
            youngest = youngest.max(self::youngest(&entry?.path())?);
        }
    }
    Ok(youngest)
}

/// Types of the page's sources.
pub(crate) fn check_types() -> anyhow::Result<Outcome> {
    if let Some(outcome) = unavailable() {
        return Ok(outcome);
    }
    run(npm().args(["run", "check"]))?;
    Ok(Outcome::Passed)
}

/// Unit tests.
pub(crate) fn unit_tests() -> anyhow::Result<Outcome> {
    if let Some(outcome) = unavailable() {
        return Ok(outcome);
    }
    count_tests(npm().args(["run", "test"]))?.outcome()
}

/// The browser tests against a made-up server. The walk through the real one is part of the lab.
pub(crate) fn browser_tests() -> anyhow::Result<Outcome> {
    if let Some(outcome) = unavailable() {
        return Ok(outcome);
    }
    if let Some(what) = lacking("browser") {
        return Ok(Outcome::Skipped(what));
    }
    run(npm().args(["run", "e2e"]))?;
    Ok(Outcome::Passed)
}

/// Rewrites the types generated from the API's description.
pub(crate) fn generate_types() -> anyhow::Result<()> {
    install_packages()?;
    run(npm().args(["run", "generate"]))
}

/// Why nothing can be done here, where that is so.
pub(crate) fn unavailable() -> Option<Outcome> {
    if !root().join("web/package.json").is_file() {
        return Some(Outcome::Skipped("there is no web/package.json".to_owned()));
    }
    lacking("page").map(Outcome::Skipped)
}

/// `npm ci`, once for each state of the lock file.
fn install_packages() -> anyhow::Result<()> {
    let web = root().join("web");
    let mark = web.join("node_modules/.installed-lock");
    let lock = std::fs::read(web.join("package-lock.json"))?;
    if std::fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(mark, lock)?;
    Ok(())
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command
        .current_dir(root().join("web"))
        .env("NO_COLOR", "1")
        .env("CI", "true");
    command
}
