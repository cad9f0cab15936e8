//! `foretell metrics`: has the running server take samples in, write them to a file, and delete them.
//! What a file looks like is in `store::exchange`.

use super::session::{Session, sign_in};
use crate::cli::{DeleteMetrics, ExportMetrics, ImportMetrics, MetricTypes, Metrics, ToServer};
use crate::exit::{Exit, UsageError};
use crate::{complain, secrets};
use anyhow::{Context as _, bail};
use collect::http::{Method, Trust, Url};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;
use store::exchange::files::IMPORT_BYTES_MAX;

/// Octets of a piece of a file, either way: over a slow line, too, it takes less time than a request may.
const PIECE_LEN: usize = 2 << 20;
/// How often the server is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Refused rows that are shown; the server tells the first thousand.
const FAULTS_SHOWN: usize = 20;

/// Runs it.
pub fn run(command: &Metrics) -> anyhow::Result<Exit> {
    let to = match command {
        Metrics::Import(import) => &import.to,
        Metrics::Export(export) => &export.to,
        Metrics::Delete(delete) => &delete.to,
        Metrics::Types(types) => &types.to,
    };
    let password = secrets::from(to.password_env.as_deref(), to.password_file.as_deref())?;
    let password = password.ok_or_else(|| {
        UsageError("name the password: --password-env VAR or --password-file FILE".to_owned())
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let trust = Trust::of_this_machine();
    runtime.block_on(async {
        let session = sign_in(&trust, to, &password).await?;
        let server = Server { trust, session };
        match command {
            Metrics::Import(import) => server.import(import).await,
            Metrics::Export(export) => server.export(export).await,
            Metrics::Delete(delete) => server.delete(delete).await,
            Metrics::Types(types) => server.types(types).await,
        }
    })
}

struct Server {
    trust: Trust,
    session: Session,
}

impl Server {
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
        let path = with_query("imports/samples", &query, &import.to)?;
        let job = self.send(Method::POST, &path, first).await?;
        let id = id_of(&job)?;
        let rest = self.send_rest(&id, &mut file, sent, import).await;
        if rest.is_err() {
            // It would wait for hours, and with some others keep all jobs from being taken.
            let path = format!("jobs/{id}/cancel");
            let _ = self.session.post(&self.trust, &path, &json!({})).await;
        }
        rest?;
        let job = self.follow(&id).await?;
        tell_import(import, &job)
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
            self.send(Method::PUT, &path, piece).await?;
            sent += length;
        }
        let path = format!("imports/{id}/run");
        self.session.post(&self.trust, &path, &json!({})).await?;
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
        let number = |key: &str| {
            job.pointer(&format!("/result/{key}"))
                .and_then(Value::as_u64)
                .unwrap_or(0)
        };
        let mut told = io::stdout().lock();
        if export.json {
            writeln!(told, "{}", serde_json::to_string_pretty(job)?)?;
        } else {
            writeln!(
                told,
                "{} samples of {} series, {} octets, in {}",
                number("samples"),
                number("series"),
                number("bytes"),
                export.out.display(),
            )?;
        }
        Ok(Exit::Done)
    }

    async fn export_to(&self, export: &ExportMetrics, out: &mut File) -> anyhow::Result<Value> {
        let mut body = json!({
            "match": export.matching, "from": export.from, "format": export.format.name(),
        });
        if let (Some(to), Some(body)) = (&export.to_time, body.as_object_mut()) {
            body.insert("to".to_owned(), json!(to));
        }
        let job = self.session.post(&self.trust, "exports", &body).await?;
        let id = id_of(&job)?;
        let job = self.follow(&id).await?;
        ended_well(&job)?;
        let path = format!("exports/{id}/content");
        let mut have = 0;
        loop {
            let range = have..have + PIECE_LEN as u64;
            let (octets, all) = self.session.octets(&self.trust, &path, range).await?;
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
        let path = with_query("samples", &query, &delete.to)?;
        let answer = self.send(Method::DELETE, &path, Vec::new()).await?;
        let told = if delete.dry_run {
            answer
        } else {
            let job = &self.follow(&id_of(&answer)?).await?;
            ended_well(job)?;
            job["result"].clone()
        };
        let told = &told;
        let mut out = io::stdout().lock();
        if delete.json {
            writeln!(out, "{}", serde_json::to_string_pretty(told)?)?;
            return Ok(Exit::Done);
        }
        let number = |key: &str| told[key].as_u64().unwrap_or(0);
        let verb = if delete.dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        writeln!(
            out,
            "{} samples of {} series of {} devices {verb}",
            number("samples"),
            number("series"),
            number("devices"),
        )?;
        Ok(Exit::Done)
    }

    async fn types(&self, types: &MetricTypes) -> anyhow::Result<Exit> {
        let mut all = Vec::new();
        let mut path = "metric-types?limit=1000".to_owned();
        loop {
            let page = &self.session.get(&self.trust, &path).await?;
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => path = format!("metric-types?limit=1000&cursor={next}"),
                None => break,
            }
        }
        let mut out = io::stdout().lock();
        if types.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
            return Ok(Exit::Done);
        }
        for row in &all {
            let word = |key: &str| row[key].as_str().unwrap_or_default();
            let own = if row["own"] == json!(true) { "own" } else { "" };
            writeln!(
                out,
                "{:<28} {:<8} {:<20} {:>8} {own:<4} {}",
                word("name"),
                word("kind"),
                word("unit"),
                row["series"].as_u64().unwrap_or(0),
                word("help"),
            )?;
        }
        Ok(Exit::Done)
    }

    async fn send(&self, method: Method, path: &str, octets: Vec<u8>) -> anyhow::Result<Value> {
        self.session.send(&self.trust, method, path, octets).await
    }

    /// The job when it is over.
    async fn follow(&self, id: &str) -> anyhow::Result<Value> {
        let bar = bar();
        loop {
            let path = format!("jobs/{id}");
            let job = self.session.get(&self.trust, &path).await?;
            let about = &job;
            bar.set_length(about["total"].as_u64().unwrap_or(0));
            bar.set_position(about["done"].as_u64().unwrap_or(0));
            bar.set_message(about["unit"].as_str().unwrap_or_default().to_owned());
            match about["state"].as_str() {
                Some("receiving" | "waiting" | "running") => {}
                Some(_) => {
                    bar.finish_and_clear();
                    return Ok(job);
                }
                None => bail!("the server's answer is not that of a job"),
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn tell_import(import: &ImportMetrics, job: &Value) -> anyhow::Result<Exit> {
    let told = &job["result"];
    let number = |key: &str| told[key].as_u64().unwrap_or(0);
    let mut out = io::stdout().lock();
    if import.json {
        writeln!(out, "{}", serde_json::to_string_pretty(job)?)?;
    } else {
        let faults = told["faults"].as_array().map_or(&[][..], Vec::as_slice);
        for fault in faults.iter().take(FAULTS_SHOWN) {
            let detail = fault["detail"].as_str().unwrap_or_default();
            let line = fault["line"].as_u64().unwrap_or(0);
            writeln!(out, "line {line:>7}  {detail}")?;
        }
        let verb = if import.dry_run {
            "would be added"
        } else {
            "added"
        };
        writeln!(
            out,
            "{} rows: {} {verb}, {} replaced, {} the same already, {} repeated, {} refused",
            number("rows"),
            if import.dry_run {
                number("rows").saturating_sub(number("refused"))
            } else {
                number("added")
            },
            number("replaced"),
            number("same"),
            number("repeated"),
            number("refused"),
        )?;
    }
    drop(out);
    ended_well(job)?;
    if told["cut_short"] == json!(true) {
        complain("the file does not end as its format has it: some of it may be missing");
        return Ok(Exit::Failed);
    }
    match number("refused") {
        0 => Ok(Exit::Done),
        count => {
            complain(&format!("{count} rows were refused"));
            Ok(Exit::Failed)
        }
    }
}

fn ended_well(job: &Value) -> anyhow::Result<()> {
    let state = job["state"].as_str().unwrap_or_default();
    if state == "done" {
        return Ok(());
    }
    let why = job["error"].as_str().unwrap_or(state);
    bail!("the server did not do it to its end: {why}")
}

fn id_of(job: &Value) -> anyhow::Result<String> {
    let id = job["id"].as_str().map(str::to_owned);
    id.context("the server's answer is not that of a job")
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

/// A path with a query, whose values are escaped.
fn with_query(path: &str, query: &[(&str, String)], to: &ToServer) -> anyhow::Result<String> {
    let base: Url = to
        .server
        .parse()
        .map_err(|_| UsageError(format!("`{}` is no server", to.server)))?;
    let mut url = base;
    url.query_pairs_mut()
        .clear()
        .extend_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
    Ok(format!("{path}?{}", url.query().unwrap_or_default()))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
