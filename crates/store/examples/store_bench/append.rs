//! Append and seal to two hours.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, open, workers};
use super::proc;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// 120,000 series.
const DEVICES: usize = 250;
/// The morning, when traffic grows.
const FROM_POLL: i64 = 8 * 60;
/// Four hours, so that two blocks of two hours are made.
const POLLS: i64 = 240;

pub(crate) fn run() {
    workers(1).block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let at = |poll: i64| BEGIN_MS + poll * POLL_MS;
    hand.set(at(FROM_POLL));
    let mut network = Network::new(DEVICES);
    let making = network.rehearse(POLLS);
    let store = open(folder.path(), &hand);
    network.register(&store).await;
    let (mut append, mut seal) = (Duration::ZERO, Duration::ZERO);
    let mut log = Duration::ZERO;
    let mut samples = 0;
    let wall = Instant::now();
    // The last are sealed and merged some minutes after their two hours are over.
    for poll in FROM_POLL..FROM_POLL + POLLS + 5 {
        hand.set(at(poll + 1));
        let (begun, log_begun) = (proc::cpu(), log_thread());
        if poll < FROM_POLL + POLLS {
            samples += network.poll(&store, poll).await;
        }
        let appended = proc::cpu();
        store.maintain().await.unwrap();
        append += appended.saturating_sub(begun);
        log += log_thread().saturating_sub(log_begun);
        seal += proc::cpu().saturating_sub(appended);
    }
    let wall = wall.elapsed();
    let append = append.saturating_sub(making);
    let stats = store.stats();
    assert_eq!(stats.samples_synced, samples);
    store.close().await;
    drop(store);
    let sealed = sealed(folder.path());
    assert!(sealed > 0, "nothing was sealed");
    let samples = samples as f64;
    println!(
        "{}",
        serde_json::json!({
            "append_seal_samples_per_cpu_s": samples / (append + seal).as_secs_f64(),
            "append_samples_per_cpu_s": samples / append.as_secs_f64(),
            "log_thread_samples_per_cpu_s": samples / log.as_secs_f64(),
            "seal_samples_per_cpu_s": samples / seal.as_secs_f64(),
            "append_seal_wall_s": wall.as_secs_f64(),
            "log_bytes_per_sample": stats.log_bytes as f64 / samples,
            "log_syncs": stats.log_syncs,
            "two_hours_bytes_per_sample": sealed as f64 / samples,
        })
    );
}

/// CPU time of the thread that writes the log.
fn log_thread() -> Duration {
    proc::threads()
        .get("store-log")
        .copied()
        .unwrap_or_default()
}

/// Octets of what is sealed: packs with their manifest, and patches.
pub(crate) fn sealed(store: &Path) -> u64 {
    octets(&store.join("packs")) + octets(&store.join("blocks"))
}

/// Octets of the files in a folder and below.
pub(crate) fn octets(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let told = entry.metadata().unwrap();
        if told.is_dir() {
            octets(&entry.path())
        } else {
            told.len()
        }
    });
    sizes.sum()
}
