//! Many series of one file, each answered by itself: by several threads, in the order of the file.

use super::input::Lines;
use super::output::{Output, must_differ};
use super::series::{Id, parse};
use super::summary::Summary;
use crate::cli::OfSeries;
use crate::exit::Exit;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The most series of a file.
const SERIES_MAX: usize = 1_000_000;
/// Series that are read before they are answered, for each thread: so many that threads seldom wait for the
/// last of them.
const SERIES_AT_ONCE: usize = 64;
/// Octets of those.
const OCTETS_AT_ONCE: usize = 64 << 20;
/// The most threads: above it there is no machine that it would help.
const THREADS_MAX: usize = 256;

/// A series of a task.
pub(super) trait Series: DeserializeOwned {
    /// Its name.
    fn id(&self) -> &Id;
}

/// Why nothing is told of a series.
pub(super) enum Refusal {
    /// Its values do not serve.
    Untellable(String),
    /// The line is wrong.
    Wrong(String),
}

/// What came of a line: the series' name, and its answer.
type Answered = Result<(Id, Result<String, String>), String>;

/// Answers every line of a file; `answer` appends what is told of a series, or says why nothing can be.
pub(super) fn series<S: Series>(
    task: &'static str,
    header: Option<&str>,
    asked: &OfSeries,
    answer: impl Fn(&S, &mut String) -> Result<(), Refusal> + Sync,
) -> anyhow::Result<Exit> {
    let files = &asked.files;
    must_differ(&files.input, &files.output)?;
    let mut lines = Lines::open(&files.input)?;
    let mut output = Output::begin(&files.output)?;
    if let Some(header) = header {
        writeln!(output, "{header}")?;
    }
    let mut summary = Summary::begin(task, "series");
    let threads = threads(asked.threads);
    let mut ids = HashSet::new();
    loop {
        let batch = batch(&mut lines, threads)?;
        if batch.is_empty() {
            break;
        }
        let answers = in_order(&batch, threads, |(_, text)| of_line(text, &answer));
        for ((line, _), came) in batch.iter().zip(answers) {
            let (id, answer) = came.map_err(|detail| lines.wrong(*line, &detail))?;
            match answer {
                Ok(text) => {
                    output.write_all(text.as_bytes())?;
                    summary.answered(1);
                }
                Err(detail) => summary.refuse(*line, &id.0, detail),
            }
            let text = format!("there is another series `{}` before", id.0);
            if !ids.insert(id) {
                return Err(lines.wrong(*line, &text));
            }
            if ids.len() > SERIES_MAX {
                let text = format!("a file has at most {SERIES_MAX} series");
                return Err(lines.wrong(*line, &text));
            }
        }
    }
    output.finish()?;
    summary.tell(files)
}

fn of_line<S: Series>(
    text: &str,
    answer: &(impl Fn(&S, &mut String) -> Result<(), Refusal> + Sync),
) -> Answered {
    let series: S = parse(text)?;
    let mut told = String::new();
    let answered = match answer(&series, &mut told) {
        Ok(()) => Ok(told),
        Err(Refusal::Untellable(detail)) => Err(detail),
        Err(Refusal::Wrong(detail)) => return Err(detail),
    };
    Ok((series.id().clone(), answered))
}

/// So many threads as are asked for, else one for each processor.
pub(super) fn threads(asked: Option<NonZeroUsize>) -> usize {
    let threads = asked.or_else(|| thread::available_parallelism().ok());
    threads.map_or(1, NonZeroUsize::get).min(THREADS_MAX)
}

fn batch(lines: &mut Lines, threads: usize) -> anyhow::Result<Vec<(u64, String)>> {
    let (mut batch, mut octets) = (Vec::new(), 0);
    while batch.len() < threads * SERIES_AT_ONCE && octets < OCTETS_AT_ONCE {
        let Some((line, text)) = lines.read()? else {
            break;
        };
        octets += text.len();
        batch.push((line, text.to_owned()));
    }
    Ok(batch)
}

/// Does work on each of some things by several threads; what came is in the order of the things.
pub(super) fn in_order<T: Sync, A: Send>(
    things: &[T],
    threads: usize,
    work: impl Fn(&T) -> A + Sync,
) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(place) else {
                return done;
            };
            done.push((place, work(thing)));
        }
    };
    let mut done: Vec<(usize, A)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(things.len()))
            .map(|_| scope.spawn(run))
            .collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, came)| came).collect()
}
