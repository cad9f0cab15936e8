//! Documents on SQLite: the embedded database of documents.
//!
//! One thread writes ([`writer`]); writes that wait together share one synced commit. A few threads
//! read, each a snapshot. Every row carries a checksum, every collection the number and the digest
//! of its rows, so that what is damaged or missing is found; see [`row`] and [`verify`]. Documents of
//! an older server are brought to the present versions first; see [`migrate`]. Bytes:
//! `docs/formats/documents.md`.

mod apply;
mod file;
mod log;
mod migrate;
mod pages;
mod read;
mod reader;
pub mod row;
pub mod salvage;
mod verify;
mod version;
mod writer;

pub use migrate::{Migrated, Upgrade};
pub(crate) use salvage::header_is_sound;
pub(crate) use verify::{inspect, log_is_damaged};

use super::feed::{self, CHANGES_KEPT, Changed, Changes, Teller};
use super::{
    Answer, Change, CollectionSpec, DOCUMENT_BYTES_MAX, Damage, Document, Documents,
    DocumentsStats, PAGE_LEN_MAX, Query, RawPage,
};
use crate::{OpenError, StoreError};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Writes that wait for the writer. A commit takes some milliseconds and up to
/// [`writer::GROUP_LEN_MAX`] of them, so that a full queue is a tenth of a second behind.
const WRITE_QUEUE_LEN: usize = 1024;
/// Reads that wait for a reader; each takes well under a millisecond.
const READ_QUEUE_LEN: usize = 1024;
/// Threads that read. Reads are short and mostly from memory, and the machine has few cores.
const READERS: usize = 3;

/// How the documents are kept.
#[derive(Clone, Debug, Default)]
pub struct SqliteOptions {
    /// Octets that the database may grow to; none means as far as the disk goes. Beyond it changes
    /// are refused with [`StoreError::Full`] as where the disk is full.
    pub bytes_max: Option<u64>,
}

/// Documents in one SQLite file.
pub struct SqliteDocuments {
    queues: RwLock<Option<Queues>>,
    threads: Mutex<Option<Threads>>,
    counters: Arc<Counters>,
    upgrade: Upgrade,
}

#[derive(Clone)]
struct Queues {
    reads: mpsc::Sender<reader::Request>,
    writes: mpsc::Sender<writer::Request>,
    changes: broadcast::Sender<Arc<Changed>>,
}

struct Threads {
    readers: Vec<JoinHandle<()>>,
    writer: JoinHandle<()>,
}

