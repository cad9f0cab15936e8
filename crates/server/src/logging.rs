//! The log: for people or as JSON, on standard error. What is logged where is each crate's affair;
//! no secret is ever a field.

use crate::config::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log. To be called once.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(with_quiet_parts(&settings.filter))
        .map_err(|error| crate::exit::UsageError(format!("`log.filter`: {error}")))?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match settings.format {
        LogFormat::People => registry
            .with(
                lines
                    .with_target(false)
                    .with_ansi(std::io::stderr().is_terminal()),
            )
            .try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// The SNMP library logs what our own crates count, tell and log with their facts.
fn with_quiet_parts(filter: &str) -> String {
    if filter.contains("async_snmp") {
        filter.to_owned()
    } else {
        format!("{filter},async_snmp=off")
    }
}

/// The log of a command that works in the foreground: warnings only, unless asked for more.
pub fn start_quiet() -> anyhow::Result<()> {
    let filter = std::env::var("FORETELL_LOG").unwrap_or_else(|_| "warn".to_owned());
    start(&LogSettings {
        filter,
        format: LogFormat::People,
    })
}
