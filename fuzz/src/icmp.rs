//! `collect::icmp`: what arrives on a socket that pings.

use collect::icmp::packet::{Wire, reply as parse};

/// An echo reply.
pub(crate) fn reply(data: &[u8]) {
    for wire in [Wire::V4Datagram, Wire::V4Raw, Wire::V6Datagram, Wire::V6Raw] {
        let _ = parse(wire, data);
    }
}
