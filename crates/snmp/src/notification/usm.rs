//! Notifications of SNMPv3: who sent them, whether they are fresh, and what they hide, in the steps
//! of RFC 3414 section 3.2.

use super::content::{self, NoContent};
use super::reply::Envelope;
use super::{Accepted, Notification, Outcome, Protection, Receiver, Rejection, Taken, Version};
use crate::credentials::{Credentials, User};
use async_snmp::message::{RawMsgData, RawV3Message, ScopedPdu, SecurityLevel};
use async_snmp::v3::auth::verify_message;
use async_snmp::v3::{LocalizedKey, PrivKey, UsmSecurityParams, report_oids};
use async_snmp::{DecodeAnomaly, DecodeConfig, Oid, PrivProtocol, ber::Decoder};
use bytes::Bytes;
use std::time::Duration;

/// Octets that CBC pads a scoped PDU by.
const DES_PADDING_MAX: usize = 7;

type Keys = (LocalizedKey, Option<PrivKey>);

/// A message, read but not believed.
struct Raw<'a> {
    message: RawV3Message,
    usm: UsmSecurityParams,
    /// What the digest is about: the datagram without what follows the message.
    signed: &'a [u8],
    anomalies: u64,
}

/// Who sent a message.
struct Sender<'a> {
    credential: usize,
    user: &'a User,
    /// On the authoritative engine; none at noAuthNoPriv.
    keys: Option<Keys>,
}

pub(super) fn take(receiver: &mut Receiver, datagram: &Bytes, elapsed: Duration) -> Taken {
    let Some(raw) = read(datagram) else {
        return Taken::rejected(Rejection::Malformed);
    };
    if raw.usm.engine_id().is_empty() {
        return discovery(receiver, &raw, elapsed);
    }
    let accepted = std::mem::take(&mut receiver.accepted);
    let taken = take_from(receiver, &accepted, &raw, elapsed);
    receiver.accepted = accepted;
    let is_believed = matches!(taken.outcome, Outcome::Notification(_));
    if is_believed || !reportable(&raw) || raw.usm.engine_id() == receiver.engine.id() {
        return taken;
    }
    // It wants an answer of an engine that is not here, as ours was before it got another id. Told
    // so, its sender asks who we are; whatever else is wrong with it shows then. Source: step 3.
    let outcome = match raw.message.msg_data() {
        RawMsgData::Plaintext { .. } => Outcome::Rejected(Rejection::UnknownEngine),
        // It may hide a trap, whose sender asks nobody: what is wrong with it is told now.
        RawMsgData::Encrypted(_) => taken.outcome,
    };
    Taken {
        outcome,
        reply: unknown_engine(receiver, &raw, elapsed),
    }
}

fn read(datagram: &Bytes) -> Option<Raw<'_>> {
    let decoded = RawV3Message::decode(datagram.clone(), DecodeConfig::DEFAULT).ok()?;
    let trailing = decoded.anomalies.iter().find_map(|anomaly| match anomaly {
        DecodeAnomaly::TrailingBytes {
            original_length, ..
        } => Some(*original_length),
        _ => None,
    });
    let signed = datagram.get(..datagram.len().checked_sub(trailing.unwrap_or(0))?)?;
    let parameters = decoded.value.security_params().clone();
    let usm = UsmSecurityParams::decode(parameters, DecodeConfig::DEFAULT).ok()?;
    Some(Raw {
        anomalies: (decoded.anomalies.len() + usm.anomalies.len()) as u64,
        message: decoded.value,
        usm: usm.value,
        signed,
    })
}

/// A sender of informs asks who we are.
fn discovery(receiver: &mut Receiver, raw: &Raw<'_>, elapsed: Duration) -> Taken {
    let reply = unknown_engine(receiver, raw, elapsed);
    Taken {
        outcome: Outcome::Discovery,
        reply,
    }
}

/// The Report by which a sender learns who we are, where it can take one.
fn unknown_engine(receiver: &mut Receiver, raw: &Raw<'_>, elapsed: Duration) -> Option<Bytes> {
    receiver.unknown_engines = receiver.unknown_engines.wrapping_add(1);
    let count = receiver.unknown_engines;
    reportable(raw)
        .then(|| {
            let envelope = envelope(receiver, raw, elapsed);
            envelope.report(report_oids::unknown_engine_ids(), count, None)
        })
        .flatten()
}

