//! IP-MIB: addresses of interfaces, by ipAddressTable (RFC 4293) and the older tables.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};
use ::snmp::{Defect, Value};
use model::facts::AddressFacts;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const ADDR_IF_INDEX: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 20, 1, 2];
const ADDR_MASK: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 20, 1, 3];
const ADDRESS_IF_INDEX: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 34, 1, 3];
const ADDRESS_TYPE: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 34, 1, 4];
const ADDRESS_PREFIX: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 34, 1, 5];
/// IPV6-MIB (RFC 2465), indexed by ifIndex and address.
const IPV6_PFX_LENGTH: &[u32] = &[1, 3, 6, 1, 2, 1, 55, 1, 8, 1, 2];

const UNICAST: u64 = 1;

pub(super) static MIB: Mib = Mib {
    name: "IP-MIB",
    asks: &[
        Ask::of(Groups::ADDRESSES, ADDR_IF_INDEX),
        Ask::of(Groups::ADDRESSES, ADDR_MASK),
        Ask::of(Groups::ADDRESSES, ADDRESS_IF_INDEX),
        Ask::of(Groups::ADDRESSES, ADDRESS_TYPE),
        Ask::of(Groups::ADDRESSES, ADDRESS_PREFIX),
        Ask::of(Groups::ADDRESSES, IPV6_PFX_LENGTH),
    ],
    enterprises: &[],
    read,
};

#[derive(Default)]
struct Found {
    interface: Option<u32>,
    prefix_len: Option<u8>,
}

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::ADDRESSES) {
        return;
    }
    let mut found: BTreeMap<IpAddr, Found> = BTreeMap::new();
    newer(rows, draft, &mut found);
    older(rows, draft, &mut found);
    older_ipv6(rows, draft, &mut found);
    for (address, row) in found {
        let interface = row
            .interface
            .and_then(|index| draft.interface_names.get(&index).cloned());
        draft.facts.addresses.push(AddressFacts {
            address: Some(address),
            prefix_len: row.prefix_len,
            interface,
        });
    }
}

fn newer(rows: &Rows, draft: &mut Draft, found: &mut BTreeMap<IpAddr, Found>) {
    for (index, value) in rows.column(ADDRESS_IF_INDEX) {
        let Some((address, _)) = decode::inet_index(index) else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let kind = rows.cell(ADDRESS_TYPE, index).and_then(Value::as_u64);
        if kind.is_some_and(|kind| kind != UNICAST) {
            continue;
        }
        let row = found.entry(address).or_default();
        row.interface = value.as_u64().and_then(|index| u32::try_from(index).ok());
        row.prefix_len = rows
            .cell(ADDRESS_PREFIX, index)
            .and_then(Value::as_oid)
            .and_then(|pointer| decode::prefix_of_pointer(pointer.arcs(), address));
    }
}

fn older(rows: &Rows, draft: &mut Draft, found: &mut BTreeMap<IpAddr, Found>) {
    for index in rows.indexes(&[ADDR_IF_INDEX, ADDR_MASK]) {
        let Some(address) = decode::ipv4_index(index) else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let interface = draft
            .number(rows, ADDR_IF_INDEX, index)
            .and_then(|index| u32::try_from(index).ok());
        let prefix_len = rows
            .cell(ADDR_MASK, index)
            .and_then(mask)
            .and_then(decode::prefix_len);
        let row = found.entry(address.into()).or_default();
        row.interface = row.interface.or(interface);
        // The mask is what the interface has; the row pointer of the newer table is often
        // zeroDotZero or that of another prefix.
        row.prefix_len = prefix_len.or(row.prefix_len);
    }
}

fn mask(value: &Value) -> Option<Ipv4Addr> {
    match value {
        Value::IpAddress(mask) => Some(*mask),
        Value::Octets(octets) => <[u8; 4]>::try_from(octets.as_ref())
            .ok()
            .map(Ipv4Addr::from),
        _ => None,
    }
}

fn older_ipv6(rows: &Rows, draft: &mut Draft, found: &mut BTreeMap<IpAddr, Found>) {
    for (index, value) in rows.column(IPV6_PFX_LENGTH) {
        let address = index.split_first().and_then(|(&interface, address)| {
            let octets = decode::octets(address)?;
            Some((interface, decode::inet_address(2, &octets)?))
        });
        let Some((interface, address)) = address else {
            draft.defects.add(Defect::WrongIndex);
            continue;
        };
        let bits = value
            .as_u64()
            .and_then(|bits| u8::try_from(bits).ok())
            .filter(|&bits| bits <= 128);
        let row = found.entry(address).or_default();
        row.interface = row.interface.or(Some(interface));
        row.prefix_len = row.prefix_len.or(bits);
    }
}
