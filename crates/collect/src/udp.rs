//! UDP sockets that wait for what others send: lines of logs, traps, flows.

use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Binds an address. One of IPv6 hears IPv6 alone, so that the same port can be listened at over IPv4
/// beside it. The kernel holds `buffer_octets` of datagrams for us, or what `net.core.rmem_max`
/// allows: a smaller buffer loses bursts and works otherwise. Call within a tokio runtime.
pub(crate) fn bind(address: SocketAddr, buffer_octets: usize) -> io::Result<UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let protocol = Some(socket2::Protocol::UDP);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, protocol)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Err(error) = socket.set_recv_buffer_size(buffer_octets) {
        tracing::debug!(%error, "the receive buffer keeps its default size");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[tokio::test]
    async fn both_wildcard_addresses_of_a_port_can_be_bound() {
        let v6 = match bind((Ipv6Addr::UNSPECIFIED, 0).into(), 65_536) {
            Ok(socket) => socket,
            Err(error) => {
                let skipped = format!("SKIPPED: no IPv6 here: {error}\n");
                return io::Write::write_all(&mut io::stderr(), skipped.as_bytes()).unwrap();
            }
        };
        let port = v6.local_addr().unwrap().port();
        let v4 = bind((Ipv4Addr::UNSPECIFIED, port).into(), 65_536).unwrap();
        assert_eq!(v4.local_addr().unwrap().port(), port);
    }
}
