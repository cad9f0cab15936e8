//! What a poll of one device costs: the poller itself, asked for poll after poll of one agent.
//! Prints one JSON object: figures, and what was asked, so that a peer can ask the same.
//!
//! `COMMUNITY=public cargo run --release -p foretell-collect --example poll_bench -- 127.0.0.1:1161 2000`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use foretell_collect::snmp::{Dialect, Groups, read};
use foretell_collect::{Pinger, PollReport, Poller, PollerOptions, Profiles, Target};
use model::{Clock, DeviceId, Timestamp};
use snmp::{Credentials, Session, SessionOptions, Transport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Polls before it is measured: the first reads what seldom changes, the next find how much the
/// agent bears in an answer.
const WARM_POLLS: u32 = 20;
/// So long that every poll is asked for by us and reads what each poll reads, and no more.
const DAY: Duration = Duration::from_hours(24);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let agent: SocketAddr = arguments.next().unwrap().parse().unwrap();
    let polls: u32 = arguments.next().unwrap().parse().unwrap();
    let community = std::env::var("COMMUNITY").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(agent, polls, &Credentials::v2c(community.as_str())));
}

async fn run(agent: SocketAddr, polls: u32, credentials: &Credentials) {
    let clock = Clock::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::from_unix_ms(i64::try_from(since.unwrap().as_millis()).unwrap())
    });
    let transport = Transport::bind().unwrap();
    let mut session = Session::open(&transport, agent, credentials, SessionOptions::default());
    let mut dialect = Dialect::new(&Profiles::default());
    let look = read(&mut session, &mut dialect, Groups::ALL, &clock).await;
    assert!(look.error.is_none(), "{:?}", look.error);
    drop(session);
    let (send, mut reports) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let poller = Poller::start(
        PollerOptions {
            details_interval: DAY,
            ..PollerOptions::default()
        },
        transport.clone(),
        Pinger::disabled("Not measured."),
        clock,
        Profiles::default(),
        send,
        cancel.clone(),
    );
    let device_id = DeviceId::new();
    poller.set(Target {
        device_id,
        address: agent,
        credentials: Some(Arc::new(credentials.clone())),
        interval: DAY,
        profile: None,
    });
    let mut readings = 0;
    let mut before = (Duration::ZERO, 0);
    for poll in 0..WARM_POLLS + polls {
        if poll == WARM_POLLS {
            readings = 0;
            before = (cpu_time(), transport.stats().datagrams);
        }
        let report: PollReport = reports.recv().await.unwrap();
        // The first reads all columns of IF-MIB, which are another group.
        let complete = report.complete.contains(Groups::COUNTERS);
        assert!(poll == 0 || complete, "poll {poll} was cut short");
        readings += report.readings.len();
        poller.poll_now(device_id);
    }
    let cpu = cpu_time().saturating_sub(before.0);
    let datagrams = transport.stats().datagrams - before.1;
    cancel.cancel();
    poller.join().await;
    let dotted = |root: &Vec<u32>| {
        root.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(".")
    };
    let asked: Vec<String> = dialect
        .columns(Groups::COUNTERS)
        .iter()
        .map(dotted)
        .collect();
    let each = |total: f64| total / f64::from(polls);
    println!(
        r#"{{"polls": {polls}, "cpu_us_per_poll": {:.1}, "readings_per_poll": {:.1}, "requests_per_poll": {:.1}, "columns": "{}"}}"#,
        each(cpu.as_secs_f64() * 1e6),
        each(readings as f64),
        each(datagrams as f64),
        asked.join(" "),
    );
}

/// CPU time of all threads of this process. Source: `/proc/self/task/*/schedstat`, whose first
/// number is nanoseconds.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.filter_map(|thread| {
        let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        told.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
