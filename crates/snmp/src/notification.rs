//! Receiving traps and informs: what a datagram says, whether it is to be believed, and what is to
//! be answered. Source: RFC 3413 section 3.4, RFC 3414 section 3.2, RFC 3416 section 4.2.6 and
//! 4.2.7.
//!
//! Pure: the socket, the pace of senders and what a notification means are `collect`'s. Messages
//! are read and ciphers are computed by async-snmp; its own receiver binds its own socket and knows
//! one pass phrase a user name, so the steps of USM are taken here. Begin with [`Receiver::take`].

mod community;
mod content;
mod engine;
mod reply;
mod usm;

use crate::credentials::Credentials;
use crate::value::Value;
use async_snmp::Oid;
use bytes::Bytes;
pub use engine::{EngineError, LocalEngine};
use engine::{EngineTable, Timeliness};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Octets of a notification. A full Ethernet frame carries 1,472; chassis that list their parts send
/// a few fragments.
pub const NOTIFICATION_LEN_MAX: usize = 16 * 1024;
/// Objects that are kept of one notification. The longest in the standard MIBs has a dozen.
pub const OBJECTS_MAX: usize = 64;

/// The version of SNMP that a notification came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// SNMPv1
    V1,
    /// SNMPv2c
    V2c,
    /// SNMPv3
    V3,
}

impl Version {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2c => "v2c",
            Self::V3 => "v3",
        }
    }
}

/// How well a notification was protected on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protection {
    /// A community in the clear: whoever listened could have sent it.
    Community,
    /// A user's name in the clear (noAuthNoPriv): anybody could have sent it.
    NoAuthNoPriv,
    /// Authenticated.
    AuthNoPriv,
    /// Authenticated and enciphered.
    AuthPriv,
}

impl Protection {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::NoAuthNoPriv => "no_auth_no_priv",
            Self::AuthNoPriv => "auth_no_priv",
            Self::AuthPriv => "auth_priv",
        }
    }
}

/// A trap or an inform in the form of SNMPv2; a trap of SNMPv1 is mapped by RFC 3584 section 3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What it came in.
    pub version: Version,
    /// How well it was protected.
    pub protection: Protection,
    /// Whether its sender waits for an answer (inform).
    pub confirmed: bool,
    /// request-id, which a repeated inform keeps; none in a trap of SNMPv1.
    pub request_id: Option<i32>,
    /// Place of the credential that it was believed by, in the list that the receiver was given.
    pub credential: usize,
    /// The user of SNMPv3, which is no secret.
    pub user: Option<String>,
    /// contextName of SNMPv3.
    pub context: Option<String>,
    /// snmpEngineID of who made it: the authoritative engine of a trap, the context's of an inform.
    pub engine_id: Option<Bytes>,
    /// snmpTrapOID.0: what happened.
    pub trap_oid: Oid,
    /// sysUpTime.0, hundredths of a second; none where it was left away.
    pub uptime: Option<u32>,
    /// agent-addr of SNMPv1 or snmpTrapAddress.0: who made it, where a proxy sent it.
    pub agent_address: Option<Ipv4Addr>,
    /// enterprise of SNMPv1 or snmpTrapEnterprise.0.
    pub enterprise: Option<Oid>,
    /// The objects that it carries, [`OBJECTS_MAX`] at most.
    pub objects: Vec<(Oid, Value)>,
    /// Values against the rules that could be read all the same, and objects beyond the bound.
    pub defects: u64,
}

/// Why a datagram was not taken for a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// Longer than [`NOTIFICATION_LEN_MAX`].
    TooLong,
    /// Not BER, not SNMP, or a notification that does not say what happened.
    Malformed,
    /// A sound message that is no notification, such as a GET.
    NotANotification,
    /// No stored credential has its community.
    UnknownCommunity,
    /// No stored credential has its user.
    UnknownUser,
    /// The user is known, not with such a level of authentication and privacy.
    UnsupportedSecurityLevel,
    /// Less protected than the credential of its user is.
    SecurityLevelTooLow,
    /// The authentication pass phrase or protocol is another.
    WrongDigest,
    /// Older than what its sender said before, or repeated from a record.
    NotInTimeWindow,
    /// The privacy pass phrase or protocol is another.
    DecryptionError,
    /// An inform to another engine than ours.
    UnknownEngine,
}

