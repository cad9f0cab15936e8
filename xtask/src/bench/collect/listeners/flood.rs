//! Who sends what is broken: hosts at full rate, one that says it is another for each few packets, and
//! connections.

use super::LOOK;
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Longest packet of chance: as long as UDP carries.
const PACKET_LEN_MAX: usize = 65_000;
/// Octets that are written into one connection of syslog before another is opened.
const CONNECTION_LEN: usize = 1 << 20;
/// Between two addresses of the host that has many: some 1,500 a second, so that there are soon more than
/// the server tells apart.
const BETWEEN_ADDRESSES: Duration = Duration::from_micros(500);

/// Packets, of which what is sent is made. Others may be put in their place meanwhile.
pub(super) struct Seeds(RwLock<Arc<Vec<Vec<u8>>>>);

impl Seeds {
    pub(super) fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self(RwLock::new(Arc::new(seeds)))
    }

    pub(super) fn replace(&self, seeds: Vec<Vec<u8>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(seeds);
    }

    fn get(&self) -> Arc<Vec<Vec<u8>>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A port, and what fits it.
pub(super) struct Target {
    pub(super) port: SocketAddr,
    pub(super) seeds: Seeds,
}

/// What all floods share.
#[derive(Default)]
pub(super) struct Tally {
    /// It is enough.
    pub(super) is_over: AtomicBool,
    /// What was sent.
    pub(super) packets: AtomicU64,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.packets.fetch_add(1, Ordering::Relaxed);
    }
}

/// One host, as fast as it goes.
pub(super) fn host(socket: &UdpSocket, chance: u64, targets: &[Target], tally: &Tally) {
    let mut random = SmallRng::seed_from_u64(chance);
    while tally.goes_on() {
        to_each(socket, &mut random, targets, tally);
    }
}

/// A host that has as many addresses as 127.66.1.0 to 127.66.255.255.
pub(super) fn many_hosts(chance: u64, targets: &[Target], tally: &Tally) {
    let mut random = SmallRng::seed_from_u64(chance);
    while tally.goes_on() {
        let address = Ipv4Addr::new(127, 66, random.random_range(1..=255), random.random());
        if let Ok(socket) = UdpSocket::bind((address, 0)) {
            to_each(&socket, &mut random, targets, tally);
        }
        std::thread::sleep(BETWEEN_ADDRESSES);
    }
}

fn to_each(socket: &UdpSocket, random: &mut SmallRng, targets: &[Target], tally: &Tally) {
    for target in targets {
        let packet = packet(random, &target.seeds.get());
        // What the kernel does not take is no packet.
        if socket.send_to(&packet, target.port).is_ok() {
            tally.count();
        }
    }
}

/// Over connections, which end when the server has had enough or at their length.
pub(super) fn connections(chance: u64, target: &Target, tally: &Tally) {
    let mut random = SmallRng::seed_from_u64(chance);
    while tally.goes_on() {
        let Ok(mut stream) = TcpStream::connect(target.port) else {
            std::thread::sleep(LOOK);
            continue;
        };
        let _ = stream.set_write_timeout(Some(LOOK));
        fill(&mut stream, &mut random, target, tally);
    }
}

/// The same within TLS, which `openssl` speaks for us.
pub(super) fn within_tls(chance: u64, target: &Target, tally: &Tally) {
    let mut random = SmallRng::seed_from_u64(chance);
    while tally.goes_on() {
        let Ok(mut client) = client(target.port) else {
            std::thread::sleep(LOOK);
            continue;
        };
        if let Some(mut octets) = client.stdin.take() {
            fill(&mut octets, &mut random, target, tally);
        }
        let _ = client.kill();
        let _ = client.wait();
    }
}

fn client(port: SocketAddr) -> std::io::Result<Child> {
    Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn fill(stream: &mut impl Write, random: &mut SmallRng, target: &Target, tally: &Tally) {
    let mut written = 0;
    while written < CONNECTION_LEN && tally.goes_on() {
        let packet = packet(random, &target.seeds.get());
        if stream.write_all(&packet).is_err() {
            return;
        }
        written += packet.len();
        tally.count();
    }
}

/// One in four is made of chance alone; others are a good one, damaged in a few places or in none.
fn packet(random: &mut SmallRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let seed = seeds.get(random.random_range(0..seeds.len().max(1)));
    let (0..3, Some(seed)) = (random.random_range(0..4), seed) else {
        let long = random.random_ratio(1, 64);
        let len_max = if long { PACKET_LEN_MAX } else { 1_500 };
        let mut packet = vec![0; random.random_range(0..=len_max)];
        random.fill_bytes(&mut packet);
        return packet;
    };
    let mut packet = seed.clone();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..packet.len().max(1));
        match random.random_range(0..5) {
            0 => packet.truncate(at),
            1 => packet.extend_from_within(at.min(packet.len())..),
            2 => packet.insert(at.min(packet.len()), random.random()),
            _ => {
                if let Some(octet) = packet.get_mut(at) {
                    *octet = random.random();
                }
            }
        }
        packet.truncate(PACKET_LEN_MAX);
    }
    packet
}
