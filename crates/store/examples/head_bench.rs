//! What the head costs and how soon the store is of use after a kill: 2,083 devices of 480 series, a
//! poll a minute for half an hour and one more, none of it sealed. Prints one JSON object.
//!
//! `cargo run --release -p foretell-store --example head_bench [-- FOLDER]`. The folder is where the
//! log is written; on `/dev/shm` it is memory, and a sync costs nothing. It is left empty.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_store::series::{Batch, Resolved, SeriesOptions, SeriesStore, SyncPolicy};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DEVICES: usize = 2_083;
const SERIES: usize = 480;
/// Polls: a half-hour, and the first one of the next.
const ROWS: u64 = 31;
/// Devices whose polls are appended together and synced once: 10,080 samples.
const TOGETHER: usize = 21;
const BEGIN_MS: i64 = 1_772_366_400_000;
/// Registrations that wait at once.
const RESOLVING: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", folder] => runtime.block_on(fill(Path::new(folder))),
        [folder] => runtime.block_on(all(&tempfile::tempdir_in(folder).unwrap())),
        _ => runtime.block_on(all(&tempfile::tempdir().unwrap())),
    }
}

/// Has another process fill the log, kills it, and opens what is left.
async fn all(folder: &tempfile::TempDir) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("fill")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut filled = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut filled).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let log_bytes: u64 = std::fs::read_dir(folder.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();

    let (cpu, began) = (cpu_time(), Instant::now());
    let store = open(folder.path());
    let (open_cpu, open_wall) = (cpu_time().saturating_sub(cpu), began.elapsed());
    let device_id = device(DEVICES - 1);
    let mut of_device = store.series_of(device_id);
    let last = of_device.pop().unwrap().id;
    let (from, to) = (
        Timestamp::from_unix_ms(0),
        Timestamp::from_unix_ms(i64::MAX),
    );
    let answer = store.read(last, from, to).unwrap();
    let answered = began.elapsed();
    let waiting = store.stats().devices_waiting;
    assert_eq!(answer.len() as u64, ROWS, "{answer:?}");
    while store.stats().devices_waiting > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (all_cpu, all_wall) = (cpu_time().saturating_sub(cpu), began.elapsed());
    assert_eq!(store.read(last, from, to).unwrap(), answer);
    let stats = store.stats();
    assert_eq!(stats.head_values, ROWS * (DEVICES * SERIES) as u64);
    let began = Instant::now();
    for n in 0..10_000_u32 {
        std::hint::black_box(store.stats().head_values + u64::from(n));
    }
    let stats_us = began.elapsed().as_secs_f64() * 1e6 / 10_000.0;
    println!(
        r#"{{{}, "log_bytes": {log_bytes}, "open_wall_s": {:.2}, "open_cpu_s": {:.2}, "first_answer_s": {:.2}, "devices_waiting_then": {waiting}, "replayed_wall_s": {:.2}, "replayed_cpu_s": {:.2}, "stats_us": {stats_us:.2}}}"#,
        filled.trim(),
        open_wall.as_secs_f64(),
        open_cpu.as_secs_f64(),
        answered.as_secs_f64(),
        all_wall.as_secs_f64(),
        all_cpu.as_secs_f64(),
    );
    store.close().await;
}

fn open(folder: &Path) -> SeriesStore {
    let end = Timestamp::from_unix_ms(BEGIN_MS + i64::try_from(ROWS).unwrap() * 60_000);
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::ZERO),
        maintain_every: None,
        ..SeriesOptions::default()
    };
    SeriesStore::open(folder, options, Clock::new(move || end))
        .unwrap()
        .0
}

fn device(n: usize) -> DeviceId {
    DeviceId::from_bytes((n as u128 + 1).to_be_bytes())
}

