//! What peers are measured by as well, of the same samples: CPU to take and seal them, octets on disk,
//! CPU of three questions.

use super::append::{octets, sealed};
use super::ask;
use super::load::{BEGIN_MS, Hand, Network, POLL_MS, open, workers};
use super::proc;
use model::Timestamp;
use std::time::Duration;

/// The morning, when traffic grows. Peers get their samples from there too.
pub(crate) const FROM_POLL: i64 = 8 * 60;
/// How long after the last poll all is sealed and merged.
const SEALED_AFTER: Duration = Duration::from_mins(5);
const HOUR: Duration = Duration::from_hours(1);

pub(crate) fn run(devices: usize, polls: i64) {
    workers(1).block_on(measure(devices, polls));
}

async fn measure(devices: usize, polls: i64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let at = |poll: i64| BEGIN_MS + poll * POLL_MS;
    hand.set(at(FROM_POLL));
    // Another one than that which is measured, so that both give the same samples.
    let making = Network::new(devices).rehearse(polls);
    let mut network = Network::new(devices);
    let store = open(folder.path(), &hand);
    let begun = proc::cpu();
    network.register(&store).await;
    let registered = proc::cpu().saturating_sub(begun);
    let mut samples = 0;
    let begun = proc::cpu();
    for poll in FROM_POLL..FROM_POLL + polls {
        hand.set(at(poll + 1));
        samples += network.poll(&store, poll).await;
        store.maintain().await.unwrap();
    }
    let end = Timestamp::from_unix_ms(at(FROM_POLL + polls));
    hand.set(end.plus(SEALED_AFTER).unix_ms());
    store.maintain().await.unwrap();
    let cpu = proc::cpu().saturating_sub(begun).saturating_sub(making);
    let from = Timestamp::from_unix_ms(at(FROM_POLL));
    let figures = serde_json::json!({
        "series": network.devices.len() * super::load::SERIES,
        "samples": samples,
        "register_cpu_s": registered.as_secs_f64(),
        "cpu_us_per_sample": cpu.as_secs_f64() * 1e6 / samples as f64,
        "bytes_per_sample": sealed(folder.path()) as f64 / samples as f64,
        "all_bytes_per_sample": octets(folder.path()) as f64 / samples as f64,
        "query_1_series_cpu_ms": ask::one(&store, &network, from, end),
        "query_1000_series_1_h_cpu_ms": ask::thousand(&store, &network, end.minus(HOUR), end),
        "query_top_10_1_h_cpu_ms": ask::top(&store, &network, end.minus(HOUR), end),
    });
    println!("{figures}");
}
