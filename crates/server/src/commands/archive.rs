//! `foretell archive`: asks the running server about its archive, or works on the folder of one that is
//! stopped.

use super::answer::{is_true, number, print};
use super::backup::watched;
use super::client::{List, with_server};
use super::job;
use crate::cli;
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{archive, clock, complain, logging, server};
use anyhow::Context as _;
use api::archive::{checked, restored};
use model::Timestamp;
use model::job::{JobKind, JobState};
use serde_json::{Value, json};
use std::time::Duration;
use store::Store;
use store::archive::{Archive, ArchiveError};
use store::progress::Progress;

/// A day.
const DAY_MS: i64 = 86_400_000;

/// Runs it.
pub fn run(command: &cli::Archive) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        cli::Archive::Status(asked) => status(asked),
        cli::Archive::List(asked) => list(asked),
        cli::Archive::Run(run) => {
            let body = range(run.from, run.until);
            done(&run.asked, "archive/runs", &body)
        }
        cli::Archive::Restore(asked) => restore(asked),
        cli::Archive::Check(asked) => check(asked),
        cli::Archive::Adopt(asked) => {
            let adopted = with_server(&asked.to, async |server| {
                server.post("archive/adopt", &json!({})).await
            })?;
            print(&adopted, asked.json, "the archive is this installation's")?;
            Ok(Exit::Done)
        }
        cli::Archive::Scan(asked) => {
            let scanned = with_server(&asked.to, async |server| {
                server.post("archive/scan", &json!({})).await
            })?;
            let days = number(&scanned, "days");
            print(&scanned, asked.json, &format!("{days} days are archived"))?;
            Ok(Exit::Done)
        }
    }
}

fn status(asked: &cli::Asked) -> anyhow::Result<Exit> {
    let status = with_server(&asked.to, async |server| server.get("archive").await)?;
    let text = |key: &str| status.get(key).and_then(Value::as_str);
    let words = format!(
        "{}\n{} days from {} to {}, {} octets; {} wait, {} are damaged",
        text("place").unwrap_or_default(),
        number(&status, "days"),
        text("oldest").unwrap_or("-"),
        text("newest").unwrap_or("-"),
        number(&status, "bytes"),
        number(&status, "waiting"),
        number(&status, "damaged"),
    );
    print(&status, asked.json, &words)?;
    let failing = [text("failing"), text("of_another")];
    for what in failing.into_iter().flatten() {
        complain(what);
    }
    let is_well = failing.iter().all(Option::is_none);
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}

fn list(asked: &cli::Asked) -> anyhow::Result<Exit> {
    with_server(&asked.to, async |server| {
        let days = List::all("archive/days").with("sort", Some("day"));
        server.print(&days, asked.json, day).await
    })?;
    Ok(Exit::Done)
}

/// A day in words.
fn day(day: &Value) -> String {
    let text = |key: &str| day.get(key).and_then(Value::as_str);
    let mut line = format!(
        "{}  {} samples of {} series, {} octets",
        text("day").unwrap_or_default(),
        number(day, "samples"),
        number(day, "series"),
        number(day, "bytes"),
    );
    if is_true(day, "is_here") {
        line.push_str(", here too");
    }
    if let Some(until) = text("restored_until") {
        line.push_str(", restored until ");
        line.push_str(until);
    }
    if let Some(what) = text("damaged") {
        line.push_str("; damaged: ");
        line.push_str(what);
    }
    line
}

fn restore(asked: &cli::RestoreArchived) -> anyhow::Result<Exit> {
    if asked.folder.data_dir.is_some() {
        let keep = Duration::from_hours(24 * u64::from(asked.keep_days));
        let keep_until = clock::real().now().plus(keep);
        let (from, until) = whole_days(asked.from, asked.until)?;
        let done = on_folder(&asked.folder, |archive, progress| {
            archive.restore(from, until, keep_until, "the command line", progress)
        })?;
        let job = as_job(JobKind::Restore, &restored(&done), done.damaged.len());
        return job::told(&job, asked.asked.json);
    }
    let body = json!({"from": asked.from, "to": asked.until, "keep_days": asked.keep_days});
    done(&asked.asked, "archive/restores", &body)
}

