//! Queries, at the end of a day: when the most files have to be looked into.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, open};
use super::proc;
use foretell_store::series::across::{Across, End, Grouping, Groups, Ranking, Row};
use foretell_store::series::{Aggregation, Breaks, SeriesStore, aggregate};
use model::metric::Kind;
use model::{Metric, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// 100,800 series.
const DEVICES: usize = 210;
const POLLS: i64 = 24 * 60;
const HOUR: Duration = Duration::from_hours(1);
const STEP: Duration = Duration::from_mins(5);
/// Each question is asked until it has taken so much CPU, and its mean is told.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

type Points = Vec<(Timestamp, Value)>;

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let mut network = Network::new(DEVICES);
    let store = open(folder.path(), &hand);
    network.register(&store).await;
    for poll in 0..POLLS {
        hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
        network.poll(&store, poll).await;
        if poll % 30 == 5 {
            store.maintain().await.unwrap();
        }
    }
    let network = &network;
    let now = Timestamp::from_unix_ms(BEGIN_MS + POLLS * POLL_MS);
    let day = now.minus(Duration::from_hours(24));
    let hour = now.minus(HOUR);

    let one_day = per_question(|n| {
        let device = network.devices[n % DEVICES].id;
        let all = store.series_named(device, Metric::IF_HC_IN_OCTETS);
        let series = &all[n % all.len()];
        let points = store.read(series.id, day, now).unwrap();
        assert_eq!(points.len() as i64, POLLS);
        rate(&points, day, now, STEP);
    });
    let thousand_hours = per_question(|_| {
        let mut groups = Groups::new(Across::Sum, Grouping::all(), 12);
        let mut count = 0;
        for device in network.devices.iter().take(21) {
            let all = store.series_named(device.id, Metric::IF_HC_IN_OCTETS);
            let ids: Vec<SeriesId> = all.iter().map(|series| series.id).collect();
            for points in store.read_many(device.id, &ids, hour, now).unwrap() {
                groups.add(&row(rate(&points, hour, now, STEP)));
                count += 1;
            }
        }
        assert_eq!((count, groups.len()), (1_008, 1));
    });
    let top = per_question(|_| {
        let top = top(&store, network, hour, now);
        assert_eq!(top.len(), 10);
    });
    println!(
        "{}",
        serde_json::json!({
            "query_1_series_24_h_cpu_ms": one_day,
            "query_1000_series_1_h_cpu_ms": thousand_hours,
            "query_top_10_of_100000_cpu_ms": top,
        })
    );
}

/// The ten series of all that grew by the most, or were the greatest, over an hour.
fn top(
    store: &SeriesStore,
    network: &Network,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(f64, SeriesId)> {
    let mut ranking = Ranking::new(10, End::Top);
    for device in &network.devices {
        let all = store.series_of(device.id);
        let ids: Vec<SeriesId> = all.iter().map(|series| series.id).collect();
        let read = store.read_many(device.id, &ids, from, to).unwrap();
        for (series, points) in all.iter().zip(read) {
            let how = match series.key.metric.kind() {
                Kind::Counter => Aggregation::Rate,
                Kind::Gauge => Aggregation::Avg,
                Kind::State => Aggregation::Last,
            };
            let told = summed(&points, from, to, HOUR, how);
            ranking.consider(told.into_iter().flatten().next().unwrap(), || series.id);
        }
    }
    assert!(ranking.considered() >= 100_000);
    ranking.ranked()
}

fn rate(points: &Points, from: Timestamp, to: Timestamp, step: Duration) -> Vec<Option<f64>> {
    summed(points, from, to, step, Aggregation::Rate)
}

fn summed(
    points: &Points,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
    how: Aggregation,
) -> Vec<Option<f64>> {
    let breaks = Breaks::new(Duration::from_mins(1), Vec::new(), &[]);
    let told = aggregate(points, from, to, step, how, &breaks);
    told.into_iter().map(|(_, value)| value).collect()
}

fn row(values: Vec<Option<f64>>) -> Row {
    Row {
        labels: BTreeMap::new(),
        values,
    }
}

/// Milliseconds of CPU that a question takes. It is answered by this thread.
pub(crate) fn per_question(mut ask: impl FnMut(usize)) -> f64 {
    // What is read the first time is kept by the system.
    ask(0);
    let begun = proc::this_thread();
    let mut asked = 0;
    loop {
        asked += 1;
        ask(asked);
        let took = proc::this_thread().saturating_sub(begun);
        if took >= LONG_ENOUGH {
            return took.as_secs_f64() * 1e3 / asked as f64;
        }
    }
}
