//! Queries over roll-ups, and roll-ups that stand where samples went: answers are what all samples say
//! that there ever were.

use crate::retention::{Kept, policy};
use crate::rollups::{Chance, DAY, METRICS, POLL, Poll, Polled, WAYS, over, polls, rolled_up};
use crate::series::files;
use crate::series_fixture::minute;
use foretell_store::series::attached::OfDevice;
use foretell_store::series::query::{Answer, LEVEL_RAW, Put, Query, QueryError, SAMPLES_MAX, run};
use foretell_store::series::{
    Aggregation, Ask, Attached, Batch, Breaks, Grain, Points, SeriesStore, aggregate, resets,
};
use model::{DeviceId, Timestamp, Value};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Single series of a range in minutes, by steps in seconds.
fn question(selector: &str, (from, to): (i64, i64), step_secs: u64, how: Aggregation) -> Query {
    Query {
        selector: selector.parse().unwrap(),
        from: minute(from),
        to: minute(to),
        step: Duration::from_secs(step_secs),
        over: Some(how),
        across: Put::Each,
        rows_max: 1_000,
        samples_max: SAMPLES_MAX,
        until: Instant::now() + Duration::from_mins(5),
    }
}

fn attached(device_id: DeviceId, interval: Duration) -> Attached {
    let of = OfDevice {
        interval: Some(interval),
        ..OfDevice::default()
    };
    Attached::new([(device_id, of)], [])
}

/// A poll every four minutes from the first of March, noon, for some days: a counter that wraps at 32
/// bits, one of 64, a gauge and a state. The device restarts as the third day begins.
fn regular(days: i64) -> Vec<Poll> {
    let midnight = 3 * DAY / 2;
    let mut chance = Chance(5);
    let (mut small, mut large) = (4_000_000_000_u64, 1_u64 << 50);
    let mut all = Vec::new();
    for at in (1..days * DAY).step_by(4) {
        small = (small + chance.next() % 9_000_000) % (1 << 32);
        large += chance.next() % 1_000_000_000;
        let mut up_minutes = at + 5_000;
        if at > midnight {
            // It went down behind the last poll of the day, and has counted some since.
            up_minutes = at - midnight + 2;
        }
        if at > midnight && at - 4 <= midnight {
            (small, large) = (77, 3_000_000);
        }
        all.push((
            minute(at),
            [
                Some(Value::U64(small)),
                Some(Value::U64(large)),
                Some(Value::F64(chance.next() as f64 % 100.0)),
                Some(Value::U64(1 + chance.next() % 3)),
                Some(Value::F64(up_minutes as f64 * 60.0)),
            ],
        ));
    }
    all
}

/// What all that was ever appended says.
fn expected(all: &[Poll], n: usize, query: &Query) -> Vec<Option<f64>> {
    let points = |n: usize| -> Points {
        let by_time: BTreeMap<Timestamp, Value> = all
            .iter()
            .filter_map(|(at, values)| Some((*at, values[n]?)))
            .collect();
        by_time.into_iter().collect()
    };
    let breaks = Breaks::new(POLL, resets(&points(4)), &[]);
    let (from, to, how) = (query.from, query.to, query.over.unwrap());
    let told = aggregate(&points(n), from, to, query.step, how, &breaks);
    told.into_iter().map(|(_, value)| value).collect()
}

/// Holds the rows of all series against what was appended.
fn check(polled: &Polled, all: &[Poll], query: &Query) -> Answer {
    let attached = attached(polled.device_id, POLL);
    let told = run(polled.fixture.store(), query, &attached).unwrap();
    for (n, series) in polled.series.iter().enumerate() {
        let row = told.rows.iter().find(|row| row.series == Some(series.id));
        let (told, expected) = (&row.unwrap().values, expected(all, n, query));
        assert_eq!(told.len(), expected.len());
        for (step, (told, expected)) in told.iter().zip(expected).enumerate() {
            let near = match (*told, expected) {
                // Of roll-ups rounded up to thousandths.
                (Some(told), Some(expected)) => {
                    let most = 1e-6 + expected.abs() * 1e-9;
                    let up = if query.over == Some(Aggregation::Peak) {
                        1e-3
                    } else {
                        0.0
                    };
                    (-most..=most + up).contains(&(told - expected))
                }
                (told, expected) => told == expected,
            };
            let name = METRICS[n].name();
            let (from, how) = (query.from, query.over);
            assert!(
                near,
                "{name} {how:?} from {from}, step {step}: {told:?}, not {expected:?}"
            );
        }
    }
    let ends = (told.parts[0].from, told.parts[told.parts.len() - 1].to);
    assert_eq!(ends, (query.from, query.to));
    told
}

/// All ways over whole days, parts of days and less than one; answers the level of whole days by hours.
fn check_all(polled: &Polled, all: &[Poll], days: i64) -> &'static str {
    let whole = (-DAY / 2, days * DAY + DAY / 2);
    for range in [whole, (17, days * DAY - 301), (DAY + 30, DAY + 95)] {
        for step_secs in [300, 3_600, 25_200] {
            for how in WAYS {
                check(polled, all, &question("{}", range, step_secs, how));
            }
        }
    }
    check(
        polled,
        all,
        &question("{}", whole, 3_600, Aggregation::Rate),
    )
    .level
}

