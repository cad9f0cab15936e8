//! `foretell serve`: settings, log, and the server until it is told to stop.

use crate::cli;
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::threads::Threads;
use crate::{logging, seed, server};
use sim::scenario::{ScenarioFile, Span};
use std::time::Duration;

/// What blocking work may take after the server ended, before it is abandoned.
const THREADS_END_WITHIN: Duration = Duration::from_millis(200);

/// Runs it.
pub fn run(serve: &cli::Serve) -> anyhow::Result<Exit> {
    let flags = load::Flags {
        data_dir: serve.data_dir.clone(),
        listen: serve.listen.clone(),
        log_format: serve.log_format.clone(),
    };
    let loaded = load::load(serve.config.as_deref(), &load::environment(), &flags)?;
    let seed = wanted(serve)?;
    logging::start(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let threads = Threads::start()?;
    let ended = threads.run(server::run(loaded.settings, seed, threads.places()));
    threads.end(THREADS_END_WITHIN);
    ended?;
    Ok(Exit::Done)
}

/// The history that is asked for, checked before anything is opened.
fn wanted(serve: &cli::Serve) -> anyhow::Result<Option<seed::Wanted>> {
    let (Some(span), Some(file)) = (&serve.seed_history, &serve.seed_scenario) else {
        return Ok(None);
    };
    let Span(span) = span
        .parse()
        .map_err(|error| usage(format!("--seed-history: {error}")))?;
    if !(seed::SPAN_MIN..=seed::SPAN_MAX).contains(&span) {
        let (min, max) = (Span(seed::SPAN_MIN), Span(seed::SPAN_MAX));
        let words = format!(
            "--seed-history: {} is not within {min} to {max}",
            Span(span)
        );
        return Err(usage(words));
    }
    let refuse = |error| usage(format!("--seed-scenario: {}", crate::chain(&error)));
    let file = ScenarioFile::load(file).map_err(refuse)?;
    let dates = file.scenario.faults_have_dates();
    dates.map_err(|problem| refuse(file.place(problem)))?;
    let scenario = file.scenario;
    if scenario.time != sim::scenario::Time::default() {
        return Err(usage(
            "--seed-scenario: [time] is set in it; only a network that lives in the present, at \
             the usual speed, has a past that its devices go on from"
                .to_owned(),
        ));
    }
    Ok(Some(seed::Wanted { span, scenario }))
}

fn usage(words: String) -> anyhow::Error {
    UsageError(words).into()
}
