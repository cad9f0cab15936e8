//! `foretell retention` and `foretell hold`: how long samples are kept.

use super::Asked;
use super::client::TO_SERVER;
use super::moment::moment;
use clap::{Args, Subcommand, ValueEnum};
use model::{HoldId, Timestamp};
use std::path::PathBuf;

/// Look after how long samples are kept.
#[derive(Debug, Subcommand)]
pub enum Retention {
    /// Tell what would be removed now, and change nothing.
    #[command(
        after_help = "With --server or a password the running server is asked; without them the data folder of a server that is stopped is read.\n\nExamples:\n  foretell retention preview --password-env FORETELL_ADMIN_PASSWORD\n  foretell retention preview --data-dir /var/lib/foretell\n  foretell retention preview --json --password-env FORETELL_ADMIN_PASSWORD | jq .by_policy\n\nExit codes: 0 it was told, 1 the data folder could not be read or the server not asked, 2 the command line or the configuration is wrong."
    )]
    Preview(PreviewRetention),
    /// List the policies, in the order in which they decide.
    #[command(
        after_help = "Of the policies that are for a series the first of its detail decides. One of each detail is built in: it is for all series, and comes last.\n\nExamples:\n  foretell retention list --password-env FORETELL_ADMIN_PASSWORD\n  foretell retention list --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[] | select(.level == \"raw\") | .name'"
    )]
    List(Asked),
    /// Make a policy, or change the one of that name.
    #[command(
        after_help = "It tells what would go with the passes to come, and asks before it saves. Of a policy that is there only what is given changes; of a built-in one (`built-in raw`, `built-in 5m`, `built-in 1h`) the days alone can.\n\nExamples:\n  foretell retention set 'round trips of the lab' --level raw --keep-days 30 --metric 'icmp_.*' --device-tag lab --password-env FORETELL_ADMIN_PASSWORD\n  foretell retention set 'round trips of the lab' --keep-days 60 --yes --password-env FORETELL_ADMIN_PASSWORD\n  foretell retention set 'built-in raw' --keep-days 90 --dry-run --password-env FORETELL_ADMIN_PASSWORD\n\nExit codes: 0 it is saved, or what would go was told, 1 it is not, 2 the command line is wrong."
    )]
    Set(Box<SetPolicy>),
    /// Delete a policy; a built-in one that was changed is as it was.
    #[command(
        after_help = "It tells what would go with the passes to come, and asks before it deletes.\n\nExample:\n  foretell retention delete 'round trips of the lab' --password-env FORETELL_ADMIN_PASSWORD\n\nExit codes: 0 it is gone, or what would go was told, 1 it is there, 2 the command line is wrong."
    )]
    Delete(DeletePolicy),
}

/// Tell what would be removed now.
#[derive(Debug, Args)]
pub struct PreviewRetention {
    /// File of the configuration
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that everything is kept in, of a server that is stopped
    #[arg(long, value_name = "DIR", conflicts_with_all = TO_SERVER)]
    pub data_dir: Option<PathBuf>,
    /// The server, where one is asked.
    #[command(flatten)]
    pub asked: Asked,
}

/// What a policy is to be.
#[derive(Debug, Args)]
pub struct SetPolicy {
    /// What people call it, or its id
    #[arg(value_name = "NAME")]
    pub name: String,
    /// For which detail it is; needed to make one
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<LevelName>,
    /// Days that are kept, 1 to 36525; needed to make one
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_525))]
    pub keep_days: Option<u32>,
    /// Metrics that it is for, as a regular expression of whole names; may be repeated. `''` is all
    #[arg(long = "metric", value_name = "EXPRESSION")]
    pub metrics: Vec<String>,
    /// It is for devices that have this tag; may be repeated. `''` is all
    #[arg(long = "device-tag", value_name = "TAG")]
    pub device_tags: Vec<String>,
    /// Of the policies that are for a series the greatest decides, 1 to 1000000 [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub priority: Option<u32>,
    /// Whether samples go also where they were not archived yet [default: false]
    #[arg(long, value_name = "BOOL")]
    pub without_archive: Option<bool>,
    /// Whether it is done.
    #[command(flatten)]
    pub consent: Consent,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Which policy goes.
#[derive(Debug, Args)]
pub struct DeletePolicy {
    /// What people call it, or its id
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Whether it is done.
    #[command(flatten)]
    pub consent: Consent,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Details of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LevelName {
    /// Samples as they were polled
    Raw,
    /// Roll-ups of five minutes
    #[value(name = "5m")]
    FiveMinutes,
    /// Roll-ups of an hour
    #[value(name = "1h")]
    Hours,
}

impl LevelName {
    /// As the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hours => "1h",
        }
    }
}

/// Whether something that cannot be undone is done.
#[derive(Clone, Copy, Debug, Args)]
pub struct Consent {
    /// Only tell what would go
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do it without being asked
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Keep samples whatever the policies say.
#[derive(Debug, Subcommand)]
pub enum Hold {
    /// List the holds.
    #[command(
        after_help = "Examples:\n  foretell hold list --password-env FORETELL_ADMIN_PASSWORD\n  foretell hold list --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[].id'"
    )]
    List(Asked),
    /// Place a hold: what it means is kept from now on, and its devices cannot be deleted.
    #[command(
        after_help = "Samples that are gone do not come back by it.\n\nExamples:\n  foretell hold add --match '{site=\"lyon\"}' --from 2026-01-01 --to 2026-04-01 --reason 'case 2026-17' --password-env FORETELL_ADMIN_PASSWORD\n  foretell hold add --match '{device=\"core-1\"}' --reason 'until the audit is over' --password-env FORETELL_ADMIN_PASSWORD"
    )]
    Add(AddHold),
    /// Release a hold: what only it kept goes with the next pass.
    #[command(
        after_help = "It tells what only this hold keeps, and asks before it releases it.\n\nExample:\n  foretell hold remove 0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21 --password-env FORETELL_ADMIN_PASSWORD\n\nExit codes: 0 it is released, or what it keeps was told, 1 it is there, 2 the command line is wrong."
    )]
    Remove(RemoveHold),
}

/// What is kept.
#[derive(Debug, Args)]
pub struct AddHold {
    /// Which series, as a selector
    #[arg(long = "match", value_name = "SELECTOR")]
    pub matching: String,
    /// From when on, as 2026-03-01 (UTC) or a time; since ever where it is not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Until when, not itself; without end where it is not given
    #[arg(long = "to", id = "until", value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Which hold is released.
#[derive(Debug, Args)]
pub struct RemoveHold {
    /// Its id, as `foretell hold list` shows it
    #[arg(value_name = "ID")]
    pub id: HoldId,
    /// Whether it is done.
    #[command(flatten)]
    pub consent: Consent,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}
