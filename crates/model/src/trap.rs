//! What a trap or an inform said: the body of an [`crate::EventRecord`] of the kind
//! [`crate::EventKind::Trap`].

use crate::CredentialId;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A trap or an inform, in the form of SNMPv2.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrapBody {
    /// `v1`, `v2c` or `v3`.
    pub version: String,
    /// `community`, `no_auth_no_priv`, `auth_no_priv` or `auth_priv`. Only the last two prove who
    /// sent it.
    pub protection: String,
    /// Whether its sender was answered (inform).
    pub confirmed: bool,
    /// The credential that it was believed by.
    pub credential_id: Option<CredentialId>,
    /// The user of SNMPv3.
    pub user: Option<String>,
    /// contextName of SNMPv3.
    pub context: Option<String>,
    /// snmpEngineID of its maker in lower-case hex.
    pub engine_id: Option<String>,
    /// snmpTrapOID: what happened.
    pub trap_oid: String,
    /// Its name in its MIB, where that is known.
    pub name: Option<String>,
    /// That MIB.
    pub module: Option<String>,
    /// sysUpTime of its maker in seconds.
    pub uptime_seconds: Option<f64>,
    /// The address that it names as its maker's.
    pub agent_address: Option<IpAddr>,
    /// enterprise of SNMPv1 or snmpTrapEnterprise.
    pub enterprise: Option<String>,
    /// The UDP port that it came from.
    pub source_port: u16,
    /// By what its device was known: `engine_id`, `named_address` or `source_address`.
    pub known_by: Option<String>,
    /// The interface that it is about, by name as it was then.
    pub interface: Option<String>,
    /// ifIndex that it names.
    pub if_index: Option<u32>,
    /// The objects that it carries.
    pub objects: Vec<TrapObject>,
    /// What was done about it: `poll`, `reread` or none.
    pub consequence: Option<String>,
}

/// An object that a trap carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TrapObject {
    /// Its OID.
    pub oid: String,
    /// Its name with its instance, as `ifIndex.17`, where that is known.
    pub name: Option<String>,
    /// The type of its value.
    pub kind: String,
    /// Its value: numbers in decimal, strings as text or, where they are none, `0x` and hexadecimal
    /// digits.
    pub value: String,
}
