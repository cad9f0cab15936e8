//! What a large network costs: seconds and memory to make it, microseconds to look up what a poll
//! asks of one device, milliseconds to change what everybody's traffic does. Run in release:
//!
//!     cargo run --release -p foretell-sim --example network_bench -- [DEVICES] [SHAPE]
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use foretell_sim::scenario::{FaultDraft, Scenario, Shape};
use foretell_sim::{DeviceMib, Mib, Simulation};
use model::{Clock, Timestamp};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

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
    let mut arguments = std::env::args().skip(1);
    let devices = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    let word = arguments.next().unwrap_or_else(|| "fleet".to_owned());
    let topology = Shape::ALL.into_iter().find(|shape| shape.word() == word);
    let scenario = Scenario {
        topology: topology.unwrap_or(Shape::Fleet),
        devices,
        ..Scenario::default()
    };
    let now = Arc::new(AtomicI64::new(1_795_000_000_000));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::Relaxed)))
    };
    let begun = Instant::now();
    let simulation = Simulation::new(&scenario, clock).expect("the scenario is sound");
    let network = Arc::clone(simulation.network());
    let mibs: Vec<DeviceMib> = network
        .device_numbers()
        .map(|device| simulation.mib(device))
        .collect();
    println!(
        "{word}: {devices} devices, {} links, {} hosts made in {:.2} s, {} MiB",
        network.links().len(),
        network.edges().len(),
        begun.elapsed().as_secs_f64(),
        resident_mib()
    );
    for round in 0..3 {
        now.fetch_add(60_000, Ordering::Relaxed);
        let begun = Instant::now();
        let mut cells = 0_u64;
        for mib in &mibs {
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
        let each = begun.elapsed().as_secs_f64() / mibs.len() as f64;
        println!(
            "poll {round}: {:.1} us a device, {} cells, {:.0} ns a cell, {} MiB",
            each * 1e6,
            cells,
            begun.elapsed().as_secs_f64() * 1e9 / cells as f64,
            resident_mib()
        );
    }
    if let Some(link) = network.links().first() {
        let [a, b] = [link.a, link.b].map(|end| network.device(end.device).name.as_str());
        let fault = FaultDraft {
            kind: "link-down".to_owned(),
            target: format!("{a} {b}"),
            ..FaultDraft::default()
        };
        let begun = Instant::now();
        let added = simulation.add_fault(&fault).expect("the link is there");
        let there = begun.elapsed();
        simulation.remove_fault(added.id);
        println!(
            "a link goes down in {:.0} ms and comes up in {:.0} ms",
            there.as_secs_f64() * 1e3,
            begun.elapsed().saturating_sub(there).as_secs_f64() * 1e3
        );
    }
    let begun = Instant::now();
    let mut all = 0_u64;
    for mib in mibs.iter().take(200) {
        mib.walk(&[], &mut |_, _| {
            all += 1;
            ControlFlow::Continue(())
        });
    }
    println!(
        "everything of {} devices: {} instances, {:.0} us a device",
        mibs.len().min(200),
        all,
        begun.elapsed().as_secs_f64() * 1e6 / mibs.len().min(200) as f64
    );
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
