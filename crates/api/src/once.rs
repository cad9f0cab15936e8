//! Requests with an `Idempotency-Key`: sent twice they are done once, and answered the same twice
//! (draft-ietf-httpapi-idempotency-key-header). One layer around all handlers.
//!
//! A handler that makes something makes it under [`NewId`], after looking whether that is there: an
//! attempt before this one may have made it and been broken off before its answer. Its route is then
//! a row of [`DONE_AGAIN`]. What is kept of a key, and for how long, is in `store::idempotency`.

use crate::auth::gate::App;
use crate::body::BODY_LEN_MAX;
use crate::metrics::OnceMetrics;
use crate::problem::{Answer, Kind, Problem};
use crate::store_problem::of_store;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use model::ReservedId;
use std::sync::Arc;
use std::time::Duration;
use store::idempotency::{ANSWER_LEN_MAX, Attempt, Begun, IdempotencyKeys, KeptAnswer};
use store::pushing::Sent;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The header that names a request.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key, in characters; a UUID has 36.
pub(crate) const KEY_LEN_MAX: usize = 128;
/// Requests with a key at work at a time. They go on where their clients leave, so their number
/// is not bounded by that of connections; each holds a body of up to 2 MiB.
pub(crate) const AT_WORK_MAX: usize = 64;

/// POSTs that take no key: sign-in, whose bodies and answers are secrets of that moment, what
/// only reads, and imports, which are as well done twice and longer than a body with a key may be.
const WITHOUT_KEY: [&str; 14] = [
    "/api/v1/auth/login",
    "/api/v1/auth/session",
    "/api/v1/auth/password",
    "/api/v1/stream/tickets",
    "/api/v1/samples/query",
    "/api/v1/query",
    "/api/v1/discovery-rules/dry-run",
    "/api/v1/imports",
    "/api/v1/imports/samples",
    "/api/v1/profile-checks",
    "/api/v1/retention/preview",
    "/api/v1/devices/{device_id}/profile-trial",
    "/api/v1/devices/{device_id}/walk",
    "/api/v1/scaling/{trigger_id}/test",
];
/// POSTs that are done again where an attempt was broken off: their handlers look for what has the
/// [`NewId`], or doing it twice is as doing it once, or a revision keeps it from being done twice, or they
/// leave what another may have written since ([`SentBefore`]).
const DONE_AGAIN: [&str; 29] = [
    "/api/v1/devices",
    "/api/v1/devices/{device_id}/poll",
    "/api/v1/devices/{device_id}/identity/accept",
    "/api/v1/credentials",
    "/api/v1/discoveries",
    "/api/v1/discovery-schedules",
    "/api/v1/discovery-schedules/{schedule_id}/run",
    "/api/v1/discovery-rules",
    "/api/v1/checks",
    "/api/v1/scaling",
    "/api/v1/candidates/{address}/accept",
    "/api/v1/candidates/{address}/ignore",
    "/api/v1/maintenance",
    "/api/v1/profiles",
    "/api/v1/mibs",
    "/api/v1/retention/policies",
    "/api/v1/retention/holds",
    "/api/v1/backups",
    "/api/v1/retention/damage/accept",
    "/api/v1/jobs/{job_id}/cancel",
    "/api/v1/imports/{job_id}/run",
    "/api/v1/exports",
    "/api/v1/samples",
    "/api/v1/samples/corrections",
    "/api/v1/archive/runs",
    "/api/v1/archive/restores",
    "/api/v1/archive/checks",
    "/api/v1/archive/adopt",
    "/api/v1/archive/scan",
];
/// Headers that are kept with an answer.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Whether a POST of this path takes a key.
pub(crate) fn takes_key(path: &str) -> bool {
    path.starts_with("/api/") && !WITHOUT_KEY.contains(&path)
}

/// The id of what a handler makes: that of the request's key, else a new one.
pub(crate) struct NewId(pub(crate) ReservedId);

impl<S: Send + Sync> FromRequestParts<S> for NewId {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let of_key = parts.extensions.get::<ReservedId>().copied();
        Ok(Self(of_key.unwrap_or_else(ReservedId::new)))
    }
}

/// Whether the request was sent before under its key, and broken off before it was answered.
pub(crate) struct SentBefore(pub(crate) Sent);

impl<S: Send + Sync> FromRequestParts<S> for SentBefore {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let sent = parts.extensions.get::<Sent>().copied();
        Ok(Self(sent.unwrap_or(Sent::First)))
    }
}

/// What the layer works with.
pub(crate) struct Once {
    /// The keys that are known.
    pub(crate) keys: IdempotencyKeys,
    /// Who waits for what goes on without its client.
    pub(crate) tasks: TaskTracker,
    /// What is counted.
    pub(crate) metrics: OnceMetrics,
    /// Room for requests at work.
    pub(crate) places: Arc<Semaphore>,
}

