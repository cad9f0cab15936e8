//! `foretell audit`: who changed or took what was measured.

use super::Asked;
use super::moment::moment;
use clap::Args;
use model::{Timestamp, UserId};

/// Tell who changed or took what was measured.
#[derive(Debug, Args)]
#[command(
    after_help = "Entries are kept for 400 days, and no more than 100,000 of them.\n\nExamples:\n  foretell audit --limit 20 --password-env FORETELL_ADMIN_PASSWORD\n  foretell audit --action delete_samples --from 2026-03-01 --to 2026-04-01 --password-env FORETELL_ADMIN_PASSWORD\n  foretell audit --by alice --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[].detail'"
)]
pub struct Audit {
    /// Only of this action: delete_samples, correct_samples, import_samples, export_samples, restore,
    /// adopt, policy, hold, metric
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only what somebody of this name did
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Only what the user of this id did
    #[arg(long, value_name = "ID")]
    pub who: Option<UserId>,
    /// Only what began then or later, as 2026-03-01 (UTC) or a time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Only what began before
    #[arg(long = "to", id = "until", value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Most entries that are told [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}
