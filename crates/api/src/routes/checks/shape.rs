//! Checks as JSON: read, made, patched.

use crate::merge::{self, Change};
use crate::problem::{Answer, Faults};
use crate::text::objection;
use model::check::{
    CheckState, INTERVAL_SECS, Probe, REDIRECTS_MAX, ServiceCheck, TIMEOUT_MS, objection_to_target,
};
use model::{CheckId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use store::documents::Stored;

/// Longest text that a page is looked through for, and longest record of DNS that is expected.
const TEXT_LEN_MAX: usize = 1_000;
/// Most records of DNS that are expected.
const EXPECTED_MAX: usize = 32;

/// A check of a service, and how the service is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ServiceCheck)]
pub(crate) struct CheckResource {
    /// The id.
    pub(super) id: CheckId,
    /// The device that it is a part of; null where it is of none.
    device_id: Option<DeviceId>,
    /// What people call it.
    pub(super) name: String,
    /// Whom it asks.
    pub(super) target: String,
    /// What it asks.
    probe: Probe,
    /// Seconds from check to check.
    interval_secs: u32,
    /// Milliseconds for one check.
    timeout_ms: u32,
    /// Milliseconds above which it is degraded.
    slow_ms: Option<u32>,
    /// Whether it is made.
    enabled: bool,
    /// up, degraded where it answers and something is not as it should be, down; unknown where it is
    /// not made, or was not for three intervals.
    pub(super) status: Status,
    /// Since when.
    since: Option<Timestamp>,
    /// Why, in one sentence.
    detail: String,
    /// When it was made last.
    pub(super) checked_at: Option<Timestamp>,
    /// Seconds that it took; null where nothing answered.
    duration_secs: Option<f64>,
    /// Seconds until the certificate ends, negative where it has.
    certificate_expiry_secs: Option<f64>,
    /// Seconds that the server's clock is before ours.
    ntp_offset_secs: Option<f64>,
    /// Steps from a clock of reference.
    ntp_stratum: Option<u8>,
    /// Seconds that the server's clock may be wrong by, as it says.
    ntp_root_dispersion_secs: Option<f64>,
    /// When it was made.
    created_at: Timestamp,
    /// Counts its changes by operators; the ETag.
    revision: u64,
}

impl CheckResource {
    pub(super) fn of(stored: &Stored<ServiceCheck>, state: CheckState, now: Timestamp) -> Self {
        let check = stored.body.clone();
        let status = check.status(&state, now);
        let outcome = state.outcome;
        Self {
            id: check.id,
            device_id: check.device_id,
            name: check.name,
            target: check.target,
            probe: check.probe,
            interval_secs: check.interval_secs,
            timeout_ms: check.timeout_ms,
            slow_ms: check.slow_ms,
            enabled: check.enabled,
            status,
            since: state.since.filter(|_| status != Status::Unknown),
            detail: outcome.detail,
            checked_at: state.checked_at,
            duration_secs: outcome.duration_secs,
            certificate_expiry_secs: outcome.certificate_expiry_secs,
            ntp_offset_secs: outcome.ntp_offset_secs,
            ntp_stratum: outcome.ntp_stratum,
            ntp_root_dispersion_secs: outcome.ntp_root_dispersion_secs,
            created_at: check.created_at,
            revision: stored.revision,
        }
    }
}

/// What a check is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckCreate {
    /// The device that it is a part of.
    #[serde(default)]
    device_id: Option<DeviceId>,
    /// What people call it; no other check has the same.
    name: String,
    /// Whom to ask: `HOST:PORT` of tcp, the URL of http, the server of dns and ntp.
    #[schema(example = "https://192.0.2.1/")]
    target: String,
    /// What to ask.
    probe: Probe,
    /// Seconds from check to check.
    #[serde(default = "interval")]
    #[schema(default = 60, minimum = 5, maximum = 86400)]
    interval_secs: u32,
    /// Milliseconds for one check.
    #[serde(default = "timeout")]
    #[schema(default = 5000, minimum = 50, maximum = 60000)]
    timeout_ms: u32,
    /// Milliseconds above which it is degraded.
    #[serde(default)]
    slow_ms: Option<u32>,
    /// Whether it is made.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

fn interval() -> u32 {
    60
}
fn timeout() -> u32 {
    5_000
}
fn yes() -> bool {
    true
}

/// A merge patch (RFC 7396) of a check. What is asked is replaced as a whole.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckPatch {
    /// The device that it is a part of; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<DeviceId>)]
    device_id: Change<DeviceId>,
    /// What people call it.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whom to ask.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    target: Option<String>,
    /// What to ask.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    probe: Option<Probe>,
    /// Seconds from check to check.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 5, maximum = 86400)]
    interval_secs: Option<u32>,
    /// Milliseconds for one check.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 50, maximum = 60000)]
    timeout_ms: Option<u32>,
    /// Milliseconds above which it is degraded; null takes that away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<u32>)]
    slow_ms: Change<u32>,
    /// Whether it is made.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl CheckCreate {
    /// The check, looked through.
    pub(super) fn finish(self, id: CheckId, now: Timestamp) -> Answer<ServiceCheck> {
        let mut check = ServiceCheck {
            id,
            device_id: self.device_id,
            name: self.name,
            target: self.target,
            probe: self.probe,
            interval_secs: self.interval_secs,
            timeout_ms: self.timeout_ms,
            slow_ms: self.slow_ms,
            enabled: self.enabled,
            created_at: now,
        };
        look_through(&mut check)?;
        Ok(check)
    }
}

