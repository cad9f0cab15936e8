//! A disk that is really small: a file system that is mounted where only this program run again, and what
//! that starts, sees it. That takes root and `unshare`; where they are not to be had the tests are skipped,
//! and say so.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the small file system is. Without it the tests that need it are not to be run.
const SMALL: &str = "FORETELL_TEST_SMALL_DISK";

/// Runs a test that is ignored otherwise on a file system of its own, of so many MiB.
pub(crate) fn on_a_small_disk(test: &str, mebi: u32) {
    if !nix::unistd::geteuid().is_root() {
        return skipped(test, "mounting a small file system takes root");
    }
    let folder = tempfile::tempdir().unwrap();
    let mounted = |run: &str| {
        let script = format!("mount -t tmpfs -o size={mebi}m none \"$0\" && {run}");
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", &script]).arg(folder.path());
        unshare
    };
    match mounted("true").output() {
        Ok(tried) if tried.status.success() => {}
        other => {
            let why = format!("a small file system cannot be mounted: {other:?}");
            return skipped(test, &why);
        }
    }
    let mut run = mounted("exec \"$@\"");
    run.arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(SMALL, folder.path());
    let done = run.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let ran = said.contains("1 passed");
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && ran, "{said}\n{why}");
}

/// Written past the test harness, which keeps what a passing test prints to itself.
fn skipped(test: &str, why: &str) {
    let told = format!("SKIPPED {test}: {why}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

/// Where the small file system is, within a test that runs on it.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(std::env::var(SMALL).unwrap())
}

/// Fills what room is left, and answers the file that does.
pub(crate) fn filled(folder: &Path) -> PathBuf {
    let path = folder.join("filling");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 1 << 13]).is_ok() {}
    path
}
