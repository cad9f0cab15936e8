//! The command line: what can be asked of `foretell`, and the words that explain it.

mod analyze;
mod archive;
mod audit;
mod backup;
mod client;
mod documents;
mod job;
mod metrics;
mod moment;
mod profile;
mod report;
mod retention;
mod series;
mod simulate;
mod store;
mod walk;

pub use self::store::{Store, VerifyStore};
pub use analyze::{Analyze, Balance, Detect, Explained, Files, OfSeries};
pub use archive::{Archive, ArchiveDays, CheckArchived, RestoreArchived, StoppedFolder};
pub use audit::Audit;
pub use backup::{Backup, BackupCommand, BackupsThere, RepositoryOf, Restore};
pub use client::{Asked, ToServer};
pub use documents::{Documents, DocumentsOf, ExportDocuments, ImportDocuments, ImportMode};
pub use job::{Job, ListJobs, OneJob};
pub use metrics::{
    DeleteMetrics, ExportMetrics, ImportMetrics, Metrics, PushMetrics, SamplesFormat,
};
pub use profile::{Explain, OwnProfiles, Profile};
pub use report::{Report, ReportFormat, ReportKind};
pub use retention::{
    AddHold, Consent, DeletePolicy, Hold, LevelName, PreviewRetention, RemoveHold, Retention,
    SetPolicy,
};
pub use series::{CountSeries, ListSeries, Series};
pub use simulate::{Fault, Heal, Simulate, SimulateCommand, ToControl};
pub use walk::Walk;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A monitor that foretells: discovers devices, measures them, keeps what it read, and shows it.
#[derive(Debug, Parser)]
#[command(
    name = "foretell",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Begin with:\n  foretell probe 192.0.2.1 --community public --json   what one device says of itself\n  foretell discover 192.0.2.0/24 --community public    what there is in a network\n  foretell serve                                       the server, on http://127.0.0.1:8080\n\nExit codes: 0 done, 1 failed, 2 usage, 3 no answer from the device, 4 refused by the device."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(Serve),
    /// Find the devices of a network, from the command line. Writes nothing unless asked.
    Discover(Discover),
    /// Ask one device everything that it says of itself.
    Probe(Probe),
    /// Look at device profiles, check them, and see what they make of a device.
    #[command(subcommand)]
    Profile(Profile),
    /// Read what a device has, object by object, and record it.
    Walk(Walk),
    /// Check one service, once: TCP, HTTP, DNS or NTP.
    Check(Check),
    /// Bring in an inventory of another tool's: CSV, NetBox, LibreNMS, Zabbix.
    Import(Import),
    /// Write samples, bring them in from a file, take them out, delete them, and see what can be measured.
    #[command(subcommand)]
    Metrics(Metrics),
    /// Simulate a network: devices, traffic and faults, to be asked over SNMP.
    Simulate(Box<Simulate>),
    /// Change the users of a server that is stopped.
    #[command(subcommand)]
    User(User),
    /// Take documents out of the data folder of a server that is stopped, and put them in.
    #[command(subcommand)]
    Documents(Documents),
    /// Take a backup of all that is kept, also while the server runs; list and check backups.
    Backup(Box<Backup>),
    /// Make a data folder of a backup.
    Restore(Restore),
    /// Look after the archive of days that are over: list, archive, bring back, check.
    #[command(subcommand)]
    Archive(Box<Archive>),
    /// Check the data folder of a server that is stopped; ask one that runs how much it keeps.
    #[command(subcommand)]
    Store(Store),
    /// List and count what is measured.
    #[command(subcommand)]
    Series(Series),
    /// Say how long samples are kept, and see what would go.
    #[command(subcommand)]
    Retention(Retention),
    /// Keep samples whatever the policies say: list, place and release holds.
    #[command(subcommand)]
    Hold(Hold),
    /// Follow long work of a running server, and end it.
    #[command(subcommand)]
    Job(Job),
    /// Tell who changed or took what was measured.
    Audit(Audit),
    /// Ask files what the server asks its series: what is unusual, what comes, when something is full.
    #[command(subcommand)]
    Analyze(Box<Analyze>),
    /// Make a report over a period: availability, 95th percentile, trends, capacity.
    Report(Box<Report>),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(Config),
}

