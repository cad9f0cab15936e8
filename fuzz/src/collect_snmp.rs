//! `collect::snmp`: what agents put into octet strings and indexes.

use crate::input::Input;
use collect::snmp::decode;
use std::net::Ipv4Addr;

/// Octet strings: text, addresses, dates, LLDP ids, port lists.
pub(crate) fn octets(data: &[u8]) {
    let mut input = Input(data);
    let subtype = u32::from(input.u8() % 10);
    let octets = input.0;
    let _ = decode::text(octets);
    let _ = decode::hex(octets);
    let _ = decode::mac(octets);
    let _ = decode::inet_address(subtype, octets);
    let _ = decode::date_and_time(octets);
    let _ = decode::lldp_chassis_id(subtype, octets);
    let _ = decode::lldp_port_id(subtype, octets);
    let ports = decode::port_list(octets);
    assert!(ports.len() <= 8 * octets.len());
    let (value, scale, precision) = (input.i64(), input.i64(), input.i64());
    if let Some(scaled) = decode::scaled(value, scale, precision) {
        assert!(scaled.is_finite());
    }
}

/// Indexes of table rows.
pub(crate) fn indexes(data: &[u8]) {
    let index = Input(data).arcs();
    let _ = decode::inet_index(&index);
    let _ = decode::octets(&index);
    let _ = decode::lldp_management_index(&index);
    let address = decode::ipv4_index(&index).unwrap_or(Ipv4Addr::UNSPECIFIED);
    let _ = decode::prefix_len(address);
    let _ = decode::prefix_of_pointer(&index, address.into());
}