impl Rejection {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TooLong,
        Self::Malformed,
        Self::NotANotification,
        Self::UnknownCommunity,
        Self::UnknownUser,
        Self::UnsupportedSecurityLevel,
        Self::SecurityLevelTooLow,
        Self::WrongDigest,
        Self::NotInTimeWindow,
        Self::DecryptionError,
        Self::UnknownEngine,
    ];

    /// Its name in metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::NotANotification => "not_a_notification",
            Self::UnknownCommunity => "unknown_community",
            Self::UnknownUser => "unknown_user",
            Self::UnsupportedSecurityLevel => "unsupported_security_level",
            Self::SecurityLevelTooLow => "security_level_too_low",
            Self::WrongDigest => "wrong_digest",
            Self::NotInTimeWindow => "not_in_time_window",
            Self::DecryptionError => "decryption_error",
            Self::UnknownEngine => "unknown_engine",
        }
    }
}

/// What a datagram was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A notification that is believed.
    Notification(Box<Notification>),
    /// A sender of informs asks for our engine id (RFC 3414 section 4) or our time.
    Discovery,
    /// Anything else.
    Rejected(Rejection),
}

/// What a datagram was, and what is to be sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What it was.
    pub outcome: Outcome,
    /// The response to an inform, or a Report. To be sent once the notification is taken in.
    pub reply: Option<Bytes>,
}

impl Taken {
    fn rejected(reason: Rejection) -> Self {
        Self {
            outcome: Outcome::Rejected(reason),
            reply: None,
        }
    }
}

/// Receives notifications: our engine, the credentials that are believed, and what other engines
/// said of their time.
pub struct Receiver {
    engine: LocalEngine,
    accepted: Accepted,
    remote: EngineTable,
    // usmStats of RFC 3414, which Reports carry.
    reported: BTreeMap<Rejection, u32>,
    unknown_engines: u32,
    salts: reply::Salts,
}

/// Credentials that are believed, in the order given.
#[derive(Default)]
struct Accepted(Vec<Arc<Credentials>>);

impl Receiver {
    /// A receiver that believes nobody yet.
    pub fn new(engine: LocalEngine) -> Self {
        Self {
            salts: reply::Salts::new(&engine),
            engine,
            accepted: Accepted::default(),
            remote: EngineTable::default(),
            reported: BTreeMap::new(),
            unknown_engines: 0,
        }
    }

    /// Whom to believe from now on. A community is believed in SNMPv1 and v2c alike, whichever its
    /// credential is for, as devices send both.
    pub fn believe(&mut self, credentials: Vec<Arc<Credentials>>) {
        self.accepted = Accepted(credentials);
    }

    /// Reads a datagram that came when so much time had passed since our engine began.
    pub fn take(&mut self, datagram: &[u8], elapsed: Duration) -> Taken {
        if datagram.len() > NOTIFICATION_LEN_MAX {
            return Taken::rejected(Rejection::TooLong);
        }
        match version(datagram) {
            Some(0 | 1) => community::take(&self.accepted, Bytes::copy_from_slice(datagram)),
            Some(3) => usm::take(self, &Bytes::copy_from_slice(datagram), elapsed),
            _ => Taken::rejected(Rejection::Malformed),
        }
    }

    /// Whether the time of another engine is plausible. Source: RFC 3414 section 3.2, step 7b.
    fn is_timely(&mut self, engine_id: &[u8], boots: u32, time: u32, elapsed: Duration) -> bool {
        self.remote.check(engine_id, boots, time, elapsed) == Timeliness::Timely
    }
}

/// The version field, read before all else.
fn version(datagram: &[u8]) -> Option<i32> {
    let mut decoder = async_snmp::ber::Decoder::from_slice(datagram);
    decoder
        .read_sequence()
        .ok()
        .and_then(|mut sequence| sequence.read_integer().ok())
}
