//! Checks of services: what is asked, how often, and how the service is.

use crate::{CheckId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Serialize};

/// Most checks; each is a task for as long as it asks.
pub const CHECKS_MAX: u64 = 10_000;
/// Shortest and longest time between two checks, in seconds.
pub const INTERVAL_SECS: std::ops::RangeInclusive<u32> = 5..=86_400;
/// Shortest and longest time for one check, in milliseconds.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u32> = 50..=60_000;
/// Most redirects that are followed.
pub const REDIRECTS_MAX: u8 = 10;

/// A check of a service as an operator typed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceCheck {
    /// The id.
    pub id: CheckId,
    /// The device that it is a part of; none where it is of no device of ours.
    pub device_id: Option<DeviceId>,
    /// What people call it.
    pub name: String,
    /// Whom to ask: `HOST:PORT` of tcp, the URL of http, the server of dns and ntp with a port where
    /// it is not the usual one.
    pub target: String,
    /// What is asked.
    pub probe: Probe,
    /// Seconds from check to check.
    pub interval_secs: u32,
    /// Milliseconds for one check.
    pub timeout_ms: u32,
    /// Milliseconds above which it is degraded.
    pub slow_ms: Option<u32>,
    /// Whether it is made.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is asked of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckProbe))]
pub enum Probe {
    /// A connection is made and closed.
    Tcp {},
    /// A page is read (RFC 9110), over TLS where the URL says https.
    Http(HttpProbe),
    /// A question to a name server (RFC 1035).
    Dns(DnsProbe),
    /// The time of a server (RFC 5905).
    Ntp(NtpProbe),
}

/// What is expected of a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckHttp))]
pub struct HttpProbe {
    /// The status; any from 200 to 399 where it is not given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 599))]
    pub status: Option<u16>,
    /// Text that is in the page.
    #[serde(default)]
    pub text: Option<String>,
    /// How many redirects are followed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(maximum = 10))]
    pub redirects_max: u8,
    /// Whether a certificate that is not trusted makes the service degraded rather than down.
    #[serde(default)]
    pub though_untrusted: bool,
    /// Days before its certificate ends from which it is degraded; 14 where it is not given.
    #[serde(default)]
    pub certificate_days: Option<u16>,
}

/// A question to a name server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckDns))]
pub struct DnsProbe {
    /// The name that is asked for.
    pub name: String,
    /// The kind of record.
    #[serde(default)]
    pub record: Record,
    /// Data of records that are all to be among the answers, as `192.0.2.1`.
    #[serde(default)]
    pub expected: Vec<String>,
}

/// A kind of record. Source: RFC 1035, RFC 3596.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckDnsRecord))]
#[allow(missing_docs)]
pub enum Record {
    #[default]
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Txt,
}

/// What is expected of a time server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckNtp))]
pub struct NtpProbe {
    /// Milliseconds that its clock may differ from ours; beyond it is degraded.
    #[serde(default)]
    pub offset_max_ms: Option<u32>,
    /// Greatest stratum that is well.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 15))]
    pub stratum_max: Option<u8>,
    /// Greatest root dispersion that is well, in milliseconds.
    #[serde(default)]
    pub root_dispersion_max_ms: Option<u32>,
}

impl Probe {
    /// Its kind in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tcp {} => "tcp",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Ntp(_) => "ntp",
        }
    }
}

/// What came of one check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CheckOutcomeDetail))]
pub struct Outcome {
    /// up, degraded where it answers and something is not as it should be, or down.
    pub status: Status,
    /// Why, in one sentence.
    pub detail: String,
    /// Seconds that it took; null where nothing answered.
    pub duration_secs: Option<f64>,
    /// Seconds until the certificate ends, negative where it has.
    #[serde(default)]
    pub certificate_expiry_secs: Option<f64>,
    /// Seconds that the server's clock is before ours.
    #[serde(default)]
    pub ntp_offset_secs: Option<f64>,
    /// Steps from a clock of reference.
    #[serde(default)]
    pub ntp_stratum: Option<u8>,
    /// Seconds that the server's clock may be wrong by, as it says.
    #[serde(default)]
    pub ntp_root_dispersion_secs: Option<f64>,
}

/// How a service is: derived, but since when is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckState {
    /// What came of the latest check.
    pub outcome: Outcome,
    /// Since when its status is what it is.
    pub since: Option<Timestamp>,
    /// When it was checked last.
    pub checked_at: Option<Timestamp>,
}