#[tokio::test]
async fn a_query_says_the_same_with_and_without_roll_ups() {
    let mut polled = Polled::new().await;
    let days = 4;
    let mut all = regular(days);
    polled.fixture.clock.set(minute(days * DAY));
    polled.append(&all).await;
    assert_eq!(check_all(&polled, &all, days), LEVEL_RAW);
    polled.settle(days * DAY).await;
    polled.settle((days + 1) * DAY).await;
    assert_eq!(check_all(&polled, &all, days), Grain::Hours.name());
    // Something comes late: as a patch, and rolled up anew.
    let late = (
        minute(2 * DAY).plus(Duration::from_secs(90)),
        [None, None, Some(Value::F64(1e6)), Some(Value::U64(9)), None],
    );
    polled.append(&[late]).await;
    all.push(late);
    check_all(&polled, &all, days);
    polled.fixture.maintain((days + 1) * DAY + 500).await;
    check_all(&polled, &all, days);
    polled.settle((days + 2) * DAY + 500).await;
    assert_eq!(check_all(&polled, &all, days), Grain::Hours.name());
    // The samples of a day go; the steps that its roll-ups answer are the same.
    polled.fixture.shut();
    for file in files(&polled.fixture, "packs/2026-03-03") {
        fs::remove_file(file).unwrap();
    }
    polled.fixture.reopen();
    let whole = (-DAY / 2, days * DAY + DAY / 2);
    let retired = |polled: &Polled, all: &[Poll]| {
        for step_secs in [300, 3_600, 86_400] {
            for how in [Aggregation::Count, Aggregation::Last] {
                check(polled, all, &question("{}", whole, step_secs, how));
            }
        }
        let rates = question("{}", whole, 3_600, Aggregation::Rate);
        let attached = attached(polled.device_id, POLL);
        let told = run(polled.fixture.store(), &rates, &attached).unwrap();
        let row = told
            .rows
            .iter()
            .find(|row| row.series == Some(polled.series[1].id));
        for (told, expected) in row.unwrap().values.iter().zip(expected(all, 1, &rates)) {
            let near = match (*told, expected) {
                (Some(told), Some(expected)) => (told - expected).abs() <= 1e-6 + expected * 1e-9,
                (told, expected) => told == expected,
            };
            assert!(near, "{told:?}, not {expected:?}");
        }
    };
    retired(&polled, &all);
    // Less than a day of it: of hours, as there is nothing else.
    let part = question(
        "ifHCInOctets",
        (2 * DAY, 2 * DAY + 120),
        3_600,
        Aggregation::Rate,
    );
    let told = run(
        polled.fixture.store(),
        &part,
        &attached(polled.device_id, POLL),
    )
    .unwrap();
    assert_eq!(told.level, Grain::Hours.name());
    assert!(told.rows[0].values.iter().all(Option::is_some), "{told:?}");
    // One more sample of that day does not stand for all of it, nor when the day is one pack again.
    let more = (
        minute(2 * DAY + 3),
        [None, Some(Value::U64(1)), None, None, None],
    );
    polled.append(&[more]).await;
    retired(&polled, &all);
    polled.settle((days + 4) * DAY).await;
    retired(&polled, &all);
    polled.append(&[more]).await;
    retired(&polled, &all);
}

