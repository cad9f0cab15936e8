//! What flows cost, from the datagram of IPFIX to tops that are durable: two minutes of 100,000 flows
//! a second from eight exporters of 24 interfaces each. Prints one JSON object of figures.
//!
//! CPU time is that of the whole process, the store's threads included; the socket is left out.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs
)]

use foretell_collect::flow::{Collector, Protocol, Sealed};
use model::device::LOCAL_VANTAGE;
use model::flow::FlowTop;
use model::{Clock, DeviceId, EventId, EventKind, EventRecord, Timestamp};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use store::events::{EventOptions, EventStore};

const EXPORTERS: u32 = 8;
const INTERFACES: u64 = 24;
const FLOWS_PER_SEC: u64 = 100_000;
const SECONDS: u64 = 120;
const RECORDS_PER_DATAGRAM: u64 = 25;
/// Datagrams that are made before; they are sent over and over.
const DATAGRAMS: u64 = 40_000;
/// 2026-03-01T12:00:00Z.
const START_MS: i64 = 1_772_366_400_000;
/// The record of most exporters.
const FIELDS: [(u16, u16); 16] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 8),
    (1, 8),
    (7, 2),
    (11, 2),
    (4, 1),
    (5, 1),
    (6, 2),
    (16, 4),
    (17, 4),
    (152, 8),
    (153, 8),
];

/// `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    /// Few are drawn often, many seldom: the place by the square of chance.
    fn skewed(&mut self, count: u64) -> u64 {
        let drawn = self.below(1 << 16);
        (drawn * drawn * count) >> 32
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(|| Timestamp::from_unix_ms(START_MS));
    let (store, _) = EventStore::open(folder.path(), EventOptions::default(), clock).unwrap();
    let devices: Vec<DeviceId> = (0..EXPORTERS).map(|_| DeviceId::new()).collect();
    let mut chance = Chance(1);
    let datagrams: Vec<Vec<u8>> = (0..DATAGRAMS).map(|_| data(&mut chance)).collect();
    let mut collector = Collector::new(10_000_000);
    let exporter = |number: u64| {
        let host = u8::try_from(number % u64::from(EXPORTERS)).unwrap();
        SocketAddr::from(([127, 0, 1, host], 2055))
    };
    for number in 0..u64::from(EXPORTERS) {
        let at = Timestamp::from_unix_ms(START_MS);
        collector.datagram(Protocol::Netflow, exporter(number), &template(), at);
    }

    let begun = cpu_secs();
    let (mut decoded_at, mut tops, mut octets) = (0.0, 0, 0);
    let mut sent = 0_u64;
    for second in 0..SECONDS {
        let now = START_MS + i64::try_from(second).unwrap() * 1_000;
        let now = Timestamp::from_unix_ms(now);
        for _ in 0..FLOWS_PER_SEC / RECORDS_PER_DATAGRAM {
            let place = usize::try_from(sent % DATAGRAMS).unwrap();
            let datagram = datagrams.get(place).unwrap();
            collector.datagram(Protocol::Netflow, exporter(sent), datagram, now);
            sent += 1;
        }
        decoded_at = cpu_secs();
    }
    for window in collector.all() {
        let events: Vec<EventRecord> = window
            .seal()
            .into_iter()
            .map(|sealed| event(&sealed, &devices))
            .collect();
        tops += events.len();
        octets += events
            .iter()
            .map(|event| event.body.to_string().len())
            .sum::<usize>();
        let count = events.len() as u64;
        assert_eq!(store.append(events).await.unwrap().stored, count);
    }
    let ended = cpu_secs();
    let totals = collector.totals();
    let flows = FLOWS_PER_SEC * SECONDS;
    assert_eq!(totals.flows, flows);
    let per_cpu_s = |secs: f64| (flows as f64 / secs).round();
    let figures = json!({
        "ipfix_flows_per_cpu_s": per_cpu_s(ended - begun),
        "ipfix_flows_counted_per_cpu_s": per_cpu_s(decoded_at - begun),
        "flow_seal_and_store_cpu_ms_per_minute": ((ended - decoded_at) * 1e3 / 2.0).round(),
        "flow_tops": tops,
        "flow_top_octets": octets / tops.max(1),
        "resident_mib": resident_mib(),
    });
    println!("{figures}");
    drop(store);
}

fn event(sealed: &Sealed, devices: &[DeviceId]) -> EventRecord {
    let place = match sealed.exporter {
        IpAddr::V4(address) => usize::from(address.octets()[3]),
        IpAddr::V6(_) => 0,
    };
    EventRecord {
        id: EventId::received(sealed.from),
        at: sealed.from,
        vantage: LOCAL_VANTAGE.to_owned(),
        kind: EventKind::FlowTop,
        device_id: devices.get(place).copied(),
        interface_id: None,
        source: sealed.exporter,
        severity: None,
        text: FlowTop::words(sealed.top.direction, sealed.top.dimension, None),
        body: serde_json::to_value(&sealed.top).unwrap(),
    }
}

fn template() -> Vec<u8> {
    let mut record = [256_u16.to_be_bytes(), 16_u16.to_be_bytes()].concat();
    for (element, len) in FIELDS {
        record.extend(element.to_be_bytes());
        record.extend(len.to_be_bytes());
    }
    message(2, &record)
}

fn data(chance: &mut Chance) -> Vec<u8> {
    const PORTS: [u16; 12] = [443, 443, 443, 443, 80, 53, 22, 445, 3389, 993, 8_080, 5_060];
    let mut body = Vec::new();
    for _ in 0..RECORDS_PER_DATAGRAM {
        let inside = 0x0a00_0000 + chance.skewed(20_000);
        let outside = u64::from(Ipv4Addr::new(198, 18, 0, 0).to_bits()) + chance.skewed(130_000);
        let service = match chance.below(20) {
            0 => 1_024 + chance.below(40_000),
            drawn => u64::from(*PORTS.get(drawn as usize % PORTS.len()).unwrap()),
        };
        let client = 32_768 + chance.below(28_000);
        let packets = 1 + chance.skewed(200);
        let octets = packets * (64 + chance.below(1_400));
        let number = chance.skewed(500) + 64_496;
        let dscp = *[0, 0, 0, 184, 40, 104]
            .get(chance.below(6) as usize)
            .unwrap();
        let swapped = chance.below(2) == 0;
        let pair = |one: u64, other: u64| if swapped { (other, one) } else { (one, other) };
        let (source, destination) = pair(inside, outside);
        let (source_port, destination_port) = pair(client, service);
        let (source_as, destination_as) = pair(0, number);
        let values = [
            source,
            destination,
            0x0a00_0001,
            1 + chance.skewed(INTERFACES),
            1 + chance.skewed(INTERFACES),
            packets,
            octets,
            source_port,
            destination_port,
            6,
            dscp,
            0x1b,
            source_as,
            destination_as,
            0,
            0,
        ];
        for (value, (_, len)) in values.into_iter().zip(FIELDS) {
            body.extend(value.to_be_bytes().iter().skip(8 - usize::from(len)));
        }
    }
    message(256, &body)
}

fn message(set: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 20).unwrap();
    let mut message = [10_u16.to_be_bytes(), len.to_be_bytes()].concat();
    message.extend(u32::try_from(START_MS / 1_000).unwrap().to_be_bytes());
    message.extend([0; 8]);
    message.extend(set.to_be_bytes());
    message.extend((len - 16).to_be_bytes());
    message.extend(body);
    message
}

/// CPU time of this process so far, in seconds, to the hundredth.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |place: usize| fields.get(place).unwrap().parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) as f64 / 100.0
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib / 1_024
}
