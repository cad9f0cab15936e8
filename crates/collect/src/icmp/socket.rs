//! The socket that echo requests leave by: which kinds the system grants, and what to tell an operator
//! where it grants none.

use super::packet::Wire;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::fmt;
use std::io;

/// Octets of each buffer that we ask for; the kernel cuts them to what it allows.
const BUFFER_OCTETS: usize = 4 << 20;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Why ICMP cannot be used here; Display is the sentence that an operator reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Neither kind of socket is allowed.
    #[error(
        "ICMP is not permitted: this process is in no group of net.ipv4.ping_group_range and has \
         no CAP_NET_RAW. Run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or grant the \
         capability."
    )]
    NotPermitted,
    /// The machine does not speak this family.
    #[error("{family} is not available on this machine.")]
    NoFamily { family: Family },
    /// Anything else.
    #[error("ICMP over {family} could not be opened: {source}.")]
    Socket {
        family: Family,
        #[source]
        source: io::Error,
    },
}

/// A socket that does not block, and how its packets look.
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) wire: Wire,
    /// Of the requests; on datagram sockets the kernel replaces it.
    pub(super) identifier: u16,
}

/// Opens a datagram socket, else a raw one.
pub(super) fn open(family: Family) -> Result<Opened, OpenError> {
    let identifier = rand::random();
    let (socket, wire) = match socket(family, Type::DGRAM) {
        Ok(socket) => (socket, datagram(family)),
        Err(first) => match socket(family, Type::RAW) {
            Ok(socket) => {
                hear_only(&socket, family, identifier);
                (socket, raw(family))
            }
            Err(second) => return Err(reason(family, &first, second)),
        },
    };
    Ok(Opened {
        socket,
        wire,
        identifier,
    })
}

fn socket(family: Family, kind: Type) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    // Only asked for: smaller buffers work too, and the kernel's limit is not ours to judge.
    let _ = socket.set_recv_buffer_size(BUFFER_OCTETS);
    let _ = socket.set_send_buffer_size(BUFFER_OCTETS);
    Ok(socket)
}

/// Has the kernel drop what a raw socket hears but nobody here asked for: everything on this
/// machine that is no echo reply with our identifier. Only asked for: the reader looks as well.
fn hear_only(socket: &Socket, family: Family, identifier: u16) {
    // Classic BPF (bpf(4), linux/filter.h). For IPv4 the packet begins with its IP header, whose
    // length goes to X; for IPv6 there is none, and X is 0.
    const LDX_MSH: u16 = 0xb1;
    const LDX_IMM: u16 = 0x01;
    const LD_BYTE_AT_X: u16 = 0x50;
    const LD_HALF_AT_X: u16 = 0x48;
    const JEQ: u16 = 0x15;
    const RET: u16 = 0x06;
    const WHOLE: u32 = u32::MAX;
    let (skip_ip_header, reply_type) = match family {
        Family::V4 => (LDX_MSH, raw(family).reply_type()),
        Family::V6 => (LDX_IMM, raw(family).reply_type()),
    };
    let _ = socket.attach_filter(&[
        SockFilter::new(skip_ip_header, 0, 0, 0),
        SockFilter::new(LD_BYTE_AT_X, 0, 0, 0),
        SockFilter::new(JEQ, 0, 3, reply_type.into()),
        SockFilter::new(LD_HALF_AT_X, 0, 0, 4),
        SockFilter::new(JEQ, 0, 1, identifier.into()),
        SockFilter::new(RET, 0, 0, WHOLE),
        SockFilter::new(RET, 0, 0, 0),
    ]);
}

fn datagram(family: Family) -> Wire {
    match family {
        Family::V4 => Wire::V4Datagram,
        Family::V6 => Wire::V6Datagram,
    }
}

fn raw(family: Family) -> Wire {
    match family {
        Family::V4 => Wire::V4Raw,
        Family::V6 => Wire::V6Raw,
    }
}

/// What to tell an operator when both kinds of socket failed.
fn reason(family: Family, datagram: &io::Error, raw: io::Error) -> OpenError {
    let refused = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
    // EAFNOSUPPORT has no ErrorKind of its own on stable Rust; 97 is Linux's number for it.
    let no_family = |e: &io::Error| e.raw_os_error() == Some(97);
    if no_family(datagram) || no_family(&raw) {
        OpenError::NoFamily { family }
    } else if refused(&raw) || refused(datagram) {
        OpenError::NotPermitted
    } else {
        OpenError::Socket {
            family,
            source: raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_setting() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let missing = || io::Error::from_raw_os_error(97);
        let unsupported = || io::Error::from_raw_os_error(93);
        for (datagram, raw, expected) in [
            (denied(), denied(), "net.ipv4.ping_group_range"),
            (unsupported(), denied(), "CAP_NET_RAW"),
            (missing(), missing(), "not available"),
            (unsupported(), unsupported(), "could not be opened"),
        ] {
            let text = reason(Family::V6, &datagram, raw).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
