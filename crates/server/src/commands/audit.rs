//! `foretell audit`: asks the running server who changed or took what was measured.

use super::answer::{Rows, number, text};
use super::client::{List, with_server};
use crate::cli::Audit;
use crate::exit::Exit;
use serde_json::Value;
use std::fmt::Write as _;

/// Runs it.
pub fn run(audit: &Audit) -> anyhow::Result<Exit> {
    let entries = List::all("audit")
        .with("action", audit.action.as_ref())
        .with("who", audit.who)
        .with("from", audit.from)
        .with("to", audit.until)
        .at_most(audit.limit.filter(|_| audit.by.is_none()));
    let is_meant = |entry: &Value| {
        let by = audit.by.as_deref();
        by.is_none_or(|by| text(entry, "by") == by)
    };
    let limit = audit.limit.unwrap_or(u64::MAX);
    with_server(&audit.asked.to, async |server| {
        let mut rows = Rows::begin(audit.asked.json);
        let mut told = 0;
        let read = server.rows(&entries, |entry| {
            if told < limit && is_meant(&entry) {
                rows.row(&entry, line)?;
                told += 1;
            }
            Ok(told < limit)
        });
        read.await?;
        Ok(rows.end()?)
    })?;
    Ok(Exit::Done)
}

/// An entry in a line.
fn line(entry: &Value) -> String {
    let given = |key: &str| entry.get(key).and_then(Value::as_str);
    let mut line = format!(
        "{}  {:<15} {:<7} by {}",
        text(entry, "at"),
        text(entry, "action"),
        text(entry, "state"),
        text(entry, "by"),
    );
    if let Some(selector) = given("selector") {
        let _ = write!(line, "  {selector}");
    }
    if let (Some(from), Some(to)) = (given("from"), given("to")) {
        let _ = write!(line, "  from {from} to {to}");
    }
    let counts = entry.get("counts").unwrap_or(&Value::Null);
    for key in ["devices", "series", "samples", "replaced", "refused"] {
        match number(counts, key) {
            0 => {}
            count => {
                let _ = write!(line, "  {count} {key}");
            }
        }
    }
    if let Some(detail) = given("detail") {
        let _ = write!(line, "  {detail}");
    }
    line
}
