//! Queries over many series, against what plain maps say.

use crate::series::files;
use crate::series_fixture::{Fixture, minute};
use foretell_store::series::across::{Across, End, Grouping};
use foretell_store::series::attached::OfDevice;
use foretell_store::series::query::{
    Answer, GROUPS_MAX, LEVEL_RAW, NUMBERS_MAX, Put, Query, QueryError, Row, SAMPLES_MAX, run,
};
use foretell_store::series::{
    Aggregation, Attached, Batch, Breaks, Column, Points, Quantile, aggregate, resets,
};
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, Value};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const DAY: i64 = 24 * 60;

/// Minutes from poll to poll.
const POLL: i64 = 3;

/// A series of the network, with what was appended.
struct Known {
    id: SeriesId,
    column: Column,
    metric: Metric,
    device: usize,
    port: Option<usize>,
    points: BTreeMap<i64, Value>,
}

/// Three devices of two ports: their counters, a temperature for each device, and when it restarted.
struct Network {
    fixture: Fixture,
    devices: Vec<DeviceId>,
    series: Vec<Known>,
    attached: Attached,
    random: u64,
}

const SITES: [&str; 3] = ["x", "x", "y"];

impl Network {
    async fn new(seed: u64) -> Self {
        let fixture = Fixture::new();
        let devices: Vec<DeviceId> = (0..3).map(|_| DeviceId::new()).collect();
        let mut series = Vec::new();
        for (device, id) in devices.iter().enumerate() {
            let plain = Labels::default().with(Labels::VANTAGE, "local");
            let mut keys = vec![
                (Metric::SYS_UP_TIME, plain.clone(), None),
                (
                    Metric::SENSOR_TEMPERATURE,
                    plain.clone().with("sensor", "inlet"),
                    None,
                ),
            ];
            for port in 0..2 {
                let labels = plain
                    .clone()
                    .with(Labels::INTERFACE_ID, InterfaceId::new().to_string())
                    .with(Labels::INTERFACE, format!("eth{port}"));
                let status = (Metric::IF_OPER_STATUS, labels.clone(), Some(port));
                keys.extend([(Metric::IF_HC_IN_OCTETS, labels, Some(port)), status]);
            }
            let asked = keys
                .iter()
                .map(|(metric, labels, _)| (*metric, labels.clone()));
            let resolved = fixture.store().resolve(*id, asked.collect()).await.unwrap();
            for ((metric, _, port), resolved) in keys.into_iter().zip(resolved) {
                series.push(Known {
                    id: resolved.id,
                    column: resolved.column,
                    metric,
                    device,
                    port,
                    points: BTreeMap::new(),
                });
            }
        }
        let of_device = |n: usize| OfDevice {
            name: format!("r{n}"),
            site: Some(SITES[n].to_owned()),
            interval: Some(Duration::from_mins(POLL.unsigned_abs())),
            replaced_at: if n == 2 {
                vec![minute(700)]
            } else {
                Vec::new()
            },
            ..OfDevice::default()
        };
        let known = devices.iter().enumerate();
        let attached = Attached::new(known.map(|(n, id)| (*id, of_device(n))), []);
        Self {
            fixture,
            devices,
            series,
            attached,
            random: seed | 1,
        }
    }

