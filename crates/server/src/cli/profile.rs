//! `foretell profile`: what can be asked of makes of devices.

use super::AskWith;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Look at device profiles, check them, and see what they make of a device.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// List the profiles there are.
    List {
        /// A folder of profiles of your own.
        #[command(flatten)]
        own: OwnProfiles,
        /// Print a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Print a profile's text, to begin one of your own from.
    Show {
        /// Its name
        name: String,
        /// A folder of profiles of your own.
        #[command(flatten)]
        own: OwnProfiles,
    },
    /// Check files: each mistake with its line and the key it is in.
    #[command(
        after_help = "Exit code 0 where there is no mistake, 1 where there is one.\n\nExample:\n  foretell profile check acme-switch.toml"
    )]
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A folder of profiles of your own.
        #[command(flatten)]
        own: OwnProfiles,
        /// Print a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Ask a device, and tell which profiles are for it and which object gave each fact.
    #[command(
        after_help = "Examples:\n  foretell profile explain 192.0.2.1 --community public\n  foretell profile explain 192.0.2.1 --community public --profiles ./profiles\n  foretell profile explain --recording device.snmprec"
    )]
    Explain(Box<Explain>),
}

/// A folder of an operator's own profiles.
#[derive(Debug, Args)]
pub struct OwnProfiles {
    /// Folder of profiles of your own (*.toml); they come before the ones that are built in
    #[arg(long = "profiles", value_name = "DIR", env = "FORETELL_PROFILES_DIR")]
    pub folder: Option<PathBuf>,
}

/// Ask a device, and tell which object gave each fact.
#[derive(Debug, Args)]
pub struct Explain {
    /// The device: a host or address, with a port where it is not 161
    #[arg(value_name = "ADDR[:PORT]", required_unless_present = "recording")]
    pub address: Option<String>,
    /// Read recordings (*.snmprec) instead of asking a device; several are told one JSON object a line
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "address")]
    pub recording: Vec<PathBuf>,
    /// What to ask devices with.
    #[command(flatten)]
    pub ask: AskWith,
    /// A folder of profiles of your own.
    #[command(flatten)]
    pub own: OwnProfiles,
    /// Print one JSON object: profiles, origins, facts
    #[arg(long)]
    pub json: bool,
}
