//! Addresses that devices have heard of and that are no device yet.

use crate::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An address that may be a device, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "192.0.2.1"))]
    pub address: IpAddr,
    /// Its MAC as `aa:bb:cc:dd:ee:ff`, where ARP tells it.
    pub mac: Option<String>,
    /// Its name, where a neighbour tells it.
    pub name: Option<String>,
    /// Who saw it, the latest first; the first few.
    pub evidence: Vec<CandidateEvidence>,
    /// How often it was seen, counting those that are not listed.
    pub seen_by: u64,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// An operator does not want it to be offered; since when.
    pub ignored_at: Option<Timestamp>,
}

/// A device that has heard of an address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateEvidence {
    /// Who.
    pub device_id: DeviceId,
    /// What people call it.
    pub device_name: String,
    /// How.
    pub how: Heard,
    /// On which of its interfaces, where that is known.
    pub interface: Option<String>,
    /// What else it says: the state of a session, the platform of a neighbour.
    pub detail: Option<String>,
    /// When that was read of the device.
    pub seen_at: Timestamp,
}

/// How a device hears of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CandidateHeard))]
pub enum Heard {
    /// ARP, or IPv6 neighbour discovery.
    Arp,
    /// An OSPF neighbour.
    Ospf,
    /// A BGP peer.
    Bgp,
    /// Management address of an LLDP neighbour.
    Lldp,
    /// Management address of a CDP neighbour.
    Cdp,
    /// Told as a neighbour by the Foundry Discovery Protocol.
    Fdp,
}

/// An operator's word that an address is not to be offered, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ignored {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// Since when.
    pub at: Timestamp,
}
