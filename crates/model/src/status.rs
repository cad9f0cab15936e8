//! How a device is, and how we know.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// How a device is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Status {
    /// SNMP, or the device's chosen main check, answers.
    Up,
    /// Answers only in part, only to ICMP, or with loss.
    Degraded,
    /// Nothing has answered for two intervals.
    Down,
    /// Never asked, or the poller is behind.
    #[default]
    Unknown,
}

/// One way of asking whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Check {
    /// An SNMP request.
    Snmp,
    /// An ICMP echo (RFC 792, RFC 4443).
    Icmp,
}

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CheckOutcome {
    /// Every question was answered.
    Answered,
    /// Some questions were answered.
    Partial,
    /// No answer.
    Silent,
    /// The device answered that it refuses us (credentials, access).
    Refused,
    /// Another device answers at the device's address.
    OtherDevice,
    /// The check could not be made here, as where ICMP is not permitted.
    Skipped,
}

/// The latest outcome of one check, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// Which check.
    pub check: Check,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// When it was made.
    pub at: Timestamp,
    /// One sentence: what was seen, and the reason where there is one.
    pub detail: String,
}
