//! The collector as a whole, fed with messages written by hand after the standards.

#![allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "numbers that the tests write themselves"
)]

mod sampling;
mod sflow;

use super::collector::{Collector, EXPORTERS_MAX};
use super::window::Sealed;
use super::{Format, Protocol};
use model::Timestamp;
use model::flow::{FlowDimension, FlowDirection};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Half a minute into a window.
const NOW: Timestamp =
    Timestamp::from_unix_ms(1_795_000_050_000 - 1_795_000_050_000 % 60_000 + 30_000);
const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
/// sourceIPv4Address, destinationIPv4Address, ports, protocol, ingressInterface, octets, packets,
/// flowEndMilliseconds.
const FIELDS: &[(u16, u16)] = &[
    (8, 4),
    (12, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (10, 4),
    (1, 8),
    (2, 4),
    (153, 8),
];

fn be(parts: &[(u64, usize)]) -> Vec<u8> {
    let octets = |(value, len): &(u64, usize)| value.to_be_bytes()[8 - len..].to_vec();
    parts.iter().flat_map(octets).collect()
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut set = be(&[(id.into(), 2), (body.len() as u64 + 4, 2)]);
    set.extend(body);
    set
}

fn ipfix(domain: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let len: usize = 16 + sets.iter().map(Vec::len).sum::<usize>();
    let exported = NOW.unix_ms() as u64 / 1_000;
    let mut message = be(&[
        (10, 2),
        (len as u64, 2),
        (exported, 4),
        (sequence.into(), 4),
        (domain.into(), 4),
    ]);
    message.extend(sets.concat());
    message
}

fn v9(source_id: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let exported = NOW.unix_ms() as u64 / 1_000;
    let mut message = be(&[
        (9, 2),
        (sets.len() as u64, 2),
        (5_000_000, 4),
        (exported, 4),
        (sequence.into(), 4),
        (source_id.into(), 4),
    ]);
    message.extend(sets.concat());
    message
}

fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut body = be(&[(id.into(), 2), (fields.len() as u64, 2)]);
    for (field, len) in fields {
        body.extend(be(&[((*field).into(), 2), ((*len).into(), 2)]));
    }
    body
}

fn options_template(id: u16, scopes: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut body = be(&[(id.into(), 2), (fields.len() as u64, 2), (scopes.into(), 2)]);
    for (field, len) in fields {
        body.extend(be(&[((*field).into(), 2), ((*len).into(), 2)]));
    }
    body
}

/// A record of [`FIELDS`] that came in by interface 3.
fn record(octets: u64) -> Vec<u8> {
    be(&[
        (0x0a00_0001, 4),
        (0x0a00_0002, 4),
        (50_000, 2),
        (443, 2),
        (6, 1),
        (3, 4),
        (octets, 8),
        (1, 4),
        (NOW.unix_ms() as u64 - 5_000, 8),
    ])
}

struct Bench {
    collector: Collector,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self {
            collector: Collector::new(100_000),
            now: NOW,
        }
    }

    fn netflow(&mut self, datagram: &[u8]) {
        let source = SocketAddr::new(EXPORTER, 9_000);
        self.collector
            .datagram(Protocol::Netflow, source, datagram, self.now);
    }

    fn sflow(&mut self, datagram: &[u8]) {
        let source = SocketAddr::new(EXPORTER, 9_000);
        self.collector
            .datagram(Protocol::Sflow, source, datagram, self.now);
    }

    fn tops(&mut self) -> Vec<Sealed> {
        let windows = self.collector.all();
        windows
            .into_iter()
            .flat_map(super::window::Window::seal)
            .collect()
    }

    /// Octets of each interface and direction.
    fn octets(&mut self) -> Vec<(u32, FlowDirection, u64)> {
        self.tops()
            .into_iter()
            .filter(|sealed| sealed.top.dimension == FlowDimension::Application)
            .map(|sealed| {
                (
                    sealed.top.if_index,
                    sealed.top.direction,
                    sealed.top.total.octets,
                )
            })
            .collect()
    }

    fn rows(&mut self, dimension: FlowDimension) -> Vec<(String, u64, u64)> {
        self.tops()
            .into_iter()
            .filter(|sealed| sealed.top.dimension == dimension)
            .flat_map(|sealed| sealed.top.rows)
            .map(|row| (row.key, row.octets, row.packets))
            .collect()
    }

    fn state(&self) -> super::ExporterState {
        self.collector.exporters().remove(0)
    }

    /// The defects that are not zero.
    fn defects(&self) -> Vec<(&'static str, u64)> {
        let mut named = self.state().defects.named();
        named.retain(|(_, count)| *count > 0);
        named
    }
}

