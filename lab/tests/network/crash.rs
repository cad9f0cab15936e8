//! `kill -9` loses nothing that was shown by WebSocket or REST.

use crate::shown::{Shown, read_sums};
use crate::stand::{Stand, figure, percentile};
use foretell_lab::client::Client;
use foretell_lab::server::{Server, User};
use foretell_lab::stream::Stream;
use foretell_lab::wait::until_async;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;

const KILLS: usize = 50;
const POLLING_WITHIN: Duration = Duration::from_secs(5);
/// The server is killed at a random time within this of its first new samples.
const KILLED_WITHIN_MS: u64 = 1_500;
/// Each device is asked anew this often, so that there is always something being written.
const BETWEEN_POLLS: Duration = Duration::from_millis(250);
/// REST is read this often, from this many series.
const BETWEEN_READS: Duration = Duration::from_millis(50);
const SERIES_READ: usize = 20;
/// How far back each look goes, the last one apart.
const LOOK_BACK_MS: i64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn fifty_kills_lose_nothing_that_was_shown() {
    let seed = rand::rng().random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut stand = Stand::up(User::Root).await;
    let devices: Vec<String> = stand
        .watch()
        .await
        .values()
        .map(|device| device["id"].as_str().unwrap().to_owned())
        .collect();
    let begin = now_ms();
    let mut shown = Shown::default();
    let mut polling_again = Vec::new();
    for kill in 0..=KILLS {
        stand.client = stand.server.client().await.unwrap();
        let polling = polling_after(&stand).await;
        let mut stream = Stream::open(&stand.client).await.unwrap();
        let topic =
            json!({"type": "subscribe", "id": "s", "topic": "series", "device_ids": devices});
        stream.subscribe(&topic).await.unwrap();
        let samples = stream.next_samples().await.unwrap();
        shown.streamed(&samples);
        if kill > 0 {
            polling_again.push(polling.as_secs_f64());
            let from = begin.max(now_ms() - LOOK_BACK_MS);
            let faults = shown.faults(&stand.client, from).await.unwrap();
            assert!(faults.is_empty(), "kill {kill}: {faults:?}");
        }
        if kill == KILLS {
            break;
        }
        let pollers = poll_often(&stand.client, &devices);
        let reader = tokio::spawn(read_until_killed(stand.client.clone(), shown.series()));
        let listener = tokio::spawn(listen_until_killed(stream, shown));
        let delay = random.random_range(0..KILLED_WITHIN_MS);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        stand.server.kill().unwrap();
        shown = listener.await.unwrap();
        for sums in reader.await.unwrap() {
            shown.read(sums);
        }
        for poller in pollers {
            poller.abort();
        }
        stand.server = Server::start(&stand.network, User::Root).await.unwrap();
    }
    let faults = shown.faults(&stand.client, begin).await.unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    figure("kills", KILLS);
    figure("samples_shown", shown.len());
    let median = percentile(&mut polling_again, 0.5);
    figure("polling_again_p50_secs", median);
    let worst = percentile(&mut polling_again, 1.0);
    figure("polling_again_worst_secs", worst);
    assert!(worst < POLLING_WITHIN.as_secs_f64(), "{polling_again:?}");
}

/// How long after the start of the server a device was known to have answered it.
async fn polling_after(stand: &Stand) -> Duration {
    let started = stand.server.started;
    let started_at = Timestamp::now() - started.elapsed();
    let seen_since = |device: &Value| {
        let seen = device["last_seen_at"].as_str().unwrap_or_default();
        seen.parse::<Timestamp>()
            .is_ok_and(|seen| seen > started_at)
    };
    until_async("a device that answered", POLLING_WITHIN, async || {
        let devices = stand.client.devices().await?;
        let seen = devices.values().any(seen_since);
        Ok(if seen { Ok(()) } else { Err("none".to_owned()) })
    })
    .await
    .unwrap();
    started.elapsed()
}

/// Asks for polls until the server is gone.
fn poll_often(client: &Client, devices: &[String]) -> Vec<JoinHandle<()>> {
    let poll = |device: &String| {
        let (client, path) = (client.clone(), format!("devices/{device}/poll"));
        tokio::spawn(async move {
            while client.post(&path, &json!({})).await.is_ok() {
                tokio::time::sleep(BETWEEN_POLLS).await;
            }
        })
    };
    devices.iter().map(poll).collect()
}

async fn listen_until_killed(mut stream: Stream, mut shown: Shown) -> Shown {
    while let Ok(samples) = stream.next_samples().await {
        shown.streamed(&samples);
    }
    shown
}

async fn read_until_killed(client: Client, series: Vec<String>) -> Vec<Vec<crate::shown::Sums>> {
    let series: Vec<String> = series.into_iter().take(SERIES_READ).collect();
    let from = now_ms() - LOOK_BACK_MS;
    let mut read = Vec::new();
    while let Ok(sums) = read_sums(&client, &series, from).await {
        read.push(sums);
        tokio::time::sleep(BETWEEN_READS).await;
    }
    read
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
