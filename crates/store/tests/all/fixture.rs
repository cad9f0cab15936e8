//! A store in a folder of its own, a clock that stands still until it is moved, and things to keep.

use crate::series_fixture::quick_folder;
use foretell_store::{OpenError, Recovery, Store, StoreOptions};
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::{Clock, DeviceId, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a child that another test starts may hold the lock of a folder that was closed meanwhile:
/// it has all that is open here until it becomes another program.
pub(crate) const FORKED_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    now_ms: Arc<AtomicI64>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// Where syncing costs nothing: see [`quick_folder`].
    pub(crate) fn quick() -> Self {
        Self::of(quick_folder())
    }

    /// In a folder below another one.
    pub(crate) fn within(folder: &Path) -> Self {
        Self::of(tempfile::tempdir_in(folder).unwrap())
    }

    fn of(dir: TempDir) -> Self {
        Self {
            dir,
            now_ms: Arc::new(AtomicI64::new(1_800_000_000_000)),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = self.now_ms.clone();
        Clock::new(move || Timestamp::from_unix_ms(now.load(Ordering::SeqCst)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Sets the clock, forth or back.
    pub(crate) fn set(&self, at: Timestamp) {
        self.now_ms.store(at.unix_ms(), Ordering::SeqCst);
    }

    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions::new(self.dir.path())
    }

    /// Opens the store of a folder that no other server has.
    pub(crate) async fn try_open(&self) -> Result<(Store, Recovery), OpenError> {
        open_unlocked(self.options(), self.clock()).await
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_as(&self.options()).await.0
    }

    pub(crate) async fn open_as(&self, options: &StoreOptions) -> (Store, Recovery) {
        let opened = open_unlocked(options.clone(), self.clock()).await;
        opened.unwrap()
    }
}

/// Opens a store, again where a child that another test starts holds its lock for a moment.
pub(crate) async fn open_unlocked(
    options: StoreOptions,
    clock: Clock,
) -> Result<(Store, Recovery), OpenError> {
    let began = Instant::now();
    loop {
        match Store::open(options.clone(), clock.clone()).await {
            Err(OpenError::InUse { .. }) if began.elapsed() < FORKED_MAX => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            opened => return opened,
        }
    }
}

/// A device asked at `192.0.2.N`.
pub(crate) fn device(n: u8, now: Timestamp) -> Device {
    Device {
        id: DeviceId::new(),
        address: [192, 0, 2, n].into(),
        port: 161,
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed::default(),
        said: Said::default(),
        identity: Identity::default(),
        credential_id: None,
        interval_secs: 60,
        maintenance: None,
        created_at: now,
        conflict: None,
        replaced_at: Vec::new(),
    }
}
