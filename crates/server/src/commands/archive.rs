//! `foretell archive`: asks the running server about its archive, or works on the folder of one that is
//! stopped.

use super::backup::watched;
use super::session::{Session, sign_in};
use crate::cli::{self, ToServer};
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{archive, clock, complain, logging, secrets, server};
use anyhow::Context as _;
use collect::http::Trust;
use indicatif::{ProgressBar, ProgressStyle};
use model::Timestamp;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::time::Duration;
use store::Store;
use store::archive::{Archive, ArchiveError};
use store::progress::Progress;

/// How often the server is asked how far a job is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A day.
const DAY_MS: i64 = 86_400_000;

/// Rows of a page that are asked for.
const PAGE: usize = 1_000;

/// Runs it.
pub fn run(command: &cli::Archive) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        cli::Archive::Status(asked) => status(asked),
        cli::Archive::List(asked) => list(asked),
        cli::Archive::Run(asked) => {
            let body = range(asked.from, asked.until);
            let job = with_server(&asked.to, async |session, trust| {
                followed(session, trust, "archive/runs", &body).await
            })?;
            told(&job, asked.json)
        }
        cli::Archive::Restore(asked) => restore(asked),
        cli::Archive::Check(asked) => check(asked),
        cli::Archive::Adopt(asked) => {
            let adopted = with_server(&asked.to, async |session, trust| {
                session.post(trust, "archive/adopt", &json!({})).await
            })?;
            let words = "the archive is this installation's";
            print(&adopted, asked.json, words)
        }
        cli::Archive::Scan(asked) => {
            let scanned = with_server(&asked.to, async |session, trust| {
                session.post(trust, "archive/scan", &json!({})).await
            })?;
            let days = number(&scanned, "days");
            print(&scanned, asked.json, &format!("{days} days are archived"))
        }
    }
}

fn status(asked: &cli::AskedArchive) -> anyhow::Result<Exit> {
    let status = with_server(&asked.to, async |session, trust| {
        session.get(trust, "archive").await
    })?;
    let text = |key: &str| status.get(key).and_then(Value::as_str);
    let failing = text("failing");
    if asked.json {
        print(&status, true, "")?;
    } else {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text("place").unwrap_or_default())?;
        writeln!(
            out,
            "{} days from {} to {}, {} octets; {} wait, {} are damaged",
            number(&status, "days"),
            text("oldest").unwrap_or("-"),
            text("newest").unwrap_or("-"),
            number(&status, "bytes"),
            number(&status, "waiting"),
            number(&status, "damaged"),
        )?;
    }
    for what in [failing, text("of_another")].into_iter().flatten() {
        complain(what);
    }
    let is_well = failing.is_none() && text("of_another").is_none();
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}

fn list(asked: &cli::AskedArchive) -> anyhow::Result<Exit> {
    let days = with_server(&asked.to, async |session, trust| {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("archive/days?sort=day&limit={PAGE}{cursor}");
            let page = session.get(trust, &path).await?;
            let items = page.get("items").and_then(Value::as_array);
            all.extend(items.into_iter().flatten().cloned());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    })?;
    let mut out = io::stdout().lock();
    if asked.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&days)?)?;
        return Ok(Exit::Done);
    }
    for day in &days {
        let text = |key: &str| day.get(key).and_then(Value::as_str);
        let is_here = day.get("is_here").and_then(Value::as_bool) == Some(true);
        write!(
            out,
            "{}  {} samples of {} series, {} octets{}",
            text("day").unwrap_or_default(),
            number(day, "samples"),
            number(day, "series"),
            number(day, "bytes"),
            if is_here { ", here too" } else { "" }
        )?;
        if let Some(until) = text("restored_until") {
            write!(out, ", restored until {until}")?;
        }
        if let Some(what) = text("damaged") {
            write!(out, "; damaged: {what}")?;
        }
        writeln!(out)?;
    }
    Ok(Exit::Done)
}

fn restore(asked: &cli::RestoreArchived) -> anyhow::Result<Exit> {
    if asked.folder.data_dir.is_some() {
        let keep = Duration::from_hours(24 * u64::from(asked.keep_days));
        let keep_until = clock::real().now().plus(keep);
        let (from, until) = whole_days(asked.from, asked.until)?;
        let restored = on_folder(&asked.folder, |archive, progress| {
            archive.restore(from, until, keep_until, "the command line", progress)
        })?;
        let result = json!({
            "days": restored.days,
            "devices": restored.devices,
            "series": restored.series,
            "samples": restored.samples,
            "refused": restored.refused.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "damaged": of_damaged(&restored.damaged),
        });
        print(&result, asked.json, &words(&result))?;
        return Ok(done_where(restored.damaged.is_empty()));
    }
    let body = json!({"from": asked.from, "to": asked.until, "keep_days": asked.keep_days});
    let job = with_server(&asked.to, async |session, trust| {
        followed(session, trust, "archive/restores", &body).await
    })?;
    told(&job, asked.json)
}

