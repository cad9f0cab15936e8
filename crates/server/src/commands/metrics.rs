//! `foretell metrics`: has the running server take samples in, write them to a file, and delete them.
//! What a file looks like is in `store::exchange`.

mod push;

use super::answer::{is_true, number, print, text};
use super::client::{Client, List, id_of, with_query, with_server};
use super::job::{self, UNCOUNTED};
use crate::cli::{Asked, DeleteMetrics, ExportMetrics, ImportMetrics, Metrics};
use crate::complain;
use crate::exit::{Exit, UsageError};
use anyhow::{Context as _, bail};
use collect::http::Method;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use store::exchange::files::IMPORT_BYTES_MAX;

/// Octets of a piece of a file, either way: over a slow line, too, it takes less time than a request may.
const PIECE_LEN: usize = 2 << 20;

/// Runs it.
pub fn run(command: &Metrics) -> anyhow::Result<Exit> {
    match command {
        Metrics::Push(asked) => push::run(asked),
        Metrics::Import(asked) => with_server(&asked.asked.to, async |server| {
            Server(server).import(asked).await
        }),
        Metrics::Export(asked) => with_server(&asked.asked.to, async |server| {
            Server(server).export(asked).await
        }),
        Metrics::Delete(asked) => with_server(&asked.asked.to, async |server| {
            Server(server).delete(asked).await
        }),
        Metrics::Types(asked) => {
            with_server(&asked.to, async |server| Server(server).types(asked).await)
        }
    }
}

struct Server<'a>(&'a Client);

impl Server<'_> {
    async fn import(&self, import: &ImportMetrics) -> anyhow::Result<Exit> {
        let mut file = open(&import.file)?;
        let mut query = vec![
            ("format", import.format.name().to_owned()),
            ("more", "true".to_owned()),
        ];
        for (name, given) in [
            ("dry_run", import.dry_run),
            ("create_metrics", import.create_metrics),
        ] {
            if given {
                query.push((name, "true".to_owned()));
            }
        }
        for (name, given) in [
            ("device_id", &import.device_id),
            ("default_time", &import.default_time),
        ] {
            if let Some(given) = given {
                query.push((name, given.clone()));
            }
        }
        let first = piece(&mut file, &import.file)?;
        let sent = first.len() as u64;
        let path = with_query("imports/samples", &query);
        let job = self.0.send(Method::POST, &path, first).await?;
        let id = id_of(&job)?;
        let rest = self.send_rest(&id, &mut file, sent, import).await;
        if rest.is_err() {
            // It would wait for hours, and with some others keep all jobs from being taken.
            let path = format!("jobs/{id}/cancel");
            let _ = self.0.post(&path, &json!({})).await;
        }
        rest?;
        let job = self.0.follow(&id).await?;
        let exit = job::told(&job, import.asked.json)?;
        let result = job.get("result").unwrap_or(&Value::Null);
        let refused = number(result, "refused");
        if refused > 0 {
            complain(&format!("{refused} rows were refused"));
        }
        let is_whole = refused == 0 && !is_true(result, "cut_short");
        Ok(if is_whole { exit } else { Exit::Failed })
    }

    /// Sends what is left of a file, and has it taken.
    async fn send_rest(
        &self,
        id: &str,
        file: &mut dyn Read,
        mut sent: u64,
        import: &ImportMetrics,
    ) -> anyhow::Result<()> {
        loop {
            let piece = piece(file, &import.file)?;
            if piece.is_empty() {
                break;
            }
            let length = piece.len() as u64;
            let path = format!("imports/{id}/content?offset={sent}");
            self.0.send(Method::PUT, &path, piece).await?;
            sent += length;
        }
        let path = format!("imports/{id}/run");
        self.0.post(&path, &json!({})).await?;
        Ok(())
    }

    async fn export(&self, export: &ExportMetrics) -> anyhow::Result<Exit> {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&export.out)
            .with_context(|| format!("{} cannot be made", export.out.display()))?;
        let done = self.export_to(export, &mut out).await;
        if done.is_err() {
            // What is there of it is not what was asked for.
            let _ = std::fs::remove_file(&export.out);
        }
        let job = &done?;
        let result = &job["result"];
        let words = format!(
            "{} samples of {} series, {} octets, in {}",
            number(result, "samples"),
            number(result, "series"),
            number(result, "bytes"),
            export.out.display(),
        );
        print(job, export.asked.json, &words)?;
        Ok(Exit::Done)
    }

    async fn export_to(&self, export: &ExportMetrics, out: &mut File) -> anyhow::Result<Value> {
        let mut body = json!({
            "match": export.matching, "from": export.from, "format": export.format.name(),
        });
        if let (Some(to), Some(body)) = (&export.to_time, body.as_object_mut()) {
            body.insert("to".to_owned(), json!(to));
        }
        let job = self.0.post("exports", &body).await?;
        let id = id_of(&job)?;
        let job = self.0.follow(&id).await?;
        job::done(&job)?;
        let path = format!("exports/{id}/content");
        let mut have = 0;
        loop {
            let range = have..have + PIECE_LEN as u64;
            let (octets, all) = self.0.octets(&path, range).await?;
            out.write_all(&octets)?;
            have += octets.len() as u64;
            if have >= all {
                break;
            }
            if octets.is_empty() {
                bail!("the server sent no more than {have} of {all} octets");
            }
        }
        out.sync_all()?;
        Ok(job)
    }

    async fn delete(&self, delete: &DeleteMetrics) -> anyhow::Result<Exit> {
        let mut query = vec![
            ("match", delete.matching.clone()),
            ("from", delete.from.clone()),
            ("to", delete.to_time.clone()),
            ("reason", delete.reason.clone()),
        ];
        if delete.dry_run {
            query.push(("dry_run", "true".to_owned()));
        }
        let path = with_query("samples", &query);
        let answer = self.0.send(Method::DELETE, &path, Vec::new()).await?;
        let told = if delete.dry_run {
            answer
        } else {
            let job = &self.0.follow(&id_of(&answer)?).await?;
            job::done(job)?;
            job["result"].clone()
        };
        let words = deleted(&told, delete.dry_run);
        print(&told, delete.asked.json, &words)?;
        Ok(Exit::Done)
    }

    async fn types(&self, asked: &Asked) -> anyhow::Result<Exit> {
        let words = |row: &Value| {
            let own = if is_true(row, "own") { "own" } else { "" };
            format!(
                "{:<28} {:<8} {:<20} {:>8} {own:<4} {}",
                text(row, "name"),
                text(row, "kind"),
                text(row, "unit"),
                number(row, "series"),
                text(row, "help"),
            )
        };
        let types = List::all("metric-types");
        self.0.print(&types, asked.json, words).await?;
        Ok(Exit::Done)
    }
}

