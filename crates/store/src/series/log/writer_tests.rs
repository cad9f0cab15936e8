//! A disk that is full or fails to sync: told, counted, read on, and used again once it works.

use super::*;
use crate::disk::RealDisk;
use crate::series::{Resolved, SeriesOptions, SeriesStore};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value};
use std::path::Path;
use std::sync::Mutex;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Create,
    /// Half of what is appended gets there.
    Append,
    Sync,
}

#[derive(Clone)]
struct BadDisk(Arc<Mutex<Fault>>);

struct BadFile {
    file: Box<dyn DiskFile>,
    fault: Arc<Mutex<Fault>>,
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl BadDisk {
    fn set(&self, fault: Fault) {
        *self.0.lock().unwrap() = fault;
    }
}

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if *self.0.lock().unwrap() == Fault::Create {
            return Err(full());
        }
        Ok(Box::new(BadFile {
            file: RealDisk.create(path)?,
            fault: Arc::clone(&self.0),
        }))
    }
}

impl DiskFile for BadFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if *self.fault.lock().unwrap() == Fault::Append {
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(full());
        }
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        if *self.fault.lock().unwrap() == Fault::Sync {
            return Err(full());
        }
        self.file.sync()
    }
    fn cut(&mut self, _: u64) -> io::Result<()> {
        // The worst disk: what was half written stays.
        Err(full())
    }
}

fn open(dir: &Path, disk: &BadDisk) -> SeriesStore {
    let options = SeriesOptions {
        sync: SyncPolicy::EachBatch,
        maintain_every: None,
        ..SeriesOptions::default()
    };
    let clock = Clock::new(|| Timestamp::from_unix_ms(3_600_000));
    SeriesStore::open_on(dir, options, clock, Arc::new(disk.clone()))
        .unwrap()
        .0
}

async fn append(
    store: &SeriesStore,
    device_id: DeviceId,
    series: Resolved,
    secs: i64,
) -> Result<(), AppendError> {
    let at = Timestamp::from_unix_ms(secs * 1000);
    let values = vec![(series.column, Value::U64(secs.unsigned_abs()))];
    store
        .append(Batch {
            device_id,
            at,
            values,
        })
        .await
}

fn seconds(store: &SeriesStore, series: Resolved) -> Vec<i64> {
    let all = store.read(
        series.id,
        Timestamp::from_unix_ms(0),
        Timestamp::from_unix_ms(i64::MAX),
    );
    all.unwrap()
        .iter()
        .map(|(at, _)| at.unix_ms() / 1000)
        .collect()
}

#[tokio::test]
async fn a_disk_that_fails_refuses_and_is_used_again() {
    for (fault, told) in [
        (Fault::Create, "opened"),
        (Fault::Append, "written"),
        (Fault::Sync, "synced"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let disk = BadDisk(Arc::new(Mutex::new(Fault::None)));
        let store = open(folder.path(), &disk);
        let device_id = DeviceId::new();
        let keys = vec![(Metric::ICMP_RTT, Labels::default())];
        let series = store.resolve(device_id, keys).await.unwrap()[0];
        if fault != Fault::Create {
            append(&store, device_id, series, 1).await.unwrap();
        }
        disk.set(fault);
        for secs in [2, 3] {
            let refused = append(&store, device_id, series, secs).await;
            let why = refused.unwrap_err().to_string();
            // The file that failed is given up, so the second try meets the fault anew.
            assert!(
                why.contains(told) || why.contains("opened"),
                "{fault:?}: {why}"
            );
        }
        let before = if fault == Fault::Create {
            vec![]
        } else {
            vec![1]
        };
        assert_eq!(
            seconds(&store, series),
            before,
            "{fault:?}: readers see only what is synced"
        );
        let failing = store.log_failing().unwrap();
        assert!(failing.is_full(), "{failing:?}");
        disk.set(Fault::None);
        append(&store, device_id, series, 4).await.unwrap();
        assert!(store.log_failing().is_none(), "{fault:?}");
        let after = [before, vec![4]].concat();
        assert_eq!(seconds(&store, series), after);
        let stats = store.stats();
        assert_eq!(
            (
                stats.samples_refused,
                stats.log_samples_refused,
                stats.defects["log_failed"]
            ),
            (2, 2, 2),
            "{fault:?}"
        );
        assert!(stats.log_segments <= 2, "files are left behind: {stats:?}");
        drop(store);
        // What was refused may have reached the disk before the fault; what was taken is there.
        let again = seconds(&open(folder.path(), &disk), series);
        assert!(
            after.iter().all(|secs| again.contains(secs)),
            "{fault:?}: {again:?}"
        );
        assert!(again.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[tokio::test]
async fn a_group_is_synced_once_and_closing_takes_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let options = SeriesOptions {
        sync: SyncPolicy::Every(std::time::Duration::from_millis(20)),
        maintain_every: None,
        ..SeriesOptions::default()
    };
    let clock = Clock::new(|| Timestamp::from_unix_ms(3_600_000));
    let (store, _) = SeriesStore::open(folder.path(), options, clock).unwrap();
    let device_id = DeviceId::new();
    let keys = vec![(Metric::ICMP_RTT, Labels::default())];
    let series = store.resolve(device_id, keys).await.unwrap()[0];
    append(&store, device_id, series, 0).await.unwrap();
    let appends: Vec<_> = (1..=50)
        .map(|secs| {
            let store = store.clone();
            tokio::spawn(async move { append(&store, device_id, series, secs).await })
        })
        .collect();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    let stats = store.stats();
    assert!(stats.log_syncs <= 10, "{stats:?}");
    assert!(stats.queue_high_water >= 2, "{stats:?}");
    store.close().await;
    let closed = append(&store, device_id, series, 99).await;
    assert!(matches!(closed, Err(AppendError::Closed)), "{closed:?}");
    assert_eq!(seconds(&store, series).len(), 51);
}
