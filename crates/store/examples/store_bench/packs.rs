//! How fast packs are written and read, and how small they are. Prints one JSON object a line.

use super::load::{BEGIN_MS, Network, POLL_MS, SERIES};
use super::proc::this_thread;
use foretell_store::blocks::{Column, Dense, Level, Run, Values};
use foretell_store::disk::{Disk, RealDisk};
use foretell_store::pack::{Kind, Pack, PackFolder, PackId, PackMeta};
use model::{DeviceId, Timestamp, Value};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Samples written in one measurement, so that it takes some tenths of a second.
const SAMPLES: usize = 6_000_000;
/// Reads of one measurement.
const READS: u32 = 2_000;
/// Devices whose packs are read.
const READ_DEVICES: usize = 4;
/// The hours from eight in the morning on, where it is busy.
const FROM_POLL: i64 = 8 * 60;

pub(crate) fn run() {
    let folder = tempfile::tempdir_in(".").unwrap();
    for level in [Level::HalfHour, Level::TwoHours, Level::Day] {
        write(folder.path(), level);
    }
    read_day(folder.path());
    read_last_day(folder.path());
}

/// Polls in a file of a level.
fn rows(level: Level) -> usize {
    (level.span_ms() / POLL_MS) as usize
}

/// Writes a pack of as many devices as make the samples; the best of three, as others use the
/// machine too.
fn write(folder: &Path, level: Level) {
    let rows = rows(level);
    let devices = (SAMPLES / rows / SERIES).max(2);
    // A quarter of the devices, each four times: what is written is the same, and fits in memory.
    let start = level.start(Timestamp::from_unix_ms(BEGIN_MS + FROM_POLL * POLL_MS));
    let mut network = Network::new(devices.div_ceil(4));
    let some = blocks(&mut network, start, rows);
    let packs = open(&folder.join(format!("write-{rows}")));
    let mut best = Duration::MAX;
    let mut meta = None;
    for _ in 0..3 {
        let began = this_thread();
        let mut writer = packs.begin(id(level, start)).unwrap();
        for n in 0..devices {
            writer.push(device_id(n), &some[n / 4]).unwrap();
        }
        let written = writer.finish().unwrap();
        best = best.min(this_thread().saturating_sub(began));
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
    let start = Timestamp::from_unix_ms(BEGIN_MS);
    let mut network = Network::new(READ_DEVICES);
    let blocks = blocks(&mut network, start, rows(Level::Day));
    add(&packs, Level::Day, start, &blocks);
    read(&packs, "1 of 480 series, a day in one pack", 1440);
}

/// One series of the last 24 hours at the worst time: twelve packs of two hours, four of half one.
fn read_last_day(folder: &Path) {
    let packs = open(&folder.join("read-last"));
    let mut network = Network::new(READ_DEVICES);
    let mut add_all = |level: Level, from: i64, count: i64| {
        for n in from..from + count {
            let start = Timestamp::from_unix_ms(BEGIN_MS + n * level.span_ms());
            let blocks = blocks(&mut network, start, rows(level));
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
        Timestamp::from_unix_ms(BEGIN_MS),
        Timestamp::from_unix_ms(BEGIN_MS + 2 * Level::Day.span_ms()),
    );
    let mut samples = 0usize;
    let began = this_thread();
    for n in 0..READS {
        let column = [Column(n * 7 % SERIES as u32)];
        let device_id = device_id(n as usize % READ_DEVICES);
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
    let cpu = this_thread().saturating_sub(began);
    assert_eq!(samples, expected * READS as usize);
    println!(
        r#"{{"bench": "read", "what": "{what}", "cpu_us": {:.1}}}"#,
        cpu.as_secs_f64() * 1e6 / f64::from(READS)
    );
    let packs: Vec<Arc<Pack>> = packs.packs(Kind::Samples, from, to);
    let began = this_thread();
    let mut whole = 0;
    for pack in &packs {
        for entry in pack.entries() {
            whole += pack.dense(entry).unwrap().0.samples();
        }
    }
    println!(
        r#"{{"bench": "read all", "what": "{what}", "samples_per_cpu_s": {:.0}}}"#,
        whole as f64 / this_thread().saturating_sub(began).as_secs_f64()
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

/// What the devices of a network say from a time on, as it is sealed.
fn blocks(network: &mut Network, start: Timestamp, rows: usize) -> Vec<Dense> {
    let first = (start.unix_ms() - BEGIN_MS) / POLL_MS;
    let devices = network.devices.len();
    let of_device = |n| {
        let polls = (first..first + rows as i64).map(|poll| network.said(n, poll));
        let (times, polls): (Vec<Timestamp>, Vec<Vec<Value>>) = polls.unzip();
        let times = times.iter().map(|at| at.unix_ms()).collect();
        let mut dense = Dense::new(times).unwrap();
        for column in 0..SERIES {
            let numbers = polls.iter().map(|values| values[column]);
            let values = match polls[0][column] {
                Value::U64(_) => Values::Whole(Run::full(numbers.map(whole).collect())),
                Value::F64(_) => Values::Float(Run::full(numbers.map(float).collect())),
            };
            dense.push(Column(column as u32), values).unwrap();
        }
        dense
    };
    (0..devices).map(of_device).collect()
}

fn whole(value: Value) -> u64 {
    match value {
        Value::U64(number) => number,
        Value::F64(_) => unreachable!("a series has one kind of number"),
    }
}

fn float(value: Value) -> f64 {
    match value {
        Value::F64(number) => number,
        Value::U64(_) => unreachable!("a series has one kind of number"),
    }
}
