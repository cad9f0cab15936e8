//! The user-based security model, on the side of the agent: whether a message is to be believed,
//! what it hides, and what is reported where not. Source: RFC 3414 section 3, RFC 3412 section 7.
//!
//! Hashes and ciphers are async-snmp's.

use super::access::{Access, Level, User};
use super::engine::{BOOTS_MAX, EngineId};
use super::v3::{Envelope, Message};
use async_snmp::v3::auth::verify_message;
use async_snmp::v3::{LocalizedKey, PrivKey, SaltCounter};
use async_snmp::{DesSaltState, PrivProtocol};
use bytes::Bytes;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// How far a message's time may be off. Source: RFC 3414 section 2.2.3.
const TIME_WINDOW_SECS: u32 = 150;

/// Why a message is answered by a report: each has a counter, which is what is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    UnsupportedSecurityLevel,
    NotInTimeWindow,
    UnknownUserName,
    UnknownEngineId,
    WrongDigest,
    DecryptionError,
    UnknownContext,
    UnknownPduHandler,
}

impl Report {
    /// How many there are.
    const COUNT: usize = 8;

    /// The counter's instance.
    pub(super) fn oid(self) -> &'static [u32] {
        match self {
            // usmStats (RFC 3414).
            Self::UnsupportedSecurityLevel => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 1, 0],
            Self::NotInTimeWindow => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0],
            Self::UnknownUserName => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 3, 0],
            Self::UnknownEngineId => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0],
            Self::WrongDigest => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0],
            Self::DecryptionError => &[1, 3, 6, 1, 6, 3, 15, 1, 1, 6, 0],
            // snmpUnknownContexts (RFC 3413), snmpUnknownPDUHandlers (RFC 3412).
            Self::UnknownContext => &[1, 3, 6, 1, 6, 3, 12, 1, 5, 0],
            Self::UnknownPduHandler => &[1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0],
        }
    }
}

/// What one agent keeps of USM: its counters, and its users' keys once they are needed.
pub(super) struct Security {
    reports: [AtomicU32; Report::COUNT],
    keys: Box<[OnceLock<Option<Box<Keys>>>]>,
}

/// A user's keys on one engine. Source: RFC 3414 section 2.6.
struct Keys {
    auth: LocalizedKey,
    privacy: Option<(PrivKey, Salt)>,
}

enum Salt {
    Aes(SaltCounter),
    Des(DesSaltState),
}

/// A message that is believed.
pub(super) struct Believed<'a> {
    user: &'a User,
    keys: Option<&'a Keys>,
    level: Level,
}

impl Security {
    pub(super) fn new(access: &Access) -> Self {
        Self {
            reports: Default::default(),
            keys: access.users().iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// Counts a report; what its counter says now.
    pub(super) fn count(&self, report: Report) -> u32 {
        self.reports.get(report as usize).map_or(0, |counter| {
            counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
        })
    }

    /// Whether a message is to be believed: from whom it is, and that it is fresh. Source: RFC 3414
    /// section 3.2, steps 3 to 7. A report that may be authenticated comes with who asked.
    pub(super) fn believe<'a>(
        &'a self,
        access: &'a Access,
        engine_id: &EngineId,
        (boots, time): (u32, u32),
        message: &Message<'_>,
        datagram: &[u8],
    ) -> Result<Believed<'a>, (Report, Option<Believed<'a>>)> {
        if message.engine_id != engine_id.as_bytes() {
            return Err((Report::UnknownEngineId, None));
        }
        let users = access.users().iter().zip(self.keys.iter());
        let mut users = users.filter(|(user, _)| user.name().as_bytes() == message.user);
        let Some((user, keys)) = users.next() else {
            return Err((Report::UnknownUserName, None));
        };
        if message.level > user.level() {
            return Err((Report::UnsupportedSecurityLevel, None));
        }
        let level = message.level;
        if level == Level::NoAuthNoPriv {
            let keys = None;
            return Ok(Believed { user, keys, level });
        }
        let keys = keys.get_or_init(|| localize(user, engine_id).map(Box::new));
        let Some(keys) = keys.as_deref() else {
            return Err((Report::UnsupportedSecurityLevel, None));
        };
        let genuine = message.auth.len() == keys.auth.mac_len()
            && verify_message(&keys.auth, datagram, message.auth_at, message.auth.len())
                .unwrap_or(false);
        if !genuine {
            return Err((Report::WrongDigest, None));
        }
        let believed = Believed {
            user,
            keys: Some(keys),
            level,
        };
        let fresh = boots < BOOTS_MAX
            && message.boots.cast_unsigned() == boots
            && message.time.cast_unsigned().abs_diff(time) <= TIME_WINDOW_SECS;
        if !fresh {
            let level = Level::AuthNoPriv;
            return Err((
                Report::NotInTimeWindow,
                Some(Believed { level, ..believed }),
            ));
        }
        Ok(believed)
    }
}

