//! Programs of Python's, with what they need in a venv under the target folder that is made once.

use crate::programs::{run, target_dir};
use anyhow::Context as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A venv.
pub(crate) struct Venv {
    /// Its folder's.
    pub(crate) name: &'static str,
    /// What pip installs into it. Other packages make it anew.
    pub(crate) packages: &'static [&'static str],
}

impl Venv {
    /// Where a program of it is, `python` among them. Makes the venv where it is not made, which needs
    /// the network.
    pub(crate) fn program(&self, program: &str) -> anyhow::Result<PathBuf> {
        let venv = target_dir().join("tools").join(self.name);
        let (made, packages) = (venv.join("made"), self.packages.join("\n"));
        if !fs::read_to_string(&made).is_ok_and(|before| before == packages) {
            run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv))?;
            // What is used is compiled when it is: that is little of what is installed.
            run(Command::new(venv.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .arg("--no-compile")
                .args(self.packages))?;
            fs::write(&made, packages).with_context(|| format!("writing {}", made.display()))?;
        }
        Ok(venv.join("bin").join(program))
    }
}
