//! IPFIX messages (RFC 7011): a template, where the device samples an options record, and the flows.

use model::Timestamp;
use std::net::Ipv4Addr;

/// Id of the template of flows.
const TEMPLATE: u16 = 256;
/// Id of the options template of sampling.
const OPTIONS: u16 = 257;
/// Octets of a message, so that it is not fragmented on Ethernet.
const LEN_MAX: usize = 1_420;
const HEADER_LEN: usize = 16;
/// Elements of a record and their lengths: sourceIPv4Address, destinationIPv4Address,
/// sourceTransportPort, destinationTransportPort, protocolIdentifier, ipClassOfService,
/// ingressInterface, egressInterface, octetDeltaCount, packetDeltaCount, bgpSourceAsNumber,
/// bgpDestinationAsNumber, flowEndMilliseconds.
const FIELDS: [(u16, u16); 13] = [
    (8, 4),
    (12, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (5, 1),
    (10, 4),
    (14, 4),
    (1, 8),
    (2, 8),
    (16, 4),
    (17, 4),
    (153, 8),
];
/// observationDomainId as the scope, samplingInterval, samplingAlgorithm.
const OPTIONS_FIELDS: [(u16, u16); 3] = [(149, 4), (34, 4), (35, 1)];
const RECORD_LEN: usize = 54;

/// A flow as it is exported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) protocol: u8,
    pub(super) type_of_service: u8,
    pub(super) input: u32,
    pub(super) output: u32,
    pub(super) octets: u64,
    pub(super) packets: u64,
    pub(super) source_as: u32,
    pub(super) destination_as: u32,
}

/// The messages of some flows: the template and the sampling first, then the flows. `sequence` counts
/// data records, those of options among them (RFC 7011, 3.1).
pub(super) fn messages(
    records: &[Record],
    rate: u32,
    at: Timestamp,
    sequence: &mut u32,
) -> Vec<Vec<u8>> {
    let mut first = set(2, &template(TEMPLATE, None, &FIELDS));
    let mut data_records = 0;
    if rate > 1 {
        first.extend(set(3, &template(OPTIONS, Some(1), &OPTIONS_FIELDS)));
        let mut options = Vec::new();
        options.extend(0_u32.to_be_bytes());
        options.extend(rate.to_be_bytes());
        // Deterministic.
        options.push(1);
        first.extend(set(OPTIONS, &options));
        data_records = 1;
    }
    let mut messages = vec![message(&first, at, *sequence)];
    *sequence = sequence.wrapping_add(data_records);
    for part in records.chunks((LEN_MAX - HEADER_LEN - 4) / RECORD_LEN) {
        let body: Vec<u8> = part.iter().flat_map(|record| data(record, at)).collect();
        let count = u32::try_from(part.len()).unwrap_or(0);
        messages.push(message(&set(TEMPLATE, &body), at, *sequence));
        *sequence = sequence.wrapping_add(count);
    }
    messages
}

fn message(sets: &[u8], at: Timestamp, sequence: u32) -> Vec<u8> {
    let len = u16::try_from(HEADER_LEN + sets.len()).unwrap_or(u16::MAX);
    let seconds = u32::try_from(at.unix_ms() / 1_000).unwrap_or(u32::MAX);
    let mut octets = Vec::with_capacity(usize::from(len));
    octets.extend(10_u16.to_be_bytes());
    octets.extend(len.to_be_bytes());
    octets.extend(seconds.to_be_bytes());
    octets.extend(sequence.to_be_bytes());
    // Observation domain 0: the whole device.
    octets.extend(0_u32.to_be_bytes());
    octets.extend(sets);
    octets
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 4).unwrap_or(u16::MAX);
    [&id.to_be_bytes()[..], &len.to_be_bytes(), body].concat()
}

fn template(id: u16, scopes: Option<u16>, fields: &[(u16, u16)]) -> Vec<u8> {
    let count = u16::try_from(fields.len()).unwrap_or(u16::MAX);
    let mut record = [id.to_be_bytes(), count.to_be_bytes()].concat();
    record.extend(scopes.iter().flat_map(|scopes| scopes.to_be_bytes()));
    for (element, len) in fields {
        record.extend(element.to_be_bytes());
        record.extend(len.to_be_bytes());
    }
    record
}

fn data(record: &Record, at: Timestamp) -> Vec<u8> {
    [
        &record.source.octets()[..],
        &record.destination.octets(),
        &record.source_port.to_be_bytes(),
        &record.destination_port.to_be_bytes(),
        &[record.protocol, record.type_of_service],
        &record.input.to_be_bytes(),
        &record.output.to_be_bytes(),
        &record.octets.to_be_bytes(),
        &record.packets.to_be_bytes(),
        &record.source_as.to_be_bytes(),
        &record.destination_as.to_be_bytes(),
        &at.unix_ms().to_be_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_what_they_say() {
        let sum: u16 = FIELDS.iter().map(|(_, len)| len).sum();
        assert_eq!(usize::from(sum), RECORD_LEN);
        let record = Record {
            source: Ipv4Addr::LOCALHOST,
            destination: Ipv4Addr::LOCALHOST,
            source_port: 1,
            destination_port: 2,
            protocol: 6,
            type_of_service: 0,
            input: 1,
            output: 2,
            octets: 3,
            packets: 1,
            source_as: 0,
            destination_as: 0,
        };
        let at = Timestamp::from_unix_ms(1_795_000_000_000);
        assert_eq!(data(&record, at).len(), RECORD_LEN);
        let mut sequence = 7;
        let messages = messages(&[record; 60], 100, at, &mut sequence);
        assert_eq!(sequence, 7 + 1 + 60);
        assert_eq!(messages.len(), 4);
        for message in &messages {
            assert!(message.len() <= LEN_MAX);
            let said = u16::from_be_bytes([message[2], message[3]]);
            assert_eq!(usize::from(said), message.len());
        }
    }
}