    fn next(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    /// A poll of a device at a minute: polls and values are lost, counters wrap and begin anew.
    async fn poll(&mut self, device: usize, at: i64, uptime: &mut i64) {
        if self.next(12) == 0 {
            return;
        }
        if self.next(60) == 0 {
            *uptime = at;
        }
        let mut values = Vec::new();
        for n in 0..self.series.len() {
            if self.series[n].device != device || self.next(20) == 0 {
                continue;
            }
            let (grown, degrees, state) = (self.next(1 << 29), self.next(900), self.next(100_000));
            let series = &mut self.series[n];
            let before = series.points.range(..at).next_back();
            let value = match series.metric {
                Metric::SYS_UP_TIME => Value::F64((at - *uptime) as f64 * 60.0 + 5.0),
                Metric::SENSOR_TEMPERATURE => Value::F64(degrees as f64 / 10.0),
                Metric::IF_HC_IN_OCTETS => {
                    let from = match before {
                        Some((before, Value::U64(value))) if *before >= *uptime => *value,
                        _ => 0,
                    };
                    // A counter of 32 bits.
                    Value::U64((from + grown) % (1 << 32))
                }
                _ => Value::U64(state + 1),
            };
            series.points.insert(at, value);
            values.push((series.column, value));
        }
        self.fixture
            .clock
            .set(minute(at).max(self.fixture.clock.clock().now()));
        let batch = Batch {
            device_id: self.devices[device],
            at: minute(at),
            values,
        };
        self.fixture.store().append(batch).await.unwrap();
    }

    /// A day and a half: a pack of a day, packs of two hours and of half an hour, what came late over
    /// them, and what is not sealed.
    async fn fill(&mut self) {
        let mut uptime = [0; 3];
        for at in (0..DAY + DAY / 2).step_by(3) {
            for (device, uptime) in uptime.iter_mut().enumerate() {
                self.poll(device, at, uptime).await;
            }
            if at % 30 == 6 {
                self.fixture.store().maintain().await.unwrap();
            }
        }
        // Late, and over what is there.
        for at in [39, 42, 600, DAY - 6, DAY + 300, DAY + 699] {
            for n in 0..self.series.len() {
                if self.series[n].metric != Metric::SENSOR_TEMPERATURE {
                    continue;
                }
                let degrees = Value::F64(self.next(900) as f64 / 10.0);
                self.series[n].points.insert(at, degrees);
                let (device_id, column) =
                    (self.devices[self.series[n].device], self.series[n].column);
                let late = vec![(column, degrees)];
                self.fixture
                    .try_put(device_id, minute(at), late)
                    .await
                    .unwrap();
            }
        }
        self.fixture.store().maintain().await.unwrap();
        // It is there in every form.
        let packs = files(&self.fixture, "packs/2026-03-01");
        assert_eq!(packs.len(), 1, "the first day is one pack: {packs:?}");
        let packs = files(&self.fixture, "packs/2026-03-02").len();
        assert!(packs > 12, "two hours, and half-hours: {packs}");
        assert!(!files(&self.fixture, "blocks").is_empty(), "what came late");
        assert!(self.fixture.store().stats().head_values > 0);
    }

    fn ask(&self, query: &Query) -> Result<Answer, QueryError> {
        run(self.fixture.store(), query, &self.attached)
    }

    /// The steps of a series by all that was appended.
    fn steps(&self, series: &Known, query: &Query) -> Vec<Option<f64>> {
        let points = |series: &Known| -> Points {
            let points = series.points.iter();
            points.map(|(at, value)| (minute(*at), *value)).collect()
        };
        let is_uptime =
            |other: &&Known| other.device == series.device && other.metric == Metric::SYS_UP_TIME;
        let uptime = self.series.iter().find(is_uptime).unwrap();
        let replaced = &self
            .attached
            .device(self.devices[series.device])
            .unwrap()
            .replaced_at;
        let breaks = Breaks::new(
            Duration::from_mins(POLL.unsigned_abs()),
            resets(&points(uptime)),
            replaced,
        );
        let way = query.over.unwrap_or(match series.metric {
            Metric::IF_HC_IN_OCTETS => Aggregation::Rate,
            Metric::IF_OPER_STATUS => Aggregation::Last,
            _ => Aggregation::Avg,
        });
        let told = aggregate(
            &points(series),
            query.from,
            query.to,
            query.step,
            way,
            &breaks,
        );
        told.into_iter().map(|(_, value)| value).collect()
    }
}

/// Single series, by default over time; the range and the step in minutes.
fn question(selector: &str, from: i64, to: i64, step: i64) -> Query {
    Query {
        selector: selector.parse().unwrap(),
        from: minute(from),
        to: minute(to),
        step: Duration::from_mins(step.unsigned_abs()),
        over: None,
        across: Put::Each,
        rows_max: 1_000,
        samples_max: SAMPLES_MAX,
        until: Instant::now() + Duration::from_mins(5),
    }
}

fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        (a, b) => a == b,
    }
}

#[track_caller]
fn same_steps(told: &[Option<f64>], expected: &[Option<f64>], what: &str) {
    assert_eq!(told.len(), expected.len(), "{what}");
    for (n, (told, expected)) in told.iter().zip(expected).enumerate() {
        assert!(
            same(*told, *expected),
            "{what}, step {n}: {told:?}, not {expected:?}"
        );
    }
}