/// What is counted; see [`DocumentsStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    writes: AtomicU64,
    writes_refused: AtomicU64,
    commits: AtomicU64,
    reads: AtomicU64,
    write_queue_full: AtomicU64,
    read_queue_full: AtomicU64,
    damaged: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl SqliteDocuments {
    /// Opens the file, made where it is not there, with these collections. What is damaged is set
    /// aside; see [`Documents::damaged`]. What is of an older version is brought to the present one;
    /// see [`Self::upgrade`].
    pub fn open(
        path: &Path,
        collections: &[&'static CollectionSpec],
        options: &SqliteOptions,
    ) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let (connection, upgrade) = salvage::open(path, collections, options)?;
        let damaged = row::damaged_count(&connection)
            .map_err(|source| file::failed("counting what is damaged", path, source))?;
        counters.damaged.store(damaged, Ordering::Relaxed);

        let (reads, read_requests) = mpsc::channel(READ_QUEUE_LEN);
        let (writes, write_requests) = mpsc::channel(WRITE_QUEUE_LEN);
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let read_requests = Arc::new(Mutex::new(read_requests));
        let mut readers = Vec::with_capacity(READERS);
        for number in 0..READERS {
            let connection = file::open_to_read(path)?;
            let requests = read_requests.clone();
            let name = format!("documents-read-{number}");
            readers.push(spawn(name, path, move || {
                reader::run(&connection, &requests);
            })?);
        }
        let write_thread = {
            let (counters, teller) = (counters.clone(), Teller::new(changes.clone()));
            spawn("documents-write".to_owned(), path, move || {
                writer::run(connection, write_requests, &counters, teller);
            })?
        };
        Ok(Self {
            queues: RwLock::new(Some(Queues {
                reads,
                writes,
                changes,
            })),
            threads: Mutex::new(Some(Threads {
                readers,
                writer: write_thread,
            })),
            counters,
            upgrade,
        })
    }

    /// What was done to documents of older versions when the file was opened.
    pub fn upgrade(&self) -> &Upgrade {
        &self.upgrade
    }

    fn queues(&self) -> Result<Queues, StoreError> {
        self.queues
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(StoreError::Closed)
    }

    /// Has a reader do `work`, and waits for its answer.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&reader::Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let queues = self.queues()?;
        let (answer, answered) = oneshot::channel();
        let Queues { reads, writes, .. } = queues;
        let request: reader::Request = Box::new(move |connection| {
            let reader = reader::Reader { connection, writes };
            // Where nobody waits any more, nobody needs the answer.
            let _ = answer.send(work(&reader));
        });
        send(&reads, request, &self.counters.read_queue_full).await?;
        drop(reads);
        count(&self.counters.reads);
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Sends, and counts where that had to wait.
async fn send<T>(queue: &mpsc::Sender<T>, request: T, full: &AtomicU64) -> Result<(), StoreError> {
    match queue.try_send(request) {
        Ok(()) => Ok(()),
        Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
        Err(mpsc::error::TrySendError::Full(request)) => {
            count(full);
            queue.send(request).await.map_err(|_| StoreError::Closed)
        }
    }
}

fn spawn(
    name: String,
    path: &Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(|source| OpenError::Io {
            operation: "starting a thread for",
            path: path.to_owned(),
            source,
        })
}

impl Documents for SqliteDocuments {
    fn get<'a>(
        &'a self,
        collection: &'static CollectionSpec,
        id: &'a str,
    ) -> Answer<'a, Option<Document>> {
        let id = id.to_owned();
        Box::pin(self.read(move |reader| reader.get(collection, &id)))
    }

    fn page(&self, collection: &'static CollectionSpec, mut query: Query) -> Answer<'_, RawPage> {
        query.limit = query.limit.clamp(1, PAGE_LEN_MAX);
        Box::pin(self.read(move |reader| reader.page(collection, &query)))
    }

    fn count(
        &self,
        collection: &'static CollectionSpec,
        index: Option<(&'static str, String)>,
    ) -> Answer<'_, u64> {
        Box::pin(self.read(move |reader| reader.count(collection, index)))
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, Vec<u64>> {
        Box::pin(async move {
            if let Some(refused) = changes.iter().find_map(too_large) {
                count(&self.counters.writes_refused);
                return Err(refused);
            }
            let (answer, answered) = oneshot::channel();
            let request = writer::Request::Write { changes, answer };
            let queues = self.queues()?;
            send(&queues.writes, request, &self.counters.write_queue_full).await?;
            drop(queues);
            answered.await.map_err(|_| StoreError::Closed)?
        })
    }

    fn damaged(&self) -> Answer<'_, Vec<Damage>> {
        // The method itself is tied to one lifetime.
        #[allow(clippy::redundant_closure_for_method_calls)]
        Box::pin(self.read(|reader| reader.damaged()))
    }

    fn changes(&self) -> Changes {
        let queues = self.queues();
        queues.map_or_else(|_| feed::ended(), |queues| queues.changes.subscribe())
    }

    fn stats(&self) -> DocumentsStats {
        let c = &self.counters;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DocumentsStats {
            writes: load(&c.writes),
            writes_refused: load(&c.writes_refused),
            commits: load(&c.commits),
            reads: load(&c.reads),
            write_queue_full: load(&c.write_queue_full),
            read_queue_full: load(&c.read_queue_full),
            damaged: load(&c.damaged),
        }
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let queues = self.take_queues();
            let threads = self.take_threads();
            let (done, finished) = oneshot::channel();
            // Waiting for threads blocks, and there may be no runtime to lend a thread for it.
            let joiner = std::thread::spawn(move || {
                finish(queues, threads);
                let _ = done.send(());
            });
            let _ = finished.await;
            let _ = joiner.join();
            Ok(())
        })
    }
}

impl SqliteDocuments {
    fn take_queues(&self) -> Option<Queues> {
        self.queues
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn take_threads(&self) -> Option<Threads> {
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for SqliteDocuments {
    fn drop(&mut self) {
        finish(self.take_queues(), self.take_threads());
    }
}

/// Lets the threads answer what waits, and waits for their end: the readers first, so that the
/// writer is the last to close the file and takes the log into it.
fn finish(queues: Option<Queues>, threads: Option<Threads>) {
    let writes = queues.map(|queues| queues.writes);
    if let Some(threads) = threads {
        for reader in threads.readers {
            let _ = reader.join();
        }
        drop(writes);
        let _ = threads.writer.join();
    }
}

fn too_large(change: &Change) -> Option<StoreError> {
    match change {
        Change::Put {
            collection,
            id,
            body,
            ..
        } if body.len() > DOCUMENT_BYTES_MAX => Some(StoreError::TooLarge {
            collection: collection.name,
            id: id.clone(),
            bytes: body.len(),
            bytes_max: DOCUMENT_BYTES_MAX,
        }),
        _ => None,
    }
}
