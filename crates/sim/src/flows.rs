//! Flows: what the devices that forward traffic export of it, as IPFIX (RFC 7011), each from its own
//! address.
//!
//! What is exported is what the interface counters count: the octets of each demand in an interval,
//! on the ports that it crosses, divided among a few applications. Routers at the head of a network
//! sample one packet in [`SAMPLED_IN`], say so in an options record, and send that share. Begin with
//! [`export`]; [`message`] puts records on the wire.

mod application;
mod message;

use crate::exporting::{self, Exported, Exporter, Turns};
use crate::hash::{self, purpose};
use crate::network::{Behind, DeviceNo, PortNo, Role};
use crate::simulation::Simulation;
use crate::timeline::Timeline;
use crate::traffic::demands::End;
use application::Application;
use message::Record;
use model::{Clock, Timestamp};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often each device exports. Real ones export what goes on once a minute, what ended sooner.
const TURNS: Turns = Turns {
    interval: Duration::from_secs(20),
    steps: 80,
};
/// Of how many packets a router at the head of a network looks at one.
pub const SAMPLED_IN: u32 = 100;
/// Mean octets of a packet.
const PACKET_LEN: u64 = 700;
/// AS numbers and prefixes of the world, all kept for documentation (RFC 5398, RFC 5737).
const WORLD: [(u32, [u8; 3]); 6] = [
    (64_496, [203, 0, 113]),
    (64_497, [198, 51, 100]),
    (64_498, [192, 0, 2]),
    (64_499, [203, 0, 113]),
    (64_500, [198, 51, 100]),
    (64_501, [192, 0, 2]),
];

/// Exports the flows of every device that forwards, to one collector, until it is cancelled.
pub async fn export(
    simulation: &Arc<Simulation>,
    collector: SocketAddrV4,
    clock: &Clock,
    cancel: &CancellationToken,
) -> io::Result<Exported> {
    let network = simulation.network();
    let exporters: Vec<FlowExporter> = network
        .device_numbers()
        .filter(|device| forwards(network.device(*device).role))
        .map(FlowExporter::new)
        .collect();
    exporting::export(exporters, TURNS, simulation, collector, clock, cancel).await
}

fn forwards(role: Role) -> bool {
    !matches!(role, Role::Server)
}

/// The exporting process of one device.
struct FlowExporter {
    device: DeviceNo,
    /// Until when everything was exported, in simulated time.
    until: Option<Timestamp>,
    /// Data records sent so far.
    sequence: u32,
}

impl FlowExporter {
    fn new(device: DeviceNo) -> Self {
        Self {
            device,
            until: None,
            sequence: 0,
        }
    }
}

impl Exporter for FlowExporter {
    fn device(&self) -> DeviceNo {
        self.device
    }

    fn datagrams(
        &mut self,
        simulation: &Arc<Simulation>,
        timeline: &Timeline,
        real: Timestamp,
    ) -> Vec<Vec<u8>> {
        // Nothing the first time, for an interval has a beginning.
        let now = simulation.pace().now();
        let Some(from) = self.until.replace(now) else {
            return Vec::new();
        };
        if timeline.is_away(self.device, now) {
            // It counts anew when it is back.
            self.until = None;
            return Vec::new();
        }
        let network = simulation.network();
        let role = network.device(self.device).role;
        let rate = if samples(role) { SAMPLED_IN } else { 1 };
        let records = records(simulation, timeline, self.device, (from, now), rate);
        message::messages(&records, rate, real, &mut self.sequence)
    }
}

fn samples(role: Role) -> bool {
    matches!(role, Role::Core | Role::Spine | Role::Router | Role::Hub)
}

/// The flows that crossed a device in a span of simulated time.
fn records(
    simulation: &Arc<Simulation>,
    timeline: &Timeline,
    device: DeviceNo,
    (from, to): (Timestamp, Timestamp),
    rate: u32,
) -> Vec<Record> {
    let network = simulation.network();
    let ports = network.device(device).ports();
    let numbering = simulation
        .numberings
        .of(network.device(device), timeline.numbering(device, to));
    let mut crossed: HashMap<u32, (u32, u32)> = HashMap::new();
    for port in (0..).take(ports.len()) {
        let Some(channels) = network.channels(PortNo { device, port }) else {
            continue;
        };
        let index = numbering.index(port);
        for &flow in timeline.flows_of(channels.into, to) {
            crossed.entry(flow).or_default().0 = index;
        }
        for &flow in timeline.flows_of(channels.out, to) {
            crossed.entry(flow).or_default().1 = index;
        }
    }
    let mut flows: Vec<(u32, (u32, u32))> = crossed.into_iter().collect();
    flows.sort_unstable();
    let mut records = Vec::new();
    for (flow, (input, output)) in flows {
        let octets = timeline
            .flow(flow, to)
            .saturating_sub(timeline.flow(flow, from));
        let octets = u64::try_from(octets).unwrap_or(0) / u64::from(rate);
        let Some(demand) = usize::try_from(flow / 2)
            .ok()
            .and_then(|at| network.demands.get(at))
        else {
            continue;
        };
        let there = flow.is_multiple_of(2);
        let chance = hash::mix2(network.root, purpose::APPLICATION, u64::from(flow / 2));
        let to_world = is_world(simulation, demand.b) || is_world(simulation, demand.a);
        for (part, application) in (0_u64..).zip(application::mix(chance, demand.class, to_world)) {
            let octets = octets * u64::from(application.per_mille) / 1_000;
            if octets == 0 {
                continue;
            }
            let chance = hash::mix(chance, part + 1);
            let client = address(simulation, demand.a, chance);
            let server = address(simulation, demand.b, hash::mix(chance, 1));
            records.push(record(
                *application,
                there,
                (client, server),
                chance,
                octets,
                (input, output),
            ));
        }
    }
    records
}

