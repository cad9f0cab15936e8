//! `foretell backup`: takes a backup, of a running server by asking it, else of the folder itself; and
//! shows what backups there are.

use super::answer::told;
use super::client::{Client, with_server};
use crate::cli::{self, BackupCommand, BackupsThere, RepositoryOf};
use crate::config::{BackupSettings, Settings, load};
use crate::exit::{Exit, UsageError};
use crate::{backups, clock, complain, logging, server};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use model::BackupId;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use store::OpenError;
use store::backup::{
    Access, BackupError, Progress, Repository, Summary, TakeOptions, is_in_use, take_stopped,
};

/// How often a bar is moved, and the server asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Runs it.
pub fn run(command: &cli::Backup) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match &command.command {
        None => take(command),
        Some(BackupCommand::List(there)) => list(there),
        Some(BackupCommand::Check(there)) => check(there),
    }
}

fn take(command: &cli::Backup) -> anyhow::Result<Exit> {
    let settings = settings(&command.repository, command.data_dir.clone())?;
    let options = server::options::store(&settings);
    anyhow::ensure!(
        options.dir.is_dir(),
        UsageError(format!("there is no data folder {}", options.dir.display()))
    );
    let how = TakeOptions {
        id: BackupId::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        key_file: options.key_file.clone(),
    };
    // Before the folder of the backups is touched: a server's may be elsewhere.
    let is_in_use = is_in_use(&options.dir)?;
    if is_in_use {
        refuse_places(command)?;
    } else if command.to.server.is_some() {
        let text =
            "no server works on this data folder: leave out --server to back it up without one";
        return Err(UsageError(text.to_owned()).into());
    }
    prepare(command, &settings.backup)?;
    if is_in_use {
        return ask_server(command);
    }
    let mut repository = open(&settings.backup, Access::Write)?;
    let taken =
        watched(|progress| take_stopped(&options, &clock::real(), &mut repository, &how, progress));
    let summary = match taken {
        // It was started this moment.
        Err(BackupError::Open(error)) if matches!(*error, OpenError::InUse { .. }) => {
            drop(repository);
            return ask_server(command);
        }
        taken => taken.context("the backup was not taken")?,
    };
    let mut whole = true;
    if command.repository.folder.is_none() {
        // The folder of the settings is kept as the server keeps it.
        let rotated = repository.rotate(&backups::keep(&settings.backup), &Progress::default());
        if let Err(error) = rotated {
            complain(&format!("older backups stay: {}", crate::chain(&error)));
            whole = false;
        }
    }
    let mut out = told();
    if command.json {
        // As the server tells it.
        let told = backups::of_summary(&summary);
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
    } else {
        line(&mut out, &summary)?;
    }
    drop(out);
    for left in &summary.left_out {
        complain(&format!("left out: {}: {}", left.path, left.why));
        whole &= left.path == "secret.key";
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

/// Begins the backups, or has them taken over, where that is wished.
fn prepare(command: &cli::Backup, settings: &BackupSettings) -> anyhow::Result<()> {
    if command.init {
        let folder = named(settings)?;
        Repository::init(folder, backups::key(settings)?.as_ref())?;
    }
    if command.adopt {
        open(settings, Access::Write)?.adopt()?;
    }
    Ok(())
}

/// Refuses to say where the backups of a server go.
fn refuse_places(command: &cli::Backup) -> anyhow::Result<()> {
    if command.repository.folder.is_some() || command.repository.key_file.is_some() {
        let text = "a server runs on this data folder, and its backups go where its own settings say: leave out --folder and --key-file";
        return Err(UsageError(text.to_owned()).into());
    }
    Ok(())
}

/// Has the server that has the folder take one, and waits for it.
fn ask_server(command: &cli::Backup) -> anyhow::Result<Exit> {
    refuse_places(command)?;
    if !command.to.names_password() {
        let text = "a server runs on this data folder, and is asked to take the backup; name the password: --password-env VAR or --password-file FILE";
        return Err(UsageError(text.to_owned()).into());
    }
    let backup = with_server(&command.to, async |server| {
        let begun = server.post("backups", &json!({})).await?;
        followed(server, begun).await
    })?;
    let text = |key: &str| backup.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| backup.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut out = told();
    if command.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&backup)?)?;
    } else if text("phase") == "done" {
        writeln!(
            out,
            "{}  {}  {} octets, {} written",
            text("id"),
            text("started_at"),
            number("bytes_done"),
            number("bytes_written")
        )?;
    }
    drop(out);
    if text("phase") == "done" {
        let left_out = backup.get("left_out").and_then(Value::as_array);
        let mut whole = true;
        for left in left_out.into_iter().flatten().filter_map(Value::as_str) {
            complain(&format!("left out: {left}"));
            whole &= left.starts_with("secret.key");
        }
        return Ok(if whole { Exit::Done } else { Exit::Failed });
    }
    complain(text("error"));
    Ok(Exit::Failed)
}

