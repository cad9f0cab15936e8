//! What a detector and a forecast cost, in CPU time of one thread. Prints one JSON object.
//!
//! `cargo run --release -p foretell-analytics --example analytics_bench -- detector|forecast|selection COUNT`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_analytics::anomaly::{Detector, Options};
use foretell_analytics::forecast::forecast;
use std::f64::consts::TAU;
use std::hint::black_box;

/// Hours of a week and of a day.
const WEEK: usize = 168;
const DAY: usize = 24;
/// Values of which a forecast is made: six weeks of hours.
const HOURS: u32 = 1_000;
/// Two days of hours, as the competition of hourly series asks for.
const HORIZON: usize = 48;
const COVERAGES: [f64; 2] = [0.8, 0.95];
/// Series that detectors watch, and samples of each: four weeks of five minutes.
const WATCHED: u32 = 200;
const SAMPLES: u32 = 4 * 7 * 288;
const STEP_SECS: u32 = 300;
/// Samples of an hour.
const PER_HOUR: f64 = 12.0;
/// A Monday.
const BEGIN_SECS: i64 = 1_772_409_600;
/// Series of which the mean cost of a forecast is told.
const FORECAST: u32 = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["detector"] => detector(),
        ["forecast"] => {
            let each_ms = selection(FORECAST) * 1e3 / f64::from(FORECAST);
            println!("{{\"forecast_1000_hours_cpu_ms\": {each_ms}}}");
        }
        ["selection", count] => {
            let spent = selection(count.parse().unwrap());
            println!("{{\"selection_cpu_s\": {spent}}}");
        }
        _ => panic!("detector, forecast or selection COUNT is expected"),
    }
}

/// Detectors, and their bands of the hour ahead once an hour, over four weeks of each series.
fn detector() {
    let series: Vec<Vec<f64>> = (0..WATCHED)
        .map(|seed| {
            let mut chance = Chance(u64::from(seed));
            let hour = |at: u32| f64::from(at) / PER_HOUR;
            (0..SAMPLES)
                .map(|at| value(hour(at), seed, &mut chance))
                .collect()
        })
        .collect();
    let mut detectors = vec![Detector::new(Options::default()); series.len()];
    let began = cpu_secs();
    for (values, detector) in series.iter().zip(&mut detectors) {
        let mut at = BEGIN_SECS;
        for value in values {
            black_box(detector.observe(at, Some(*value)));
            at += i64::from(STEP_SECS);
        }
    }
    let spent = cpu_secs() - began;
    let octets = detectors.iter().map(Detector::octets).max().unwrap();
    let mut saved = Vec::new();
    detectors.first().unwrap().encode(&mut saved);
    let points = f64::from(WATCHED) * f64::from(SAMPLES);
    println!(
        "{{\"detector_us_per_point\": {}, \"detector_state_bytes\": {octets}, \
         \"detector_saved_bytes\": {}}}",
        spent * 1e6 / points,
        saved.len()
    );
}

/// CPU seconds of selection, calibration and forecast of so many series of a thousand hours.
fn selection(count: u32) -> f64 {
    let series: Vec<Vec<f64>> = (0..count)
        .map(|seed| {
            let mut chance = Chance(u64::from(seed));
            (0..HOURS)
                .map(|hour| value(f64::from(hour), seed, &mut chance))
                .collect()
        })
        .collect();
    let began = cpu_secs();
    for values in &series {
        black_box(forecast(values, &[DAY, WEEK], HORIZON, &COVERAGES).unwrap());
    }
    cpu_secs() - began
}

/// Traffic of a link in bits a second: a day, a week, growth, and noise in proportion.
fn value(hour: f64, seed: u32, chance: &mut Chance) -> f64 {
    let size = 1e6 * 10_f64.powf(f64::from(seed % 40) / 10.0);
    let day = 1.0 + 0.6 * (TAU * (hour / 24.0 - 0.3)).sin() + 0.2 * (TAU * hour / 12.0).cos();
    let is_weekend = (hour / 24.0).rem_euclid(7.0) >= 5.0;
    let week = if is_weekend { 0.6 } else { 1.0 };
    let noise = 1.0 + 0.1 * (chance.share() + chance.share() + chance.share() - 1.5);
    size * day * week * noise * (1.0 + hour / 20_000.0)
}

/// Numbers that look like chance, the same each time: SplitMix64.
struct Chance(u64);

impl Chance {
    /// 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

/// CPU time of this thread so far, in seconds. It is counted by ticks of milliseconds, so that only what takes
/// long is measured by it. Source: proc(5), whose first number is of nanoseconds.
fn cpu_secs() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let spent: f64 = text.split_whitespace().next().unwrap().parse().unwrap();
    spent / 1e9
}
