//! A series store in a folder of its own, with a clock that the test moves.

use foretell_store::series::{
    AppendError, Batch, Column, Maintained, Points, Resolved, SeriesOptions, SeriesRecovery,
    SeriesStore, SyncPolicy,
};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
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
        // What is sealed and merged is asked of samples of any age.
        late_max: Duration::from_hours(24 * 3_660),
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    }
}

/// A folder that need not survive anything but this process: in memory where the system has room for
/// files there, so that syncing costs nothing.
pub(crate) fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory);
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// A copy of a folder and all below it.
pub(crate) fn copied(folder: &Path) -> TempDir {
    let copy = quick_folder();
    copy_into(folder, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir(&copy).unwrap();
            copy_into(&path, &copy);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// Chance by xorshift: the same seed, the same numbers. Seeds are printed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Another seed in each process, unless `FORETELL_SEED` says which; it is printed.
    pub(crate) fn new() -> Self {
        let seed = times(
            "FORETELL_SEED",
            u64::from(std::process::id()) << 20 | 0x5eed,
        );
        println!("seed {seed}");
        Self(seed)
    }

    /// From 0 up to below a bound, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// How often, unless a variable of the environment says otherwise.
pub(crate) fn times(variable: &str, otherwise: u64) -> u64 {
    let told = std::env::var(variable);
    told.map_or(otherwise, |told| told.parse().expect("a number of times"))
}

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) clock: TestClock,
    store: Option<SeriesStore>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// Where syncing costs nothing.
    pub(crate) fn quick() -> Self {
        Self::within(quick_folder())
    }

    fn within(folder: TempDir) -> Self {
        let mut fixture = Self {
            folder,
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
