//! What a device knows of its surroundings: addresses, neighbours by ARP and LLDP, MACs learnt. It
//! stays the same until something goes up or down, and is made when it is first asked for.

mod groups;

pub(super) use groups::{Groups, Route};

use super::Index;
use super::view::Numbering;
use crate::hardware::Hardware;
use crate::network::{
    DeviceNo, Link, LinkNo, Network, Peer, PortNo, Role, Segment, VLAN_OWN, VLANS,
};
use crate::routes::{Distances, Down, Graph};
use crate::timeline::Timeline;
use model::Timestamp;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Rows and what is in them, at the same places.
pub(super) type Table<T> = (Index, Vec<T>);

/// What a device knows of its surroundings.
pub(super) struct Surroundings {
    pub(super) addresses: Table<Address>,
    pub(super) inet_addresses: Index,
    pub(super) neighbors: Table<Neighbor>,
    pub(super) inet_neighbors: Index,
    pub(super) bridge_ports: Table<u16>,
    pub(super) learnt: Table<Learnt>,
    pub(super) learnt_by_vlan: Table<Learnt>,
    pub(super) vlans: Index,
    pub(super) current_vlans: Index,
    pub(super) lldp_ports: Table<u16>,
    pub(super) lldp_local_address: Index,
    pub(super) lldp_remotes: Table<PortNo>,
    pub(super) lldp_remote_addresses: Index,
    /// Aggregates and default routes.
    pub(super) groups: Groups,
    /// Which port a part is, by entPhysicalIndex and the one logical entity.
    pub(super) part_aliases: Table<u16>,
}

/// An address of the device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) ip: Ipv4Addr,
    pub(super) prefix_bits: u8,
    pub(super) port: u16,
}

/// Somebody's address and MAC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbor {
    pub(super) port: u16,
    pub(super) address: Ipv4Addr,
    pub(super) mac: [u8; 6],
}

/// A MAC that the bridge has learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learnt {
    pub(super) mac: [u8; 6],
    pub(super) port: u16,
    pub(super) vlan: u16,
}

/// What all of this is made from.
struct Sight<'a> {
    network: &'a Network,
    device: DeviceNo,
    timeline: &'a Timeline,
    at: Timestamp,
    numbering: &'a Numbering,
    down: Arc<Down>,
}

impl Surroundings {
    pub(super) fn of(
        network: &Network,
        device: DeviceNo,
        timeline: &Timeline,
        at: Timestamp,
        numbering: &Numbering,
        hardware: &Hardware,
    ) -> Self {
        let sight = Sight {
            network,
            device,
            timeline,
            at,
            numbering,
            down: timeline.down(at).map_or_else(Arc::default, Arc::clone),
        };
        let here = network.device(device);
        let addresses = sight.addresses();
        let inet = |address: Ipv4Addr| [1, 4].into_iter().chain(arcs(address));
        let inet_addresses = of(addresses.iter().map(|a| inet(a.ip).collect()));
        let neighbors = sight.neighbors();
        let index = |neighbor: &Neighbor| numbering.index(neighbor.port);
        let inet_neighbors = of(neighbors
            .iter()
            .map(|n| [index(n)].into_iter().chain(inet(n.address)).collect()));
        let learnt = if here.role.bridges() {
            sight.learnt()
        } else {
            Vec::new()
        };
        let bridge_ports = if here.role.bridges() {
            here.management_port()
        } else {
            0
        };
        let vlans = if here.role.bridges() { &VLANS[..] } else { &[] };
        let lldp_ports =
            (0..here.management_port()).map(|port| (vec![numbering.index(port)], port));
        let remotes = sight.remotes();
        let remote_addresses = of(remotes.iter().map(|(row, far)| {
            let address = network.device(far.device).address;
            row.iter()
                .copied()
                .chain([1, 4])
                .chain(arcs(address))
                .collect()
        }));
        let local = inet(here.address).collect();
        Self {
            groups: Groups::of(&sight),
            addresses: Index::sorted(
                addresses
                    .into_iter()
                    .map(|a| (arcs(a.ip).collect(), a))
                    .collect(),
            ),
            inet_addresses,
            neighbors: Index::sorted(
                neighbors
                    .into_iter()
                    .map(|n| ([index(&n)].into_iter().chain(arcs(n.address)).collect(), n))
                    .collect(),
            ),
            inet_neighbors,
            bridge_ports: Index::sorted(
                (0..bridge_ports)
                    .map(|port| (vec![u32::from(port) + 1], port))
                    .collect(),
            ),
            learnt: Index::sorted(learnt.iter().map(|l| (mac_arcs(l.mac), *l)).collect()),
            learnt_by_vlan: Index::sorted(
                learnt
                    .iter()
                    .map(|l| {
                        let mut row = vec![u32::from(l.vlan)];
                        row.extend(mac_arcs(l.mac));
                        (row, *l)
                    })
                    .collect(),
            ),
            vlans: of(vlans.iter().map(|(id, _)| vec![u32::from(*id)])),
            current_vlans: of(vlans.iter().map(|(id, _)| vec![0, u32::from(*id)])),
            lldp_ports: Index::sorted(lldp_ports.collect()),
            lldp_local_address: of([local].into_iter()),
            lldp_remotes: Index::sorted(remotes),
            lldp_remote_addresses: remote_addresses,
            part_aliases: Index::sorted(
                hardware
                    .parts
                    .iter()
                    .filter(|part| part.sensor.is_none())
                    .filter_map(|part| Some((vec![part.index, 0], part.port?)))
                    .collect(),
            ),
        }
    }
}

