//! What can go wrong in asking.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The shared sockets could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Neither an IPv4 nor an IPv6 socket could be bound.
    #[error("no UDP socket to ask devices from")]
    Bind {
        /// Why the IPv4 socket failed.
        #[source]
        source: io::Error,
    },
}

/// Why a device refuses us although it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The authentication pass phrase or protocol is wrong. Source: usmStatsWrongDigests (RFC 3414).
    WrongDigest,
    /// It knows no such user. Source: usmStatsUnknownUserNames.
    UnknownUser,
    /// The privacy pass phrase or protocol is wrong. Source: usmStatsDecryptionErrors.
    DecryptionError,
    /// The user may not be used at this security level. Source: usmStatsUnsupportedSecLevels.
    UnsupportedSecurityLevel,
    /// Its clock and our idea of it cannot be brought together. Source: usmStatsNotInTimeWindows.
    NotInTimeWindow,
    /// It does not know itself under the engine id that it announced. Source: usmStatsUnknownEngineIDs.
    UnknownEngine,
    /// The user or community may not read what was asked. Source: authorizationError, noAccess (RFC 3416).
    AuthorizationError,
    /// The context is unknown or not available. Source: SNMP-TARGET-MIB (RFC 3413).
    UnknownContext,
    /// It reports something else.
    Other,
}

impl Refusal {
    /// Its name in logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongDigest => "wrong_digest",
            Self::UnknownUser => "unknown_user",
            Self::DecryptionError => "decryption_error",
            Self::UnsupportedSecurityLevel => "unsupported_security_level",
            Self::NotInTimeWindow => "not_in_time_window",
            Self::UnknownEngine => "unknown_engine",
            Self::AuthorizationError => "authorization_error",
            Self::UnknownContext => "unknown_context",
            Self::Other => "other_report",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WrongDigest => "the authentication pass phrase or protocol is wrong",
            Self::UnknownUser => "it knows no such user",
            Self::DecryptionError => "the privacy pass phrase or protocol is wrong",
            Self::UnsupportedSecurityLevel => {
                "the user does not exist at this security level (authentication, privacy)"
            }
            Self::NotInTimeWindow => "its clock does not agree with what it announced",
            Self::UnknownEngine => "it does not answer to the engine id that it announced",
            Self::AuthorizationError => "these credentials may not read what was asked",
            Self::UnknownContext => "it does not know the context",
            Self::Other => "it reports an error that is not in the standards",
        })
    }
}

/// Why a device gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Nothing came back.
    #[error("no answer from {agent} within {waited:?} ({attempts} attempts)")]
    Silent {
        /// Who was asked.
        agent: SocketAddr,
        /// Time spent waiting.
        waited: Duration,
        /// How often it was asked.
        attempts: u32,
    },
    /// It is there and refuses us.
    #[error("{agent} refuses: {reason}")]
    Refused {
        /// Who was asked.
        agent: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// It answered what cannot be read.
    #[error("{agent} answered what is not SNMP, or not what was asked")]
    Malformed {
        /// Who was asked.
        agent: SocketAddr,
    },
    /// It answered with an error of its own.
    #[error("{agent} answered with error status {status}")]
    Agent {
        /// Who was asked.
        agent: SocketAddr,
        /// error-status of RFC 3416, as genErr(5).
        status: i32,
    },
    /// The question could not be sent.
    #[error("cannot ask {agent}: {detail}")]
    Io {
        /// Who was to be asked.
        agent: SocketAddr,
        /// The system's kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        detail: String,
    },
}

impl SessionError {
    /// Whether the device is there, though it did not answer as asked.
    pub fn is_answer(&self) -> bool {
        !matches!(self, Self::Silent { .. } | Self::Io { .. })
    }
}
