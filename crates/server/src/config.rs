//! Configuration: one struct of settings whose documentation is the reference, read from
//! defaults, a file, the environment and flags, in that order of growing weight.
//!
//! [`load`] reads, [`keys`] knows every key from the struct's schema (for unknown keys, bounds and
//! the generated pages), [`reference`] writes the pages.

mod archive;
mod foresight;
pub mod keys;
pub mod load;
pub mod reference;

pub use archive::{ArchiveSettings, S3Credentials};
pub use foresight::ForesightSettings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of `foretell serve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// Folder that everything is kept in. Packages set `/var/lib/foretell`.
    pub data_dir: PathBuf,
    /// Address and port to listen on, as `127.0.0.1:8080` or `[::1]:8080`. Port 0 takes any free
    /// port; the real address is printed.
    pub listen: SocketAddr,
    /// File with the key that secrets are encrypted under. Empty: a key file is made in the data
    /// folder with mode 0600. Keep a copy apart from the data.
    #[schemars(with = "String")]
    pub secret_key_file: PathBuf,
    /// File with the password of the first administrator, read at the first start. The environment
    /// variable `FORETELL_ADMIN_PASSWORD` goes before it. Where there is neither, a password is
    /// made and printed once on standard output.
    #[schemars(with = "String")]
    pub admin_password_file: PathBuf,
    /// What is logged, and how.
    pub log: LogSettings,
    /// How samples and documents are kept.
    pub store: StoreSettings,
    /// Where backups go, and when they are taken.
    pub backup: BackupSettings,
    /// Where days that are over are archived.
    pub archive: ArchiveSettings,
    /// How lines of logs, traps and tops of flows are kept.
    pub events: EventSettings,
    /// Receiving lines of logs by syslog.
    pub syslog: SyslogSettings,
    /// How devices are polled.
    pub poll: PollSettings,
    /// How devices are discovered.
    pub discovery: DiscoverySettings,
    /// Where SNMP traps and informs are heard, and from whom.
    pub traps: TrapSettings,
    /// Where flows (NetFlow, IPFIX, sFlow) are listened for.
    pub flows: FlowSettings,
    /// What is expected of series: anomalies, forecasts, and when limits are reached.
    pub foresight: ForesightSettings,
    /// The page and the programs that talk to the server.
    pub http: HttpSettings,
    /// How the server stops.
    pub shutdown: ShutdownSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./foretell-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            secret_key_file: PathBuf::new(),
            admin_password_file: PathBuf::new(),
            log: LogSettings::default(),
            store: StoreSettings::default(),
            backup: BackupSettings::default(),
            archive: ArchiveSettings::default(),
            events: EventSettings::default(),
            syslog: SyslogSettings::default(),
            poll: PollSettings::default(),
            discovery: DiscoverySettings::default(),
            traps: TrapSettings::default(),
            flows: FlowSettings::default(),
            foresight: ForesightSettings::default(),
            http: HttpSettings::default(),
            shutdown: ShutdownSettings::default(),
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogSettings {
    /// Least severity that is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part, as
    /// `info,foretell_collect=debug`. The environment variable `FORETELL_LOG` is the same key.
    pub filter: String,
    /// For people or for programs.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::People,
        }
    }
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line an event, for people.
    People,
    /// One JSON object a line.
    Json,
}

/// How samples and documents are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoreSettings {
    /// When samples are synced to the disk: `interval` (all that arrived within
    /// `store.sync_interval_ms` share one sync) or `batch` (each poll of each device has its own).
    /// In both, nobody sees a sample before it is synced.
    pub sync: Sync,
    /// Longest time that samples wait for a sync they share, in milliseconds.
    #[schemars(range(min = 1, max = 1000))]
    pub sync_interval_ms: u32,
    /// Days that changes of status and maintenance are kept, from which availability is computed.
    /// They are deleted by whole months.
    #[schemars(range(min = 31, max = 3660))]
    pub history_days: u32,
    /// Days that samples may be old that are written as they are measured; older ones are refused and
    /// counted. Corrections and imports are taken at any age.
    #[schemars(range(min = 1, max = 3660))]
    pub late_days: u32,
    /// Octets of exported files of samples that are kept, for a day at most.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub exchange_bytes_max: u64,
    /// Octets a second of sealed samples that are read again in the background to see whether they are
    /// sound; what is damaged is told. 0: none are.
    #[schemars(range(min = 0, max = 1_073_741_824))]
    pub scrub_bytes_per_sec_max: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            sync: Sync::Interval,
            sync_interval_ms: 100,
            history_days: 400,
            late_days: 7,
            exchange_bytes_max: store::exchange::files::BYTES_MAX_DEFAULT,
            scrub_bytes_per_sec_max: store::series::SCRUB_BYTES_PER_SEC_DEFAULT,
        }
    }
}

/// Where backups go, and when they are taken. None are until a folder is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BackupSettings {
    /// Folder of the backups, for them alone: best on another disk. Empty: none are taken.
    #[schemars(with = "String")]
    pub folder: PathBuf,
    /// File with the key that backups are encrypted under: 64 hexadecimal digits, mode 0600, and a
    /// copy apart from both data and backups. The environment variable `FORETELL_BACKUP_KEY` holds the
    /// key where no file is named. Neither: backups are not encrypted, and the key of the secrets is
    /// not in them.
    #[schemars(with = "String")]
    pub key_file: PathBuf,
    /// Seconds from the beginning of one backup to that of the next, 60 at least. 0: they are taken
    /// only when asked for.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub every_secs: u32,
    /// Days of which the latest backup is kept, besides all of the last 24 hours.
    #[schemars(range(min = 0, max = 366))]
    pub daily_max: u32,
    /// Weeks of which the latest backup is kept.
    #[schemars(range(min = 0, max = 520))]
    pub weekly_max: u32,
    /// Months of which the latest backup is kept.
    #[schemars(range(min = 0, max = 120))]
    pub monthly_max: u32,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            key_file: PathBuf::new(),
            every_secs: 86_400,
            daily_max: 7,
            weekly_max: 4,
            monthly_max: 12,
        }
    }
}

/// When samples are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// After each poll.
    Batch,
    /// Together with what arrives soon after.
    Interval,
}

/// How lines of logs, traps and tops of flows are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventSettings {
    /// Days that they are kept; a UTC day goes when all of it is older.
    #[schemars(range(min = 1, max = 3660))]
    pub keep_days: u32,
    /// Octets that all of them may take on disk. Over it the oldest days go; where the present day
    /// alone is larger, no more is taken until it ends.
    #[schemars(range(min = 16_777_216, max = 1_099_511_627_776_u64))]
    pub size_bytes_max: u64,
    /// Octets of lines of logs, and as many again of traps, about, that one sender may have kept in a
    /// UTC day; what it sends beyond is dropped and told. One that relays for many needs more.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub sender_bytes_per_day_max: u64,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            keep_days: 30,
            size_bytes_max: store::events::SIZE_MAX_DEFAULT,
            // One that floods on each of 30 days takes less than half of the 10 GiB by its lines, and
            // less than half by its traps.
            sender_bytes_per_day_max: 160 << 20,
        }
    }
}

/// Receiving lines of logs by syslog. Nothing is received until an address is listed. Ports below
/// 1024, as the usual 514 and 6514, need the capability `CAP_NET_BIND_SERVICE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyslogSettings {
    /// Addresses and ports to receive datagrams on (RFC 5426), as `["0.0.0.0:514", "[::]:514"]`.
    /// `[::]` hears IPv6 alone: list `0.0.0.0` beside it.
    pub listen_udp: Vec<String>,
    /// Addresses and ports to receive connections on (RFC 6587), as `["0.0.0.0:514"]`.
    pub listen_tcp: Vec<String>,
    /// Addresses and ports to receive connections over TLS on (RFC 5425), as `["0.0.0.0:6514"]`.
    /// They need `certificate_file` and `key_file`.
    pub listen_tls: Vec<String>,
    /// File with the certificate that is shown over TLS and those that it is signed by, in PEM. It is
    /// read again once it changed, as the key and the authorities are.
    #[schemars(with = "String")]
    pub certificate_file: PathBuf,
    /// File with the certificate's private key, in PEM.
    #[schemars(with = "String")]
    pub key_file: PathBuf,
    /// File with the certificates of authorities, in PEM: over TLS, only senders are heard that show a
    /// certificate signed by one of them. Empty: all are.
    #[schemars(with = "String")]
    pub client_authority_file: PathBuf,
    /// Lines a second that are taken of one sender; in a burst five times as many. What is over is
    /// dropped and told.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub source_lines_per_sec_max: u32,
    /// Seconds after which a connection that brings nothing is closed.
    #[schemars(range(min = 10, max = 604_800))]
    pub idle_secs: u32,
}

