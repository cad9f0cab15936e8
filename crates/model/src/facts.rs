//! What a device says of itself when it is read: the result of a probe.
//!
//! Every field may be missing; a missing value is left out, never 0 and never a copy of another
//! field. Units are in the names. This is the object that `foretell probe --json` prints.

use crate::Timestamp;
use crate::interface::IfStatus;
use crate::neighbor::{Protocol, RoutingProtocol};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// All that was read of a device in one look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// The system group and what could be told from it.
    pub device: DeviceFacts,
    /// IF-MIB rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<InterfaceFacts>,
    /// IP-MIB rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressFacts>,
    /// Processors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<ProcessorFacts>,
    /// Kinds of memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<VolumeFacts>,
    /// File systems and disks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<VolumeFacts>,
    /// Sensors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensors: Vec<SensorFacts>,
    /// Access points, radios and wireless networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wireless: Vec<WirelessFacts>,
    /// Neighbours by LLDP and CDP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbors: Vec<NeighborFacts>,
    /// VLANs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vlans: Vec<VlanFacts>,
    /// What interfaces are as ports of a bridge, by ifIndex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bridge_ports: Vec<BridgePortFacts>,
    /// Parts of the device. Source: ENTITY-MIB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<PartFacts>,
    /// Neighbours by routing protocols.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routing_neighbors: Vec<RoutingNeighborFacts>,
    /// Where it sends what it has no better route for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_routes: Vec<DefaultRouteFacts>,
    /// When neighbours and routes were read; none where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_read_at: Option<Timestamp>,
    /// Who was heard by ARP or IPv6 neighbour discovery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arp: Vec<ArpFacts>,
    /// When those were read; none where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_read_at: Option<Timestamp>,
}

macro_rules! facts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }
    };
}

facts!(
    /// The device as a whole.
    DeviceFacts {
        /// sysName.
        name: String,
        /// sysDescr.
        description: String,
        /// sysObjectID, dotted, without a leading dot.
        object_id: String,
        /// Vendor.
        vendor: String,
        /// Model.
        model: String,
        /// Operating system.
        os: String,
        /// Its version.
        os_version: String,
        /// Serial number of the chassis.
        serial: String,
        /// router, switch, server, ...
        kind: String,
        /// sysLocation.
        location: String,
        /// sysContact.
        contact: String,
        /// Seconds since the agent restarted. Source: snmpEngineTime, else sysUpTime.
        uptime_seconds: f64,
        /// snmpEngineID in lower-case hex.
        engine_id: String,
        /// lldpLocChassisId; a MAC as `aa:bb:cc:dd:ee:ff`.
        chassis_id: String,
        /// dot1dBaseBridgeAddress as `aa:bb:cc:dd:ee:ff`.
        base_mac: String,
    }
);

facts!(
    /// A row of IF-MIB.
    InterfaceFacts {
        /// ifIndex.
        index: u32,
        /// ifName, else ifDescr.
        name: String,
        /// ifDescr.
        description: String,
        /// ifAlias.
        alias: String,
        /// ifType by its IANAifType-MIB name.
        kind: String,
        /// bit/s: ifHighSpeed, else ifSpeed.
        speed_bps: u64,
        /// ifMtu, octets.
        mtu: u32,
        /// ifIndex of the aggregate that it is an active member of. Source:
        /// dot3adAggPortAttachedAggID (IEEE 802.3ad), else ifStackTable.
        aggregate: u32,
        /// ifPhysAddress as `aa:bb:cc:dd:ee:ff`.
        mac: String,
        /// ifAdminStatus.
        admin_status: IfStatus,
        /// ifOperStatus.
        oper_status: IfStatus,
        /// ifHCInOctets, else ifInOctets.
        in_octets: u64,
        /// ifHCOutOctets, else ifOutOctets.
        out_octets: u64,
        /// ifInErrors.
        in_errors: u64,
        /// ifOutErrors.
        out_errors: u64,
    }
);

