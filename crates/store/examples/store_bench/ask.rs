//! The questions that are asked of whatever number of series, and what one costs.

use super::load::{Network, SERIES};
use super::proc;
use foretell_store::series::across::{Across, End, Grouping, Groups, Ranking, Row};
use foretell_store::series::{Aggregation, Breaks, SeriesStore, aggregate};
use model::metric::Kind;
use model::{Metric, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets of the answers.
const STEP: Duration = Duration::from_mins(5);
/// Devices whose ports' first counter is a thousand series.
pub(crate) const DEVICES_OF_THOUSAND: usize = 21;
/// Each question is asked until it has taken so much CPU, and its mean is told.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

/// Milliseconds of CPU that a question takes. It is answered by this thread.
pub(crate) fn cpu_ms(mut ask: impl FnMut(usize)) -> f64 {
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

/// What a rate of one series over a range costs.
pub(crate) fn one(store: &SeriesStore, network: &Network, from: Timestamp, to: Timestamp) -> f64 {
    cpu_ms(|n| {
        let device = network.devices[n % network.devices.len()].id;
        let all = store.series_named(device, Metric::IF_HC_IN_OCTETS);
        let points = store.read(all[n % all.len()].id, from, to).unwrap();
        assert!(!points.is_empty());
        summed(&points, (from, to), STEP, Aggregation::Rate);
    })
}

/// What the sum of the rates of a thousand series costs.
pub(crate) fn thousand(
    store: &SeriesStore,
    network: &Network,
    from: Timestamp,
    to: Timestamp,
) -> f64 {
    let span = usize::try_from(to.since(from).as_secs() / STEP.as_secs()).unwrap();
    cpu_ms(|_| {
        let mut groups = Groups::new(Across::Sum, Grouping::all(), span);
        for device in network.devices.iter().take(DEVICES_OF_THOUSAND) {
            let all = store.series_named(device.id, Metric::IF_HC_IN_OCTETS);
            let ids: Vec<SeriesId> = all.iter().map(|series| series.id).collect();
            for points in store.read_many(device.id, &ids, from, to).unwrap() {
                groups.add(&Row {
                    labels: BTreeMap::new(),
                    values: summed(&points, (from, to), STEP, Aggregation::Rate),
                });
            }
        }
        assert_eq!(groups.len(), 1);
    })
}

/// What the ten greatest rates of all counters cost.
pub(crate) fn top(store: &SeriesStore, network: &Network, from: Timestamp, to: Timestamp) -> f64 {
    let span = to.since(from);
    cpu_ms(|_| {
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
                let told = summed(&points, (from, to), span, how);
                ranking.consider(told.into_iter().flatten().next().unwrap(), || series.id);
            }
        }
        assert_eq!(
            ranking.considered(),
            (network.devices.len() * SERIES) as u64
        );
        assert_eq!(ranking.ranked().len(), 10);
    })
}

fn summed(
    points: &[(Timestamp, Value)],
    (from, to): (Timestamp, Timestamp),
    step: Duration,
    how: Aggregation,
) -> Vec<Option<f64>> {
    let breaks = Breaks::new(Duration::from_mins(1), Vec::new(), &[]);
    let told = aggregate(points, from, to, step, how, &breaks);
    told.into_iter().map(|(_, value)| value).collect()
}
