//! `foretell documents`: takes documents out of the data folder of a stopped server, and puts them in.

use super::answer::told;
use crate::cli::{self, DocumentsOf, ImportMode};
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{complain, logging, server};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::documents::{CollectionSpec, Documents};
use store::lines::{self, Exported, ImportError, ImportOptions, Imported, Mode};
use store::{DocumentsAlone, OpenError, StoreOptions, catalog};

/// Runs it.
pub fn run(command: &cli::Documents) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        cli::Documents::Export(command) => export(command),
        cli::Documents::Import(command) => import(command),
    }
}

fn export(command: &cli::ExportDocuments) -> anyhow::Result<Exit> {
    let collections = collections(&command.of)?;
    let collections = collections.unwrap_or_else(|| catalog::ALL.to_vec());
    let options = options(&command.of)?;
    must_be_there(&options)?;
    let folder = open(&options)?;
    let progress = bar("documents exported");
    let to_file = command.out.as_os_str() != "-";
    let exported = if to_file {
        let making = beside(&command.out);
        let cannot = || format!("{} cannot be written", making.display());
        match std::fs::remove_file(&making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(cannot);
            }
            // What an export left that did not end, or somebody else put there.
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            // It has hashes of passwords, and secrets though they are sealed.
            .mode(0o600)
            .open(&making)
            .with_context(cannot)?;
        let mut out = BufWriter::new(file);
        let exported = exported(&folder, &collections, &mut out, &progress)?;
        out.get_ref()
            .sync_all()
            .and_then(|()| std::fs::rename(&making, &command.out))
            .with_context(|| format!("{} cannot be written", command.out.display()))?;
        exported
    } else {
        let mut out = BufWriter::new(io::stdout().lock());
        exported(&folder, &collections, &mut out, &progress)?
    };
    progress.finish_and_clear();
    close(&folder)?;
    let told = if command.json {
        serde_json::to_string_pretty(&exported)?
    } else {
        let Exported {
            documents,
            left_out,
        } = exported;
        let others = match left_out {
            0 => String::new(),
            n => format!("; {n} are no JSON and were left out"),
        };
        format!("{documents} documents exported{others}")
    };
    match (to_file, command.json) {
        (true, _) => writeln!(io::stdout().lock(), "{told}")?,
        (false, true) => writeln!(io::stderr().lock(), "{told}")?,
        (false, false) => complain(&told),
    }
    Ok(Exit::Done)
}

fn exported(
    folder: &DocumentsAlone,
    collections: &[&'static CollectionSpec],
    out: &mut dyn Write,
    progress: &ProgressBar,
) -> anyhow::Result<Exported> {
    let mut tell = |documents| progress.set_position(documents);
    let export = lines::export(&folder.documents, collections, out, &mut tell);
    match wait(export)? {
        // Whoever read our output has read enough, as `head` does.
        Err(lines::ExportError::Write(error)) => Err(error.into()),
        other => Ok(other?),
    }
}

fn import(command: &cli::ImportDocuments) -> anyhow::Result<Exit> {
    let how = ImportOptions {
        collections: collections(&command.of)?,
        mode: match command.mode {
            ImportMode::Merge => Mode::Merge,
            ImportMode::Replace => Mode::Replace,
        },
        dry_run: command.dry_run,
    };
    let mut input: Box<dyn BufRead> = if command.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(&command.file);
        let file = opened.with_context(|| format!("{} cannot be read", command.file.display()))?;
        Box::new(BufReader::new(file))
    };
    let options = options(&command.of)?;
    if command.dry_run {
        must_be_there(&options)?;
    }
    let folder = open(&options)?;
    let progress = bar("lines read");
    let mut tell = |lines| progress.set_position(lines);
    let import = lines::import(&folder.documents, &mut *input, &how, &mut tell);
    let imported = match wait(import)? {
        Err(error @ (ImportError::NotAnExport | ImportError::Newer { .. })) => {
            let text = format!("{}: {error}", command.file.display());
            return Err(UsageError(text).into());
        }
        other => other?,
    };
    progress.finish_and_clear();
    close(&folder)?;
    tell_import(command, &imported)
}

