//! Segments: what is bridged together, with its hosts and its addresses. A device that only routes
//! has a segment of its own. Addresses are of 10/8 and follow from the order of segments; MACs from
//! that of devices.

use super::{Behind, DeviceNo, EdgeNo, Link, Network, Peer, PortNo, Role, at};
use crate::hash::{self, purpose};
use serde::Serialize;
use std::net::Ipv4Addr;

/// Which segment: its place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SegmentNo(pub u32);

/// The first address of segments, and of links between routers.
const SEGMENTS_BASE: u32 = Ipv4Addr::new(10, 0, 0, 0).to_bits();
const LINKS_BASE: u32 = Ipv4Addr::new(10, 192, 0, 0).to_bits();

/// What is bridged together.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its devices, in order.
    pub members: Vec<DeviceNo>,
    /// Its ports with a host or server behind.
    pub hosts: Vec<EdgeNo>,
    /// Its prefix.
    base: u32,
    /// Bits of the prefix.
    pub prefix_bits: u8,
    /// Who routes for it, and on which of its ports.
    pub gateway: Option<PortNo>,
}

/// A VLAN: its id and name.
pub type Vlan = (u16, &'static str);

/// The VLANs of every bridge. The first has the bridges themselves in it.
pub const VLANS: [Vlan; 4] = [
    (1, "default"),
    (10, "data"),
    (20, "voice"),
    (30, "printers"),
];
/// That of links between bridges, and of bridges.
pub(crate) const VLAN_OWN: u16 = 1;
/// That of servers that answer for themselves.
const VLAN_SERVERS: u16 = 10;

impl Segment {
    /// Its first address, that of who routes for it.
    pub(crate) fn gateway_address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 1)
    }

    fn address(&self, place: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 2 + place)
    }
}

