//! Tools of cargo's that are built once, into the target folder.

use crate::programs::{cargo, is_there, run, target_dir};
use std::path::PathBuf;

/// The tool of the machine, else ours: built once, unoptimised, which takes a quarter of the time
/// and is quick enough.
pub(crate) fn cargo_tool(name: &str) -> anyhow::Result<PathBuf> {
    if is_there(name) {
        return Ok(name.into());
    }
    let tools = target_dir().join("tools");
    let program = tools.join("bin").join(name);
    if !program.is_file() {
        eprintln!("    building {name} (once)");
        run(cargo(&["install", name, "--locked", "--debug", "--quiet"])
            .arg("--root")
            .arg(&tools)
            .env("CARGO_TARGET_DIR", tools.join("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "false"))?;
        // Half a gigabyte of objects that nothing needs again.
        std::fs::remove_dir_all(tools.join("build"))?;
    }
    Ok(program)
}