fn take_from(
    receiver: &mut Receiver,
    accepted: &Accepted,
    raw: &Raw<'_>,
    elapsed: Duration,
) -> Taken {
    let sender = match sender(accepted, raw) {
        Ok(sender) => sender,
        Err(reason) => return refuse(receiver, raw, reason, None, elapsed),
    };
    let is_ours = raw.usm.engine_id() == receiver.engine.id();
    if let Some((key, _)) = &sender.keys {
        let (boots, time) = (raw.usm.engine_boots(), raw.usm.engine_time());
        if is_ours && !receiver.engine.is_fresh(boots, time, elapsed) {
            // By this Report a sender learns our time; it is not of much use to tell it in vain.
            return refuse(
                receiver,
                raw,
                Rejection::NotInTimeWindow,
                Some(key),
                elapsed,
            );
        }
        if !is_ours && !receiver.is_timely(raw.usm.engine_id(), boots, time, elapsed) {
            return Taken::rejected(Rejection::NotInTimeWindow);
        }
    }
    let scoped = match scoped(raw, sender.keys.as_ref()) {
        Ok(scoped) => scoped,
        Err(reason) => return refuse(receiver, raw, reason, None, elapsed),
    };
    let content = match content::of_pdu(&scoped.pdu) {
        Ok(content) => content,
        Err(NoContent::NotANotification) => {
            return Taken::rejected(Rejection::NotANotification);
        }
        Err(NoContent::Malformed) => return Taken::rejected(Rejection::Malformed),
    };
    // Whoever takes a confirmed message is authoritative for it (RFC 3414 section 1.5.1).
    if content.confirmed && !is_ours {
        return Taken::rejected(Rejection::UnknownEngine);
    }
    let level = raw.message.security_level();
    let reply = content
        .confirmed
        .then(|| {
            envelope(receiver, raw, elapsed).response(
                &scoped,
                sender.keys.as_ref(),
                level,
                &receiver.salts,
            )
        })
        .flatten();
    let engine_id = if content.confirmed {
        &scoped.context_engine_id
    } else {
        raw.usm.engine_id()
    };
    let notification = Notification {
        version: Version::V3,
        protection: match level {
            SecurityLevel::NoAuthNoPriv => Protection::NoAuthNoPriv,
            SecurityLevel::AuthNoPriv => Protection::AuthNoPriv,
            SecurityLevel::AuthPriv => Protection::AuthPriv,
        },
        confirmed: content.confirmed,
        request_id: content.request_id,
        credential: sender.credential,
        user: Some(sender.user.name().to_owned()),
        context: Some(String::from_utf8_lossy(&scoped.context_name).into_owned())
            .filter(|name| !name.is_empty()),
        // Copied, so that what is kept does not hold the whole datagram.
        engine_id: Some(Bytes::copy_from_slice(engine_id)).filter(|id| !id.is_empty()),
        trap_oid: content.trap_oid,
        uptime: content.uptime,
        agent_address: content.agent_address,
        enterprise: content.enterprise,
        objects: content.objects,
        defects: raw.anomalies.saturating_add(content.left_out),
    };
    Taken {
        outcome: Outcome::Notification(Box::new(notification)),
        reply,
    }
}

/// Whose message it is. Several credentials may have one user's name, with other pass phrases: the
/// one whose digest is right is the sender's. Source: steps 4 to 6.
fn sender<'a>(accepted: &'a Accepted, raw: &Raw<'_>) -> Result<Sender<'a>, Rejection> {
    let level = raw.message.security_level();
    // Of several reasons the one that came nearest to being believed is told.
    let mut reason = Rejection::UnknownUser;
    for (credential, user) in accepted.users(raw.usm.username()) {
        let right = user.level();
        if level > right {
            reason = reason.max(Rejection::UnsupportedSecurityLevel);
            continue;
        }
        // A user that can authenticate and does not is not believed to be that user.
        if level < right {
            reason = reason.max(Rejection::SecurityLevelTooLow);
            continue;
        }
        if level == SecurityLevel::NoAuthNoPriv {
            let keys = None;
            return Ok(Sender {
                credential,
                user,
                keys,
            });
        }
        let keys = user
            .master_keys()
            .and_then(|keys| keys.localize(raw.usm.engine_id()).ok());
        match keys {
            Some(keys) if is_genuine(raw, &keys.0) => {
                return Ok(Sender {
                    credential,
                    user,
                    keys: Some(keys),
                });
            }
            _ => reason = reason.max(Rejection::WrongDigest),
        }
    }
    Err(reason)
}

fn is_genuine(raw: &Raw<'_>, key: &LocalizedKey) -> bool {
    let Some((offset, length)) = UsmSecurityParams::find_auth_params_offset(raw.signed) else {
        return false;
    };
    length == key.mac_len() && verify_message(key, raw.signed, offset, length).unwrap_or(false)
}

