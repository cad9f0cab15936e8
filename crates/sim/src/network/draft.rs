//! A network while a topology is drawing it, and how it is finished: ports, addresses, demands.

use super::{
    Aggregate, AggregateNo, Behind, Device, DeviceNo, Edge, EdgeNo, Link, LinkNo, Make, Network,
    NetworkError, Peer, Port, PortNo, Role, SegmentNo, Site, segment,
};
use crate::hash::{self, purpose};
use crate::scenario::{PORTS_MAX, Scenario};
use crate::traffic::demands;
use crate::traffic::{Class, Model};
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// A network that is being drawn.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) devices: Vec<DraftDevice>,
    pub(crate) links: Vec<DraftLink>,
    /// Places of links that are used as one.
    aggregates: Vec<Vec<usize>>,
    pub(crate) sites: Vec<String>,
    pub(crate) edges: Vec<DraftEdge>,
}

#[derive(Debug)]
pub(crate) struct DraftDevice {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) site: u16,
    pub(crate) segment: Option<u16>,
    /// Megabits in a second of each port for what is at the edge.
    edge_mbps: Vec<u32>,
    links: usize,
}

#[derive(Debug)]
pub(crate) struct DraftLink {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) mbps: u32,
    pub(crate) cost: u32,
}

/// A port with something behind it.
#[derive(Debug)]
pub(crate) struct DraftEdge {
    pub(crate) device: usize,
    pub(crate) port: u16,
    pub(crate) behind: Behind,
    pub(crate) mix: Mix,
}

/// Whom those behind a port talk to: weights of the world, of servers and of their like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) world: f64,
    pub(crate) servers: f64,
    pub(crate) peers: f64,
    pub(crate) class: Class,
}

impl Draft {
    pub(crate) fn site(&mut self, name: String) -> u16 {
        self.sites.push(name);
        u16::try_from(self.sites.len() - 1).unwrap_or(u16::MAX)
    }

    pub(crate) fn device(&mut self, name: String, role: Role, site: u16) -> usize {
        self.devices.push(DraftDevice {
            name,
            role,
            site,
            segment: None,
            edge_mbps: Vec::new(),
            links: 0,
        });
        self.devices.len() - 1
    }

    pub(crate) fn segment(&mut self, device: usize, segment: u16) {
        if let Some(device) = self.devices.get_mut(device) {
            device.segment = Some(segment);
        }
    }

    pub(crate) fn link(&mut self, a: usize, b: usize, mbps: u32, cost: u32) {
        for end in [a, b] {
            if let Some(device) = self.devices.get_mut(end) {
                device.links += 1;
            }
        }
        self.links.push(DraftLink { a, b, mbps, cost });
    }

    /// Makes an aggregate of all links between two devices, where there are several.
    pub(crate) fn aggregate(&mut self, a: usize, b: usize) {
        let links = (0..).zip(&self.links);
        let between = links.filter(|(_, link)| [[a, b], [b, a]].contains(&[link.a, link.b]));
        let places: Vec<usize> = between.map(|(place, _)| place).collect();
        if places.len() > 1 {
            self.aggregates.push(places);
        }
    }

    /// Gives a device ports for what is at the edge, and plugs something into the first of them.
    pub(crate) fn edge(
        &mut self,
        device: usize,
        (ports, used, mbps): (u16, u16, u32),
        behind: Behind,
        mix: Mix,
    ) {
        let Some(drawn) = self.devices.get_mut(device) else {
            return;
        };
        let first = u16::try_from(drawn.edge_mbps.len()).unwrap_or(u16::MAX);
        let ports = ports.min(PORTS_MAX.saturating_sub(first));
        drawn.edge_mbps.extend((0..ports).map(|_| mbps));
        for port in first..first + used.min(ports) {
            self.edges.push(DraftEdge {
                device,
                port,
                behind,
                mix,
            });
        }
    }
}

