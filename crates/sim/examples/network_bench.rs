//! What large networks cost: seconds and memory to make one, microseconds to look up what a poll asks
//! of one device, milliseconds to send everybody's traffic another way; all of CPU time. Prints one
//! JSON object.
//!
//! `cargo run --release -p foretell-sim --example network_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_sim::scenario::{FaultDraft, Scenario, Shape};
use foretell_sim::{DeviceMib, Mib, Simulation};
use model::{Clock, Timestamp};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The columns that a poll of every minute asks for.
const COLUMNS: [&[u32]; 9] = [
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 13],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 19],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 20],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11],
];

fn main() {
    let mut figures = Map::new();
    // Small first: what the allocator keeps of it is small, too.
    measure(Shape::Campus, 1_000, "campus_1000", &mut figures);
    measure(Shape::Fleet, 10_000, "fleet_10000", &mut figures);
    println!("{}", Value::Object(figures));
}

fn measure(topology: Shape, devices: usize, name: &str, figures: &mut Map<String, Value>) {
    let mut figure = |what: &str, value: Value| {
        figures.insert(format!("{name}_{what}"), value);
    };
    let scenario = Scenario {
        topology,
        devices,
        ..Scenario::default()
    };
    let now = Arc::new(AtomicI64::new(1_795_000_000_000));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    };
    let begun = busy_secs();
    let simulation = Simulation::new(&scenario, clock).unwrap();
    let network = Arc::clone(simulation.network());
    let mibs: Vec<DeviceMib> = network
        .device_numbers()
        .map(|device| simulation.mib(device))
        .collect();
    figure("made_secs", rounded(busy_secs() - begun));
    figure("ports", ports(&simulation).into());
    // The first poll makes what later ones share.
    let mut cells = poll(&mibs);
    now.fetch_add(60_000, Ordering::Relaxed);
    let begun = busy_secs();
    cells = cells.max(poll(&mibs));
    let secs = busy_secs() - begun;
    figure(
        "poll_of_a_device_us",
        rounded(secs * 1e6 / mibs.len() as f64),
    );
    figure("poll_cell_ns", rounded(secs * 1e9 / cells as f64));
    figure("resident_mib", resident_mib().into());
    if let Some(link) = network.links().first() {
        let [a, b] = [link.a, link.b].map(|end| network.device(end.device).name.as_str());
        let fault = FaultDraft {
            kind: "link-down".to_owned(),
            target: format!("{a} {b}"),
            ..FaultDraft::default()
        };
        let begun = busy_secs();
        simulation.add_fault(&fault).unwrap();
        figure("reroute_ms", rounded((busy_secs() - begun) * 1e3));
    }
    let begun = busy_secs();
    let mut instances = 0_u64;
    for mib in mibs.iter().take(100) {
        mib.walk(&[], &mut |_, _| {
            instances += 1;
            ControlFlow::Continue(())
        });
    }
    let secs = busy_secs() - begun;
    figure(
        "whole_walk_instance_ns",
        rounded(secs * 1e9 / instances as f64),
    );
}

/// Asks every device what a poll asks; how many cells there were.
fn poll(mibs: &[DeviceMib]) -> u64 {
    let mut cells = 0;
    for mib in mibs {
        for column in COLUMNS {
            mib.walk(column, &mut |name, _| {
                if !name.starts_with(column) {
                    return ControlFlow::Break(());
                }
                cells += 1;
                ControlFlow::Continue(())
            });
        }
    }
    cells
}

fn ports(simulation: &Simulation) -> usize {
    let devices = simulation.network().devices().iter();
    devices.map(|device| device.ports().len()).sum()
}

fn rounded(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}

/// Seconds that this thread has been computing: others use the machine, too.
fn busy_secs() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok());
    ns.unwrap_or(0.0) / 1e9
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
