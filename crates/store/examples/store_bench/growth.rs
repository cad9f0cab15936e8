//! How costs grow with the number of series: half an hour of them is taken, closed, opened again,
//! selected, asked and sealed.

use super::ask;
use super::load::{BEGIN_MS, Hand, Network, POLL_MS, SERIES, open, workers};
use super::proc;
use foretell_store::series::{Attached, Selector};
use model::Timestamp;
use std::time::{Duration, Instant};

/// Half an hour, and the first poll of the next: when the most is in memory.
const POLLS: i64 = 31;
const FROM_POLL: i64 = 10 * 60;
/// How many polls are made once more to see what making them costs.
const REHEARSED: i64 = 3;
/// A page of a selection.
const PAGE: usize = 500;
/// How long bringing back the log may take.
const REPLAYED_WITHIN: Duration = Duration::from_mins(10);

pub(crate) fn run(series: usize) {
    workers(1).block_on(measure(series.div_ceil(SERIES)));
}

async fn measure(devices: usize) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let at = |poll: i64| BEGIN_MS + poll * POLL_MS;
    let (hand, series) = (Hand::new(), (devices * SERIES) as f64);
    hand.set(at(FROM_POLL));
    let mut network = Network::new(devices);
    let making = network.rehearse(REHEARSED);
    let making = making.as_secs_f64() * POLLS as f64 / REHEARSED as f64;

    let empty = proc::memory();
    let store = open(folder.path(), &hand);
    network.register(&store).await;
    let registered = proc::memory();
    let (begun, mut samples) = (proc::cpu(), 0);
    for poll in FROM_POLL..FROM_POLL + POLLS {
        hand.set(at(poll + 1));
        samples += network.poll(&store, poll).await;
    }
    let append = seconds_since(begun) - making;
    let filled = proc::memory();
    store.close().await;
    drop(store);

    let (begun, opening) = (proc::cpu(), Instant::now());
    let store = open(folder.path(), &hand);
    let opened = opening.elapsed();
    while store.stats().devices_waiting > 0 {
        assert!(opening.elapsed() < REPLAYED_WITHIN);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let open_cpu = seconds_since(begun);

    let attached = Attached::default();
    let select = |text: &str, expected: usize| {
        let selector: Selector = text.parse().unwrap();
        ask::cpu_ms(|_| {
            let found = store.select(&selector, &attached, None, PAGE);
            assert_eq!(found.matched, expected);
        })
    };
    let last = network.devices.last().unwrap().id;
    let of_one = select(
        &format!("ifHCInOctets{{device_id=\"{last}\"}}"),
        SERIES / 10,
    );
    let of_all = select("ifHCInOctets", devices * SERIES / 10);

    let from = Timestamp::from_unix_ms(at(FROM_POLL));
    let end = from.plus(Duration::from_mins(30));
    let one = ask::one(&store, &network, from, end);
    let thousand = ask::thousand(&store, &network, from, end);

    hand.set(at(FROM_POLL + POLLS + 1));
    let begun = proc::cpu();
    let sealed = store.maintain().await.unwrap();
    let seal = seconds_since(begun);
    assert_eq!(sealed.sealed, devices as u64);
    let figures = serde_json::json!({
        "series": series,
        "append_cpu_ns_per_sample": append * 1e9 / samples as f64,
        // Of the half-hour that is over.
        "seal_cpu_ns_per_sample": seal * 1e9 / (series * (POLLS - 1) as f64),
        "index_bytes_per_series": registered.saturating_sub(empty) as f64 / series,
        "head_bytes_per_series": filled.saturating_sub(registered) as f64 / series,
        "open_wall_s": opened.as_secs_f64(),
        "open_cpu_s": open_cpu,
        "select_of_device_cpu_ms": of_one,
        "select_of_all_cpu_ms": of_all,
        "query_1_series_cpu_ms": one,
        "query_1000_series_cpu_ms": thousand,
    });
    println!("{figures}");
}

fn seconds_since(begun: Duration) -> f64 {
    proc::cpu().saturating_sub(begun).as_secs_f64()
}
