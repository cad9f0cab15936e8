//! What a small switch of the tests has: the system group, IF-MIB with 64-bit counters.

use super::ber;
use super::fake::{COMMUNITY, Objects};
use snmp::Credentials;
use std::sync::Arc;

/// Columns of ifTable and ifXTable (RFC 2863) but for what follows.
pub(super) const IF_ENTRY: [u32; 9] = [1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
/// ifInErrors.
pub(super) const IN_ERRORS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 14];

/// A value of Counter32 (RFC 2578).
pub(super) fn counter(value: u8) -> Vec<u8> {
    ber::tlv(0x41, &[value])
}

/// An entry, a column of it, and its value by port.
type Column<'a> = (&'a [u32], u32, &'a dyn Fn(u32) -> Vec<u8>);

/// What an honest switch with so many ports has, in the order of the objects.
pub(super) fn objects(ports: u32) -> Objects {
    let system = |object: u32| vec![1, 3, 6, 1, 2, 1, 1, object, 0];
    let mut objects = vec![
        (system(1), ber::text("A switch of the tests")),
        (system(2), ber::oid(&[1, 3, 6, 1, 4, 1, 32_473, 1])),
        (system(3), ber::tlv(0x43, &[0x10, 0, 0])),
        (system(5), ber::text("switch")),
    ];
    let status = |_| ber::integer(1);
    let count = |_| counter(7);
    let speed = |_| ber::tlv(0x42, &[0x3b, 0x9a, 0xca, 0]);
    let name = |port: u32| ber::text(&format!("port{port}"));
    let wide = |_| ber::tlv(0x46, &[1, 0, 0, 0, 0, 0]);
    let columns: [Column<'_>; 16] = [
        (&IF_ENTRY, 2, &name),
        (&IF_ENTRY, 3, &|_| ber::integer(6)),
        (&IF_ENTRY, 4, &|_| ber::integer(1_500)),
        (&IF_ENTRY, 5, &speed),
        (&IF_ENTRY, 7, &status),
        (&IF_ENTRY, 8, &status),
        (&IF_ENTRY, 13, &count),
        (&IF_ENTRY, 14, &count),
        (&IF_ENTRY, 19, &count),
        (&IF_ENTRY, 20, &count),
        (&IF_X_ENTRY, 1, &name),
        (&IF_X_ENTRY, 6, &wide),
        (&IF_X_ENTRY, 7, &wide),
        (&IF_X_ENTRY, 10, &wide),
        (&IF_X_ENTRY, 11, &wide),
        (&IF_X_ENTRY, 15, &|_| ber::tlv(0x42, &[3, 0xe8])),
    ];
    for (entry, column, value) in columns {
        objects.extend((1..=ports).map(|port| ([entry, &[column, port]].concat(), value(port))));
    }
    objects
}

/// What such a switch is asked with.
pub(super) fn credentials() -> Arc<Credentials> {
    Arc::new(Credentials::v2c(COMMUNITY))
}
