//! What there is: devices with their ports, the links between them, the hosts at the edge, and who
//! talks to whom. It follows from the scenario alone and never changes; what goes wrong with it is
//! the timeline's business.

mod aggregate;
mod draft;
pub mod make;
mod segment;
mod target;

pub use aggregate::{Aggregate, AggregateNo};
pub(crate) use draft::{Draft, Mix};
pub use make::Make;
pub(crate) use make::RouteTable;
pub(crate) use segment::VLAN_OWN;
pub use segment::{Segment, SegmentNo, VLANS, Vlan};
pub use target::{Target, TargetError};

use crate::hash::{self, purpose};
use crate::scenario::{Scenario, Shape};
use crate::topology;
use crate::traffic::demands::Demand;
use crate::traffic::{self, Flow};
use model::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// The network cannot be made from the scenario.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A graph file cannot be used.
    #[error("the graph file cannot be used")]
    Graph(#[from] topology::graph::GraphError),
    /// 127/8 ends before the devices do.
    #[error("{devices} devices from {base} on do not fit into 127.0.0.0/8")]
    Addresses {
        /// How many there are.
        devices: usize,
        /// The first address.
        base: Ipv4Addr,
    },
    /// More ports than a device can have.
    #[error("device {device} has {links} links; {links_max} are the most")]
    Links {
        /// Its name.
        device: String,
        /// How many it has.
        links: usize,
        /// How many it may have.
        links_max: usize,
    },
}

/// A network.
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    devices: Vec<Device>,
    links: Vec<Link>,
    aggregates: Vec<Aggregate>,
    edges: Vec<Edge>,
    sites: Vec<Site>,
    segments: Vec<Segment>,
    routed_by: HashMap<DeviceNo, Vec<SegmentNo>>,
    pub(crate) demands: Vec<Demand>,
    pub(crate) traffic: traffic::Model,
    pub(crate) root: u64,
    by_name: HashMap<String, DeviceNo>,
    by_address: HashMap<Ipv4Addr, DeviceNo>,
}

/// Which device: its place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DeviceNo(pub u32);
/// Which link: its place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LinkNo(pub u32);
/// Which port at the edge: its place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EdgeNo(pub u32);

/// A port of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PortNo {
    /// Of which device.
    pub device: DeviceNo,
    /// Its place on the device, from 0. Ports for hosts come first, then those for links, then the
    /// interface that has the management address, then those of aggregates.
    pub port: u16,
}

/// What a device is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The middle of a campus.
    Core,
    /// The head of a building.
    Distribution,
    /// Where hosts are plugged in.
    Access,
    /// The way out.
    Gateway,
    /// A host that answers for itself.
    Server,
    /// The middle of a fabric.
    Spine,
    /// The edge of a fabric.
    Leaf,
    /// A router of a provider's network.
    Router,
    /// The middle of a star.
    Hub,
    /// The router of a branch office.
    Branch,
    /// A device by itself.
    Node,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 11] = [
        Self::Core,
        Self::Distribution,
        Self::Access,
        Self::Gateway,
        Self::Server,
        Self::Spine,
        Self::Leaf,
        Self::Router,
        Self::Hub,
        Self::Branch,
        Self::Node,
    ];
}

/// A device.
#[derive(Debug)]
pub struct Device {
    /// sysName.
    pub name: String,
    /// Where its agent answers; also the address of its management interface.
    pub address: Ipv4Addr,
    /// What it is there for.
    pub role: Role,
    /// Where it stands.
    pub site: u16,
    /// What it is bridged together with.
    pub segment: SegmentNo,
    /// Its make.
    pub make: &'static Make,
    /// How many of its ports are for hosts.
    pub edge_ports: u16,
    /// How many are for links.
    pub link_ports: u16,
    ports: Vec<Port>,
    /// The last three octets of its first MAC.
    mac_base: u32,
}

