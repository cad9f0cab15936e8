//! A page that is read: status, text, redirects, and the certificate behind https.

use super::{Question, degrade};
use crate::http::{Answered, Ask, HeaderMap, HttpError, Method, Tls, Trust, Url, ask, header};
use model::check::{HttpProbe, Outcome};
use model::{Status, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// Octets of a page that are read, and looked through for the text.
const PAGE_LEN_MAX: usize = 1 << 20;
/// Days before the end of a certificate from which it is told.
const CERTIFICATE_DAYS: u16 = 14;

/// The URL of a target; else why it is none.
pub(super) fn url(target: &str) -> Result<Url, String> {
    let wrong =
        || format!("`{target}` is no URL of a server: http://HOST or https://HOST is expected");
    let url: Url = target.trim().parse().map_err(|_| wrong())?;
    let sound = matches!(url.scheme(), "http" | "https") && url.has_host();
    // A password in a URL is shown wherever the target is.
    let bare = url.username().is_empty() && url.password().is_none();
    if sound && bare { Ok(url) } else { Err(wrong()) }
}

pub(super) async fn check(
    trust: &Trust,
    probe: &HttpProbe,
    question: Question<'_>,
) -> Result<Outcome, String> {
    let mut at = url(question.target)?;
    let begun = Instant::now();
    let (mut redirects, mut took) = (0, Duration::ZERO);
    // The certificate that is told is that of the target, not of where it leads.
    let mut tls: Option<Tls> = None;
    loop {
        let left = question.time.saturating_sub(begun.elapsed());
        let answer = ask(trust, ask_for(&at, left, probe.though_untrusted)).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(HttpError::Untrusted {
                host,
                reason,
                tls: seen,
            }) => {
                let detail = format!("the certificate of {host} is not trusted: {reason}");
                let mut outcome = super::down(detail);
                certificate(
                    &mut outcome,
                    tls.as_ref().unwrap_or(&seen),
                    probe,
                    question.now,
                );
                return Ok(outcome);
            }
            Err(HttpError::Time { .. }) => {
                return Err(format!("no answer within {} ms", question.time.as_millis()));
            }
            Err(error) => return Err(error.to_string()),
        };
        took += answer.took;
        if tls.is_none() {
            tls.clone_from(&answer.tls);
        }
        match next(&answer, &at) {
            Some(next) if redirects < probe.redirects_max => {
                redirects += 1;
                at = next;
            }
            further => {
                let mut outcome = judged(&answer, probe, took, redirects);
                // Where none is followed, a redirect is an answer as any other.
                if further.is_some() && redirects > 0 && probe.status.is_none() {
                    outcome.status = Status::Down;
                    let words = format!("more than {redirects} redirects");
                    outcome.detail = format!("{}; {words}", outcome.detail);
                }
                if let Some(tls) = &tls {
                    certificate(&mut outcome, tls, probe, question.now);
                }
                return Ok(outcome);
            }
        }
    }
}

fn ask_for(url: &Url, time: Duration, though_untrusted: bool) -> Ask<'_> {
    Ask {
        method: Method::GET,
        url,
        address: None,
        headers: HeaderMap::new(),
        body: Vec::new().into(),
        time,
        body_len_max: PAGE_LEN_MAX,
        though_untrusted,
    }
}

/// Where a redirect leads; none where it is none, or leads nowhere.
fn next(answer: &Answered, from: &Url) -> Option<Url> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    let to = from.join(to).ok()?;
    matches!(to.scheme(), "http" | "https").then_some(to)
}

fn judged(answer: &Answered, probe: &HttpProbe, took: Duration, redirects: u8) -> Outcome {
    let status = answer.status.as_u16();
    let good = probe
        .status
        .map_or((200..400).contains(&status), |wanted| wanted == status);
    let mut detail = format!(
        "it answered {} in {:.0} ms",
        answer.status,
        took.as_secs_f64() * 1e3
    );
    if redirects > 0 {
        detail = format!("{detail} after {redirects} redirects");
    }
    let mut outcome = Outcome {
        status: if good { Status::Up } else { Status::Down },
        detail,
        duration_secs: Some(took.as_secs_f64()),
        ..Outcome::default()
    };
    if let (false, Some(wanted)) = (good, probe.status) {
        outcome.detail = format!("{}; {wanted} is expected", outcome.detail);
    }
    if let Some(text) = probe.text.as_deref().filter(|_| good) {
        let page = String::from_utf8_lossy(&answer.body);
        if !page.contains(text) {
            outcome.status = Status::Down;
            let part = if answer.cut {
                "the first MiB of the page"
            } else {
                "the page"
            };
            outcome.detail = format!("{}; `{text}` is not in {part}", outcome.detail);
        }
    }
    outcome
}

/// Takes in what a certificate says.
fn certificate(outcome: &mut Outcome, tls: &Tls, probe: &HttpProbe, now: Timestamp) {
    if let (Some(reason), true) = (&tls.distrust, probe.though_untrusted) {
        degrade(
            outcome,
            &format!("its certificate is not trusted: {reason}"),
        );
    }
    let Some(validity) = tls.validity else {
        return;
    };
    let left_ms = validity.not_after.unix_ms().saturating_sub(now.unix_ms());
    outcome.certificate_expiry_secs = Some(left_ms as f64 / 1e3);
    let days = probe.certificate_days.unwrap_or(CERTIFICATE_DAYS);
    if (0..i64::from(days) * 86_400_000).contains(&left_ms) {
        let words = format!("its certificate ends in {} days", left_ms / 86_400_000);
        degrade(outcome, &words);
    }
}