const WAYS: [Option<Aggregation>; 12] = [
    None,
    Some(Aggregation::Avg),
    Some(Aggregation::Min),
    Some(Aggregation::Max),
    Some(Aggregation::Sum),
    Some(Aggregation::Count),
    Some(Aggregation::Last),
    Some(Aggregation::Rate),
    Some(Aggregation::Increase),
    Some(Aggregation::Delta),
    Some(Aggregation::Quantile(Quantile::P95)),
    Some(Aggregation::Stddev),
];

/// Across series as a table of values says it, step by step.
fn naive(across: Across, rows: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let steps = rows.first().map_or(0, Vec::len);
    let step = |n: usize| {
        let mut known: Vec<f64> = rows.iter().filter_map(|row| row[n]).collect();
        if known.is_empty() {
            return None;
        }
        known.sort_by(f64::total_cmp);
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        Some(match across {
            Across::Avg => mean,
            Across::Min => known[0],
            Across::Max => known[known.len() - 1],
            Across::Sum => known.iter().sum(),
            Across::Count => count,
            Across::Stddev => {
                let squares = known.iter().map(|value| (value - mean).powi(2));
                (squares.sum::<f64>() / count).sqrt()
            }
            // Only the median is asked for.
            Across::Quantile(_) => {
                let last = known.len() - 1;
                f64::midpoint(known[last / 2], known[last.div_ceil(2)])
            }
        })
    };
    (0..steps).map(step).collect()
}

const ACROSS: [Across; 7] = [
    Across::Avg,
    Across::Min,
    Across::Max,
    Across::Sum,
    Across::Count,
    Across::Stddev,
    Across::Quantile(Quantile::MEDIAN),
];