/// What was, or would be, deleted in words.
fn deleted(told: &Value, is_dry: bool) -> String {
    let verb = if is_dry {
        "would be deleted"
    } else {
        "deleted"
    };
    let more = match told.get("counted_whole") {
        Some(Value::Bool(false)) => format!(", {UNCOUNTED}"),
        _ => String::new(),
    };
    format!(
        "{} samples of {} series of {} devices {verb}{more}",
        number(told, "samples"),
        number(told, "series"),
        number(told, "devices"),
    )
}

fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let unread = || format!("{} cannot be read", file.display());
    let opened = File::open(file).with_context(unread)?;
    let length = opened.metadata().with_context(unread)?.len();
    if length > IMPORT_BYTES_MAX {
        let text = format!(
            "{} has {length} octets, and a file has at most {IMPORT_BYTES_MAX}; split it",
            file.display()
        );
        return Err(UsageError(text).into());
    }
    Ok(Box::new(opened))
}

/// The next piece of a file; empty at its end.
fn piece(file: &mut dyn Read, name: &Path) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.take(PIECE_LEN as u64)
        .read_to_end(&mut octets)
        .with_context(|| format!("{} cannot be read", name.display()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_to_its_end_is_said_so() {
        let told = |counted_whole: bool| json!({"samples": 3, "series": 2, "devices": 1, "counted_whole": counted_whole});
        let whole = "3 samples of 2 series of 1 devices would be deleted";
        assert_eq!(deleted(&told(true), true), whole);
        let words = deleted(&told(false), false);
        assert!(
            words.ends_with(&format!("1 devices deleted, {UNCOUNTED}")),
            "{words}"
        );
    }
}