/// What a message carries, deciphered. Source: step 8.
fn scoped(raw: &Raw<'_>, keys: Option<&Keys>) -> Result<ScopedPdu, Rejection> {
    match raw.message.msg_data() {
        RawMsgData::Plaintext { data, .. } => decode(data.clone(), 0).ok_or(Rejection::Malformed),
        RawMsgData::Encrypted(hidden) => {
            let key = keys
                .and_then(|(_, privacy)| privacy.as_ref())
                .ok_or(Rejection::DecryptionError)?;
            let usm = &raw.usm;
            let (boots, time) = (usm.engine_boots(), usm.engine_time());
            let padding = match key.protocol() {
                PrivProtocol::Des | PrivProtocol::Des3 => DES_PADDING_MAX,
                _ => 0,
            };
            // A wrong key deciphers to what is no scoped PDU.
            key.decrypt(hidden, boots, time, usm.priv_params())
                .ok()
                .and_then(|scoped| decode(scoped, padding))
                .ok_or(Rejection::DecryptionError)
        }
    }
}

fn decode(data: Bytes, padding_max: usize) -> Option<ScopedPdu> {
    let mut decoder = Decoder::new(data).with_decode_config(DecodeConfig::DEFAULT);
    let scoped = ScopedPdu::decode(&mut decoder).ok()?;
    (decoder.remaining() <= padding_max).then_some(scoped)
}

/// Refuses, with a Report where the sender can take one.
fn refuse(
    receiver: &mut Receiver,
    raw: &Raw<'_>,
    reason: Rejection,
    key: Option<&LocalizedKey>,
    elapsed: Duration,
) -> Taken {
    let mut taken = Taken::rejected(reason);
    let Some(counter) = counter(reason) else {
        return taken;
    };
    let count = receiver.reported.entry(reason).or_default();
    *count = count.wrapping_add(1);
    let count = *count;
    if reportable(raw) {
        taken.reply = envelope(receiver, raw, elapsed).report(counter, count, key);
        // A sender that learns our time by a Report has not failed: it has only begun.
        if reason == Rejection::NotInTimeWindow && raw.usm.engine_boots() == 0 {
            taken.outcome = Outcome::Discovery;
        }
    }
    taken
}

/// The counter of usmStats that is reported.
fn counter(reason: Rejection) -> Option<Oid> {
    Some(match reason {
        Rejection::UnknownUser => report_oids::unknown_user_names(),
        Rejection::UnsupportedSecurityLevel => report_oids::unsupported_sec_levels(),
        Rejection::WrongDigest => report_oids::wrong_digests(),
        Rejection::NotInTimeWindow => report_oids::not_in_time_windows(),
        Rejection::DecryptionError => report_oids::decryption_errors(),
        _ => return None,
    })
}

/// Whether a Report is sent. Some agents set the flag in traps against the rules, but it counts only
/// where the PDU cannot be read: a trap is never answered. Source: RFC 3412 section 6.4.
fn reportable(raw: &Raw<'_>) -> bool {
    let is_asked = raw.message.global_data().msg_flags().reportable;
    is_asked
        && match raw.message.msg_data() {
            RawMsgData::Plaintext { data, .. } => {
                decode(data.clone(), 0).is_none_or(|scoped| scoped.pdu.is_confirmed())
            }
            RawMsgData::Encrypted(_) => true,
        }
}

fn envelope<'a>(receiver: &'a Receiver, raw: &Raw<'_>, elapsed: Duration) -> Envelope<'a> {
    Envelope {
        engine: &receiver.engine,
        elapsed,
        user: raw.usm.username().clone(),
        msg_id: raw.message.msg_id(),
        msg_max_size: raw.message.global_data().msg_max_size().as_usize(),
    }
}

