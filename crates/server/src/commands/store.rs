//! `foretell store`: looks over the data folder of a stopped server.

use crate::cli;
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{logging, server};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use store::OpenError;
use store::verify::{FileReport, Report, VerifyError, VerifyOptions, verify};

/// Runs it.
pub fn run(command: &cli::Store) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    let cli::Store::Verify(command) = command;
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
    let mut out = io::stdout().lock();
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
