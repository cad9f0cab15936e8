//! NetFlow v5: a header of 24 octets and up to 30 records of 48, always the same. Source: Cisco,
//! NetFlow Export Datagram Format.

use super::defects::Defects;
use super::octets::Octets;
use super::record::{Address, Flow};
use super::sequence::{Arrival, Sequence};
use model::Timestamp;
use std::time::Duration;

const RECORD_LEN: usize = 48;
/// Most records of a datagram.
const RECORDS_MAX: u16 = 30;
/// A flow that ended longer ago than this ended by a clock that is wrong.
const AGE_MAX_MS: u32 = 3_600_000;

/// Which engine of a device it is from: each counts by itself.
pub(super) fn engine(datagram: &[u8]) -> Option<u32> {
    let mut rest = Octets(datagram.get(20..)?);
    rest.u16().map(u32::from)
}

/// Reads a datagram. How many records there were; none where it is too short for its header.
pub(super) fn read(
    datagram: &[u8],
    now: Timestamp,
    sequence: &mut Sequence,
    defects: &mut Defects,
    sink: &mut dyn FnMut(Flow),
) -> Option<u64> {
    let mut rest = Octets(datagram);
    rest.u16()?;
    let count = rest.u16()?;
    let uptime_ms = rest.u32()?;
    // Seconds and nanoseconds: the age of a flow needs the uptime alone.
    rest.skip(8)?;
    let number = rest.u32()?;
    // Type and id of the engine.
    rest.skip(2)?;
    // Two bits of mode, fourteen of interval.
    let interval = rest.u16()? & 0x3fff;
    let rate = (interval > 0).then_some(u32::from(interval));
    let count = count.min(RECORDS_MAX);
    match sequence.arrived(number, u32::from(count)) {
        Arrival::InOrder => {}
        Arrival::After(gap) => defects.flows_lost += u64::from(gap),
        Arrival::Late => {
            defects.flows_lost = defects.flows_lost.saturating_sub(u64::from(count));
            defects.out_of_order += 1;
        }
        Arrival::Restarted => defects.restarts += 1,
    }
    for place in 0..count {
        let record = rest.take(RECORD_LEN);
        let flow = record.and_then(|record| flow(Octets(record), uptime_ms, now));
        let Some(mut flow) = flow else {
            defects.lengths += 1;
            return Some(u64::from(place));
        };
        flow.rate = rate;
        sink(flow.scaled());
    }
    Some(u64::from(count))
}

fn flow(mut record: Octets<'_>, uptime_ms: u32, now: Timestamp) -> Option<Flow> {
    let source = Address::v4(record.u32()?);
    let destination = Address::v4(record.u32()?);
    // Next hop.
    record.skip(4)?;
    let (input, output) = (u32::from(record.u16()?), u32::from(record.u16()?));
    let (packets, octets) = (u64::from(record.u32()?), u64::from(record.u32()?));
    // First.
    record.skip(4)?;
    let age_ms = uptime_ms.wrapping_sub(record.u32()?);
    let (source_port, destination_port) = (record.u16()?, record.u16()?);
    // Padding, TCP flags.
    record.skip(2)?;
    let protocol = record.u8()?;
    let dscp = record.u8()? >> 2;
    let (source_as, destination_as) = (u32::from(record.u16()?), u32::from(record.u16()?));
    let age_ms = if age_ms > AGE_MAX_MS { 0 } else { age_ms };
    Some(Flow {
        at: now.minus(Duration::from_millis(u64::from(age_ms))),
        is_ip: true,
        source,
        destination,
        source_port,
        destination_port,
        protocol,
        dscp,
        source_as,
        destination_as,
        input,
        output,
        octets,
        packets,
        ..Flow::default()
    })
}
