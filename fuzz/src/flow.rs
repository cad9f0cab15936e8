//! `collect::flow`: datagrams of one exporter or two, one after the other, for what one says decides
//! how the next is read.

use crate::input::Input;
use collect::flow::{Collector, Protocol};
use model::Timestamp;
use std::net::SocketAddr;

/// 2026-03-01T12:00:00Z.
const START_MS: i64 = 1_772_366_400_000;

/// NetFlow v5, v9 and IPFIX.
pub(crate) fn netflow(data: &[u8]) {
    run(data, Protocol::Netflow, |kind, datagram| {
        // The version is right, mostly: what is behind it is to be reached.
        let version = [10, 9, 5, 0][usize::from(kind % 4)];
        if version > 0 {
            datagram.splice(..0, [0, version]);
        }
        // The length is right, half the time.
        if version == 10 && kind & 0x10 == 0 {
            let len = (datagram.len() as u16 + 2).to_be_bytes();
            datagram.splice(2..2, len);
        }
    });
}

/// sFlow v5.
pub(crate) fn sflow(data: &[u8]) {
    run(data, Protocol::Sflow, |kind, datagram| {
        if kind % 4 != 3 {
            datagram.splice(..0, [0, 0, 0, 5, 0, 0, 0, 1 + kind % 2]);
        }
    });
}

fn run(data: &[u8], protocol: Protocol, finish: fn(u8, &mut Vec<u8>)) {
    let mut input = Input(data);
    let mut collector = Collector::new(1_000_000);
    let mut now = START_MS;
    while !input.0.is_empty() {
        let kind = input.u8();
        let len = usize::from(input.u8()) | usize::from(kind >> 7) << 8;
        let mut datagram = input.take(len).to_vec();
        finish(kind, &mut datagram);
        let source = SocketAddr::from(([127, 0, 0, kind >> 6 & 1], 2055));
        now += i64::from(kind >> 5 & 1) * 1_000;
        collector.datagram(protocol, source, &datagram, Timestamp::from_unix_ms(now));
    }
    let totals = collector.totals();
    assert!(totals.exporters <= 2);
    for sealed in collector.all().into_iter().flat_map(|window| window.seal()) {
        let top = sealed.top;
        assert!(!top.rows.is_empty() && top.total.flows > 0);
        for row in &top.rows {
            assert!(row.octets <= top.total.octets && row.packets <= top.total.packets);
        }
        let text = serde_json::to_string(&top).expect("a top is JSON");
        let read: model::flow::FlowTop = serde_json::from_str(&text).expect("as it was written");
        assert_eq!(read, top);
    }
}