/// Run the server.
#[derive(Debug, Args)]
#[command(
    after_help = "Order: flags, environment (FORETELL_LISTEN, FORETELL_STORE__SYNC, ..), file, defaults.\nThe first start makes the user `admin`; its password is FORETELL_ADMIN_PASSWORD, or is made and printed once.\n\nExamples:\n  foretell serve\n  foretell serve --config /etc/foretell.toml --data-dir /var/lib/foretell\n  FORETELL_LOG=debug foretell serve --listen 127.0.0.1:0"
)]
pub struct Serve {
    /// File to read the configuration from; `foretell config sample` prints one.
    #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder that everything is kept in [default: ./foretell-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes any [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Log for people or for programs [default: people]
    #[arg(long, value_name = "people|json")]
    pub log_format: Option<String>,
    /// For demonstrations: make up so much history (as 14d) of the simulated network below, once its
    /// devices are discovered. Refused where the data folder holds anything else
    #[arg(
        long,
        value_name = "TIME",
        help_heading = "Demonstration",
        requires = "seed_scenario"
    )]
    pub seed_history: Option<String>,
    /// Scenario that `foretell simulate` runs
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Demonstration",
        requires = "seed_history"
    )]
    pub seed_scenario: Option<PathBuf>,
}

/// Find the devices of a network.
#[derive(Debug, Args)]
#[command(
    after_help = "Targets are CIDRs, ranges or hosts; a host may have a port.\nA device that is met by several addresses is listed once, with the reason.\n\nExamples:\n  foretell discover 192.0.2.0/24 --community public\n  foretell discover 192.0.2.1 --hops 8 --allow 192.0.2.0/24 --community public --json\n  AUTH=.. PRIV=.. foretell discover 192.0.2.10-192.0.2.40 \\\n      --v3-user monitor --v3-auth sha256 --v3-auth-pass-env AUTH \\\n      --v3-priv aes128 --v3-priv-pass-env PRIV"
)]
pub struct Discover {
    /// CIDRs (192.0.2.0/24), ranges (192.0.2.10-192.0.2.40), hosts (192.0.2.1, 192.0.2.1:1161, [2001:db8::1]:161)
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<String>,
    /// What to ask devices with.
    #[command(flatten)]
    pub ask: AskWith,
    /// How many neighbours deep to follow, 0 to 8
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(0..=8))]
    pub hops: u8,
    /// Network that neighbours may be followed into, besides the targets; may be repeated
    #[arg(long = "allow", value_name = "NETWORK")]
    pub allowed: Vec<String>,
    /// UDP port of agents
    #[arg(long, value_name = "PORT", default_value_t = 161)]
    pub port: u16,
    /// Do not send echo requests
    #[arg(long)]
    pub no_icmp: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write the JSON object into this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Ask one device everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foretell probe 192.0.2.1 --community public\n  foretell probe '[2001:db8::1]:161' --community-env COMMUNITY --json\n  AUTH=.. PRIV=.. foretell probe 192.0.2.1 \\\n      --v3-user monitor --v3-auth sha256 --v3-auth-pass-env AUTH \\\n      --v3-priv aes128 --v3-priv-pass-env PRIV\n\nExit codes: 0 it answered, 3 it did not, 4 it refused us (as by a wrong password)."
)]
pub struct Probe {
    /// The device: a host or address, with a port where it is not 161
    #[arg(value_name = "ADDR[:PORT]")]
    pub address: String,
    /// What to ask devices with.
    #[command(flatten)]
    pub ask: AskWith,
    /// A folder of profiles of your own.
    #[command(flatten)]
    pub own: OwnProfiles,
    /// Print the facts as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Milliseconds to wait for an answer before asking again
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub timeout_ms: u64,
    /// How often to ask again
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=10))]
    pub retries: u8,
}

/// Check one service, once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foretell check tcp 192.0.2.1:22\n  foretell check http https://192.0.2.1/ --text Welcome --certificate-days 30\n  foretell check dns 192.0.2.53 www.example --record AAAA --expect 2001:db8::1\n  foretell check ntp 192.0.2.123 --offset-max-ms 50 --json\n\nExit codes: 0 it is up, 1 it is degraded, 3 it is down."
)]
pub struct Check {
    /// What to ask
    #[command(subcommand)]
    pub probe: CheckProbe,
    /// Milliseconds for the check
    #[arg(long, global = true, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(50..=60_000))]
    pub timeout_ms: u32,
    /// Milliseconds above which it is degraded
    #[arg(long, global = true, value_name = "MS")]
    pub slow_ms: Option<u32>,
    /// Print one JSON object instead of a line
    #[arg(long, global = true)]
    pub json: bool,
}

