//! The first octets of a sampled frame: Ethernet with its tags, MPLS, IPv4 and IPv6.

use super::octets::Octets;
use super::record::{Address, Flow};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and what was there before it.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// Tags, labels and extension headers that are looked through.
const LAYERS_MAX: usize = 8;

/// Reads an Ethernet frame into a flow. What cannot be read stays as it is.
pub(super) fn ethernet(frame: &[u8], flow: &mut Flow) -> Option<()> {
    let mut rest = Octets(frame);
    rest.skip(12)?;
    let mut kind = rest.u16()?;
    for _ in 0..LAYERS_MAX {
        if !TAGS.contains(&kind) {
            break;
        }
        rest.skip(2)?;
        kind = rest.u16()?;
    }
    if MPLS.contains(&kind) {
        kind = mpls(&mut rest)?;
    }
    match kind {
        IPV4 => ipv4(rest.0, flow),
        IPV6 => ipv6(rest.0, flow),
        _ => None,
    }
}

/// Passes over the labels; what is below them is told by its first four bits.
fn mpls(rest: &mut Octets<'_>) -> Option<u16> {
    const BOTTOM: u32 = 0x100;
    for _ in 0..LAYERS_MAX {
        if rest.u32()? & BOTTOM != 0 {
            return match rest.0.first()? >> 4 {
                4 => Some(IPV4),
                6 => Some(IPV6),
                _ => None,
            };
        }
    }
    None
}

/// Reads an IPv4 packet.
pub(super) fn ipv4(packet: &[u8], flow: &mut Flow) -> Option<()> {
    let mut rest = Octets(packet);
    let first = rest.u8()?;
    if first >> 4 != 4 {
        return None;
    }
    let header_len = usize::from(first & 0x0f) * 4;
    let traffic_class = rest.u8()?;
    // Length, identification.
    rest.skip(4)?;
    let fragment_offset = rest.u16()? & 0x1fff;
    // Time to live.
    rest.skip(1)?;
    let protocol = rest.u8()?;
    // Checksum.
    rest.skip(2)?;
    let (source, destination) = (rest.u32()?, rest.u32()?);
    flow.is_ip = true;
    flow.dscp = traffic_class >> 2;
    flow.protocol = protocol;
    flow.source = Address::v4(source);
    flow.destination = Address::v4(destination);
    if fragment_offset == 0 {
        ports(packet.get(header_len.max(20)..)?, flow);
    }
    Some(())
}

/// Reads an IPv6 packet.
pub(super) fn ipv6(packet: &[u8], flow: &mut Flow) -> Option<()> {
    let mut rest = Octets(packet);
    let first = rest.u32()?;
    if first >> 28 != 6 {
        return None;
    }
    // Payload length.
    rest.skip(2)?;
    let mut next = rest.u8()?;
    // Hop limit.
    rest.skip(1)?;
    let (source, destination) = (rest.u128()?, rest.u128()?);
    flow.is_ip = true;
    flow.dscp = u8::try_from(first >> 22 & 0x3f).unwrap_or(0);
    flow.source = Address(source);
    flow.destination = Address(destination);
    flow.protocol = next;
    for _ in 0..LAYERS_MAX {
        let header_len = match next {
            // Hop-by-hop, routing, destination options.
            0 | 43 | 60 => {
                let len = usize::from(*rest.0.get(1)?) * 8 + 8;
                next = *rest.0.first()?;
                len
            }
            // A fragment; of those after the first the ports are not there.
            44 => {
                next = *rest.0.first()?;
                let offset = u16::from_be_bytes([*rest.0.get(2)?, *rest.0.get(3)?]) >> 3;
                flow.protocol = next;
                if offset != 0 {
                    return Some(());
                }
                8
            }
            _ => break,
        };
        flow.protocol = next;
        rest.skip(header_len)?;
    }
    ports(rest.0, flow);
    Some(())
}

fn ports(segment: &[u8], flow: &mut Flow) {
    // TCP, UDP, DCCP, SCTP, UDP-Lite.
    if !matches!(flow.protocol, 6 | 17 | 33 | 132 | 136) {
        return;
    }
    let mut rest = Octets(segment);
    if let (Some(source), Some(destination)) = (rest.u16(), rest.u16()) {
        flow.source_port = source;
        flow.destination_port = destination;
    }
}
