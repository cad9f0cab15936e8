//! A million series: their memory, and the start after a kill.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, SERIES, open, workers};
use super::proc;
use model::{DeviceId, Metric, Timestamp};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// 999,840 series.
const DEVICES: usize = 2_083;
/// Half an hour, and the first poll of the next: when the most is in memory.
const POLLS: i64 = 31;
const FROM_POLL: i64 = 10 * 60;

/// Where the id of a device is that is asked about after the start.
const DEVICE: &str = "device";

/// Memory.
pub(crate) fn run() {
    let folder = tempfile::tempdir_in(".").unwrap();
    workers(1).block_on(async {
        let mut network = Network::new(DEVICES);
        network.rehearse(1);
        let (hand, empty) = (Hand::new(), proc::memory());
        hand.set(BEGIN_MS + FROM_POLL * POLL_MS);
        let store = open(folder.path(), &hand);
        network.register(&store).await;
        let registered = proc::memory();
        for poll in FROM_POLL..FROM_POLL + POLLS {
            hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
            network.poll(&store, poll).await;
        }
        let filled = proc::memory();
        let series = (DEVICES * SERIES) as f64;
        let mib = |octets: u64| octets as f64 / f64::from(1 << 20);
        println!(
            "{}",
            serde_json::json!({
                "head_series": series,
                "head_memory_mib_per_1m_series": mib(filled.saturating_sub(empty)) / series * 1e6,
                "head_index_bytes_per_series": registered.saturating_sub(empty) as f64 / series,
                "head_samples_bytes_per_series": filled.saturating_sub(registered) as f64 / series,
            })
        );
    });
}

/// Fills a head and dies.
pub(crate) fn fill(folder: &Path) {
    workers(1).block_on(async {
        let mut network = Network::new(DEVICES);
        let hand = Hand::new();
        hand.set(BEGIN_MS + FROM_POLL * POLL_MS);
        let store = open(&folder.join("store"), &hand);
        network.register(&store).await;
        for poll in FROM_POLL..FROM_POLL + POLLS - 1 {
            hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
            network.poll(&store, poll).await;
        }
        let last = network.devices.last().unwrap().id;
        std::fs::write(folder.join(DEVICE), last.to_string()).unwrap();
        // Nothing is closed.
        std::process::abort();
    });
}

/// The start after that.
pub(crate) fn start() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let this = std::env::current_exe().unwrap();
    let filled = Command::new(this).arg("fill").arg(folder.path()).status();
    assert!(!filled.unwrap().success());
    let device = std::fs::read_to_string(folder.path().join(DEVICE)).unwrap();
    let device: DeviceId = device.parse().unwrap();
    workers(1).block_on(async {
        let hand = Hand::new();
        hand.set(BEGIN_MS + (FROM_POLL + POLLS) * POLL_MS);
        // Without the log first, so that what the registry costs is known apart.
        let (log, aside) = (folder.path().join("store/log"), folder.path().join("aside"));
        std::fs::rename(&log, &aside).unwrap();
        let cpu = proc::cpu();
        drop(open(&folder.path().join("store"), &hand));
        let registry = proc::cpu().saturating_sub(cpu);
        std::fs::remove_dir_all(&log).unwrap();
        std::fs::rename(&aside, &log).unwrap();

        let (cpu, wall) = (proc::cpu(), Instant::now());
        let store = open(&folder.path().join("store"), &hand);
        let opened = wall.elapsed();
        let series = store.series_named(device, Metric::IF_HC_IN_OCTETS);
        let series = series.last().unwrap();
        let from = Timestamp::from_unix_ms(BEGIN_MS);
        let points = store.read(series.id, from, hand.clock().now()).unwrap();
        assert_eq!(points.len() as i64, POLLS - 1);
        let answered = wall.elapsed();
        store.maintain().await.unwrap();
        println!(
            "{}",
            serde_json::json!({
                "start_open_wall_s": opened.as_secs_f64(),
                "start_first_answer_wall_s": answered.as_secs_f64(),
                "start_registry_cpu_s": registry.as_secs_f64(),
                "start_cpu_s": proc::cpu().saturating_sub(cpu).as_secs_f64(),
            })
        );
    });
}
