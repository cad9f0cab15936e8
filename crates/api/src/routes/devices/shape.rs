//! Devices as JSON: read, made, patched.

use super::fields;
use crate::maintenance::{self, Wish};
use crate::merge::{self, Change};
use crate::problem::Answer;
use model::device::{Device, IdentityConflict};
use model::status::Evidence;
use model::{CredentialId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use store::inventory::DeviceRecord;

/// A device: what an operator typed, else what it says of itself, and how it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceResource {
    /// The id.
    id: DeviceId,
    /// What people call it: the name that was typed, else sysName, else its address.
    name: String,
    /// The address it is asked at.
    #[schema(value_type = String, example = "192.0.2.1")]
    address: IpAddr,
    /// The UDP port of its agent.
    port: u16,
    /// Which poller asks it.
    vantage: String,
    /// Vendor.
    vendor: Option<String>,
    /// Model.
    model: Option<String>,
    /// Operating system.
    os: Option<String>,
    /// Its version.
    os_version: Option<String>,
    /// Serial number of the chassis.
    serial: Option<String>,
    /// router, switch, server, ...
    kind: Option<String>,
    /// Where it is: what was typed, else sysLocation.
    location: Option<String>,
    /// The site it belongs to.
    site: Option<String>,
    /// Free tags.
    tags: BTreeSet<String>,
    /// Name of the device profile that was chosen for it; null: it is read by those that match it.
    /// Where none of that name is there any more, those are used, and `status_evidence` says so.
    profile: Option<String>,
    /// How it is.
    status: Status,
    /// Since when.
    status_since: Option<Timestamp>,
    /// Why we say so: the latest outcome of each check.
    status_evidence: Vec<Evidence>,
    /// What it is asked with; null means that SNMP is not asked.
    credential_id: Option<CredentialId>,
    /// Seconds from poll to poll.
    interval_secs: u32,
    /// An operator works on it: measured as ever, told nobody, and left out of health and
    /// availability.
    maintenance: bool,
    /// Since when an operator works on it.
    maintenance_since: Option<Timestamp>,
    /// When that ends by itself; null where an operator ends it.
    maintenance_until: Option<Timestamp>,
    /// What for, in the operator's words.
    maintenance_reason: Option<String>,
    /// When anything last answered.
    last_seen_at: Option<Timestamp>,
    /// Another device that answers at its address; null where none does. Nothing of it is taken in
    /// until the known device answers again, or an operator accepts the other in its place, or
    /// gives the known one its new address.
    identity_conflict: Option<ConflictResource>,
    /// When it was registered.
    created_at: Timestamp,
    /// Counts its changes; the ETag.
    revision: u64,
}

impl DeviceResource {
    pub(crate) fn of(record: &DeviceRecord) -> Self {
        let device = &record.device.body;
        let said = device.said.clone();
        let state = record.state.clone();
        let work = device.maintenance.clone();
        Self {
            id: device.id,
            name: device.name(),
            address: device.address,
            port: device.port,
            vantage: device.vantage.clone(),
            vendor: said.vendor,
            model: said.model,
            os: said.os,
            os_version: said.os_version,
            serial: said.serial,
            kind: said.kind,
            location: device.location().map(str::to_owned),
            site: device.typed.site.clone(),
            tags: device.typed.tags.clone(),
            profile: device.typed.profile.clone(),
            status: state.status,
            status_since: state.status_since,
            status_evidence: state.status_evidence,
            credential_id: device.credential_id,
            interval_secs: device.interval_secs,
            maintenance: work.is_some(),
            maintenance_since: work.as_ref().map(|work| work.since),
            maintenance_until: work.as_ref().and_then(|work| work.until),
            maintenance_reason: work.and_then(|work| work.reason),
            last_seen_at: state.last_seen_at,
            identity_conflict: device.conflict.as_deref().map(ConflictResource::of),
            created_at: device.created_at,
            revision: record.device.revision,
        }
    }
}

/// Another device that answers at a device's address.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = IdentityConflict)]
pub(crate) struct ConflictResource {
    /// Since when.
    since: Timestamp,
    /// What differs, in words for an operator.
    #[schema(example = "serial number FCW1 was known, FCW2 is said here")]
    reason: String,
    /// What the other says of itself.
    met: MetResource,
}

/// What a device says of itself that is met in the place of another.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MetDevice)]
pub(crate) struct MetResource {
    /// sysName.
    name: Option<String>,
    /// sysDescr.
    description: Option<String>,
    /// Vendor.
    vendor: Option<String>,
    /// Model.
    model: Option<String>,
    /// Operating system.
    os: Option<String>,
    /// Its version.
    os_version: Option<String>,
    /// router, switch, server, ...
    kind: Option<String>,
    /// sysLocation.
    location: Option<String>,
    /// Serial number of the chassis.
    serial: Option<String>,
    /// snmpEngineID in lower-case hex.
    engine_id: Option<String>,
    /// lldpLocChassisId.
    chassis_id: Option<String>,
    /// dot1dBaseBridgeAddress.
    base_mac: Option<String>,
}

