//! `api`: what clients send that is not read by a library alone.

use ::api::import::{Format, read};
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

/// An inventory of another tool's; the first octet says of which.
pub(crate) fn import(data: &[u8]) {
    let Some((which, text)) = data.split_first() else {
        return;
    };
    let format = match which % 4 {
        0 => Format::Csv,
        1 => Format::Netbox,
        2 => Format::Librenms,
        _ => Format::Zabbix,
    };
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = read(format, text);
    }
}