fn check(asked: &cli::CheckArchived) -> anyhow::Result<Exit> {
    if asked.folder.data_dir.is_some() {
        let days = asked.from.zip(asked.until);
        let days = days.map(|(from, until)| whole_days(from, until));
        let days = days.transpose()?;
        let done = on_folder(&asked.folder, |archive, progress| {
            archive.check(days, progress)
        })?;
        let job = as_job(JobKind::ArchiveCheck, &checked(&done), done.damaged.len());
        return job::told(&job, asked.asked.json);
    }
    let body = range(asked.from, asked.until);
    done(&asked.asked, "archive/checks", &body)
}

/// Has the server do long work, and tells what came of it.
fn done(asked: &cli::Asked, path: &str, body: &Value) -> anyhow::Result<Exit> {
    let job = with_server(&asked.to, async |server| server.done(path, body).await)?;
    job::told(&job, asked.json)
}

/// What was done of a folder, as a server tells the job that does it.
fn as_job(kind: JobKind, result: &Value, damaged: usize) -> Value {
    let (state, error) = match damaged {
        0 => (JobState::Done, None),
        damaged => (
            JobState::Failed,
            Some(format!("{damaged} days are damaged")),
        ),
    };
    json!({"kind": kind, "state": state, "error": error, "result": result})
}

/// The UTC days that a range meets, as the server takes it.
fn whole_days(from: Timestamp, until: Timestamp) -> anyhow::Result<(Timestamp, Timestamp)> {
    anyhow::ensure!(
        from < until,
        UsageError(format!("--from must be before --to, which is {until}"))
    );
    let day = |ms: i64| ms.div_euclid(DAY_MS);
    let (first, end) = (
        day(from.unix_ms()),
        day(until.unix_ms().saturating_sub(1)).saturating_add(1),
    );
    let at = |day: i64| Timestamp::from_unix_ms(day.saturating_mul(DAY_MS));
    Ok((at(first), at(end)))
}

fn range(from: Option<Timestamp>, until: Option<Timestamp>) -> Value {
    match from.zip(until) {
        Some((from, until)) => json!({"from": from, "to": until}),
        None => json!({}),
    }
}

/// Works on the archive of a folder whose server is stopped.
fn on_folder<T>(
    folder: &cli::StoppedFolder,
    work: impl FnOnce(&Archive, &Progress) -> Result<T, ArchiveError>,
) -> anyhow::Result<T> {
    let flags = load::Flags {
        data_dir: folder.data_dir.clone(),
        ..load::Flags::default()
    };
    let settings = load::load(folder.config.as_deref(), &load::environment(), &flags)?.settings;
    let dir = &settings.data_dir;
    anyhow::ensure!(
        dir.is_dir(),
        UsageError(format!("there is no data folder {}", dir.display()))
    );
    let mut options = server::options::store(&settings);
    options.archive = archive::options(&settings.archive, dir)?;
    anyhow::ensure!(
        options.archive.is_some(),
        UsageError(
            "the settings name no archive: set `archive.folder` or `archive.s3_bucket`".to_owned()
        )
    );
    // Of more than one thread, as it carries what is asked of the archive while this one waits.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let (store, _) = runtime.block_on(Store::open(options, clock::real()))?;
    let archive = store.archive.clone().context("the store has no archive")?;
    let done = watched(|progress| work(&archive, progress));
    drop(archive);
    runtime.block_on(store.close())?;
    Ok(done?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_whole_days() {
        let hour = |n: i64| Timestamp::from_unix_ms(n * 3_600_000);
        let days = |from, until| whole_days(hour(from), hour(until)).ok();
        assert_eq!(days(3, 5), Some((hour(0), hour(24))));
        assert_eq!(days(24, 48), Some((hour(24), hour(48))));
        assert_eq!(days(-1, 25), Some((hour(-24), hour(48))));
        assert_eq!(days(5, 5), None);
    }
}
