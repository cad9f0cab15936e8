//! Devices: what an operator typed, what the device said, and how it is.

use crate::status::Evidence;
use crate::{CredentialId, DeviceId, Status, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The poller that is this server itself.
pub const LOCAL_VANTAGE: &str = "local";

/// A device as it is kept: ground state only. How it is now is a [`DeviceState`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Device {
    /// The id.
    pub id: DeviceId,
    /// The address it is asked at.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// The UDP port of its agent.
    pub port: u16,
    /// Which poller asks it.
    pub vantage: String,
    /// What an operator typed.
    pub typed: Typed,
    /// What the device said of itself at the last complete look.
    pub said: Said,
    /// What tells it from other devices.
    pub identity: Identity,
    /// What it is asked with; none means that SNMP is not asked.
    pub credential_id: Option<CredentialId>,
    /// Seconds from poll to poll, 5 to 86,400.
    pub interval_secs: u32,
    /// An operator works on it: measured as ever, told nobody.
    #[serde(default, deserialize_with = "maintenance")]
    pub maintenance: Option<Maintenance>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Another device answers at its address.
    #[serde(default)]
    pub conflict: Option<Box<IdentityConflict>>,
    /// When another machine took its place with an operator's consent, ascending, at most
    /// [`REPLACED_MAX`]: counters of before and after are those of two machines.
    #[serde(default)]
    pub replaced_at: Vec<Timestamp>,
}

/// Replacements of a device that are kept; the oldest goes. Nobody changes a device more often in
/// the time that samples are kept.
pub const REPLACED_MAX: usize = 64;

/// Another device answers at a device's address: nothing of it is taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentityConflict {
    /// When it first did so.
    pub since: Timestamp,
    /// What differs, in words for an operator.
    pub reason: String,
    /// What it says of itself.
    pub said: Said,
    /// What tells it from others.
    pub met: Identity,
}

impl Device {
    /// Where it is asked.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
    /// Gives it another place to be asked at. Who answers there is to be seen.
    pub fn move_to(&mut self, address: IpAddr, port: u16) {
        if (address, port) != (self.address, self.port) {
            self.conflict = None;
        }
        (self.address, self.port) = (address, port);
    }
    /// Makes it the one that was met at its address, at `now`; says whether there was one.
    pub fn accept_met(&mut self, now: Timestamp) -> bool {
        let Some(conflict) = self.conflict.take() else {
            return false;
        };
        self.said = conflict.said;
        self.identity = conflict.met;
        if self.replaced_at.len() >= REPLACED_MAX {
            self.replaced_at.remove(0);
        }
        self.replaced_at.push(now);
        true
    }
    /// What people call it: the name that was typed, else sysName, else its address.
    pub fn name(&self) -> String {
        self.typed
            .name
            .clone()
            .or_else(|| self.said.name.clone())
            .unwrap_or_else(|| self.address.to_string())
    }
    /// Where it is: what was typed, else sysLocation.
    pub fn location(&self) -> Option<&str> {
        self.typed
            .location
            .as_deref()
            .or(self.said.location.as_deref())
    }
}

/// Work on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Maintenance {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself; none where an operator ends it.
    pub until: Option<Timestamp>,
    /// What for, in the operator's words.
    pub reason: Option<String>,
}

/// Documents of before had `true` or `false`; when it began is not known of those.
fn maintenance<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Maintenance>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Flag(bool),
        Work(Maintenance),
    }
    let kept: Option<Kept> = Option::deserialize(reader)?;
    Ok(match kept {
        None | Some(Kept::Flag(false)) => None,
        Some(Kept::Flag(true)) => Some(Maintenance {
            since: Timestamp::default(),
            until: None,
            reason: None,
        }),
        Some(Kept::Work(work)) => Some(work),
    })
}

/// What an operator typed of a device; it goes before what the device says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Typed {
    /// Name.
    pub name: Option<String>,
    /// Place, in the operator's words.
    pub location: Option<String>,
    /// The site it belongs to.
    pub site: Option<String>,
    /// Free tags.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Name of the device profile that it is read by; none: by those that match what it says.
    #[serde(default)]
    pub profile: Option<String>,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Said {
    /// sysName.
    pub name: Option<String>,
    /// sysDescr.
    pub description: Option<String>,
    /// sysObjectID, dotted.
    pub object_id: Option<String>,
    /// Vendor, from the enterprise number of sysObjectID.
    pub vendor: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Its version.
    pub os_version: Option<String>,
    /// Serial number of the chassis.
    pub serial: Option<String>,
    /// router, switch, server, ...
    pub kind: Option<String>,
    /// sysLocation.
    pub location: Option<String>,
    /// sysContact.
    pub contact: Option<String>,
}

/// What tells one device from another, strongest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Identity {
    /// snmpEngineID in lower-case hex. Source: SNMP-FRAMEWORK-MIB (RFC 3411).
    pub engine_id: Option<String>,
    /// Serial number of the chassis. Source: ENTITY-MIB::entPhysicalSerialNum.
    pub serial: Option<String>,
    /// lldpLocChassisId, a MAC as `aa:bb:cc:dd:ee:ff`. Source: LLDP-MIB.
    pub chassis_id: Option<String>,
    /// dot1dBaseBridgeAddress. Source: BRIDGE-MIB (RFC 4188).
    pub base_mac: Option<String>,
    /// sysName.
    pub sys_name: Option<String>,
    /// MACs of its interfaces, sorted.
    #[serde(default)]
    pub interface_macs: BTreeSet<String>,
    /// Its own addresses, by which neighbours and discoveries may meet it. Not proof of identity.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: BTreeSet<IpAddr>,
}

/// How a device is now: derived, rebuilt by polling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceState {
    /// How it is.
    pub status: Status,
    /// Since when.
    pub status_since: Option<Timestamp>,
    /// Why we say so: the latest outcome of each check.
    pub status_evidence: Vec<Evidence>,
    /// When anything last answered.
    pub last_seen_at: Option<Timestamp>,
    /// Defects in its answers since the server started: what, and how often.
    pub defects: std::collections::BTreeMap<String, u64>,
}