pub(super) fn finish(draft: &Draft, scenario: &Scenario) -> Result<Network, NetworkError> {
    let root = scenario.root();
    let addresses = addresses(scenario.agents.base, draft.devices.len())?;
    let mut devices = Vec::with_capacity(draft.devices.len());
    for (place, (drawn, address)) in draft.devices.iter().zip(addresses).enumerate() {
        devices.push(device(
            drawn,
            address,
            hash::mix2(root, purpose::MAKE, place as u64),
        )?);
    }
    let links = plug_links(&mut devices, draft);
    let edges = plug_edges(&mut devices, draft);
    let aggregates = aggregates(&mut devices, draft, &links);
    let numbers: Vec<Option<u16>> = draft.devices.iter().map(|drawn| drawn.segment).collect();
    let (segments, of_device) = segment::segments(&numbers, &edges);
    let mut mac_base = 1;
    for (device, segment) in devices.iter_mut().zip(of_device) {
        device.segment = segment;
        device.mac_base = mac_base;
        // Those of aggregates have none of their own.
        mac_base += u32::from(device.management_port()) + 2;
    }
    let sites = sites(draft, scenario, root);
    let by_name = by_key(devices.iter().map(|device| device.name.clone()));
    let by_address = by_key(devices.iter().map(|device| device.address));
    let mut network = Network {
        name: scenario.name.clone(),
        shape: scenario.topology,
        devices,
        links,
        aggregates,
        edges,
        sites,
        segments,
        routed_by: HashMap::new(),
        demands: Vec::new(),
        traffic: Model::new(scenario.traffic.growth_per_year, scenario.traffic.noise),
        root,
        by_name,
        by_address,
    };
    for place in 0..network.segments.len() {
        let gateway = network
            .segments
            .get(place)
            .and_then(|segment| network.gateway_of(segment));
        if let Some(gateway) = gateway {
            let number = SegmentNo(u32::try_from(place).unwrap_or(u32::MAX));
            let routed = network.routed_by.entry(gateway.device).or_default();
            routed.push(number);
        }
        if let Some(segment) = network.segments.get_mut(place) {
            segment.gateway = gateway;
        }
    }
    let mixes: Vec<Mix> = draft.edges.iter().map(|edge| edge.mix).collect();
    network.demands = demands::draw(&network, &mixes);
    demands::calibrate(&mut network, scenario.traffic.utilization);
    Ok(network)
}

/// Addresses from the first on, without those that end in 0 or 255: there are people who mistrust
/// them, and programs.
fn addresses(base: Ipv4Addr, count: usize) -> Result<Vec<Ipv4Addr>, NetworkError> {
    let addresses: Vec<Ipv4Addr> = (base.to_bits()..=Ipv4Addr::new(127, 255, 255, 254).to_bits())
        .map(Ipv4Addr::from_bits)
        .filter(|address| !matches!(address.octets(), [.., 0 | 255]))
        .take(count)
        .collect();
    if addresses.len() < count {
        return Err(NetworkError::Addresses {
            devices: count,
            base,
        });
    }
    Ok(addresses)
}

fn device(drawn: &DraftDevice, address: Ipv4Addr, chance: u64) -> Result<Device, NetworkError> {
    let makes = Make::of_role(drawn.role);
    let make = makes
        .get(hash::pick(chance, makes.len()))
        .expect("a role has makes");
    // Room to grow, as there is on real devices: to the next even number, and two at least.
    let link_ports = match drawn.role {
        Role::Server => drawn.links.max(1),
        _ => drawn.links.next_multiple_of(2).max(2),
    };
    let links_max = usize::from(PORTS_MAX) * 16;
    let Some(link_ports) = u16::try_from(link_ports)
        .ok()
        .filter(|&ports| usize::from(ports) <= links_max)
    else {
        return Err(NetworkError::Links {
            device: drawn.name.clone(),
            links: drawn.links,
            links_max,
        });
    };
    let port = |speed_mbps, peer| Port { speed_mbps, peer };
    let edge_ports = u16::try_from(drawn.edge_mbps.len()).unwrap_or(u16::MAX);
    let mut ports = Vec::with_capacity(usize::from(edge_ports + link_ports) + 1);
    let edges = drawn.edge_mbps.iter();
    ports.extend(edges.map(|&mbps| port(mbps, Peer::Nothing)));
    ports.extend((0..link_ports).map(|_| port(10_000, Peer::Nothing)));
    ports.push(port(0, Peer::Inside));
    Ok(Device {
        name: drawn.name.clone(),
        address,
        role: drawn.role,
        site: drawn.site,
        segment: SegmentNo(0),
        make,
        edge_ports,
        link_ports,
        ports,
        mac_base: 0,
    })
}

