//! What is told when a request cannot be done: problem+json (RFC 9457), with the field that is wrong.

use crate::scenario::{FaultDraft, FaultProblem, nearest};
use crate::timeline::AddError;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A request that cannot be done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Pointer to the field, and what is wrong with it.
    errors: Vec<(String, String)>,
}

/// The fields of a fault.
const FIELDS: [&str; 10] = [
    "kind",
    "target",
    "at",
    "for",
    "over",
    "delay_ms",
    "ratio",
    "factor",
    "to",
    "by_celsius",
];

impl Problem {
    fn new(status: StatusCode, detail: &str) -> Self {
        Self {
            status,
            detail: detail.to_owned(),
            errors: Vec::new(),
        }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path has no such method",
        )
    }

    pub(super) fn internal(detail: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    fn field(field: &str, detail: String) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: "a field of the fault is wrong".to_owned(),
            errors: vec![(format!("/{field}"), detail)],
        }
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Problem(FaultProblem { field, detail }) => Self::field(field, detail),
            AddError::Past { .. } => Self::field("at", error.to_string()),
            AddError::Full => Self::new(StatusCode::CONFLICT, &error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|(pointer, detail)| json!({"pointer": pointer, "detail": detail}))
            .collect();
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "errors": errors,
        });
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, headers, Json(body)).into_response()
    }
}

/// The fault that a request has in its body.
pub(super) fn draft(body: &[u8]) -> Result<FaultDraft, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, &detail);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the body is no JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(bad("the body is no object".to_owned()));
    };
    for (field, value) in &fields {
        if !FIELDS.contains(&field.as_str()) {
            let field: String = field.chars().take(64).collect();
            let hint = nearest(&field, &FIELDS);
            let hint = hint.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let detail = format!("there is no field `{field}`{hint}");
            return Err(Problem::field(
                &field.replace('~', "~0").replace('/', "~1"),
                detail,
            ));
        }
        // One field at a time, so that the error is told of the field that it is in.
        let alone = serde_json::Map::from_iter([(field.clone(), value.clone())]);
        serde_json::from_value::<FaultDraft>(Value::Object(alone))
            .map_err(|error| Problem::field(field, error.to_string()))?;
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| bad(error.to_string()))
}
