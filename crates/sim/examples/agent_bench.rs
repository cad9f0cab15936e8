//! What the agents cost: answers a second of their CPU time, without the load generator's. Prints
//! one JSON object.
//!
//! `cargo run --release -p foretell-sim --example agent_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use async_snmp::message::{MsgFlags, MsgGlobalData, ScopedPdu, SecurityLevel, V3Message};
use async_snmp::pdu::GetBulkPdu;
use async_snmp::v3::auth::authenticate_message;
use async_snmp::v3::{SaltCounter, UsmSecurityParams};
use async_snmp::{MasterKeys, MessageSize, Oid, VarBind};
use foretell_sim::agent::{Access, Agent, Responder, ServeOptions, Server, Shown, User, serve};
use foretell_sim::snapshot::{Snapshot, SnapshotBuilder};
use foretell_sim::{Mib, Value};
use nix::sys::socket::{self, ControlMessage, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use snmp::{AuthProtocol, PrivacyProtocol};
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Devices of the figures for many.
const DEVICES: u32 = 10_000;
const PHRASE: &str = "a phrase of the bench";
/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(3);
/// Requests that are under way at once.
const WINDOW: usize = 64;

fn main() {
    let switch: Arc<dyn Mib> = Arc::new(switch(48));
    let user = User::new(
        "user",
        Some((AuthProtocol::Sha256, PHRASE)),
        Some((PrivacyProtocol::Aes128, PHRASE)),
    );
    let access = Access::by_communities(["public"]).with_users([user.unwrap()]);
    let access = Arc::new(access);
    let one = [agent(Ipv4Addr::LOCALHOST, 0, &switch, &access)];
    let descriptions = vec![vec![1, 3, 6, 1, 2, 1, 2, 2, 1, 2]];
    let octets_in = vec![vec![1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6]];
    let columns: Vec<_> = (1..=20)
        .map(|column| vec![1, 3, 6, 1, 2, 1, 2, 2, 1, column])
        .collect();

    let mut figures = serde_json::Map::new();
    for (name, request) in [
        ("getbulk_25_octet_strings", request(0xa5, 25, &descriptions)),
        ("getbulk_25_counter64", request(0xa5, 25, &octets_in)),
        ("getbulk_20_columns", request(0xa5, 4, &columns)),
        (
            "get_1",
            request(0xa0, 0, &[vec![1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 7]]),
        ),
    ] {
        figures.insert(
            format!("{name}_respond_ns"),
            respond_ns(&one[0], &request).into(),
        );
        let server = serve(&one, &ServeOptions::default()).unwrap();
        let rate = rate(&server, 1, &request);
        figures.insert(format!("{name}_per_agent_cpu_sec"), rate.into());
    }

    let private = private_request(&one[0], &octets_in[0]);
    let name = "getbulk_25_sha256_aes128";
    figures.insert(
        format!("{name}_respond_ns"),
        respond_ns(&one[0], &private).into(),
    );
    let server = serve(&one, &ServeOptions::default()).unwrap();
    figures.insert(
        format!("{name}_per_agent_cpu_sec"),
        rate(&server, 1, &private).into(),
    );
    drop(server);

    let before = memory();
    let block: Vec<_> = (0..DEVICES)
        .map(|n| agent(Ipv4Addr::from(0x7f01_0001 + n), 0, &switch, &access))
        .collect();
    let server = serve(&block, &ServeOptions::default()).unwrap();
    let request = request(0xa5, 25, &octets_in);
    let rate = rate(&server, DEVICES, &request);
    figures.insert(
        "getbulk_25_of_10000_devices_per_agent_cpu_sec".into(),
        rate.into(),
    );
    figures.insert(
        "memory_of_10000_agents_bytes".into(),
        memory().saturating_sub(before).into(),
    );
    println!("{}", serde_json::Value::Object(figures));
}

fn agent(address: Ipv4Addr, port: u16, mib: &Arc<dyn Mib>, access: &Arc<Access>) -> Arc<Agent> {
    let address = SocketAddr::from((address, port));
    let shown = Shown::One(Arc::clone(mib));
    Arc::new(Agent::new(
        address,
        shown,
        Arc::clone(access),
        Instant::now(),
    ))
}

/// Nanoseconds that an answer takes without its socket.
fn respond_ns(agent: &Agent, request: &[u8]) -> u64 {
    let mut responder = Responder::default();
    let now = Instant::now();
    let rounds = 100_000u32;
    let began = on_cpu("/proc/thread-self/schedstat");
    for _ in 0..rounds {
        assert!(
            responder
                .respond(agent, std::hint::black_box(request), now)
                .is_some()
        );
    }
    let spent = on_cpu("/proc/thread-self/schedstat").saturating_sub(began);
    u64::try_from((spent / rounds).as_nanos()).unwrap()
}

/// Answers a second of the agents' CPU time, the requests going round the devices.
fn rate(server: &Server, devices: u32, request: &[u8]) -> u64 {
    let SocketAddr::V4(first) = server.address(0).unwrap() else {
        panic!("the bench is over IPv4");
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut load = Load::new(socket, first, devices, request.to_vec());
    load.send(WINDOW);
    // Warm: caches, frequencies, the scheduler.
    load.run(MEASURED / 6);
    let (cpu, answers) = (agents_cpu(), load.answers);
    load.run(MEASURED);
    let spent = agents_cpu().saturating_sub(cpu);
    let answered = u128::from(load.answers - answers) * 1_000_000_000;
    u64::try_from(answered / spent.as_nanos()).unwrap()
}

struct Load {
    socket: UdpSocket,
    first: SocketAddrV4,
    devices: u32,
    next: u32,
    request: Vec<u8>,
    buffers: Vec<u8>,
    inbox: MultiHeaders<SockaddrIn>,
    outbox: MultiHeaders<SockaddrIn>,
    answers: u64,
}

impl Load {
    fn new(socket: UdpSocket, first: SocketAddrV4, devices: u32, request: Vec<u8>) -> Self {
        Self {
            socket,
            first,
            devices,
            next: 0,
            request,
            buffers: vec![0; WINDOW * 2048],
            inbox: MultiHeaders::preallocate(WINDOW, None),
            outbox: MultiHeaders::preallocate(WINDOW, None),
            answers: 0,
        }
    }

    fn run(&mut self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            let answers = self.receive();
            self.answers += answers as u64;
            self.send(answers);
        }
    }

    fn receive(&mut self) -> usize {
        let mut slices: Vec<_> = self
            .buffers
            .chunks_mut(2048)
            .map(|room| [IoSliceMut::new(room)])
            .collect();
        recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.inbox,
            slices.iter_mut(),
            socket::MsgFlags::MSG_WAITFORONE,
            None,
        )
        .expect("an answer was lost")
        .count()
    }

    fn send(&mut self, count: usize) {
        let slices = vec![[IoSlice::new(&self.request)]; count];
        let addresses: Vec<_> = (0..count)
            .map(|_| {
                self.next = (self.next + 1) % self.devices;
                let ip = Ipv4Addr::from(u32::from(*self.first.ip()) + self.next);
                Some(SockaddrIn::from(SocketAddrV4::new(ip, self.first.port())))
            })
            .collect();
        let none: [ControlMessage<'_>; 0] = [];
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            &mut self.outbox,
            slices.iter(),
            &addresses,
            none,
            socket::MsgFlags::empty(),
        )
        .unwrap();
        assert_eq!(sent.count(), count);
    }
}

