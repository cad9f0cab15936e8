//! `api`: what clients send that is not read by a library alone.

use ::api::stream::protocol::parse;

/// A message of a client of the stream.
pub(crate) fn stream_message(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = parse(text);
    }
}

/// A page's cursor.
pub(crate) fn cursor(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = ::api::is_cursor(text);
    }
}
