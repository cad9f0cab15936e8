//! What the listeners survive: ten minutes of random and mutated packets at full rate, on every port
//! that a server listens on for syslog, traps and flows, while a device that behaves goes on logging.

use super::super::proc;
use super::{Bench, given};
use crate::bench::figure::Outcome;
use crate::http::{self, Api};
use crate::programs::root;
use crate::service::{Service, address_in};
use anyhow::{Context as _, ensure};
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long; `BENCH_LISTENERS_SECS` says otherwise.
const SECS: u32 = 600;
const PASSWORD: &str = "listeners-bench-listeners";
/// Hosts that send what is broken, each on a thread of its own.
const FLOODERS: [&str; 2] = ["127.66.0.1:0", "127.66.0.2:0"];
/// The device that behaves: what senders may is counted by their addresses.
const STEADY: &str = "127.66.0.9:0";
/// Longest packet of chance: as long as UDP carries.
const PACKET_LEN_MAX: usize = 65_000;
/// Octets that are written into one connection of syslog before another is opened.
const CONNECTION_LEN: usize = 1 << 20;
/// How often the device that behaves logs, and how often the server is asked how it is.
const LOOK: Duration = Duration::from_millis(200);
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long lines may be under way to the store.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// Ports, and what fits them: a folder of `fuzz/corpus`.
struct Target {
    port: SocketAddr,
    seeds: Vec<Vec<u8>>,
}

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    let secs = given("BENCH_LISTENERS_SECS", SECS)?;
    let folder = bench.folder.join("listeners");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let [syslog, traps, netflow, sflow] = free_udp()?;
    let stream = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let listen = |address: SocketAddr| format!("[\"{address}\"]");
    let log = folder.join("server.log");
    let (mut server, address) = Service::start(
        "server",
        Command::new(&bench.program)
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen", "127.0.0.1:0"])
            .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
            .env("FORETELL_SYSLOG__LISTEN_UDP", listen(syslog))
            .env("FORETELL_SYSLOG__LISTEN_TCP", listen(stream))
            .env("FORETELL_TRAPS__LISTEN", listen(traps))
            .env("FORETELL_FLOWS__LISTEN_NETFLOW", listen(netflow))
            .env("FORETELL_FLOWS__LISTEN_SFLOW", listen(sflow)),
        &log,
        address_in,
    )?;
    bench
        .interrupt
        .or_until("the server is ready", READY_WITHIN, || {
            server.is_running()?;
            let answer = http::ask(&address, "GET", "/readyz", None, None)?;
            Ok((answer.status == 200).then_some(()))
        })?;
    let targets = [
        target(syslog, "syslog_line")?,
        target(traps, "snmp_notification")?,
        target(netflow, "flow_netflow")?,
        target(sflow, "flow_sflow")?,
    ];
    let frames = target(stream, "syslog_frames")?;

    let mut flooders = Vec::new();
    for host in FLOODERS {
        flooders.push(UdpSocket::bind(host)?);
    }
    let (done, packets) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = proc::cpu_seconds(server.pid())?;
    let said = std::thread::scope(|scope| -> anyhow::Result<Said> {
        for (seed, socket) in (0..).zip(&flooders) {
            let (targets, done, packets) = (&targets, &done, &packets);
            scope.spawn(move || flood(socket, seed, targets, done, packets));
        }
        scope.spawn(|| flood_stream(&frames, &done, &packets));
        let said = behave(bench, &mut server, &address, syslog, secs);
        done.store(true, Ordering::Relaxed);
        said
    })?;
    std::thread::sleep(STORED_WITHIN);
    let kept = kept(&Api::sign_in(&address, PASSWORD)?)?;
    let log = fs::read_to_string(&log)?;
    let packets = packets.load(Ordering::Relaxed) as f64;
    outcome.add("listeners_secs", f64::from(secs));
    outcome.add("listeners_packets", packets);
    outcome.add(
        "listeners_cpu_us_per_packet",
        (proc::cpu_seconds(server.pid())? - before) * 1e6 / packets,
    );
    outcome.add("listeners_panics", log.matches("panicked").count() as f64);
    outcome.add("listeners_log_kib", log.len() as f64 / 1024.0);
    outcome.add(
        "listeners_peak_memory_mib",
        proc::peak_memory_mib(server.pid())?,
    );
    outcome.add("listeners_slowest_health_ms", said.slowest_health_ms);
    outcome.add(
        "listeners_good_lines_lost_percent",
        f64::from(said.lines.saturating_sub(kept)) * 100.0 / f64::from(said.lines),
    );
    server.stop()
}

