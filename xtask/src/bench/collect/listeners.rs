//! What the listeners survive: ten minutes of random and mutated packets at full rate, on every port
//! that a server listens on for syslog, traps and flows, of two hosts, of one that has many addresses, and
//! by connections. Meanwhile a device that behaves goes on logging, and others are polled.

mod flood;
mod seeds;

use super::super::proc;
use super::{Bench, COMMUNITY, fleet, given};
use crate::bench::figure::Outcome;
use crate::http::{self, Api};
use crate::programs::is_there;
use crate::service::{Service, address_in};
use anyhow::{Context as _, ensure};
use flood::{Seeds, Tally, Target};
use seeds::{Form, PHRASE, PLAIN_USER, USER};
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long; `BENCH_LISTENERS_SECS` says otherwise.
const SECS: u32 = 600;
const PASSWORD: &str = "listeners-bench-listeners";
/// Hosts that send what is broken, each on a thread of its own.
const FLOODERS: [&str; 2] = ["127.66.0.1:0", "127.66.0.2:0"];
/// The device that behaves: what senders may is counted by their addresses.
const STEADY: &str = "127.66.0.9:0";
/// How long it has been there when the flood begins. Of senders beyond as many as the server tells apart
/// those have their own that settled: 10 s.
const STEADY_BEFORE: Duration = Duration::from_secs(12);
/// Devices that are polled meanwhile, and how often.
const DEVICES: u32 = 100;
const INTERVAL_SECS: u32 = 10;
/// What one sender may bring, at the bounds of the settings: what is sent is to be read.
const TRAPS_PER_SEC: &str = "100000";
const LINES_PER_SEC: &str = "1000000";
/// How often the device that behaves logs, and how often the server is asked how it is.
const LOOK: Duration = Duration::from_millis(200);
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take until a sealed trap is believed: credentials are looked at every 2 s.
const BELIEVED_WITHIN: Duration = Duration::from_secs(30);
/// How often traps are sealed anew.
const SEALED_ANEW: Duration = Duration::from_secs(45);
/// How long lines may be under way to the store.
const STORED_WITHIN: Duration = Duration::from_mins(1);

/// The ports of the server.
struct Ports {
    syslog: SocketAddr,
    traps: SocketAddr,
    netflow: SocketAddr,
    sflow: SocketAddr,
    tcp: SocketAddr,
    tls: SocketAddr,
}

impl Ports {
    /// Those that nobody listens at just now.
    fn free() -> anyhow::Result<Self> {
        let [syslog, traps, netflow, sflow] = free_udp()?;
        // Both at once, so that they are two.
        let (tcp, tls) = (
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        );
        Ok(Self {
            syslog,
            traps,
            netflow,
            sflow,
            tcp: tcp.local_addr()?,
            tls: tls.local_addr()?,
        })
    }
}

pub(super) fn run(bench: &Bench, outcome: &mut Outcome) -> anyhow::Result<()> {
    for program in ["snmptrap", "openssl"] {
        if !is_there(program) {
            let why = format!("{program} is missing");
            outcome.skipped.push(("listeners", why));
            return Ok(());
        }
    }
    let secs = given("BENCH_LISTENERS_SECS", SECS)?;
    let folder = bench.folder.join("listeners");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    seeds::certificate(&folder)?;
    let ports = Ports::free()?;
    let (simulator, told) = bench.fleet(DEVICES)?;
    let log = folder.join("server.log");
    let (mut server, address) = start(bench, &folder, &ports, &log)?;
    bench
        .interrupt
        .or_until("the server is ready", READY_WITHIN, || {
            server.is_running()?;
            let answer = http::ask(&address, "GET", "/readyz", None, None)?;
            Ok((answer.status == 200).then_some(()))
        })?;
    let api = Api::sign_in(&address, PASSWORD)?;
    fleet::register(bench, &api, &told, DEVICES)?;
    let traps = believed(bench, &api, &folder, ports.traps)?;

    let (mut steady, tally) = (Steady::new(ports.syslog)?, Tally::default());
    let corpus = Form::Notification.seeds()?;
    let targets = [
        target(ports.syslog, Form::Line.seeds()?),
        target(ports.netflow, Form::Netflow.seeds()?),
        target(ports.sflow, Form::Sflow.seeds()?),
        target(ports.traps, [&corpus[..], &traps].concat()),
    ];
    let [.., trap_target] = &targets;
    let tcp = target(ports.tcp, Form::Frames.seeds()?);
    let tls = target(ports.tls, Form::Frames.seeds()?);
    let hosts = FLOODERS.iter().map(UdpSocket::bind);
    let hosts: Vec<UdpSocket> = hosts.collect::<Result<_, _>>()?;
    steady.go_on(bench, &mut server, &address, STEADY_BEFORE)?;
    let before = Seen::look(&api, &server)?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let tally = &tally;
        for (host, chance) in hosts.iter().zip(0..) {
            let targets = &targets;
            scope.spawn(move || flood::host(host, chance, targets, tally));
        }
        scope.spawn(|| flood::many_hosts(2, &targets, tally));
        scope.spawn(|| flood::connections(3, &tcp, tally));
        scope.spawn(|| flood::connections(4, &tls, tally));
        scope.spawn(|| flood::within_tls(5, &tls, tally));
        let flooded = flooded(bench, (&mut server, &address), secs, &mut steady, || {
            let traps = seeds::traps(&folder)?;
            trap_target.seeds.replace([&corpus[..], &traps].concat());
            Ok(())
        });
        tally.is_over.store(true, Ordering::Relaxed);
        flooded
    })?;
    let after = Seen::look(&api, &server)?;
    let kept = steady.kept(bench, &api)?;
    let log = fs::read_to_string(&log)?;
    let packets = tally.packets.load(Ordering::Relaxed) as f64;
    outcome.add("listeners_secs", f64::from(secs));
    outcome.add("listeners_packets", packets);
    outcome.add(
        "listeners_cpu_us_per_packet",
        (after.cpu_seconds - before.cpu_seconds) * 1e6 / packets,
    );
    outcome.add("listeners_panics", log.matches("panicked").count() as f64);
    outcome.add("listeners_log_kib", log.len() as f64 / 1024.0);
    outcome.add(
        "listeners_peak_memory_mib",
        proc::peak_memory_mib(server.pid())?,
    );
    outcome.add("listeners_slowest_health_ms", steady.slowest_health_ms);
    outcome.add(
        "listeners_good_lines_lost_percent",
        f64::from(steady.lines.saturating_sub(kept)) * 100.0 / f64::from(steady.lines),
    );
    after.tell(&before, outcome);
    server.stop()?;
    simulator.stop()?;
    // Its lines take some gigabytes.
    fs::remove_dir_all(folder.join("data"))?;
    Ok(())
}