#[test]
fn ipfix_is_counted_by_its_template() {
    let mut bench = Bench::new();
    let data = [record(100), record(50)].concat();
    bench.netflow(&ipfix(
        1,
        0,
        &[set(2, &template(256, FIELDS)), set(256, &data)],
    ));
    let state = bench.state();
    assert_eq!(
        (state.format, state.flows, state.templates),
        (Some(Format::Ipfix), 2, 1)
    );
    assert_eq!((state.unstated_flows, state.rate), (2, None));
    assert_eq!(bench.defects(), []);
    let tops = bench.tops();
    let host = tops
        .iter()
        .find(|it| it.top.dimension == FlowDimension::Host)
        .unwrap();
    assert_eq!(host.exporter, EXPORTER);
    assert_eq!((host.top.if_index, host.top.total.octets), (3, 150));
    assert_eq!(host.from.unix_ms(), NOW.unix_ms() - 30_000);
}

#[test]
fn data_before_its_template_is_counted_as_waiting_and_costs_no_other_domain() {
    let mut bench = Bench::new();
    let data = set(256, &record(100));
    bench.netflow(&ipfix(1, 0, std::slice::from_ref(&data)));
    bench.netflow(&ipfix(1, 7, std::slice::from_ref(&data)));
    assert_eq!(bench.state().templates_waited_for, [(1, 256, 2)]);
    // A template of the same id of another domain is another template.
    bench.netflow(&ipfix(
        2,
        0,
        &[set(2, &template(256, FIELDS)), data.clone()],
    ));
    assert_eq!(bench.state().templates_waited_for, [(1, 256, 2)]);
    bench.netflow(&ipfix(1, 9, &[set(2, &template(256, FIELDS)), data]));
    let state = bench.state();
    assert_eq!(state.templates_waited_for, []);
    assert_eq!(state.flows, 2);
    assert_eq!(bench.defects(), [("sets_without_template", 2)]);
}

#[test]
fn a_template_may_change_and_be_withdrawn_under_way() {
    let mut bench = Bench::new();
    bench.netflow(&ipfix(
        1,
        0,
        &[set(2, &template(256, FIELDS)), set(256, &record(100))],
    ));
    bench.netflow(&ipfix(1, 1, &[set(2, &template(256, FIELDS))]));
    assert_eq!(bench.defects(), [], "the same again is no change");
    // Octets in four, interface first.
    let fields = [(10, 4), (1, 4)];
    let data = be(&[(3, 4), (11, 4)]);
    bench.netflow(&ipfix(
        1,
        1,
        &[set(2, &template(256, &fields)), set(256, &data)],
    ));
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 111)]);
    bench.netflow(&ipfix(
        1,
        2,
        &[set(2, &be(&[(256, 2), (0, 2)])), set(256, &data)],
    ));
    assert_eq!(
        bench.defects(),
        [
            ("templates_changed", 1),
            ("templates_withdrawn", 1),
            ("sets_without_template", 1)
        ]
    );
    assert_eq!(bench.state().templates, 0);
}

