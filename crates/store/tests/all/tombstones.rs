//! Deleting samples of a range: what must not come back does not, and what is written again is there.

use crate::faulty_disk::{Fault, FaultyDisk};
use crate::series::{files, one};
use crate::series_fixture::{
    Fixture, TestClock, copied, minute, options, quick_folder, times, told,
};
use foretell_store::series::{
    Aggregation, AppendError, Ask, Batch, Column, Grave, LATE_MAX_DEFAULT, Resolved, SeriesError,
    SeriesOptions, SeriesStore, SyncPolicy,
};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DAY: i64 = 24 * 60;

async fn delete(
    store: &SeriesStore,
    device_id: DeviceId,
    columns: Option<Vec<Column>>,
    (from, to): (i64, i64),
) -> Result<(), SeriesError> {
    let store = store.clone();
    let graves = vec![Grave { device_id, columns }];
    let done = tokio::task::spawn_blocking(move || store.bury(graves, (minute(from), minute(to))));
    done.await.unwrap()
}

/// What is read of a series after the folder as it lies is opened.
fn after_a_crash(fixture: &Fixture, series: Resolved) -> String {
    let copy = copied(fixture.path());
    let opened = SeriesStore::open(copy.path(), options(), fixture.clock.clock());
    let (store, recovery) = opened.unwrap();
    assert_eq!(recovery.damage, [""; 0]);
    let read = store.read(series.id, minute(-DAY * 30), minute(DAY * 300));
    told(&read.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_wherever_it_was() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 2).await;
    let [kept, cut] = [series[0], series[1]];
    // A day that is one pack, a patch over it, half-hours of today, and what is only in the head.
    for at in [0, 40, DAY * 2, DAY * 2 + 40] {
        for one in [kept, cut] {
            fixture.put(device_id, one.column, at, 1).await;
        }
        fixture.store().maintain().await.unwrap();
    }
    for pass in 0..8 {
        fixture.maintain(DAY * 2 + 120 + pass).await;
    }
    fixture.put(device_id, cut.column, 45, 2).await;
    fixture.maintain(DAY * 2 + 130).await;
    for one in [kept, cut] {
        fixture.put(device_id, one.column, DAY * 2 + 131, 1).await;
    }
    assert!(!files(&fixture, "blocks").is_empty());
    let all = "0:1 40:1 2880:1 2920:1 3011:1";
    assert_eq!(fixture.told(cut), "0:1 40:1 45:2 2880:1 2920:1 3011:1");
    let range = (40, DAY * 2 + 132);
    delete(fixture.store(), device_id, Some(vec![cut.column]), range)
        .await
        .unwrap();
    for round in 0..3 {
        assert_eq!(fixture.told(cut), "0:1", "{round}");
        assert_eq!(fixture.told(kept), all, "{round}");
        assert_eq!(after_a_crash(&fixture, cut), "0:1", "{round}");
        assert_eq!(after_a_crash(&fixture, kept), all, "{round}");
        if round == 1 {
            fixture.maintain(DAY * 2 + 150).await;
        }
        fixture.reopen();
    }
    assert_eq!(fixture.store().tombstones(), 1);
    // Merged until nothing of it is in any file, and no segment of before is left.
    for pass in 0..60 {
        fixture.maintain(DAY * 3 + 60 + pass * 16).await;
        assert_eq!(fixture.told(cut), "0:1", "{pass}");
    }
    assert_eq!(fixture.store().tombstones(), 0);
    fixture.reopen();
    assert_eq!(fixture.told(cut), "0:1");
    assert_eq!(fixture.told(kept), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_again_with_the_same_value_is_not_lost() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 7).await;
    fixture.maintain(61).await;
    delete(fixture.store(), device_id, None, (0, 30))
        .await
        .unwrap();
    assert_eq!(fixture.told(series), "");
    fixture.put(device_id, series.column, 0, 7).await;
    for at in [62, 130, DAY + 60] {
        fixture.maintain(at).await;
        assert_eq!(fixture.told(series), "0:7");
        assert_eq!(after_a_crash(&fixture, series), "0:7");
    }
    fixture.reopen();
    assert_eq!(fixture.told(series), "0:7");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_the_log_do_not_begin_below_what_is_hidden() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    // Each opening begins a segment with a greater number.
    for at in 0..4 {
        fixture.put(device_id, series.column, at, 1).await;
        fixture.reopen();
    }
    fixture.maintain(61).await;
    delete(fixture.store(), device_id, None, (0, 30))
        .await
        .unwrap();
    fixture.maintain(62).await;
    fixture.shut();
    assert!(files(&fixture, "log").is_empty());
    fixture.reopen();
    assert_eq!(fixture.store().tombstones(), 1);
    fixture.put(device_id, series.column, 10, 5).await;
    assert_eq!(fixture.told(series), "10:5");
    assert_eq!(after_a_crash(&fixture, series), "10:5");
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_do_not_begin_below_what_is_hidden() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.maintain(61).await;
    // Given to nothing that is written.
    for _ in 0..3 {
        delete(fixture.store(), device_id, None, (0, 60))
            .await
            .unwrap();
    }
    fixture.reopen();
    // More than one device, and another half-hour: a pack and no patch.
    fixture.put(device_id, series.column, 35, 5).await;
    fixture.maintain(62).await;
    assert_eq!(fixture.told(series), "35:5");
    fixture.maintain(130).await;
    assert_eq!(fixture.told(series), "35:5");
    assert_eq!(after_a_crash(&fixture, series), "35:5");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_meanwhile_is_there_or_not_and_stays_so() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.clock.set(minute(100));
    for round in 0..20 {
        let store = fixture.store().clone();
        let appending = tokio::spawn(async move {
            for at in 0..40 {
                let batch = Batch {
                    device_id,
                    at: minute(at),
                    values: vec![(series.column, Value::U64(round))],
                };
                store.append(batch).await.unwrap();
            }
        });
        delete(fixture.store(), device_id, None, (0, 60))
            .await
            .unwrap();
        appending.await.unwrap();
        let seen = fixture.told(series);
        assert_eq!(after_a_crash(&fixture, series), seen, "{round}");
        fixture.store().maintain().await.unwrap();
        assert_eq!(fixture.told(series), seen, "{round}");
        assert_eq!(after_a_crash(&fixture, series), seen, "{round}");
    }
}

