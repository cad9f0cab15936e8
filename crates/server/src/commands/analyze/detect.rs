//! `foretell analyze detect`: how unusual each row of a series is, row by row.

use super::each::{in_order, threads};
use super::folder::csv_files;
use super::input::Lines;
use super::output::{Output, must_differ};
use super::rows::Columns;
use super::summary::Summary;
use crate::cli::Detect;
use crate::exit::{Exit, UsageError};
use analytics::anomaly::{Detector, Kind, Options, Verdict};
use anyhow::Context as _;
use indicatif::ProgressBar;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The most rows of a file. Of standard input there may be any number.
const ROWS_MAX: u64 = 100_000_000;
/// Rows from showing how far it is to showing it again.
const ROWS_SHOWN_EACH: u64 = 4_096;

/// Runs it.
pub(super) fn run(asked: &Detect) -> anyhow::Result<Exit> {
    let files = &asked.explained.of.files;
    let (input, output) = (&files.input, &files.output);
    let mut summary = Summary::begin("detect", "rows");
    let task = Task {
        options: options(asked),
        explain: asked.explained.explain,
        progress: summary.progress(),
    };
    let rows = if input.is_dir() {
        must_differ(input, output)?;
        folder(&task, input, output, threads(asked.explained.of.threads))?
    } else {
        let output = file_of(input, output)?;
        must_differ(input, &output)?;
        task.file(input, &output)?
    };
    summary.answered_shown(rows);
    summary.tell(files)
}

fn options(asked: &Detect) -> Options {
    let usual = Options::default();
    let rate = asked.false_alarms_per_1000;
    Options {
        step_secs: asked.step_secs,
        false_alarms_per_1000: rate.unwrap_or(usual.false_alarms_per_1000),
    }
}

/// The file that is written of a file: into a folder, one of its name.
fn file_of(input: &Path, output: &Path) -> anyhow::Result<PathBuf> {
    if !output.is_dir() {
        return Ok(output.to_owned());
    }
    let is_packed = input.extension().is_some_and(|extension| extension == "gz");
    let name = if is_packed {
        input.file_stem()
    } else {
        input.file_name()
    };
    let name = name.with_context(|| format!("{} is no file", input.display()))?;
    Ok(output.join(name))
}

/// Each file of a folder, into files of the same names: how many rows they have.
fn folder(task: &Task, input: &Path, output: &Path, threads: usize) -> anyhow::Result<u64> {
    if output.as_os_str() == "-" {
        let text = "of a folder comes a folder: name one by --output";
        return Err(UsageError(text.to_owned()).into());
    }
    let files: Vec<(PathBuf, PathBuf)> = csv_files(input)?
        .into_iter()
        .map(|(name, path)| (path, output.join(name)))
        .collect();
    for (_, to) in &files {
        let parent = to.parent().unwrap_or(output);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("{} cannot be made", parent.display()))?;
    }
    let done = in_order(&files, threads, |(from, to)| task.file(from, to));
    done.into_iter().sum()
}

/// What is asked of each file.
struct Task {
    options: Options,
    explain: bool,
    progress: ProgressBar,
}

impl Task {
    /// One file: how many rows it has.
    fn file(&self, from: &Path, to: &Path) -> anyhow::Result<u64> {
        let is_pipe = from.as_os_str() == "-";
        let mut lines = Lines::open(from)?;
        let mut output = Output::begin(to)?;
        let rows = self.rows(&mut lines, &mut output, is_pipe)?;
        output.finish()?;
        Ok(rows)
    }

    /// Answers row by row. Of a pipe each answer is written before the next row is read.
    fn rows(&self, lines: &mut Lines, out: &mut dyn Write, is_pipe: bool) -> anyhow::Result<u64> {
        let Some((line, header)) = lines.read()? else {
            let text = format!("{} is empty: a header is expected", lines.name());
            return Err(UsageError(text).into());
        };
        let columns = Columns::parse(header);
        let columns = columns.map_err(|detail| lines.wrong(line, &detail))?;
        let more = if self.explain {
            ",kind,expected,lower,upper"
        } else {
            ""
        };
        writeln!(out, "timestamp,anomaly_score,alarm{more}")?;
        let mut detector = Detector::new(self.options);
        let (mut rows, mut answer) = (0, String::new());
        loop {
            if is_pipe {
                out.flush()?;
            }
            let Some((line, text)) = lines.read()? else {
                break;
            };
            let row = match columns.row(text) {
                Ok(row) => row,
                Err(detail) => return Err(lines.wrong(line, &detail)),
            };
            let verdict = detector.observe(row.at_secs, row.value);
            answer.clear();
            let (score, alarm) = (verdict.score, u8::from(verdict.alarm));
            let _ = write!(answer, "{},{score},{alarm}", row.time_given);
            if self.explain {
                explained(&verdict, &mut answer);
            }
            writeln!(out, "{answer}")?;
            rows += 1;
            if rows % ROWS_SHOWN_EACH == 0 {
                self.progress.inc(ROWS_SHOWN_EACH);
            }
            if rows > ROWS_MAX && !is_pipe {
                let detail = format!("a file has at most {ROWS_MAX} rows");
                return Err(lines.wrong(line, &detail));
            }
        }
        Ok(rows)
    }
}

fn explained(verdict: &Verdict, into: &mut String) {
    let kind = verdict.kind.map_or("", |kind| match kind {
        Kind::Level => "level",
        Kind::Spike => "spike",
        Kind::Dip => "dip",
        Kind::Drift => "drift",
        Kind::FlatLine => "flat_line",
        Kind::Variance => "variance",
        Kind::Pattern => "pattern",
        Kind::Missing => "missing",
    });
    into.push(',');
    into.push_str(kind);
    for number in [verdict.expected, verdict.lower, verdict.upper] {
        into.push(',');
        if let Some(number) = number {
            let _ = write!(into, "{number}");
        }
    }
}
