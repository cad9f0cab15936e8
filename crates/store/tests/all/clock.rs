//! A clock that steps, back and forth: samples are taken and kept under the time that it told, what is
//! too far ahead is refused and counted, and sealing and merging lose nothing.

use crate::series_fixture::{BEGIN_MS, Chance, Fixture};
use foretell_store::series::{AHEAD_MAX, AppendError};
use model::{DeviceId, Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// What the clock does from one poll to the next, and how often in a hundred.
const STEPS: [(i64, u64); 9] = [
    (MINUTE_MS, 60),
    (20 * MINUTE_MS, 20),
    (-MINUTE_MS, 4),
    (-HOUR_MS, 4),
    (6 * HOUR_MS, 4),
    (-DAY_MS, 3),
    (2 * DAY_MS, 2),
    (-3 * DAY_MS, 2),
    (400 * DAY_MS, 1),
];
const POLLS: u64 = 400;
const SERIES: usize = 2;

#[tokio::test]
async fn a_clock_that_steps_loses_nothing() {
    let mut chance = Chance::new();
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, SERIES).await;
    let mut model: BTreeMap<i64, u64> = BTreeMap::new();
    let mut now = BEGIN_MS;
    for poll in 0..POLLS {
        let mut dice = chance.below(100);
        let (step, _) = STEPS
            .into_iter()
            .find(|(_, often)| {
                let is_it = dice < *often;
                dice = dice.saturating_sub(*often);
                is_it
            })
            .unwrap();
        now = (now + step).max(0);
        let at = Timestamp::from_unix_ms(now);
        fixture.clock.set(at);
        let values = series.iter().map(|one| (one.column, Value::U64(poll)));
        fixture
            .try_put(device_id, at, values.collect())
            .await
            .unwrap();
        model.insert(now, poll);
        if poll % 3 == 0 {
            fixture.store().maintain().await.unwrap();
        }
        if poll % 50 == 49 {
            check(&fixture, &series, &model, poll);
            fixture.reopen();
            check(&fixture, &series, &model, poll);
        }
    }
    // Time goes on, and what waited for it is sealed: the log does not grow for ever.
    let last = *model.keys().next_back().unwrap();
    for days in 1..6 {
        fixture
            .clock
            .set(Timestamp::from_unix_ms(last + days * DAY_MS));
        for _ in 0..20 {
            fixture.store().maintain().await.unwrap();
        }
    }
    check(&fixture, &series, &model, POLLS);
    let left = fixture.store().stats();
    assert_eq!((left.head_rows, left.log_segments), (0, 0));
    let recovery = fixture.reopen();
    assert_eq!(recovery.damage, Vec::<String>::new());
    check(&fixture, &series, &model, POLLS);
}

fn check(
    fixture: &Fixture,
    series: &[foretell_store::series::Resolved],
    model: &BTreeMap<i64, u64>,
    poll: u64,
) {
    let expected: Vec<(i64, Value)> = model.iter().map(|(at, v)| (*at, Value::U64(*v))).collect();
    for one in series {
        let all = (
            Timestamp::from_unix_ms(0),
            Timestamp::from_unix_ms(i64::MAX),
        );
        let found = fixture.store().read(one.id, all.0, all.1).unwrap();
        let found: Vec<_> = found.iter().map(|(at, v)| (at.unix_ms(), *v)).collect();
        assert_eq!(found, expected, "after poll {poll}");
    }
}

#[tokio::test]
async fn what_is_ahead_of_a_clock_that_went_back_is_refused_until_it_comes_there() {
    let fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 1).await[0];
    let begin = Timestamp::from_unix_ms(BEGIN_MS);
    let put = |at: Timestamp, value| {
        let values = vec![(series.column, Value::U64(value))];
        fixture.try_put(device_id, at, values)
    };
    let hour = Duration::from_hours(1);
    let noon = begin.plus(6 * hour);
    fixture.clock.set(noon);
    put(noon, 1).await.unwrap();
    // Six hours back: what a device with the right time says is too far ahead.
    fixture.clock.set(begin);
    for ahead in [AHEAD_MAX + Duration::from_millis(1), 6 * hour] {
        let refused = put(begin.plus(ahead), 2).await.unwrap_err();
        assert!(
            matches!(refused, AppendError::OutOfTime { .. }),
            "{refused}"
        );
    }
    assert_eq!(fixture.store().stats().defects["out_of_time"], 2);
    put(begin.plus(AHEAD_MAX), 3).await.unwrap();
    put(begin, 4).await.unwrap();
    // Right again.
    fixture.clock.set(noon);
    put(noon, 5).await.unwrap();
    assert_eq!(fixture.told(series), "0:4 60:3 360:5");
}
