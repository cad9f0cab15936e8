//! A series store in a folder of its own, with a clock that the test moves.

use foretell_store::series::{
    AppendError, Batch, Column, Maintained, Points, Resolved, SeriesOptions, SeriesRecovery,
    SeriesStore, SyncPolicy,
};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// 2026-03-01T12:00:00Z: where test time begins.
pub(crate) const BEGIN_MS: i64 = 1_772_366_400_000;

/// A time, in minutes from where test time begins.
pub(crate) fn minute(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(BEGIN_MS + minute * 60_000)
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(BEGIN_MS)))
    }
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.unix_ms(), Ordering::SeqCst);
    }
    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
    }
}

pub(crate) fn options() -> SeriesOptions {
    SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    }
}

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) clock: TestClock,
    store: Option<SeriesStore>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let mut fixture = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: TestClock::new(),
            store: None,
        };
        fixture.reopen();
        fixture
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> &SeriesStore {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn shut(&mut self) {
        self.store = None;
    }

    pub(crate) fn reopen(&mut self) -> SeriesRecovery {
        self.store = None;
        let (store, recovery) =
            SeriesStore::open(self.folder.path(), options(), self.clock.clock()).unwrap();
        self.store = Some(store);
        recovery
    }

    /// Some series of a device: sensors numbered from 0.
    pub(crate) async fn series(&self, device_id: DeviceId, count: usize) -> Vec<Resolved> {
        let key = |n: usize| {
            let labels = Labels::default().with("sensor", n.to_string());
            (Metric::SENSOR_OTHER, labels)
        };
        let keys = (0..count).map(key).collect();
        self.store().resolve(device_id, keys).await.unwrap()
    }

    /// Appends one value of one series; the clock goes along.
    pub(crate) async fn put(&self, device_id: DeviceId, column: Column, at: i64, value: u64) {
        self.clock.set(minute(at).max(self.clock.clock().now()));
        self.try_put(device_id, minute(at), vec![(column, Value::U64(value))])
            .await
            .unwrap();
    }

    pub(crate) async fn try_put(
        &self,
        device_id: DeviceId,
        at: Timestamp,
        values: Vec<(Column, Value)>,
    ) -> Result<(), AppendError> {
        let batch = Batch {
            device_id,
            at,
            values,
        };
        self.store().append(batch).await
    }

    /// Lets the time come and seals and merges what is due.
    pub(crate) async fn maintain(&self, at: i64) -> Maintained {
        self.clock.set(minute(at));
        self.store().maintain().await.unwrap()
    }

    /// All of a series, as `minute:value`.
    pub(crate) fn told(&self, series: Resolved) -> String {
        told(
            &self
                .store()
                .read(series.id, Timestamp::from_unix_ms(0), minute(1 << 40))
                .unwrap(),
        )
    }
}

pub(crate) fn told(points: &Points) -> String {
    let told: Vec<String> = points
        .iter()
        .map(|(at, value)| {
            let minute = (at.unix_ms() - BEGIN_MS) / 60_000;
            match value {
                Value::U64(value) => format!("{minute}:{value}"),
                Value::F64(value) => format!("{minute}:{value:?}"),
            }
        })
        .collect();
    told.join(" ")
}
