//! sFlow version 5: datagrams of samples, each of records. Flow samples are read; counter samples tell
//! what SNMP tells, and are passed over. Source: sFlow.org, sFlow Version 5 (July 2004).

use super::defects::Defects;
use super::frame;
use super::octets::Octets;
use super::record::{Address, Flow, Observed};
use super::sequence::{Arrival, Sequence};
use model::Timestamp;

const FLOW_SAMPLE: u32 = 1;
const FLOW_SAMPLE_EXPANDED: u32 = 3;
/// Samples of a datagram: as many as the smallest would fill the largest datagram.
const SAMPLES_MAX: u32 = 1_024;
/// Records of a sample.
const RECORDS_MAX: u32 = 64;
/// An interface number above 30 bits is no ifIndex: the packet was made by the device or was for it.
const INTERNAL: u32 = 0x3fff_ffff;

/// The header of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Which part of the device counts by itself.
    pub(super) sub_agent: u32,
    sequence: u32,
    samples: u32,
}

/// Reads the header; none where it is no sFlow version 5.
pub(super) fn header(datagram: &[u8]) -> Option<(Header, Octets<'_>)> {
    let mut rest = Octets(datagram);
    if rest.u32()? != 5 {
        return None;
    }
    match rest.u32()? {
        1 => rest.skip(4)?,
        2 => rest.skip(16)?,
        _ => return None,
    }
    let (sub_agent, sequence) = (rest.u32()?, rest.u32()?);
    // Uptime.
    rest.skip(4)?;
    let samples = rest.u32()?;
    let header = Header {
        sub_agent,
        sequence,
        samples,
    };
    Some((header, rest))
}

/// Reads the samples. How many there were.
pub(super) fn read(
    header: Header,
    mut rest: Octets<'_>,
    now: Timestamp,
    sequence: &mut Sequence,
    defects: &mut Defects,
    sink: &mut dyn FnMut(Flow),
) -> u64 {
    match sequence.arrived(header.sequence, 1) {
        Arrival::InOrder => {}
        Arrival::After(gap) => defects.datagrams_lost += u64::from(gap),
        Arrival::Late => {
            defects.datagrams_lost = defects.datagrams_lost.saturating_sub(1);
            defects.out_of_order += 1;
        }
        Arrival::Restarted => defects.restarts += 1,
    }
    let mut samples = 0;
    for _ in 0..header.samples.min(SAMPLES_MAX) {
        let Some((format, body)) = part(&mut rest) else {
            defects.lengths += 1;
            break;
        };
        samples += 1;
        let is_expanded = match format {
            FLOW_SAMPLE => false,
            FLOW_SAMPLE_EXPANDED => true,
            _ => continue,
        };
        match sample(Octets(body), is_expanded, now, defects) {
            Some(flow) => sink(flow.scaled()),
            None => defects.lengths += 1,
        }
    }
    samples
}

/// A format and what it is the format of.
fn part<'a>(rest: &mut Octets<'a>) -> Option<(u32, &'a [u8])> {
    let (format, len) = (rest.u32()?, rest.u32()?);
    let body = rest.take(usize::try_from(len).ok()?)?;
    Some((format, body))
}

