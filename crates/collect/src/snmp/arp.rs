//! IP-MIB: who was heard on local networks, by ipNetToPhysicalTable (RFC 4293) and the older
//! ipNetToMediaTable (RFC 1213).

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};
use ::snmp::{Defect, Value};
use model::facts::ArpFacts;
use std::collections::BTreeMap;
use std::net::IpAddr;

const MEDIA_PHYS_ADDRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 22, 1, 2];
const MEDIA_TYPE: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 22, 1, 4];
const PHYSICAL_PHYS_ADDRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 35, 1, 4];
const PHYSICAL_TYPE: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 35, 1, 6];

/// ipNetToMediaType and ipNetToPhysicalType: an entry that is no longer good.
const INVALID: u64 = 2;
/// ipNetToPhysicalType: an address of the device itself.
const LOCAL: u64 = 5;

/// Rows that are kept of one device. A router in front of a few thousand hosts has fewer; beyond it
/// the lowest addresses are kept, and each that is not is counted as a defect.
pub(super) const ARP_MAX: usize = 4_096;

pub(super) static MIB: Mib = Mib {
    name: "IP-MIB",
    asks: &[
        Ask::of(Groups::ARP, MEDIA_PHYS_ADDRESS),
        Ask::of(Groups::ARP, MEDIA_TYPE),
        Ask::of(Groups::ARP, PHYSICAL_PHYS_ADDRESS),
        Ask::of(Groups::ARP, PHYSICAL_TYPE),
    ],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::ARP) {
        return;
    }
    let mut found: BTreeMap<(IpAddr, u32), ArpFacts> = BTreeMap::new();
    for (column, types, index_of) in [
        (PHYSICAL_PHYS_ADDRESS, PHYSICAL_TYPE, physical as Index),
        (MEDIA_PHYS_ADDRESS, MEDIA_TYPE, media),
    ] {
        for (index, value) in rows.column(column) {
            let Some((interface, address)) = index_of(index) else {
                draft.defects.add(Defect::WrongIndex);
                continue;
            };
            let kind = rows.cell(types, index).and_then(Value::as_u64);
            let none = address.is_unspecified() || address.is_multicast();
            if none || matches!(kind, Some(INVALID | LOCAL)) {
                continue;
            }
            let Some(octets) = value.as_octets() else {
                draft.defects.add(Defect::WrongType);
                continue;
            };
            // An entry without a MAC was asked for and not answered.
            let Some(mac) = decode::mac(octets) else {
                continue;
            };
            found
                .entry((address, interface))
                .or_insert_with(|| ArpFacts {
                    address: Some(address),
                    mac: Some(mac),
                    interface: draft.interface_names.get(&interface).cloned(),
                });
        }
    }
    let left_out = found.len().saturating_sub(ARP_MAX);
    draft.defects.add_many(Defect::TooManyRows, left_out as u64);
    draft.facts.arp = found.into_values().take(ARP_MAX).collect();
}

/// ifIndex and address of a row.
type Index = fn(&[u32]) -> Option<(u32, IpAddr)>;

fn physical(index: &[u32]) -> Option<(u32, IpAddr)> {
    let (&interface, address) = index.split_first()?;
    let (address, rest) = decode::inet_index(address)?;
    rest.is_empty().then_some((interface, address))
}

fn media(index: &[u32]) -> Option<(u32, IpAddr)> {
    let (&interface, address) = index.split_first()?;
    // Some agents write the type of the address before it, as ipAddrTable of old did.
    let address = match address {
        [1, rest @ ..] if rest.len() == 4 => rest,
        whole => whole,
    };
    Some((interface, decode::ipv4_index(address)?.into()))
}
