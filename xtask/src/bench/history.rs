//! Figures of earlier days: bench/history.jsonl, one line a run, committed with the change that it
//! measures.

use super::figure::Figures;
use crate::programs::{output, root};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;

/// Adds a run. `load` is how many others wanted the processors when it began.
pub(crate) fn add(bench: &str, figures: &Figures, load: Option<f64>) -> anyhow::Result<()> {
    let entry = serde_json::json!({
        "bench": bench,
        "commit": commit()?,
        "cores": std::thread::available_parallelism()?.get(),
        "processor": processor(),
        "load_before": load,
        "figures": figures,
    });
    let folder = root().join("bench");
    fs::create_dir_all(&folder)?;
    let history = folder.join("history.jsonl");
    let mut file = OpenOptions::new().create(true).append(true).open(history)?;
    writeln!(file, "{entry}")?;
    Ok(())
}

/// Processes that want to run, over the last minute. Source: proc_loadavg(5).
pub(crate) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What is measured. Runs that were added since are no change of it.
fn commit() -> anyhow::Result<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(root());
        git
    };
    let mut commit = output(&mut git(&["describe", "--always"]))?
        .trim()
        .to_owned();
    let others = [
        "diff",
        "--quiet",
        "HEAD",
        "--",
        ".",
        ":!bench/history.jsonl",
    ];
    if !git(&others).status()?.success() {
        commit.push_str("-dirty");
    }
    Ok(commit)
}