#[test]
fn every_template_is_withdrawn_at_once() {
    let mut bench = Bench::new();
    let templates = [template(256, FIELDS), template(257, FIELDS)].concat();
    let options = options_template(258, 1, &[(149, 4), (34, 4)]);
    bench.netflow(&ipfix(1, 0, &[set(2, &templates), set(3, &options)]));
    assert_eq!(bench.state().templates, 3);
    bench.netflow(&ipfix(1, 0, &[set(2, &be(&[(2, 2), (0, 2)]))]));
    assert_eq!(bench.state().templates, 1);
    bench.netflow(&ipfix(1, 0, &[set(3, &be(&[(3, 2), (0, 2)]))]));
    assert_eq!(bench.state().templates, 0);
    assert_eq!(bench.defects(), [("templates_withdrawn", 3)]);
}

#[test]
fn fields_of_variable_length_are_passed_over() {
    let mut bench = Bench::new();
    // interfaceName, then the octets.
    let fields = [(82, 65_535), (1, 4), (10, 4)];
    let long = [vec![255, 1, 44], vec![b'x'; 300]].concat();
    let data = [
        vec![3],
        b"ge0".to_vec(),
        be(&[(1, 4), (3, 4)]),
        long,
        be(&[(2, 4), (3, 4)]),
        // Padding.
        vec![0, 0],
    ]
    .concat();
    bench.netflow(&ipfix(
        1,
        0,
        &[set(2, &template(256, &fields)), set(256, &data)],
    ));
    assert_eq!(bench.defects(), []);
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 3)]);
}

#[test]
fn a_biflow_counts_both_ways() {
    let mut bench = Bench::new();
    let mut body = be(&[
        (256, 2),
        (4, 2),
        (10, 2),
        (4, 2),
        (14, 2),
        (4, 2),
        (1, 2),
        (4, 2),
    ]);
    // octetDeltaCount of the reverse direction (RFC 5103).
    body.extend(be(&[(0x8001, 2), (4, 2), (29_305, 4)]));
    let data = be(&[(3, 4), (4, 4), (100, 4), (7, 4)]);
    bench.netflow(&ipfix(1, 0, &[set(2, &body), set(256, &data)]));
    assert_eq!(
        bench.octets(),
        [
            (3, FlowDirection::Ingress, 100),
            (3, FlowDirection::Egress, 7),
            (4, FlowDirection::Ingress, 7),
            (4, FlowDirection::Egress, 100),
        ]
    );
}

/// The interface of a biflow that is observed as it comes in sees the answer as it goes out: the
/// interface beyond is known by neither.
#[test]
fn a_biflow_with_a_direction_is_observed_on_one_interface_both_ways() {
    let mut bench = Bench::new();
    let fields = [(10, 4), (14, 4), (61, 1), (1, 4)];
    let mut body = be(&[(256, 2), (fields.len() as u64 + 1, 2)]);
    for (field, len) in fields {
        body.extend(be(&[(field, 2), (len, 2)]));
    }
    // octetDeltaCount of the reverse direction (RFC 5103).
    body.extend(be(&[(0x8001, 2), (4, 2), (29_305, 4)]));
    let record = |input, output| be(&[(input, 4), (output, 4), (0, 1), (100, 4), (7, 4)]);
    let data = [record(3, 4), record(4, 3)].concat();
    bench.netflow(&ipfix(1, 0, &[set(2, &body), set(256, &data)]));
    // Of the second, interface 3 is known to be observed itself, both ways.
    assert_eq!(
        bench.octets(),
        [
            (3, FlowDirection::Ingress, 100),
            (3, FlowDirection::Egress, 7),
            (4, FlowDirection::Ingress, 107),
            (4, FlowDirection::Egress, 107),
        ]
    );
}

