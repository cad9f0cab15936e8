//! What a device says it is connected to.

use crate::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};

/// A neighbour as one device reported it, resolved as far as it could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Neighbor {
    /// Who says so.
    pub device_id: DeviceId,
    /// On which of its interfaces, where it is one that we know.
    pub interface_id: Option<InterfaceId>,
    /// The local port as the device named it.
    pub local_interface: Option<String>,
    /// How it knows.
    pub protocol: Protocol,
    /// The neighbour's name as it announces it.
    pub remote_name: Option<String>,
    /// The neighbour's port as it announces it.
    pub remote_port: Option<String>,
    /// What the neighbour says it is.
    pub remote_platform: Option<String>,
    /// Management address that the neighbour announces.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub remote_address: Option<std::net::IpAddr>,
    /// Chassis id that the neighbour announces, a MAC as `aa:bb:cc:dd:ee:ff`.
    pub remote_chassis_id: Option<String>,
    /// The neighbour, where it is a device that we know.
    pub remote_device_id: Option<DeviceId>,
    /// The neighbour's interface, where it is one that we know.
    pub remote_interface_id: Option<InterfaceId>,
    /// When the device first reported it.
    pub first_seen_at: Timestamp,
    /// When the device last reported it.
    pub last_seen_at: Timestamp,
}

/// The protocol by which a neighbour was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Protocol {
    /// IEEE 802.1AB. Source: LLDP-MIB.
    Lldp,
    /// Cisco Discovery Protocol. Source: CISCO-CDP-MIB.
    Cdp,
    /// Foundry Discovery Protocol. Source: FOUNDRY-SN-SWITCH-GROUP-MIB.
    Fdp,
}

/// A routing protocol by which two routers are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RoutingProtocol {
    /// OSPF version 2. Source: OSPF-MIB (RFC 4750).
    Ospf,
    /// BGP version 4. Source: BGP4-MIB (RFC 4273).
    Bgp,
}
