//! Problems (RFC 9457): the one place where an error becomes an answer.
//!
//! A handler returns a [`Problem`]; `observe` adds the request's path and id and writes it out.
//! What only we can act on is logged here, and the answer says no more than that it happened.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

/// Media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Prefix of every problem's type.
const TYPE_PREFIX: &str = "https://foretell.dev/problems/";

/// Most fields that one problem points at; the rest are for the next try.
const FIELD_ERRORS_MAX: usize = 32;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $status:ident $slug:literal $title:literal;)*) => {
        /// What kind of problem it is: a type, a status and a title that belong together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $name),* }
        impl Kind {
            fn row(self) -> (&'static str, StatusCode, &'static str) {
                match self { $(Self::$name => ($slug, StatusCode::$status, $title)),* }
            }
        }
    };
}

kinds! {
    /// The request cannot be read.
    Malformed BAD_REQUEST "malformed" "The request cannot be read";
    /// A query parameter is unknown or has a bad value.
    BadQuery BAD_REQUEST "bad-query" "A query parameter is wrong";
    /// An id in the path is not an id.
    BadId BAD_REQUEST "bad-id" "The id is not an id";
    /// A cursor is not one of ours, or belongs to another list.
    BadCursor BAD_REQUEST "bad-cursor" "The cursor cannot be used";
    /// Nobody is signed in.
    Unauthenticated UNAUTHORIZED "unauthenticated" "Sign in first";
    /// The name or the password is wrong.
    BadPassword UNAUTHORIZED "bad-password" "The name or the password is wrong";
    /// The person may not do this.
    Forbidden FORBIDDEN "forbidden" "Not permitted";
    /// A request with a cookie came from another site.
    ForeignOrigin FORBIDDEN "foreign-origin" "The request comes from another site";
    /// There is no such thing.
    NotFound NOT_FOUND "not-found" "There is no such thing";
    /// The path does not take this method.
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "The path does not take this method";
    /// The request of that idempotency key is being done.
    KeyInFlight CONFLICT "idempotency-key-in-flight" "The request of this key is being done";
    /// The request of that idempotency key was broken off, and cannot be done again safely.
    KeyUnsettled CONFLICT "idempotency-key-unsettled" "What became of the request is not known";
    /// The idempotency key stands for another request.
    KeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The key stands for another request";
    /// The state of things does not allow it.
    Conflict CONFLICT "conflict" "The present state does not allow this";
    /// If-Match does not name the present revision.
    Stale PRECONDITION_FAILED "stale" "It was changed meanwhile";
    /// If-Match is missing.
    PreconditionRequired PRECONDITION_REQUIRED "precondition-required" "Say which revision you change";
    /// The body is longer than is read.
    TooLarge PAYLOAD_TOO_LARGE "too-large" "The request is too large";
    /// The body is not JSON by its header.
    MediaType UNSUPPORTED_MEDIA_TYPE "media-type" "The media type is not taken here";
    /// Fields of the body are wrong.
    Invalid UNPROCESSABLE_ENTITY "invalid" "Fields of the request are wrong";
    /// Upgrade to WebSocket is needed.
    UpgradeRequired UPGRADE_REQUIRED "upgrade-required" "This path speaks WebSocket";
    /// Too many tries.
    TooMany TOO_MANY_REQUESTS "too-many" "Too many requests";
    /// Our failure.
    Internal INTERNAL_SERVER_ERROR "internal" "Something failed here";
    /// The store has no room.
    Full INSUFFICIENT_STORAGE "full" "There is no room left";
    /// We are too busy, or a part of us is away.
    Busy SERVICE_UNAVAILABLE "busy" "The server cannot do this now";
    /// It took too long.
    Timeout GATEWAY_TIMEOUT "timeout" "It took too long";
    /// Any other status that a layer below made.
    Other INTERNAL_SERVER_ERROR "other" "The request was refused";
}

/// An error as it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    kind: Kind,
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body, as `/targets/0`; or `?name` for a query
    /// parameter.
    pub pointer: String,
    /// One sentence.
    pub detail: String,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind of problem it is, as an address that never changes.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, in one sentence.
    detail: String,
    /// The path that was asked.
    instance: String,
    /// The id under which the server's log has it.
    request_id: String,
    /// The fields that are wrong; empty where no field is.
    errors: Vec<FieldError>,
}

