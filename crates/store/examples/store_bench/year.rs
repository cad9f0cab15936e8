//! A year of one series by the hour, and what folding costs.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, SERIES, open, workers};
use super::proc;
use super::query::per_question;
use foretell_store::series::rollup::fold;
use foretell_store::series::{Aggregation, Ask, Grain, SeriesStore};
use model::metric::Kind;
use model::{Metric, Timestamp, Value};
use std::time::Duration;

/// One, with all its series: a year of more takes long to make, and costs a question nothing.
const DEVICES: usize = 1;
/// Polled each five minutes, for the same reason.
const EACH: i64 = 5;
const DAY_POLLS: i64 = 24 * 60;
const DAYS: i64 = 365;
/// Polls that are synced together.
const TOGETHER: usize = 20;
/// Samples that are folded in all.
const FOLDED: usize = 20_000_000;

pub(crate) fn run() {
    workers(1).block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let mut network = Network::new(DEVICES);
    let store = open(folder.path(), &hand);
    network.register(&store).await;
    let mut seal = Duration::ZERO;
    for day in 0..DAYS {
        append(&store, &hand, &mut network, day).await;
        let begun = proc::cpu();
        maintain(&store, 3).await;
        seal += proc::cpu().saturating_sub(begun);
    }
    // At the end of the last day, when the last month is still in days, and the last days in parts.
    let at = |poll: i64| Timestamp::from_unix_ms(BEGIN_MS + poll * POLL_MS);
    let (from, to) = (at(0), at(DAYS * DAY_POLLS));
    let in_days = question(&store, &network, from, to);
    hand.set(BEGIN_MS + (DAYS * DAY_POLLS + 60) * POLL_MS);
    maintain(&store, 10).await;
    let in_months = question(&store, &network, from, to);
    let samples = (DAYS * DAY_POLLS / EACH) as f64 * SERIES as f64;
    println!(
        "{}",
        serde_json::json!({
            "query_1_series_1_year_cpu_ms": in_days,
            "query_1_series_1_year_of_months_cpu_ms": in_months,
            "seal_and_roll_up_samples_per_cpu_s": samples / seal.as_secs_f64(),
            "fold_samples_per_cpu_s": folding(),
        })
    );
}

/// Appends the polls of a day.
async fn append(store: &SeriesStore, hand: &Hand, network: &mut Network, day: i64) {
    let mut waiting = Vec::new();
    let polls = day * DAY_POLLS..(day + 1) * DAY_POLLS;
    for poll in polls.step_by(EACH as usize) {
        hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
        let batch = network.batch(0, poll);
        let store = store.clone();
        waiting.push(tokio::spawn(
            async move { store.append(batch).await.unwrap() },
        ));
        if waiting.len() >= TOGETHER {
            for append in waiting.drain(..) {
                append.await.unwrap();
            }
        }
    }
    for append in waiting {
        append.await.unwrap();
    }
}

/// The day before is merged once all of it is sealed, and the month before once its days are.
async fn maintain(store: &SeriesStore, passes: usize) {
    for _ in 0..passes {
        store.maintain().await.unwrap();
    }
}

fn question(store: &SeriesStore, network: &Network, from: Timestamp, to: Timestamp) -> f64 {
    let device = network.devices[0].id;
    let all = store.series_named(device, Metric::IF_HC_IN_OCTETS);
    let ask = Ask {
        from,
        to,
        step: Duration::from_hours(1),
        how: Aggregation::Rate,
        interval: Duration::from_mins(5),
        replaced: Vec::new(),
        until: None,
    };
    per_question(|n| {
        let told = store.steps(device, &[all[n % all.len()].id], &ask).unwrap();
        assert_eq!(told[0].steps.len() as i64, DAYS * 24);
        assert_eq!(told[0].coarsest(), Grain::Hours);
        assert!(told[0].steps.iter().all(|(_, value)| value.is_some()));
    })
}

/// Samples of a counter that a CPU-second folds, by the day.
fn folding() -> f64 {
    let day = Timestamp::from_unix_ms(BEGIN_MS);
    let point = |n: i64| {
        let at = BEGIN_MS + n * POLL_MS + 7_919;
        let octets = n.unsigned_abs() * 1_000_003 % 7_000 + n.unsigned_abs() * 9_000_000;
        (Timestamp::from_unix_ms(at), Value::U64(octets))
    };
    let points: Vec<_> = (0..DAY_POLLS).map(point).collect();
    let begun = proc::this_thread();
    let mut folded = 0;
    while folded < FOLDED {
        let day = fold(std::hint::black_box(&points), day, Kind::Counter, &[]);
        assert_eq!(day.samples() as usize, points.len());
        folded += points.len();
    }
    folded as f64 / proc::this_thread().saturating_sub(begun).as_secs_f64()
}