impl Default for SyslogSettings {
    fn default() -> Self {
        Self {
            listen_udp: Vec::new(),
            listen_tcp: Vec::new(),
            listen_tls: Vec::new(),
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            client_authority_file: PathBuf::new(),
            source_lines_per_sec_max: 1_000,
            idle_secs: 3_600,
        }
    }
}

/// How devices are polled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PollSettings {
    /// Seconds from poll to poll of a device that has no interval of its own.
    #[schemars(range(min = 5, max = 86400))]
    pub default_interval_secs: u32,
    /// Longest wait for one answer before a question is asked again, in milliseconds; a short
    /// interval makes it shorter.
    #[schemars(range(min = 100, max = 60000))]
    pub timeout_ms: u32,
    /// Seconds from one reading of what seldom changes (system, interface names, addresses, VLANs;
    /// neighbours where the device says that they are as they were) to the next. It is also read
    /// whenever a device has restarted or says that it changed.
    #[schemars(range(min = 5, max = 86400))]
    pub details_interval_secs: u32,
    /// Seconds from one reading of the parts of a device to the next. They are also read whenever it
    /// has restarted or says that they changed.
    #[schemars(range(min = 60, max = 604_800))]
    pub inventory_interval_secs: u32,
    /// Devices polled at the same time.
    #[schemars(range(min = 1, max = 10000))]
    pub concurrency_max: u32,
    /// Whether devices are asked for an echo (ICMP) besides SNMP, where the system permits it.
    pub icmp: bool,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            default_interval_secs: 60,
            timeout_ms: 1_500,
            details_interval_secs: 3_600,
            inventory_interval_secs: 86_400,
            concurrency_max: 512,
            icmp: true,
        }
    }
}

