//! `foretell job`: long work of a running server.

use super::Asked;
use clap::{Args, Subcommand};
use model::JobId;

/// Look after long work: imports, exports, deletes, the archive.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// List jobs, the latest first.
    #[command(
        after_help = "Those that are over are kept for 30 days, and no more than 100 of them.\n\nExamples:\n  foretell job list --password-env FORETELL_ADMIN_PASSWORD\n  foretell job list --state waiting,running --password-env FORETELL_ADMIN_PASSWORD\n  foretell job list --kind import --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[0].id'"
    )]
    List(ListJobs),
    /// Show one job, and what came of it.
    #[command(
        after_help = "Example:\n  foretell job show 0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21 --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Show(OneJob),
    /// End a job; what it has done stays.
    #[command(
        after_help = "It ends within a second or two; `foretell job follow` waits for it.\n\nExample:\n  foretell job cancel 0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21 --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Cancel(OneJob),
    /// Wait until a job is over, with a bar of how far it is.
    #[command(
        after_help = "The job goes on where this is ended.\n\nExample:\n  foretell job follow 0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21 --password-env FORETELL_ADMIN_PASSWORD\n\nExit codes: 0 it was done, 1 it failed, was ended or interrupted, 2 the command line is wrong."
    )]
    Follow(OneJob),
}

/// Which jobs are listed.
#[derive(Debug, Args)]
pub struct ListJobs {
    /// Only of these kinds, with commas between: import, export, delete, correct, archive, restore,
    /// archive_check
    #[arg(long, value_name = "KINDS")]
    pub kind: Option<String>,
    /// Only in these states, with commas between: receiving, waiting, running, done, failed, cancelled,
    /// interrupted
    #[arg(long, value_name = "STATES")]
    pub state: Option<String>,
    /// Most jobs that are listed [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Which job.
#[derive(Debug, Args)]
pub struct OneJob {
    /// Its id, as `foretell job list` shows it
    #[arg(value_name = "ID")]
    pub id: JobId,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}