fn start(
    bench: &Bench,
    folder: &Path,
    ports: &Ports,
    log: &Path,
) -> anyhow::Result<(Service, String)> {
    let listen = |address: SocketAddr| format!("[\"{address}\"]");
    Service::start(
        "server",
        Command::new(&bench.program)
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen", "127.0.0.1:0"])
            .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
            .env(
                "FORETELL_POLL__DEFAULT_INTERVAL_SECS",
                INTERVAL_SECS.to_string(),
            )
            .env("FORETELL_SYSLOG__LISTEN_UDP", listen(ports.syslog))
            .env("FORETELL_SYSLOG__LISTEN_TCP", listen(ports.tcp))
            .env("FORETELL_SYSLOG__LISTEN_TLS", listen(ports.tls))
            .env(
                "FORETELL_SYSLOG__CERTIFICATE_FILE",
                folder.join("certificate.pem"),
            )
            .env("FORETELL_SYSLOG__KEY_FILE", folder.join("key.pem"))
            .env("FORETELL_SYSLOG__SOURCE_LINES_PER_SEC_MAX", LINES_PER_SEC)
            .env("FORETELL_TRAPS__LISTEN", listen(ports.traps))
            .env("FORETELL_TRAPS__PER_SENDER_RATE_MAX", TRAPS_PER_SEC)
            // What is believed goes all the way.
            .env("FORETELL_TRAPS__ACCEPT_UNKNOWN_SENDERS", "true")
            .env("FORETELL_FLOWS__LISTEN_NETFLOW", listen(ports.netflow))
            .env("FORETELL_FLOWS__LISTEN_SFLOW", listen(ports.sflow)),
        log,
        address_in,
    )
}

fn target(port: SocketAddr, seeds: Vec<Vec<u8>>) -> Target {
    let seeds = Seeds::new(seeds);
    Target { port, seeds }
}

/// Makes the credentials of the traps besides the community, and has the server open one that is sealed:
/// what is sent later reaches digests and ciphers.
fn believed(
    bench: &Bench,
    api: &Api,
    folder: &Path,
    port: SocketAddr,
) -> anyhow::Result<Vec<Vec<u8>>> {
    for body in [
        json!({"name": "sealed", "kind": "snmp_v3", "user": USER,
            "auth": "sha1", "auth_passphrase": PHRASE,
            "privacy": "aes128", "privacy_passphrase": PHRASE}),
        json!({"name": "plain", "kind": "snmp_v3", "user": PLAIN_USER}),
    ] {
        api.post("credentials", &body)?;
    }
    let traps = seeds::traps(folder)?;
    let sealed = traps.first().context("a sealed trap")?;
    let socket = UdpSocket::bind(STEADY)?;
    let believed = || {
        socket.send_to(sealed, port)?;
        std::thread::sleep(LOOK);
        let accepted = proc::metric(&api.metrics()?, "foretell_traps_accepted_total")?;
        Ok((accepted > 0.0).then_some(()))
    };
    bench
        .interrupt
        .or_until("a sealed trap is believed", BELIEVED_WITHIN, believed)?;
    Ok(traps)
}

