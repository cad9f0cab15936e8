//! A run of discovery: what was asked for, how far it is, what it found.

use crate::{CredentialId, DeviceId, DiscoveryId, ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Most targets of a run, and most allowed networks; a network is one.
pub const TARGETS_MAX: usize = 1_024;
/// Most credentials of a run: a silent address costs a wait for each.
pub const CREDENTIALS_MAX: usize = 16;
/// Most hops that neighbours are followed.
pub const HOPS_MAX: u8 = 8;

/// What to look for and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiscoveryRequest {
    /// CIDRs (`192.0.2.0/24`), ranges (`192.0.2.10-192.0.2.40`) or single hosts, each with an
    /// optional `:port` on single hosts.
    pub targets: Vec<String>,
    /// How to look.
    pub methods: Vec<Method>,
    /// Tried in this order on each address.
    #[serde(default)]
    pub credential_ids: Vec<CredentialId>,
    /// Networks that neighbours may be followed into besides the targets themselves.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
    /// UDP port of agents.
    #[serde(default = "default_port")]
    pub port: u16,
    /// How many neighbours deep to follow, 0 to 8.
    #[serde(default = "default_hops")]
    pub max_hops: u8,
    /// Whether what is found is registered and polled.
    #[serde(default = "yes")]
    pub register: bool,
}

impl DiscoveryRequest {
    /// Whether one address alone is looked at, as where a candidate is accepted: no network, and no
    /// neighbour of it.
    #[must_use]
    pub fn is_of_one_address(&self) -> bool {
        let [only] = self.targets.as_slice() else {
            return false;
        };
        let only = only.trim();
        let is_address = only.parse::<IpAddr>().is_ok() || only.parse::<SocketAddr>().is_ok();
        is_address && self.max_hops == 0 && self.allowed_networks.is_empty()
    }
}

fn default_port() -> u16 {
    161
}
fn default_hops() -> u8 {
    8
}
fn yes() -> bool {
    true
}

/// A way of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Method {
    /// Echo requests to every target first.
    Icmp,
    /// SNMP identification with each credential in turn.
    Snmp,
    /// Following LLDP and CDP neighbours within the allowed networks.
    Neighbors,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DiscoveryPhase {
    /// At work.
    Running,
    /// Every address was asked.
    Done,
    /// Stopped by an operator.
    Cancelled,
    /// Stopped by a failure or a restart; `reason` says which.
    Failed,
}

/// A run of discovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Discovery {
    /// The id.
    pub id: DiscoveryId,
    /// What was asked for.
    pub request: DiscoveryRequest,
    /// How far it is.
    pub phase: DiscoveryPhase,
    /// Why it failed, or what could not be done (as where ICMP is not permitted).
    #[serde(default)]
    pub notices: Vec<String>,
    /// Addresses to ask that are known so far.
    pub addresses_total: u64,
    /// Addresses asked.
    pub addresses_done: u64,
    /// Addresses that answered anything.
    pub addresses_answered: u64,
    /// Devices found, each once.
    pub devices_found: u64,
    /// Those of them that were not known before.
    #[serde(default)]
    pub devices_new: u64,
    /// The schedule that began it; null where somebody did.
    #[serde(default)]
    pub schedule_id: Option<ScheduleId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What was found at one address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiscoveryResult {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// UDP port of the agent.
    pub port: u16,
    /// How we came to ask it: a target, or a neighbour of another address.
    pub via: String,
    /// Hops from a target: 0 for a target.
    pub hops: u8,
    /// Whether it answered an echo request; none where that was not asked.
    pub icmp_answered: Option<bool>,
    /// What came of SNMP.
    pub snmp: SnmpAnswer,
    /// sysName, where it answered.
    pub name: Option<String>,
    /// sysDescr, where it answered.
    pub description: Option<String>,
    /// Vendor, where it answered.
    pub vendor: Option<String>,
    /// Model, where it answered.
    #[serde(default)]
    pub model: Option<String>,
    /// Operating system, where it answered.
    #[serde(default)]
    pub os: Option<String>,
    /// router, switch, server, ..., where it answered.
    #[serde(default)]
    pub kind: Option<String>,
    /// sysObjectID, dotted, where it answered.
    #[serde(default)]
    pub object_id: Option<String>,
    /// The device it is.
    pub device_id: Option<DeviceId>,
    /// Why it is that device and no other: which identity agreed or conflicted.
    pub identity_reason: Option<String>,
    /// What the rules for new devices said of it, and which ones; none where it is not new.
    #[serde(default)]
    pub rule_reason: Option<String>,
}

/// What came of asking an address by SNMP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SnmpAnswer {
    /// Identified with a credential.
    Identified {
        /// The credential; none where it was given on a command line.
        credential_id: Option<CredentialId>,
    },
    /// An agent is there and refused every credential; what each refusal said.
    Refused {
        /// One sentence a credential.
        reasons: Vec<String>,
    },
    /// Nothing answered; an agent that drops an unknown community looks the same.
    Silent,
    /// SNMP was not asked.
    NotAsked,
}