/// CPU time of the agents' threads so far.
fn agents_cpu() -> Duration {
    let mut spent = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.starts_with("agents-") {
            spent += on_cpu(task.join("schedstat"));
        }
    }
    spent
}

/// CPU time of a task so far.
fn on_cpu(schedstat: impl AsRef<std::path::Path>) -> Duration {
    let stat = std::fs::read_to_string(schedstat).unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

/// Resident memory in octets.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

/// The columns of ifTable and ifXTable for so many ports.
fn switch(ports: u32) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    for port in 1..=ports {
        for column in 1..=21u32 {
            let value = match column {
                2 => Value::OctetString(format!("GigabitEthernet1/0/{port}").into_bytes().into()),
                6 => Value::OctetString(vec![2, 0, 0, 0, 0, u8::try_from(port).unwrap()].into()),
                1 | 3 | 4 | 7 | 8 => Value::Integer(column.cast_signed()),
                5 => Value::Gauge32(1_000_000_000),
                9 => Value::TimeTicks(123_456),
                _ => Value::Counter32(column * 1_000_000 + port),
            };
            let name = [1, 3, 6, 1, 2, 1, 2, 2, 1, column, port];
            builder.push(&name, &value).unwrap();
        }
        for column in 1..=18u32 {
            let value = match column {
                1 => Value::OctetString(format!("Gi1/0/{port}").into_bytes().into()),
                18 => Value::OctetString(format!("to desk {port}").into_bytes().into()),
                6..=13 => Value::Counter64(u64::from(column * port) << 30),
                _ => Value::Counter32(column * port),
            };
            let name = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, port];
            builder.push(&name, &value).unwrap();
        }
    }
    builder.finish().0
}

