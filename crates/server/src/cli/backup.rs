//! `foretell backup` and `foretell restore`: copies of all that is kept, and back.

use super::ToServer;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Take a backup.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Where a server runs on the data folder it is asked to take the backup, over its API, into the folder of its own settings; that takes a password (--password-env). Where none runs, the folder is backed up as it is.\n\nWhat was acknowledged before the backup began is in it. A second one writes only what changed.\n\nThe folder of the backups is not made, as the disk that it is on may be missing: make it, or --init. It is of one data folder: backups of another one are refused, unless --adopt says that they are taken over.\n\nThe key that backups are encrypted under is in the file `backup.key_file`, or in the environment variable FORETELL_BACKUP_KEY: 64 hexadecimal digits, as by `openssl rand -hex 32`. Without a key the backup has no key of the secrets either: keep secret.key elsewhere.\n\nExamples:\n  foretell backup --data-dir /var/lib/foretell --folder /mnt/backups/foretell --init\n  foretell backup --config /etc/foretell.toml --password-env FORETELL_ADMIN_PASSWORD\n  foretell backup list --folder /mnt/backups\n  foretell backup check --folder /mnt/backups\n\nExit codes: 0 it was taken, 1 it was not, or something is missing in it, 2 the command line or the configuration is wrong."
)]
pub struct Backup {
    /// What to do with backups that are there
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    /// Where they are.
    #[command(flatten)]
    pub repository: RepositoryOf,
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Make the folder of the backups where it is not there, and begin in it
    #[arg(long)]
    pub init: bool,
    /// Take over backups that are of another data folder
    #[arg(long)]
    pub adopt: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The server to ask, where one runs.
    #[command(flatten)]
    pub to: ToServer,
}

/// What to do with backups that are there.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// List the backups.
    #[command(
        after_help = "Exit codes: 0 all could be read, 1 some could not, 2 the command line or the configuration is wrong."
    )]
    List(BackupsThere),
    /// Read every file of the backups, and name what is damaged or missing.
    #[command(
        after_help = "A chunk that is damaged: remove its file, and the next backup writes it again where what it holds is still there.\n\nExit codes: 0 all is sound, 1 something is damaged or missing, 2 the command line or the configuration is wrong."
    )]
    Check(BackupsThere),
}

/// Backups that are there.
#[derive(Debug, Args)]
pub struct BackupsThere {
    /// Where they are.
    #[command(flatten)]
    pub repository: RepositoryOf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where backups are, and their key.
#[derive(Debug, Args)]
pub struct RepositoryOf {
    /// Folder of the backups [default: `backup.folder` of the configuration]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// File with the key of the backups [default: `backup.key_file` of the configuration]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File of the configuration
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Make a data folder of a backup.
#[derive(Debug, Args)]
#[command(
    after_help = "Each chunk is checked; then all that was restored is read through, opened and counted, and compared with what the backup says. Until that is done no server starts on the folder.\n\nA backup that is not encrypted has no key of the secrets: put secret.key into the folder before a server starts on it.\n\nExamples:\n  foretell restore --folder /mnt/backups --into /var/lib/foretell\n  foretell restore --folder /mnt/backups --backup 01a2… --into ./as-it-was\n\nExit codes: 0 the folder is what was backed up, 1 it is not, or nothing was restored, 2 the command line or the configuration is wrong."
)]
pub struct Restore {
    /// Where they are.
    #[command(flatten)]
    pub repository: RepositoryOf,
    /// Folder to make, empty or not there
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// Which backup, as `foretell backup list` shows it [default: the latest]
    #[arg(long, value_name = "ID", alias = "snapshot")]
    pub backup: Option<String>,
    /// Restore also what is damaged: what a damaged chunk held is lost, and the rest is there
    #[arg(long)]
    pub accept_damage: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