/// The labels by which the tests group, as they should be.
fn label(network: &Network, series: &Known, name: &str) -> String {
    match name {
        "site" => SITES[series.device].to_owned(),
        "device" => format!("r{}", series.device),
        "metric" => series.metric.name().to_owned(),
        "device_id" => network.devices[series.device].to_string(),
        "interface" => series
            .port
            .map(|port| format!("eth{port}"))
            .unwrap_or_default(),
        "sensor" if series.metric == Metric::SENSOR_TEMPERATURE => "inlet".to_owned(),
        _ => String::new(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Everything that can be asked, over everything that a store is made of.
#[tokio::test]
async fn answers_are_what_plain_maps_say() {
    let mut network = Network::new(1_618).await;
    network.fill().await;
    let ranges = [
        (0, DAY + DAY / 2, 60),
        (DAY - 45, DAY + 45, 7),
        (603, 604, 1),
        (DAY + 600, DAY + 800, 30),
    ];
    for (from, to, step) in ranges {
        let mut query = question("{}", from, to, step);
        for over in WAYS {
            query.over = over;
            let told = network.ask(&query).unwrap();
            let what = format!("{over:?} from {from} by {step}");
            assert_eq!((told.matched, told.more), (network.series.len(), false));
            let mut by_id: Vec<&Known> = network.series.iter().collect();
            by_id.sort_by_key(|series| series.id);
            assert_eq!(told.rows.len(), by_id.len());
            for (row, series) in told.rows.iter().zip(by_id) {
                assert_eq!((row.series, row.count), (Some(series.id), 1));
                same_steps(&row.values, &network.steps(series, &query), &what);
                for name in [
                    "site",
                    "device",
                    "metric",
                    "device_id",
                    "interface",
                    "sensor",
                ] {
                    let value = row.labels.get(name).cloned().unwrap_or_default();
                    assert_eq!(value, label(&network, series, name), "{name}");
                }
            }
            let part = (told.parts[0].from, told.parts[0].to, told.parts[0].level);
            assert_eq!(part, (minute(from), minute(to), LEVEL_RAW));
        }
    }
}

#[tokio::test]
async fn groups_and_ranks_are_what_plain_maps_say() {
    let mut network = Network::new(4_711).await;
    network.fill().await;
    let groupings = [
        Grouping::all(),
        Grouping::By(names(&["site"])),
        Grouping::By(names(&["site", "metric", "sensor"])),
        Grouping::Without(names(&["interface", "interface_id", "metric", "sensor"])),
        Grouping::Without(BTreeSet::new()),
    ];
    // How the test itself groups.
    let key = |series: &Known, grouping: &Grouping| -> Vec<String> {
        match grouping {
            Grouping::By(names) => names
                .iter()
                .map(|name| label(&network, series, name))
                .collect(),
            Grouping::Without(names) if names.is_empty() => vec![series.id.to_string()],
            Grouping::Without(_) => vec![series.device.to_string()],
        }
    };
    let mut query = question("{}", 100, DAY + 400, 45);
    for grouping in groupings {
        let mut groups: BTreeMap<Vec<String>, Vec<&Known>> = BTreeMap::new();
        for series in &network.series {
            groups
                .entry(key(series, &grouping))
                .or_default()
                .push(series);
        }
        let steps = |all: &[&Known]| -> Vec<Vec<Option<f64>>> {
            all.iter()
                .map(|series| network.steps(series, &query))
                .collect()
        };
        let all: Vec<_> = groups
            .values()
            .map(|group| (group.len() as u64, steps(group)))
            .collect();
        for across in ACROSS {
            query.across = Put::Together(across, grouping.clone());
            let told = network.ask(&query).unwrap();
            assert_eq!(told.rows.len(), all.len(), "{grouping:?}");
            // In whatever order: each group once.
            let mut left = all.clone();
            for row in &told.rows {
                let is_it = |(count, rows): &(u64, Vec<Vec<Option<f64>>>)| {
                    let expected = naive(across, rows);
                    let mut both = expected.iter().zip(&row.values);
                    *count == row.count && both.all(|(a, b)| same(*a, *b))
                };
                let place = left.iter().position(is_it);
                left.swap_remove(place.unwrap_or_else(|| panic!("{across:?} {:?}", row.labels)));
                if let Grouping::By(names) = &grouping {
                    assert!(row.labels.keys().eq(names), "{:?}", row.labels);
                }
            }
        }
        for (end, k) in [(End::Top, 2), (End::Bottom, 1), (End::Top, 100)] {
            query.across = Put::First {
                k,
                end,
                grouping: grouping.clone(),
            };
            let told = network.ask(&query).unwrap();
            let mut left: Vec<Row> = told.rows;
            for group in groups.values() {
                let mut means: Vec<(f64, SeriesId)> = Vec::new();
                for series in group {
                    let steps = network.steps(series, &query);
                    let known: Vec<f64> = steps.into_iter().flatten().collect();
                    means.push((known.iter().sum::<f64>() / known.len() as f64, series.id));
                }
                means.sort_by(|a, b| a.0.total_cmp(&b.0));
                if end == End::Top {
                    means.reverse();
                }
                means.truncate(k);
                // They follow each other, the first first.
                let first = left
                    .iter()
                    .position(|row| row.series == Some(means[0].1))
                    .unwrap();
                for (mean, id) in means {
                    let row = left.remove(first);
                    assert_eq!(row.series, Some(id), "{end:?} {k} {grouping:?}");
                    assert!(same(row.ranked_by, Some(mean)));
                }
            }
            assert!(left.is_empty());
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let mut network = Network::new(5).await;
    let mut uptime = [0; 3];
    for at in (0..90).step_by(3) {
        for (device, uptime) in uptime.iter_mut().enumerate() {
            network.poll(device, at, uptime).await;
        }
    }
    // Rows that are left out.
    let mut query = question("ifHCInOctets", 0, 90, 10);
    query.rows_max = 4;
    let told = network.ask(&query).unwrap();
    assert_eq!((told.rows.len(), told.more, told.matched), (4, true, 6));
    // Only what is told is read.
    assert!(
        told.cost.series == 4 && told.cost.devices <= 3,
        "{:?}",
        told.cost
    );
    query.rows_max = 1;
    query.across = Put::Together(Across::Sum, Grouping::By(names(&["site"])));
    let told = network.ask(&query).unwrap();
    assert_eq!((told.rows.len(), told.more, told.cost.series), (1, true, 6));
    assert_eq!(told.rows[0].labels["site"], "x");
    query.across = Put::First {
        k: 2,
        end: End::Top,
        grouping: Grouping::all(),
    };
    let told = network.ask(&query).unwrap();
    assert_eq!((told.rows.len(), told.more), (1, true));
    // Samples: by how often the devices are polled, six series of 31.
    query.samples_max = 6 * 31;
    assert!(network.ask(&query).is_ok());
    query.samples_max -= 1;
    match network.ask(&query) {
        Err(QueryError::TooManySamples {
            samples,
            max,
            series,
            range,
        }) => {
            assert_eq!((samples, max, series), (186, 185, 6));
            assert!(range < Duration::from_mins(90), "{range:?}");
            // And what it says would fit does.
            query.from = query.to.minus(range);
            assert!(network.ask(&query).is_ok());
        }
        other => panic!("{other:?}"),
    }
    query.samples_max = u64::MAX;
    query.selector = "{}".parse().unwrap();
    query.from = minute(-60 * 24 * 365 * 80);
    query.step = Duration::from_hours(24 * 365);
    let refused = network.ask(&query);
    assert!(matches!(
        refused,
        Err(QueryError::TooManySamples {
            max: SAMPLES_MAX,
            ..
        })
    ));
    // Numbers.
    let mut query = question("{}", 0, 300, 1);
    query.step = Duration::from_secs(1);
    query.across = Put::First {
        k: 1_000,
        end: End::Top,
        grouping: Grouping::all(),
    };
    let refused = network.ask(&query);
    let is_it = matches!(refused, Err(QueryError::TooManyNumbers { steps: 18_000, max }) if max == NUMBERS_MAX);
    assert!(is_it, "{refused:?}");
    // Groups.
    for _ in 0..2 {
        network
            .fixture
            .series(DeviceId::new(), GROUPS_MAX / 2 + 1)
            .await;
    }
    let mut query = question("sensor_other", 0, 60, 60);
    for across in [Across::Sum, Across::Quantile(Quantile::MEDIAN)] {
        query.across = Put::Together(across, Grouping::By(names(&["device_id", "sensor"])));
        let refused = network.ask(&query);
        let is_it = matches!(refused, Err(QueryError::TooManyGroups { max: GROUPS_MAX }));
        assert!(is_it, "{refused:?}");
    }
    query.across = Put::Together(Across::Count, Grouping::By(names(&["sensor"])));
    let told = network.ask(&query).unwrap();
    assert_eq!((told.rows.len(), told.more), (1_000, true));
    assert_eq!((told.rows[0].count, told.matched), (2, GROUPS_MAX + 2));
    // Time.
    query.until = Instant::now();
    assert!(matches!(network.ask(&query), Err(QueryError::Late)));
}

#[tokio::test]
async fn a_query_of_nothing_is_an_empty_answer() {
    let network = Network::new(5).await;
    for across in [
        Put::Each,
        Put::Together(Across::Sum, Grouping::all()),
        Put::First {
            k: 3,
            end: End::Top,
            grouping: Grouping::all(),
        },
    ] {
        let mut query = question("icmp_rtt", 0, 60, 10);
        query.across = across.clone();
        let told = network.ask(&query).unwrap();
        assert_eq!((told.rows.len(), told.matched, told.more), (0, 0, false));
        // Series without samples: rows of gaps, and none that is ranked.
        let mut query = question("ifHCInOctets", 0, 60, 10);
        query.across = across;
        let told = network.ask(&query).unwrap();
        let known = told.rows.iter().flat_map(|row| &row.values).flatten();
        assert_eq!((told.matched, known.count()), (6, 0));
        let rows = match query.across {
            Put::Each => 6,
            Put::Together(..) => 1,
            Put::First { .. } => 0,
        };
        assert_eq!(told.rows.len(), rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Groups by and without are each other's opposite: of the labels that there are, those by the one
    /// half are those without the other.
    #[test]
    fn by_is_without_the_others(
        rows in prop::collection::vec(prop::collection::btree_map("[a-d]", "[xy]", 4..=4), 1..30),
        by in prop::collection::btree_set("[a-d]", 0..5),
    ) {
        use foretell_store::series::across;
        let all: BTreeSet<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
        let others: BTreeSet<String> = all.difference(&by).cloned().collect();
        let sum = |grouping| {
            let mut groups = across::Groups::new(Across::Count, grouping, 1);
            for labels in &rows {
                groups.add(&across::Row { labels: labels.clone(), values: vec![Some(1.0)] });
            }
            groups.rows()
        };
        let told = sum(Grouping::By(by.clone()));
        prop_assert_eq!(&told, &sum(Grouping::Without(others)));
        let counted: u64 = told.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(counted, rows.len() as u64);
        prop_assert_eq!(Grouping::By(by.clone()).is_all(), by.is_empty());
    }
}
