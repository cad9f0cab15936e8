//! JSON in which a list of objects is somewhere, each read on its own, with the line it begins on.

use super::{ROWS_MAX, Read, Refused, Unreadable, line_ends, too_many};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Reads each object of the list that is found by a path of names, or of the list that is the whole.
pub(super) fn each(
    text: &str,
    path: &[&str],
    row: fn(u64, &Value) -> Read,
) -> Result<Vec<Read>, Unreadable> {
    let rows = objects(text, path)?;
    if let Some((line, _)) = rows.get(ROWS_MAX) {
        return Err(too_many(*line));
    }
    let read = |(line, raw): (u64, &RawValue)| match serde_json::from_str(raw.get()) {
        Ok(value) => row(line, &value),
        Err(error) => Err(Refused {
            line,
            name: None,
            reason: format!("it cannot be read: {error}"),
        }),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The objects of a list, as they are written, and the lines that they begin on.
fn objects<'a>(text: &'a str, path: &[&str]) -> Result<Vec<(u64, &'a RawValue)>, Unreadable> {
    let mut raw: &'a RawValue = serde_json::from_str(text).map_err(|error| Unreadable {
        line: error.line() as u64,
        reason: format!("no JSON: {error}"),
    })?;
    let line_of = |raw: &RawValue| {
        let begins = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let before = text.as_bytes().get(..begins).unwrap_or_default();
        1 + line_ends(before)
    };
    for name in path {
        if raw.get().starts_with('[') {
            break;
        }
        let fields: BTreeMap<String, &'a RawValue> = parsed(raw, line_of(raw))?;
        raw = fields.get(*name).ok_or_else(|| Unreadable {
            line: line_of(raw),
            reason: format!("there is no `{name}` in it"),
        })?;
    }
    let list: Vec<&'a RawValue> = parsed(raw, line_of(raw))?;
    let mut rows = Vec::with_capacity(list.len().min(ROWS_MAX + 1));
    let (mut line, mut at) = (1, 0);
    for raw in list.into_iter().take(ROWS_MAX + 1) {
        let begins = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let between = text.as_bytes().get(at..begins).unwrap_or_default();
        line += line_ends(between);
        at = begins;
        rows.push((line, raw));
    }
    Ok(rows)
}

fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue, line: u64) -> Result<T, Unreadable> {
    serde_json::from_str(raw.get()).map_err(|error| Unreadable {
        line,
        reason: format!("it is not as expected: {error}"),
    })
}

/// Text at a pointer, where it says something; a number is written out.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => super::said(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An address, with or without the length of its prefix.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    address.trim().parse().ok()
}
