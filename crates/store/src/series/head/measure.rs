//! What the head alone takes and costs, without log and index. Not part of the tests: run it with
//! `cargo test --release -p foretell-store --lib -- --ignored head_alone --nocapture`.

use super::*;
use model::Value;
use std::time::{Duration, Instant};

const DEVICES: u32 = 2_083;
const COLUMNS: u32 = 480;
const BEGIN_MS: i64 = 1_772_366_400_000;

/// Memory of this process in octets.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "a measurement"]
fn head_alone() {
    let series = f64::from(DEVICES * COLUMNS);
    let mut counters = vec![0_u64; usize::try_from(DEVICES * COLUMNS).unwrap()];
    let head = Head::default();
    let (empty, mut spent) = (memory(), Duration::ZERO);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for row in 0..31_i64 {
        for n in 0..DEVICES {
            let mut values = Vec::with_capacity(480);
            for column in 0..COLUMNS {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let value = match column % 10 {
                    0..=4 => {
                        let mean = 1_000_u64 << ((n + column / 10) % 20);
                        let counter = &mut counters[usize::try_from(n * COLUMNS + column).unwrap()];
                        *counter += mean + random % (mean / 3);
                        Value::U64(*counter)
                    }
                    5..=7 => Value::U64(12_345),
                    8 => Value::F64((random % 500) as f64 / 1_000.0),
                    _ => Value::F64((20_000 + random % 4_000) as f64 / 1_000.0),
                };
                values.push((Column(column), value));
            }
            let batch = Batch {
                device_id: DeviceId::from_bytes(u128::from(n + 1).to_be_bytes()),
                at: Timestamp::from_unix_ms(BEGIN_MS + row * 60_000),
                values,
            };
            let began = Instant::now();
            head.add(&batch);
            spent += began.elapsed();
        }
        if [9, 19, 28, 29, 30].contains(&row) {
            let grown = memory().saturating_sub(empty) as f64 / series;
            println!("{} rows: {grown:.0} octets a series", row + 1);
        }
    }
    println!(
        "{:.1} M samples a second",
        31.0 * series / spent.as_secs_f64() / 1e6
    );
    let began = Instant::now();
    let mut values = 0;
    for (_, views) in head.snapshot(&BTreeSet::from([BEGIN_MS])) {
        values += views
            .iter()
            .map(|(_, view)| view.block().values())
            .sum::<usize>();
    }
    let rate = values as f64 / began.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.1} M samples a second made blocks of");
}
