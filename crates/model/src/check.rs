//! Checks of services: what is asked, how often, and how the service is.

use crate::{CheckId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckState {
    /// What came of the latest check.
    pub outcome: Outcome,
    /// Since when its status is what it is.
    pub since: Option<Timestamp>,
    /// When it was checked last.
    pub checked_at: Option<Timestamp>,
}

/// Port of name servers. Source: RFC 1035 section 4.2.
pub const DNS_PORT: u16 = 53;
/// Port of time servers. Source: RFC 5905 section 16.
pub const NTP_PORT: u16 = 123;
/// Longest target, in octets: a URL that people type.
const TARGET_LEN_MAX: usize = 2_000;
/// Intervals without a check after which it is not known any more how a service is.
const FRESH_INTERVALS: u64 = 3;

impl ServiceCheck {
    /// How the service is at `now`: unknown where the check is not made, or was not for a while.
    pub fn status(&self, state: &CheckState, now: Timestamp) -> Status {
        let every = u64::from(self.interval_secs) * FRESH_INTERVALS + 60;
        let fresh = |at: Timestamp| now.since(at).as_secs() <= every;
        match state.checked_at {
            Some(at) if self.enabled && fresh(at) => state.outcome.status,
            _ => Status::Unknown,
        }
    }
}

/// What is wrong with a target; none where it could be asked.
pub fn objection_to_target(target: &str, probe: &Probe) -> Option<String> {
    match probe {
        Probe::Http(_) => objection_to_url(target),
        Probe::Tcp {} => host_and_port(target, None).err(),
        Probe::Ntp(_) => host_and_port(target, Some(NTP_PORT)).err(),
        Probe::Dns(dns) => host_and_port(target, Some(DNS_PORT)).err().or_else(|| {
            let name = dns.name.trim();
            let name = name.strip_suffix('.').unwrap_or(name);
            let label = |label: &str| (1..=63).contains(&label.len());
            let sound = name.is_ascii() && name.len() <= 253;
            let named = name.is_empty() || name.split('.').all(label);
            (!sound || !named).then(|| format!("`{}` is no name", dns.name))
        }),
    }
}

/// Why a URL is not taken; none where it is.
pub fn objection_to_url(url: &str) -> Option<String> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    // A password in a URL is shown wherever the target is.
    let sound = host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
    let plain = url.len() <= TARGET_LEN_MAX && !url.contains(char::is_whitespace);
    (!sound || !plain)
        .then(|| "a URL is expected, http://HOST or https://HOST, without a password".to_owned())
}

/// Host and port of `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare address; else what is wrong with it.
pub fn host_and_port(target: &str, default: Option<u16>) -> Result<(String, u16), String> {
    let wrong = || match default {
        Some(_) => format!("`{target}` is no HOST or HOST:PORT"),
        None => format!("`{target}` is no HOST:PORT"),
    };
    let text = target.trim();
    if text.is_empty() || text.len() > 260 || text.contains([' ', '/']) {
        return Err(wrong());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        let sound = address.port() != 0;
        return sound
            .then(|| (address.ip().to_string(), address.port()))
            .ok_or_else(wrong);
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let port = default.ok_or_else(wrong)?;
        return Ok((address.to_string(), port));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !host.contains(':') => {
            let port = port.parse().ok().filter(|port| *port != 0);
            Ok((host.to_owned(), port.ok_or_else(wrong)?))
        }
        Some(_) => Err(wrong()),
        None => {
            let port = default.ok_or_else(wrong)?;
            Ok((text.to_owned(), port))
        }
    }
}
