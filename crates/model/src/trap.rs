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

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of `docs/formats/traps.md`.
    const WRITTEN: &str = r#"{"version":"v2c","protection":"community","confirmed":true,"credential_id":"01931f5e-0000-7000-8000-000000000001","user":null,"context":null,"engine_id":null,"trap_oid":"1.3.6.1.6.3.1.1.5.3","name":"linkDown","module":"IF-MIB","uptime_seconds":42.42,"agent_address":"192.0.2.1","enterprise":null,"source_port":50000,"known_by":"source_address","interface":"Gi0/17","if_index":17,"objects":[{"oid":"1.3.6.1.2.1.2.2.1.8.17","name":"ifOperStatus.17","kind":"INTEGER","value":"down (2)"}],"consequence":"poll"}"#;

    #[test]
    fn a_body_of_version_1_is_read_and_written_as_it_was() {
        let body: TrapBody = serde_json::from_str(WRITTEN).unwrap();
        assert_eq!(body.name.as_deref(), Some("linkDown"));
        assert_eq!(body.objects[0].value, "down (2)");
        assert_eq!(serde_json::to_string(&body).unwrap(), WRITTEN);
        let sparse: TrapBody = serde_json::from_str(r#"{"trap_oid":"1.3","new":1}"#).unwrap();
        assert_eq!(sparse.trap_oid, "1.3");
    }
}
