//! `foretell retention`: what the policies would remove.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Tell what the policies of retention would remove.
#[derive(Debug, Subcommand)]
pub enum Retention {
    /// Tell what would be removed now, and change nothing.
    #[command(
        after_help = "The server must be stopped: while it runs the data folder is its own, and tells the same by POST /api/v1/retention/preview.\n\nExamples:\n  foretell retention preview --data-dir /var/lib/foretell\n  foretell retention preview --json | jq .by_policy\n\nExit codes: 0 it was told, 1 the data folder could not be read, 2 the command line or the configuration is wrong."
    )]
    Preview(PreviewRetention),
}

/// Tell what would be removed now.
#[derive(Debug, Args)]
pub struct PreviewRetention {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// File of the configuration
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}
