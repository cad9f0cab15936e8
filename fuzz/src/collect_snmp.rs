//! `collect::snmp`: what agents put into octet strings and indexes.

use crate::input::Input;
use collect::profile::{Plan, Profiles};
use collect::snmp::{Groups, Rows, columns, decode, interpret};
use snmp::{Oid, Value};
use std::net::Ipv4Addr;
use std::sync::LazyLock;

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

static PROFILES: LazyLock<Profiles> = LazyLock::new(Profiles::default);
/// sysObjectID of the products of some vendors, whose profiles have something of each sort.
static VENDORS: [[u32; 7]; 6] = [
    [1, 3, 6, 1, 4, 1, 9],
    [1, 3, 6, 1, 4, 1, 232],
    [1, 3, 6, 1, 4, 1, 318],
    [1, 3, 6, 1, 4, 1, 2636],
    [1, 3, 6, 1, 4, 1, 6527],
    [1, 3, 6, 1, 4, 1, 12356],
];
static ROOTS: LazyLock<Vec<Vec<u32>>> = LazyLock::new(|| {
    let roots = VENDORS.iter().flat_map(|object_id| {
        let plan = PROFILES.now().plan(object_id, "", |_| false);
        columns(object_id, Groups::ALL, &plan)
    });
    roots.collect()
});

/// A whole look: rows of the objects that are asked for, with any index and any value.
pub(crate) fn look(data: &[u8]) {
    let mut input = Input(data);
    let mut rows = Rows::default();
    let vendor = Oid::from_slice(&VENDORS[usize::from(input.u8()) % VENDORS.len()]);
    let object_id = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 2, 0]);
    rows.extend([(object_id, Value::Oid(vendor))]);
    while !input.0.is_empty() {
        // There are more roots than an octet tells apart.
        let which = usize::from(input.u8()) << 8 | usize::from(input.u8());
        let mut oid = ROOTS[which % ROOTS.len()].clone();
        let index_len = usize::from(input.u8() % 24);
        oid.extend(Input(input.take(index_len)).arcs());
        let value = value(&mut input);
        rows.extend([(Oid::from_slice(&oid), value)]);
    }
    let look = interpret(&rows, Groups::ALL, &Plan::of_rows(&PROFILES, &rows));
    for reading in &look.readings {
        let value = reading.value.as_f64();
        assert!(value.is_finite(), "{} {value}", reading.metric);
    }
    serde_json::to_string(&look.facts).expect("facts are JSON");
}

fn value(input: &mut Input) -> Value {
    let kind = input.u8();
    let number = input.i64();
    match kind % 12 {
        0 => Value::Integer(number),
        1 => Value::Integer(number % 256),
        2 => Value::Oid(Oid::from_slice(&Input(input.take(12)).arcs())),
        3 => Value::IpAddress(Ipv4Addr::from_bits(number as u32)),
        4 => Value::Counter32(number as u32),
        5 => Value::Gauge32(number as u32),
        6 => Value::TimeTicks(number as u32),
        7 => Value::Counter64(number as u64),
        8 => Value::Opaque(input.take(7).to_vec().into()),
        9 => Value::Null,
        _ => Value::Octets(input.take(usize::from(kind)).to_vec().into()),
    }
}