facts!(
    /// An address of an interface. Source: IP-MIB (RFC 4293, RFC 1213).
    AddressFacts {
        /// The address.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        address: IpAddr,
        /// Bits of its network.
        prefix_len: u8,
        /// Name of its interface.
        interface: String,
    }
);

facts!(
    /// A processor.
    ProcessorFacts {
        /// Name.
        name: String,
        /// 0 to 100.
        utilization_percent: f64,
    }
);

facts!(
    /// Memory or storage.
    VolumeFacts {
        /// Name.
        name: String,
        /// Octets in use.
        used_bytes: u64,
        /// Octets there are.
        total_bytes: u64,
        /// 0 to 100.
        used_percent: f64,
    }
);

facts!(
    /// A sensor.
    SensorFacts {
        /// Name.
        name: String,
        /// temperature, voltage, current, power, fanspeed, humidity, dbm, frequency, state, ...
        kind: String,
        /// In the unit named.
        value: f64,
        /// Unit as people write it.
        unit: String,
        /// Interface it sits on.
        interface: String,
        /// Name of the metric that its series are under.
        metric: String,
        /// Name of the state that the value is the number of.
        state: String,
        /// How the device's profile ranks that state.
        severity: Severity,
        /// Beyond these the device itself, or its vendor, calls the value wrong. In the unit named.
        limits: SensorLimits,
    }
);

/// How a state is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Severity {
    /// As it should be.
    Ok,
    /// To be looked at.
    Warning,
    /// Something is broken.
    Critical,
}

facts!(
    /// Limits of a sensor, in its unit.
    SensorLimits {
        /// Below this it is critical.
        low: f64,
        /// Below this it is to be looked at.
        low_warning: f64,
        /// Above this it is to be looked at.
        high_warning: f64,
        /// Above this it is critical.
        high: f64,
    }
);

facts!(
    /// An access point, a radio of one, or a wireless network.
    WirelessFacts {
        /// Which of them.
        kind: WirelessKind,
        /// Name; of a network its SSID.
        name: String,
        /// Access point that a radio is of, by name.
        access_point: String,
        /// State in the words of its MIB.
        state: String,
        /// Model.
        model: String,
        /// Serial number.
        serial: String,
        /// Channel number (IEEE 802.11).
        channel: u32,
        /// Centre of the channel, MHz.
        frequency_mhz: f64,
        /// Transmitted power, dBm.
        transmit_power_dbm: f64,
        /// Clients that are associated.
        clients: u32,
        /// Share of time that the channel was busy, 0 to 100.
        utilization_percent: f64,
        /// Noise floor, dBm.
        noise_dbm: f64,
    }
);

/// What a row of [`WirelessFacts`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WirelessKind {
    /// An access point: the device itself, or one that a controller has.
    AccessPoint,
    /// A radio.
    Radio,
    /// A network by its SSID.
    Network,
}

facts!(
    /// A neighbour.
    NeighborFacts {
        /// How it was heard.
        protocol: Protocol,
        /// Local port by name.
        local_interface: String,
        /// Local port by ifIndex, where the agent says so.
        local_index: u32,
        /// Its name.
        remote_name: String,
        /// Its port.
        remote_port: String,
        /// Its description of itself.
        remote_platform: String,
        /// Its management address.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        remote_address: IpAddr,
        /// Its chassis id; a MAC as `aa:bb:cc:dd:ee:ff`.
        remote_chassis_id: String,
    }
);

facts!(
    /// A VLAN. Source: Q-BRIDGE-MIB (RFC 4363).
    VlanFacts {
        /// 1 to 4094.
        id: u16,
        /// Name.
        name: String,
        /// ifIndex of each port that its frames leave by without a tag, ascending. Source:
        /// dot1qVlanCurrentUntaggedPorts, else dot1qVlanStaticUntaggedPorts.
        untagged: Vec<u32>,
        /// ifIndex of each port that its frames leave by with a tag, ascending. Source:
        /// dot1qVlanCurrentEgressPorts, else dot1qVlanStaticEgressPorts, without those above.
        tagged: Vec<u32>,
    }
);