/// The layer.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let Some(route) = route.filter(|route| {
        request.method() == Method::POST
            && request.headers().contains_key(KEY)
            && takes_key(route.as_str())
    }) else {
        return next.run(request).await;
    };
    match keyed(&app, route.as_str(), request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(app: &App, route: &str, request: Request, next: Next) -> Answer<Response> {
    let once = app.once();
    let key = key(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let who = app.principal(&parts).await?;
    let body = axum::body::to_bytes(body, BODY_LEN_MAX)
        .await
        .map_err(|_| {
            let detail = format!("The body ended early, or has more than {BODY_LEN_MAX} bytes.");
            Problem::new(Kind::TooLarge, detail)
        })?;
    let place = once.places.clone().try_acquire_owned().map_err(|_| {
        once.metrics.count("no_room");
        Problem::busy(
            "As many requests with a key are at work as may be at a time.",
            Duration::from_secs(1),
        )
    })?;
    let path = parts.uri.path().to_owned();
    let begun = once.keys.begin(who.user_id, &path, &key, &body).await;
    let (attempt, sent) = match begun.map_err(of_store)? {
        Begun::First(attempt) => (attempt, Sent::First),
        Begun::Again(attempt) if DONE_AGAIN.contains(&route) => (attempt, Sent::Again),
        Begun::Answered(answer) => {
            once.metrics.count("replayed");
            return Ok(again(&answer));
        }
        refused => return Err(refusal(&refused, &once.metrics)),
    };
    parts.extensions.insert(attempt.makes());
    parts.extensions.insert(sent);
    let request = Request::from_parts(parts, Body::from(body));
    let metrics = once.metrics.clone();
    // In a task of its own: it is done and its answer kept also where the client leaves or waits
    // no longer, for that is when the client asks again.
    let work = async move {
        let _place = place;
        let response = next.run(request).await;
        settle(attempt, response, &metrics).await
    };
    match once.tasks.spawn(work.in_current_span()).await {
        Ok(response) => Ok(response),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Problem::internal("a request with a key", &error)),
    }
}

/// The key, or what is wrong with it.
fn key(headers: &HeaderMap) -> Answer<String> {
    let mut given = headers.get_all(KEY).iter();
    let key = given.next().and_then(|value| value.to_str().ok());
    key.filter(|key| (1..=KEY_LEN_MAX).contains(&key.len()) && given.next().is_none())
        .map(str::to_owned)
        .ok_or_else(|| {
            let detail =
                format!("Idempotency-Key is one key of 1 to {KEY_LEN_MAX} ASCII characters.");
            Problem::new(Kind::Malformed, detail)
        })
}

fn refusal(begun: &Begun, metrics: &OnceMetrics) -> Problem {
    match begun {
        Begun::InFlight => {
            metrics.count("in_flight");
            let detail = "Ask again in a moment for its answer.";
            Problem::new(Kind::KeyInFlight, detail).retry_after(Duration::from_secs(1))
        }
        Begun::OtherBody => {
            metrics.count("reused");
            Problem::new(
                Kind::KeyReused,
                "The key was sent with another body; a new request takes a new key.",
            )
        }
        _ => {
            metrics.count("unsettled");
            Problem::new(
                Kind::KeyUnsettled,
                "It was broken off before it was answered. Look whether it was done; where it was \
                 not, send it under a new key.",
            )
        }
    }
}

/// Keeps the answer of what was done. What was refused frees its key; what failed, or was answered
/// at a length that is not kept, may have been done, and is looked for when it is sent again.
async fn settle(attempt: Attempt, response: Response, metrics: &OnceMetrics) -> Response {
    let status = response.status();
    if status.is_client_error() {
        metrics.count("refused");
        if let Err(error) = attempt.refused().await {
            tracing::warn!(error = ?error, "{error}; an idempotency key is not free");
        }
        return response;
    }
    if !status.is_success() {
        metrics.count("failed");
        return response;
    }
    metrics.count("done");
    let (parts, body) = response.into_parts();
    let len = body.size_hint().exact();
    if len.is_none_or(|len| len > ANSWER_LEN_MAX as u64) {
        return Response::from_parts(parts, body);
    }
    let body = match axum::body::to_bytes(body, ANSWER_LEN_MAX).await {
        Ok(body) => body,
        Err(error) => return Problem::internal("an answer", &error).into_response(),
    };
    if let Ok(text) = std::str::from_utf8(&body) {
        let kept = KeptAnswer {
            status: status.as_u16(),
            headers: kept_headers(&parts.headers),
            body: text.to_owned(),
        };
        if let Err(error) = attempt.answered(&kept).await {
            tracing::warn!(error = ?error, "{error}; the answer to an idempotency key is not kept");
        }
    }
    Response::from_parts(parts, Body::from(body))
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        })
        .collect()
}

/// An answer once more.
fn again(answer: &KeptAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
