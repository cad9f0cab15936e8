//! Tools of cargo's that are built once, into the target folder.

use crate::programs::{cargo, is_there, run, target_dir};
use std::path::PathBuf;
use std::process::Command;

/// The tool of the machine, else ours: built once, unoptimised, which takes a quarter of the time
/// and is quick enough.
pub(crate) fn cargo_tool(name: &str) -> anyhow::Result<PathBuf> {
    if is_there(name) {
        return Ok(name.into());
    }
    if let Some(mut build) = build_command(name) {
        eprintln!("    building {name} (once)");
        run(&mut build)?;
    }
    // Half a gigabyte of objects that nothing needs again.
    let objects = objects();
    if objects.is_dir() {
        std::fs::remove_dir_all(objects)?;
    }
    Ok(folder().join("bin").join(name))
}

/// What builds the tool; nothing where there is one already.
pub(crate) fn build_command(name: &str) -> Option<Command> {
    if is_there(name) || folder().join("bin").join(name).is_file() {
        return None;
    }
    let mut build = cargo(&["install", name, "--locked", "--debug", "--quiet"]);
    build
        .arg("--root")
        .arg(folder())
        .env("CARGO_TARGET_DIR", objects())
        .env("CARGO_PROFILE_DEV_DEBUG", "false");
    Some(build)
}

fn folder() -> PathBuf {
    target_dir().join("tools")
}

fn objects() -> PathBuf {
    folder().join("build")
}