/// Fills the log and the head, prints the figures of that, and waits to be killed.
async fn fill(folder: &Path) {
    let store = open(folder);
    let began = Instant::now();
    let mut devices: Vec<(DeviceId, Vec<Resolved>)> = Vec::new();
    let all: Vec<usize> = (0..DEVICES).collect();
    for some in all.chunks(RESOLVING) {
        let tasks: Vec<_> = some
            .iter()
            .map(|n| {
                let (store, device_id) = (store.clone(), device(*n));
                let key = |n: usize| {
                    let labels = Labels::default().with("sensor", n.to_string());
                    (Metric::SENSOR_OTHER, labels)
                };
                let keys = (0..SERIES).map(key).collect();
                tokio::spawn(
                    async move { (device_id, store.resolve(device_id, keys).await.unwrap()) },
                )
            })
            .collect();
        for task in tasks {
            devices.push(task.await.unwrap());
        }
    }
    let registered_s = began.elapsed().as_secs_f64();
    let mut traffic = Traffic::new();
    let empty = memory();
    let (mut cpu, mut log_cpu) = (Duration::ZERO, Duration::ZERO);
    let (mut most, mut half_hour) = (0, 0);
    for row in 0..ROWS {
        for (n, some) in devices.chunks(TOGETHER).enumerate() {
            let batches: Vec<Batch> = some
                .iter()
                .enumerate()
                .map(|(m, (device_id, series))| {
                    traffic.batch(n * TOGETHER + m, *device_id, series, row)
                })
                .collect();
            let (log_before, cpu_before) = (threads("store-log"), threads(""));
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
            cpu += threads("").saturating_sub(cpu_before);
            log_cpu += threads("store-log").saturating_sub(log_before);
        }
        most = most.max(memory().saturating_sub(empty));
        if row == ROWS - 2 {
            half_hour = memory().saturating_sub(empty);
        }
    }
    let end = memory().saturating_sub(empty);
    let stats = store.stats();
    let series = stats.series as f64;
    let samples = stats.samples_synced as f64;
    println!(
        r#""series": {series}, "samples": {samples}, "registered_s": {registered_s:.1}, "head_bytes_per_series": {:.0}, "head_bytes_per_series_at_half_hour": {:.0}, "head_bytes_per_series_at_most": {:.0}, "append_samples_per_cpu_s": {:.0}, "log_thread_samples_per_cpu_s": {:.0}, "log_syncs": {}"#,
        end as f64 / series,
        half_hour as f64 / series,
        most as f64 / series,
        samples / cpu.as_secs_f64(),
        samples / log_cpu.as_secs_f64(),
        stats.log_syncs,
    );
    tokio::time::sleep(Duration::from_secs(600)).await;
}

/// Memory of this process in octets, from `/proc/self/status`.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1024
}

/// CPU time of the living threads of this process whose names begin so, to the nanosecond.
fn threads(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.filter_map(|task| {
        let task: PathBuf = task.ok()?.path();
        let read = |file: &str| std::fs::read_to_string(task.join(file)).ok();
        let named = read("comm")?.starts_with(name);
        let spent = read("schedstat")?;
        named.then(|| spent.split(' ').next()?.parse::<u64>().ok())?
    });
    Duration::from_nanos(nanos.sum())
}

/// CPU time of this process with that of threads that have ended, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| fields.get(n).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Values as a network gives them: of ten series of a port five are counters that move by a third
/// more or less each minute, three do not, two are gauges of three decimals.
struct Traffic {
    counters: Vec<u64>,
    random: u64,
}

impl Traffic {
    fn new() -> Self {
        let counter = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        Self {
            counters: (0..(DEVICES * SERIES) as u64).map(counter).collect(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn batch(&mut self, n: usize, device_id: DeviceId, series: &[Resolved], row: u64) -> Batch {
        let mut values = Vec::with_capacity(series.len());
        for (s, resolved) in series.iter().enumerate() {
            let random = self.next();
            let value = match s % 10 {
                0..=4 => {
                    // From a thousand to a thousand million a minute, by the port.
                    let mean = 1_000_u64 << ((n + s / 10) % 20);
                    let counter = self.counters.get_mut(n * SERIES + s).unwrap();
                    *counter += mean + random % (mean / 3);
                    Value::U64(*counter)
                }
                5..=6 => Value::U64(12_345),
                7 => Value::U64(1),
                8 => Value::F64((random % 500) as f64 / 1_000.0),
                _ => Value::F64((20_000 + random % 4_000) as f64 / 1_000.0),
            };
            values.push((resolved.column, value));
        }
        let jitter = i64::try_from(self.next() % 1_000).unwrap();
        let minute = BEGIN_MS + i64::try_from(row).unwrap() * 60_000;
        Batch {
            device_id,
            at: Timestamp::from_unix_ms(minute + jitter),
            values,
        }
    }
}
