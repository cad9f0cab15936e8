//! ETag and If-Match (RFC 9110 section 13): a change names the revision that it is made to.

use crate::problem::{Answer, Kind, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};

/// The revision that a change is made to, from If-Match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever is there: `*`.
    Any,
    /// This one.
    Revision(u64),
}

impl IfMatch {
    /// The revision to change, where the present one is `found`.
    pub(crate) fn check(self, found: u64) -> Answer<u64> {
        match self {
            Self::Revision(wanted) if wanted != found => Err(stale(found)),
            _ => Ok(found),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let given = parts.headers.get(header::IF_MATCH);
        parse(given.map_or("", |value| value.to_str().unwrap_or("?")))
    }
}

fn parse(text: &str) -> Answer<IfMatch> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::new(
            Kind::PreconditionRequired,
            "Send If-Match with the ETag of what you read.",
        ));
    }
    if text == "*" {
        return Ok(IfMatch::Any);
    }
    // Weak tags never match (RFC 9110 section 13.1.1), and a list of tags names no one revision.
    let tag = text
        .strip_prefix("W/")
        .unwrap_or(text)
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(|| {
            Problem::new(
                Kind::Malformed,
                "If-Match is an ETag in its quotes, as \"7\".",
            )
        })?;
    match tag.parse() {
        Ok(revision) if !text.starts_with("W/") => Ok(IfMatch::Revision(revision)),
        _ => Err(Problem::new(
            Kind::Stale,
            "If-Match is not an ETag of this resource.",
        )),
    }
}

/// It was changed meanwhile.
pub(crate) fn stale(found: u64) -> Problem {
    Problem::new(
        Kind::Stale,
        format!("It is at revision {found} now; read it again and decide again."),
    )
    .header(header::ETAG, value(found))
}

/// The header that names a revision.
pub(crate) fn etag(revision: u64) -> [(HeaderName, HeaderValue); 1] {
    [(header::ETAG, value(revision))]
}

fn value(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).expect("digits in quotes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        assert_eq!(parse("*").unwrap(), IfMatch::Any);
        assert_eq!(parse(" \"7\" ").unwrap(), IfMatch::Revision(7));
        for (bad, status) in [
            ("", 428),
            ("7", 400),
            ("\"7", 400),
            ("\"x\"", 412),
            ("W/\"7\"", 412),
            ("\"7\", \"8\"", 412),
        ] {
            let problem = parse(bad).expect_err(bad);
            let written = serde_json::to_value(problem.body("/", "id")).unwrap();
            assert_eq!(written["status"], status, "{bad}");
        }
        assert_eq!(IfMatch::Revision(7).check(7).unwrap(), 7);
        assert!(IfMatch::Revision(7).check(8).is_err());
        assert_eq!(IfMatch::Any.check(8).unwrap(), 8);
    }
}
