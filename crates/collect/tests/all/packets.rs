//! Packets in a file, for a real exporter of flows to read.

use std::path::Path;
use std::time::SystemTime;

/// A file of packets as tcpdump writes it: 20 of TCP to port 443, with 1,040 octets each, and 10 of
/// UDP to port 53, with 128 octets each and DSCP 46.
pub(crate) fn write_packets(file: &Path) {
    let tcp = ipv4([10, 1, 0, 1], 6, 0, &segment(50_000, 443, 20, 1_000));
    let udp = ipv4([10, 1, 0, 3], 17, 46 << 2, &segment(40_000, 53, 8, 100));
    let mut octets = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        octets.extend(word.to_le_bytes());
    }
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let begun = u32::try_from(now.as_secs()).unwrap() - 100;
    for place in 0..30_u32 {
        let packet = if place < 20 { &tcp } else { &udp };
        let mut frame = vec![0; 12];
        frame.extend([8, 0]);
        frame.extend(packet);
        let len = u32::try_from(frame.len()).unwrap();
        for word in [begun + place / 10, 0, len, len] {
            octets.extend(word.to_le_bytes());
        }
        octets.extend(frame);
    }
    std::fs::write(file, octets).unwrap();
}

fn ipv4(source: [u8; 4], protocol: u8, type_of_service: u8, segment: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + segment.len()).unwrap();
    let mut packet = vec![0x45, type_of_service];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    packet.extend(source);
    packet.extend([10, 1, 0, 2]);
    packet.extend(segment);
    packet
}

/// The ports, the rest of a header that nobody looks at, and so many octets.
fn segment(source: u16, destination: u16, header_len: usize, len: usize) -> Vec<u8> {
    let mut segment = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    segment.resize(header_len, 0);
    if header_len == 20 {
        // Header of five words; ACK and PSH.
        segment[12..14].copy_from_slice(&[0x50, 0x18]);
    } else {
        segment[4..6].copy_from_slice(&(u16::try_from(header_len + len).unwrap()).to_be_bytes());
    }
    segment.resize(header_len + len, b'x');
    segment
}