fn plug_links(devices: &mut [Device], draft: &Draft) -> Vec<Link> {
    let mut next: Vec<u16> = devices.iter().map(|device| device.edge_ports).collect();
    let mut plug = |place: usize, link: u32, mbps: u32| {
        let number = next.get_mut(place)?;
        let port = *number;
        *number += 1;
        let plugged = devices.get_mut(place)?.ports.get_mut(usize::from(port))?;
        *plugged = Port {
            speed_mbps: mbps,
            peer: Peer::Link(LinkNo(link)),
        };
        Some(PortNo {
            device: DeviceNo(u32::try_from(place).ok()?),
            port,
        })
    };
    (0..)
        .zip(&draft.links)
        .filter_map(|(number, link)| {
            Some(Link {
                a: plug(link.a, number, link.mbps)?,
                b: plug(link.b, number, link.mbps)?,
                speed_mbps: link.mbps,
                cost: link.cost,
            })
        })
        .collect()
}

/// Gives both ends of each aggregate an interface, as fast as its members together.
fn aggregates(devices: &mut [Device], draft: &Draft, links: &[Link]) -> Vec<Aggregate> {
    let mut made = Vec::new();
    for places in &draft.aggregates {
        let members = || places.iter().filter_map(|&place| links.get(place));
        let Some(first) = members().next() else {
            continue;
        };
        let speed_mbps = members().fold(0, |sum: u32, link| sum.saturating_add(link.speed_mbps));
        let number = AggregateNo(u32::try_from(made.len()).unwrap_or(u32::MAX));
        let mut interface = |device: DeviceNo| {
            let ports = &mut devices.get_mut(usize::try_from(device.0).ok()?)?.ports;
            let port = u16::try_from(ports.len()).ok()?;
            ports.push(Port {
                speed_mbps,
                peer: Peer::Aggregate(number),
            });
            Some(PortNo { device, port })
        };
        if let (Some(a), Some(b)) = (interface(first.a.device), interface(first.b.device)) {
            let numbers = places.iter().filter_map(|&place| u32::try_from(place).ok());
            made.push(Aggregate {
                a,
                b,
                links: numbers.map(LinkNo).collect(),
            });
        }
    }
    made
}

fn plug_edges(devices: &mut [Device], draft: &Draft) -> Vec<Edge> {
    (0..)
        .zip(&draft.edges)
        .filter_map(|(number, edge)| {
            let port = PortNo {
                device: DeviceNo(u32::try_from(edge.device).ok()?),
                port: edge.port,
            };
            let device = devices.get_mut(edge.device)?;
            device.ports.get_mut(usize::from(edge.port))?.peer = Peer::Edge(EdgeNo(number));
            Some(Edge {
                port,
                behind: edge.behind,
            })
        })
        .collect()
}

fn sites(draft: &Draft, scenario: &Scenario, root: u64) -> Vec<Site> {
    let traffic = &scenario.traffic;
    (0_u64..)
        .zip(&draft.sites)
        .map(|(place, name)| {
            let spread = hash::unit(hash::mix2(root, purpose::SITE, place));
            // Whole half hours, as clocks have.
            let east = if place == 0 {
                0.0
            } else {
                (spread * traffic.spread_hours * 2.0).round() / 2.0
            };
            let hours = traffic.utc_offset_hours + east;
            #[expect(clippy::cast_possible_truncation, reason = "within two days")]
            let offset_ms = (hours * 3_600_000.0) as i32;
            Site {
                name: format!("{}, {name}", scenario.name),
                offset_ms,
            }
        })
        .collect()
}

fn by_key<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, DeviceNo> {
    keys.zip((0..).map(DeviceNo)).collect()
}
