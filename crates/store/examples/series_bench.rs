//! How fast samples are taken and sealed, and how small they become: 1,000 devices of 100 series,
//! two hours of a poll a minute. Prints one JSON object.
//!
//! `cargo run --release -p foretell-store --example series_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_store::series::{Batch, Resolved, SeriesOptions, SeriesStore, SyncPolicy};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const DEVICES: usize = 1_000;
const SERIES: u32 = 100;
const POLLS: i64 = 120;
const BEGIN_MS: i64 = 1_772_366_400_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(BEGIN_MS));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    };
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(100)),
        maintain_every: None,
        ..SeriesOptions::default()
    };
    let (store, _) = SeriesStore::open(folder.path(), options, clock).unwrap();
    let empty = memory();
    let mut devices: Vec<(DeviceId, Vec<Resolved>)> = Vec::new();
    for _ in 0..DEVICES {
        let device_id = DeviceId::new();
        let key = |n: u32| {
            (
                Metric::SENSOR_OTHER,
                Labels::default().with("sensor", n.to_string()),
            )
        };
        let resolved = store
            .resolve(device_id, (0..SERIES).map(key).collect())
            .await
            .unwrap();
        devices.push((device_id, resolved));
    }
    let mut traffic = Traffic::new();
    let registered = memory();
    let mut filled = 0;
    let (mut append_cpu, mut seal_cpu) = (Duration::ZERO, Duration::ZERO);
    let began = Instant::now();
    for poll in 0..=POLLS + 2 {
        now.store(BEGIN_MS + poll * 60_000, Ordering::Relaxed);
        if poll < POLLS {
            let batches: Vec<Batch> = devices
                .iter()
                .enumerate()
                .map(|(n, (device_id, series))| traffic.batch(n, *device_id, series, poll))
                .collect();
            let cpu = cpu_time();
            let appends: Vec<_> = batches
                .into_iter()
                .map(|batch| {
                    let store = store.clone();
                    tokio::spawn(async move { store.append(batch).await.unwrap() })
                })
                .collect();
            for append in appends {
                append.await.unwrap();
            }
            append_cpu += cpu_time().saturating_sub(cpu);
        }
        if poll == 29 {
            filled = memory();
        }
        let cpu = cpu_time();
        store.maintain().await.unwrap();
        seal_cpu += cpu_time().saturating_sub(cpu);
    }
    let wall = began.elapsed();
    let stats = store.stats();
    store.close().await;
    drop(store);
    let samples = stats.samples_synced as f64;
    let bytes: u64 = std::fs::read_dir(folder.path().join("blocks"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    println!(
        r#"{{"samples": {samples}, "append_samples_per_cpu_s": {:.0}, "seal_samples_per_cpu_s": {:.0}, "samples_per_cpu_s": {:.0}, "wall_s": {:.1}, "index_bytes_per_series": {:.0}, "head_bytes_per_series": {:.0}, "log_bytes_per_sample": {:.2}, "file_bytes_per_sample": {:.2}, "two_hours_bytes_per_sample": {:.2}, "half_hour_bytes_per_sample": {:.2}}}"#,
        samples / append_cpu.as_secs_f64(),
        samples / seal_cpu.as_secs_f64(),
        samples / (append_cpu + seal_cpu).as_secs_f64(),
        wall.as_secs_f64(),
        registered.saturating_sub(empty) as f64 / stats.series as f64,
        filled.saturating_sub(registered) as f64 / stats.series as f64,
        stats.log_bytes as f64 / samples,
        bytes as f64 / samples,
        merged_bytes(folder.path()) as f64 / samples,
        stats.block_bytes_sealed as f64 / samples,
    );
}

/// Octets of the blocks of two hours.
fn merged_bytes(folder: &Path) -> i64 {
    let file = rusqlite::Connection::open(folder.join("blocks/2026-03-01.sqlite")).unwrap();
    let sum = "SELECT sum(length(bytes)) FROM block WHERE level = 1";
    file.query_row(sum, [], |row| row.get(0)).unwrap()
}

/// Memory of this process in octets, from `/proc/self/status`. What the bench itself keeps is in it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// CPU time of this process, from `/proc/self/stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| {
        fields
            .get(n)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Values as a network gives them: of ten series of a port four are counters that move, three that
/// do not, one is a state, two are gauges.
struct Traffic {
    counters: Vec<u64>,
    random: u64,
}

impl Traffic {
    fn new() -> Self {
        let counters = (0..DEVICES as u64 * u64::from(SERIES))
            .map(|n| n * 1_000_003)
            .collect();
        Self {
            counters,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn batch(
        &mut self,
        device: usize,
        device_id: DeviceId,
        series: &[Resolved],
        poll: i64,
    ) -> Batch {
        let mut values = Vec::with_capacity(series.len());
        for (n, resolved) in series.iter().enumerate() {
            let random = self.next();
            let value = match n % 10 {
                0..=3 => {
                    let place = device * SERIES as usize + n;
                    let counter = self.counters.get_mut(place).unwrap();
                    *counter += 1_000 * (n as u64 + 1) + random % 4096;
                    Value::U64(*counter)
                }
                4..=6 => Value::U64(12_345),
                7 => Value::U64(1),
                8 => Value::F64((random % 500) as f64 / 1000.0),
                _ => Value::F64((random % 64) as f64),
            };
            values.push((resolved.column, value));
        }
        let jitter = i64::try_from(self.next() % 40).unwrap();
        let at = BEGIN_MS + poll * 60_000 + i64::try_from(device).unwrap() * 50 % 50_000 + jitter;
        Batch {
            device_id,
            at: Timestamp::from_unix_ms(at.min(BEGIN_MS + poll * 60_000 + 59_000)),
            values,
        }
    }
}
