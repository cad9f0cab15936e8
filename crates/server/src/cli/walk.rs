//! The command line of `foretell walk`.

use super::AskWith;
use clap::Args;
use std::path::PathBuf;

/// Read what a device has, object by object.
#[derive(Debug, Args)]
#[command(
    after_help = "Without an OID everything is read. Well-known names (ifTable, sysDescr.0) stand for their OIDs.\nWhat is read is printed as it comes; how far it has come is told on standard error.\n\nExamples:\n  foretell walk 192.0.2.1 --community public ifTable\n  foretell walk 192.0.2.1 --community public -n 1.3.6.1.2.1.47 1.3.6.1.4.1\n  foretell walk 192.0.2.1 --community-env COMMUNITY --save switch.snmprec\n  foretell simulate --recordings .        plays it to whoever asks with the community `switch`\n\nExit codes: 0 read to the end, 1 ended early, 3 it did not answer, 4 it refused us."
)]
pub struct Walk {
    /// The device: a host or address, with a port where it is not 161
    #[arg(value_name = "ADDR[:PORT]")]
    pub address: String,
    /// What to read: OIDs or names; each with all that is under it
    #[arg(value_name = "OID")]
    pub oids: Vec<String>,
    /// What to ask the device with.
    #[command(flatten)]
    pub ask: AskWith,
    /// Print OIDs in numbers alone
    #[arg(long, short = 'n')]
    pub numeric: bool,
    /// Print one JSON array of objects
    #[arg(long)]
    pub json: bool,
    /// Also record what is read, for `foretell simulate --recordings`. It may hold addresses, names
    /// and users of your network
    #[arg(long, value_name = "FILE.snmprec")]
    pub save: Option<PathBuf>,
    /// Most objects that are read
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub objects_max: u64,
    /// Most seconds that it takes
    #[arg(long, value_name = "SECS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub time_max_secs: u64,
    /// Milliseconds to wait for an answer before asking again
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub timeout_ms: u64,
    /// How often to ask again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=10))]
    pub retries: u8,
}
