//! Links of layer 2, each with its evidence.

use crate::{DeviceId, InterfaceId, LinkId, Timestamp, neighbor::Protocol};
use serde::{Deserialize, Serialize};

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct End {
    /// The device.
    pub device_id: DeviceId,
    /// Its interface, where it is known.
    pub interface_id: Option<InterfaceId>,
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LinkStatus {
    /// Both ends that we can see are up.
    Up,
    /// One end is down, or the neighbour is no longer reported.
    Down,
    /// Neither end's state is known.
    Unknown,
}

/// Why we believe in a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkEvidence {
    /// Who said so.
    pub reported_by: DeviceId,
    /// By which protocol.
    pub protocol: Protocol,
    /// When it was last said.
    pub seen_at: Timestamp,
    /// One sentence for an operator.
    pub detail: String,
}

/// A link between two devices that we know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Link {
    /// The id; the same two ends keep it.
    pub id: LinkId,
    /// The end with the lower device id.
    pub a: End,
    /// The other end.
    pub b: End,
    /// How it is.
    pub status: LinkStatus,
    /// 0 to 1: .8 where one end says so, 1 where both do.
    pub confidence: f64,
    /// What was reported.
    pub evidence: Vec<LinkEvidence>,
    /// Speed in bit/s: the lower of its ends'.
    pub speed_bps: Option<u64>,
    /// When it was first inferred.
    pub first_seen_at: Timestamp,
    /// When it was last reported.
    pub last_seen_at: Timestamp,
}
