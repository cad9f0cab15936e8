//! sFlow, fed with datagrams written by hand.

use super::{Bench, be};
use crate::flow::Format;
use model::flow::{FlowDimension, FlowDirection};

/// A datagram of one sample.
fn sflow(sequence: u64, format: u64, sample: &[u8]) -> Vec<u8> {
    let mut datagram = be(&[
        (5, 4),
        (1, 4),
        (0x7f00_0007, 4),
        (0, 4),
        (sequence, 4),
        (1_000, 4),
        (1, 4),
        (format, 4),
        (sample.len() as u64, 4),
    ]);
    datagram.extend(sample);
    datagram
}

/// A frame of 1,000 octets, one in 512, that came in by interface 3 and went out by 4.
fn raw_header(frame: &[u8]) -> Vec<u8> {
    let mut record = be(&[
        (1, 4),
        (16 + frame.len().next_multiple_of(4) as u64, 4),
        (1, 4),
        (1_000, 4),
        (4, 4),
        (frame.len() as u64, 4),
    ]);
    record.extend(frame);
    record.resize(record.len().next_multiple_of(4), 0);
    record
}

fn sample(records: &[Vec<u8>]) -> Vec<u8> {
    let mut sample = be(&[
        (1, 4),
        (3, 4),
        (512, 4),
        (51_200, 4),
        (0, 4),
        (3, 4),
        (4, 4),
        (records.len() as u64, 4),
    ]);
    sample.extend(records.concat());
    sample
}

/// Ethernet with a VLAN tag, IPv6, UDP to port 443 with DSCP 10.
fn frame() -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend(be(&[(0x8100, 2), (100, 2), (0x86dd, 2)]));
    frame.extend(be(&[(0x6280_0000, 4), (40, 2), (0, 1), (64, 1)]));
    frame.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    // Hop-by-hop options of eight octets, then UDP.
    frame.extend(be(&[(17, 1), (0, 7), (50_000, 2), (443, 2), (0, 4)]));
    frame
}

#[test]
fn sflow_samples_stand_for_as_many_packets_as_the_rate_says() {
    let mut bench = Bench::new();
    let gateway = be(&[
        (1003, 4),
        (40, 4),
        (1, 4),
        (0x0a00_0009, 4),
        (65_000, 4),
        (65_001, 4),
        (65_009, 4),
        (1, 4),
        (2, 4),
        (2, 4),
        (65_002, 4),
        (65_003, 4),
    ]);
    let both = sample(&[raw_header(&frame()), gateway]);
    bench.sflow(&sflow(1, 1, &both));
    assert_eq!(bench.defects(), []);
    assert_eq!(
        (bench.state().format, bench.state().rate),
        (Some(Format::Sflow5), Some(512))
    );
    assert_eq!(
        bench.octets(),
        [
            (3, FlowDirection::Ingress, 512_000),
            (4, FlowDirection::Egress, 512_000)
        ]
    );
    for (dimension, key) in [
        (FlowDimension::Application, "udp/443"),
        (
            FlowDimension::Conversation,
            "2001:db8::1 2001:db8::2 udp/443",
        ),
        (FlowDimension::Dscp, "10"),
        (FlowDimension::As, "65001"),
    ] {
        bench.sflow(&sflow(1, 1, &both));
        assert_eq!(
            bench.rows(dimension)[0],
            (key.to_owned(), 512_000, 512),
            "{dimension}"
        );
    }
    bench.sflow(&sflow(1, 1, &both));
    bench.sflow(&sflow(9, 1, &both));
    assert!(bench.state().defects.datagrams_lost > 0);
}

#[test]
fn expanded_samples_and_plain_addresses_of_sflow_are_read() {
    let mut bench = Bench::new();
    let ipv4 = be(&[
        (3, 4),
        (32, 4),
        (600, 4),
        (6, 4),
        (0x0a00_0001, 4),
        (0x0a00_0002, 4),
        (50_000, 4),
        (80, 4),
        (0, 4),
        (46 << 2, 4),
    ]);
    let mut expanded = be(&[
        (1, 4),
        (0, 4),
        (3, 4),
        (10, 4),
        (100, 4),
        (2, 4),
        (0, 4),
        (3, 4),
        (0, 4),
        (0x3fff_ffff, 4),
        (1, 4),
    ]);
    expanded.extend(ipv4);
    bench.sflow(&sflow(1, 3, &expanded));
    assert_eq!(bench.defects(), [("samples_dropped", 2)]);
    assert_eq!(bench.octets(), [(3, FlowDirection::Ingress, 6_000)]);
    // Counter samples are passed over.
    bench.sflow(&sflow(2, 2, &[0; 40]));
    assert_eq!(bench.state().flows, 1);
}

#[test]
fn sflow_lengths_that_lie_are_counted() {
    let mut bench = Bench::new();
    let mut datagram = sflow(1, 1, &sample(&[raw_header(&frame())]));
    // The sample says that it is longer than the datagram.
    datagram[32..36].copy_from_slice(&60_000_u32.to_be_bytes());
    bench.sflow(&datagram);
    // The record says so.
    let mut record = raw_header(&frame());
    record[4..8].copy_from_slice(&60_000_u32.to_be_bytes());
    bench.sflow(&sflow(2, 1, &sample(&[record])));
    // The frame says so; what is there is read.
    let mut record = raw_header(&frame());
    record[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    bench.sflow(&sflow(3, 1, &sample(&[record])));
    assert_eq!(bench.state().defects.lengths, 2);
    assert_eq!(bench.state().flows, 1);
    // 2^32 samples of which none is there.
    let mut many = sflow(4, 1, &[]);
    many[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
    many.truncate(28);
    bench.sflow(&many);
    assert_eq!(bench.state().defects.lengths, 3);
}