fn sample(
    mut rest: Octets<'_>,
    is_expanded: bool,
    now: Timestamp,
    defects: &mut Defects,
) -> Option<Flow> {
    // Its own sequence number: what the datagram's does not tell, `drops` does.
    rest.skip(4)?;
    let source = if is_expanded {
        interface(rest.u32()?, rest.u32()?)
    } else {
        let packed = rest.u32()?;
        interface(packed >> 24, packed & 0x00ff_ffff)
    };
    let rate = rest.u32()?;
    // Pool.
    rest.skip(4)?;
    let drops = rest.u32()?;
    let (input, output) = if is_expanded {
        (
            interface(rest.u32()?, rest.u32()?),
            interface(rest.u32()?, rest.u32()?),
        )
    } else {
        let (input, output) = (rest.u32()?, rest.u32()?);
        (
            interface(input >> 30, input & INTERNAL),
            interface(output >> 30, output & INTERNAL),
        )
    };
    let records = rest.u32()?;
    // It counts from the start of the agent on; the greatest seen is all there were.
    defects.samples_dropped = defects.samples_dropped.max(u64::from(drops));
    let mut flow = Flow {
        at: now,
        input,
        output,
        observed: match source {
            0 => Observed::Unsaid,
            at if at == input => Observed::Ingress,
            at if at == output => Observed::Egress,
            _ => Observed::Unsaid,
        },
        packets: 1,
        rate: (rate > 0).then_some(rate),
        ..Flow::default()
    };
    for _ in 0..records.min(RECORDS_MAX) {
        let (format, body) = part(&mut rest)?;
        // What one record holds back another may tell.
        let _ = record(format, Octets(body), &mut flow);
    }
    Some(flow)
}

/// An ifIndex, where it is one.
fn interface(format: u32, value: u32) -> u32 {
    if format == 0 && value != INTERNAL {
        value
    } else {
        0
    }
}

fn record(format: u32, mut rest: Octets<'_>, flow: &mut Flow) -> Option<()> {
    match format {
        // Raw packet header.
        1 => {
            let protocol = rest.u32()?;
            flow.octets = u64::from(rest.u32()?);
            // Stripped.
            rest.skip(4)?;
            let len = usize::try_from(rest.u32()?).ok()?;
            // A header that is cut is read as far as it goes.
            let header = rest.0.get(..len).unwrap_or(rest.0);
            match protocol {
                1 => frame::ethernet(header, flow),
                11 => frame::ipv4(header, flow),
                12 => frame::ipv6(header, flow),
                _ => None,
            }
        }
        // Ethernet frame data.
        2 => {
            if flow.octets == 0 {
                flow.octets = u64::from(rest.u32()?);
            }
            Some(())
        }
        // IPv4 data, IPv6 data.
        3 | 4 => {
            let (octets, protocol) = (rest.u32()?, rest.u32()?);
            let address = |rest: &mut Octets<'_>| match format {
                3 => rest.u32().map(Address::v4),
                _ => rest.u128().map(Address),
            };
            let (source, destination) = (address(&mut rest)?, address(&mut rest)?);
            let (source_port, destination_port) = (rest.u32()?, rest.u32()?);
            // TCP flags.
            rest.skip(4)?;
            let traffic_class = rest.u32()?;
            if flow.octets == 0 {
                flow.octets = u64::from(octets);
            }
            flow.is_ip = true;
            flow.protocol = u8::try_from(protocol).ok()?;
            flow.source = source;
            flow.destination = destination;
            flow.source_port = u16::try_from(source_port).unwrap_or(0);
            flow.destination_port = u16::try_from(destination_port).unwrap_or(0);
            flow.dscp = u8::try_from(traffic_class & 0xff).unwrap_or(0) >> 2;
            Some(())
        }
        // Extended gateway.
        1003 => gateway(rest, flow),
        _ => None,
    }
}

/// AS numbers: of the source, and the last of the path to the destination.
fn gateway(mut rest: Octets<'_>, flow: &mut Flow) -> Option<()> {
    match rest.u32()? {
        1 => rest.skip(4)?,
        2 => rest.skip(16)?,
        _ => {}
    }
    let own = rest.u32()?;
    let source_as = rest.u32()?;
    flow.source_as = if source_as == 0 { own } else { source_as };
    // The neighbour that it came from.
    rest.skip(4)?;
    let segments = rest.u32()?;
    flow.destination_as = own;
    for _ in 0..segments.min(RECORDS_MAX) {
        // Set or sequence.
        rest.skip(4)?;
        let len = usize::try_from(rest.u32()?).ok()?;
        let path = rest.take(len.checked_mul(4)?)?;
        if let Some(last) = path.last_chunk() {
            flow.destination_as = u32::from_be_bytes(*last);
        }
    }
    Some(())
}
