//! Who waits for whom: passes, looks and restores at one archive, and whoever seals meanwhile. The store
//! is one that may keep each call waiting, or refuse it.

use super::kept_tests::read_all;
use super::tests::{DAY_MS, Kept, bits, day, on, run};
use super::*;
use crate::progress::Progress;
use crate::series::Grave;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// What a store is asked to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Put,
    Get,
    List,
}

type Before = Box<dyn Fn(Call, String) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A store in memory with something that is done before each call.
struct Slow {
    store: Arc<InMemory>,
    before: Before,
}

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slow")
    }
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slow")
    }
}

/// A place of which each call waits for something.
fn place(
    before: impl Fn(Call, String) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
) -> Place {
    let store = Slow {
        store: Arc::default(),
        before: Box::new(before),
    };
    let depot = Depot::of(Arc::new(store), "", Handle::current());
    Place::Depot(Box::new(depot))
}

#[async_trait]
impl ObjectStore for Slow {
    async fn put_opts(&self, at: &Path, octets: PutPayload, how: PutOptions) -> Result<PutResult> {
        (self.before)(Call::Put, at.to_string()).await?;
        self.store.put_opts(at, octets, how).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        (self.before)(Call::Get, at.to_string()).await?;
        self.store.get_opts(at, how).await
    }

    fn delete_stream(
        &self,
        names: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let asked = (self.before)(Call::List, String::new());
        let (store, prefix) = (Arc::clone(&self.store), prefix.cloned());
        let listed = asked.map_ok(move |()| store.list(prefix.as_ref()));
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, how).await
    }
}

