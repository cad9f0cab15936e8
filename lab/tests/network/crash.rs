//! `kill -9` loses nothing that was shown.
//!
//! *Shown*: told by WebSocket or answered by REST. A reader takes down everything it is shown while
//! the server is killed again and again; after each start all of it must be there, each sample once.

use crate::latency::stand_time;
use crate::stand::{Stand, figure, percentile};
use crate::traffic::unix_ms;
use foretell_lab::client::Client;
use foretell_lab::server::{Server, User};
use foretell_lab::stream::Stream;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinHandle;

const KILLS: usize = 50;
const POLLING_WITHIN: Duration = Duration::from_secs(5);
/// The server is killed at a random time within this of its first new samples.
const KILLED_WITHIN_MS: u64 = 1_500;
/// Each device is asked anew this often, so that there is always something being written.
const BETWEEN_POLLS: Duration = Duration::from_millis(150);
/// Series that one query may name.
const QUERY_LEN: usize = 50;

/// What was shown: for each series, its samples by Unix milliseconds.
type Shown = BTreeMap<String, BTreeMap<i64, f64>>;

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
    let begin = unix_ms();
    let mut shown = Shown::new();
    let mut first_samples = Vec::new();
    for kill in 0..=KILLS {
        stand.client = stand.server.client().await.unwrap();
        let mut stream = Stream::open(&stand.client).await.unwrap();
        let topic =
            json!({"type": "subscribe", "id": "s", "topic": "series", "device_ids": devices});
        stream.subscribe(&topic).await.unwrap();
        let samples = stream.next_samples().await.unwrap();
        let polling = stand.server.started.elapsed();
        take_down(&mut shown, &samples);
        if kill > 0 {
            first_samples.push(polling.as_secs_f64());
            let lost = faults(&stand.client, &shown, begin).await;
            assert!(lost.is_empty(), "kill {kill}: {lost:?}");
        }
        if kill == KILLS {
            break;
        }
        let pollers = poll_often(&stand.client, &devices);
        let reader = tokio::spawn(read_until_cut(stream, shown));
        let delay = random.random_range(0..KILLED_WITHIN_MS);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        stand.server.kill().unwrap();
        shown = reader.await.unwrap();
        for poller in pollers {
            poller.abort();
        }
        stand.server = Server::start(&stand.network, User::Root).await.unwrap();
    }
    let count: usize = shown.values().map(BTreeMap::len).sum();
    figure("kills", KILLS);
    figure("samples_shown", count);
    figure(
        "polling_again_p50_secs",
        percentile(&mut first_samples, 0.5),
    );
    let worst = percentile(&mut first_samples, 1.0);
    figure("polling_again_worst_secs", worst);
    assert!(worst < POLLING_WITHIN.as_secs_f64(), "{first_samples:?}");
}

/// Asks for polls without end, until the server is gone.
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

async fn read_until_cut(mut stream: Stream, mut shown: Shown) -> Shown {
    while let Ok(samples) = stream.next_samples().await {
        take_down(&mut shown, &samples);
    }
    shown
}

#[allow(clippy::cast_possible_truncation)]
fn take_down(shown: &mut Shown, data: &Value) {
    let at = stand_time(&data["at"]) as i64;
    for sample in data["samples"].as_array().into_iter().flatten() {
        let series = sample["series_id"].as_str().unwrap().to_owned();
        let value = sample["value"].as_f64().unwrap();
        shown.entry(series).or_default().insert(at, value);
    }
}

/// What is missing, changed or there twice. What REST shows in looking is taken for granted by the
/// next look only if WebSocket showed it too, or else it would be compared with itself.
async fn faults(client: &Client, shown: &Shown, begin: u128) -> Vec<String> {
    let mut faults = Vec::new();
    let ids: Vec<&String> = shown.keys().collect();
    for ids in ids.chunks(QUERY_LEN) {
        let query =
            json!({"series_ids": ids, "from": begin.to_string(), "to": unix_ms().to_string()});
        let answer = client.post("samples/query", &query).await.unwrap();
        for samples in answer["items"].as_array().unwrap() {
            let id = samples["series"]["id"].as_str().unwrap();
            let mut there: BTreeMap<i64, f64> = BTreeMap::new();
            let mut twice = BTreeSet::new();
            for point in samples["points"].as_array().unwrap() {
                let at = point[0].as_i64().unwrap();
                if there.insert(at, point[1].as_f64().unwrap()).is_some() {
                    twice.insert(at);
                }
            }
            if !twice.is_empty() {
                faults.push(format!("{id} twice at {twice:?}"));
            }
            for (at, value) in &shown[id] {
                if there.get(at) != Some(value) {
                    faults.push(format!("{id} at {at}: {value}, now {:?}", there.get(at)));
                }
            }
        }
    }
    faults
}
