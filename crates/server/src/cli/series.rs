//! `foretell series`: what is measured.

use super::Asked;
use clap::{Args, Subcommand};

/// List and count what is measured.
#[derive(Debug, Subcommand)]
pub enum Series {
    /// List series: their ids, metrics and labels.
    #[command(
        after_help = "A selector is a metric, matchers of labels in braces, or both: ifHCInOctets{site=\"lyon\",interface=~\"eth.*\"}.\n\nExamples:\n  foretell series list --match 'ifHCInOctets{device=\"core-1\"}' --password-env FORETELL_ADMIN_PASSWORD\n  foretell series list --match '{tag=\"lab\"}' --json --password-env FORETELL_ADMIN_PASSWORD | jq -r '.[].id'"
    )]
    List(ListSeries),
    /// Count series: by metric, label and device, or those of a selector.
    #[command(
        after_help = "Without a selector it tells which metrics, labels and devices have the most series, and which devices are near the bound on theirs.\n\nExamples:\n  foretell series count --password-env FORETELL_ADMIN_PASSWORD\n  foretell series count --match '{device=\"core-1\"}' --password-env FORETELL_ADMIN_PASSWORD\n  foretell series count --json --password-env FORETELL_ADMIN_PASSWORD | jq '.near_bound[].device_name'"
    )]
    Count(CountSeries),
}

/// Which series are listed.
#[derive(Debug, Args)]
pub struct ListSeries {
    /// Only those that this selector means [default: all]
    #[arg(long = "match", value_name = "SELECTOR")]
    pub matching: Option<String>,
    /// Most series that are listed [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}

/// Which series are counted.
#[derive(Debug, Args)]
pub struct CountSeries {
    /// Only those that this selector means
    #[arg(long = "match", value_name = "SELECTOR")]
    pub matching: Option<String>,
    /// Lines of each list, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "matching", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub top: u8,
    /// The server.
    #[command(flatten)]
    pub asked: Asked,
}
