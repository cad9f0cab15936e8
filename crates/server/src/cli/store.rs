//! `foretell store`: the data folder itself, and how much is in it.

use super::Asked;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Look after the data folder: check it while the server is stopped, ask how much there is.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read what is kept, and name what is damaged. Nothing is changed.
    #[command(
        after_help = "The server must be stopped: while it runs the data folder is its own, and it reads its samples again by itself (`store.scrub_bytes_per_sec_max`).\n\nWithout --deep the ends and lists of files, the pages of SQLite and all of the log are read; with it every row and every column, each with its checksum.\n\nExamples:\n  foretell store verify --data-dir /var/lib/foretell\n  foretell store verify --deep --json\n\nExit codes: 0 all is sound, 1 something is damaged or could not be read, 2 the command line or the configuration is wrong."
    )]
    Verify(VerifyStore),
    /// Ask a running server how much is kept of samples, by detail.
    #[command(
        after_help = "Examples:\n  foretell store sizes --password-env FORETELL_ADMIN_PASSWORD\n  foretell store sizes --json --password-env FORETELL_ADMIN_PASSWORD | jq '[.sizes[].bytes] | add'\n\nExit codes: 0 it was told, 1 it could not be, or the last pass of retention failed, 2 the command line is wrong."
    )]
    Sizes(Asked),
}

/// Read what is kept.
#[derive(Debug, Args)]
pub struct VerifyStore {
    /// Read every row and column
    #[arg(long)]
    pub deep: bool,
    /// Print one JSON object, with each file
    #[arg(long)]
    pub json: bool,
    /// File of the configuration
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}
