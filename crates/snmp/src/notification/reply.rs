//! What is sent back: responses to informs, and Reports. Source: RFC 3416 section 4.2.7, RFC 3412
//! section 7.1.

use super::engine::LocalEngine;
use async_snmp::message::{
    CommunityMessage, MsgFlags, MsgGlobalData, ScopedPdu, SecurityLevel, V3Message,
};
use async_snmp::pdu::{Pdu, ResponsePdu};
use async_snmp::v3::auth::authenticate_message;
use async_snmp::v3::{
    DesSaltState, LocalizedKey, PersistedDesSaltState, PrivKey, SaltCounter, UsmSecurityParams,
};
use async_snmp::{
    Community, MessageSize, Oid, PrivProtocol, UDP_RECEIVE_LIMITS, Value, VarBind, Version,
};
use bytes::Bytes;
use std::time::Duration;

/// The response to an inform of SNMPv2c.
pub(super) fn to_community(community: &Community, pdu: &Pdu) -> Option<Bytes> {
    let response = response(Version::V2c, pdu)?;
    CommunityMessage::v2c(community.clone(), response)
        .and_then(|message| message.encode())
        .ok()
}

/// An inform's objects come back as they were; where one of them may not be sent, none does.
fn response(version: Version, pdu: &Pdu) -> Option<ResponsePdu> {
    let id = pdu.request_id();
    ResponsePdu::success(version, id, pdu.varbinds().to_vec())
        .or_else(|_| ResponsePdu::success(version, id, Vec::new()))
        .ok()
}

/// What no two messages are enciphered with.
#[derive(Default)]
pub(super) struct Salts {
    aes: Option<SaltCounter>,
    des: Option<DesSaltState>,
}

impl Salts {
    /// Of an engine. The salt of CBC-DES begins with its boots (RFC 3414 section 8.1.1.1), which no
    /// two starts share, so nothing more is kept of it.
    pub(super) fn new(engine: &LocalEngine) -> Self {
        let persist = |_: &PersistedDesSaltState| Ok::<(), std::convert::Infallible>(());
        let des = match engine.boots().saturating_sub(1) {
            0 => DesSaltState::install(persist).ok(),
            before => PersistedDesSaltState::new(before)
                .and_then(|before| DesSaltState::restart(before, persist))
                .ok(),
        };
        Self {
            aes: SaltCounter::new().ok(),
            des,
        }
    }
}

/// Who is answered, and as whom.
pub(super) struct Envelope<'a> {
    pub(super) engine: &'a LocalEngine,
    pub(super) elapsed: Duration,
    pub(super) user: Bytes,
    pub(super) msg_id: i32,
    /// Most octets that the sender takes.
    pub(super) msg_max_size: usize,
}

impl Envelope<'_> {
    fn parameters(&self) -> Option<UsmSecurityParams> {
        let engine = self.engine;
        UsmSecurityParams::new(
            engine.id().clone(),
            engine.boots(),
            LocalEngine::time(self.elapsed),
            self.user.clone(),
        )
        .ok()
    }

    fn header(&self, level: SecurityLevel) -> Option<MsgGlobalData> {
        let flags = MsgFlags::new(level, false);
        MsgGlobalData::new(self.msg_id, announced(), flags).ok()
    }

    fn held(&self, message: Bytes) -> Option<Bytes> {
        (message.len() <= self.msg_max_size).then_some(message)
    }

    /// A Report of a counter, authenticated where there is a key.
    pub(super) fn report(
        &self,
        counter: Oid,
        count: u32,
        key: Option<&LocalizedKey>,
    ) -> Option<Bytes> {
        let pdu = ResponsePdu::report(0, vec![VarBind::new(counter, Value::Counter32(count))]);
        let scoped = ScopedPdu::new(self.engine.id().clone(), Bytes::new(), pdu.ok()?.into_raw());
        let message = match key {
            None => plain(
                self.header(SecurityLevel::NoAuthNoPriv)?,
                &self.parameters()?,
                scoped,
            ),
            Some(key) => {
                let parameters = self.parameters()?.with_auth_placeholder(key.mac_len());
                let header = self.header(SecurityLevel::AuthNoPriv)?;
                plain(header, &parameters.ok()?, scoped).and_then(|message| sign(key, &message))
            }
        };
        self.held(message?)
    }

    /// The response to an inform, protected as the inform was.
    pub(super) fn response(
        &self,
        inform: &ScopedPdu,
        keys: Option<&(LocalizedKey, Option<PrivKey>)>,
        level: SecurityLevel,
        salts: &Salts,
    ) -> Option<Bytes> {
        let pdu = response(Version::V3, &inform.pdu)?.into_raw();
        let scoped = ScopedPdu::new(
            inform.context_engine_id.clone(),
            inform.context_name.clone(),
            pdu,
        );
        let header = self.header(level)?;
        let parameters = self.parameters()?;
        let message = match (level, keys) {
            (SecurityLevel::NoAuthNoPriv, _) => plain(header, &parameters, scoped)?,
            (SecurityLevel::AuthNoPriv, Some((key, _))) => {
                let parameters = parameters.with_auth_placeholder(key.mac_len()).ok()?;
                sign(key, &plain(header, &parameters, scoped)?)?
            }
            (SecurityLevel::AuthPriv, Some((key, Some(privacy)))) => {
                let hidden = scoped.encode_to_bytes().ok()?;
                let (hidden, salt) = self.encipher(privacy, &hidden, salts)?;
                let parameters = parameters
                    .with_auth_placeholder(key.mac_len())
                    .and_then(|parameters| parameters.with_priv_params(salt))
                    .ok()?;
                let message = V3Message::new_with_opaque_encrypted_scoped_pdu(
                    header,
                    parameters.encode().ok()?,
                    hidden,
                );
                sign(key, &message.ok()?.encode().ok()?)?
            }
            _ => return None,
        };
        self.held(message)
    }

    /// What hides a scoped PDU, and its salt.
    fn encipher(&self, key: &PrivKey, scoped: &[u8], salts: &Salts) -> Option<(Bytes, Bytes)> {
        match key.protocol() {
            PrivProtocol::Des | PrivProtocol::Des3 => {
                key.encrypt_des_family(scoped, salts.des.as_ref()?).ok()
            }
            _ => key
                .encrypt_aes(
                    scoped,
                    self.engine.boots(),
                    LocalEngine::time(self.elapsed),
                    salts.aes.as_ref()?,
                )
                .ok(),
        }
    }
}

/// The msgMaxSize that we announce.
fn announced() -> MessageSize {
    UDP_RECEIVE_LIMITS.advertised()
}

fn plain(
    header: MsgGlobalData,
    parameters: &UsmSecurityParams,
    scoped: ScopedPdu,
) -> Option<Bytes> {
    let parameters = parameters.encode().ok()?;
    V3Message::new(header, parameters, scoped)
        .and_then(|message| message.encode())
        .ok()
}

fn sign(key: &LocalizedKey, message: &[u8]) -> Option<Bytes> {
    let mut message = message.to_vec();
    let (offset, length) = UsmSecurityParams::find_auth_params_offset(&message)?;
    authenticate_message(key, &mut message, offset, length).ok()?;
    Some(message.into())
}
