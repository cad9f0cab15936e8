//! Notifications of SNMPv1 and v2c, which a community in the clear goes with.

use super::content::{self, NoContent};
use super::{Accepted, Notification, Outcome, Protection, Rejection, Taken, Version, reply};
use async_snmp::DecodeConfig;
use async_snmp::message::{CommunityMessage, CommunityPdu};
use bytes::Bytes;

pub(super) fn take(accepted: &Accepted, datagram: Bytes) -> Taken {
    let Ok(decoded) = CommunityMessage::decode(datagram, DecodeConfig::DEFAULT) else {
        return Taken::rejected(Rejection::Malformed);
    };
    let anomalies = decoded.anomalies.len() as u64;
    let (version, community, pdu) = decoded.value.into_parts();
    let content = match &pdu {
        CommunityPdu::TrapV1(trap) => content::of_v1(trap),
        CommunityPdu::Standard(pdu) => content::of_pdu(pdu),
    };
    let content = match content {
        Ok(content) => content,
        Err(NoContent::Malformed) => return Taken::rejected(Rejection::Malformed),
        Err(NoContent::NotANotification) => {
            return Taken::rejected(Rejection::NotANotification);
        }
    };
    let Some(credential) = accepted.community(community.as_bytes()) else {
        return Taken::rejected(Rejection::UnknownCommunity);
    };
    let reply = match &pdu {
        CommunityPdu::Standard(pdu) if content.confirmed => reply::to_community(&community, pdu),
        _ => None,
    };
    let notification = Notification {
        version: match version {
            async_snmp::Version::V1 => Version::V1,
            _ => Version::V2c,
        },
        protection: Protection::Community,
        confirmed: content.confirmed,
        request_id: content.request_id,
        credential,
        user: None,
        context: None,
        engine_id: None,
        trap_oid: content.trap_oid,
        uptime: content.uptime,
        agent_address: content.agent_address,
        enterprise: content.enterprise,
        objects: content.objects,
        defects: anomalies.saturating_add(content.left_out),
    };
    Taken {
        outcome: Outcome::Notification(Box::new(notification)),
        reply,
    }
}

impl Accepted {
    /// Place of the first credential with this community. All are compared, each to its end, so
    /// that the time taken tells nothing of how much of one was right.
    fn community(&self, community: &[u8]) -> Option<usize> {
        let mut found = None;
        for (place, credentials) in self.0.iter().enumerate() {
            if credentials.is_community(community) {
                found = found.or(Some(place));
            }
        }
        found
    }
}
