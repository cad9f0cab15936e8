//! What the collector bears: so many devices polled each minute, nothing kept but counts. Prints one
//! JSON object.
//!
//! `COMMUNITY=public cargo run --release -p foretell-collect --example load_bench -- 127.1.0.1 161 10000 900`
//! (first address, port, devices in ascending addresses, seconds measured)
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use foretell_collect::reading::Instance;
use foretell_collect::{Pinger, PollReport, Poller, PollerOptions, Profiles, Target};
use model::status::Status;
use model::{Clock, DeviceId, Timestamp};
use snmp::{Credentials, Transport};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_mins(1);
/// Reports on their way to whoever counts them, as in the server.
const REPORTS_MAX: usize = 256;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first: Ipv4Addr = arguments.next().unwrap().parse().unwrap();
    let [port, devices, secs]: [u32; 3] =
        std::array::from_fn(|_| arguments.next().unwrap().parse().unwrap());
    let credentials = Credentials::v2c(std::env::var("COMMUNITY").unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let port = u16::try_from(port).unwrap();
    let measured = Duration::from_secs(u64::from(secs));
    runtime.block_on(run(first, port, devices, measured, Arc::new(credentials)));
}

async fn run(
    first: Ipv4Addr,
    port: u16,
    devices: u32,
    measured: Duration,
    credentials: Arc<Credentials>,
) {
    let clock = Clock::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::from_unix_ms(i64::try_from(since.unwrap().as_millis()).unwrap())
    });
    let (send, mut reports) = mpsc::channel(REPORTS_MAX);
    let cancel = CancellationToken::new();
    let poller = Poller::start(
        PollerOptions::default(),
        Transport::bind().unwrap(),
        Pinger::disabled("Not measured."),
        clock.clone(),
        Profiles::default(),
        send,
        cancel.clone(),
    );
    // The simulator gives no device an address that ends in 0 or 255.
    let addresses = (first.to_bits()..)
        .map(Ipv4Addr::from_bits)
        .filter(|address| !matches!(address.octets(), [.., 0 | 255]));
    for address in addresses.take(devices as usize) {
        poller.set(Target {
            device_id: DeviceId::new(),
            address: SocketAddr::from((address, port)),
            credentials: Some(Arc::clone(&credentials)),
            interval: INTERVAL,
            profile: None,
        });
    }
    // Until every device was read whole once and polls are spread over their interval.
    let mut seen = Seen::default();
    let settled = Instant::now() + 2 * INTERVAL;
    while seen.devices.len() < devices as usize || Instant::now() < settled {
        seen.take(&reports.recv().await.unwrap());
    }
    let (before, stats) = (cpu_time(), poller.stats());
    let began = Instant::now();
    seen.begin();
    while began.elapsed() < measured {
        seen.take(&reports.recv().await.unwrap());
    }
    let secs = began.elapsed().as_secs_f64();
    seen.end(clock.now());
    let after = poller.stats();
    let cpu = cpu_time().saturating_sub(before);
    cancel.cancel();
    println!(
        "{}",
        serde_json::json!({
            "devices": devices,
            "secs": secs,
            "polls": seen.polls,
            "polls_left_out": seen.left_out,
            "polls_unanswered": seen.unanswered,
            "overruns": after.overruns - stats.overruns,
            "deadlines": after.deadlines - stats.deadlines,
            "postponed": after.postponed - stats.postponed,
            "lag_max_ms": after.lag_max.as_secs_f64() * 1e3,
            "samples": seen.samples,
            "samples_lost": seen.lost,
            "cpu_cores": cpu.as_secs_f64() / secs,
            "cpu_us_per_poll": cpu.as_secs_f64() * 1e6 / seen.polls as f64,
            "peak_memory_mib": peak_memory_mib(),
        })
    );
}

/// What the reports brought.
#[derive(Default)]
struct Seen {
    /// Samples of interfaces in a poll of each device that was read whole.
    devices: HashMap<DeviceId, usize>,
    polls: u64,
    unanswered: u64,
    /// When each device was due last, and polls that never came between two that did or after the last.
    due: HashMap<DeviceId, Timestamp>,
    left_out: u64,
    samples: u64,
    /// Samples that a poll lacked beside the one before.
    lost: u64,
}

impl Seen {
    fn begin(&mut self) {
        (self.polls, self.unanswered, self.left_out) = (0, 0, 0);
        (self.samples, self.lost) = (0, 0);
    }

    /// Counts the polls that were due since each device's last one, save the one that is on its way.
    fn end(&mut self, now: Timestamp) {
        for due in self.due.values() {
            let intervals = now.since(*due).as_secs() / INTERVAL.as_secs();
            self.left_out += intervals.saturating_sub(1);
        }
    }

    fn take(&mut self, report: &PollReport) {
        // No poll: that one may still come, with the time at which it was due.
        if report.only_behind {
            return;
        }
        let of_interfaces = |r: &&foretell_collect::reading::Reading| {
            matches!(r.instance, Instance::Interface { .. })
        };
        let count = report.readings.iter().filter(of_interfaces).count();
        self.polls += 1;
        self.samples += count as u64;
        if report.status != Status::Up {
            self.unanswered += 1;
        }
        if let Some(before) = self.due.insert(report.device_id, report.due_at) {
            // Half an interval more, to round.
            let intervals = (report.due_at.since(before) + INTERVAL / 2).as_secs();
            self.left_out += (intervals / INTERVAL.as_secs()).saturating_sub(1);
        }
        let known = self.devices.get(&report.device_id).copied().unwrap_or(0);
        self.lost += known.saturating_sub(count) as u64;
        if count > 0 {
            self.devices.insert(report.device_id, known.max(count));
        }
    }
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

/// The most memory that this process had. Source: `/proc/self/status`.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}