/// A device with two gauges, polled each half-hour through three days, which are rolled up.
async fn rolled_up(fixture: &Fixture) -> (DeviceId, Vec<Resolved>) {
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 2).await;
    for at in (0..3 * DAY).step_by(30) {
        let values = series.iter().map(|one| (one.column, Value::U64(3)));
        fixture.clock.set(minute(at));
        fixture
            .try_put(device_id, minute(at), values.collect())
            .await
            .unwrap();
        if at % 120 == 90 {
            fixture.store().maintain().await.unwrap();
        }
    }
    for pass in 0..12 {
        fixture.maintain(3 * DAY + 60 + pass * 31).await;
    }
    (device_id, series)
}

/// Samples by two hours over the day that begins twelve hours after test time.
fn counted(fixture: &Fixture, device_id: DeviceId, series: Resolved) -> (String, String) {
    let ask = Ask {
        from: minute(DAY / 2),
        to: minute(DAY / 2 + DAY),
        step: Duration::from_hours(2),
        how: Aggregation::Count,
        interval: Duration::from_mins(30),
        replaced: Vec::new(),
        until: None,
    };
    let told = fixture
        .store()
        .steps(device_id, &[series.id], &ask)
        .unwrap();
    let steps = told[0].steps.iter().map(|(_, count)| match count {
        Some(count) => format!("{count}"),
        None => "-".to_owned(),
    });
    (
        steps.collect::<Vec<_>>().join(" "),
        told[0].coarsest().name().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn roll_ups_of_before_are_not_used() {
    let mut fixture = Fixture::new();
    let (device_id, series) = rolled_up(&fixture).await;
    let whole = ("4 4 4 4 4 4 4 4 4 4 4 4".to_owned(), "1h".to_owned());
    let told = |fixture: &Fixture, n: usize| counted(fixture, device_id, series[n]);
    for n in 0..2 {
        assert_eq!(told(&fixture, n), whole);
    }
    // From 13:00 to 20:30 of the day, of one of them.
    let range = (DAY / 2 + 13 * 60, DAY / 2 + 20 * 60 + 30);
    let columns = Some(vec![series[1].column]);
    delete(fixture.store(), device_id, columns, range)
        .await
        .unwrap();
    let cut = "4 4 4 4 4 4 2 - - - 3 4";
    assert_eq!(told(&fixture, 1), (cut.to_owned(), "raw".to_owned()));
    assert_eq!(told(&fixture, 0), whole);
    fixture.reopen();
    assert_eq!(told(&fixture, 1), (cut.to_owned(), "raw".to_owned()));
    for pass in 0..6 {
        fixture.maintain(4 * DAY + pass * 16).await;
        assert_eq!(told(&fixture, 1).0, cut, "{pass}");
    }
    assert_eq!(told(&fixture, 1), (cut.to_owned(), "1h".to_owned()));
    assert_eq!(told(&fixture, 0), whole);
    assert_eq!(fixture.store().tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_samples_are_gone_buckets_that_meet_what_was_deleted_are_left_out() {
    let mut fixture = Fixture::new();
    let (device_id, series) = rolled_up(&fixture).await;
    fixture.shut();
    // The day's samples are gone; its roll-ups are in a folder of the month.
    fs::remove_dir_all(fixture.path().join("packs/2026-03-02")).unwrap();
    fixture.reopen();
    let told = |fixture: &Fixture, n: usize| counted(fixture, device_id, series[n]);
    let whole = ("4 4 4 4 4 4 4 4 4 4 4 4".to_owned(), "1h".to_owned());
    assert_eq!(told(&fixture, 1), whole);
    // From 13:10 to 13:20: the hour goes.
    let range = (DAY / 2 + 13 * 60 + 10, DAY / 2 + 13 * 60 + 20);
    let columns = Some(vec![series[1].column]);
    delete(fixture.store(), device_id, columns, range)
        .await
        .unwrap();
    let cut = ("4 4 4 4 4 4 2 4 4 4 4 4".to_owned(), "1h".to_owned());
    for pass in 0..6 {
        assert_eq!(told(&fixture, 1), cut, "{pass}");
        assert_eq!(told(&fixture, 0), whole, "{pass}");
        fixture.maintain(40 * DAY + pass * 31).await;
        fixture.reopen();
    }
    // The day is rolled up anew without it, and so is the month.
    for pass in 0..4 {
        fixture.maintain(41 * DAY + pass * DAY).await;
        assert_eq!(told(&fixture, 1), cut, "{pass}");
        assert_eq!(told(&fixture, 0), whole, "{pass}");
    }
    assert_eq!(fixture.store().tombstones(), 0);
    // All of the day goes: then they do.
    delete(fixture.store(), device_id, None, (0, 3 * DAY))
        .await
        .unwrap();
    let none = "- - - - - - - - - - - -";
    for pass in 0..8 {
        assert_eq!(told(&fixture, 1).0, none, "{pass}");
        assert_eq!(told(&fixture, 0).0, none, "{pass}");
        fixture.maintain(48 * DAY + pass * DAY + 60).await;
        fixture.reopen();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_hides_all_or_nothing() {
    for at in 0.. {
        let folder = quick_folder();
        let clock = TestClock::new();
        let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
        let device_id = DeviceId::new();
        let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
        let series = store.resolve(device_id, keys).await.unwrap()[0];
        drop(store);
        let disk = FaultyDisk::beside(Fault::Full, at, folder.path());
        let opened = SeriesStore::open_on(
            folder.path(),
            options(),
            clock.clock(),
            Arc::new(disk.clone()),
        );
        let mut written = Vec::new();
        let mut deleted = None;
        if let Ok((store, _)) = opened {
            for poll in 0..6 {
                clock.set(minute(poll * 20));
                let batch = Batch {
                    device_id,
                    at: minute(poll * 20),
                    values: vec![(series.column, Value::U64(1))],
                };
                if store.append(batch).await.is_ok() {
                    written.push(poll * 20);
                }
                let _ = store.maintain().await;
            }
            deleted = Some(delete(&store, device_id, None, (0, 70)).await.is_ok());
            let _ = store.maintain().await;
        }
        let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
        for _ in 0..2 {
            let found = store.read(series.id, minute(-10), minute(500)).unwrap();
            let found: Vec<i64> = found
                .iter()
                .map(|(at, _)| i64::try_from(at.since(minute(0)).as_secs()).unwrap() / 60)
                .collect();
            let left: Vec<i64> = written.iter().copied().filter(|at| *at >= 70).collect();
            match deleted {
                Some(true) => assert_eq!(found, left, "full at {at}"),
                _ => assert_eq!(found, written, "full at {at}"),
            }
            store.maintain().await.unwrap();
        }
        if !disk.was_hit() {
            break;
        }
    }
}

/// A device with two gauges and a day that is over, in half-hours and two hours, with a patch over it.
async fn a_day_to_merge(fixture: &Fixture) -> (DeviceId, Vec<Resolved>) {
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, 2).await;
    for at in (0..DAY).step_by(45) {
        let values = series.iter().map(|one| (one.column, Value::U64(3)));
        fixture.clock.set(minute(at));
        let put = fixture.try_put(device_id, minute(at), values.collect());
        put.await.unwrap();
        fixture.store().maintain().await.unwrap();
    }
    fixture.maintain(DAY).await;
    fixture.put(device_id, series[0].column, 50, 4).await;
    fixture.maintain(DAY + 10).await;
    (device_id, series)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_merge_that_failed_does_not_bring_back_what_was_deleted_since() {
    let mut fixture = Fixture::new();
    let (device_id, series) = a_day_to_merge(&fixture).await;
    fixture.shut();
    for at in 1.. {
        let folder = copied(fixture.path());
        let disk = FaultyDisk::beside(Fault::Once, at, folder.path());
        let clock = fixture.clock.clone();
        let opened = SeriesStore::open_on(
            folder.path(),
            options(),
            clock.clock(),
            Arc::new(disk.clone()),
        );
        let Ok((store, _)) = opened else {
            continue;
        };
        let pass = async |at: i64| {
            clock.set(minute(at));
            let _ = store.maintain().await;
        };
        // The day ends at noon of test time, and is merged an hour later.
        pass(DAY / 2 + DAY + 60).await;
        delete(&store, device_id, None, (40, DAY)).await.unwrap();
        for n in 0..80 {
            pass(DAY / 2 + DAY + 91 + n * 31).await;
            if store.tombstones() == 0 {
                break;
            }
        }
        assert_eq!(store.tombstones(), 0, "call {at}");
        drop(store);
        let (store, _) = SeriesStore::open(folder.path(), options(), clock.clock()).unwrap();
        for one in &series {
            let read = store.read(one.id, minute(-DAY), minute(DAY * 30)).unwrap();
            assert_eq!(told(&read), "0:3", "call {at}");
        }
        if !disk.was_hit() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_queue_is_deleted_and_what_comes_behind_it_is_not() {
    let folder = quick_folder();
    let clock = TestClock::new();
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(400)),
        ..options()
    };
    let (store, _) = SeriesStore::open(folder.path(), options, clock.clock()).unwrap();
    let device_id = DeviceId::new();
    let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
    let column = store.resolve(device_id, keys).await.unwrap()[0];
    clock.set(minute(60));
    let batch = |at, value| Batch {
        device_id,
        at: minute(at),
        values: vec![(column.column, Value::U64(value))],
    };
    // The next sync waits until its time comes.
    store.append(batch(50, 1)).await.unwrap();
    let sending = store.clone();
    let batches = (0..50).map(|at| batch(at, 1)).collect();
    let before = tokio::spawn(async move { sending.append_many(batches).await });
    let is_sent = || {
        let stats = store.stats();
        stats.samples_synced + stats.queue_depth > 50
    };
    while !is_sent() {
        tokio::task::yield_now().await;
    }
    delete(&store, device_id, None, (0, 60)).await.unwrap();
    assert!(before.await.unwrap().iter().all(Result::is_ok));
    // At the same times, with the same value and another.
    store.append(batch(7, 1)).await.unwrap();
    store.append(batch(8, 2)).await.unwrap();
    let read = |store: &SeriesStore| told(&store.read(column.id, minute(0), minute(60)).unwrap());
    assert_eq!(read(&store), "7:1 8:2");
    let copy = copied(folder.path());
    let (copy_of, _) =
        SeriesStore::open(copy.path(), crate::series_fixture::options(), clock.clock()).unwrap();
    assert_eq!(read(&copy_of), "7:1 8:2");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_old_the_oldest_is_is_told() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.maintain(61).await;
    let oldest = || fixture.store().stats().tombstone_oldest_secs;
    assert_eq!(oldest(), 0);
    for _ in 0..2 {
        delete(fixture.store(), device_id, None, (0, 30))
            .await
            .unwrap();
        fixture.clock.set(minute(71));
    }
    assert_eq!(oldest(), 600);
    fixture.maintain(130).await;
    fixture.maintain(131).await;
    assert_eq!((fixture.store().tombstones(), oldest()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_deleted_takes_its_tombstones_along() {
    let fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.maintain(61).await;
    delete(fixture.store(), device_id, None, (0, 30))
        .await
        .unwrap();
    assert_eq!(fixture.store().tombstones(), 1);
    fixture.store().delete_device(device_id).await.unwrap();
    assert_eq!(fixture.store().tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_registry_does_not_bring_back_what_was_deleted() {
    let mut fixture = Fixture::new();
    let (device_id, series) = one(&fixture).await;
    fixture.put(device_id, series.column, 0, 1).await;
    fixture.put(device_id, series.column, 30, 2).await;
    fixture.maintain(61).await;
    delete(fixture.store(), device_id, None, (0, 30))
        .await
        .unwrap();
    fixture.shut();
    let path = fixture.path().join("series.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // The first page says what is where.
    bytes[100..110].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let recovery = fixture.reopen();
    assert_eq!(recovery.damage.len(), 1, "{recovery:?}");
    assert_eq!(fixture.told(series), "30:2");
    assert_eq!(fixture.store().tombstones(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_samples_are_taken_of_a_stated_window_and_corrections_of_any_age() {
    let folder = quick_folder();
    let clock = TestClock::new();
    let options = SeriesOptions {
        late_max: LATE_MAX_DEFAULT,
        ..options()
    };
    let (store, _) = SeriesStore::open(folder.path(), options, clock.clock()).unwrap();
    let device_id = DeviceId::new();
    let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
    let series = store.resolve(device_id, keys).await.unwrap()[0];
    clock.set(minute(40 * DAY));
    let batch = |days: i64, value| Batch {
        device_id,
        at: minute(days * DAY),
        values: vec![(series.column, Value::U64(value))],
    };
    let done = store
        .append_many(vec![batch(33, 1), batch(32, 1), batch(39, 1), batch(39, 2)])
        .await;
    let taken: Vec<bool> = done.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, false, true, true], "{done:?}");
    assert!(matches!(done[1], Err(AppendError::TooLate { .. })));
    assert_eq!(store.stats().defects["too_late"], 1);
    let done = store.append_at_any_age(vec![batch(1, 9)]).await;
    assert!(done[0].is_ok());
    let read = store.read(series.id, minute(0), minute(50 * DAY)).unwrap();
    let expected = format!("{}:9 {}:1 {}:2", DAY, 33 * DAY, 39 * DAY);
    assert_eq!(told(&read), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_batches_share_their_syncs() {
    let folder = quick_folder();
    let clock = TestClock::new();
    let options = SeriesOptions {
        sync: SyncPolicy::Every(Duration::from_millis(100)),
        ..options()
    };
    let (store, _) = SeriesStore::open(folder.path(), options, clock.clock()).unwrap();
    let device_id = DeviceId::new();
    let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
    let column = store.resolve(device_id, keys).await.unwrap()[0].column;
    let batches = (0..3_000).map(|ms| Batch {
        device_id,
        at: Timestamp::from_unix_ms(minute(0).unix_ms() - ms * 60_000),
        values: vec![(column, Value::U64(1))],
    });
    let done = store.append_many(batches.collect()).await;
    assert!(done.iter().all(Result::is_ok));
    // One a sync would be some five minutes.
    assert!(store.stats().log_syncs < 100, "{:?}", store.stats());
}

/// `FORETELL_DELETE_SERIES` says of how many series, which is a thousand otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn many_series_at_once() {
    let fixture = Fixture::new();
    let all = times("FORETELL_DELETE_SERIES", 1_000);
    let each = 500.min(all);
    let mut graves = Vec::new();
    let mut last = None;
    for _ in 0..all / each {
        let device_id = DeviceId::new();
        let series = fixture
            .series(device_id, usize::try_from(each).unwrap())
            .await;
        let values = series.iter().map(|one| (one.column, Value::U64(1)));
        let values: Vec<_> = values.collect();
        fixture
            .try_put(device_id, minute(0), values.clone())
            .await
            .unwrap();
        let columns = series.iter().skip(1).map(|one| one.column).collect();
        graves.push(Grave {
            device_id,
            columns: Some(columns),
        });
        last = Some((series[0], series[1]));
    }
    let (began, count) = (Instant::now(), graves.len());
    let store = fixture.store().clone();
    let range = (minute(0), minute(1));
    let done = tokio::task::spawn_blocking(move || store.bury(graves, range));
    done.await.unwrap().unwrap();
    println!(
        "{all} series of {count} devices were deleted in {:?}",
        began.elapsed()
    );
    let (kept, gone) = last.unwrap();
    assert_eq!(fixture.told(kept), "0:1");
    assert_eq!(fixture.told(gone), "");
    assert_eq!(fixture.store().tombstones(), count);
}
