//! Who talks to whom, and how much: a demand for each port at the edge and for each server, drawn by
//! chance from what the topology says, and scaled until the busiest link is as busy as wanted.

use super::Class;
use crate::hash::{self, purpose};
use crate::network::{Behind, Channel, DeviceNo, EdgeNo, Mix, Network, Role};
use crate::routes::{self, Down};

/// The most that one port at the edge carries in the mean: more would be cut by its speed in a peak.
const EDGE_UTILIZATION_MAX: f64 = 0.2;
/// Octets in a second before scaling: one of an office's desks.
const USUAL: f64 = 60_000.0;

/// Traffic between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) class: Class,
    /// Octets in a second from `a` to `b`, the mean of the first week.
    pub(crate) there: f32,
    /// From `b` to `a`.
    pub(crate) back: f32,
}

/// An end of a demand: a port at the edge, or the device itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) device: DeviceNo,
    pub(crate) edge: Option<EdgeNo>,
}

/// Draws the demands. `mixes` are those of the network's edges, in their order.
pub(crate) fn draw(network: &Network, mixes: &[Mix]) -> Vec<Demand> {
    let ends = Ends::of(network);
    let mut demands = Vec::with_capacity(mixes.len());
    let edges = (0..).map(EdgeNo).zip(network.edges()).zip(mixes);
    for ((number, edge), mix) in edges {
        if edge.behind == Behind::World && !ends.is_fleet {
            continue;
        }
        let chance = hash::mix2(network.root, purpose::DEMAND, u64::from(number.0));
        let a = End {
            device: edge.port.device,
            edge: Some(number),
        };
        demands.push(ends.demand(network, a, *mix, chance));
    }
    // Servers that answer for themselves are copied every night to one of their like.
    for (place, &server) in (0_u64..).zip(&ends.machines) {
        let chance = hash::mix2(network.root, purpose::DEMAND ^ 0x100, place);
        let other = pick_other(&ends.machines, server.device, chance);
        if let Some(b) = other {
            let volume = USUAL * 40.0 * weight(hash::mix(chance, 1));
            demands.push(demand(server, b, Class::Night, volume, volume * 0.03));
        }
    }
    demands
}

struct Ends {
    world: Vec<End>,
    /// Servers of both kinds.
    servers: Vec<End>,
    /// Servers that are devices.
    machines: Vec<End>,
    hosts: Vec<End>,
    is_fleet: bool,
}

impl Ends {
    fn of(network: &Network) -> Self {
        let behind = |behind: Behind| -> Vec<End> {
            let edges = (0..).map(EdgeNo).zip(network.edges());
            edges
                .filter(|(_, edge)| edge.behind == behind)
                .map(|(number, edge)| End {
                    device: edge.port.device,
                    edge: Some(number),
                })
                .collect()
        };
        let machines: Vec<End> = network
            .device_numbers()
            .filter(|&device| network.device(device).role == Role::Server)
            .map(|device| End { device, edge: None })
            .collect();
        Self {
            world: behind(Behind::World),
            servers: [machines.clone(), behind(Behind::Server)].concat(),
            machines,
            hosts: behind(Behind::Host),
            is_fleet: network.links().is_empty(),
        }
    }

    fn demand(&self, network: &Network, a: End, mix: Mix, chance: u64) -> Demand {
        let volume = USUAL * weight(hash::mix(chance, 2));
        if self.is_fleet {
            // Nobody at the other end: what comes in goes nowhere.
            let b = End {
                device: a.device,
                edge: None,
            };
            let speed = network.speed_bps(network.edge_channels(a.edge.unwrap_or(EdgeNo(0))).into);
            let volume = volume * speed / 1e9;
            return demand(
                a,
                b,
                mix.class,
                volume,
                volume * hash::between(chance, 0.2, 3.0),
            );
        }
        let (world, servers, peers) = (
            if self.world.is_empty() {
                0.0
            } else {
                mix.world
            },
            if self.servers.is_empty() {
                0.0
            } else {
                mix.servers
            },
            mix.peers,
        );
        let drawn = hash::between(hash::mix(chance, 3), 0.0, world + servers + peers);
        let place = hash::mix(chance, 4);
        let (list, back, up) = if drawn < world {
            (&self.world, 1.0, 0.15)
        } else if drawn < world + servers {
            (&self.servers, 1.0, 0.35)
        } else if self.hosts.len() > 1 {
            (&self.hosts, 0.7, 0.7)
        } else {
            (&self.servers, 1.0, 0.35)
        };
        let b = pick_other(list, a.device, place)
            .or_else(|| pick_other(&self.world, a.device, place))
            .unwrap_or(End {
                device: a.device,
                edge: None,
            });
        demand(a, b, mix.class, volume * up, volume * back)
    }
}

/// One of a list that is on another device; a few throws are enough where there is one.
fn pick_other(list: &[End], device: DeviceNo, chance: u64) -> Option<End> {
    (0..8)
        .filter_map(|throw| list.get(hash::pick(hash::mix(chance, throw), list.len())))
        .find(|end| end.device != device)
        .copied()
}

fn demand(a: End, b: End, class: Class, there: f64, back: f64) -> Demand {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seven digits of a volume that chance drew"
    )]
    let (there, back) = (there as f32, back as f32);
    Demand {
        a,
        b,
        class,
        there,
        back,
    }
}

/// Few talk much and many little: from 0.1 to 8, most below 1.
fn weight(chance: u64) -> f64 {
    let drawn = hash::unit(chance);
    0.1 + 8.0 * drawn * drawn * drawn * drawn
}

/// Scales all demands so that the busiest link, or way out, has this mean utilisation; and each so
/// that no port at the edge is too small for it.
pub(crate) fn calibrate(network: &mut Network, utilization: f64) {
    let loading = routes::route(network, &Down::default());
    let links = u32::try_from(network.links().len()).unwrap_or(u32::MAX);
    let load = |channel: Channel| -> f64 {
        let flows = loading.flows(channel).iter();
        flows.map(|&flow| network.flow(flow).mean).sum::<f64>() * 8.0
    };
    let is_measured = |channel: u32| {
        channel < 2 * links
            || links == 0
            || network.edge(EdgeNo(channel / 2 - links)).behind == Behind::World
    };
    let channels = u32::try_from(network.channel_count()).unwrap_or(u32::MAX);
    let busiest = (0..channels)
        .filter(|&channel| is_measured(channel))
        .map(|channel| load(Channel(channel)) / network.speed_bps(Channel(channel)).max(1.0))
        .fold(0.0, f64::max);
    if busiest <= 0.0 {
        return;
    }
    let factor = utilization / busiest;
    let limit = |edge: Option<EdgeNo>| {
        edge.map_or(f64::INFINITY, |edge| {
            network.speed_bps(network.edge_channels(edge).into) / 8.0
                * EDGE_UTILIZATION_MAX.max(utilization)
        })
    };
    let limits: Vec<f64> = network
        .demands
        .iter()
        .map(|demand| f64::min(limit(demand.a.edge), f64::INFINITY))
        .collect();
    for (demand, limit) in network.demands.iter_mut().zip(limits) {
        let largest = f64::from(demand.there.max(demand.back)) * factor;
        let cut = if largest > limit {
            limit / largest
        } else {
            1.0
        };
        #[expect(clippy::cast_possible_truncation, reason = "as above")]
        let scale = (factor * cut) as f32;
        demand.there *= scale;
        demand.back *= scale;
    }
}
