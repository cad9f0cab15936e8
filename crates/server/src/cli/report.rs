//! `foretell report`: how things were over a period, beside the one before.

use super::Asked;
use super::moment::moment;
use clap::{Args, ValueEnum};
use model::{DeviceId, Timestamp};
use std::path::PathBuf;

/// Make a report over a period, beside the period before it.
#[derive(Debug, Args)]
#[command(
    after_help = "Each row tells how much of the period was measured. What is too much for one report is left out, counted and told.\n\nExamples:\n  foretell report availability --by site --password-env FORETELL_ADMIN_PASSWORD\n  foretell report percentile95 --by interface --from 2026-02-01 --to 2026-03-01 --output february.csv --password-env FORETELL_ADMIN_PASSWORD\n  foretell report capacity --of storage --threshold-ratio 0.9 --output capacity.html --password-env FORETELL_ADMIN_PASSWORD\n  foretell report trend --tag core --json --password-env FORETELL_ADMIN_PASSWORD | jq '.items[].values.trend'"
)]
pub struct Report {
    /// Which report
    #[arg(value_name = "KIND")]
    pub kind: ReportKind,
    /// What a row is of [default: device]
    #[arg(long, value_name = "site|tag|device|interface")]
    pub by: Option<String>,
    /// What a trend or a limit is of: in_traffic, out_traffic, processor, memory, storage; of trends also
    /// round_trip, loss [default: in_traffic of trends, all of capacity]
    #[arg(long, value_name = "WHAT")]
    pub of: Option<String>,
    /// Which number of each day is held against the threshold [default: percentile]
    #[arg(long, value_name = "mean|percentile|peak")]
    pub statistic: Option<String>,
    /// The part of a limit that is not to be exceeded, 0.01 to 1 [default: 0.8]
    #[arg(long, value_name = "RATIO")]
    pub threshold_ratio: Option<f64>,
    /// Where the period begins, as 2026-03-01 (UTC) or a time [default: 30 days before its end]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Where it ends [default: now]
    #[arg(long = "to", id = "until", value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Only devices of this site; may be repeated
    #[arg(long = "site", value_name = "NAME")]
    pub sites: Vec<String>,
    /// Only devices with this tag; may be repeated
    #[arg(long = "tag", value_name = "NAME")]
    pub tags: Vec<String>,
    /// Only the device of this id; may be repeated
    #[arg(long = "device", value_name = "ID")]
    pub devices: Vec<DeviceId>,
    /// name, or the name of a column, with a leading `-` the other way [default: what needs somebody first]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Write CSV or HTML [default: by the name of --output, else lines]
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub format: Option<ReportFormat>,
    /// Write it into this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Kinds of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportKind {
    /// How much of the period devices or interfaces were there
    Availability,
    /// The 95th percentile of traffic, each way
    Percentile95,
    /// Whether something rises or falls
    Trend,
    /// When limits are reached
    Capacity,
}

/// What a report is written as, besides JSON and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// All rows, with base units
    Csv,
    /// A page with charts, for a browser, a printer or a mail
    Html,
}

impl ReportKind {
    /// As the server calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Percentile95 => "percentile95",
            Self::Trend => "trend",
            Self::Capacity => "capacity",
        }
    }
}
