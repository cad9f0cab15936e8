//! Which way traffic goes: the shortest path by cost, one for each demand, the same there and back.
//! Among paths of equal cost a demand keeps to one, chosen by chance, so that a fabric is used
//! evenly; a link that is down moves those that used it, and no other.

use crate::hash::{self, purpose};
use crate::network::{Behind, Channel, DeviceNo, LinkNo, Network, link_channels};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet};

/// What is out of order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Down {
    pub(crate) links: HashSet<LinkNo>,
    pub(crate) edges: HashSet<crate::network::EdgeNo>,
    pub(crate) devices: HashSet<DeviceNo>,
}

impl Down {
    /// Whether a link carries anything.
    pub(crate) fn link_works(&self, network: &Network, link: LinkNo) -> bool {
        let ends = network.link(link);
        !self.links.contains(&link)
            && !self.devices.contains(&ends.a.device)
            && !self.devices.contains(&ends.b.device)
    }

    /// Whether a port at the edge carries anything.
    pub(crate) fn edge_works(&self, network: &Network, edge: crate::network::EdgeNo) -> bool {
        !self.edges.contains(&edge) && !self.devices.contains(&network.edge(edge).port.device)
    }
}

/// Which flows go through each channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loading {
    /// By channel, where its flows begin in `flows`; one more at the end.
    first: Vec<u32>,
    flows: Vec<u32>,
}

impl Loading {
    /// The flows of a channel, in order.
    pub(crate) fn flows(&self, channel: Channel) -> &[u32] {
        let bound = |channel: u32| {
            let place = usize::try_from(channel).ok()?;
            usize::try_from(*self.first.get(place)?).ok()
        };
        match (bound(channel.0), bound(channel.0 + 1)) {
            (Some(from), Some(to)) => self.flows.get(from..to).unwrap_or(&[]),
            _ => &[],
        }
    }
}

impl Loading {
    /// The same without anything on these channels.
    pub(crate) fn without(&self, cut: &BTreeSet<Channel>) -> Self {
        let channels = u32::try_from(self.first.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let mut first = Vec::with_capacity(self.first.len());
        let mut flows = Vec::with_capacity(self.flows.len());
        for channel in (0..channels).map(Channel) {
            first.push(u32::try_from(flows.len()).unwrap_or(u32::MAX));
            if !cut.contains(&channel) {
                flows.extend_from_slice(self.flows(channel));
            }
        }
        first.push(u32::try_from(flows.len()).unwrap_or(u32::MAX));
        Self { first, flows }
    }
}

/// Sends every demand along its path.
pub(crate) fn route(network: &Network, down: &Down) -> Loading {
    let graph = Graph::new(network, down);
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut order: Vec<usize> = (0..network.demands.len()).collect();
    // Those of one destination share its distances.
    order.sort_by_key(|&demand| network.demands.get(demand).map(|demand| demand.b.device));
    let mut distances = Distances::default();
    for number in order {
        let Some(demand) = network.demands.get(number) else {
            continue;
        };
        let (a, b) = (demand.a, demand.b);
        let edge_down = |edge: Option<_>| edge.is_some_and(|edge| !down.edge_works(network, edge));
        let device_down = |device| down.devices.contains(&device);
        if edge_down(a.edge) || edge_down(b.edge) || device_down(a.device) || device_down(b.device)
        {
            continue;
        }
        distances.to(&graph, b.device);
        let chance = hash::mix2(network.root, purpose::ROUTE, number as u64);
        let Some(path) = distances.path(&graph, a.device, chance) else {
            continue;
        };
        let flow = u32::try_from(2 * number).unwrap_or(u32::MAX);
        if let Some(edge) = a.edge {
            let channels = network.edge_channels(edge);
            pairs.extend([(channels.into.0, flow), (channels.out.0, flow + 1)]);
        }
        for (link, from_a) in path {
            let (a_to_b, b_to_a) = link_channels(link);
            let (there, back) = if from_a {
                (a_to_b, b_to_a)
            } else {
                (b_to_a, a_to_b)
            };
            pairs.extend([(there.0, flow), (back.0, flow + 1)]);
        }
        if let Some(edge) = b.edge {
            let channels = network.edge_channels(edge);
            pairs.extend([(channels.out.0, flow), (channels.into.0, flow + 1)]);
        }
    }
    loading(pairs, network.channel_count())
}

fn loading(mut pairs: Vec<(u32, u32)>, channels: usize) -> Loading {
    pairs.sort_unstable();
    let mut first = Vec::with_capacity(channels + 1);
    let mut flows = Vec::with_capacity(pairs.len());
    for (channel, flow) in pairs {
        let channel = usize::try_from(channel).unwrap_or(usize::MAX);
        while first.len() <= channel {
            first.push(u32::try_from(flows.len()).unwrap_or(u32::MAX));
        }
        flows.push(flow);
    }
    first.resize(channels + 1, u32::try_from(flows.len()).unwrap_or(u32::MAX));
    Loading { first, flows }
}

/// The links that work, by device.
pub(crate) struct Graph {
    arcs: Vec<Vec<Arc>>,
}

#[derive(Clone, Copy)]
struct Arc {
    to: DeviceNo,
    link: LinkNo,
    /// Whether it leads from the link's end `a` to `b`.
    from_a: bool,
    cost: u32,
}

impl Graph {
    pub(crate) fn new(network: &Network, down: &Down) -> Self {
        let mut arcs = vec![Vec::new(); network.devices().len()];
        for (number, link) in (0..).map(LinkNo).zip(network.links()) {
            if !down.link_works(network, number) {
                continue;
            }
            for (from, to, from_a) in [(link.a, link.b, true), (link.b, link.a, false)] {
                if let Some(arcs) = place(from.device).and_then(|place| arcs.get_mut(place)) {
                    arcs.push(Arc {
                        to: to.device,
                        link: number,
                        from_a,
                        cost: link.cost,
                    });
                }
            }
        }
        Self { arcs }
    }

