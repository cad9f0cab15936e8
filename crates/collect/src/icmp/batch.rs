//! Many requests per call of the kernel: sendmmsg(2). Going there is most of what an echo request
//! costs, so a sweep pays it once for many. Replies come by [`crate::incoming`].

use super::packet::REQUEST_LEN;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use tokio::net::UdpSocket;

/// Packets of one call. More save nothing that can be measured, and the round trip of the first
/// counts from before the last was handed over: some 0.1 ms at most.
pub(super) const BATCH_MAX: usize = 64;
/// Enough for an echo reply with the longest IPv4 header. Longer packets are cut, which is well:
/// only the header is read.
pub(super) const PACKET_LEN_MAX: usize = 60 + REQUEST_LEN;

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
