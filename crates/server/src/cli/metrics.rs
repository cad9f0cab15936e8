//! `foretell metrics`: samples from files and into them.

use super::Asked;
use super::moment::moment;
use clap::{Args, Subcommand, ValueEnum};
use model::{DeviceId, Timestamp};
use std::path::PathBuf;

/// Bring in samples, take them out, delete them.
#[derive(Debug, Subcommand)]
pub enum Metrics {
    /// Write single samples, from arguments or from lines of standard input.
    #[command(
        after_help = "A sample is a metric with its labels, a value, and a time where it is not now:\n  queue_length{queue=\"mail\",device_id=\"0198…\"} 17 2026-03-01T12:00:00Z\nor the JSON object that the API takes. Empty lines and those that begin with # are passed over. A series that is not there is made; a metric that nobody knows is refused.\n\nExamples:\n  foretell metrics push --metric queue_length --labels queue=mail --value 17 --password-env PASSWORD\n  foretell metrics push 'queue_length{queue=\"mail\"} 17' 'queue_length{queue=\"print\"} 3' --password-env PASSWORD\n  some-script | foretell metrics push - --password-env PASSWORD\n\nExit codes: 0 every sample was taken, 1 some were refused, 2 the command line is wrong."
    )]
    Push(Box<PushMetrics>),
    /// Bring in samples from a file. The running server takes them; what is there already stays.
    #[command(
        after_help = "The file is read to its end before anything is written. Rows that cannot be taken are told with their lines; the others are taken.\nA CSV begins with a header: time, value, and series_id, or metric with device_id or device, and labels as label:NAME.\n\nExamples:\n  foretell metrics import history.csv --format csv --dry-run --password-env PASSWORD\n  foretell metrics import dump.txt --format openmetrics --create-metrics --password-env PASSWORD\n\nExit codes: 0 every row was taken, 1 some were refused, 2 the command line is wrong."
    )]
    Import(ImportMetrics),
    /// Write samples to a file.
    #[command(
        after_help = "Examples:\n  foretell metrics export --match 'ifHCInOctets{site=\"lyon\"}' --from 2026-03-01T00:00:00Z --format csv --out lyon.csv --password-env PASSWORD\n  foretell metrics export --match '{device=\"core-1\"}' --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --format openmetrics --out core.txt --password-env PASSWORD"
    )]
    Export(ExportMetrics),
    /// Delete a range of samples for ever; it is written down who did.
    #[command(
        after_help = "Examples:\n  foretell metrics delete --match 'icmp_rtt{device=\"lab\"}' --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --reason 'a wrong cable' --dry-run --password-env PASSWORD"
    )]
    Delete(DeleteMetrics),
    /// List what can be measured.
    Types(Asked),
}

/// Write single samples.
#[derive(Debug, Args)]
pub struct PushMetrics {
    /// Samples; `-` reads them from standard input, a line each
    #[arg(
        value_name = "SAMPLE",
        required_unless_present = "metric",
        conflicts_with = "metric"
    )]
    pub samples: Vec<String>,
    /// What was measured, of one sample
    #[arg(long, value_name = "NAME", requires = "value")]
    pub metric: Option<String>,
    /// Labels of its series, with commas between; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "metric", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Whose it is; of the whole network where it is not given
    #[arg(long, value_name = "ID", requires = "metric")]
    pub device_id: Option<DeviceId>,
    /// Its value
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "metric",
        allow_hyphen_values = true
    )]
    pub value: Option<String>,
    /// When it was true, as 2026-03-01T12:00:00Z; now where it is not given
    #[arg(long, value_name = "TIME", requires = "metric", value_parser = moment)]
    pub time: Option<Timestamp>,
    /// Which server takes them.
    #[command(flatten)]
    pub asked: Asked,
}

/// A label as it is typed.
fn label(text: &str) -> Result<(String, String), String> {
    let label = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = label.ok_or_else(|| format!("`{text}` is no label, as queue=mail is"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Bring in samples.
#[derive(Debug, Args)]
pub struct ImportMetrics {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What it is written as
    #[arg(long, value_name = "FORMAT")]
    pub format: SamplesFormat,
    /// Only tell what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Make metrics that nobody knows, where the file says what they are
    #[arg(long)]
    pub create_metrics: bool,
    /// Whose samples are that name no device; of the whole network where it is not given
    #[arg(long, value_name = "ID")]
    pub device_id: Option<String>,
    /// The time of samples that have none
    #[arg(long, value_name = "TIME")]
    pub default_time: Option<String>,
    /// Which server takes them in.
    #[command(flatten)]
    pub asked: Asked,
}

/// Write samples to a file.
#[derive(Debug, Args)]
pub struct ExportMetrics {
    /// Which series, as a selector
    #[arg(long = "match", value_name = "SELECTOR")]
    pub matching: String,
    /// Where the range begins (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Where it ends; now where it is not given
    #[arg(long = "to", value_name = "TIME")]
    pub to_time: Option<String>,
    /// What it is written as
    #[arg(long, value_name = "FORMAT")]
    pub format: SamplesFormat,
    /// The file to write; one that is there is not written over
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Which server writes them.
    #[command(flatten)]
    pub asked: Asked,
}

/// Delete samples.
#[derive(Debug, Args)]
pub struct DeleteMetrics {
    /// Which series, as a selector
    #[arg(long = "match", value_name = "SELECTOR")]
    pub matching: String,
    /// Where the range begins (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Where it ends, not itself (RFC 3339)
    #[arg(long = "to", value_name = "TIME")]
    pub to_time: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only tell what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Which server deletes them.
    #[command(flatten)]
    pub asked: Asked,
}

/// Formats of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SamplesFormat {
    Csv,
    Lines,
    Openmetrics,
    Parquet,
}

impl SamplesFormat {
    /// Its name, as the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Lines => "lines",
            Self::Openmetrics => "openmetrics",
            Self::Parquet => "parquet",
        }
    }
}