/// What a check asks.
#[derive(Debug, Subcommand)]
pub enum CheckProbe {
    /// Whether a port takes a connection.
    Tcp {
        /// Where
        #[arg(value_name = "HOST:PORT")]
        target: String,
    },
    /// Whether a page is there, and its certificate good.
    Http {
        /// The page
        url: String,
        /// The status that is expected; any from 200 to 399 where it is not given
        #[arg(long)]
        status: Option<u16>,
        /// Text that is in the page
        #[arg(long)]
        text: Option<String>,
        /// How many redirects are followed
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=10))]
        redirects: u8,
        /// A certificate that is not trusted makes it degraded rather than down
        #[arg(long)]
        though_untrusted: bool,
        /// Days before its certificate ends from which it is degraded
        #[arg(long, value_name = "DAYS", default_value_t = 14)]
        certificate_days: u16,
    },
    /// Whether a name server answers, and as expected.
    Dns {
        /// The server
        #[arg(value_name = "HOST[:PORT]")]
        server: String,
        /// The name to ask for
        name: String,
        /// The kind of record: A, AAAA, CNAME, MX, NS, PTR, TXT
        #[arg(long, value_name = "KIND", default_value = "A")]
        record: String,
        /// Data that is to be among the answers; may be repeated
        #[arg(long = "expect", value_name = "DATA")]
        expected: Vec<String>,
    },
    /// Whether a time server is well, and how far its clock is from ours.
    Ntp {
        /// The server
        #[arg(value_name = "HOST[:PORT]")]
        server: String,
        /// Milliseconds that its clock may differ from ours
        #[arg(long, value_name = "MS")]
        offset_max_ms: Option<u32>,
        /// Greatest stratum that is well
        #[arg(long, value_name = "N")]
        stratum_max: Option<u8>,
        /// Greatest root dispersion that is well
        #[arg(long, value_name = "MS")]
        root_dispersion_max_ms: Option<u32>,
    },
}

/// Bring in an inventory.
#[derive(Debug, Args)]
#[command(
    after_help = "The running server is asked to take it in. What is there already stays as it is, so that an import may be done again.\nA CSV begins with a header: address (needed), port, name, credential, tags, site, location, interval_secs.\n\nExamples:\n  foretell import devices.csv --format csv --dry-run --password-env FORETELL_ADMIN_PASSWORD\n  foretell import zabbix.yaml --format zabbix --credential site-ro --password-env PASSWORD\n  foretell import --format netbox --url https://netbox.example --token-env NETBOX_TOKEN --password-env PASSWORD\n\nExit codes: 0 every row is a device now, 1 some rows were refused, 2 the file or the command line is wrong."
)]
pub struct Import {
    /// The file; `-` reads standard input
    #[arg(
        value_name = "FILE",
        required_unless_present = "url",
        conflicts_with = "url"
    )]
    pub file: Option<PathBuf>,
    /// What it is written as
    #[arg(long, value_name = "FORMAT")]
    pub format: ImportFormat,
    /// A NetBox to read the devices of, instead of a file
    #[arg(long, value_name = "URL", requires = "token_env")]
    pub url: Option<String>,
    /// Environment variable that holds the token of that NetBox
    #[arg(long, value_name = "VAR", requires = "url")]
    pub token_env: Option<String>,
    /// The name of the credential that rows without one are asked with
    #[arg(long, value_name = "NAME")]
    pub credential: Option<String>,
    /// Seconds from poll to poll of rows that do not say
    #[arg(long, value_name = "SECONDS")]
    pub interval_secs: Option<u32>,
    /// Only tell what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of a line a row
    #[arg(long)]
    pub json: bool,
    /// Which server takes it in.
    #[command(flatten)]
    pub to: ToServer,
}

/// Formats of inventories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum ImportFormat {
    Csv,
    Netbox,
    Librenms,
    Zabbix,
}

