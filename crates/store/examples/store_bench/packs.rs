//! How fast packs are written and read, and how small they are. Prints one JSON object a line.
//!
//! The mix is that of a network of switches: 480 series a device, ten a port. Of ten, five are
//! counters that follow the day (idle at night, with noise), three stand still, and two are gauges of
//! three decimals. A poll a minute, some milliseconds late.
//!
//! `cargo run --release -p foretell-store --example pack_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use foretell_store::blocks::{Column, Dense, Level, Run, Values};
use foretell_store::disk::{Disk, RealDisk};
use foretell_store::pack::{Kind, Pack, PackFolder, PackId, PackMeta};
use model::{DeviceId, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// 2026-03-01T00:00:00Z.
const DAY_MS: i64 = 1_772_323_200_000;
const MINUTE_MS: i64 = 60_000;
const SERIES: u32 = 480;
/// Samples written in one measurement, so that it takes some tenths of a second.
const SAMPLES: usize = 6_000_000;
/// Reads of one measurement.
const READS: u32 = 2_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    for (level, rows) in [
        (Level::HalfHour, 30),
        (Level::TwoHours, 120),
        (Level::Day, 1440),
    ] {
        write(folder.path(), level, rows);
    }
    read_day(folder.path());
    read_last_day(folder.path());
}

/// Writes a pack of as many devices as make the samples; the best of three, as others use the
/// machine too.
fn write(folder: &Path, level: Level, rows: usize) {
    let devices = (SAMPLES / rows / SERIES as usize).max(2);
    // A quarter of the devices, each four times: what is written is the same, and fits in memory.
    // The hours from eight in the morning on, where one is idle no more.
    let start = level.start(Timestamp::from_unix_ms(DAY_MS + 8 * 60 * MINUTE_MS));
    let some: Vec<Dense> = (0..devices.div_ceil(4))
        .map(|n| device(n as u64, start, rows))
        .collect();
    let packs = open(&folder.join(format!("write-{rows}")));
    let mut best = Duration::MAX;
    let mut meta = None;
    for _ in 0..3 {
        let began = cpu_time();
        let mut writer = packs.begin(id(level, start)).unwrap();
        for n in 0..devices {
            writer.push(device_id(n), &some[n / 4]).unwrap();
        }
        let written = writer.finish().unwrap();
        best = best.min(cpu_time().saturating_sub(began));
        packs.commit(&[written], &[]).unwrap();
        if let Some(before) = meta.replace(written) {
            let before: PackMeta = before;
            packs.commit(&[], &[before.id]).unwrap();
        }
    }
    let meta: PackMeta = meta.unwrap();
    let samples = meta.totals.samples as f64;
    println!(
        r#"{{"bench": "write", "rows": {rows}, "devices": {devices}, "samples": {samples}, "samples_per_cpu_s": {:.0}, "file_bytes_per_sample": {:.3}}}"#,
        samples / best.as_secs_f64(),
        meta.bytes as f64 / samples,
    );
}

/// One series of a device of a day.
fn read_day(folder: &Path) {
    let packs = open(&folder.join("read-day"));
    let start = Timestamp::from_unix_ms(DAY_MS);
    let blocks: Vec<Dense> = (0..4).map(|n| device(n, start, 1440)).collect();
    add(&packs, Level::Day, start, &blocks);
    read(&packs, "1 of 480 series, a day in one pack", 1440);
}

/// One series of the last 24 hours at the worst time: twelve packs of two hours, four of half one.
fn read_last_day(folder: &Path) {
    let packs = open(&folder.join("read-last"));
    let start = Timestamp::from_unix_ms(DAY_MS);
    let add_all = |level: Level, from: i64, count: i64| {
        for n in from..from + count {
            let start = Timestamp::from_unix_ms(start.unix_ms() + n * level.span_ms());
            let rows = usize::try_from(level.span_ms() / MINUTE_MS).unwrap();
            let blocks: Vec<Dense> = (0..4).map(|d| device(d, start, rows)).collect();
            add(&packs, level, start, &blocks);
        }
    };
    add_all(Level::TwoHours, 0, 12);
    add_all(Level::HalfHour, 48, 4);
    // Of all hours of the day, and of the first two, which are idle.
    for level in [Level::TwoHours, Level::HalfHour] {
        let list = packs.list();
        let of_level = list.iter().filter(|meta| meta.id.level == level);
        let (bytes, samples) = of_level.fold((0, 0), |(bytes, samples), meta| {
            (bytes + meta.bytes, samples + meta.totals.samples)
        });
        println!(
            r#"{{"bench": "size", "level": "{level:?}", "file_bytes_per_sample": {:.3}}}"#,
            bytes as f64 / samples as f64
        );
    }
    read(
        &packs,
        "1 of 480 series, 12 packs of 2 h and 4 of 30 min",
        1560,
    );
}

