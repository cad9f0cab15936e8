//! The page's files, embedded in the binary. Every address that is not a file and not the API's is
//! a place in the page, which the page finds by itself.

use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::fmt::Write as _;

/// What `build.rs` put together: the built page, or a page that says how to build it.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/page"]
struct Files;

const INDEX: &str = "index.html";
/// Where the build puts files whose name changes with their content.
const HASHED: &str = "assets/";

/// Serves a file of the page, or the page itself.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if is_of_machines(path) {
        return Problem::new(Kind::NotFound, "There is nothing at this path.").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::new(
            Kind::MethodNotAllowed,
            "The page's files are read by GET and HEAD.",
        )
        .header(
            header::ALLOW,
            axum::http::HeaderValue::from_static("GET, HEAD"),
        )
        .into_response();
    }
    if let Some(file) = Files::get(path).filter(|_| path != INDEX) {
        return answer(path, &file, &headers);
    }
    let is_page = path == INDEX || (wants_page(&headers) && !path.starts_with(HASHED));
    match Files::get(INDEX).filter(|_| is_page) {
        Some(file) => answer(INDEX, &file, &headers),
        None => Problem::new(Kind::NotFound, "There is no such file.").into_response(),
    }
}

/// Paths that are never a place in the page: a mistyped one is told so.
fn is_of_machines(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    ["api", "docs", "metrics", "livez", "readyz", ".well-known"].contains(&first)
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn answer(path: &str, file: &rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = tag(&file.metadata.sha256_hash());
    let cache = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cache.to_owned()),
    ];
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
    if known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (
        common,
        [(header::CONTENT_TYPE, media_type(path))],
        Body::from(file.data.to_vec()),
    )
        .into_response()
}

/// Weak: the same file is sent plain or gzipped.
fn tag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("W/\"");
    for byte in hash.iter().take(12) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
