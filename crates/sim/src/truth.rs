//! The ground truth of a network: what a monitor that misses nothing would find. It is what `--truth`
//! writes and what the control shows, and what topologies that were found are scored against.

use crate::network::{Behind, DeviceNo, Network, PortNo, Role};
use crate::scenario::Shape;
use serde::Serialize;
use std::net::Ipv4Addr;

/// The ground truth of a network.
#[derive(Debug, Serialize)]
pub struct Truth<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub topology: Shape,
    /// What answers.
    pub nodes: Vec<Node<'a>>,
    /// What is plugged into each other.
    pub links: Vec<TruthLink<'a>>,
    /// Links that are used as one.
    pub aggregates: Vec<TruthAggregate<'a>>,
    /// What is plugged in and does not answer.
    pub hosts: Vec<Host<'a>>,
}

/// A device.
#[derive(Debug, Serialize)]
pub struct Node<'a> {
    /// sysName
    pub id: &'a str,
    /// Where its agent answers.
    pub address: Ipv4Addr,
    /// What it is there for.
    pub role: Role,
    /// sysLocation
    pub site: &'a str,
    /// The vendor, as people write it.
    pub vendor: &'static str,
    /// The model.
    pub model: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// Its version.
    pub os_version: &'static str,
    /// lldpLocChassisId, a MAC.
    pub chassis_id: String,
    /// snmpEngineID in hexadecimal digits.
    pub engine_id: String,
    /// How many interfaces it has, those of aggregates among them.
    pub interfaces: usize,
}

/// A link.
#[derive(Debug, Serialize)]
pub struct TruthLink<'a> {
    /// One end.
    pub a: End<'a>,
    /// The other.
    pub b: End<'a>,
    /// Bits in a second.
    pub speed_bps: u64,
}

/// Links that are used as one, each listed among the links.
#[derive(Debug, Serialize)]
pub struct TruthAggregate<'a> {
    /// Its interface at one end.
    pub a: End<'a>,
    /// That at the other.
    pub b: End<'a>,
    /// Its members at the first end.
    pub members: Vec<End<'a>>,
}

/// An end of a link.
#[derive(Debug, Serialize)]
pub struct End<'a> {
    /// sysName
    pub node: &'a str,
    /// ifName
    pub port: String,
}

/// A host, server or way out behind a port at the edge.
#[derive(Debug, Serialize)]
pub struct Host<'a> {
    /// Where it is plugged in.
    pub at: End<'a>,
    /// `host`, `server` or `world`.
    pub kind: &'static str,
    /// Its MAC; null for the way out.
    pub mac: Option<String>,
    /// Its address; null for the way out.
    pub address: Option<Ipv4Addr>,
    /// Its VLAN where its switch has VLANs.
    pub vlan: Option<u16>,
}

impl<'a> Truth<'a> {
    /// The truth of this network, before anything goes wrong.
    pub fn of(network: &'a Network) -> Self {
        Self {
            name: &network.name,
            topology: network.shape,
            nodes: network
                .device_numbers()
                .map(|device| Node::of(network, device))
                .collect(),
            links: network
                .links()
                .iter()
                .map(|link| TruthLink {
                    a: End::of(network, link.a),
                    b: End::of(network, link.b),
                    speed_bps: u64::from(link.speed_mbps) * 1_000_000,
                })
                .collect(),
            aggregates: network
                .aggregates()
                .iter()
                .map(|aggregate| TruthAggregate {
                    a: End::of(network, aggregate.a),
                    b: End::of(network, aggregate.b),
                    members: network
                        .members(aggregate.a)
                        .map(|member| End::of(network, member))
                        .collect(),
                })
                .collect(),
            hosts: (0..)
                .map(crate::network::EdgeNo)
                .zip(network.edges())
                .map(|(number, edge)| {
                    let is_host = edge.behind != Behind::World;
                    let bridges = network.device(edge.port.device).role.bridges();
                    Host {
                        at: End::of(network, edge.port),
                        kind: match edge.behind {
                            Behind::Host => "host",
                            Behind::Server => "server",
                            Behind::World => "world",
                        },
                        mac: is_host.then(|| mac(network.host_mac(number))),
                        address: is_host.then(|| network.host_address(number)),
                        vlan: (is_host && bridges).then(|| network.host_vlan(number)),
                    }
                })
                .collect(),
        }
    }
}

impl<'a> Node<'a> {
    pub(crate) fn of(network: &'a Network, number: DeviceNo) -> Self {
        let device = network.device(number);
        Self {
            id: &device.name,
            address: device.address,
            role: device.role,
            site: &network.site(number).name,
            vendor: device.make.vendor,
            model: device.model(),
            os: device.make.os,
            os_version: device.make.version,
            chassis_id: mac(network.chassis_mac(number)),
            engine_id: network
                .engine_id(number)
                .iter()
                .fold(String::new(), |hex, octet| hex + &format!("{octet:02x}")),
            interfaces: device.ports().len(),
        }
    }
}

impl<'a> End<'a> {
    pub(crate) fn of(network: &'a Network, port: PortNo) -> Self {
        Self {
            node: &network.device(port.device).name,
            port: network.port_name(port),
        }
    }
}

pub(crate) fn mac(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}