#[test]
fn lengths_that_lie_cost_what_is_behind_them_alone() {
    let good = set(256, &record(100));
    let check = |name: &str, datagram: &[u8], octets: u64| {
        let mut bench = Bench::new();
        bench.netflow(&ipfix(
            1,
            0,
            &[set(2, &template(256, FIELDS)), good.clone()],
        ));
        bench.netflow(datagram);
        bench.netflow(&ipfix(1, 2, std::slice::from_ref(&good)));
        let total = bench.octets().first().map(|(.., octets)| *octets);
        assert_eq!(total, Some(200 + octets), "{name}");
        assert!(bench.state().defects.lengths > 0, "{name}");
    };
    let long_set = be(&[(256, 2), (60_000, 2), (7, 8)]);
    check(
        "a set longer than its message",
        &ipfix(1, 1, &[good.clone(), long_set]),
        100,
    );
    let short_set = be(&[(256, 2), (2, 2), (7, 8)]);
    check(
        "a set shorter than its header",
        &ipfix(1, 1, &[good.clone(), short_set]),
        100,
    );
    let mut long = ipfix(1, 1, std::slice::from_ref(&good));
    long[2..4].copy_from_slice(&60_000_u16.to_be_bytes());
    check("a message longer than its datagram", &long, 100);
    let mut short = ipfix(1, 1, &[good.clone(), good.clone()]);
    short[2..4].copy_from_slice(&(16 + good.len() as u16).to_be_bytes());
    check("a message shorter than its datagram", &short, 100);
    let cut = be(&[(300, 2), (50, 2), (8, 2), (4, 2)]);
    check(
        "a template with fewer fields than it says",
        &ipfix(1, 1, &[good.clone(), set(2, &cut)]),
        100,
    );
}

#[test]
fn templates_that_cannot_be_are_refused() {
    let check = |name: &str, body: &[u8]| {
        let mut bench = Bench::new();
        bench.netflow(&ipfix(1, 0, &[set(2, body)]));
        assert_eq!(bench.defects(), [("templates_bad", 1)], "{name}");
        assert_eq!(bench.state().templates, 0, "{name}");
    };
    check("an id of a set", &template(5, FIELDS));
    check("records of no length", &template(256, &[(1, 0), (2, 0)]));
    check(
        "records longer than a datagram",
        &template(256, &[(1, 65_000), (2, 65_000)]),
    );
    check("too many fields", &template(256, &[(1, 1); 257]));
}

#[test]
fn templates_of_an_exporter_are_bounded() {
    let mut bench = Bench::new();
    for id in 256..2_256_u16 {
        bench.netflow(&ipfix(1, 0, &[set(2, &template(id, FIELDS))]));
    }
    assert_eq!(bench.state().templates, 512);
    assert_eq!(bench.defects(), [("templates_evicted", 2_000 - 512)]);
    // The youngest are there.
    bench.netflow(&ipfix(1, 0, &[set(2_255, &record(1))]));
    assert_eq!(bench.state().flows, 1);
    // Domains are bounded too, and give back what they had.
    for domain in 0..1_000 {
        bench.netflow(&ipfix(domain, 0, &[set(2, &template(256, FIELDS))]));
    }
    assert!(bench.state().templates <= 512);
    assert!(bench.state().defects.domains_evicted > 0);
}

#[test]
fn what_is_lost_on_the_way_is_counted() {
    let mut bench = Bench::new();
    let data = set(256, &[record(1), record(1)].concat());
    bench.netflow(&ipfix(
        1,
        10,
        &[set(2, &template(256, FIELDS)), data.clone()],
    ));
    bench.netflow(&ipfix(1, 12, std::slice::from_ref(&data)));
    assert_eq!(bench.defects(), []);
    bench.netflow(&ipfix(1, 20, std::slice::from_ref(&data)));
    assert_eq!(bench.defects(), [("flows_lost", 6)]);
    // Two of them were only late.
    bench.netflow(&ipfix(1, 16, std::slice::from_ref(&data)));
    assert_eq!(bench.defects(), [("flows_lost", 4), ("out_of_order", 1)]);
    let mut bench = Bench::new();
    for sequence in [1, 2, 5] {
        bench.netflow(&v9(1, sequence, &[set(0, &template(256, FIELDS))]));
    }
    assert_eq!(bench.defects(), [("datagrams_lost", 2)]);
}