/// What to ask devices with. Secrets come from the environment or a file.
#[derive(Debug, Args)]
pub struct AskWith {
    /// Community of v2c (or v1), where it is no secret
    #[arg(long, value_name = "NAME", help_heading = "SNMP")]
    pub community: Option<String>,
    /// Environment variable that holds the community
    #[arg(
        long,
        value_name = "VAR",
        help_heading = "SNMP",
        conflicts_with = "community"
    )]
    pub community_env: Option<String>,
    /// File that holds the community
    #[arg(long, value_name = "FILE", help_heading = "SNMP", conflicts_with_all = ["community", "community_env"])]
    pub community_file: Option<PathBuf>,
    /// TOML file with several credentials, each a `[[credential]]` with `kind` (snmp_v1, snmp_v2c,
    /// snmp_v3) and `community`, or `user`, `auth`, `auth_passphrase`, `privacy`,
    /// `privacy_passphrase`, `context`: tried in order
    #[arg(long, value_name = "FILE", help_heading = "SNMP", conflicts_with_all = ["community", "community_env", "community_file", "v1", "v3_user"])]
    pub credentials: Option<PathBuf>,
    /// Speak SNMPv1 rather than v2c
    #[arg(long = "v1", help_heading = "SNMP", conflicts_with = "v3_user")]
    pub v1: bool,
    /// User of SNMPv3
    #[arg(long, value_name = "USER", help_heading = "SNMP", conflicts_with_all = ["community", "community_env", "community_file"])]
    pub v3_user: Option<String>,
    /// Authentication protocol
    #[arg(
        long,
        value_name = "PROTOCOL",
        help_heading = "SNMP",
        requires = "v3_user"
    )]
    pub v3_auth: Option<AuthName>,
    /// Environment variable that holds the authentication pass phrase
    #[arg(long, value_name = "VAR", help_heading = "SNMP", requires = "v3_auth")]
    pub v3_auth_pass_env: Option<String>,
    /// File that holds the authentication pass phrase
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "SNMP",
        requires = "v3_auth",
        conflicts_with = "v3_auth_pass_env"
    )]
    pub v3_auth_pass_file: Option<PathBuf>,
    /// Privacy protocol
    #[arg(
        long,
        value_name = "PROTOCOL",
        help_heading = "SNMP",
        requires = "v3_auth"
    )]
    pub v3_priv: Option<PrivName>,
    /// Environment variable that holds the privacy pass phrase
    #[arg(long, value_name = "VAR", help_heading = "SNMP", requires = "v3_priv")]
    pub v3_priv_pass_env: Option<String>,
    /// File that holds the privacy pass phrase
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "SNMP",
        requires = "v3_priv",
        conflicts_with = "v3_priv_pass_env"
    )]
    pub v3_priv_pass_file: Option<PathBuf>,
    /// Context of SNMPv3
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "SNMP",
        requires = "v3_user",
        default_value = "",
        hide_default_value = true
    )]
    pub v3_context: String,
}

/// Names of authentication protocols.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum AuthName {
    Md5,
    #[value(alias = "sha")]
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Names of privacy protocols.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum PrivName {
    Des,
    #[value(alias = "aes")]
    Aes128,
    Aes192,
    Aes256,
    #[value(name = "3des")]
    TripleDes,
    Aes192c,
    Aes256c,
}

/// Change users.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Give a user a new password. The server must be stopped.
    #[command(
        after_help = "The password is read from the environment variable or file named, else asked for.\n\nExample:\n  NEW=.. foretell user set-password admin --password-env NEW --data-dir /var/lib/foretell"
    )]
    SetPassword {
        /// The user's name, as admin
        name: String,
        /// Environment variable that holds the password
        #[arg(long, value_name = "VAR")]
        password_env: Option<String>,
        /// File that holds the password
        #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
        password_file: Option<PathBuf>,
        /// File of the configuration
        #[arg(long, value_name = "FILE", env = "FORETELL_CONFIG")]
        config: Option<PathBuf>,
        /// Folder that everything is kept in
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Show or check the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the reference of every key, as Markdown.
    Reference,
    /// Print a file with every key and its default.
    Sample,
    /// Tell whether a file is right; the environment counts as it would for the server.
    Check {
        /// The file
        file: PathBuf,
    },
}
