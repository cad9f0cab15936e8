//! A router whose answers to echo requests are late, uneven and partly lost, as told: what netem would
//! do, on kernels without it and to nothing but ICMP.
//!
//! The kernel of the namespace answers no more; this crate's binary, run inside it, does.

use crate::namespace::Namespace;
use anyhow::{Context as _, ensure};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Where the kernel of a namespace is told to leave echo requests to others.
const IGNORE: &str = "/proc/sys/net/ipv4/icmp_echo_ignore_all";
/// Types of ICMP (RFC 792).
const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// How echo requests are answered.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Time to the answer of every other one, in milliseconds.
    pub delay_ms: u64,
    /// How much longer the others wait.
    pub longer_ms: u64,
    /// One of so many is not answered.
    pub lost_of: u32,
}

/// Somebody who answers so until dropped; from then on nobody does.
pub struct Answering(Child);

impl Answering {
    /// Begins it in a namespace.
    pub fn start(binary: &Path, namespace: &Namespace, manner: Manner) -> anyhow::Result<Self> {
        let ignore = format!("echo 1 > {IGNORE}");
        let told = namespace.command("sh").args(["-c", &ignore]).status()?;
        ensure!(
            told.success(),
            "echo requests could not be taken from the kernel"
        );
        let child = namespace
            .command(binary)
            .arg("echo")
            .args([manner.delay_ms, manner.longer_ms, manner.lost_of.into()].map(|n| n.to_string()))
            .stdout(Stdio::null())
            .spawn()
            .context("could not start who answers")?;
        Ok(Self(child))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers echo requests of IPv4 until killed.
pub fn answer(manner: Manner) -> anyhow::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
    let socket = Arc::new(socket);
    let mut buffer = [0; 2048];
    let mut asked = 0u32;
    loop {
        let length = (&*socket).read(&mut buffer)?;
        let Some((from, reply)) = buffer.get(..length).and_then(reply) else {
            continue;
        };
        asked = asked.wrapping_add(1);
        if asked.is_multiple_of(manner.lost_of) {
            continue;
        }
        let longer = u64::from(asked % 2) * manner.longer_ms;
        let delay = Duration::from_millis(manner.delay_ms + longer);
        let socket = Arc::clone(&socket);
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            let to = SockAddr::from(SocketAddrV4::new(from, 0));
            // One that cannot be sent is lost, as anywhere.
            let _ = socket.send_to(&reply, &to);
        });
    }
}

/// Who asked, and the reply to it, where a packet is an echo request.
fn reply(packet: &[u8]) -> Option<(Ipv4Addr, Vec<u8>)> {
    let header_len = usize::from(packet.first()? & 0x0f) * 4;
    let from: [u8; 4] = *packet.get(12..)?.first_chunk()?;
    let mut icmp = packet.get(header_len..)?.to_vec();
    let [kind, 0, high, low, ..] = icmp.as_mut_slice() else {
        return None;
    };
    if *kind != REQUEST {
        return None;
    }
    *kind = REPLY;
    // The sum of the rest stays as it is (RFC 1624).
    let sum = u32::from(u16::from_be_bytes([*high, *low])) + (u32::from(REQUEST) << 8);
    let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).ok()?;
    [*high, *low] = folded.to_be_bytes();
    Some((from.into(), icmp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_request_but_for_its_type_and_sum() {
        let mut packet = vec![0x45; 20];
        packet[12..16].copy_from_slice(&[192, 0, 2, 7]);
        // Type 8, sum, identifier 1, number 2; the words sum to 0xffff.
        packet.extend([8, 0, 0xf7, 0xfc, 0, 1, 0, 2]);
        let (from, reply) = reply(&packet).unwrap();
        assert_eq!(from, Ipv4Addr::new(192, 0, 2, 7));
        assert_eq!(reply, [0, 0, 0xff, 0xfc, 0, 1, 0, 2]);
        packet[20] = 3;
        assert_eq!(super::reply(&packet), None);
        assert_eq!(super::reply(&packet[..22]), None);
    }
}