/// A body of fields that are wrong, collected so that one answer names all.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes a fault.
    pub(crate) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < FIELD_ERRORS_MAX {
            self.0.push(FieldError {
                pointer: pointer.into(),
                detail: detail.into(),
            });
        }
    }
    /// The problem that they make; nothing where there is none.
    pub(crate) fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::of_faults(Kind::Invalid, self.0))
    }
}

impl Problem {
    /// Its kind.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
    /// What is the matter, in one sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
    /// A problem of a kind.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (_, status, _) = kind.row();
        Self {
            kind,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }
    /// A problem with one field.
    pub(crate) fn field(kind: Kind, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::of_faults(
            kind,
            vec![FieldError {
                pointer: pointer.into(),
                detail: detail.into(),
            }],
        )
    }
    /// A problem with these fields.
    pub(crate) fn of_faults(kind: Kind, errors: Vec<FieldError>) -> Self {
        let mut detail = String::new();
        for (at, fault) in errors.iter().take(3).enumerate() {
            let between = if at == 0 { "" } else { "; " };
            let place = if fault.pointer.is_empty() { "" } else { ": " };
            let _ = write!(detail, "{between}{}{place}{}", fault.pointer, fault.detail);
        }
        let mut problem = Self::new(kind, detail);
        problem.errors = errors;
        problem
    }
    /// The fields that are wrong; the whole where no field is.
    pub(crate) fn faults(self) -> Vec<FieldError> {
        if self.errors.is_empty() {
            return vec![FieldError {
                pointer: String::new(),
                detail: self.detail,
            }];
        }
        self.errors
    }
    /// The same of what is at `place` of a body.
    pub(crate) fn at(mut self, place: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, place);
        }
        self
    }
    /// There is no such thing.
    pub(crate) fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("There is no {what} {id}."))
    }
    /// Our failure: logged here with its causes, answered without them.
    pub(crate) fn internal(doing: &str, error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "{doing} failed");
        Self::new(
            Kind::Internal,
            "The server's log says more under this request's id.",
        )
    }
    /// The server is too busy; worth another try after `again`.
    pub(crate) fn busy(detail: impl Into<String>, again: Duration) -> Self {
        Self::new(Kind::Busy, detail).retry_after(again)
    }
    /// With `Retry-After`, in whole seconds rounded up.
    pub(crate) fn retry_after(self, again: Duration) -> Self {
        let secs = again.as_secs() + u64::from(again.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(secs.max(1)))
    }
    /// With one more header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
    /// With some more headers.
    pub(crate) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }
    /// The problem of a bare status that a layer below made.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::BAD_REQUEST => Kind::Malformed,
            StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
            StatusCode::FORBIDDEN => Kind::Forbidden,
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::MediaType,
            StatusCode::UPGRADE_REQUIRED => Kind::UpgradeRequired,
            StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Kind::Timeout,
            StatusCode::SERVICE_UNAVAILABLE => Kind::Busy,
            StatusCode::INTERNAL_SERVER_ERROR => Kind::Internal,
            _ => Kind::Other,
        };
        let mut problem = Self::new(kind, kind.row().2);
        problem.status = status;
        problem
    }
    /// What is written for the request at `instance` with `request_id`.
    pub(crate) fn body(&self, instance: &str, request_id: &str) -> ProblemBody {
        let (slug, _, title) = self.kind.row();
        ProblemBody {
            kind: format!("{TYPE_PREFIX}{slug}"),
            title,
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }
    /// The answer for the request at `instance` with `request_id`.
    pub(crate) fn respond(&self, instance: &str, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.body(instance, request_id)).unwrap_or_default();
        let mut response = (
            self.status,
            [
                (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
            body,
        )
            .into_response();
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    /// A bare answer that carries the problem; `observe` writes it out.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
}

/// What every handler that can fail returns.
pub(crate) type Answer<T> = Result<T, Problem>;