/// Asks until the backup has ended.
async fn followed(server: &Client, begun: Value) -> anyhow::Result<Value> {
    let id = begun.get("id").and_then(Value::as_str);
    let id = id.context("the server's answer is not that of a backup")?;
    let path = format!("backups/{id}");
    let bar = bar();
    loop {
        let backup = server.get(&path).await?;
        if backup.get("phase").and_then(Value::as_str) != Some("running") {
            bar.finish_and_clear();
            return Ok(backup);
        }
        let number = |key: &str| backup.get(key).and_then(Value::as_u64).unwrap_or(0);
        bar.set_length(number("bytes_total"));
        bar.set_position(number("bytes_done"));
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn list(there: &BackupsThere) -> anyhow::Result<Exit> {
    let settings = settings(&there.repository, None)?;
    let (all, damage) = open(&settings.backup, Access::List)?.list()?;
    let mut out = told();
    if there.json {
        let told = json!({"backups": all, "damage": damage});
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
    } else {
        for summary in &all {
            line(&mut out, summary)?;
        }
    }
    drop(out);
    for what in &damage {
        complain(&format!("damaged: {what}"));
    }
    Ok(if damage.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn check(there: &BackupsThere) -> anyhow::Result<Exit> {
    let settings = settings(&there.repository, None)?;
    let repository = open(&settings.backup, Access::Read)?;
    let checked = watched(|progress| repository.check(progress))?;
    let mut out = told();
    if there.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&checked)?)?;
    } else {
        for what in &checked.damage {
            writeln!(out, "damaged  {what}")?;
        }
        writeln!(
            out,
            "{} backups, {} chunks, {} octets read; {} damaged or missing",
            checked.snapshots, checked.chunks, checked.bytes, checked.damaged
        )?;
    }
    drop(out);
    if checked.damaged > 0 {
        complain(
            "remove the files of damaged chunks: the next backup writes again what is still there of them",
        );
    }
    Ok(if checked.damaged == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn line(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let encrypted = if summary.encrypted { ", encrypted" } else { "" };
    writeln!(
        out,
        "{}  {}  {} octets, {} written{encrypted}",
        summary.id, summary.started_at, summary.bytes, summary.bytes_written
    )
}

/// The settings, with what the command line says of backups.
pub(super) fn settings(of: &RepositoryOf, data_dir: Option<PathBuf>) -> anyhow::Result<Settings> {
    let flags = load::Flags {
        data_dir,
        ..load::Flags::default()
    };
    let mut settings = load::load(of.config.as_deref(), &load::environment(), &flags)?.settings;
    if let Some(folder) = &of.folder {
        settings.backup.folder.clone_from(folder);
    }
    if let Some(key_file) = &of.key_file {
        settings.backup.key_file.clone_from(key_file);
    }
    Ok(settings)
}

/// The folder that the settings name.
fn named(settings: &BackupSettings) -> anyhow::Result<&Path> {
    if settings.folder.as_os_str().is_empty() {
        let text =
            "name the folder of the backups: --folder DIR, or `backup.folder` of the configuration";
        return Err(UsageError(text.to_owned()).into());
    }
    Ok(&settings.folder)
}

/// The backups that the settings name.
pub(super) fn open(settings: &BackupSettings, access: Access) -> anyhow::Result<Repository> {
    let folder = named(settings)?;
    let key = backups::key(settings)?;
    Ok(Repository::open(folder, key.as_ref(), access)?)
}

/// Does long work while a bar shows how far it is.
pub(super) fn watched<T>(work: impl FnOnce(&Progress) -> T) -> T {
    let (progress, bar) = (Progress::default(), bar());
    let (done, ended) = std::sync::mpsc::sync_channel::<()>(0);
    let result = thread::scope(|scope| {
        let (progress, bar) = (&progress, &bar);
        scope.spawn(move || {
            while ended.recv_timeout(LOOK_INTERVAL)
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let (done, total) = progress.read();
                bar.set_length(total);
                bar.set_position(done);
            }
        });
        let result = work(progress);
        drop(done);
        result
    });
    bar.finish_and_clear();
    result
}

/// Shown where a person looks on, on standard error.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
