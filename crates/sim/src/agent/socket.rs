//! One UDP socket that stands for many addresses: where a datagram was sent to comes with it, and
//! its answer leaves from there (IP_PKTINFO).

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrLike as _,
    SockaddrStorage, recvmmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::linux::fs::MetadataExt as _;

/// Longest request. Hundreds of names fit; what is longer is cut, and then malformed.
pub(super) const REQUEST_LEN_MAX: u16 = 16 * 1024;
const ROOM: usize = REQUEST_LEN_MAX as usize;
/// Datagrams that one system call takes in.
const BATCH: usize = 32;

/// A bound socket.
pub(super) struct AgentSocket {
    socket: Socket,
}

impl AgentSocket {
    /// Binds to an address; with `only_loopback`, what comes from elsewhere is not even seen.
    pub(super) fn bind(
        address: SocketAddr,
        only_loopback: bool,
        receive_buffer_len: usize,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        if only_loopback {
            // Refused by old kernels. Then what comes from elsewhere finds no agent at its address.
            let _ = socket.bind_device(Some(b"lo"));
        }
        // A smaller buffer loses bursts and works otherwise.
        let _ = socket.set_recv_buffer_size(receive_buffer_len);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self { socket })
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        let address = self.socket.local_addr()?.as_socket();
        Ok(address.map_or(0, |address| address.port()))
    }

    /// Sends from `source` where that is given.
    pub(super) fn send(
        &self,
        datagram: &[u8],
        to: &SockaddrStorage,
        source: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        let info = source.map(|source| libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr(source),
            ipi_addr: in_addr(source),
        });
        let control = info.as_ref().map(ControlMessage::Ipv4PacketInfo);
        sendmsg(
            self.socket.as_raw_fd(),
            &[IoSlice::new(datagram)],
            control.as_slice(),
            MsgFlags::MSG_DONTWAIT,
            Some(to),
        )?;
        Ok(())
    }

    /// The i-node by which /proc/net/udp knows the socket.
    pub(super) fn inode(&self) -> io::Result<u64> {
        let file = std::fs::File::from(self.socket.as_fd().try_clone_to_owned()?);
        Ok(file.metadata()?.st_ino())
    }
}

impl AsFd for AgentSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A datagram as it came.
pub(super) struct Datagram<'a> {
    /// None where it was longer than [`REQUEST_LEN_MAX`].
    pub(super) octets: Option<&'a [u8]>,
    pub(super) from: SockaddrStorage,
    /// The address that it was sent to, where the system said so.
    pub(super) to: Option<Ipv4Addr>,
}

/// Room for one batch of datagrams; one a thread, and to stay there.
pub(super) struct Inbox {
    octets: Vec<u8>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            octets: vec![0; BATCH * ROOM],
            headers: MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(libc::in_pktinfo))),
        }
    }

    /// Takes in what has come and hands it to `take`; how many that were.
    pub(super) fn receive(
        &mut self,
        socket: &AgentSocket,
        mut take: impl FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .octets
            .chunks_exact_mut(ROOM)
            .map(|room| [IoSliceMut::new(room)])
            .collect();
        let received = recvmmsg(
            socket.socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let mut count = 0;
        for message in received {
            count += 1;
            let Some(from) = message.address.filter(|from| from.family().is_some()) else {
                continue;
            };
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            take(Datagram {
                octets: whole.then(|| message.iovs().next().unwrap_or(&[])),
                from,
                to: message.cmsgs().ok().and_then(|mut control| {
                    control.find_map(|message| match message {
                        ControlMessageOwned::Ipv4PacketInfo(info) => {
                            Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()))
                        }
                        _ => None,
                    })
                }),
            });
        }
        Ok(count)
    }

    /// Whether a batch of so many means that more may wait.
    pub(super) fn is_full(count: usize) -> bool {
        count >= BATCH
    }
}

/// How many datagrams the system dropped at the socket because its buffer was full; 0 where
/// /proc/net does not say.
pub(super) fn overflowed(inode: u64) -> u64 {
    let files = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    let dropped = files.iter().find_map(|file| {
        let table = std::fs::read_to_string(file).ok()?;
        dropped_of(&table, inode)
    });
    dropped.unwrap_or(0)
}

/// The last column, `drops`, of the row whose tenth is the i-node.
fn dropped_of(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|row| {
        let mut columns = row.split_ascii_whitespace();
        let known: u64 = columns.nth(9)?.parse().ok()?;
        (known == inode).then(|| columns.last()?.parse().ok())?
    })
}

fn in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_from_the_systems_table() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
            uid  timeout inode ref pointer drops             \n  \
            511: 0100007F:A1E5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        \
            0 7712 2 0000000000000000 0         \n  \
            620: 00000000:A252 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        \
            0 7713 2 0000000000000000 41        \n";
        assert_eq!(dropped_of(table, 7713), Some(41));
        assert_eq!(dropped_of(table, 7712), Some(0));
        assert_eq!(dropped_of(table, 7714), None);
    }
}