fn check(asked: &cli::CheckArchived) -> anyhow::Result<Exit> {
    if asked.folder.data_dir.is_some() {
        let days = asked.from.zip(asked.until);
        let days = days.map(|(from, until)| whole_days(from, until));
        let days = days.transpose()?;
        let checked = on_folder(&asked.folder, |archive, progress| {
            archive.check(days, progress)
        })?;
        let damaged = of_damaged(&checked.damaged);
        let result = json!({"days": checked.days, "bytes": checked.bytes, "damaged": damaged});
        print(&result, asked.json, &words(&result))?;
        return Ok(done_where(checked.damaged.is_empty()));
    }
    let body = range(asked.from, asked.until);
    let job = with_server(&asked.to, async |session, trust| {
        followed(session, trust, "archive/checks", &body).await
    })?;
    told(&job, asked.json)
}

fn of_damaged(damaged: &[(Timestamp, String)]) -> Value {
    let damaged = damaged.iter();
    damaged
        .map(|(day, what)| json!({"day": day, "what": what}))
        .collect()
}

fn done_where(is_sound: bool) -> Exit {
    if is_sound { Exit::Done } else { Exit::Failed }
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

/// Asks a server that runs.
fn with_server<T>(
    to: &ToServer,
    ask: impl AsyncFnOnce(&Session, &Trust) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let password = secrets::from(to.password_env.as_deref(), to.password_file.as_deref())?;
    let password = password.ok_or_else(|| {
        let text = "name the password: --password-env VAR or --password-file FILE";
        UsageError(text.to_owned())
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let trust = Trust::of_this_machine();
    runtime.block_on(async {
        let session = sign_in(&trust, to, &password).await?;
        ask(&session, &trust).await
    })
}

/// Begins a job, and asks until it is over.
async fn followed(
    session: &Session,
    trust: &Trust,
    path: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let begun = session.post(trust, path, body).await?;
    let id = begun.get("id").and_then(Value::as_str);
    let id = id.context("the server's answer is not that of a job")?;
    let path = format!("jobs/{id}");
    let style = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    loop {
        let job = session.get(trust, &path).await?;
        let state = job.get("state").and_then(Value::as_str).unwrap_or_default();
        if !["receiving", "waiting", "running"].contains(&state) {
            bar.finish_and_clear();
            return Ok(job);
        }
        bar.set_length(number(&job, "total"));
        bar.set_position(number(&job, "done"));
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Shows what came of a job.
fn told(job: &Value, as_json: bool) -> anyhow::Result<Exit> {
    let result = job.get("result").cloned().unwrap_or(Value::Null);
    if as_json {
        print(job, true, "")?;
    } else if !result.is_null() {
        print(&result, false, &words(&result))?;
    }
    if job.get("state").and_then(Value::as_str) == Some("done") {
        return Ok(Exit::Done);
    }
    let error = job.get("error").and_then(Value::as_str);
    complain(error.unwrap_or("it was not done"));
    Ok(Exit::Failed)
}

/// What came of it, in words.
fn words(result: &Value) -> String {
    let mut all = vec![format!("{} days", number(result, "days"))];
    for (key, unit) in [
        ("samples", "samples"),
        ("series", "series"),
        ("bytes", "octets"),
    ] {
        if result.get(key).is_some() {
            all.push(format!("{} {unit}", number(result, key)));
        }
    }
    let refused = result.get("refused").and_then(Value::as_object);
    for (why, count) in refused.into_iter().flatten() {
        all.push(format!("{count} series refused: {why}"));
    }
    let damaged = result.get("damaged").and_then(Value::as_array);
    for of in damaged.into_iter().flatten() {
        let text = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default();
        all.push(format!("{} is damaged: {}", text("day"), text("what")));
    }
    all.join(", ")
}

fn print(value: &Value, as_json: bool, words: &str) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{}", serde_json::to_string_pretty(value)?)?;
    } else {
        writeln!(out, "{words}")?;
    }
    Ok(Exit::Done)
}

fn number(of: &Value, key: &str) -> u64 {
    of.get(key).and_then(Value::as_u64).unwrap_or(0)
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
