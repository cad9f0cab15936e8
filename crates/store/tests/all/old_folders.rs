//! What the first versions wrote is read for ever: a folder of series with a day that is one pack, its
//! roll-ups, a patch over it and a segment of the log; a month of history; a day of events.
//!
//! The files lie in `tests/all/old`. [`make`] wrote them once; formats may gain, but what is there stays.

use crate::events::line;
use crate::series_fixture::{TestClock, copied, options};
use foretell_store::events::{EventOptions, EventQuery, EventStore};
use foretell_store::history::{History, HistoryOptions, Record};
use foretell_store::series::{Aggregation, Ask, Batch, SeriesStore};
use model::history::{DeviceFound, IfStates, InterfaceFound};
use model::interface::IfStatus;
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId, Status, Timestamp, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// 2026-03-01T00:00:00Z.
const DAY: i64 = 1_772_323_200_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// From poll to poll.
const POLL_MS: i64 = 300_000;
/// Of the counter from poll to poll.
const STEP: u64 = 30_000;

fn old(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/all/old")
        .join(name)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn device() -> DeviceId {
    DeviceId::from_bytes([1; 16])
}

fn keys() -> Vec<(Metric, Labels)> {
    let part = |name: &str| Labels::default().with("part", name);
    vec![
        (Metric::IF_HC_IN_OCTETS, part("a")),
        (Metric::SENSOR_OTHER, part("b \"ü\"")),
        (Metric::SYS_UP_TIME, Labels::default()),
    ]
}

/// What each of the series is at a poll.
fn values(poll: i64) -> [Value; 3] {
    let poll = poll.unsigned_abs();
    [
        Value::U64((1 << 63) + poll * STEP),
        Value::F64(poll as f64 / 8.0),
        Value::F64(poll as f64 * 300.0),
    ]
}

/// Polls of the day; those behind it are in the log alone.
const POLLS: i64 = DAY_MS / POLL_MS;
const BEHIND: i64 = 3;
/// A sample that came late, between two polls.
const LATE_MS: i64 = DAY + HOUR_MS + 1_000;
const LATE: f64 = -0.5;
/// When the folder was closed.
const CLOSED_MS: i64 = DAY + DAY_MS + 3 * HOUR_MS;

#[tokio::test]
#[ignore = "writes what is read for ever"]
async fn make() {
    fs::create_dir_all(old("series")).unwrap();
    let clock = TestClock::new();
    let (store, _) = SeriesStore::open(&old("series"), options(), clock.clock()).unwrap();
    let series = store.resolve(device(), keys()).await.unwrap();
    let batch = |poll: i64| {
        let values = series.iter().map(|series| series.column).zip(values(poll));
        Batch {
            device_id: device(),
            at: at(DAY + poll * POLL_MS),
            values: values.collect(),
        }
    };
    for poll in 0..POLLS {
        clock.set(at(DAY + poll * POLL_MS));
        store.append(batch(poll)).await.unwrap();
    }
    clock.set(at(CLOSED_MS));
    for _ in 0..8 {
        store.maintain().await.unwrap();
    }
    let late = Batch {
        device_id: device(),
        at: at(LATE_MS),
        values: vec![(series[1].column, Value::F64(LATE))],
    };
    store.append(late).await.unwrap();
    store.maintain().await.unwrap();
    for poll in POLLS..POLLS + BEHIND {
        let mut batch = batch(poll);
        batch.at = at(CLOSED_MS - POLL_MS * (POLLS + BEHIND - poll));
        store.append(batch).await.unwrap();
    }
    store.close().await;

    let (history, _) =
        History::open(&old("history"), HistoryOptions::default(), clock.clock()).unwrap();
    let records = vec![
        Record::Device {
            id: device(),
            found: found(),
        },
        Record::Interface {
            id: port(),
            found: found_of_port(),
        },
    ];
    history.append(records).await.unwrap();
    history.close().await;

    let (events, _) =
        EventStore::open(&old("events"), EventOptions::default(), clock.clock()).unwrap();
    let lines = TEXTS.map(|text| line(at(CLOSED_MS), text));
    events.append(lines.to_vec()).await.unwrap();
    events.close().await;
}

/// A copy of the folder of series, and the ids of its series, which are those of the first that wrote it.
fn series_of(folder: &Path) -> (SeriesStore, Vec<SeriesId>) {
    let clock = TestClock::new();
    clock.set(at(CLOSED_MS));
    let (store, recovery) = SeriesStore::open(folder, options(), clock.clock()).unwrap();
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    let ids = keys().into_iter().map(|(metric, labels)| {
        let all = store.series_named(device(), metric);
        let [one] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!(one.key.labels, labels);
        one.id
    });
    let ids = ids.collect();
    (store, ids)
}

#[tokio::test]
async fn a_folder_of_series_of_the_first_version_is_read() {
    let folder = copied(&old("series"));
    let (store, ids) = series_of(folder.path());
    for (n, id) in ids.iter().enumerate() {
        let mut expected: Vec<(Timestamp, Value)> = (0..POLLS)
            .map(|poll| (at(DAY + poll * POLL_MS), values(poll)[n]))
            .collect();
        if n == 1 {
            expected.push((at(LATE_MS), Value::F64(LATE)));
            expected.sort_by_key(|(at, _)| *at);
        }
        expected.extend((POLLS..POLLS + BEHIND).map(|poll| {
            let behind = CLOSED_MS - POLL_MS * (POLLS + BEHIND - poll);
            (at(behind), values(poll)[n])
        }));
        let read = store.read(*id, at(0), at(CLOSED_MS)).unwrap();
        assert_eq!(read, expected, "series {n}");
    }
    assert!(store.stats().defects.values().all(|count| *count == 0));
    store.close().await;
}

#[tokio::test]
async fn roll_ups_of_the_first_version_are_read() {
    let folder = copied(&old("series"));
    // The samples of the day are gone.
    for gone in ["packs/2026-03-01", "blocks"] {
        fs::remove_dir_all(folder.path().join(gone)).unwrap();
    }
    let clock = TestClock::new();
    clock.set(at(CLOSED_MS));
    let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
    let by_metric = |metric| store.series_named(device(), metric)[0].id;
    let ask = |step: Duration, how| Ask {
        from: at(DAY),
        to: at(DAY + DAY_MS),
        step,
        how,
        interval: Duration::from_millis(POLL_MS.unsigned_abs()),
        replaced: Vec::new(),
        until: None,
    };
    for minutes in [5, 60] {
        let step = Duration::from_mins(minutes);
        let polls = minutes / 5;
        for how in [
            Aggregation::Rate,
            Aggregation::Peak,
            Aggregation::Min,
            Aggregation::Max,
            Aggregation::Last,
            Aggregation::Count,
        ] {
            let metric = match how {
                Aggregation::Rate | Aggregation::Peak => Metric::IF_HC_IN_OCTETS,
                _ => Metric::SENSOR_OTHER,
            };
            let read = store.steps(device(), &[by_metric(metric)], &ask(step, how));
            let read = read.unwrap().pop().unwrap();
            let name = if minutes == 5 { "5m" } else { "1h" };
            assert_eq!(read.coarsest().name(), name, "{how:?}");
            for (n, (start, value)) in (0_u64..).zip(&read.steps) {
                assert_eq!(*start, at(DAY).plus(step * u32::try_from(n).unwrap()));
                let first = (n * polls) as f64 / 8.0;
                let last = (n * polls + polls - 1) as f64 / 8.0;
                let expected = match how {
                    Aggregation::Min => first,
                    Aggregation::Max | Aggregation::Last => last,
                    Aggregation::Count => polls as f64,
                    _ => STEP as f64 * 1_000.0 / POLL_MS as f64,
                };
                // The pair across the end of the day is of nobody.
                let is_last = n + 1 == read.steps.len() as u64;
                let of_pairs = matches!(how, Aggregation::Rate | Aggregation::Peak);
                if of_pairs && is_last && minutes == 5 {
                    continue;
                }
                let value = value.unwrap_or(f64::NAN);
                assert!(
                    (value - expected).abs() < 1e-6,
                    "{how:?} {n}: {value} {expected}"
                );
            }
        }
    }
    store.close().await;
}

fn port() -> InterfaceId {
    InterfaceId::from_bytes([2; 16])
}

fn found() -> DeviceFound {
    DeviceFound {
        at: at(CLOSED_MS),
        status: Status::Degraded,
        interfaces_read: true,
        evidence: Vec::new(),
    }
}

fn found_of_port() -> InterfaceFound {
    let states = |oper| IfStates {
        oper: Some(oper),
        admin: Some(IfStatus::Up),
    };
    InterfaceFound {
        at: at(CLOSED_MS),
        before: Some(states(IfStatus::Up)),
        now: states(IfStatus::Down),
    }
}

#[tokio::test]
async fn a_month_of_history_of_the_first_version_is_read() {
    let folder = copied(&old("history"));
    let clock = TestClock::new();
    clock.set(at(CLOSED_MS));
    let opened = History::open(folder.path(), HistoryOptions::default(), clock.clock());
    let (history, damage) = opened.unwrap();
    assert!(damage.is_empty(), "{damage:?}");
    let until = at(CLOSED_MS + 1);
    let of_device = history.device(device(), at(0), until, true).unwrap();
    assert_eq!(of_device.first(), Some(&found()));
    let of_port = history.interface(port(), at(0), until).unwrap();
    assert_eq!(of_port.found, [found_of_port()]);
    assert_eq!(history.stats().damaged, 0);
    history.close().await;
}

const TEXTS: [&str; 2] = [
    "link 1 changed its state to down",
    "Größe of a packet that is too large",
];

#[tokio::test]
async fn a_day_of_events_of_the_first_version_is_read() {
    let folder = copied(&old("events"));
    let clock = TestClock::new();
    clock.set(at(CLOSED_MS));
    let opened = EventStore::open(folder.path(), EventOptions::default(), clock.clock());
    let (events, damage) = opened.unwrap();
    assert!(damage.is_empty(), "{damage:?}");
    let listed = async |text: &str| {
        let query = EventQuery {
            text: text.to_owned(),
            limit: 10,
            ..EventQuery::default()
        };
        events.query(query).await.unwrap().items
    };
    let all = listed("").await;
    assert_eq!(all.len(), TEXTS.len());
    for event in &all {
        assert!(TEXTS.contains(&event.text.as_str()), "{event:?}");
        let same = line(event.at, &event.text);
        assert_eq!((event.at, &event.body), (at(CLOSED_MS), &same.body));
        assert_eq!((event.severity, event.source), (same.severity, same.source));
    }
    // By the words that were written beside it.
    let found = listed("packet größe").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, TEXTS[1]);
    assert_eq!(events.stats().damaged, 0);
    events.close().await;
}