    fn of(&self, device: DeviceNo) -> &[Arc] {
        place(device)
            .and_then(|place| self.arcs.get(place))
            .map_or(&[], Vec::as_slice)
    }
}

fn place(device: DeviceNo) -> Option<usize> {
    usize::try_from(device.0).ok()
}

/// How far every device is from one destination.
#[derive(Default)]
pub(crate) struct Distances {
    to: Option<DeviceNo>,
    by_device: Vec<u32>,
}

const FAR: u32 = u32::MAX;

fn distance(by_device: &[u32], device: DeviceNo) -> u32 {
    place(device)
        .and_then(|place| by_device.get(place))
        .copied()
        .unwrap_or(FAR)
}

/// How far every device is from the nearest of some. Source: Dijkstra (1959).
fn measure(graph: &Graph, nearest: impl IntoIterator<Item = DeviceNo>, by_device: &mut Vec<u32>) {
    by_device.clear();
    by_device.resize(graph.arcs.len(), FAR);
    let nearest = nearest.into_iter();
    let mut waiting: BinaryHeap<_> = nearest.map(|device| Reverse((0_u32, device))).collect();
    while let Some(Reverse((distance, device))) = waiting.pop() {
        let Some(known) = place(device).and_then(|place| by_device.get_mut(place)) else {
            continue;
        };
        if *known <= distance {
            continue;
        }
        *known = distance;
        for arc in graph.of(device) {
            waiting.push(Reverse((distance.saturating_add(arc.cost.max(1)), arc.to)));
        }
    }
}

/// How far every device is from the nearest port to the world.
#[derive(Debug, Default)]
pub(crate) struct WayOut {
    by_device: Vec<u32>,
}

impl WayOut {
    pub(crate) fn new(network: &Network, down: &Down) -> Self {
        let mut by_device = Vec::new();
        if !network.links().is_empty() {
            let edges = (0..).map(crate::network::EdgeNo).zip(network.edges());
            let out = edges.filter(|(number, edge)| {
                edge.behind == Behind::World && down.edge_works(network, *number)
            });
            let out = out.map(|(_, edge)| edge.port.device);
            measure(&Graph::new(network, down), out, &mut by_device);
        }
        Self { by_device }
    }

    /// What the way out of a device costs, where a shortest one begins with a link of that cost to that neighbour.
    pub(crate) fn through(&self, from: DeviceNo, next: DeviceNo, cost: u32) -> Option<u32> {
        let own = distance(&self.by_device, from);
        let through = distance(&self.by_device, next).checked_add(cost.max(1))?;
        (own != FAR && through == own).then_some(own)
    }
}

impl Distances {
    /// Measures to a destination, unless it is the one measured to last.
    pub(crate) fn to(&mut self, graph: &Graph, destination: DeviceNo) {
        if self.to == Some(destination) {
            return;
        }
        self.to = Some(destination);
        measure(graph, [destination], &mut self.by_device);
    }

    fn of(&self, device: DeviceNo) -> u32 {
        distance(&self.by_device, device)
    }

    /// The links from a device to the destination, each with whether it is used from its end `a`.
    /// None where there is no way.
    fn path(&self, graph: &Graph, from: DeviceNo, chance: u64) -> Option<Vec<(LinkNo, bool)>> {
        let mut path = Vec::new();
        let mut here = from;
        while self.of(here) != 0 {
            let next = self.next(graph, here, hash::mix(chance, u64::from(here.0)))?;
            path.push((next.link, next.from_a));
            here = next.to;
        }
        Some(path)
    }

    /// The link towards the destination; where several are as short, the one that chance says.
    fn next(&self, graph: &Graph, here: DeviceNo, chance: u64) -> Option<Arc> {
        let distance = self.of(here);
        if distance == FAR {
            return None;
        }
        let shortest = || {
            graph.of(here).iter().filter(move |arc| {
                self.of(arc.to)
                    .checked_add(arc.cost.max(1))
                    .is_some_and(|through| through == distance)
            })
        };
        // The one with the highest number of its own: if another fails, this choice stands.
        shortest()
            .max_by_key(|arc| hash::mix(chance, u64::from(arc.link.0)))
            .copied()
    }

    /// The link from a device towards the destination that a bridge would use: the lowest number.
    pub(crate) fn bridge_next(&self, graph: &Graph, here: DeviceNo) -> Option<LinkNo> {
        let distance = self.of(here);
        let shortest = graph.of(here).iter().filter(|arc| {
            self.of(arc.to)
                .checked_add(arc.cost.max(1))
                .is_some_and(|through| through == distance)
        });
        shortest.map(|arc| arc.link).min()
    }
}
