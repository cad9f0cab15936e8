//! Many packets per call of the kernel: sendmmsg(2) and recvmmsg(2). Going there is most of what an
//! echo request costs, so a sweep pays it once for many.

use super::packet::REQUEST_LEN;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Packets of one call. More save nothing that can be measured, and the round trip of the first
/// counts from before the last was handed over: some 0.1 ms at most.
pub(super) const BATCH_MAX: usize = 64;
/// Enough for an echo reply with the longest IPv4 header. Longer packets are cut, which is well:
/// only the header is read.
const PACKET_LEN_MAX: usize = 60 + REQUEST_LEN;

/// An echo request and whom it asks.
pub(super) struct Outgoing {
    pub(super) sequence: u16,
    pub(super) bytes: [u8; REQUEST_LEN],
    pub(super) address: IpAddr,
}

/// Hands over the first of `packets`, at most [`BATCH_MAX`], as many as the socket takes, in their
/// order; gives their number. Never waits. An error is that of the first packet: the others may well
/// go.
pub(super) fn send(socket: &UdpSocket, packets: &[Outgoing]) -> io::Result<usize> {
    let slices: Vec<_> = packets.iter().map(|p| [IoSlice::new(&p.bytes)]).collect();
    let addresses: Vec<Option<SockaddrStorage>> = packets
        .iter()
        .map(|p| Some(SocketAddr::new(p.address, 0).into()))
        .collect();
    let mut headers = MultiHeaders::preallocate(packets.len().min(BATCH_MAX), None);
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    let sent = sendmmsg(fd, &mut headers, &slices, &addresses, [], flags)?;
    Ok(sent.count())
}

/// Room for the packets of one call.
pub(super) struct Incoming(Box<[[u8; PACKET_LEN_MAX]; BATCH_MAX]>);

impl Incoming {
    pub(super) fn new() -> Self {
        Self(Box::new([[0; PACKET_LEN_MAX]; BATCH_MAX]))
    }

    /// Waits for packets and gives them, each with its sender, to `hear`.
    pub(super) async fn receive(
        &mut self,
        socket: &UdpSocket,
        hear: impl FnOnce(&mut dyn Iterator<Item = (IpAddr, &[u8])>),
    ) -> io::Result<()> {
        let mut heard = Vec::with_capacity(BATCH_MAX);
        socket
            .async_io(Interest::READABLE, || {
                let mut slices: Vec<_> = self.0.iter_mut().map(|b| [IoSliceMut::new(b)]).collect();
                let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH_MAX, None);
                let fd = socket.as_raw_fd();
                let flags = MsgFlags::MSG_DONTWAIT;
                let packets = recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None)?;
                heard.extend(packets.map(|p| (p.address.as_ref().and_then(ip), p.bytes)));
                Ok(())
            })
            .await?;
        let packets = self.0.iter().zip(heard);
        hear(&mut packets.filter_map(|(packet, (from, len))| Some((from?, packet.get(..len)?))));
        Ok(())
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}
