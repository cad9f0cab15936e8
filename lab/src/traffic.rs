//! UDP traffic at a known rate, as the interfaces it crosses count it.
//!
//! The sender and the sink are this crate's binary run inside namespaces.

use crate::namespace::Namespace;
use anyhow::Context as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Octets of one datagram's payload.
const PAYLOAD_LEN: usize = 1200;
/// What an interface counts besides: Ethernet, IPv4 and UDP headers.
const HEADERS_LEN: u32 = 14 + 20 + 8;
/// Where the sink listens.
const PORT: u16 = 9;

/// Octets of one datagram as ifHCOutOctets counts it.
const FRAME_LEN: f64 = PAYLOAD_LEN as f64 + HEADERS_LEN as f64;

/// Traffic that flows until dropped.
pub struct Traffic {
    ends: [Child; 2],
}

impl Traffic {
    /// Lets traffic flow from one namespace to an address of another, at so many octets a second
    /// on the wire.
    pub fn start(
        binary: &Path,
        from: &Namespace,
        to: &Namespace,
        address: Ipv4Addr,
        octets_per_second: u32,
    ) -> anyhow::Result<Self> {
        // Without a sink, each datagram would be answered with an ICMP error.
        let sink = to
            .command(binary)
            .args(["sink", &PORT.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .context("could not start the sink")?;
        let sender = from
            .command(binary)
            .args(["send", &format!("{address}:{PORT}")])
            .arg(octets_per_second.to_string())
            .spawn()
            .context("could not start the sender")?;
        Ok(Self {
            ends: [sender, sink],
        })
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        for end in &mut self.ends {
            let _ = end.kill();
            let _ = end.wait();
        }
    }
}

/// Sends datagrams until killed, paced against the clock: a datagram late is sent at once, so the
/// mean holds whatever the scheduler does.
pub fn send(to: SocketAddr, octets_per_second: u32) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(to)?;
    let payload = [0x5a; PAYLOAD_LEN];
    let between = Duration::from_secs_f64(FRAME_LEN / f64::from(octets_per_second));
    let started = Instant::now();
    for number in 0u32.. {
        let due = between * number;
        if let Some(early) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(early);
        }
        // A full queue or a cut link loses a datagram, as everywhere.
        let _ = socket.send(&payload);
    }
    Ok(())
}

/// Receives datagrams until killed.
pub fn sink(port: u16) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let mut buffer = [0; 2048];
    loop {
        socket.recv(&mut buffer)?;
    }
}
