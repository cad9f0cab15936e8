//! A store in a folder of its own, a clock that stands still until it is moved, and things to keep.

use foretell_store::{OpenError, Recovery, Store, StoreOptions};
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::{Clock, DeviceId, Timestamp};
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
        Self {
            dir: tempfile::tempdir().unwrap(),
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

    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions::new(self.dir.path())
    }

    pub(crate) async fn try_open(&self) -> Result<(Store, Recovery), OpenError> {
        Store::open(self.options(), self.clock()).await
    }

    pub(crate) async fn open(&self) -> Store {
        let began = Instant::now();
        loop {
            match self.try_open().await {
                Err(OpenError::InUse { .. }) if began.elapsed() < FORKED_MAX => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                opened => return opened.unwrap().0,
            }
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