impl ConflictResource {
    fn of(conflict: &IdentityConflict) -> Self {
        let IdentityConflict {
            since,
            reason,
            said,
            met,
        } = conflict.clone();
        Self {
            since,
            reason,
            met: MetResource {
                name: said.name,
                description: said.description,
                vendor: said.vendor,
                model: said.model,
                os: said.os,
                os_version: said.os_version,
                kind: said.kind,
                location: said.location,
                serial: met.serial,
                engine_id: met.engine_id,
                chassis_id: met.chassis_id,
                base_mac: met.base_mac,
            },
        }
    }
}

/// What a device is made from.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceCreate {
    /// The address it is asked at.
    #[schema(value_type = String, example = "192.0.2.1")]
    pub(super) address: IpAddr,
    /// The UDP port of its agent.
    #[serde(default = "fields::default_port")]
    #[schema(default = 161, minimum = 1)]
    pub(super) port: u16,
    /// A name to go before sysName.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// A place to go before sysLocation.
    #[serde(default)]
    pub(super) location: Option<String>,
    /// The site it belongs to.
    #[serde(default)]
    pub(super) site: Option<String>,
    /// Free tags.
    #[serde(default)]
    pub(super) tags: BTreeSet<String>,
    /// Name of the device profile that it is read by; where it is not given, by those that match.
    #[serde(default)]
    pub(super) profile: Option<String>,
    /// What it is asked with; without it SNMP is not asked.
    #[serde(default)]
    pub(super) credential_id: Option<CredentialId>,
    /// Seconds from poll to poll; where it is not given, what the server is set to, 60 by default.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 86400)]
    pub(super) interval_secs: Option<u32>,
    /// An operator works on it.
    #[serde(default)]
    pub(super) maintenance: bool,
    /// When that is to end by itself.
    #[serde(default)]
    pub(super) maintenance_until: Option<Timestamp>,
    /// What for.
    #[serde(default)]
    pub(super) maintenance_reason: Option<String>,
}

/// A merge patch (RFC 7396) of what an operator types of a device.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevicePatch {
    /// The address it is asked at.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(value_type = Option<String>, nullable = false)]
    address: Option<IpAddr>,
    /// The UDP port of its agent.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 1)]
    port: Option<u16>,
    /// A name to go before sysName; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    name: Change<String>,
    /// A place to go before sysLocation; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    location: Change<String>,
    /// The site it belongs to; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    site: Change<String>,
    /// All its tags; null takes them away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<BTreeSet<String>>)]
    tags: Change<BTreeSet<String>>,
    /// Name of the device profile that it is read by; null: by those that match it. All of it is
    /// read anew.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    profile: Change<String>,
    /// What it is asked with; null stops asking SNMP.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<CredentialId>)]
    credential_id: Change<CredentialId>,
    /// Seconds from poll to poll.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false, minimum = 5, maximum = 86400)]
    interval_secs: Option<u32>,
    /// An operator works on it; false ends that, and takes the end and the reason away.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    maintenance: Option<bool>,
    /// When that is to end by itself, in the future; null: not by itself.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<Timestamp>)]
    maintenance_until: Change<Timestamp>,
    /// What for; null takes it away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    maintenance_reason: Change<String>,
}

impl DevicePatch {
    /// Puts what is given in the place of what is there, at `now`.
    pub(super) fn apply(self, device: &mut Device, now: Timestamp) -> Answer<()> {
        maintenance::apply(
            device,
            Wish {
                on: self.maintenance,
                until: self.maintenance_until,
                reason: self.maintenance_reason,
            },
            now,
        )?;
        let address = self.address.map(|address| address.to_canonical());
        device.move_to(
            address.unwrap_or(device.address),
            self.port.unwrap_or(device.port),
        );
        if let Some(name) = self.name {
            device.typed.name = name;
        }
        if let Some(location) = self.location {
            device.typed.location = location;
        }
        if let Some(site) = self.site {
            device.typed.site = site;
        }
        if let Some(tags) = self.tags {
            device.typed.tags = tags.unwrap_or_default();
        }
        if let Some(profile) = self.profile {
            device.typed.profile = profile;
        }
        if let Some(credential_id) = self.credential_id {
            device.credential_id = credential_id;
        }
        if let Some(interval_secs) = self.interval_secs {
            device.interval_secs = interval_secs;
        }
        Ok(())
    }
}
