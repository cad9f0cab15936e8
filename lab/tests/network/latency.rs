//! A sample is with its readers soon after the device answered.

use crate::shown::unix_ms;
use crate::stand::{INTERVAL, Stand, figure, percentile};
use foretell_lab::server::User;
use foretell_lab::stream::Stream;
use serde_json::json;
use std::time::{Duration, Instant};

const P99_MAX_SECS: f64 = 1.0;
const LISTENED: Duration = INTERVAL.saturating_mul(8);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn a_sample_is_streamed_within_a_second_of_its_answer() {
    let stand = Stand::up(User::Root).await;
    let devices = stand.watch().await;
    let ids: Vec<_> = devices.values().map(|d| d["id"].clone()).collect();
    let mut stream = Stream::open(&stand.client).await.unwrap();
    let series = json!({"type": "subscribe", "id": "s", "topic": "series", "device_ids": ids});
    stream.subscribe(&series).await.unwrap();
    let started = Instant::now();
    let mut delays = Vec::new();
    while started.elapsed() < LISTENED {
        let samples = stream.next_samples().await.unwrap();
        let late = jiff::Timestamp::now().as_millisecond() - unix_ms(&samples["at"]);
        delays.push(late as f64 / 1000.0);
    }
    // Six routers, a poll every five seconds.
    assert!(delays.len() > 40, "{} events", delays.len());
    let p99 = percentile(&mut delays, 0.99);
    figure("stream_delay_p50_secs", percentile(&mut delays, 0.5));
    figure("stream_delay_p99_secs", p99);
    assert!(p99 < P99_MAX_SECS, "{delays:?}");
}
