//! Where a request with a cookie comes from. A browser adds cookies by itself, so what changes
//! something must come from our own page (RFC 6454, Fetch metadata).

use crate::problem::{Answer, Kind, Problem};
use axum::http::{HeaderMap, Uri, header};

/// Refuses a request that does not come from our own page. Without an `Origin` the browser's
/// `Sec-Fetch-Site` must say so.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> Answer<()> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match text(header::ORIGIN) {
        Some(origin) => is_ours(origin, host(headers, uri), allowed),
        None => text(header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    };
    if ours {
        return Ok(());
    }
    Err(Problem::new(
        Kind::ForeignOrigin,
        "A request with the session cookie must come from this server's own page.",
    ))
}

/// The host that was asked: the header, or the authority of HTTP/2.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| uri.authority().map(axum::http::uri::Authority::as_str))
}

fn is_ours(origin: &str, host: Option<&str>, allowed: &[String]) -> bool {
    if allowed.iter().any(|ours| ours.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let authority = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    match (authority, host) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check_case(host: &str, origin: Option<&str>, site: Option<&str>, ours: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let allowed = ["https://monitor.example.net".to_owned()];
        let found = check(&headers, &Uri::from_static("/x"), &allowed).is_ok();
        assert_eq!(found, ours, "{host} {origin:?} {site:?}");
    }

    #[test]
    fn origins() {
        check_case("127.0.0.1:8080", Some("http://127.0.0.1:8080"), None, true);
        check_case("127.0.0.1:8080", Some("http://127.0.0.1:8081"), None, false);
        check_case("[::1]:80", Some("http://[::1]:80"), None, true);
        check_case("a.example", Some("https://A.example"), None, true);
        check_case("a.example", Some("https://a.example.evil"), None, false);
        check_case("a.example", Some("https://monitor.example.net"), None, true);
        check_case("a.example", Some("null"), Some("same-origin"), false);
        check_case("a.example", None, Some("same-origin"), true);
        check_case("a.example", None, Some("cross-site"), false);
        check_case("a.example", None, None, false);
    }
}