impl CheckPatch {
    /// Puts what is given in the place of what is there.
    pub(super) fn apply(self, check: &mut ServiceCheck) -> Answer<()> {
        if let Some(device_id) = self.device_id {
            check.device_id = device_id;
        }
        if let Some(name) = self.name {
            check.name = name;
        }
        if let Some(target) = self.target {
            check.target = target;
        }
        if let Some(probe) = self.probe {
            check.probe = probe;
        }
        if let Some(secs) = self.interval_secs {
            check.interval_secs = secs;
        }
        if let Some(ms) = self.timeout_ms {
            check.timeout_ms = ms;
        }
        if let Some(ms) = self.slow_ms {
            check.slow_ms = ms;
        }
        if let Some(enabled) = self.enabled {
            check.enabled = enabled;
        }
        look_through(check)
    }
}

fn look_through(check: &mut ServiceCheck) -> Answer<()> {
    let mut faults = Faults::default();
    check.name = check.name.trim().to_owned();
    check.target = check.target.trim().to_owned();
    if check.name.is_empty() {
        faults.add("/name", "a name is needed");
    } else if let Some(objection) = objection(&check.name) {
        faults.add("/name", objection);
    }
    if let Some(objection) = objection_to_target(&check.target, &check.probe) {
        faults.add("/target", objection);
    }
    if !INTERVAL_SECS.contains(&check.interval_secs) {
        faults.add("/interval_secs", "5 to 86400 seconds are expected");
    }
    if !TIMEOUT_MS.contains(&check.timeout_ms) {
        faults.add("/timeout_ms", "50 to 60000 milliseconds are expected");
    }
    match &check.probe {
        Probe::Http(http) => {
            if http.redirects_max > REDIRECTS_MAX {
                let detail = format!("at most {REDIRECTS_MAX} are followed");
                faults.add("/probe/redirects_max", detail);
            }
            if http
                .status
                .is_some_and(|status| !(100..600).contains(&status))
            {
                faults.add("/probe/status", "100 to 599 are expected");
            }
            if http
                .text
                .as_ref()
                .is_some_and(|text| text.len() > TEXT_LEN_MAX)
            {
                let detail = format!("at most {TEXT_LEN_MAX} bytes are taken");
                faults.add("/probe/text", detail);
            }
        }
        Probe::Dns(dns) => {
            let long = |text: &String| text.len() > TEXT_LEN_MAX;
            if dns.expected.len() > EXPECTED_MAX || dns.expected.iter().any(long) {
                let detail = format!("at most {EXPECTED_MAX} of {TEXT_LEN_MAX} bytes are taken");
                faults.add("/probe/expected", detail);
            }
        }
        Probe::Tcp {} | Probe::Ntp(_) => {}
    }
    faults.into_result()
}
