//! JSON bodies: read with a bound, refused with a pointer to the field that is wrong.

use crate::problem::{Answer, Kind, Problem};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::fmt::Write as _;

/// Longest body that is read, in bytes. A discovery of 65,536 single hosts has under 1.5 MB.
pub(crate) const BODY_LEN_MAX: usize = 2 << 20;

/// Longest body of an import, in bytes: its text, with a third more for what JSON escapes.
pub(crate) const IMPORT_LEN_MAX: usize = crate::import::TEXT_LEN_MAX / 3 * 4;

/// A body of JSON.
pub(crate) struct Body<T>(pub(crate) T);

/// A merge patch (RFC 7396): JSON too, under its own media type or the plain one.
pub(crate) struct Patch<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let bytes = read(request, state, &["application/json"]).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Patch<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let types = ["application/merge-patch+json", "application/json"];
        let bytes = read(request, state, &types).await?;
        parse(&bytes).map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S, types: &[&str]) -> Answer<Bytes> {
    let given = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    if !given.as_deref().is_some_and(|given| types.contains(&given)) {
        let wanted = types.join(" or ");
        return Err(Problem::new(
            Kind::MediaType,
            format!("Content-Type {wanted} is expected."),
        ));
    }
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(
                    Kind::TooLarge,
                    format!(
                        "A body has at most {BODY_LEN_MAX} bytes, that of an import \
                         {IMPORT_LEN_MAX}."
                    ),
                )
            } else {
                Problem::new(Kind::Malformed, "The body ended early.")
            }
        })
}

/// What the bytes say, or the problem that points at what is wrong.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    // serde would take `["a"]` for a struct of one field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::field(Kind::Invalid, "", "an object is expected"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::field(Kind::Invalid, pointer, without_place(&inner))
        } else {
            Problem::new(Kind::Malformed, format!("The body is not JSON: {inner}."))
        }
    })?;
    reader.end().map_err(|error| {
        Problem::new(Kind::Malformed, format!("The body is not JSON: {error}."))
    })?;
    Ok(value)
}

/// A JSON pointer (RFC 6901); empty for the whole body.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } => {
                let _ = write!(pointer, "/{}", escape(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A name as one step of a pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// serde_json's sentence without its ` at line 1 column 2`: the pointer says where.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        name: String,
        #[serde(default)]
        #[allow(dead_code)]
        inner: Vec<Inner>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        count: u32,
    }

    fn check(body: &str, status: u16, pointer: Option<&str>) {
        let Err(problem) = parse::<Outer>(body.as_bytes()) else {
            panic!("{body} was taken");
        };
        let written = serde_json::to_value(problem.body("/", "id")).unwrap();
        assert_eq!(written["status"], status, "{body}: {written}");
        assert_eq!(
            written["errors"][0]["pointer"].as_str(),
            pointer,
            "{body}: {written}"
        );
        assert!(
            !written["detail"].as_str().unwrap().contains("line 1"),
            "{written}"
        );
    }

    #[test]
    fn faults_are_pointed_at() {
        check(r#"{"name":1}"#, 422, Some("/name"));
        check(
            r#"{"name":"a","inner":[{"count":1},{"count":"x"}]}"#,
            422,
            Some("/inner/1/count"),
        );
        check(r#"{"name":"a","colour":1}"#, 422, Some("/colour"));
        check(r#"{"name":"a","a/b":1}"#, 422, Some("/a~1b"));
        check(r#"{"inner":[]}"#, 422, Some(""));
        check("7", 422, Some(""));
        check(r#"["a"]"#, 422, Some(""));
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{}x", r#"{"name":"a"} {}"#, "\u{feff}{}"] {
            let problem = parse::<Outer>(body.as_bytes()).err().unwrap();
            let written = serde_json::to_value(problem.body("/", "id")).unwrap();
            assert!(
                written["status"] == 400 || body == "{}x",
                "{body}: {written}"
            );
        }
    }
}
