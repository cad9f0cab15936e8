//! What every request passes through: its id, its line in the log, its place in the metrics, and
//! the writing out of problems with both.

use crate::metrics::HttpMetrics;
use crate::problem::{Kind, MEDIA_TYPE, Problem};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// The header that carries a request's id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken from a client, in characters.
const REQUEST_ID_LEN_MAX: usize = 64;

/// The id of the request, for handlers that outlive it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// What the middleware works with.
#[derive(Clone)]
pub(crate) struct Observed {
    /// Where requests are counted.
    pub(crate) metrics: HttpMetrics,
    /// How long a request may take.
    pub(crate) request_timeout: Duration,
}

/// The middleware.
pub(crate) async fn observe(
    State(observed): State<Observed>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers().get(REQUEST_ID));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // The template and never the path: ids would make a metric of each.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    // The query stays out of the log: it may hold a ticket.
    let span = tracing::info_span!("request", id = %id, method = %method, path = %path);
    let answer = tokio::time::timeout(observed.request_timeout, next.run(request));
    let mut response = answer
        .instrument(span.clone())
        .await
        .unwrap_or_else(|_| Problem::new(Kind::Timeout, "It took too long.").into_response());

    if let Some(problem) = problem_of(&response) {
        let kept = std::mem::take(response.headers_mut());
        response = problem.respond(&path, &id);
        for (name, value) in &kept {
            let ours = [header::CONTENT_TYPE, header::CONTENT_LENGTH];
            if !ours.contains(name) && !response.headers().contains_key(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = began.elapsed();
    let status = response.status();
    observed.metrics.observe(&route, &method, status, took);
    span.in_scope(|| {
        tracing::info!(
            status = status.as_u16(),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "{method} {path} {}",
            status.as_u16()
        );
    });
    response
}

/// The problem that a response is to be written as: the one it carries, or one made of a bare
/// failure from a layer below.
fn problem_of(response: &Response) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let written = response.headers().get(header::CONTENT_TYPE);
    let is_problem = written.is_some_and(|value| value.as_bytes() == MEDIA_TYPE.as_bytes());
    // Readiness answers 503 with a body of its own.
    let is_json = written.is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    (!is_problem && !is_json).then(|| Problem::of_status(status))
}

/// The client's id where it is sane, else a new one.
fn request_id(given: Option<&HeaderValue>) -> String {
    given
        .and_then(|value| value.to_str().ok())
        .filter(|text| is_sane(text))
        .map_or_else(new_request_id, str::to_owned)
}

fn is_sane(text: &str) -> bool {
    (1..=REQUEST_ID_LEN_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn new_request_id() -> String {
    use base64::Engine as _;
    let mut bytes = [0u8; 12];
    // Without random bytes the id is all `A`: a request is not worth failing for its id.
    let _ = getrandom::fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_taken_where_sane() {
        let long = "x".repeat(65);
        for (given, taken) in [
            ("abc-1.2_3", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            (long.as_str(), false),
        ] {
            let value = HeaderValue::from_str(given).unwrap();
            let id = request_id(Some(&value));
            assert_eq!(id == given, taken, "{given:?}");
            assert!(is_sane(&id));
        }
        assert_ne!(request_id(None), request_id(None));
    }
}
