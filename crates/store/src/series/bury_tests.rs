//! A deletion that was broken off between what makes it one and what is done of it afterwards.

use super::*;
use crate::series::{Batch, SeriesOptions, SeriesStore, SyncPolicy};
use model::{Clock, Labels, Metric, SeriesId, Value};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

struct Fixture {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    store: SeriesStore,
    device_id: DeviceId,
    id: SeriesId,
    column: Column,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(minute * 60_000)
}

fn open(folder: &Path, now: &Arc<AtomicI64>) -> SeriesStore {
    let now = Arc::clone(now);
    let clock = Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)));
    let options = SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    };
    SeriesStore::open(folder, options, clock).unwrap().0
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(0));
        let store = open(folder.path(), &now);
        let device_id = DeviceId::new();
        let keys = vec![(Metric::SENSOR_OTHER, Labels::default())];
        let resolved = store.resolve(device_id, keys).await.unwrap()[0];
        Self {
            folder,
            now,
            store,
            device_id,
            id: resolved.id,
            column: resolved.column,
        }
    }

    fn clock(&self, minute: i64) {
        self.now.store(at(minute).unix_ms(), Ordering::SeqCst);
    }

    async fn put(&self, minute: i64, value: u64) {
        let batch = Batch {
            device_id: self.device_id,
            at: at(minute),
            values: vec![(self.column, Value::U64(value))],
        };
        self.store.append(batch).await.unwrap();
    }

    fn read(&self) -> Vec<(i64, u64)> {
        let read = self.store.read(self.id, at(0), at(10_000)).unwrap();
        let told = read.into_iter().map(|(at, value)| {
            let Value::U64(value) = value else {
                panic!("{value:?}")
            };
            (at.unix_ms() / 60_000, value)
        });
        told.collect()
    }

    /// Makes a tombstone durable, and does nothing of what follows.
    async fn only_bury(&self, from: i64, to: i64) {
        let (store, device_id) = (self.store.clone(), self.device_id);
        let work = move || {
            let parts = store.parts();
            let queues = store.0.threads.queues().unwrap();
            let still = still(&queues.log).unwrap();
            let stones = vec![Tombstone {
                id: parts.tombstones.give_id(),
                device_id,
                columns: None,
                from_ms: at(from).unix_ms(),
                to_ms: at(to).unix_ms(),
                generation: parts.packs.give_generation(),
                cut: still.cut,
                patched: false,
                made_at: None,
            }];
            ask(&queues.registry, |reply| registry::Request::Bury {
                stones,
                reply,
            })
            .unwrap();
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_durable_is_done_after_the_start_before_anything_is_sealed() {
    let mut fixture = Fixture::new().await;
    for minute in [1, 31] {
        fixture.put(minute, 1).await;
    }
    fixture.clock(62);
    fixture.store.maintain().await.unwrap();
    // A patch, and what is in the log alone.
    fixture.put(2, 2).await;
    fixture.store.maintain().await.unwrap();
    fixture.put(3, 3).await;
    assert_eq!(fixture.read(), [(1, 1), (2, 2), (3, 3), (31, 1)]);
    fixture.only_bury(0, 30).await;
    // As after a crash.
    drop(fixture.store);
    fixture.store = open(fixture.folder.path(), &fixture.now);
    assert_eq!(fixture.read(), [(31, 1)]);
    // Written again before a pass: nothing of it is hidden by a tombstone that is not done with patches.
    fixture.put(2, 2).await;
    assert_eq!(fixture.read(), [(2, 2), (31, 1)]);
    assert!(!fixture.store.parts().tombstones.all()[0].patched);
    fixture.clock(63);
    fixture.store.maintain().await.unwrap();
    assert!(fixture.store.parts().tombstones.all()[0].patched);
    assert_eq!(fixture.read(), [(2, 2), (31, 1)]);
    // It goes with the merge to two hours.
    fixture.clock(122);
    for _ in 0..2 {
        fixture.store.maintain().await.unwrap();
    }
    assert_eq!(fixture.read(), [(2, 2), (31, 1)]);
    assert_eq!(fixture.store.tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_from_before_stays_hidden_where_the_archive_is_not_set_up() {
    let mut fixture = Fixture::new().await;
    fixture.put(1, 1).await;
    fixture.clock(62);
    fixture.store.maintain().await.unwrap();
    for days in [vec![(at(0), 0)], Vec::new()] {
        fixture.store.note_archived(days.iter().copied().collect());
        let (store, device_id) = (fixture.store.clone(), fixture.device_id);
        let graves = vec![Grave {
            device_id,
            columns: None,
        }];
        let work = move || store.bury(graves, (at(0), at(30)));
        tokio::task::spawn_blocking(work).await.unwrap().unwrap();
        fixture.clock(122);
        assert!(fixture.store.stats().tombstone_oldest_secs >= 3_600);
        for _ in 0..3 {
            fixture.store.maintain().await.unwrap();
        }
        // What is left is not here.
        assert_eq!(fixture.store.stats().tombstone_oldest_secs, 0);
        let left = fixture.store.tombstones();
        assert_eq!(left, days.len());
        if left == 0 {
            break;
        }
        // Its archived day is gone.
        fixture.store = open(fixture.folder.path(), &fixture.now);
        assert_eq!(fixture.store.tombstones(), 1);
        fixture.clock(62);
    }
    assert_eq!(fixture.store.tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_that_go_by_age_are_rolled_up_without_what_was_deleted_and_no_more() {
    const DAY: i64 = 24 * 60;
    let fixture = Fixture::new().await;
    for minute in (0..DAY).step_by(10) {
        fixture.clock(minute);
        fixture.put(minute, 1).await;
        if minute % 120 == 30 {
            fixture.store.maintain().await.unwrap();
        }
    }
    for pass in 0..6 {
        fixture.clock(DAY + 60 + pass * 31);
        fixture.store.maintain().await.unwrap();
    }
    let counts = || -> Vec<f64> {
        let ask = crate::series::Ask {
            from: at(0),
            to: at(DAY),
            step: Duration::from_hours(1),
            how: crate::series::Aggregation::Count,
            interval: Duration::from_mins(10),
            replaced: Vec::new(),
            until: None,
        };
        let told = fixture.store.steps(fixture.device_id, &[fixture.id], &ask);
        let steps = told.unwrap().remove(0).steps.into_iter();
        steps.map(|(_, count)| count.unwrap_or(0.0)).collect()
    };
    let mut expected = vec![6.0; 24];
    assert_eq!(counts(), expected);
    let (store, device_id) = (fixture.store.clone(), fixture.device_id);
    let graves = vec![Grave {
        device_id,
        columns: None,
    }];
    let range = (at(13 * 60 + 10), at(13 * 60 + 20));
    let work = move || {
        store.bury(graves, range).unwrap();
        let list = store.parts().packs.list();
        let ids = list.iter().map(|meta| meta.id);
        let ids: Vec<PackId> = ids.filter(|id| id.kind == Kind::Samples).collect();
        store.remove_packs(&ids, &|_, _| true).unwrap()
    };
    let gone = tokio::task::spawn_blocking(work).await.unwrap();
    assert_eq!(gone.len(), 1, "{gone:?}");
    expected[13] = 5.0;
    assert_eq!(counts(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_is_refused() {
    let fixture = Fixture::new().await;
    fixture.clock(100);
    let graves = (0..=TOMBSTONES_MAX).map(|_| Grave {
        device_id: DeviceId::new(),
        columns: None,
    });
    let (store, graves) = (fixture.store.clone(), graves.collect());
    let work = move || store.bury(graves, (at(0), at(1)));
    let refused = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(
        matches!(refused, Err(SeriesError::TooManyDeleted { .. })),
        "{refused:?}"
    );
    assert_eq!(fixture.store.tombstones(), 0);
}

/// Deletes minutes of the device, and answers what waits then.
async fn buried(fixture: &Fixture, columns: Option<&[Column]>, range: (i64, i64)) -> usize {
    let (store, device_id) = (fixture.store.clone(), fixture.device_id);
    let graves = vec![Grave {
        device_id,
        columns: columns.map(<[Column]>::to_vec),
    }];
    let work = move || store.bury(graves, (at(range.0), at(range.1)));
    tokio::task::spawn_blocking(work).await.unwrap().unwrap();
    fixture.store.tombstones()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_is_deleted_once_more_is_remembered_once() {
    let mut fixture = Fixture::new().await;
    for minute in [1, 31] {
        fixture.put(minute, 1).await;
    }
    fixture.clock(62);
    fixture.store.maintain().await.unwrap();
    let columns = [fixture.column, Column(fixture.column.0 + 1)];
    fixture.clock(63);
    for (columns, range, waits) in [
        (Some(&columns[..1]), (1, 30), 1),
        (Some(&columns[..1]), (1, 30), 1),
        // More series, all of them, and a part of the time alone.
        (Some(&columns[..]), (0, 30), 1),
        (None, (0, 30), 1),
        (Some(&columns[..1]), (1, 31), 2),
        (None, (2, 31), 3),
    ] {
        assert_eq!(buried(&fixture, columns, range).await, waits, "{range:?}");
        assert_eq!(fixture.read(), [(31, 1)], "{range:?}");
        fixture.put(2, 2).await;
        assert_eq!(fixture.read(), [(2, 2), (31, 1)], "it was written again");
    }
    drop(fixture.store);
    fixture.store = open(fixture.folder.path(), &fixture.now);
    assert_eq!(fixture.store.tombstones(), 3);
    assert_eq!(fixture.read(), [(2, 2), (31, 1)]);
    // It is as old as what has been in the files for longest.
    fixture.clock(123);
    assert_eq!(fixture.store.stats().tombstone_oldest_secs, 3_600);
    assert_eq!(buried(&fixture, None, (0, 31)).await, 1);
    assert_eq!(fixture.store.stats().tombstone_oldest_secs, 3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_in_the_archive_alone_hinders_no_more_deleting() {
    let fixture = Fixture::new().await;
    fixture.clock(62);
    let stones = |count: usize, to_ms: i64| -> Vec<Tombstone> {
        let parts = fixture.store.parts();
        let stone = |_| Tombstone {
            id: parts.tombstones.give_id(),
            device_id: DeviceId::new(),
            columns: None,
            from_ms: 0,
            to_ms,
            generation: 1,
            cut: 0,
            patched: true,
            made_at: None,
        };
        (0..count).map(stone).collect()
    };
    let all = &fixture.store.parts().tombstones;
    let archived = stones(TOMBSTONES_MAX, 1);
    let ids = archived.iter().map(|stone| stone.id).collect();
    all.add(archived);
    all.are_of_archive(ids);
    assert_eq!(buried(&fixture, None, (0, 1)).await, TOMBSTONES_MAX + 1);
    let more = stones(TOMBSTONES_ALL_MAX - all.len(), 1);
    let ids = more.iter().map(|stone| stone.id).collect();
    all.add(more);
    all.are_of_archive(ids);
    // One that takes the place of another is not one more.
    assert_eq!(buried(&fixture, None, (0, 1)).await, TOMBSTONES_ALL_MAX);
    let (store, device_id) = (fixture.store.clone(), fixture.device_id);
    let graves = vec![Grave {
        device_id,
        columns: None,
    }];
    let work = move || store.bury(graves, (at(5), at(6)));
    let refused = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(
        matches!(
            refused,
            Err(SeriesError::TooManyDeleted {
                max: TOMBSTONES_ALL_MAX,
                ..
            })
        ),
        "{refused:?}"
    );
}
