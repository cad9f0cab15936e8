//! `foretell hold`: lists holds of the running server, places them and releases them.

use crate::cli::{self, AddHold, RemoveHold};
use crate::commands::answer::{list, number, print, text};
use crate::commands::client::{List, with_server};
use crate::commands::consent;
use crate::exit::Exit;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Where holds are.
pub(super) const HOLDS: &str = "retention/holds";

/// Runs it.
pub fn run(command: &cli::Hold) -> anyhow::Result<Exit> {
    match command {
        cli::Hold::List(asked) => {
            let holds = List::all(HOLDS);
            with_server(&asked.to, async |server| {
                server.print(&holds, asked.json, line).await
            })?;
            Ok(Exit::Done)
        }
        cli::Hold::Add(asked) => add(asked),
        cli::Hold::Remove(asked) => remove(asked),
    }
}

fn add(asked: &AddHold) -> anyhow::Result<Exit> {
    let body = json!({
        "selector": asked.matching, "from": asked.from, "to": asked.until, "reason": asked.reason,
    });
    let hold = with_server(&asked.asked.to, async |server| {
        server.post(HOLDS, &body).await
    })?;
    print(&hold, asked.asked.json, &line(&hold))?;
    Ok(Exit::Done)
}

fn remove(asked: &RemoveHold) -> anyhow::Result<Exit> {
    asked.consent.check()?;
    let (consent, as_json) = (asked.consent, asked.asked.json);
    with_server(&asked.asked.to, async |server| {
        let path = format!("{HOLDS}/{}", asked.id);
        let hold = server.get(&path).await?;
        let preview = server.post("retention/preview", &json!({})).await?;
        let words = format!("{}\n{}", line(&hold), kept_alone(&preview, &hold));
        if consent.asks() {
            consent::shown(&words);
        } else if !as_json {
            print(&hold, false, &words)?;
        }
        let is_done = consent.given("Release the hold?")?;
        if is_done {
            let released = server.delete(&path, number(&hold, "revision")).await;
            released.context("the hold was not released")?;
        }
        let row = alone(&preview, &hold);
        let told = json!({"hold": hold, "kept_alone": row, "released": is_done});
        let words = if is_done { "it is released" } else { "" };
        print(&told, as_json, words)?;
        let is_well = is_done || consent.dry_run;
        Ok(if is_well { Exit::Done } else { Exit::Failed })
    })
}

/// What only this hold keeps, as a dry run tells it.
fn alone<'a>(preview: &'a Value, hold: &Value) -> Option<&'a Value> {
    list(preview, "by_hold").find(|row| text(row, "hold_id") == text(hold, "id"))
}

/// What only this hold keeps, in words.
fn kept_alone(preview: &Value, hold: &Value) -> String {
    let row = alone(preview, hold).unwrap_or(&Value::Null);
    let (samples, bytes) = (number(row, "samples"), number(row, "bytes"));
    let mut words = format!(
        "{samples} samples in {bytes} octets are kept by it alone, and would go with the passes to come"
    );
    let left = number(preview, "files_left");
    if left > 0 {
        let _ = write!(words, "; {left} files were not looked into");
    }
    words
}

/// A hold in a line.
fn line(hold: &Value) -> String {
    let given = |key: &str| hold.get(key).and_then(Value::as_str);
    let from = given("from").map_or("since ever".to_owned(), |from| format!("from {from}"));
    let to = given("to").map_or("without end".to_owned(), |to| format!("to {to}"));
    format!(
        "{}  {}  {from} {to}  {} devices  by {}: {}",
        text(hold, "id"),
        text(hold, "selector"),
        number(hold, "devices"),
        text(hold, "by"),
        text(hold, "reason"),
    )
}
