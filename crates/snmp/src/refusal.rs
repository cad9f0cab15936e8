//! Why a datagram that came for a request was not its answer.
//!
//! A SNMPv3 agent that refuses credentials says so in a Report without authentication, which a
//! client may not take for an answer; taken for nothing, wrong credentials look like silence. So the
//! Report is read for the diagnosis alone: it ends the request, and changes no state. Who wants to
//! forge one must guess the msgID.

use crate::error::Refusal;
use async_snmp::message::{Message, V3Message};
use async_snmp::v3::{ReportStatus, classify_report};
use async_snmp::{DecodeConfig, Oid, oid};
use bytes::Bytes;

/// What a datagram that is not the answer is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnosis {
    /// A Report by which the agent refuses.
    Refused(Refusal),
    /// Not an SNMP message that can be read.
    Malformed,
    /// A sound message that answers something else.
    Other,
}

/// What a datagram that was not accepted as an answer is.
pub fn diagnose(version: u8, datagram: Bytes) -> Diagnosis {
    if version != 3 {
        return match Message::decode(datagram, DecodeConfig::DEFAULT) {
            Ok(_) => Diagnosis::Other,
            Err(_) => Diagnosis::Malformed,
        };
    }
    let Ok(decoded) = V3Message::decode(datagram, DecodeConfig::DEFAULT) else {
        return Diagnosis::Malformed;
    };
    let Some(pdu) = decoded.value.pdu() else {
        return Diagnosis::Other;
    };
    match classify_report(pdu) {
        Ok(status) => Diagnosis::Refused(refusal(&status)),
        Err(_) => Diagnosis::Other,
    }
}

/// The refusal that a Report states.
pub(crate) fn refusal(status: &ReportStatus) -> Refusal {
    match status {
        ReportStatus::UnsupportedSecurityLevel { .. } => Refusal::UnsupportedSecurityLevel,
        ReportStatus::NotInTimeWindow { .. } => Refusal::NotInTimeWindow,
        ReportStatus::UnknownUserName { .. } => Refusal::UnknownUser,
        ReportStatus::UnknownEngineId { .. } => Refusal::UnknownEngine,
        ReportStatus::WrongDigest { .. } => Refusal::WrongDigest,
        ReportStatus::DecryptionError { .. } => Refusal::DecryptionError,
        ReportStatus::Other { oid, .. } if is_context(oid) => Refusal::UnknownContext,
        _ => Refusal::Other,
    }
}

/// snmpUnavailableContexts and snmpUnknownContexts of SNMP-TARGET-MIB (RFC 3413).
fn is_context(oid: &Oid) -> bool {
    *oid == oid!(1, 3, 6, 1, 6, 3, 12, 1, 4, 0) || *oid == oid!(1, 3, 6, 1, 6, 3, 12, 1, 5, 0)
}