fn record(
    application: Application,
    there: bool,
    (client, server): ((Ipv4Addr, u32), (Ipv4Addr, u32)),
    chance: u64,
    octets: u64,
    (input, output): (u32, u32),
) -> Record {
    let client_port = match application.port {
        0 => 0,
        _ => u16::try_from(49_152 + chance % 16_384).unwrap_or(u16::MAX),
    };
    let (client, server) = (
        (client.0, client.1, client_port),
        (server.0, server.1, application.port),
    );
    let (source, destination) = if there {
        (client, server)
    } else {
        (server, client)
    };
    Record {
        source: source.0,
        destination: destination.0,
        source_port: source.2,
        destination_port: destination.2,
        protocol: application.protocol,
        type_of_service: application.dscp << 2,
        input,
        output,
        octets,
        packets: octets.div_ceil(PACKET_LEN),
        source_as: source.1,
        destination_as: destination.1,
    }
}

fn is_world(simulation: &Arc<Simulation>, end: End) -> bool {
    let network = simulation.network();
    end.edge
        .is_some_and(|edge| network.edge(edge).behind == Behind::World)
}

/// The address at an end, and its AS number; 0 within the network.
fn address(simulation: &Arc<Simulation>, end: End, chance: u64) -> (Ipv4Addr, u32) {
    let network = simulation.network();
    match end.edge {
        Some(_) if is_world(simulation, end) => {
            let place = hash::pick(chance, WORLD.len());
            let (number, [a, b, c]) = WORLD.get(place).copied().unwrap_or((0, [192, 0, 2]));
            let host = u8::try_from(1 + (chance >> 8) % 254).unwrap_or(1);
            (Ipv4Addr::new(a, b, c, host), number)
        }
        Some(edge) => (network.host_address(edge), 0),
        None => (network.device(end.device).address, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use std::collections::BTreeMap;

    const START: i64 = 1_795_000_000_000;

    /// Octets that came in by each interface of a device in two minutes, by its flows and by its
    /// counters.
    fn check(name: &str, rate: u32) {
        let clock = Clock::new(|| Timestamp::from_unix_ms(START));
        let scenario = Scenario {
            devices: 12,
            ..Scenario::default()
        };
        let simulation = Simulation::new(&scenario, clock).unwrap();
        let network = simulation.network();
        let device = network.by_name(name).unwrap();
        let timeline = simulation.timeline();
        let span = (
            Timestamp::from_unix_ms(START),
            Timestamp::from_unix_ms(START + 120_000),
        );
        assert_eq!(samples(network.device(device).role), rate > 1);
        let records = records(&simulation, &timeline, device, span, rate);
        assert!(!records.is_empty());
        let mut by_interface: BTreeMap<u32, u64> = BTreeMap::new();
        for record in &records {
            *by_interface.entry(record.input).or_default() += record.octets * u64::from(rate);
        }
        let times = timeline.numbering(device, span.1);
        let numbering = simulation.numberings.of(network.device(device), times);
        for port in (0..).take(network.device(device).ports().len()) {
            let octets = |at| timeline.octets(PortNo { device, port }, at).into;
            let counted = octets(span.1) - octets(span.0);
            let told = by_interface
                .get(&numbering.index(port))
                .copied()
                .unwrap_or(0);
            // Each part is rounded down.
            let missing = 64 * u64::from(rate) * records.len() as u64;
            assert!(
                told <= counted && counted <= told + missing,
                "{port}: {told} of {counted}"
            );
        }
    }

    #[test]
    fn flows_add_up_to_what_interfaces_count() {
        check("core-1", SAMPLED_IN);
        check("b1-acc-1", 1);
    }

    #[test]
    fn a_device_exports_what_is_new_since_the_last_time() {
        let clock = Clock::new(|| Timestamp::from_unix_ms(START));
        let simulation = Simulation::new(&Scenario::default(), clock).unwrap();
        let device = simulation.network().by_name("core-1").unwrap();
        let mut exporter = FlowExporter::new(device);
        let timeline = simulation.timeline();
        let at = Timestamp::from_unix_ms(START);
        assert!(exporter.datagrams(&simulation, &timeline, at).is_empty());
        assert_eq!(exporter.until, Some(at));
        // No time has passed: templates alone.
        let messages = exporter.datagrams(&simulation, &timeline, at);
        assert_eq!((messages.len(), exporter.sequence), (1, 1));
    }
}