/// How devices are discovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DiscoverySettings {
    /// Networks that neighbours may be followed into besides a discovery's own targets, as
    /// `["192.0.2.0/24"]`. A discovery may list more.
    pub allowed_networks: Vec<String>,
    /// Discoveries at work at the same time; more are refused until one ends.
    #[schemars(range(min = 1, max = 16))]
    pub runs_max: u32,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            runs_max: 4,
        }
    }
}

/// Where SNMP traps and informs are heard, and from whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TrapSettings {
    /// Addresses and UDP ports to listen at, as `["0.0.0.0:162", "[::]:162"]`. Empty: traps are not
    /// heard. `[::]` hears IPv6 alone: list `0.0.0.0` beside it. Ports below 1024 need a permission of
    /// the system (CAP_NET_BIND_SERVICE). An address that cannot be bound is told and left out.
    pub listen: Vec<String>,
    /// Whether traps that a stored credential proves, but of senders that are no devices, are kept.
    pub accept_unknown_senders: bool,
    /// Datagrams a second from one sender; 20 seconds of them may come at once. More are dropped and
    /// counted.
    #[schemars(range(min = 1, max = 100_000))]
    pub per_sender_rate_max: u32,
}

impl Default for TrapSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            accept_unknown_senders: false,
            per_sender_rate_max: 50,
        }
    }
}

/// Where flows (NetFlow, IPFIX, sFlow) are listened for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FlowSettings {
    /// Addresses and UDP ports to listen on for NetFlow v5, v9 and IPFIX, as `["0.0.0.0:2055"]`.
    /// None: no such flows are taken. `[::]` hears IPv6 alone: list `0.0.0.0` beside it. A port that
    /// cannot be had is told and does not stop the server.
    #[schemars(with = "Vec<String>")]
    pub listen_netflow: Vec<SocketAddr>,
    /// The same for sFlow v5, as `["0.0.0.0:6343"]`.
    #[schemars(with = "Vec<String>")]
    pub listen_sflow: Vec<SocketAddr>,
    /// Flow records a second that one exporter may send in the long run; twice as many for two
    /// seconds. What is more is dropped and counted, so that one exporter costs no other.
    #[schemars(range(min = 100, max = 10_000_000))]
    pub exporter_flows_per_second_max: u32,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            listen_netflow: Vec::new(),
            listen_sflow: Vec::new(),
            exporter_flows_per_second_max: 100_000,
        }
    }
}

/// The page and the programs that talk to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpSettings {
    /// Whether the session cookie is sent over HTTPS only: `auto` (yes, unless the server listens
    /// on loopback), `always` or `never`.
    pub secure_cookie: SecureCookie,
    /// Origins that pages may come from besides the server's own, as
    /// `["https://monitor.example.net"]` behind a proxy that rewrites Host.
    pub allowed_origins: Vec<String>,
    /// Seconds that a token from `POST /api/v1/auth/login` is good.
    #[schemars(range(min = 60, max = 3600))]
    pub token_lifetime_secs: u32,
    /// Seconds after which a session of the page ends and its user signs in again.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub session_lifetime_secs: u32,
    /// Seconds that a request may take before it is answered with 504.
    #[schemars(range(min = 1, max = 600))]
    pub request_timeout_secs: u32,
    /// Whether `/metrics` is shown to anybody who reaches the server, as to a scraper that cannot
    /// sign in.
    pub open_metrics: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            secure_cookie: SecureCookie::Auto,
            allowed_origins: Vec::new(),
            token_lifetime_secs: 900,
            session_lifetime_secs: 7 * 24 * 3600,
            request_timeout_secs: 30,
            open_metrics: false,
        }
    }
}

/// Whether the session cookie carries `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecureCookie {
    /// Unless the server listens on loopback.
    Auto,
    /// Yes.
    Always,
    /// No: the page is served over plain HTTP.
    Never,
}

/// How the server stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShutdownSettings {
    /// Seconds that an orderly stop may take: polls in flight are given up, what was read is synced,
    /// streams are told. After that the server stops as it is; nothing acknowledged is lost either way.
    #[schemars(range(min = 1, max = 300))]
    pub deadline_secs: u32,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { deadline_secs: 10 }
    }
}