/// Makes the segments. `numbers` has the topology's number for each device; none stays by itself.
pub(super) fn segments(
    numbers: &[Option<u16>],
    edges: &[super::Edge],
) -> (Vec<Segment>, Vec<SegmentNo>) {
    let mut known = std::collections::HashMap::new();
    let mut segments: Vec<Segment> = Vec::new();
    let mut of_device = Vec::with_capacity(numbers.len());
    for (device, number) in (0..).map(DeviceNo).zip(numbers) {
        let next = SegmentNo(u32::try_from(segments.len()).unwrap_or(u32::MAX));
        let segment = match number {
            Some(number) => *known.entry(*number).or_insert(next),
            None => next,
        };
        if segment == next {
            segments.push(Segment {
                members: Vec::new(),
                hosts: Vec::new(),
                base: 0,
                prefix_bits: 32,
                gateway: None,
            });
        }
        if let Some(segment) = place(segment.0).and_then(|place| segments.get_mut(place)) {
            segment.members.push(device);
        }
        of_device.push(segment);
    }
    for (number, edge) in (0..).map(EdgeNo).zip(edges) {
        let of = place(edge.port.device.0).and_then(|place| of_device.get(place));
        let segment = of.and_then(|segment| segments.get_mut(place(segment.0)?));
        if let Some(segment) = segment.filter(|_| edge.behind != Behind::World) {
            segment.hosts.push(number);
        }
    }
    let mut base = SEGMENTS_BASE;
    for segment in &mut segments {
        // Its network, its gateway, its hosts, servers that answer for themselves, its broadcast.
        let wanted = segment.hosts.len() + 2 * segment.members.len() + 32;
        let size = u32::try_from(wanted.next_power_of_two()).unwrap_or(1 << 16);
        let first = base.next_multiple_of(size);
        // More hosts than 10/8 has addresses: they share, as they do behind translators.
        segment.base = if first.saturating_add(size) > LINKS_BASE {
            SEGMENTS_BASE.next_multiple_of(size)
        } else {
            first
        };
        segment.prefix_bits = 32 - u8::try_from(size.trailing_zeros()).unwrap_or(0);
        base = segment.base + size;
    }
    (segments, of_device)
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

impl Network {
    /// All segments; a [`SegmentNo`] is the place in this list.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
    /// A segment.
    pub fn segment(&self, segment: SegmentNo) -> &Segment {
        at(&self.segments, segment.0)
    }

    /// The segments that a device routes for.
    pub(crate) fn routed_by(&self, device: DeviceNo) -> impl Iterator<Item = &Segment> {
        let numbers = self.routed_by.get(&device).map_or(&[][..], Vec::as_slice);
        numbers.iter().map(|&number| self.segment(number))
    }

    /// Whether a link is between two routers, each with an address of its own on it.
    pub fn is_routed(&self, link: &Link) -> bool {
        let (a, b) = (self.device(link.a.device), self.device(link.b.device));
        a.segment != b.segment && !a.role.only_bridges() && !b.role.only_bridges()
    }

    /// The address that a port has on a link between routers, or an aggregate over several, which has that of its
    /// first; a member has none.
    pub(crate) fn link_address(&self, port: PortNo) -> Option<Ipv4Addr> {
        let number = match self.peer(port)? {
            Peer::Link(number) => Some(number).filter(|&one| self.used_by(one, port) == port),
            Peer::Aggregate(number) => self.aggregate(number).links.first().copied(),
            Peer::Edge(_) | Peer::Nothing | Peer::Inside => None,
        }?;
        let link = self.link(number);
        if !self.is_routed(link) {
            return None;
        }
        let end = u32::from(link.b.device == port.device);
        Some(Ipv4Addr::from_bits(LINKS_BASE + 2 * number.0 + end))
    }

    /// Who routes for a segment: the head of its bridges, a router by itself, or what its switch
    /// hangs on; for a server by itself who does so for the switch that it hangs on.
    pub(super) fn gateway_of(&self, segment: &Segment) -> Option<PortNo> {
        self.router_of(segment).or_else(|| {
            let &first = segment.members.first()?;
            self.far_ends(first).find_map(|far| {
                let switch = self.device(far.device);
                self.router_of(self.segment(switch.segment))
            })
        })
    }

    fn router_of(&self, segment: &Segment) -> Option<PortNo> {
        let routes = |device| !self.device(device).role.only_bridges();
        let mut members = segment.members.iter().copied();
        if let Some(device) = members.find(|&device| routes(device)) {
            let port = self.device(device).management_port();
            return Some(PortNo { device, port });
        }
        let &first = segment.members.first()?;
        self.far_ends(first).find(|far| routes(far.device))
    }

    /// What is plugged into the ports of a device, in their order.
    fn far_ends(&self, device: DeviceNo) -> impl Iterator<Item = PortNo> {
        let ports = (0..).zip(self.device(device).ports());
        ports.filter_map(move |(port, _)| self.far_end(PortNo { device, port }))
    }

    /// The VLAN that frames without a tag belong to on a bridge's link to that device.
    pub(crate) fn link_vlan(&self, far: DeviceNo) -> u16 {
        match self.device(far).role {
            Role::Server => VLAN_SERVERS,
            _ => VLAN_OWN,
        }
    }

    /// The MAC of a port; the one before those of its ports is the device's own. An aggregate has that of its first
    /// member.
    pub fn mac(&self, port: PortNo) -> [u8; 6] {
        let port = self.members(port).next().unwrap_or(port);
        let device = self.device(port.device);
        mac(device.make.oui, device.mac_base + 1 + u32::from(port.port))
    }

    /// The MAC that a device is known by: its LLDP chassis id and its bridge address.
    pub fn chassis_mac(&self, device: DeviceNo) -> [u8; 6] {
        let device = self.device(device);
        mac(device.make.oui, device.mac_base)
    }

    /// The MAC of what is behind a port at the edge.
    pub fn host_mac(&self, edge: EdgeNo) -> [u8; 6] {
        const DESKS: [[u8; 3]; 4] = [
            [0x3c, 0x52, 0x82],
            [0xf8, 0xbc, 0x12],
            [0xa4, 0x83, 0xe7],
            [0x8c, 0x16, 0x45],
        ];
        const RACKS: [u8; 3] = [0x00, 0x16, 0x3e];
        let oui = match self.edge(edge).behind {
            Behind::Host => {
                let chance = hash::mix2(self.root, purpose::HOST, u64::from(edge.0));
                DESKS
                    .get(hash::pick(chance, DESKS.len()))
                    .copied()
                    .unwrap_or(RACKS)
            }
            Behind::Server | Behind::World => RACKS,
        };
        // An odd factor is a bijection of the 24 bits: no two hosts share a MAC.
        mac(oui, edge.0.wrapping_mul(0x009e_3779))
    }

    /// The address of what is behind a port at the edge.
    pub fn host_address(&self, edge: EdgeNo) -> Ipv4Addr {
        let segment = self.segment(self.device(self.edge(edge).port.device).segment);
        let place = segment.hosts.partition_point(|host| *host < edge);
        let members = u32::try_from(segment.members.len()).unwrap_or(0);
        segment.address(2 * members + u32::try_from(place).unwrap_or(0))
    }

    /// The VLAN of what is behind a port at the edge.
    pub fn host_vlan(&self, edge: EdgeNo) -> u16 {
        let chance = hash::mix2(self.root, purpose::HOST ^ 0x100, u64::from(edge.0));
        match (self.edge(edge).behind, chance % 10) {
            (Behind::Host, 8) => 20,
            (Behind::Host, 9) => 30,
            _ => 10,
        }
    }

    /// What is plugged into a port, in a few words, as in ifAlias.
    pub fn plugged(&self, port: PortNo) -> String {
        let behind = |edge: EdgeNo| {
            let number = edge.0 + 1;
            match (self.edge(edge).behind, self.host_vlan(edge)) {
                (Behind::World, _) => "Internet".to_owned(),
                (Behind::Server, _) => format!("vm-{number}"),
                (Behind::Host, 20) => format!("phone-{number}"),
                (Behind::Host, 30) => format!("printer-{number}"),
                (Behind::Host, _) => format!("desk-{number}"),
            }
        };
        match self
            .device(port.device)
            .port(port.port)
            .map(|port| port.peer)
        {
            Some(Peer::Link(_) | Peer::Aggregate(_)) => {
                self.far_end(port).map_or_else(String::new, |far| {
                    format!(
                        "to {} {}",
                        self.device(far.device).name,
                        self.port_name(far)
                    )
                })
            }
            Some(Peer::Edge(edge)) => behind(edge),
            Some(Peer::Inside) => "management".to_owned(),
            Some(Peer::Nothing) | None => String::new(),
        }
    }
}

fn mac(oui: [u8; 3], number: u32) -> [u8; 6] {
    let mut octets = [0; 6];
    let (vendor, own) = octets.split_at_mut(3);
    vendor.copy_from_slice(&oui);
    let [_, number @ ..] = number.to_be_bytes();
    own.copy_from_slice(&number);
    octets
}

impl Role {
    /// Whether it forwards by MAC, and has the tables of a bridge.
    pub fn bridges(self) -> bool {
        self.only_bridges() && self != Self::Server
            || matches!(self, Self::Distribution | Self::Leaf)
    }

    /// Whether it routes for nobody.
    pub fn only_bridges(self) -> bool {
        matches!(self, Self::Access | Self::Node | Self::Server)
    }

    /// sysServices: 2 for bridging, 4 for routing, 64 for applications. Source: RFC 3418.
    pub(crate) fn services(self) -> i32 {
        let bridging = if self.bridges() { 2 } else { 0 };
        let routing = if self.only_bridges() { 0 } else { 4 };
        let hosting = if self == Self::Server { 72 } else { 0 };
        bridging + routing + hosting
    }
}
