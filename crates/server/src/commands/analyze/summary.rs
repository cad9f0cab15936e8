//! What was done, told at the end; and how far it is, shown meanwhile.

use crate::cli::Files;
use crate::commands::answer::{FAULTS_SHOWN, plain, told};
use crate::complain;
use crate::exit::Exit;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, Write as _};
use std::time::Instant;

/// Series of which nothing can be told that are kept with the reason; all are counted.
const FAULTS_MAX: usize = 1_000;

/// What was done.
pub(super) struct Summary {
    told: Told,
    begun: Instant,
    progress: ProgressBar,
}

#[derive(Serialize)]
struct Told {
    task: &'static str,
    /// What was answered: series, rows, steps, incidents.
    answered: u64,
    /// What these are.
    of: &'static str,
    /// Of how many nothing can be told.
    refused: u64,
    /// The first of those.
    faults: Vec<Fault>,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Fault {
    line: u64,
    id: String,
    detail: String,
}

impl Summary {
    /// Begins; a bar is shown where a person looks on, on standard error.
    pub(super) fn begin(task: &'static str, of: &'static str) -> Self {
        let style = ProgressStyle::with_template("{human_pos} {msg} in {elapsed}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self {
            told: Told {
                task,
                answered: 0,
                of,
                refused: 0,
                faults: Vec::new(),
                elapsed_ms: 0,
            },
            begun: Instant::now(),
            progress: ProgressBar::no_length().with_style(style).with_message(of),
        }
    }

    /// So many more are answered.
    pub(super) fn answered(&mut self, more: u64) {
        self.told.answered += more;
        self.progress.inc(more);
    }

    /// The bar, for threads that answer.
    pub(super) fn progress(&self) -> ProgressBar {
        self.progress.clone()
    }

    /// So many more are answered, which the bar has shown.
    pub(super) fn answered_shown(&mut self, more: u64) {
        self.told.answered += more;
    }

    /// Of a series nothing can be told.
    pub(super) fn refuse(&mut self, line: u64, id: &str, detail: String) {
        self.told.refused += 1;
        if self.told.faults.len() < FAULTS_MAX {
            let id = id.to_owned();
            self.told.faults.push(Fault { line, id, detail });
        }
    }

    /// Tells it.
    pub(super) fn tell(mut self, files: &Files) -> anyhow::Result<Exit> {
        self.progress.finish_and_clear();
        let elapsed_ms = self.begun.elapsed().as_millis();
        self.told.elapsed_ms = u64::try_from(elapsed_ms).unwrap_or(u64::MAX);
        let told_all = &self.told;
        for fault in told_all.faults.iter().take(FAULTS_SHOWN) {
            let Fault { line, id, detail } = fault;
            complain(&plain(&format!("line {line}, {id}: {detail}")));
        }
        if told_all.refused > 0 {
            let Told { refused, of, .. } = told_all;
            complain(&format!("of {refused} {of} nothing can be told"));
        }
        if files.json {
            let json = serde_json::to_string_pretty(told_all)?;
            if files.output.as_os_str() == "-" {
                writeln!(io::stderr().lock(), "{json}")?;
            } else {
                writeln!(told(), "{json}")?;
            }
        } else if files.output.as_os_str() != "-" {
            let Told { answered, of, .. } = told_all;
            writeln!(told(), "{answered} {of} in {}", files.output.display())?;
        }
        Ok(if told_all.refused == 0 {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}
