//! `foretell serve`: settings, log, and the server until it is told to stop.

use crate::cli;
use crate::config::load;
use crate::exit::Exit;
use crate::{logging, server};
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
    logging::start(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(server::run(loaded.settings));
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    ended?;
    Ok(Exit::Done)
}