#[test]
fn a_flood_of_one_exporter_is_cut_and_costs_no_other() {
    let mut bench = Bench::new();
    bench.collector = Collector::new(1_000);
    let message = ipfix(
        1,
        0,
        &[set(2, &template(256, FIELDS)), set(256, &record(1))],
    );
    for _ in 0..10_000 {
        bench.netflow(&message);
    }
    assert_eq!(
        (bench.state().flows, bench.state().defects.limited),
        (2_000, 8_000)
    );
    let other = SocketAddr::from(([127, 0, 0, 8], 1));
    bench
        .collector
        .datagram(Protocol::Netflow, other, &message, NOW);
    assert_eq!(bench.collector.exporters()[1].flows, 1);
    // A second later it may go on.
    bench.now = Timestamp::from_unix_ms(NOW.unix_ms() + 1_000);
    bench.netflow(&message);
    assert_eq!(bench.state().flows, 2_001);
}

#[test]
fn exporters_are_bounded_and_those_that_are_silent_make_room() {
    let mut collector = Collector::new(1_000);
    let from = |number: u32| SocketAddr::from((Ipv4Addr::from_bits(0x7f00_0000 + number), 1));
    let junk = [0; 4];
    for number in 0..EXPORTERS_MAX as u32 + 5 {
        collector.datagram(Protocol::Netflow, from(number), &junk, NOW);
    }
    let totals = collector.totals();
    assert_eq!(totals.exporters, EXPORTERS_MAX as u64);
    assert_eq!(totals.exporters_refused, 5);
    assert_eq!(totals.defects.unreadable, EXPORTERS_MAX as u64);
    let later = Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000);
    collector.datagram(Protocol::Netflow, from(100_000), &junk, later);
    let totals = collector.totals();
    assert_eq!(
        (totals.exporters, totals.exporters_forgotten),
        (1, EXPORTERS_MAX as u64)
    );
    assert_eq!(
        totals.defects.unreadable,
        EXPORTERS_MAX as u64 + 1,
        "counts do not go back"
    );
}

#[test]
fn nonsense_under_many_addresses_keeps_no_exporter_out_for_long() {
    let mut collector = Collector::new(1_000);
    let from = |number: u32| SocketAddr::from((Ipv4Addr::from_bits(0x7f00_0000 + number), 1));
    let speaks = ipfix(1, 0, &[template(256, FIELDS)]);
    collector.datagram(Protocol::Netflow, from(0), &speaks, NOW);
    for number in 1..=EXPORTERS_MAX as u32 {
        collector.datagram(Protocol::Netflow, from(number), &[0; 4], NOW);
    }
    assert_eq!(collector.totals().exporters_refused, 1);
    let later = Timestamp::from_unix_ms(NOW.unix_ms() + 2_000);
    collector.datagram(Protocol::Netflow, from(100_000), &speaks, later);
    let known = collector.exporters().into_iter().map(|it| it.address);
    assert!(known.eq([from(0).ip(), from(100_000).ip()]));
    assert_eq!(collector.totals().exporters_refused, 1);
}

#[test]
fn windows_end_after_their_grace_and_late_flows_count_in_the_oldest() {
    let mut bench = Bench::new();
    let ended = |seconds_ago: i64| {
        let mut record = record(1);
        let at = (NOW.unix_ms() - 1_000 * seconds_ago).to_be_bytes();
        let len = record.len();
        record[len - 8..].copy_from_slice(&at);
        record
    };
    // The window began 30 s ago; the one before is open, the one before that is not.
    let data = [
        ended(0),
        ended(29),
        ended(31),
        ended(89),
        ended(91),
        ended(600),
    ]
    .concat();
    bench.netflow(&ipfix(
        1,
        0,
        &[set(2, &template(256, FIELDS)), set(256, &data)],
    ));
    assert_eq!(bench.defects(), [("late", 2)]);
    assert_eq!(bench.collector.due(NOW).len(), 0);
    let after = |seconds: i64| Timestamp::from_unix_ms(NOW.unix_ms() + 1_000 * seconds);
    assert_eq!(bench.collector.due(after(29)).len(), 0);
    let due = bench.collector.due(after(30));
    let totals: Vec<u64> = due
        .into_iter()
        .map(|window| window.seal()[0].top.total.flows)
        .collect();
    assert_eq!(totals, [4]);
    assert_eq!(bench.collector.due(after(90)).len(), 1);
}