/// What a port is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Nothing.
    Nothing,
    /// A link to another device.
    Link(LinkNo),
    /// A host, or the world.
    Edge(EdgeNo),
    /// No plug: the management interface.
    Inside,
    /// No plug: the interface of an aggregate, whose members have them.
    Aggregate(AggregateNo),
}

/// A port.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    /// Megabits in a second.
    pub speed_mbps: u32,
    /// What it is plugged into.
    pub peer: Peer,
}

/// A link between two devices.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// One end.
    pub a: PortNo,
    /// The other end.
    pub b: PortNo,
    /// Megabits in a second.
    pub speed_mbps: u32,
    /// What a path over it costs.
    pub cost: u32,
}

/// What is behind a port at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// A host that does not answer for itself.
    Host,
    /// A server that does not answer for itself.
    Server,
    /// The world.
    World,
}

/// A port at the edge.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Which port.
    pub port: PortNo,
    /// What is behind it.
    pub behind: Behind,
}

/// A place.
#[derive(Clone, Debug)]
pub struct Site {
    /// As in sysLocation.
    pub name: String,
    /// Milliseconds that its clock is before UTC.
    pub offset_ms: i32,
}

/// One direction of a link or of a port at the edge: what traffic is counted in. Both ends of a link
/// count the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Channel(pub(crate) u32);

/// The two channels of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) into: Channel,
    pub(crate) out: Channel,
}

impl Network {
    /// Makes the network of a scenario. A relative path of a graph file is taken from the current
    /// folder.
    pub fn new(scenario: &Scenario) -> Result<Self, NetworkError> {
        let draft = topology::draft(scenario)?;
        draft::finish(&draft, scenario)
    }

    /// All devices; a [`DeviceNo`] is the place in this list.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }
    /// All links; a [`LinkNo`] is the place in this list.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
    /// All ports at the edge; an [`EdgeNo`] is the place in this list.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }
    /// Numbers of all devices.
    pub fn device_numbers(&self) -> impl Iterator<Item = DeviceNo> + use<> {
        (0..u32::try_from(self.devices.len()).unwrap_or(u32::MAX)).map(DeviceNo)
    }
    /// A device.
    pub fn device(&self, device: DeviceNo) -> &Device {
        at(&self.devices, device.0)
    }
    /// A link.
    pub fn link(&self, link: LinkNo) -> &Link {
        at(&self.links, link.0)
    }
    /// A port at the edge.
    pub fn edge(&self, edge: EdgeNo) -> &Edge {
        at(&self.edges, edge.0)
    }
    /// Where a device stands.
    pub fn site(&self, device: DeviceNo) -> &Site {
        at(&self.sites, u32::from(self.device(device).site))
    }
    /// The device of that name.
    pub fn by_name(&self, name: &str) -> Option<DeviceNo> {
        self.by_name.get(name).copied()
    }
    /// The device that answers at that address.
    pub fn by_address(&self, address: Ipv4Addr) -> Option<DeviceNo> {
        self.by_address.get(&address).copied()
    }
    /// ifName of a port.
    pub fn port_name(&self, port: PortNo) -> String {
        self.device(port.device).port_name(port.port)
    }

    /// The other end, where the port has a link or is that of an aggregate.
    pub fn far_end(&self, port: PortNo) -> Option<PortNo> {
        let [a, b] = match self.peer(port)? {
            Peer::Link(link) => [self.link(link).a, self.link(link).b],
            Peer::Aggregate(number) => [self.aggregate(number).a, self.aggregate(number).b],
            Peer::Edge(_) | Peer::Nothing | Peer::Inside => return None,
        };
        Some(if a == port { b } else { a })
    }