fn of(rows: impl Iterator<Item = Vec<u32>>) -> Index {
    Index::sorted(rows.map(|row| (row, ())).collect()).0
}

fn arcs(address: Ipv4Addr) -> impl Iterator<Item = u32> {
    address.octets().into_iter().map(u32::from)
}

fn mac_arcs(mac: [u8; 6]) -> Vec<u32> {
    mac.into_iter().map(u32::from).collect()
}

impl Sight<'_> {
    fn segment(&self) -> &Segment {
        self.network
            .segment(self.network.device(self.device).segment)
    }

    fn port(&self, port: u16) -> PortNo {
        PortNo {
            device: self.device,
            port,
        }
    }

    fn is_up(&self, port: PortNo) -> bool {
        self.timeline.is_up(port, self.at)
    }

    /// Ports with a link, that is up.
    fn links(&self) -> impl Iterator<Item = (u16, LinkNo, &Link, PortNo)> {
        let ports = self.network.device(self.device).ports();
        (0..).zip(ports).filter_map(|(port, plug)| {
            let Peer::Link(number) = plug.peer else {
                return None;
            };
            let far = self.network.far_end(self.port(port))?;
            self.is_up(self.port(port))
                .then(|| (port, number, self.network.link(number), far))
        })
    }

    fn addresses(&self) -> Vec<Address> {
        let here = self.network.device(self.device);
        let mut addresses = vec![Address {
            ip: here.address,
            prefix_bits: 32,
            port: here.management_port(),
        }];
        let ports = (0..).zip(here.ports());
        addresses.extend(ports.filter_map(|(port, _)| {
            Some(Address {
                ip: self.network.link_address(self.port(port))?,
                prefix_bits: 31,
                port,
            })
        }));
        let own = self.network.routed_by(self.device);
        addresses.extend(own.filter_map(|segment| {
            Some(Address {
                ip: segment.gateway_address(),
                prefix_bits: segment.prefix_bits,
                port: segment.gateway?.port,
            })
        }));
        addresses
    }

    /// Whom the device has talked to: routers across links; behind a gateway its hosts and bridges;
    /// of a bridge the gateway.
    fn neighbors(&self) -> Vec<Neighbor> {
        let network = self.network;
        let mut found = Vec::new();
        for (port, number, _, far) in self.links() {
            if let Some((port, address)) = self.hop(port, number, far) {
                let mac = network.mac(far);
                found.push(Neighbor { port, address, mac });
            }
        }
        let here = network.device(self.device);
        for segment in network.routed_by(self.device) {
            let Some(gateway) = segment.gateway else {
                continue;
            };
            let hosts = segment.hosts.iter().copied();
            found.extend(
                hosts
                    .filter(|&host| self.is_up(network.edge(host).port))
                    .map(|host| {
                        let at = network.edge(host).port;
                        let is_own = at.device == self.device && !here.role.bridges();
                        Neighbor {
                            port: if is_own { at.port } else { gateway.port },
                            address: network.host_address(host),
                            mac: network.host_mac(host),
                        }
                    }),
            );
            let members = segment.members.iter().copied();
            found.extend(
                members
                    .filter(|&member| member != self.device && !self.is_away(member))
                    .map(|member| self.managed(member, gateway.port)),
            );
        }
        if let Some(gateway) = self.segment().gateway
            && gateway.device != self.device
            && !self.is_away(gateway.device)
        {
            found.push(self.managed(gateway.device, here.management_port()));
        }
        found
    }

    /// The address of the router at the other end of a link, and the port that it is reached by; none where the two
    /// do not route to each other, and of an aggregate of the first member that is up.
    fn hop(&self, port: u16, number: LinkNo, far: PortNo) -> Option<(u16, Ipv4Addr)> {
        let network = self.network;
        let by = network.used_by(number, self.port(port));
        let first = network.members(by).find(|&member| self.is_up(member));
        if first.is_some_and(|first| first.port != port) {
            return None;
        }
        let address = network.link_address(network.used_by(number, far))?;
        Some((by.port, address))
    }

    /// A device by the address of its agent.
    fn managed(&self, device: DeviceNo, port: u16) -> Neighbor {
        Neighbor {
            port,
            address: self.network.device(device).address,
            mac: self.network.chassis_mac(device),
        }
    }

    fn is_away(&self, device: DeviceNo) -> bool {
        self.down.devices.contains(&device)
    }

    /// MACs by the port that they were learnt on: each host and bridge of the segment, in the
    /// direction that the tree of the segment has for it.
    fn learnt(&self) -> Vec<Learnt> {
        let network = self.network;
        let members = &self.segment().members;
        if members.len() == 1 {
            return self.behind(self.device, None);
        }
        let graph = Graph::new(network, &self.down);
        let mut distances = Distances::default();
        let mut learnt = Vec::new();
        for &member in members {
            if self.is_away(member) {
                continue;
            }
            let towards = (member != self.device)
                .then(|| {
                    distances.to(&graph, member);
                    self.towards(&graph, &distances)
                })
                .flatten();
            if member != self.device && towards.is_none() {
                continue;
            }
            if let Some(port) = towards {
                let mac = network.chassis_mac(member);
                learnt.push(Learnt {
                    mac,
                    port,
                    vlan: VLAN_OWN,
                });
            }
            learnt.extend(self.behind(member, towards));
        }
        learnt
    }

    /// The port to the next bridge of the segment on the way measured.
    fn towards(&self, graph: &Graph, distances: &Distances) -> Option<u16> {
        let number = distances.bridge_next(graph, self.device)?;
        let link = self.network.link(number);
        let (own, far) = if link.a.device == self.device {
            (link.a, link.b)
        } else {
            (link.b, link.a)
        };
        let segment = |device| self.network.device(device).segment;
        (segment(far.device) == segment(self.device)).then_some(own.port)
    }

    /// What is plugged into a bridge of the segment: hosts, and devices that are none of it. They
    /// are learnt on the port towards that bridge, on this bridge itself on their own.
    fn behind(&self, member: DeviceNo, towards: Option<u16>) -> Vec<Learnt> {
        let network = self.network;
        let here = network.device(member);
        (0..)
            .zip(here.ports())
            .filter_map(|(port, plug)| {
                let at = PortNo {
                    device: member,
                    port,
                };
                let (mac, vlan) = match plug.peer {
                    Peer::Edge(edge) => (network.host_mac(edge), network.host_vlan(edge)),
                    Peer::Link(number) => {
                        let far = network.far_end(at)?;
                        let other = network.device(far.device);
                        let is_host = other.segment != here.segment
                            && !network.is_routed(network.link(number))
                            && (other.role == Role::Server || here.role.only_bridges());
                        if !is_host {
                            return None;
                        }
                        (network.mac(far), network.link_vlan(far.device))
                    }
                    Peer::Nothing | Peer::Inside | Peer::Aggregate(_) => return None,
                };
                self.is_up(at).then_some(Learnt {
                    mac,
                    port: towards.unwrap_or(port),
                    vlan,
                })
            })
            .collect()
    }

    /// Who is heard by LLDP on which port; rows by time mark, port and number of the neighbour.
    fn remotes(&self) -> Vec<(Vec<u32>, PortNo)> {
        let booted = self.timeline.booted(self.device, self.at);
        self.links()
            .map(|(port, number, _, far)| {
                let since = self.timeline.last_change(self.port(port), self.at);
                let mark = u32::try_from(since.since(booted).as_millis() / 10 % (1 << 32));
                let row = vec![mark.unwrap_or(0), self.numbering.index(port), number.0 + 1];
                (row, far)
            })
            .collect()
    }
}
