//! A clock that steps, back and forth: samples are taken and kept under the time that it told, what is
//! too far ahead is refused and counted, sealing and merging lose nothing, and nothing goes for an age
//! that it has only by a clock that is wrong.

use crate::events::line;
use crate::fixture;
use crate::series_fixture::{BEGIN_MS, Chance, Fixture};
use foretell_store::Store;
use foretell_store::audit::{AuditAction, AuditCounts, AuditFilter, AuditState, What, Who};
use foretell_store::events::EventQuery;
use foretell_store::history::Record;
use foretell_store::series::{AHEAD_MAX, AppendError};
use model::history::DeviceFound;
use model::{DeviceId, Status, Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const DAY: Duration = Duration::from_hours(24);
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
    let mut fixture = Fixture::quick();
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

/// Something of each that goes for its age but samples: changes, events and entries of the audit.
async fn noted(store: &Store, device_id: DeviceId, at: Timestamp) {
    let found = DeviceFound {
        at,
        status: Status::Down,
        interfaces_read: false,
        evidence: Vec::new(),
    };
    let record = Record::Device {
        id: device_id,
        found,
    };
    let kept = store.history.append(vec![record]).await.unwrap();
    assert_eq!(kept, [true]);
    let stored = store.events.append(vec![line(at, "a line")]).await;
    assert_eq!(stored.unwrap().stored, 1);
    let who = Who {
        user_id: None,
        name: "server".to_owned(),
    };
    let what = What {
        action: AuditAction::Hold,
        selector: None,
        range: None,
        job_id: None,
        detail: None,
    };
    let (state, counts) = (AuditState::Done, AuditCounts::default());
    store.audit.note(&who, what, state, counts).await.unwrap();
}

/// What a server does from time to time, by its clock.
async fn tended(store: &Store) {
    store.history.alive().await.unwrap();
    store.events.tend().await.unwrap();
    store.audit.sweep().await.unwrap();
}

/// How many changes, events and entries of the audit there are.
async fn left(store: &Store, device_id: DeviceId) -> (usize, usize, usize) {
    let (from, to) = (
        Timestamp::default(),
        Timestamp::from_unix_ms(4_000_000_000_000),
    );
    let changes = store.history.device(device_id, from, to, false).unwrap();
    let query = EventQuery {
        limit: 100,
        ..EventQuery::default()
    };
    let events = store.events.query(query).await.unwrap().items;
    let filter = AuditFilter::default();
    let (entries, _) = store.audit.page(&filter, None, 100).await.unwrap();
    (changes.len(), events.len(), entries.len())
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_for_a_while_makes_nothing_old() {
    let place = fixture::Fixture::quick();
    let mut options = place.options();
    (options.history.retention, options.events.retention) = (DAY * 30, DAY * 7);
    let device_id = DeviceId::new();
    let store = place.open_as(&options).await.0;
    store.history.begin_run().await.unwrap();
    noted(&store, device_id, place.now()).await;
    let hour = Duration::from_hours(1);
    for _ in 0..3 {
        place.pass(hour);
        store.ages.go_on(place.now()).await.unwrap();
        tended(&store).await;
    }
    let right = place.now();
    place.pass(DAY * 1_500);
    tended(&store).await;
    for _ in 0..2 {
        place.pass(hour);
        store.ages.go_on(place.now()).await.unwrap();
        tended(&store).await;
    }
    store.close().await.unwrap();
    drop(store);
    // It is still wrong at the next start.
    let (store, recovery) = place.open_as(&options).await;
    assert_eq!(recovery.history, Vec::<String>::new());
    store.history.begin_run().await.unwrap();
    tended(&store).await;
    assert_eq!(left(&store, device_id).await, (1, 1, 1));
    place.set(right);
    store.ages.go_on(place.now()).await.unwrap();
    tended(&store).await;
    assert_eq!(left(&store, device_id).await, (1, 1, 1));
    // What is really old goes: the event after a week, the change a month after its month.
    for (days, expected) in [(8, (1, 0, 1)), (40, (0, 0, 1))] {
        for _ in 0..days * 12 {
            place.pass(2 * hour);
            store.ages.go_on(place.now()).await.unwrap();
        }
        tended(&store).await;
        assert_eq!(left(&store, device_id).await, expected, "{days} days later");
    }
    store.close().await.unwrap();
}