/// A GETBULK of 25 repetitions by SNMPv3, authPriv. The same one may be sent again for 150 s.
fn private_request(agent: &Agent, name: &[u32]) -> Vec<u8> {
    let engine_id = agent.engine().id().as_bytes().to_vec();
    let (boots, time) = (1, 0);
    let keys = MasterKeys::new(async_snmp::AuthProtocol::Sha256, PHRASE.as_bytes())
        .unwrap()
        .with_privacy(async_snmp::PrivProtocol::Aes128, PHRASE.as_bytes())
        .unwrap();
    let (auth, privacy) = keys.localize(&engine_id).unwrap();
    let from = vec![VarBind::null(Oid::from_slice(name))];
    let pdu = GetBulkPdu::new(async_snmp::Version::V3, 1, 0, 25, from).unwrap();
    let scoped = ScopedPdu::new(engine_id.clone(), &b""[..], pdu);
    let (hidden, salt) = privacy
        .unwrap()
        .encrypt_aes(
            &scoped.encode_to_bytes().unwrap(),
            boots,
            time,
            &SaltCounter::new().unwrap(),
        )
        .unwrap();
    let security = UsmSecurityParams::new(engine_id, boots, time, &b"user"[..])
        .unwrap()
        .with_auth_placeholder(auth.mac_len())
        .unwrap()
        .with_priv_params(salt)
        .unwrap();
    let flags = MsgFlags::new(SecurityLevel::AuthPriv, true);
    let header = MsgGlobalData::new(1, MessageSize::new(65_507).unwrap(), flags).unwrap();
    let security = security.encode().unwrap();
    let message =
        V3Message::new_with_opaque_encrypted_scoped_pdu(header, security, hidden).unwrap();
    let mut message = message.encode().unwrap().to_vec();
    let (at, length) = UsmSecurityParams::find_auth_params_offset(&message).unwrap();
    authenticate_message(&auth, &mut message, at, length).unwrap();
    message
}

/// A message of SNMPv2c with the community `public`.
fn request(kind: u8, repetitions: u8, names: &[Vec<u32>]) -> Vec<u8> {
    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], contents].concat()
    }
    let varbinds: Vec<u8> = names
        .iter()
        .flat_map(|name| {
            // Every arc of the bench is below 0x80.
            let mut contents = vec![0x2b];
            contents.extend(name[2..].iter().map(|&arc| u8::try_from(arc).unwrap()));
            tlv(0x30, &[tlv(6, &contents), vec![5, 0]].concat())
        })
        .collect();
    let pdu = [
        vec![2, 4, 0x12, 0x34, 0x56, 0x78, 2, 1, 0, 2, 1, repetitions],
        tlv(0x30, &varbinds),
    ]
    .concat();
    tlv(
        0x30,
        &[vec![2, 1, 1], tlv(4, b"public"), tlv(kind, &pdu)].concat(),
    )
}
