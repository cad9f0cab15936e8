//! What devices send without being asked, each from its own address and in its turn.

use crate::network::DeviceNo;
use crate::simulation::Simulation;
use crate::timeline::Timeline;
use model::{Clock, Timestamp};
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One device that sends.
pub(crate) trait Exporter {
    /// Which one.
    fn device(&self) -> DeviceNo;
    /// The datagrams that it has to send now; `real` is the real time.
    fn datagrams(
        &mut self,
        simulation: &Arc<Simulation>,
        timeline: &Timeline,
        real: Timestamp,
    ) -> Vec<Vec<u8>>;
}

/// Devices take turns, so many at a time.
#[derive(Clone, Copy)]
pub(crate) struct Turns {
    /// How often each one has its turn.
    pub(crate) interval: Duration,
    /// Into how many turns that is divided.
    pub(crate) steps: u32,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Datagrams.
    pub datagrams: u64,
    /// Datagrams that could not be sent.
    pub failed: u64,
}

/// Lets all send to one collector until it is cancelled. What cannot be sent is counted and left: a
/// collector that is away is no fault of the network.
pub(crate) async fn export(
    mut exporters: Vec<impl Exporter>,
    turns: Turns,
    simulation: &Arc<Simulation>,
    collector: SocketAddrV4,
    clock: &Clock,
    cancel: &CancellationToken,
) -> io::Result<Exported> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let turn = exporters.len().div_ceil(turns.steps as usize).max(1);
    let mut ticks = tokio::time::interval(turns.interval / turns.steps);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut exported = Exported::default();
    for step in (0..turns.steps as usize).cycle() {
        tokio::select! {
            _ = ticks.tick() => {}
            () = cancel.cancelled() => break,
        }
        let timeline = simulation.timeline();
        for exporter in exporters.iter_mut().skip(step * turn).take(turn) {
            let source = simulation.network().device(exporter.device()).address;
            for datagram in exporter.datagrams(simulation, &timeline, clock.now()) {
                exported.datagrams += 1;
                if send(&socket, &datagram, source, collector).is_err() {
                    exported.failed += 1;
                }
            }
        }
    }
    Ok(exported)
}

/// Sends from a device's own address.
fn send(
    socket: &UdpSocket,
    datagram: &[u8],
    source: Ipv4Addr,
    collector: SocketAddrV4,
) -> io::Result<()> {
    let address = libc::in_addr {
        s_addr: u32::from_ne_bytes(source.octets()),
    };
    let info = libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: address,
        ipi_addr: address,
    };
    sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(datagram)],
        &[ControlMessage::Ipv4PacketInfo(&info)],
        MsgFlags::MSG_DONTWAIT,
        Some(&SockaddrStorage::from(SocketAddr::V4(collector))),
    )?;
    Ok(())
}