/// The samples of one series of a day go by policy: its roll-ups are taken over when the day is rolled up
/// anew, become part of the month, and stay when something of it comes late.
#[tokio::test]
async fn roll_ups_of_a_series_whose_samples_went_become_part_of_the_month() {
    let kept = Kept::new().await;
    kept.put(&policy("round trips", &["icmp_.*"], &["core"], 2))
        .await;
    let (device_id, series) = &kept.core;
    let store: &SeriesStore = &kept.store.series;
    let from = kept.cut(4);
    let day = Duration::from_hours(24);
    let query = Query {
        from,
        to: from.plus(day * 2),
        step: Duration::from_hours(1),
        ..question("{}", (0, 1), 1, Aggregation::Count)
    };
    let attached = kept.store.inventory.attached();
    let rows = |step: Duration| {
        let told = run(
            store,
            &Query {
                step,
                ..query.clone()
            },
            &attached,
        )
        .unwrap();
        let rows: BTreeMap<_, _> = told
            .rows
            .into_iter()
            .map(|row| (row.series.unwrap(), row.values))
            .collect();
        (rows, told.level)
    };
    let before = rows(query.step);
    assert_eq!(before.1, Grain::Hours.name());
    let gone = [series[0].id];
    let ask = Ask {
        from,
        to: query.to,
        step: query.step,
        how: Aggregation::Max,
        interval: Duration::from_mins(30),
        replaced: Vec::new(),
        until: None,
    };
    let most = store.steps(*device_id, &gone, &ask).unwrap();
    assert!(kept.pass().await.days_rewritten > 0);
    assert_eq!(rows(query.step).0, before.0, "as it was written again");
    let half_hours = rows(Duration::from_mins(30));
    let sum = |values: &[Option<f64>]| values.iter().flatten().sum::<f64>();
    for (id, values) in &half_hours.0 {
        let whole = sum(&before.0[id]);
        assert!((sum(values) - whole).abs() < 0.5, "{values:?}, not {whole}");
    }
    let settle = async |passes: usize| {
        for _ in 0..passes {
            kept.fixture.pass(Duration::from_mins(31));
            store.maintain().await.unwrap();
        }
    };
    settle(8).await;
    assert_eq!(rows(query.step), before, "rolled up anew");
    // One of its samples comes again.
    let batch = Batch {
        device_id: *device_id,
        at: from.plus(Duration::from_secs(61)),
        values: vec![(series[0].column, Value::U64(1_000))],
    };
    store.append(batch).await.unwrap();
    for _ in 0..4 {
        assert_eq!(rows(query.step).0, before.0);
        assert_eq!(
            store.steps(*device_id, &gone, &ask).unwrap()[0].steps,
            most[0].steps
        );
        settle(4).await;
    }
    kept.fixture.pass(day * 40);
    settle(60).await;
    let of_month: Vec<String> = fs::read_dir(kept.fixture.dir.path().join("series/packs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().len() == "2026-03".len())
        .flat_map(|month| fs::read_dir(month).unwrap())
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(of_month.len(), 2, "{of_month:?}");
    assert!(
        of_month.iter().all(|name| name.contains("-month-")),
        "{of_month:?}"
    );
    assert_eq!(rows(query.step), before, "of the month");
    assert_eq!(store.steps(*device_id, &gone, &ask).unwrap(), most);
}

/// Its roll-ups are made anew of the samples before the month is put together.
#[tokio::test]
async fn a_damaged_day_of_which_there_are_samples_is_not_lost_to_its_month() {
    let polled = Polled::new().await;
    let to = 30 * DAY;
    let all: Vec<Poll> = polls(&mut Chance(3), 0, to)
        .into_iter()
        .step_by(12)
        .collect();
    polled.fixture.clock.set(minute(to));
    polled.append(&all).await;
    // The last day of March is not over.
    for pass in 0..40 {
        polled.fixture.maintain(to + pass).await;
    }
    let mut polled = polled;
    let whole = |how| over(-DAY / 2, 29 * DAY + DAY / 2, 3_600, how);
    let sound = polled.check(1, &whole(Aggregation::Rate));
    assert_eq!(sound.coarsest(), Grain::Hours);
    polled.fixture.shut();
    let damaged = files(&polled.fixture, "packs/2026-03")
        .into_iter()
        .filter(|file| file.to_string_lossy().contains("1h-d1"));
    let mut count = 0;
    for file in damaged.take(2) {
        let mut octets = fs::read(&file).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 0x55;
        fs::write(&file, octets).unwrap();
        count += 1;
    }
    assert_eq!(count, 2);
    polled.fixture.reopen();
    let mut months = 0;
    for day in 31..38 {
        for pass in 0..12 {
            months += polled.fixture.maintain(day * DAY + 31 * pass).await.months;
        }
    }
    assert!(months >= 2, "{months}: of each kind");
    let names: Vec<_> = files(&polled.fixture, "packs/2026-03")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "pack"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for n in 0..METRICS.len() {
        for how in [Aggregation::Rate, Aggregation::Last, Aggregation::Count] {
            polled.check(n, &whole(how));
        }
    }
    let told = polled.check(1, &whole(Aggregation::Rate));
    assert_eq!(told.parts, sound.parts, "no day of it is read of samples");
}

#[tokio::test]
async fn what_is_read_is_bounded_by_what_is_there_and_not_by_what_should_be() {
    let polled = rolled_up(3).await;
    // It was polled every four minutes; now it is once a day.
    let raised = attached(polled.device_id, Duration::from_hours(24));
    let whole = (-DAY / 2, 3 * DAY + DAY / 2);
    let mut query = question("{}", whole, 3_600, Aggregation::Stddev);
    query.samples_max = 5 * 5;
    match run(polled.fixture.store(), &query, &raised) {
        Err(QueryError::TooManySamples { samples, max, .. }) => {
            assert_eq!(max, 25);
            // Some were read, and no more of a day than one may be.
            assert!((51..400).contains(&samples), "{samples}");
        }
        other => panic!("{other:?}"),
    }
    query.samples_max = SAMPLES_MAX;
    let told = run(polled.fixture.store(), &query, &raised).unwrap();
    assert_eq!(told.level, LEVEL_RAW);
    assert!(told.cost.samples > 1_000, "{:?}", told.cost);
    // Of roll-ups the buckets count.
    query.over = Some(Aggregation::Last);
    let told = run(polled.fixture.store(), &query, &raised).unwrap();
    assert_eq!(told.level, Grain::Hours.name());
    let read = told.cost.samples;
    assert!(read > 5 * 24 && read < 5 * 4 * 24 * 2 + 5, "{read}");
    query.samples_max = read / 2 - 1;
    let refused = run(polled.fixture.store(), &query, &raised);
    let refused = matches!(refused, Err(QueryError::TooManySamples { .. }));
    assert!(refused, "{read}");
}