#[test]
fn a_clock_of_an_exporter_that_is_wrong_does_no_harm() {
    let mut bench = Bench::new();
    let mut message = ipfix(
        1,
        0,
        &[set(2, &template(256, FIELDS)), set(256, &record(1))],
    );
    // It believes that it is 1970, in the header and in the record.
    message[4..8].copy_from_slice(&100_u32.to_be_bytes());
    let len = message.len();
    message[len - 8..].copy_from_slice(&95_000_u64.to_be_bytes());
    bench.netflow(&message);
    assert_eq!(bench.defects(), []);
    // In the record alone: the flow counts as it comes.
    message[len - 8..].copy_from_slice(&u64::MAX.to_be_bytes());
    bench.netflow(&message);
    message[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    message[len - 8..].copy_from_slice(&1_u64.to_be_bytes());
    bench.netflow(&message);
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 3)]);
}

#[test]
fn netflow_5_is_read_with_the_rate_of_its_header() {
    let mut datagram = be(&[
        (5, 2),
        (1, 2),
        (1_000_000, 4),
        (NOW.unix_ms() as u64 / 1_000, 4),
        (0, 4),
        (77, 4),
        (0, 2),
        // Sampling by one in 100, mode 1.
        (0x4000 + 100, 2),
    ]);
    datagram.extend(be(&[
        (0x0a00_0001, 4),
        (0x0a00_0002, 4),
        (0, 4),
        (3, 2),
        (4, 2),
        (2, 4),
        (300, 4),
        (990_000, 4),
        (995_000, 4),
        (53, 2),
        (40_000, 2),
        (0, 2),
        (17, 1),
        (46 << 2, 1),
        (65_001, 2),
        (65_002, 2),
        (0, 4),
    ]));
    let mut bench = Bench::new();
    bench.netflow(&datagram);
    assert_eq!(bench.state().format, Some(Format::Netflow5));
    assert_eq!(bench.state().rate, Some(100));
    assert_eq!(
        bench.octets(),
        [
            (3, FlowDirection::Ingress, 30_000),
            (4, FlowDirection::Egress, 30_000)
        ]
    );
    for (dimension, key) in [
        (FlowDimension::Application, "udp/53"),
        (FlowDimension::Conversation, "10.0.0.1 10.0.0.2 udp/53"),
        (FlowDimension::Dscp, "46"),
        (FlowDimension::As, "65001"),
    ] {
        bench.netflow(&datagram);
        assert_eq!(bench.rows(dimension)[0], (key.to_owned(), 30_000, 200));
    }
    // A count that lies.
    datagram[3] = 30;
    bench.netflow(&datagram);
    assert_eq!(bench.state().defects.lengths, 1);
}

proptest! {
    #[test]
    fn datagrams_of_chance_do_no_harm(
        datagrams in prop::collection::vec(
            (any::<bool>(), 0_u8..12, prop::collection::vec(any::<u8>(), 0..400)), 0..20),
    ) {
        let mut bench = Bench::new();
        for (is_sflow, version, mut datagram) in datagrams {
            for (place, octet) in [0, version].into_iter().enumerate() {
                if let Some(first) = datagram.get_mut(place) {
                    *first = octet;
                }
            }
            if is_sflow {
                bench.sflow(&datagram);
            } else {
                bench.netflow(&datagram);
            }
        }
        bench.tops();
    }

    #[test]
    fn a_message_with_one_octet_changed_does_no_harm(place in 0_usize..200, octet: u8) {
        let mut bench = Bench::new();
        let options = options_template(300, 1, &[(149, 4), (34, 4)]);
        let mut message = ipfix(1, 0, &[
            set(2, &template(256, FIELDS)),
            set(3, &options),
            set(300, &be(&[(1, 4), (10, 4)])),
            set(256, &record(100)),
        ]);
        let place = place % message.len();
        message[place] = octet;
        bench.netflow(&message);
        bench.tops();
    }
}