/// What the device that behaves did.
struct Said {
    lines: u32,
    slowest_health_ms: f64,
}

/// Logs and asks for the server's health as long as the flood lasts.
fn behave(
    bench: &Bench,
    server: &mut Service,
    address: &str,
    syslog: SocketAddr,
    secs: u32,
) -> anyhow::Result<Said> {
    let socket = UdpSocket::bind(STEADY)?;
    let mut said = Said {
        lines: 0,
        slowest_health_ms: 0.0,
    };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(secs.into()) {
        ensure!(!bench.interrupt.came(), "interrupted");
        server.is_running()?;
        said.lines += 1;
        let line = format!("<30>1 - steady app - - - unperturbed {}", said.lines);
        socket.send_to(line.as_bytes(), syslog)?;
        let asked = Instant::now();
        let answer = http::ask(address, "GET", "/livez", None, None)?;
        ensure!(answer.status == 200, "/livez answered {}", answer.status);
        let took = asked.elapsed().as_secs_f64() * 1e3;
        said.slowest_health_ms = said.slowest_health_ms.max(took);
        std::thread::sleep(LOOK);
    }
    Ok(said)
}

/// How many lines of that device can be found.
fn kept(api: &Api) -> anyhow::Result<u32> {
    let lines = api.list("logs?q=unperturbed")?;
    Ok(u32::try_from(lines.len())?)
}

/// Sends what is broken, as fast as it goes.
fn flood(
    socket: &UdpSocket,
    seed: u64,
    targets: &[Target],
    done: &AtomicBool,
    packets: &AtomicU64,
) {
    let mut random = SmallRng::seed_from_u64(seed);
    while !done.load(Ordering::Relaxed) {
        for target in targets {
            let packet = packet(&mut random, &target.seeds);
            // A port whose buffer is full costs the packet; that is the sender's loss.
            if socket.send_to(&packet, target.port).is_ok() {
                packets.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The same over connections, which end when the server has had enough or at their length.
fn flood_stream(target: &Target, done: &AtomicBool, packets: &AtomicU64) {
    let mut random = SmallRng::seed_from_u64(u64::MAX);
    while !done.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(target.port) else {
            std::thread::sleep(LOOK);
            continue;
        };
        let _ = stream.set_write_timeout(Some(LOOK));
        let mut written = 0;
        while written < CONNECTION_LEN && !done.load(Ordering::Relaxed) {
            let packet = packet(&mut random, &target.seeds);
            if stream.write_all(&packet).is_err() {
                break;
            }
            written += packet.len();
            packets.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One in four is made of chance alone; others are a good one, damaged in a few places.
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

fn target(port: SocketAddr, corpus: &str) -> anyhow::Result<Target> {
    let folder = root().join("fuzz/corpus").join(corpus);
    let seeds = seeds(&folder).with_context(|| folder.display().to_string())?;
    Ok(Target { port, seeds })
}

fn seeds(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let files = fs::read_dir(folder)?;
    let seeds = files.map(|file| Ok(fs::read(file?.path())?));
    seeds.collect()
}

/// UDP ports that nobody listens on just now.
fn free_udp<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let mut sockets = Vec::new();
    for _ in 0..N {
        sockets.push(UdpSocket::bind("127.0.0.1:0")?);
    }
    let addresses: Vec<SocketAddr> = sockets
        .iter()
        .map(UdpSocket::local_addr)
        .collect::<Result<_, _>>()?;
    addresses.try_into().ok().context("as many as asked for")
}