fn tell_import(command: &cli::ImportDocuments, imported: &Imported) -> anyhow::Result<Exit> {
    let mut out = told();
    if command.json {
        writeln!(out, "{}", serde_json::to_string_pretty(imported)?)?;
    } else {
        for refusal in &imported.refusals {
            let collection = refusal.collection.as_deref().unwrap_or("-");
            let id = refusal.id.as_deref().unwrap_or("-");
            let plain = |text: &str| text.replace(['\r', '\n'], " ");
            writeln!(
                out,
                "line {:>6}  {:<20}  {:<36}  {}",
                refusal.line,
                plain(collection),
                plain(id),
                plain(&refusal.reason),
            )?;
        }
        let Imported {
            created,
            changed,
            unchanged,
            deleted,
            refused,
            ..
        } = imported;
        let would = if imported.dry_run {
            "it would be: "
        } else {
            ""
        };
        writeln!(
            out,
            "{would}{created} created, {changed} changed, {unchanged} as they were, \
             {deleted} deleted, {refused} refused"
        )?;
    }
    drop(out);
    if imported.cut_short {
        complain("the file is cut short: some documents are missing at its end");
    }
    if imported.mode == Mode::Replace && (imported.cut_short || imported.refused > 0) {
        complain(
            "not all of the file was taken: what it has not was not deleted, but where it held what a line must have alone",
        );
    }
    let whole = !imported.cut_short && imported.refused == 0;
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

/// The collections that are named; none where none is.
fn collections(of: &DocumentsOf) -> anyhow::Result<Option<Vec<&'static CollectionSpec>>> {
    let mut all = Vec::new();
    for name in &of.collections {
        let spec = catalog::named(name).ok_or_else(|| {
            let names: Vec<&str> = catalog::ALL.iter().map(|spec| spec.name).collect();
            let names = names.join(", ");
            UsageError(format!(
                "there is no collection `{name}`; there are {names}"
            ))
        })?;
        all.push(spec);
    }
    Ok((!all.is_empty()).then_some(all))
}

fn options(of: &DocumentsOf) -> anyhow::Result<StoreOptions> {
    let flags = load::Flags {
        data_dir: of.data_dir.clone(),
        ..load::Flags::default()
    };
    let settings = load::load(of.config.as_deref(), &load::environment(), &flags)?.settings;
    Ok(server::options::store(&settings))
}

/// Where nothing is to be written no folder is made.
fn must_be_there(options: &StoreOptions) -> anyhow::Result<()> {
    anyhow::ensure!(
        options.dir.is_dir(),
        UsageError(format!("there is no data folder {}", options.dir.display()))
    );
    Ok(())
}

fn open(options: &StoreOptions) -> anyhow::Result<DocumentsAlone> {
    let opened = DocumentsAlone::open(options);
    let in_use = matches!(opened, Err(OpenError::InUse { .. }));
    let opened = opened.with_context(|| {
        if in_use {
            "documents go out and in while the server is stopped; stop it first"
        } else {
            "the documents cannot be opened"
        }
    })?;
    for migrated in &opened.documents.upgrade().collections {
        complain(&format!(
            "{}: {} documents were brought from version {} to {}, {} set aside",
            migrated.collection, migrated.documents, migrated.from, migrated.to, migrated.set_aside
        ));
    }
    Ok(opened)
}

fn close(folder: &DocumentsAlone) -> anyhow::Result<()> {
    wait(folder.documents.close())?.context("the documents were not closed in order")
}

fn wait<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(work))
}

/// The name that a file has while it is made.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Shown where a person looks on, on standard error.
fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{human_pos} {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::no_length()
        .with_style(style)
        .with_message(what)
}
