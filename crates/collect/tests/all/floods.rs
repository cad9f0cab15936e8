//! Floods of one sender at a port where another behaves: of the other nothing is lost, also where what
//! comes is not read for long, and both have all that one may have.
//!
//! The flood goes no faster than the port is drained, which is looked at and not timed, so that the
//! kernel drops nothing on a machine that is busy.

use super::polling::clock;
use super::traps::trap;
use foretell_collect::flow::{Flows, Protocol};
use foretell_collect::syslog::{Syslog, SyslogOptions};
use foretell_collect::trap::BoundSocket;
use foretell_collect::{TrapListener, TrapOptions};
use model::CredentialId;
use snmp::{Credentials, LocalEngine};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Only a failed test waits for it.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// As many a second as no test brings.
const NO_RATE: u32 = 1_000_000;
/// Datagrams of the flood for each of the other sender; together they fit into the least buffer.
const LOUD: u64 = 2;
/// Rounds after something was dropped first, and the most before.
const ROUNDS_MORE: u32 = 50;
const ROUNDS_MAX: u32 = 5_000;

/// Floods until something was dropped, and a while longer; how many datagrams the other sent. `seen` says
/// how many the port took and how many it dropped.
async fn flood(
    at: SocketAddr,
    loud: &[u8],
    quiet: impl Fn(u32) -> Vec<u8>,
    seen: impl Fn() -> (u64, u64),
) -> u32 {
    let sender = |host| UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
    let (loud_from, quiet_from) = (sender(7), sender(8));
    let (mut sent, mut of_quiet, mut more) = (0, 0, 0);
    while more < ROUNDS_MORE {
        for _ in 0..LOUD {
            loud_from.send_to(loud, at).unwrap();
        }
        quiet_from.send_to(&quiet(of_quiet), at).unwrap();
        of_quiet += 1;
        sent += LOUD + 1;
        until(|| seen().0 >= sent).await;
        assert!(of_quiet < ROUNDS_MAX, "nothing is dropped");
        more += u32::from(seen().1 > 0);
    }
    of_quiet
}

async fn until(state: impl Fn() -> bool) {
    let begun = Instant::now();
    while !state() {
        assert!(begun.elapsed() < WAIT_MAX, "waited too long");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn is_quiet(address: std::net::IpAddr) -> bool {
    address == Ipv4Addr::new(127, 0, 0, 8)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_lines_costs_no_other_sender_a_line() {
    let options = SyslogOptions {
        source_per_sec_max: NO_RATE,
        idle_max: WAIT_MAX,
    };
    let (lines_in, mut lines) = mpsc::channel(1);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let syslog = Syslog::new(options, clock(), lines_in, stop.clone(), tasks.clone());
    let at = syslog.listen_udp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let loud = [b"<13>loud: ".to_vec(), vec![b'x'; 60_000]].concat();
    let line = |number| format!("<13>quiet: {number}").into_bytes();
    let seen = || (syslog.stats().received[0], syslog.stats().dropped_full);
    let sent = flood(at, &loud, line, seen).await;
    let mut numbers = Vec::new();
    while numbers.len() < sent as usize {
        let batch = tokio::time::timeout(WAIT_MAX, lines.recv()).await;
        for line in batch.unwrap().unwrap() {
            if is_quiet(line.source) {
                let (_, number) = line.parsed.text.split_once(": ").unwrap();
                numbers.push(number.parse::<u32>().unwrap());
            }
        }
    }
    assert!(numbers.into_iter().eq(0..sent));
    stop.cancel();
    tasks.close();
    drop(lines);
    tasks.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_traps_costs_no_other_sender_a_trap() {
    let socket = BoundSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let at = socket.address();
    let (reports_in, mut reports) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let options = TrapOptions {
        per_source_rate_max: NO_RATE,
    };
    let engine = LocalEngine::make().unwrap();
    let listener =
        TrapListener::start(options, engine, vec![socket], clock(), reports_in, &stop).unwrap();
    let credential = Arc::new(Credentials::v2c("public"));
    listener.believe(vec![(CredentialId::new(), credential)]);
    let seen = || (listener.stats().datagrams, listener.stats().queue_full);
    let loud = vec![0; 60_000];
    let sent = flood(at, &loud, trap, seen).await;
    for _ in 0..sent {
        let report = tokio::time::timeout(WAIT_MAX, reports.recv()).await;
        assert!(is_quiet(report.unwrap().unwrap().source.ip()));
    }
    until(|| {
        let stats = listener.stats();
        let refused: u64 = stats.rejected.values().sum();
        stats.accepted + refused + stats.queue_full == stats.datagrams
    })
    .await;
    assert_eq!(listener.stats().accepted, u64::from(sent));
    stop.cancel();
    listener.join().await;
}

/// A message of NetFlow v5 with so many records.
fn netflow(records: u16) -> Vec<u8> {
    let mut octets = [5u16.to_be_bytes(), records.to_be_bytes()].concat();
    octets.extend([0; 20]);
    for _ in 0..records {
        let mut record = [0; 48];
        record[3] = 1;
        record[7] = 2;
        // Packets and octets.
        record[19] = 1;
        record[23] = 100;
        record[38] = 6;
        octets.extend(record);
    }
    octets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_flows_costs_no_other_exporter_a_flow() {
    let flows = Flows::new(1_000, clock());
    let stop = CancellationToken::new();
    let at = (Ipv4Addr::LOCALHOST, 0).into();
    let listening = flows.listen(at, Protocol::Netflow, &stop).unwrap();
    let at = listening.address();
    let reading = tokio::spawn(flows.clone().read(listening));
    let seen = || {
        let totals = flows.totals();
        (totals.datagrams, totals.defects.limited)
    };
    let sent = flood(at, &netflow(30), |_| netflow(1), seen).await;
    let exporters = flows.exporters();
    let quiet = exporters.iter().find(|it| is_quiet(it.address)).unwrap();
    assert_eq!(
        (quiet.datagrams, quiet.flows, quiet.defects.limited),
        (u64::from(sent), u64::from(sent), 0)
    );
    stop.cancel();
    reading.await.unwrap();
}
