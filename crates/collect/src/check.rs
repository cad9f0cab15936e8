//! Checks of services: one question to one service, and what is to be said of it. When they are made,
//! and what becomes of the outcome, is the server's business.
//!
//! Begin with [`make`]; each kind of service has a file.

pub mod dns;
mod http;
pub mod ntp;
mod tcp;

use crate::connect::resolve;
use crate::http::Trust;
use model::check::{Outcome, Probe, host_and_port};
use model::{Status, Timestamp};
use std::net::SocketAddr;
use std::time::Duration;

/// One check to make.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom to ask, as [`model::check::ServiceCheck::target`].
    pub target: &'a str,
    /// What to ask.
    pub probe: &'a Probe,
    /// Time for it.
    pub time: Duration,
    /// Time above which the service is degraded.
    pub slow: Option<Duration>,
    /// The present time.
    pub now: Timestamp,
}

/// Makes a check. Whatever happens is an outcome.
pub async fn make(trust: &Trust, question: Question<'_>) -> Outcome {
    let made = match question.probe {
        Probe::Tcp {} => tcp::check(question).await,
        Probe::Http(probe) => http::check(trust, probe, question).await,
        Probe::Dns(probe) => dns::check(probe, question).await,
        Probe::Ntp(probe) => ntp::check(probe, question).await,
    };
    let mut outcome = made.unwrap_or_else(down);
    if let (Some(slow), Some(took)) = (question.slow, outcome.duration_secs)
        && took > slow.as_secs_f64()
    {
        let limit = format!("slower than {} ms", slow.as_millis());
        degrade(&mut outcome, &limit);
    }
    outcome
}

fn down(detail: String) -> Outcome {
    Outcome {
        status: Status::Down,
        detail,
        ..Outcome::default()
    }
}

/// Something is not as it should be; what is down stays so.
fn degrade(outcome: &mut Outcome, why: &str) {
    if outcome.status == Status::Up {
        outcome.status = Status::Degraded;
    }
    outcome.detail = format!("{}; {why}", outcome.detail);
}

/// The addresses of a target; at least one.
async fn addresses(target: &str, default: Option<u16>) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = host_and_port(target, default)?;
    let found = resolve(&host, port).await;
    found.map_err(|error| error.to_string())
}

/// The first of them: over UDP nobody tells whether there is another to be asked.
async fn address(target: &str, default: Option<u16>) -> Result<SocketAddr, String> {
    let found = addresses(target, default).await?;
    let none = || format!("`{target}` has no address");
    found.first().copied().ok_or_else(none)
}

/// Work within a time; else the sentence that there was no answer.
async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = || Err(format!("no answer within {} ms", time.as_millis()));
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| late())
}

#[cfg(test)]
mod tests;
