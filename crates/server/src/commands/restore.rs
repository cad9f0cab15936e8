//! `foretell restore`: makes a data folder of a backup, and proves it.

use super::answer::told;
use super::backup;
use crate::cli;
use crate::exit::{Exit, UsageError};
use crate::{clock, complain, logging};
use std::io::{self, Write};
use store::backup::{Access, BackupError, RestoreOptions, Restored, restore};

/// Runs it.
pub fn run(command: &cli::Restore) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    let id = command.backup.as_deref().map(str::parse).transpose();
    let id = id.map_err(|error: model::ids::IdError| UsageError(error.to_string()))?;
    let how = RestoreOptions {
        id,
        accept_damage: command.accept_damage,
    };
    let settings = backup::settings(&command.repository, None)?;
    let repository = backup::open(&settings.backup, Access::Read)?;
    let restored = backup::watched(|progress| {
        restore(&repository, &command.into, &how, &clock::real(), progress)
    });
    let restored = match restored {
        Err(BackupError::Torn { damage }) => {
            for what in &damage {
                complain(&format!("damaged: {what}"));
            }
            anyhow::bail!(
                "the backup is damaged, and {} is not whole: empty it, and restore another backup, or \
                 this one with --accept-damage",
                command.into.display()
            );
        }
        restored => restored?,
    };
    let mut out = told();
    if command.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&restored)?)?;
    } else {
        tell(&mut out, command, &restored)?;
    }
    drop(out);
    for what in &restored.unreadable {
        complain(&format!(
            "cannot be read, and may be a later backup: {what}"
        ));
    }
    for left in &restored.backup.left_out {
        complain(&format!("not in the backup: {}: {}", left.path, left.why));
    }
    Ok(if restored.is_whole() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn tell(out: &mut impl Write, command: &cli::Restore, restored: &Restored) -> io::Result<()> {
    for what in &restored.damage {
        writeln!(out, "damaged  {what}")?;
    }
    for what in &restored.differs {
        writeln!(out, "differs  {what}")?;
    }
    let (backup, counts) = (&restored.backup, &restored.counts);
    writeln!(
        out,
        "backup {} of {} is in {}: {} files, {} octets, {} documents, {} series, {} samples in \
         packs, {} polls in the log, {} changes of status, {} events",
        backup.id,
        backup.started_at,
        command.into.display(),
        restored.files,
        restored.bytes,
        counts.documents,
        counts.series,
        counts.pack_samples,
        counts.log_frames,
        counts.changes,
        counts.events,
    )
}
