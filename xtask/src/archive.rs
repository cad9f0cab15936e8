//! The archive as others read it: a day of a million samples is written to a folder and to a real S3 server,
//! and read by pyarrow, DuckDB and Polars; an hour of it, exported as OpenMetrics, by Prometheus' own parser.

use crate::install::python_can_make_venvs;
use crate::programs::{count_tests, root, run as run_program, target_dir};
use crate::python::Venv;
use crate::tally::Outcome;
use crate::workspace;
use anyhow::{Context as _, bail};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The readers, and an S3 server.
const VENV: Venv = Venv {
    name: "archive",
    packages: &[
        "moto[server]==5.2.5",
        "pyarrow==26.0.1",
        "duckdb==2.0.0",
        "polars==2.1.0",
        "prometheus-client==0.26.0",
    ],
};
const BUCKET: &str = "archive";
/// What the example puts its objects under.
const PREFIX: &str = "sample";

/// Fails where any reader reads something else than was written. The workspace must be built.
pub(crate) fn run() -> anyhow::Result<Outcome> {
    if !python_can_make_venvs() {
        return Ok(Outcome::Skipped("python3 cannot make a venv".to_owned()));
    }
    let python = match VENV.program("python") {
        Ok(python) => python,
        Err(error) => {
            let why = format!("the readers cannot be installed: {error:#}");
            return Ok(Outcome::Skipped(why));
        }
    };
    let folder = target_dir().join("archive-sample");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("removing the sample of before")?;
    }
    let server = Server::start(&python)?;
    run_program(
        Command::new(workspace::example("archive_sample"))
            .arg(&folder)
            .args([&server.url, BUCKET]),
    )?;
    let tests = count_tests(
        workspace::test_program("foretell-store", "foretell_store")?
            .command()
            .args(["--ignored", "s3_tests"])
            .env("FORETELL_TEST_S3", &server.url),
    )?;
    let revision = revision(&folder.join("archive/2026-03-01"))?;
    run_program(
        Command::new(&python)
            .arg(scripts().join("read.py"))
            .arg(revision)
            .arg(folder.join("expected.json"))
            .args([&server.url, BUCKET, PREFIX]),
    )?;
    run_program(
        Command::new(&python)
            .arg(scripts().join("openmetrics.py"))
            .arg(folder.join("samples.om.txt"))
            .arg(folder.join("expected.json")),
    )?;
    fs::remove_dir_all(&folder).context("removing the sample")?;
    tests.outcome()
}

fn scripts() -> PathBuf {
    root().join("xtask/archive")
}

/// The folder of the only revision of a day.
fn revision(day: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(day).with_context(|| format!("listing {}", day.display()))?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    match folders.as_slice() {
        [one] => Ok(one.clone()),
        _ => bail!("{} has {} revisions", day.display(), folders.len()),
    }
}

/// An S3 server; it ends with its standard input, and so with this.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(python: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(python)
            .arg(scripts().join("serve.py"))
            .arg(BUCKET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting the S3 server")?;
        let out = child.stdout.take().context("the S3 server has no output")?;
        let mut url = String::new();
        BufReader::new(out).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the S3 server did not start");
        }
        Ok(Self { child, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
