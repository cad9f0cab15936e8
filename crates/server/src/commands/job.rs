//! `foretell job`: long work of a running server, and what came of it.

use super::answer::{FAULTS_SHOWN, is_true, list, number, plain, print, text};
use super::client::{List, with_server};
use crate::cli::{self, ListJobs};
use crate::complain;
use crate::exit::Exit;
use anyhow::bail;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Said of what is deleted where there may be more than was counted.
pub(super) const UNCOUNTED: &str =
    "and there may be more: counting took too long, or some is in the archive and could not be had";

/// Runs it.
pub fn run(command: &cli::Job) -> anyhow::Result<Exit> {
    match command {
        cli::Job::List(asked) => list_jobs(asked),
        cli::Job::Show(one) => {
            let path = format!("jobs/{}", one.id);
            let job = with_server(&one.asked.to, async |server| server.get(&path).await)?;
            print(&job, one.asked.json, &whole(&job))?;
            Ok(Exit::Done)
        }
        cli::Job::Cancel(one) => {
            let path = format!("jobs/{}/cancel", one.id);
            let job = with_server(&one.asked.to, async |server| {
                server.post(&path, &json!({})).await
            })?;
            print(&job, one.asked.json, &format!("{} is being ended", one.id))?;
            Ok(Exit::Done)
        }
        cli::Job::Follow(one) => {
            let id = one.id.to_string();
            let job = with_server(&one.asked.to, async |server| server.follow(&id).await)?;
            print(&job, one.asked.json, &whole(&job))?;
            Ok(ended(&job))
        }
    }
}

fn list_jobs(asked: &ListJobs) -> anyhow::Result<Exit> {
    let jobs = List::all("jobs")
        .with("kind", asked.kind.as_ref())
        .with("state", asked.state.as_ref())
        .at_most(asked.limit);
    with_server(&asked.asked.to, async |server| {
        server.print(&jobs, asked.asked.json, line).await
    })?;
    Ok(Exit::Done)
}

/// A job in a line.
fn line(job: &Value) -> String {
    let mut line = format!(
        "{}  {}  {:<13} {:<11} by {}",
        text(job, "id"),
        text(job, "made_at"),
        text(job, "kind"),
        text(job, "state"),
        text(job, "by"),
    );
    if let Some(total) = job.get("total").and_then(Value::as_u64) {
        let (done, unit) = (number(job, "done"), text(job, "unit"));
        let _ = write!(line, "  {done} of {total} {unit}");
    }
    if let Some(error) = job.get("error").and_then(Value::as_str) {
        let _ = write!(line, "  {error}");
    }
    line
}

/// All of a job in words.
fn whole(job: &Value) -> String {
    let mut words = line(job);
    for (key, what) in [("began_at", "began"), ("ended_at", "ended")] {
        if let Some(at) = job.get(key).and_then(Value::as_str) {
            let _ = write!(words, "\n  {what} {at}");
        }
    }
    let Some(result) = job.get("result").filter(|result| !result.is_null()) else {
        return words;
    };
    for line in self::words(result).lines() {
        let _ = write!(words, "\n  {line}");
    }
    words
}

/// Shows what came of a job that is over.
pub(super) fn told(job: &Value, as_json: bool) -> anyhow::Result<Exit> {
    let result = job.get("result").filter(|result| !result.is_null());
    print(job, as_json, &result.map(words).unwrap_or_default())?;
    Ok(ended(job))
}

/// How a job ended; why, where it was not done.
fn ended(job: &Value) -> Exit {
    match done(job) {
        Ok(()) => Exit::Done,
        Err(why) => {
            complain(&format!("{why:#}"));
            Exit::Failed
        }
    }
}

/// Fails where a job that is over was not done, and says why.
pub(super) fn done(job: &Value) -> anyhow::Result<()> {
    match (text(job, "state"), text(job, "error")) {
        ("done", _) => Ok(()),
        (state, "") => bail!("it was not done to its end: {state}"),
        (_, why) => bail!("it was not done to its end: {why}"),
    }
}

/// A result in words: the first refused rows, a line each, and how much there is of everything.
fn words(result: &Value) -> String {
    let mut words = String::new();
    for fault in list(result, "faults").take(FAULTS_SHOWN) {
        let (line, detail) = (number(fault, "line"), text(fault, "detail"));
        let _ = writeln!(words, "line {line:>7}  {}", plain(detail));
    }
    words.push_str(&counts(result));
    if is_true(result, "cut_short") {
        words.push_str("\nthe file does not end as its format has it: some of it may be missing");
    }
    words
}

fn counts(result: &Value) -> String {
    let mut all = Vec::new();
    // What is there already a dry run does not look at.
    let of_rows: &[_] = if is_true(result, "dry_run") {
        let taken = number(result, "rows").saturating_sub(number(result, "refused"));
        all.push(format!("{taken} rows would be taken, new or not"));
        &[]
    } else {
        &[
            ("rows", "rows"),
            ("added", "added"),
            ("replaced", "replaced"),
            ("same", "the same already"),
            ("repeated", "repeated"),
        ]
    };
    let of_all = [
        ("days", "days"),
        ("samples", "samples"),
        ("series", "series"),
        ("new_series", "new series"),
        ("devices", "devices"),
        ("bytes", "octets"),
        ("refused", "refused"),
    ];
    for (key, unit) in of_rows.iter().chain(&of_all) {
        if let Some(count) = result.get(key).and_then(Value::as_u64) {
            all.push(format!("{count} {unit}"));
        }
    }
    let refused = result.get("refused").and_then(Value::as_object);
    for (why, count) in refused.into_iter().flatten() {
        all.push(format!("{count} series refused: {why}"));
    }
    for of in list(result, "damaged") {
        all.push(format!(
            "{} is damaged: {}",
            text(of, "day"),
            text(of, "what")
        ));
    }
    if result.get("counted_whole") == Some(&Value::Bool(false)) {
        all.push(UNCOUNTED.to_owned());
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_in_words() {
        let restored = json!({"days": 1, "devices": 1, "series": 2, "samples": 24, "refused": {"too_many": 3}});
        assert_eq!(
            words(&restored),
            "1 days, 24 samples, 2 series, 1 devices, 3 series refused: too_many"
        );
        let deleted = json!({"samples": 3, "series": 1, "devices": 1, "counted_whole": false});
        assert_eq!(
            words(&deleted),
            format!("3 samples, 1 series, 1 devices, {UNCOUNTED}")
        );
        let imported = json!({"rows": 3, "added": 2, "replaced": 0, "same": 0, "refused": 1});
        assert_eq!(
            words(&imported),
            "3 rows, 2 added, 0 replaced, 0 the same already, 1 refused"
        );
        let fault = json!({"line": 4, "reason": "bad_time", "detail": "no\u{1b}[2J time\nat all"});
        let dry = json!({"dry_run": true, "rows": 3, "added": 0, "same": 0, "refused": 1,
            "faults": [fault], "cut_short": true});
        assert_eq!(
            words(&dry),
            "line       4  no [2J time at all\n2 rows would be taken, new or not, 1 refused\n\
             the file does not end as its format has it: some of it may be missing"
        );
    }
}