impl Accepted {
    /// Users of this name, with the places of their credentials.
    fn users<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = (usize, &'a User)> {
        let places = self.0.iter().enumerate();
        places.filter_map(move |(place, credentials)| match credentials.as_ref() {
            Credentials::V3(user) if user.name().as_bytes() == name => Some((place, user)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::LocalEngine;
    use async_snmp::message::{MsgFlags, MsgGlobalData, V3Message};
    use async_snmp::pdu::{NotificationPdu, Pdu};
    use async_snmp::{UDP_RECEIVE_LIMITS, oid};

    const OURS: &[u8] = &[0x80, 0, 0, 0, 5, 1, 2, 3, 4];
    const BEFORE: &[u8] = &[0x80, 0, 0, 0, 5, 9, 9, 9, 9];

    fn message(pdu: Pdu, reportable: bool) -> Bytes {
        let size = UDP_RECEIVE_LIMITS.advertised();
        let flags = MsgFlags::new(SecurityLevel::NoAuthNoPriv, reportable);
        let header = MsgGlobalData::new(77, size, flags).unwrap();
        let usm = UsmSecurityParams::new(Bytes::from_static(BEFORE), 3, 1_000, "ops");
        let scoped = ScopedPdu::new(Bytes::from_static(BEFORE), Bytes::new(), pdu);
        let message = V3Message::new(header, usm.unwrap().encode().unwrap(), scoped);
        message.unwrap().encode().unwrap()
    }

    #[test]
    fn a_sender_that_knows_our_engine_by_an_old_id_is_told_so() {
        let link_down = oid!(1, 3, 6, 1, 6, 3, 1, 1, 5, 3);
        let version = async_snmp::Version::V3;
        let inform = NotificationPdu::inform(version, 5, 1, &link_down, Vec::new()).unwrap();
        let trap = NotificationPdu::trap_v2(version, 5, 1, &link_down, Vec::new()).unwrap();
        let mut receiver = Receiver::new(LocalEngine::new(OURS, 7).unwrap());
        let elapsed = Duration::from_secs(50);
        for count in 1..3 {
            let taken = receiver.take(&message(inform.clone().into_raw(), true), elapsed);
            let unknown = Outcome::Rejected(Rejection::UnknownEngine);
            assert_eq!(taken.outcome, unknown);
            let reply = taken.reply.unwrap();
            let raw = read(&reply).unwrap();
            assert_eq!(raw.usm.engine_id(), OURS);
            assert_eq!(raw.message.msg_id(), 77);
            assert_eq!((raw.usm.engine_boots(), raw.usm.engine_time()), (7, 50));
            let report = scoped(&raw, None).unwrap().pdu;
            let told = report.varbinds().first().unwrap();
            assert_eq!(told.oid, report_oids::unknown_engine_ids());
            assert_eq!(told.value, async_snmp::Value::Counter32(count));
        }
        // A trap is of the engine of its sender, and its user is what is not known.
        let taken = receiver.take(&message(trap.into_raw(), false), elapsed);
        assert_eq!(taken.outcome, Outcome::Rejected(Rejection::UnknownUser));
        assert_eq!(taken.reply, None);
    }

    #[test]
    fn a_trap_that_asks_for_a_report_is_told_for_what_is_wrong_with_it() {
        let link_down = oid!(1, 3, 6, 1, 6, 3, 1, 1, 5, 3);
        let version = async_snmp::Version::V3;
        let trap = NotificationPdu::trap_v2(version, 5, 1, &link_down, Vec::new()).unwrap();
        let mut receiver = Receiver::new(LocalEngine::new(OURS, 7).unwrap());
        let elapsed = Duration::from_secs(50);
        let plain = message(trap.into_raw(), true);
        let taken = receiver.take(&plain, elapsed);
        assert_eq!(taken.outcome, Outcome::Rejected(Rejection::UnknownUser));
        assert_eq!(taken.reply, None, "a trap is not answered");
        // What is enciphered may be an inform: its sender is told who we are.
        let hidden = hidden();
        let phrase = |protocol| Some((protocol, "not the phrase at all".into()));
        let auth = phrase(crate::AuthProtocol::Sha256);
        let privacy = Some((crate::PrivacyProtocol::Aes128, "nor this one".into()));
        let user = User::new("ops", auth, privacy, "").unwrap();
        let other = vec![std::sync::Arc::new(Credentials::V3(user))];
        for (believed, reason) in [
            (Vec::new(), Rejection::UnknownUser),
            (other, Rejection::WrongDigest),
        ] {
            receiver.believe(believed);
            let taken = receiver.take(&hidden, elapsed);
            assert_eq!(taken.outcome, Outcome::Rejected(reason));
            let raw = read(taken.reply.as_ref().unwrap()).unwrap();
            let report = scoped(&raw, None).unwrap().pdu;
            let told = report.varbinds().first().unwrap();
            assert_eq!(told.oid, report_oids::unknown_engine_ids());
        }
    }

    /// A message whose PDU nobody can read, and which asks for a Report.
    fn hidden() -> Bytes {
        let size = UDP_RECEIVE_LIMITS.advertised();
        let flags = MsgFlags::new(SecurityLevel::AuthPriv, true);
        let header = MsgGlobalData::new(78, size, flags).unwrap();
        let usm = UsmSecurityParams::new(Bytes::from_static(BEFORE), 3, 1_000, "ops").unwrap();
        let usm = usm.with_auth_placeholder(24).unwrap();
        let usm = usm.with_priv_params(Bytes::from_static(&[1; 8])).unwrap();
        let secret = Bytes::from_static(&[7; 64]);
        let message =
            V3Message::new_with_opaque_encrypted_scoped_pdu(header, usm.encode().unwrap(), secret);
        message.unwrap().encode().unwrap()
    }
}