/// Reads series after series of device after device.
fn read(packs: &PackFolder, what: &str, expected: usize) {
    let (from, to) = (
        Timestamp::from_unix_ms(DAY_MS),
        Timestamp::from_unix_ms(DAY_MS + 2 * Level::Day.span_ms()),
    );
    let mut samples = 0usize;
    let began = cpu_time();
    for n in 0..READS {
        let column = [Column(n * 7 % SERIES)];
        let device_id = device_id(n as usize % 4);
        for pack in packs.packs(Kind::Samples, from, to) {
            let entry = pack.find(device_id).unwrap();
            let damage = pack.read(&entry, &column, from, to, |_, slice| {
                samples += match (slice.whole(), slice.float()) {
                    (Some((times, _)), _) | (_, Some((times, _))) => times.len(),
                    _ => slice.points().count(),
                };
            });
            assert!(damage.unwrap().is_empty());
        }
    }
    let cpu = cpu_time().saturating_sub(began);
    assert_eq!(samples, expected * READS as usize);
    println!(
        r#"{{"bench": "read", "what": "{what}", "cpu_us": {:.1}}}"#,
        cpu.as_secs_f64() * 1e6 / f64::from(READS)
    );
    let packs: Vec<Arc<Pack>> = packs.packs(Kind::Samples, from, to);
    let began = cpu_time();
    let mut whole = 0;
    for pack in &packs {
        for entry in pack.entries() {
            whole += pack.dense(entry).unwrap().0.samples();
        }
    }
    println!(
        r#"{{"bench": "read all", "what": "{what}", "samples_per_cpu_s": {:.0}}}"#,
        whole as f64 / cpu_time().saturating_sub(began).as_secs_f64()
    );
}

fn open(folder: &Path) -> PackFolder {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    PackFolder::open(disk, folder).unwrap()
}

fn id(level: Level, start: Timestamp) -> PackId {
    PackId {
        start,
        level,
        kind: Kind::Samples,
        class: 0,
        shard: 0,
        generation: 0,
    }
}

fn add(packs: &PackFolder, level: Level, start: Timestamp, blocks: &[Dense]) {
    let mut writer = packs.begin(id(level, start)).unwrap();
    for (n, block) in blocks.iter().enumerate() {
        writer.push(device_id(n), block).unwrap();
    }
    let meta = writer.finish().unwrap();
    packs.commit(&[meta], &[]).unwrap();
}

fn device_id(n: usize) -> DeviceId {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    DeviceId::from_bytes(bytes)
}

/// The samples of a device, a poll a minute.
fn device(n: u64, start: Timestamp, rows: usize) -> Dense {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (n + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let mut times = Vec::with_capacity(rows);
    for row in 0..rows {
        let late = i64::try_from(random.next() % 40).unwrap();
        let minute = i64::try_from(row).unwrap() * MINUTE_MS;
        times.push(start.unix_ms() + minute + 17_000 + late);
    }
    let mut dense = Dense::new(times.clone()).unwrap();
    for column in 0..SERIES {
        let values = match column % 10 {
            0..=4 => counter(&mut random, &times, column),
            5..=7 => Values::Whole(Run::full(vec![12_345; rows])),
            _ => gauge(&mut random, &times),
        };
        dense.push(Column(column), values).unwrap();
    }
    dense
}

/// Octets or packets: a mean of the port's own, by the time of day, a quarter of noise; at night
/// nothing but a frame now and then.
fn counter(random: &mut Random, times: &[i64], column: u32) -> Values {
    let packets = if column.is_multiple_of(2) { 800.0 } else { 1.0 };
    let mean = packets * (20.0 + random.unit() * 20_000.0);
    let mut value = random.next() >> 20;
    let numbers = times.iter().map(|at| {
        let day = (at - DAY_MS) as f64 / Level::Day.span_ms() as f64;
        let sinus = -(std::f64::consts::TAU * day).cos();
        let rate = if sinus < -0.5 {
            packets * (random.next() % 4) as f64
        } else {
            mean * (1.2 + sinus) * (0.75 + 0.5 * random.unit())
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Far below 2^53.
        let step = rate as u64;
        value += step;
        value
    });
    Values::Whole(Run::full(numbers.collect()))
}

/// A temperature or a load: it goes up and down with the day, to three decimals.
fn gauge(random: &mut Random, times: &[i64]) -> Values {
    let numbers = times.iter().map(|at| {
        let day = (at - DAY_MS) as f64 / Level::Day.span_ms() as f64;
        let sinus = -(std::f64::consts::TAU * day).cos();
        ((40.0 + 5.0 * sinus + random.unit()) * 1000.0).round() / 1000.0
    });
    Values::Float(Run::full(numbers.collect()))
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// In `[0, 1)`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// CPU time of this thread, from `/proc/thread-self/schedstat`.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split_whitespace().next().unwrap();
    Duration::from_nanos(nanos.parse().unwrap())
}
