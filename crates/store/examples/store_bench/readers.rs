//! 80,000 samples a second, first alone, then beside twenty readers that ask without pause.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, SERIES, open};
use super::proc;
use foretell_store::series::SeriesStore;
use model::{DeviceId, Metric};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Polled once in a round, 80,160 samples.
const DEVICES: usize = 167;
/// A round is a second.
const ROUNDS: i64 = 20;
const READERS: usize = 20;

pub(crate) fn run() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let mut network = Network::new(DEVICES);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("writer")
        .enable_all()
        .build()
        .unwrap();
    let store = open(folder.path(), &hand);
    runtime.block_on(network.register(&store));
    let ids: Vec<DeviceId> = network.devices.iter().map(|device| device.id).collect();
    let mut poll = 10 * 60;
    // What is asked for later.
    for _ in 0..60 {
        hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
        runtime.block_on(network.poll(&store, poll));
        poll += 1;
    }
    // On threads of another name, which are gone before anything is measured.
    let other = tokio::runtime::Runtime::new().unwrap();
    other.block_on(store.maintain()).unwrap();
    drop(other);
    let alone = write(&runtime, &store, &hand, &mut network, &mut poll);
    let (stop, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let readers: Vec<_> = (0..READERS)
        .map(|n| {
            let (store, ids, clock) = (store.clone(), ids.clone(), hand.clock());
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            let read = move || {
                let mut at = n;
                while !stop.load(Ordering::Relaxed) {
                    let all = store.series_named(ids[at % ids.len()], Metric::IF_HC_IN_OCTETS);
                    let (series, now) = (&all[at % all.len()], clock.now());
                    let hour = now.minus(Duration::from_hours(1));
                    assert!(!store.read(series.id, hour, now).unwrap().is_empty());
                    asked.fetch_add(1, Ordering::Relaxed);
                    at += 7;
                }
            };
            thread::Builder::new()
                .name("reader".to_owned())
                .spawn(read)
                .unwrap()
        })
        .collect();
    let beside = write(&runtime, &store, &hand, &mut network, &mut poll);
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    println!(
        "{}",
        serde_json::json!({
            "readers_queries": asked.load(Ordering::Relaxed),
            "readers_ack_worst_s": beside.worst.as_secs_f64(),
            "readers_ack_worst_alone_s": alone.worst.as_secs_f64(),
            "readers_writer_cpu_ratio": beside.cpu.as_secs_f64() / alone.cpu.as_secs_f64(),
            "readers_rounds_late": beside.late,
        })
    );
}

/// What writing took.
struct Written {
    /// CPU of the threads that write.
    cpu: Duration,
    /// The longest that an acknowledgement took.
    worst: Duration,
    /// Rounds that began late, because the one before was not done.
    late: u64,
}

/// Writes a round a second. Time in the store goes by the minute, so that each round is a poll.
fn write(
    runtime: &tokio::runtime::Runtime,
    store: &SeriesStore,
    hand: &Hand,
    network: &mut Network,
    poll: &mut i64,
) -> Written {
    let writers = || {
        let used = proc::threads();
        let of = |name: &str| used.get(name).copied().unwrap_or_default();
        of("store-log") + of("writer")
    };
    let before = writers();
    let (mut worst, mut late) = (Duration::ZERO, 0);
    let begun = Instant::now();
    for round in 0..ROUNDS {
        let due = begun + Duration::from_secs(round as u64);
        match due.checked_duration_since(Instant::now()) {
            Some(wait) => thread::sleep(wait),
            None => late += 1,
        }
        hand.set(BEGIN_MS + (*poll + 1) * POLL_MS);
        let spawned = async {
            let mut waiting = Vec::new();
            for device in 0..DEVICES {
                let batch = network.batch(device, *poll);
                let store = store.clone();
                waiting.push(tokio::spawn(async move {
                    let asked = Instant::now();
                    store.append(batch).await.unwrap();
                    asked.elapsed()
                }));
            }
            let mut longest = Duration::ZERO;
            for append in waiting {
                longest = longest.max(append.await.unwrap());
            }
            longest
        };
        worst = worst.max(runtime.block_on(spawned));
        *poll += 1;
    }
    assert_eq!(SERIES * DEVICES, 80_160);
    Written {
        cpu: writers().saturating_sub(before),
        worst,
        late,
    }
}
