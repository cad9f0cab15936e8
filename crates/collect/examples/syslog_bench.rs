//! What a line of a log costs, from its octets to where it is stored and found: 400,000 lines of 200
//! devices, in the mixture that a network of switches, firewalls and hosts sends. Prints one JSON
//! object.
//!
//! `cargo run --release -p foretell-collect --example syslog_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use foretell_collect::syslog::{Received, parse};
use model::log_line::LogTransport;
use model::{Clock, DeviceId, EventRecord, Timestamp};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use store::events::{BATCH_MAX, EventOptions, EventQuery, EventStore};

const LINES: usize = 400_000;
const DEVICES: u32 = 200;
const BEGIN_MS: i64 = 1_772_366_400_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let lines = lines();
    let octets: usize = lines.iter().map(String::len).sum();
    let devices: Vec<DeviceId> = (0..DEVICES).map(|_| DeviceId::new()).collect();
    let begun = cpu_time();
    let mut letters = 0;
    for line in &lines {
        let at = Timestamp::from_unix_ms(BEGIN_MS);
        letters += parse(line.as_bytes(), LogTransport::Udp, at).text.len();
    }
    let parsing = cpu_time().saturating_sub(begun);
    assert!(letters > 0);

    let folder = tempfile::tempdir_in(".").unwrap();
    let now = Arc::new(AtomicI64::new(BEGIN_MS));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    };
    let (store, _) = EventStore::open(folder.path(), EventOptions::default(), clock).unwrap();
    let (begun, wall) = (cpu_time(), Instant::now());
    let mut waiting = tokio::task::JoinSet::new();
    for (batch, lines) in lines.chunks(BATCH_MAX).enumerate() {
        // 50,000 lines a second.
        let ms = i64::try_from(batch * BATCH_MAX / 50).unwrap();
        let at = Timestamp::from_unix_ms(BEGIN_MS + ms);
        now.store(at.unix_ms(), Ordering::Relaxed);
        let events: Vec<EventRecord> = lines
            .iter()
            .enumerate()
            .map(|(n, line)| {
                event(
                    line,
                    at.plus(Duration::from_millis(n as u64 / 50)),
                    n,
                    &devices,
                )
            })
            .collect();
        while waiting.len() > 1 {
            waiting.join_next().await.unwrap().unwrap();
        }
        let store = store.clone();
        waiting.spawn(async move {
            let done = store.append(events).await.unwrap();
            assert_eq!(done.refused, 0);
        });
    }
    while let Some(done) = waiting.join_next().await {
        done.unwrap();
    }
    let (cpu, wall) = (cpu_time().saturating_sub(begun), wall.elapsed());
    assert_eq!(store.stats().stored, LINES as u64);

    let mut told = String::new();
    for (name, query) in queries(&devices) {
        let begun = Instant::now();
        let page = store.query(query).await.unwrap();
        assert!(!page.items.is_empty(), "{name}");
        write!(
            told,
            r#", "{name}_ms": {:.2}"#,
            begun.elapsed().as_secs_f64() * 1e3
        )
        .unwrap();
    }
    let size = store.stats().size;
    store.close().await;
    let per_sec = |time: Duration| LINES as f64 / time.as_secs_f64();
    println!(
        r#"{{"syslog_lines_per_cpu_s": {:.0}, "syslog_parsed_per_cpu_s": {:.0}, "syslog_lines_per_wall_s": {:.0}, "syslog_commits": {}, "syslog_octets_per_line": {:.0}, "syslog_stored_octets_per_line": {:.0}{told}}}"#,
        per_sec(cpu),
        per_sec(parsing),
        per_sec(wall),
        store.stats().commits,
        octets as f64 / LINES as f64,
        size as f64 / LINES as f64,
    );
}

fn event(line: &str, at: Timestamp, n: usize, devices: &[DeviceId]) -> EventRecord {
    let device = n % devices.len();
    let received = Received {
        at,
        source: source(device),
        parsed: parse(line.as_bytes(), LogTransport::Udp, at),
    };
    received.into_event(Some(devices[device]))
}

fn source(device: usize) -> IpAddr {
    Ipv4Addr::from(0x0a00_0001 + u32::try_from(device).unwrap()).into()
}

fn queries(devices: &[DeviceId]) -> Vec<(&'static str, EventQuery)> {
    let page = EventQuery {
        limit: 100,
        ..EventQuery::default()
    };
    let words = |text: &str| EventQuery {
        text: text.to_owned(),
        ..page.clone()
    };
    let device_id = Some(devices[7]);
    vec![
        ("syslog_query_latest", page.clone()),
        (
            "syslog_query_device",
            EventQuery {
                device_id,
                ..page.clone()
            },
        ),
        ("syslog_query_words", words("updown down")),
        ("syslog_query_beginning", words("gigabit")),
        (
            "syslog_query_rare_of_device",
            EventQuery {
                device_id,
                ..words("accepted publickey")
            },
        ),
        (
            "syslog_query_severe",
            EventQuery {
                severity_max: Some(3),
                ..page
            },
        ),
    ]
}

/// Lines in the forms that are usual, whose words vary as in a real network: addresses, ports,
/// names, numbers of sessions.
fn lines() -> Vec<String> {
    let mut random = 7_u64;
    let mut next = move |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut lines = Vec::with_capacity(LINES);
    for n in 0..LINES {
        let (a, b, port, id) = (next(250), next(250), next(48), next(60_000));
        let line = match next(8) {
            0 => format!(
                "<187>{n}: *Mar  1 12:00:00.123 UTC: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/{port}, changed state to down"
            ),
            1 => format!(
                "<189>{n}: Mar  1 12:00:00.123 UTC: %LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/{port}, changed state to up"
            ),
            2 => format!(
                "<38>Mar  1 12:00:00 host{a} sshd[{id}]: Accepted publickey for admin from 10.0.{a}.{b} port {id} ssh2: ED25519 SHA256:{id:x}Qz{n:x}"
            ),
            3 => format!(
                "<166>Mar 01 2026 12:00:00: %ASA-6-302013: Built outbound TCP connection {n} for outside:203.0.113.{a}/443 (203.0.113.{a}/443) to inside:10.1.{a}.{b}/{id} (198.51.100.{b}/{id})"
            ),
            4 => format!(
                "<30>1 2026-03-01T12:00:00.123456+01:00 host{a}.example.net systemd 1 - - Started Session {n} of User user{b}."
            ),
            5 => format!(
                "<86>Mar  1 12:00:00 host{a} CRON[{id}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
            ),
            6 => format!(
                "<165>1 2026-03-01T12:00:00.123Z fw{a} RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.40 source-address=\"10.2.{a}.{b}\" source-port=\"{id}\" destination-address=\"203.0.113.{b}\" session-id=\"{n}\"] session closed TCP FIN: 10.2.{a}.{b}/{id}->203.0.113.{b}/443"
            ),
            _ => format!(
                "<134>Mar  1 12:00:00 fw{a} filterlog[{id}]: 4,,,1000000103,igb0,match,block,in,4,0x0,,64,{id},0,DF,6,tcp,60,203.0.113.{a},10.3.{a}.{b},{id},22,0,S"
            ),
        };
        lines.push(line);
    }
    lines
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
