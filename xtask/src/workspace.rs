//! Building the workspace, and where what was built is.
//!
//! Everything is built for the whole workspace at once: cargo unifies the features of what is
//! built together, so building one package alone would build its dependencies a second time.

use crate::programs::{cargo, output, run, target_dir, without_package};
use crate::tally::Outcome;
use anyhow::Context as _;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// The examples that some task runs unoptimised. All others are benches: clippy sees them, and
/// `cargo xtask bench` builds them.
const EXAMPLES: [&str; 5] = [
    "archive_sample",
    "collections",
    "metrics",
    "openapi",
    "series",
];

/// Everything else that is built, with the same features in each call.
const TARGETS: [&str; 4] = ["--workspace", "--lib", "--bins", "--tests"];

/// Builds binaries, tests, and the examples that are run.
pub(crate) fn build_for_tests() -> anyhow::Result<Outcome> {
    let examples = EXAMPLES.into_iter().flat_map(|name| ["--example", name]);
    run(cargo(&["build"]).args(TARGETS).args(examples))?;
    test_programs()?;
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
    assert!(EXAMPLES.contains(&name), "{name} is not built");
    target_dir().join("debug/examples").join(name)
}

/// A program of tests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestProgram {
    /// The name of its package.
    package: String,
    /// The name of its target, which for the tests beside the code is that of the library or binary.
    name: String,
    program: PathBuf,
    /// The folder of its package, in which cargo runs it.
    folder: PathBuf,
}

impl TestProgram {
    /// What runs it as `cargo test` does.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        without_package(&mut command);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

impl fmt::Display for TestProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.name)
    }
}

/// The programs of all tests, by package and name. Builds what is not built; cargo is asked once, so
/// that later it may build something else meanwhile.
pub(crate) fn test_programs() -> anyhow::Result<&'static [TestProgram]> {
    static PROGRAMS: OnceLock<Vec<TestProgram>> = OnceLock::new();
    if let Some(programs) = PROGRAMS.get() {
        return Ok(programs);
    }
    let mut build = cargo(&[
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = output(build.args(TARGETS))?;
    let mut programs: Vec<TestProgram> = messages.lines().filter_map(test_built).collect();
    programs.sort();
    Ok(PROGRAMS.get_or_init(|| programs))
}

/// One of them: an integration test, or the tests beside the code of a library or binary.
pub(crate) fn test_program(package: &str, name: &str) -> anyhow::Result<&'static TestProgram> {
    test_programs()?
        .iter()
        .find(|test| test.package == package && test.name == name)
        .with_context(|| format!("{package} has no tests named {name}"))
}

/// The program of tests that a message of cargo's tells of.
fn test_built(message: &str) -> Option<TestProgram> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message["profile"]["test"] != true {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    // `path+file:///checkout/crates/store#foretell-store@0.1.0`; where the folder is named as the
    // package is, `path+file:///checkout/xtask#0.1.0`.
    let (path, package) = message["package_id"].as_str()?.rsplit_once('#')?;
    let package = match package.split_once('@') {
        Some((name, _version)) => name,
        None => path.rsplit('/').next()?,
    };
    Some(TestProgram {
        package: package.to_owned(),
        name: message["target"]["name"].as_str()?.to_owned(),
        program: message["executable"].as_str()?.into(),
        folder: manifest.parent()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Option<(&str, &str)>) {
        let found = test_built(message).map(|test| (test.to_string(), test.folder));
        let expected = expected.map(|(name, folder)| (name.to_owned(), PathBuf::from(folder)));
        assert_eq!(found, expected, "{message}");
    }

    #[test]
    fn programs_of_tests_are_found_among_what_cargo_built() {
        check(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///x/crates/store#foretell-store@0.1.0",
            "manifest_path":"/x/crates/store/Cargo.toml","target":{"kind":["test"],"name":"all"},
            "profile":{"test":true},"executable":"/x/target/debug/deps/all-1"}"#,
            Some(("foretell-store all", "/x/crates/store")),
        );
        check(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///x/xtask#0.1.0",
            "manifest_path":"/x/xtask/Cargo.toml","target":{"kind":["bin"],"name":"xtask"},
            "profile":{"test":true},"executable":"/x/target/debug/deps/xtask-1"}"#,
            Some(("xtask xtask", "/x/xtask")),
        );
        // A program, but not of tests.
        check(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///x/xtask#0.1.0",
            "manifest_path":"/x/xtask/Cargo.toml","target":{"kind":["bin"],"name":"xtask"},
            "profile":{"test":false},"executable":"/x/target/debug/xtask"}"#,
            None,
        );
        check(r#"{"reason":"build-finished","success":true}"#, None);
    }
}
