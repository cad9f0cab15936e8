//! `foretell store`: looks over the data folder of a stopped server, and asks one that runs how much it
//! keeps.

use super::answer::{list, number, print, text, told};
use super::client::with_server;
use crate::cli::{self, Asked, VerifyStore};
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{complain, logging, server};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};
use store::OpenError;
use store::verify::{FileReport, Report, VerifyError, VerifyOptions, verify};

/// Runs it.
pub fn run(command: &cli::Store) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        cli::Store::Verify(command) => look_over(command),
        cli::Store::Sizes(asked) => sizes(asked),
    }
}

fn sizes(asked: &Asked) -> anyhow::Result<Exit> {
    let standing = with_server(&asked.to, async |server| server.get("retention").await)?;
    print(&standing, asked.json, &sizes_in_words(&standing))?;
    let Some(why) = standing.get("failing").and_then(Value::as_str) else {
        return Ok(Exit::Done);
    };
    complain(&format!("what is over does not go: {why}"));
    Ok(Exit::Failed)
}

/// How much there is, a line for the files of one detail and length.
fn sizes_in_words(standing: &Value) -> String {
    let mut words = format!(
        "{:<5} {:>10} {:>8} {:>16} {:>18}  {:<24}  {}",
        "level", "files of", "files", "octets", "samples", "oldest", "newest"
    );
    let (mut files, mut bytes) = (0, 0_u64);
    for size in list(standing, "sizes") {
        let _ = write!(
            words,
            "\n{:<5} {:>10} {:>8} {:>16} {:>18}  {:<24}  {}",
            text(size, "level"),
            span(number(size, "range_secs")),
            number(size, "files"),
            number(size, "bytes"),
            number(size, "samples"),
            text(size, "oldest"),
            text(size, "newest"),
        );
        files += number(size, "files");
        bytes = bytes.saturating_add(number(size, "bytes"));
    }
    let holds = number(standing, "holds");
    let _ = write!(words, "\n{bytes} octets in {files} files; {holds} holds");
    words
}

/// A length of time as a person says it.
fn span(secs: u64) -> String {
    match secs {
        secs if secs.is_multiple_of(86_400) => format!("{} days", secs / 86_400),
        secs if secs.is_multiple_of(3_600) => format!("{} hours", secs / 3_600),
        secs => format!("{} min", secs / 60),
    }
}

fn look_over(command: &VerifyStore) -> anyhow::Result<Exit> {
    let flags = load::Flags {
        data_dir: command.data_dir.clone(),
        ..load::Flags::default()
    };
    let settings = load::load(command.config.as_deref(), &load::environment(), &flags)?.settings;
    let options = server::options::store(&settings);
    anyhow::ensure!(
        options.dir.is_dir(),
        UsageError(format!("there is no data folder {}", options.dir.display()))
    );
    let progress = bar();
    let how = VerifyOptions { deep: command.deep };
    let verified = verify(&options.dir, how, &mut |file| progress.inc(file.bytes));
    progress.finish_and_clear();
    let in_use = matches!(verified, Err(VerifyError::Open(OpenError::InUse { .. })));
    let report = verified.with_context(|| {
        if in_use {
            "a data folder is verified while the server is stopped; stop it first"
        } else {
            "the data folder cannot be verified"
        }
    })?;
    let mut out = told();
    if command.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        tell(&mut out, &report)?;
    }
    Ok(if report.damaged == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn tell(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let odd = |file: &&FileReport| file.damaged > 0 || !file.notes.is_empty();
    for file in report.files.iter().filter(odd) {
        for what in &file.damage {
            writeln!(out, "damaged  {}: {what}", file.path)?;
        }
        let more = file.damaged.saturating_sub(file.damage.len() as u64);
        if more > 0 {
            writeln!(out, "damaged  {}: and {more} more", file.path)?;
        }
        for what in &file.notes {
            writeln!(out, "note     {}: {what}", file.path)?;
        }
    }
    let counts = &report.counts;
    writeln!(
        out,
        "{} files, {} octets: {} documents, {} series, {} polls in the log, {} samples in packs, \
         {} patches, {} changes of status, {} events; {} damaged",
        report.files.len(),
        report.bytes,
        counts.documents,
        counts.series,
        counts.log_frames,
        counts.pack_samples,
        counts.patches,
        counts.changes,
        counts.events,
        report.damaged,
    )
}

/// Shown where a person looks on, on standard error.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{binary_bytes} verified");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::no_length().with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_told_by_level() {
        let size = json!({"level": "5m", "range_secs": 86_400, "files": 2, "bytes": 300, "samples": 40,
            "oldest": "2026-03-01T00:00:00.000Z", "newest": "2026-03-03T00:00:00.000Z"});
        let standing = json!({"sizes": [size], "last_pass": null, "failing": null, "holds": 1});
        let told = sizes_in_words(&standing);
        let lines: Vec<Vec<&str>> = told
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[1][..6], ["5m", "1", "days", "2", "300", "40"]);
        assert_eq!(told.lines().last(), Some("300 octets in 2 files; 1 holds"));
        assert_eq!(span(7_200), "2 hours");
        assert_eq!(span(1_800), "30 min");
    }
}
