//! Echo requests and replies as bytes (RFC 792, RFC 4443): no socket, no clock. Reading is total:
//! any bytes are either an echo reply or nothing.

/// Octets carried behind the header: what `ping` sends, so that filters see nothing unusual.
const PAYLOAD_LEN: usize = 56;
/// Type, code, checksum, identifier, sequence.
const HEADER_LEN: usize = 8;
/// Length of an echo request on the wire, without the IP header.
pub const REQUEST_LEN: usize = HEADER_LEN + PAYLOAD_LEN;

/// What comes out of a socket, and so how its bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// IPv4 on a datagram socket: no IP header; the kernel fills in the identifier and passes on
    /// only answers to it.
    V4Datagram,
    /// IPv4 on a raw socket: the IP header comes first, and everybody's packets arrive.
    V4Raw,
    /// IPv6 on a datagram socket: as [`Wire::V4Datagram`].
    V6Datagram,
    /// IPv6 on a raw socket: no IP header, but everybody's packets arrive.
    V6Raw,
}

impl Wire {
    fn request_type(self) -> u8 {
        match self {
            Self::V4Datagram | Self::V4Raw => 8,
            Self::V6Datagram | Self::V6Raw => 128,
        }
    }
    /// ICMP type of an echo reply.
    pub(super) fn reply_type(self) -> u8 {
        match self {
            Self::V4Datagram | Self::V4Raw => 0,
            Self::V6Datagram | Self::V6Raw => 129,
        }
    }
}

/// What a reply says of the request that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Identifier; on a datagram socket it is the kernel's and means nothing to us.
    pub identifier: u16,
    /// Sequence number of the request.
    pub sequence: u16,
}

/// An echo request. The checksum is filled in for IPv4; for IPv6 the kernel does it, since it
/// covers a pseudo header (RFC 4443 section 2.3).
pub fn request(wire: Wire, identifier: u16, sequence: u16) -> [u8; REQUEST_LEN] {
    let mut bytes = [0x46; REQUEST_LEN];
    let id = identifier.to_be_bytes();
    let seq = sequence.to_be_bytes();
    let header = [wire.request_type(), 0, 0, 0, id[0], id[1], seq[0], seq[1]];
    for (to, from) in bytes.iter_mut().zip(header) {
        *to = from;
    }
    if matches!(wire, Wire::V4Datagram | Wire::V4Raw) {
        let sum = checksum(&bytes).to_be_bytes();
        for (to, from) in bytes.iter_mut().skip(2).zip(sum) {
            *to = from;
        }
    }
    bytes
}

/// The echo reply in what a socket gave us; none where it is anything else.
pub fn reply(wire: Wire, bytes: &[u8]) -> Option<Reply> {
    let icmp = match wire {
        Wire::V4Raw => behind_ipv4_header(bytes)?,
        Wire::V4Datagram | Wire::V6Datagram | Wire::V6Raw => bytes,
    };
    let &[kind, code, _, _, id_high, id_low, seq_high, seq_low] =
        icmp.first_chunk::<HEADER_LEN>()?;
    (kind == wire.reply_type() && code == 0).then_some(Reply {
        identifier: u16::from_be_bytes([id_high, id_low]),
        sequence: u16::from_be_bytes([seq_high, seq_low]),
    })
}

/// What follows an IPv4 header, whose length stands in its first octet in words of 4 octets
/// (RFC 791 section 3.1).
fn behind_ipv4_header(bytes: &[u8]) -> Option<&[u8]> {
    let first = *bytes.first()?;
    let words = usize::from(first & 0x0f);
    (first >> 4 == 4 && words >= 5)
        .then(|| bytes.get(words * 4..))
        .flatten()
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(u16::from_be_bytes([high, 0])),
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits above")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIRES: [Wire; 4] = [Wire::V4Datagram, Wire::V4Raw, Wire::V6Datagram, Wire::V6Raw];

    /// A request turned round by an honest host, as the socket would give it.
    fn turned_round(wire: Wire, identifier: u16, sequence: u16) -> Vec<u8> {
        let mut bytes = request(wire, identifier, sequence).to_vec();
        bytes[0] = wire.reply_type();
        if wire == Wire::V4Raw {
            let mut packet = vec![0; 20];
            packet[0] = 0x45;
            packet.append(&mut bytes);
            return packet;
        }
        bytes
    }

    #[test]
    fn checksum_of_a_request_cancels_out() {
        for (id, seq) in [(0, 0), (1, 2), (0xffff, 0xffff), (0x1234, 0xabcd)] {
            assert_eq!(checksum(&request(Wire::V4Raw, id, seq)), 0, "{id} {seq}");
        }
        // RFC 1071 section 3.
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
        assert_eq!(checksum(&[0xff]), 0x00ff);
    }

    #[test]
    fn a_reply_is_told_from_everything_else() {
        for wire in WIRES {
            let good = turned_round(wire, 7, 300);
            let expected = Reply {
                identifier: 7,
                sequence: 300,
            };
            assert_eq!(reply(wire, &good), Some(expected), "{wire:?}");
            let at = good.len() - REQUEST_LEN;
            assert_eq!(reply(wire, &good[..at + 7]), None, "{wire:?}: cut");
            for wrong_type in [wire.request_type(), 3, 11, 1, 255] {
                let mut bad = good.clone();
                bad[at] = wrong_type;
                assert_eq!(reply(wire, &bad), None, "{wire:?}: type {wrong_type}");
            }
        }
        let mut short_header = turned_round(Wire::V4Raw, 7, 300);
        short_header[0] = 0x44;
        assert_eq!(reply(Wire::V4Raw, &short_header), None);
        short_header[0] = 0x4f;
        assert_eq!(reply(Wire::V4Raw, &short_header[..60]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            for wire in WIRES {
                let _ = reply(wire, &bytes);
            }
        }

        #[test]
        fn what_was_sent_comes_back(id in any::<u16>(), seq in any::<u16>()) {
            for wire in WIRES {
                let back = reply(wire, &turned_round(wire, id, seq));
                prop_assert_eq!(back, Some(Reply { identifier: id, sequence: seq }));
            }
        }
    }
}
