//! `foretell archive`: days that are over, as Parquet elsewhere.

use super::Asked;
use super::client::TO_SERVER;
use super::moment::moment;
use clap::{Args, Subcommand};
use model::Timestamp;
use std::path::PathBuf;

/// Look after the archive of days that are over.
#[derive(Debug, Subcommand)]
pub enum Archive {
    /// Tell where the archive lies, what it has, and what fails.
    #[command(
        after_help = "Example:\n  foretell archive status --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Status(Asked),
    /// List the archived days.
    #[command(
        after_help = "A day that is not here as a whole is read of the archive. One that is damaged says what is.\n\nExamples:\n  foretell archive list --password-env FORETELL_ADMIN_PASSWORD\n  foretell archive list --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[] | select(.damaged != null) | .day'"
    )]
    List(Asked),
    /// Archive days now: those that are due, or those of a range.
    #[command(
        after_help = "Examples:\n  foretell archive run --password-env FORETELL_ADMIN_PASSWORD\n  foretell archive run --from 2026-03-01 --to 2026-03-08 --password-env FORETELL_ADMIN_PASSWORD\n\nExit codes: 0 done, 1 some day could not be archived."
    )]
    Run(ArchiveDays),
    /// Bring archived days back into the data folder.
    #[command(
        after_help = "What is here already holds: what came late and what was corrected. What was deleted since stays so. Retention leaves the days alone for --keep-days.\n\nWith --data-dir the folder of a server that is stopped is worked on.\n\nExamples:\n  foretell archive restore --from 2026-03-01 --to 2026-03-08 --password-env FORETELL_ADMIN_PASSWORD\n  foretell archive restore --from 2026-03-01 --to 2026-03-02 --data-dir /var/lib/foretell --config /etc/foretell.toml\n\nExit codes: 0 they are here, 1 some day is damaged or they are not."
    )]
    Restore(RestoreArchived),
    /// Read archived days again and check all that proves them.
    #[command(
        after_help = "With --data-dir the archive of a server that is stopped is read.\n\nExamples:\n  foretell archive check --password-env FORETELL_ADMIN_PASSWORD\n  foretell archive check --data-dir /var/lib/foretell --config /etc/foretell.toml\n\nExit codes: 0 all is sound, 1 some day is damaged."
    )]
    Check(CheckArchived),
    /// Take the archive over from another installation, which writes into it no longer.
    #[command(
        after_help = "Example:\n  foretell archive adopt --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Adopt(Asked),
    /// Look over the archive, as where another installation wrote it.
    #[command(
        after_help = "Example:\n  foretell archive scan --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Scan(Asked),
}

/// Days that a running server archives.
#[derive(Debug, Args)]
pub struct ArchiveDays {
    /// First day, as 2026-03-01 (UTC) or a time
    #[arg(long, value_name = "DAY", value_parser = moment, requires = "until")]
    pub from: Option<Timestamp>,
    /// The day behind the last one
    #[arg(long = "to", id = "until", value_name = "DAY", value_parser = moment, requires = "from")]
    pub until: Option<Timestamp>,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Days that are brought back.
#[derive(Debug, Args)]
pub struct RestoreArchived {
    /// First day, as 2026-03-01 (UTC) or a time
    #[arg(long, value_name = "DAY", value_parser = moment)]
    pub from: Timestamp,
    /// The day behind the last one
    #[arg(long = "to", id = "until", value_name = "DAY", value_parser = moment)]
    pub until: Timestamp,
    /// Days from now that retention leaves them alone
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub keep_days: u32,
    /// The server that is stopped, where one is.
    #[command(flatten)]
    pub folder: StoppedFolder,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Days that are checked.
#[derive(Debug, Args)]
pub struct CheckArchived {
    /// First day, as 2026-03-01 (UTC) or a time; without it all are checked
    #[arg(long, value_name = "DAY", value_parser = moment, requires = "until")]
    pub from: Option<Timestamp>,
    /// The day behind the last one
    #[arg(long = "to", id = "until", value_name = "DAY", value_parser = moment, requires = "from")]
    pub until: Option<Timestamp>,
    /// The server that is stopped, where one is.
    #[command(flatten)]
    pub folder: StoppedFolder,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// The folder of a server that is stopped.
#[derive(Debug, Args)]
pub struct StoppedFolder {
    /// Folder of a server that is stopped; without it the running server is asked
    #[arg(long, value_name = "DIR", conflicts_with_all = TO_SERVER)]
    pub data_dir: Option<PathBuf>,
    /// File of the configuration, with --data-dir
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
}