/// The device that behaves goes on while the others flood; `seal` makes traps anew meanwhile.
fn flooded(
    bench: &Bench,
    (server, address): (&mut Service, &str),
    secs: u32,
    steady: &mut Steady,
    mut seal: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut left = Duration::from_secs(secs.into());
    while !left.is_zero() {
        let next = left.min(SEALED_ANEW);
        steady.go_on(bench, server, address, next)?;
        left = left.saturating_sub(next);
        seal()?;
    }
    Ok(())
}

/// The device that behaves.
struct Steady {
    socket: UdpSocket,
    syslog: SocketAddr,
    lines: u32,
    slowest_health_ms: f64,
}

impl Steady {
    fn new(syslog: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind(STEADY)?,
            syslog,
            lines: 0,
            slowest_health_ms: 0.0,
        })
    }

    /// Logs and asks for the server's health, for so long.
    fn go_on(
        &mut self,
        bench: &Bench,
        server: &mut Service,
        address: &str,
        time: Duration,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            ensure!(!bench.interrupt.came(), "interrupted");
            server.is_running()?;
            self.lines += 1;
            let line = format!("<30>1 - steady app - - - unperturbed {}", self.lines);
            self.socket.send_to(line.as_bytes(), self.syslog)?;
            let asked = Instant::now();
            let answer = http::ask(address, "GET", "/livez", None, None)?;
            ensure!(answer.status == 200, "/livez answered {}", answer.status);
            let took = asked.elapsed().as_secs_f64() * 1e3;
            self.slowest_health_ms = self.slowest_health_ms.max(took);
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// How many of its lines can be found; all, or as many as there are when there should be.
    fn kept(&self, bench: &Bench, api: &Api) -> anyhow::Result<u32> {
        let until = Instant::now() + STORED_WITHIN;
        let found = || {
            let kept = u32::try_from(api.list("logs?q=unperturbed")?.len())?;
            let is_all = kept >= self.lines || Instant::now() >= until;
            Ok(is_all.then_some(kept))
        };
        bench
            .interrupt
            .or_until("its lines are found", STORED_WITHIN * 2, found)
    }
}

/// What was counted until a moment.
struct Seen {
    cpu_seconds: f64,
    metrics: String,
}

/// What there must be something of, or nothing was measured: the figure, and what is counted of it.
const REACHED: [(&str, &str); 8] = [
    ("listeners_traps_accepted", "foretell_traps_accepted_total"),
    (
        "listeners_trap_digests_refused",
        "foretell_traps_refused_total{reason=\"wrong_digest\"}",
    ),
    ("listeners_flow_datagrams", "foretell_flow_datagrams_total"),
    ("listeners_flow_records", "foretell_flow_records_total"),
    (
        "listeners_syslog_udp_lines",
        "foretell_syslog_received_udp_total",
    ),
    (
        "listeners_syslog_tcp_lines",
        "foretell_syslog_received_tcp_total",
    ),
    (
        "listeners_syslog_tls_lines",
        "foretell_syslog_received_tls_total",
    ),
    ("listeners_events_kept", "foretell_events_kept_total"),
];

impl Seen {
    fn look(api: &Api, server: &Service) -> anyhow::Result<Self> {
        Ok(Self {
            cpu_seconds: proc::cpu_seconds(server.pid())?,
            metrics: api.metrics()?,
        })
    }

    /// Of a row that is not there nothing was counted.
    fn count(&self, name: &str) -> f64 {
        proc::metric(&self.metrics, name).unwrap_or(0.0)
    }

    /// Of all rows of a family together.
    fn sum(&self, family: &str) -> f64 {
        let rows = self.metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix(family)?;
            let (_, value) = rest.strip_prefix('{')?.split_once("} ")?;
            value.split_whitespace().next()?.parse::<f64>().ok()
        });
        rows.sum()
    }

    fn tell(&self, before: &Self, outcome: &mut Outcome) {
        for (figure, name) in REACHED {
            outcome.add(figure, self.count(name) - before.count(name));
        }
        let polls = self.sum("foretell_polls_total") - before.sum("foretell_polls_total");
        let overruns = "foretell_poll_overruns_total";
        let overruns = self.count(overruns) - before.count(overruns);
        outcome.add("listeners_polls", polls);
        outcome.add(
            "listeners_overruns_percent",
            overruns * 100.0 / polls.max(1.0),
        );
        let answered = "foretell_polls_total{outcome=\"answered\"}";
        let answered = self.count(answered) - before.count(answered);
        outcome.add(
            "listeners_polls_unanswered_percent",
            (polls - answered) * 100.0 / polls.max(1.0),
        );
        let dropped = "foretell_udp_dropped_datagrams_total";
        outcome.add(
            "listeners_dropped_by_kernel",
            self.sum(dropped) - before.sum(dropped),
        );
    }
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
