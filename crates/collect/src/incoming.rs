//! Many packets per call of the kernel: recvmmsg(2). Going there is most of what a packet costs that
//! is not looked at for long, so it is paid once for many.

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Room for the packets of one call.
pub(crate) struct Incoming {
    // The kernel gives memory where something was written only.
    room: Vec<u8>,
    packets_max: usize,
    packet_len_max: usize,
}

impl Incoming {
    /// For so many packets, at least one, each of so many octets at most: of longer ones the rest is cut.
    pub(crate) fn new(packets_max: usize, packet_len_max: usize) -> Self {
        let (packets_max, packet_len_max) = (packets_max.max(1), packet_len_max.max(1));
        Self {
            room: vec![0; packets_max * packet_len_max],
            packets_max,
            packet_len_max,
        }
    }

    /// Waits for packets and gives them, each with its sender, to `hear`.
    pub(crate) async fn receive(
        &mut self,
        socket: &UdpSocket,
        hear: impl FnOnce(&mut dyn Iterator<Item = (SocketAddr, &[u8])>),
    ) -> io::Result<()> {
        let mut heard = Vec::with_capacity(self.packets_max);
        socket
            .async_io(Interest::READABLE, || {
                let rooms = self.room.chunks_mut(self.packet_len_max);
                let mut slices: Vec<_> = rooms.map(|room| [IoSliceMut::new(room)]).collect();
                let mut headers =
                    MultiHeaders::<SockaddrStorage>::preallocate(self.packets_max, None);
                let fd = socket.as_raw_fd();
                let flags = MsgFlags::MSG_DONTWAIT;
                let packets = recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None)?;
                heard.extend(packets.map(|p| (p.address.as_ref().and_then(sender), p.bytes)));
                Ok(())
            })
            .await?;
        let packets = self.room.chunks(self.packet_len_max).zip(heard);
        hear(&mut packets.filter_map(|(packet, (from, len))| Some((from?, packet.get(..len)?))));
        Ok(())
    }
}

fn sender(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| {
        let v6 = address.as_sockaddr_in6();
        v6.map(|v6| SocketAddrV6::from(*v6).into())
    })
}