fn refused() -> object_store::Error {
    object_store::Error::Generic {
        store: "slow",
        source: "it was refused".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_after_an_archiving_that_failed_does_not_come_back() {
    let mut kept = Kept::new(2, 2).await;
    // From the first manifest on nothing is answered, neither to reading it back nor to removing it.
    let (breaks, away) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicBool::new(false)),
    );
    let (off, is_away) = (Arc::clone(&breaks), Arc::clone(&away));
    let place = place(move |call, name| {
        let was_away = is_away.load(Ordering::SeqCst);
        let is_json = Path::from(name.as_str()).extension() == Some("json");
        let is_manifest = call == Call::Put && name.starts_with("20") && is_json;
        if is_manifest && off.load(Ordering::SeqCst) {
            is_away.store(true, Ordering::SeqCst);
        }
        let done = if was_away { Err(refused()) } else { Ok(()) };
        async { done }.boxed()
    });
    let archive = kept.archive(place).await;
    let done = on(&archive, |archive| archive.run(None, &Progress::default())).await;
    assert!(done.is_err(), "{done:?}");
    assert!(away.load(Ordering::SeqCst) && archive.days().is_empty());
    breaks.store(false, Ordering::SeqCst);
    away.store(false, Ordering::SeqCst);
    let (device_id, columns) = kept.series.iter().next().unwrap();
    let (device_id, series) = (*device_id, columns[0]);
    let grave = Grave {
        device_id,
        columns: Some(vec![series.column]),
    };
    let store = kept.store.series.clone();
    let deleted = tokio::task::spawn_blocking(move || store.bury(vec![grave], (day(0), day(1))));
    deleted.await.unwrap().unwrap();
    let of_series = kept.given.get_mut(&(device_id, series.id)).unwrap();
    of_series.retain(|at, _| *at >= day(1).unix_ms());
    for n in 3..6 {
        kept.settle(day(n).unix_ms() + DAY_MS / 4).await;
    }
    // Whoever looks finds it, as it was before that.
    assert_eq!(on(&archive, Archive::scan).await.unwrap(), 1);
    for n in 6..8 {
        let read = read_all(&kept.store.series, &kept.given).await;
        assert!(
            bits(&read) == bits(&kept.given),
            "what was deleted is there"
        );
        assert_eq!(kept.store.series.tombstones(), 1);
        kept.settle(day(n).unix_ms() + DAY_MS / 4).await;
    }
    // What is here is another pack by now: it is compared with what is there, and archived anew.
    let done = on(&archive, |archive| archive.run(None, &Progress::default())).await;
    assert!(done.unwrap().days > 1);
    assert!(archive.days().iter().all(|day| !day.thinned));
    let read = read_all(&kept.store.series, &kept.given).await;
    assert!(bits(&read) == bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_pass_has_its_turn_between_two_days_and_can_be_stopped() {
    let kept = Kept::new(1, 5).await;
    // A file of samples is put once it is let through.
    let gate = Arc::new(Semaphore::new(1));
    let at_gate = Arc::clone(&gate);
    let place = place(move |call, name| {
        let gate = Arc::clone(&at_gate);
        let waits = call == Call::Put && name.contains("samples-");
        async move {
            if waits {
                gate.acquire().await.unwrap().forget();
            }
            Ok(())
        }
        .boxed()
    });
    let archive = kept.archive(place).await;
    let first = Some((day(0), day(1)));
    let done = on(&archive, move |archive| {
        archive.run(first, &Progress::default())
    });
    assert_eq!(done.await.unwrap().days, 1);
    let restore = |progress: &Arc<Progress>| {
        let (archive, progress) = (archive.clone(), Arc::clone(progress));
        let work = move || archive.restore(day(0), day(1), day(9), "admin", &progress);
        tokio::task::spawn_blocking(work)
    };
    let at_work = archive.clone();
    let pass = tokio::task::spawn_blocking(move || at_work.run(None, &Progress::default()));
    let is_at_work = || archive.0.writing.try_lock().is_err();
    while !is_at_work() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // One that is told to stop does so though the pass holds the archive.
    let stopped = Arc::new(Progress::default());
    let waiting = restore(&stopped);
    stopped.stop();
    let done = waiting.await.unwrap();
    assert!(matches!(done, Err(ArchiveError::Stopped(_))), "{done:?}");
    let looked = on(&archive, Archive::scan).await;
    assert!(matches!(looked, Err(ArchiveError::Busy)), "{looked:?}");
    // One that waits has its turns, to look and for its day, before the last day of the pass, which waits
    // at the gate.
    let waiting = restore(&Arc::default());
    tokio::time::sleep(TURN_WAIT / 4).await;
    gate.add_permits(2);
    let restored = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    assert_eq!(restored.unwrap().unwrap().unwrap().days, 1);
    assert!(!pass.is_finished());
    gate.add_permits(1);
    assert_eq!(pass.await.unwrap().unwrap().days, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_seals_while_a_restore_waits_for_the_archive() {
    let kept = Kept::new(2, 2).await;
    let (sealing, held) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let (seals, is_held) = (Arc::clone(&sealing), Arc::clone(&held));
    let place = place(move |call, _| {
        let store: Option<SeriesStore> = lock(&seals).clone();
        let is_held = Arc::clone(&is_held);
        async move {
            if let Some(store) = store.filter(|_| call == Call::Get) {
                let sealed = tokio::time::timeout(Duration::from_secs(20), store.maintain()).await;
                is_held.fetch_or(sealed.is_err(), Ordering::SeqCst);
            }
            Ok(())
        }
        .boxed()
    });
    let archive = kept.archive(place.clone()).await;
    assert_eq!(run(&archive).await.days, 1);
    let empty = Kept::new(0, 1).await;
    let there = empty.archive(place).await;
    assert_eq!(on(&there, Archive::scan).await.unwrap(), 1);
    *lock(&sealing) = Some(empty.store.series.clone());
    let restored = on(&there, |archive| {
        archive.restore(day(0), day(1), day(30), "admin", &Progress::default())
    });
    assert_eq!(restored.await.unwrap().days, 1);
    *lock(&sealing) = None;
    assert!(!held.load(Ordering::SeqCst), "nothing was sealed meanwhile");
    let expected = kept.of_day(day(0));
    let read = read_all(&empty.store.series, &expected).await;
    assert_eq!(bits(&read), bits(&expected));
    // The copy of its files does not stay.
    let staging = empty.path().join("archive-staging");
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
}
