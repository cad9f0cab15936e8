//! `foretell check`: makes one check of a service, as the server makes them, and says what came of it.

use crate::cli::{self, CheckProbe};
use crate::clock;
use crate::exit::{Exit, UsageError};
use collect::check::{Question, make};
use collect::http::Trust;
use model::Status;
use model::check::{DnsProbe, HttpProbe, NtpProbe, Probe, objection_to_target};
use std::io::Write as _;
use std::time::Duration;

/// Runs it.
pub fn run(check: &cli::Check) -> anyhow::Result<Exit> {
    let (target, probe) = asked(&check.probe)?;
    if let Some(objection) = objection_to_target(target, &probe) {
        return Err(UsageError(objection).into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let question = Question {
        target,
        probe: &probe,
        time: Duration::from_millis(check.timeout_ms.into()),
        slow: check.slow_ms.map(|ms| Duration::from_millis(ms.into())),
        now: clock::real().now(),
    };
    let outcome = runtime.block_on(make(&Trust::of_this_machine(), question));
    let (word, exit) = match outcome.status {
        Status::Up => ("up", Exit::Done),
        Status::Degraded => ("degraded", Exit::Failed),
        Status::Down | Status::Unknown => ("down", Exit::NoAnswer),
    };
    let mut out = std::io::stdout().lock();
    if check.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&outcome)?)?;
    } else {
        writeln!(out, "{word}: {}", outcome.detail)?;
        if let Some(secs) = outcome.certificate_expiry_secs {
            writeln!(out, "certificate: {:.1} days left", secs / 86_400.0)?;
        }
    }
    Ok(exit)
}

fn asked(probe: &CheckProbe) -> Result<(&str, Probe), UsageError> {
    Ok(match probe {
        CheckProbe::Tcp { target } => (target, Probe::Tcp {}),
        CheckProbe::Http {
            url,
            status,
            text,
            redirects,
            though_untrusted,
            certificate_days,
        } => {
            let http = HttpProbe {
                status: *status,
                text: text.clone(),
                redirects_max: *redirects,
                though_untrusted: *though_untrusted,
                certificate_days: Some(*certificate_days),
            };
            (url, Probe::Http(http))
        }
        CheckProbe::Dns {
            server,
            name,
            record,
            expected,
        } => {
            let kind = record.to_uppercase();
            let record = serde_json::from_value(kind.into()).map_err(|_| {
                UsageError(format!("`{record}` is no kind of record that is asked"))
            })?;
            let dns = DnsProbe {
                name: name.clone(),
                record,
                expected: expected.clone(),
            };
            (server, Probe::Dns(dns))
        }
        CheckProbe::Ntp {
            server,
            offset_max_ms,
            stratum_max,
            root_dispersion_max_ms,
        } => {
            let ntp = NtpProbe {
                offset_max_ms: *offset_max_ms,
                stratum_max: *stratum_max,
                root_dispersion_max_ms: *root_dispersion_max_ms,
            };
            (server, Probe::Ntp(ntp))
        }
    })
}
