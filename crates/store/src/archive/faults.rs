//! Stores that fail, hang and tear: nothing counts before its manifest was read back, and the next pass
//! does what the one before did not.

use super::tests::{Kept, bits, day, on, read_day};
use super::*;
use crate::progress::Progress;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::sync::atomic::AtomicUsize;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is refused.
    Fails,
    /// It is done, and told as if it were not.
    DoneAndFails,
    /// Half of it is put, and told as if it were all.
    Torn,
}

/// A store in memory of which one call goes wrong.
#[derive(Debug)]
struct Faulty {
    store: InMemory,
    /// The call that goes wrong, counted down; none where it is beyond.
    at: AtomicUsize,
    calls: AtomicUsize,
    fault: Fault,
}

impl Faulty {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            store: InMemory::new(),
            at: AtomicUsize::new(usize::MAX),
            calls: AtomicUsize::new(0),
            fault,
        })
    }

    fn begin(&self, at: usize) {
        self.calls.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
    }

    fn goes_wrong(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) == self.at.load(Ordering::SeqCst)
    }
}

fn refused() -> object_store::Error {
    object_store::Error::Generic {
        store: "faulty",
        source: "it was refused".into(),
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, octets: PutPayload, how: PutOptions) -> Result<PutResult> {
        if !self.goes_wrong() {
            return self.store.put_opts(at, octets, how).await;
        }
        match self.fault {
            Fault::Fails => Err(refused()),
            Fault::DoneAndFails => {
                self.store.put_opts(at, octets, how).await?;
                Err(refused())
            }
            Fault::Torn => {
                let whole = bytes::Bytes::from(octets);
                let half = whole.slice(..whole.len() / 2);
                self.store.put_opts(at, half.into(), how).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        if self.goes_wrong() {
            return Err(refused());
        }
        self.store.get_opts(at, how).await
    }

    fn delete_stream(
        &self,
        names: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, how).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_counts_before_its_manifest_was_read_back() {
    let kept = Kept::new(2, 2).await;
    let expected = bits(&kept.of_day(day(0)));
    for fault in [Fault::Fails, Fault::DoneAndFails, Fault::Torn] {
        let mut at = 0;
        loop {
            let store = Faulty::new(fault);
            let depot = Depot::of(Arc::<Faulty>::clone(&store), "", Handle::current());
            let archive = kept.archive_anew(Place::Depot(Box::new(depot))).await;
            store.begin(at);
            let done = on(&archive, |archive| archive.run(None, &Progress::default())).await;
            let calls = store.calls.load(Ordering::SeqCst);
            store.begin(usize::MAX);
            let known = archive.days();
            if known.is_empty() {
                assert!(
                    done.is_err() || done.unwrap().failed.is_some(),
                    "{fault:?} at {at}"
                );
            } else {
                let found = on(&archive, |archive| read_day(archive, day(0))).await;
                assert_eq!(bits(&found.unwrap()), expected, "{fault:?} at {at}");
            }
            let again = on(&archive, |archive| archive.run(None, &Progress::default())).await;
            assert_eq!(again.unwrap().failed, None, "{fault:?} at {at}");
            let found = on(&archive, |archive| read_day(archive, day(0))).await;
            assert_eq!(bits(&found.unwrap()), expected, "{fault:?} at {at}");
            if calls <= at {
                break;
            }
            at += 1;
        }
        assert!(at > 5, "{at} calls");
    }
}
