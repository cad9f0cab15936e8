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