facts!(
    /// An interface as a port of a bridge. Source: BRIDGE-MIB (RFC 4188), Q-BRIDGE-MIB (RFC 4363).
    BridgePortFacts {
        /// Its ifIndex. Source: dot1dBasePortIfIndex.
        index: u32,
        /// VLAN of the frames that come without a tag, 1 to 4094. Source: dot1qPvid.
        pvid: u16,
        /// dot1dStpPortState.
        stp_state: StpState,
    }
);

/// What the spanning tree lets a port do. Source: dot1dStpPortState of BRIDGE-MIB (RFC 4188).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StpState {
    /// 1: the port takes no part.
    Disabled,
    /// 2: it hears, and forwards nothing.
    Blocking,
    /// 3: about to learn.
    Listening,
    /// 4: it learns addresses, and forwards nothing yet.
    Learning,
    /// 5: it forwards.
    Forwarding,
    /// 6: it does not work as a port should.
    Broken,
}

impl StpState {
    /// From the number an agent sends; none where it is not one of RFC 4188's.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Disabled,
            2 => Self::Blocking,
            3 => Self::Listening,
            4 => Self::Learning,
            5 => Self::Forwarding,
            6 => Self::Broken,
            _ => return None,
        })
    }
}

facts!(
    /// A part of the device. Source: ENTITY-MIB (RFC 6933).
    PartFacts {
        /// entPhysicalIndex.
        index: u32,
        /// entPhysicalContainedIn.
        contained_in: u32,
        /// entPhysicalClass by name: chassis, module, port, ...
        class: String,
        /// entPhysicalName.
        name: String,
        /// entPhysicalDescr.
        description: String,
        /// entPhysicalModelName.
        model: String,
        /// entPhysicalSerialNum.
        serial: String,
        /// entPhysicalHardwareRev.
        hardware_revision: String,
        /// entPhysicalFirmwareRev.
        firmware_revision: String,
        /// entPhysicalSoftwareRev.
        software_revision: String,
    }
);

facts!(
    /// A neighbour by a routing protocol. Source: OSPF-MIB (RFC 4750), BGP4-MIB (RFC 4273).
    RoutingNeighborFacts {
        /// Which protocol.
        protocol: RoutingProtocol,
        /// Its address.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        remote_address: IpAddr,
        /// Its router id, dotted.
        remote_id: String,
        /// Its autonomous system. Source: bgpPeerRemoteAs.
        remote_as: u32,
        /// By the name that the MIB has for it: full, twoWay, established, idle, ...
        state: String,
        /// Our own end of the session. Source: bgpPeerLocalAddr.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        local_address: IpAddr,
        /// Name of the interface that it is heard on, where that is known.
        local_interface: String,
        /// Seconds since the session was established, or last was. Source:
        /// bgpPeerFsmEstablishedTime.
        established_seconds: u32,
    }
);

facts!(
    /// A next hop of the default route. Source: IP-FORWARD-MIB (RFC 4292, RFC 2096), RFC 1213.
    DefaultRouteFacts {
        /// `0.0.0.0/0` or `::/0`.
        destination: String,
        /// Where to; none on a link without addresses.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        next_hop: IpAddr,
        /// Name of the interface that it leaves by.
        interface: String,
        /// Its ifIndex.
        interface_index: u32,
        /// inetCidrRouteMetric1: of the next hops by one protocol those with the lowest share the
        /// traffic. None where the device uses none.
        metric: u32,
        /// inetCidrRouteProto by name: netmgmt (set by hand), ospf, bgp, ...
        protocol: String,
    }
);

facts!(
    /// A neighbour on a local network. Source: IP-MIB (RFC 4293).
    ArpFacts {
        /// Its address.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        address: IpAddr,
        /// Its MAC as `aa:bb:cc:dd:ee:ff`.
        mac: String,
        /// Name of the interface that it was heard on.
        interface: String,
    }
);