impl Believed<'_> {
    /// How well the message was protected, and so its answer must be.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Whether the user may ask at this level: it is the user's own.
    pub(super) fn is_high_enough(&self) -> bool {
        self.level >= self.user.level()
    }

    /// Octets of msgAuthenticationParameters in the answer.
    pub(super) fn auth_len(&self) -> usize {
        match (self.level, self.keys) {
            (Level::NoAuthNoPriv, _) | (_, None) => 0,
            (_, Some(keys)) => keys.auth.mac_len(),
        }
    }

    /// What the message hides; none where it cannot be deciphered. Source: step 8.
    pub(super) fn decipher(&self, message: &Message<'_>) -> Option<Bytes> {
        let (key, _) = self.keys?.privacy.as_ref()?;
        let (boots, time) = (message.boots.cast_unsigned(), message.time.cast_unsigned());
        key.decrypt(message.data, boots, time, message.privacy).ok()
    }

    /// A scoped PDU as it may be sent, and the salt it was enciphered with. Both are empty where
    /// there is no key. Source: RFC 3414 section 3.1, step 4.
    pub(super) fn encipher(&self, scoped: &[u8], boots: u32, time: u32) -> Option<(Bytes, Bytes)> {
        let (key, salt) = self.keys?.privacy.as_ref()?;
        match salt {
            Salt::Aes(salt) => key.encrypt_aes(scoped, boots, time, salt).ok(),
            Salt::Des(salt) => key.encrypt_des_family(scoped, salt).ok(),
        }
    }

    /// Signs a message that was written with this envelope. Source: RFC 3414 section 6.3.1.
    pub(super) fn sign(
        &self,
        out: &mut [u8],
        envelope: &Envelope<'_>,
        auth_at: usize,
    ) -> Option<()> {
        if envelope.auth_len == 0 {
            return Some(());
        }
        let mac = self.keys?.auth.compute_hmac(out).ok()?;
        out.get_mut(auth_at..)?
            .get_mut(..mac.len())?
            .copy_from_slice(&mac);
        Some(())
    }
}

fn localize(user: &User, engine_id: &EngineId) -> Option<Keys> {
    let (auth, privacy) = user.keys()?.localize(engine_id.as_bytes()).ok()?;
    let privacy = match privacy {
        None => None,
        Some(key) => {
            let salt = match key.protocol() {
                // CBC-DES must not see a salt twice. Its keys are an agent's own, and an agent is
                // gone when its program is: nothing is kept on disk for a broken cipher.
                PrivProtocol::Des | PrivProtocol::Des3 => {
                    Salt::Des(DesSaltState::install(|_| Ok::<(), std::io::Error>(())).ok()?)
                }
                _ => Salt::Aes(SaltCounter::new().ok()?),
            };
            Some((key, salt))
        }
    };
    Some(Keys { auth, privacy })
}