    /// What a port's traffic is counted in; none where it has no plug.
    pub(crate) fn channels(&self, port: PortNo) -> Option<Channels> {
        match self.device(port.device).port(port.port)?.peer {
            Peer::Link(link) => {
                let (a_to_b, b_to_a) = link_channels(link);
                let at_a = self.link(link).a == port;
                Some(Channels {
                    into: if at_a { b_to_a } else { a_to_b },
                    out: if at_a { a_to_b } else { b_to_a },
                })
            }
            Peer::Edge(edge) => Some(self.edge_channels(edge)),
            // What an aggregate carries is that of its members: it is counted there.
            Peer::Nothing | Peer::Inside | Peer::Aggregate(_) => None,
        }
    }

    pub(crate) fn edge_channels(&self, edge: EdgeNo) -> Channels {
        let first = 2 * (u32::try_from(self.links.len()).unwrap_or(u32::MAX) + edge.0);
        Channels {
            into: Channel(first),
            out: Channel(first + 1),
        }
    }

    /// How many channels there are.
    pub(crate) fn channel_count(&self) -> usize {
        2 * (self.links.len() + self.edges.len())
    }

    /// Bits in a second that a channel can carry.
    pub(crate) fn speed_bps(&self, channel: Channel) -> f64 {
        let half = channel.0 / 2;
        let links = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        let mbps = if half < links {
            self.link(LinkNo(half)).speed_mbps
        } else {
            let port = self.edge(EdgeNo(half - links)).port;
            let device = self.device(port.device);
            device.port(port.port).map_or(0, |port| port.speed_mbps)
        };
        f64::from(mbps) * 1e6
    }

    /// A flow: two to a demand, there and back.
    pub(crate) fn flow(&self, number: u32) -> Flow {
        let demand = at(&self.demands, number / 2);
        Flow {
            mean: f64::from(if number.is_multiple_of(2) {
                demand.there
            } else {
                demand.back
            }),
            class: demand.class,
            offset_ms: self.site(demand.a.device).offset_ms,
            seed: hash::mix2(self.root, purpose::FLOW, u64::from(number)),
        }
    }

    /// The octets of a flow as they would be without faults, from the origin on.
    pub(crate) fn flow_octets(&self, number: u32, at: Timestamp) -> i64 {
        self.traffic.octets(&self.flow(number), at)
    }
}

/// A link's channels: from its end `a` to `b`, and back.
pub(crate) fn link_channels(link: LinkNo) -> (Channel, Channel) {
    (Channel(2 * link.0), Channel(2 * link.0 + 1))
}

impl Device {
    /// All ports; [`PortNo::port`] is the place in this list.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }
    /// A port.
    pub fn port(&self, port: u16) -> Option<&Port> {
        self.ports.get(usize::from(port))
    }
    /// The place of the interface that has the management address.
    pub fn management_port(&self) -> u16 {
        self.edge_ports + self.link_ports
    }
    /// The name of the model.
    pub fn model(&self) -> &'static str {
        self.make.model(self.edge_ports).name
    }
    /// ifName of a port.
    pub fn port_name(&self, port: u16) -> String {
        if port < self.edge_ports {
            self.make.edge.short(port)
        } else if port < self.management_port() {
            self.make.uplink.short(port - self.edge_ports)
        } else if port == self.management_port() {
            self.make.management.0.to_owned()
        } else {
            self.make.aggregate.short(self.aggregate_place(port))
        }
    }
    /// ifDescr of a port.
    pub fn port_description(&self, port: u16) -> String {
        if port < self.edge_ports {
            self.make.edge.long(port)
        } else if port < self.management_port() {
            self.make.uplink.long(port - self.edge_ports)
        } else if port == self.management_port() {
            self.make.management.0.to_owned()
        } else {
            self.make.aggregate.long(self.aggregate_place(port))
        }
    }

    /// Which of the device's aggregates the port is, from 0.
    fn aggregate_place(&self, port: u16) -> u16 {
        port.saturating_sub(self.management_port() + 1)
    }
}

fn at<T>(list: &[T], place: u32) -> &T {
    usize::try_from(place)
        .ok()
        .and_then(|place| list.get(place))
        .expect("numbers are made with the network and belong to it")
}
