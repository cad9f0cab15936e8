//! What was told or found at a moment: lines of logs, traps, the tops of flows.
//!
//! They are in files of their own, one SQLite file a UTC day with an index of words, and what is too
//! old or too much goes by deleting files. Samples are in `series`, changes of status in `history`,
//! what operators typed in `documents`. Begin with [`EventStore`]; one thread writes ([`writer`]),
//! readers have connections of their own ([`read`]). The format is in `docs/formats/events.md`.

mod day;
mod days;
mod error;
mod file;
mod read;
mod row;
mod save;
mod words;
mod writer;

pub use error::EventsError;
pub(crate) use file::inspect;
pub use read::{Cursor, EventPage, EventQuery, LIMIT_MAX};
pub use row::{BODY_LEN_MAX, TEXT_LEN_MAX};
pub use words::{INDEXED_LEN_MAX, SEARCH_LEN_MAX, WORDS_MAX};

use days::Days;
use model::{Clock, EventRecord};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use writer::{Request, Writer};

/// Appends that wait for the thread; a full queue makes their callers wait. Each listener has one
/// on its way, so that this is never reached by the server's own.
pub const QUEUE_MAX: usize = 64;
/// Events of one request to the thread: a longer append is cut into several, so that what waits is
/// bounded in memory by this times [`QUEUE_MAX`].
pub const BATCH_MAX: usize = 4_096;
/// Queries that read at once; others wait. Each may hold a page and a list of hits of one day.
pub const QUERIES_MAX: usize = 4;
/// Default of [`EventOptions::retention`].
pub const RETENTION_DEFAULT: Duration = Duration::from_hours(24 * 30);
/// Default of [`EventOptions::size_max`]: some 25 million lines.
pub const SIZE_MAX_DEFAULT: u64 = 10 << 30;

/// Settings of the event store.
#[derive(Clone, Copy, Debug)]
pub struct EventOptions {
    /// How long events are kept. A day goes when all of it is older.
    pub retention: Duration,
    /// Octets that all files may have. Over it the oldest days go; where only the present day is
    /// left, no more is taken until it ends.
    pub size_max: u64,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            retention: RETENTION_DEFAULT,
            size_max: SIZE_MAX_DEFAULT,
        }
    }
}

/// What became of events that were appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Those that are durable now.
    pub stored: u64,
    /// Those that were there before: the same id at the same time.
    pub duplicates: u64,
    /// Those that were refused: of a time that is not kept, or beyond [`EventOptions::size_max`].
    pub refused: u64,
    /// Those of the refused that were beyond [`EventOptions::size_max`]: there may be room later.
    pub over_size: u64,
}

/// What has happened since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStats {
    /// Events that are durable.
    pub stored: u64,
    /// Events that were there before.
    pub duplicates: u64,
    /// Transactions those went in: what arrives together shares one.
    pub commits: u64,
    /// Events of a time that is not kept: before the retention, or far ahead of the clock.
    pub out_of_time: u64,
    /// Events that were not taken since the present day alone has [`EventOptions::size_max`].
    pub over_size: u64,
    /// Texts and bodies that were longer than is kept.
    pub cut: u64,
    /// Requests that failed, as on a full disk.
    pub failed: u64,
    /// Rows or files that are damaged and were left out.
    pub damaged: u64,
    /// Events that were saved from damaged files.
    pub saved: u64,
    /// Days that were deleted for their age or for room.
    pub days_deleted: u64,
    /// Days that are kept.
    pub days: u64,
    /// Octets of all files.
    pub size: u64,
    /// Queries that were answered.
    pub queries: u64,
    /// Queries that ended at the bound of what one may look at, and say so.
    pub queries_cut_short: u64,
    /// Requests that wait for the thread.
    pub queue_depth: u64,
}

/// The live counters behind [`EventStats`].
#[derive(Default)]
struct Counters {
    stored: AtomicU64,
    duplicates: AtomicU64,
    commits: AtomicU64,
    out_of_time: AtomicU64,
    over_size: AtomicU64,
    cut: AtomicU64,
    failed: AtomicU64,
    saved: AtomicU64,
    days_deleted: AtomicU64,
    queries: AtomicU64,
    queries_cut_short: AtomicU64,
}

/// Starts a thread by whose name what it costs is told.
fn spawn(
    folder: &Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, EventsError> {
    let thread = std::thread::Builder::new().name("store-events".to_owned());
    thread.spawn(work).map_err(|source| EventsError::Folder {
        operation: "starting a thread for",
        path: folder.to_owned(),
        source: Arc::new(source),
    })
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// What the thread and the readers share.
struct Parts {
    days: Days,
    clock: Clock,
    /// Tells how old something is.
    ages: Clock,
    counters: Counters,
    options: EventOptions,
}

/// The event store. Cheap to clone.
#[derive(Clone)]
pub struct EventStore(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    queue: mpsc::Sender<Request>,
    reading: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl EventStore {
    /// Opens the events kept in a folder, which is made where it is missing. Answers what was found
    /// damaged, each named; it was set aside, and what can be read of it is taken over meanwhile.
    /// Blocks while it looks.
    pub fn open(
        folder: &Path,
        options: EventOptions,
        clock: Clock,
    ) -> Result<(Self, Vec<String>), EventsError> {
        Self::open_aged(folder, options, (clock.clone(), clock))
    }

    /// The same with a second clock, by which it is told how old something is: see [`crate::ages`].
    pub fn open_aged(
        folder: &Path,
        options: EventOptions,
        (clock, ages): (Clock, Clock),
    ) -> Result<(Self, Vec<String>), EventsError> {
        let (days, damage) = Days::open(folder)?;
        let parts = Arc::new(Parts {
            days,
            clock,
            ages,
            counters: Counters::default(),
            options,
        });
        let (queue, requests) = mpsc::channel(QUEUE_MAX);
        let writer = Writer::new(Arc::clone(&parts));
        let thread = spawn(folder, move || writer.run(requests))?;
        let inner = Inner {
            parts,
            queue,
            reading: Arc::new(Semaphore::new(QUERIES_MAX)),
            threads: Mutex::new(vec![thread]),
        };
        let store = Self(Arc::new(inner));
        store.save_aside()?;
        Ok((store, damage))
    }

    /// Takes over what can be read of files that were set aside, on a thread of its own.
    fn save_aside(&self) -> Result<(), EventsError> {
        let days = &self.0.parts.days;
        let files = days.take_aside();
        if files.is_empty() {
            return Ok(());
        }
        let (parts, queue) = (Arc::clone(&self.0.parts), self.0.queue.downgrade());
        let thread = spawn(days.folder(), move || save::all(&parts, &queue, files))?;
        let mut threads = self
            .0
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// Keeps events, of whatever order and kind; durable and found by queries when it returns. The
    /// same event twice is kept once. What arrives while the disk is synced shares the next sync, so
    /// that a caller that brings thousands at once is served best.
    pub async fn append(&self, mut events: Vec<EventRecord>) -> Result<Appended, EventsError> {
        let mut total = Appended::default();
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(BATCH_MAX));
            let done = self.ask(|reply| Request::Append { events, reply }).await?;
            total.stored += done.stored;
            total.duplicates += done.duplicates;
            total.refused += done.refused;
            total.over_size += done.over_size;
            events = rest;
        }
        Ok(total)
    }

    /// A page of what is kept, newest first.
    pub async fn query(&self, query: EventQuery) -> Result<EventPage, EventsError> {
        let reading = Arc::clone(&self.0.reading);
        let permit = reading.acquire_owned().await;
        let permit = permit.map_err(|_| EventsError::Closed)?;
        let parts = Arc::clone(&self.0.parts);
        // Whoever asked may be gone before it has read, which takes its place all the same.
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read::page(&parts, &query)
        });
        match read.await {
            Ok(page) => page,
            Err(error) if error.is_panic() => Err(EventsError::Panicked),
            // The runtime ends, and took it no more.
            Err(_) => Err(EventsError::Closed),
        }
    }

    /// Deletes what is too old or too much, ends the files of days that are over, and mends what
    /// readers found damaged. To be called now and then, once a minute or less.
    pub async fn tend(&self) -> Result<(), EventsError> {
        let tended = self.ask(|reply| Request::Tend { reply }).await;
        self.save_aside().and(tended)
    }

    /// Counters and the depth of the queue, for `/metrics`.
    pub fn stats(&self) -> EventStats {
        let parts = &self.0.parts;
        let counters = &parts.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queue = &self.0.queue;
        EventStats {
            stored: get(&counters.stored),
            duplicates: get(&counters.duplicates),
            commits: get(&counters.commits),
            out_of_time: get(&counters.out_of_time),
            over_size: get(&counters.over_size),
            cut: get(&counters.cut),
            failed: get(&counters.failed),
            damaged: parts.days.damaged(),
            saved: get(&counters.saved),
            days_deleted: get(&counters.days_deleted),
            days: parts.days.count() as u64,
            size: parts.days.size(),
            queries: get(&counters.queries),
            queries_cut_short: get(&counters.queries_cut_short),
            queue_depth: (queue.max_capacity() - queue.capacity()) as u64,
        }
    }

    /// Writes what waits, and refuses later writes; reading goes on.
    pub async fn close(&self) {
        // An error means that it was closed before.
        let _ = self.ask(|reply| Request::Close { reply }).await;
        let threads = &self.0.threads;
        let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
        // What joining fails with is a panic of the thread, which was printed.
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, EventsError>>) -> Request,
    ) -> Result<T, EventsError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.queue.send(request(reply)).await;
        sent.map_err(|_| EventsError::Closed)?;
        answer.await.map_err(|_| EventsError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn queries_that_nobody_waits_for_any_more_keep_their_places_until_they_have_read() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_800_000_000_000));
        let opened = EventStore::open(folder.path(), EventOptions::default(), clock);
        let store = opened.unwrap().0;
        runtime.block_on(async {
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            for _ in 0..QUERIES_MAX {
                let mut query = std::pin::pin!(store.query(EventQuery::default()));
                assert!(polled(query.as_mut()).await.is_none());
            }
            assert_eq!(store.0.reading.available_permits(), 0);
            go_on.send(()).unwrap();
            busy.await.unwrap().unwrap();
            store.query(EventQuery::default()).await.unwrap();
            let all = u32::try_from(QUERIES_MAX).unwrap();
            let _all = store.0.reading.acquire_many(all).await.unwrap();
            store.close().await;
        });
    }

    /// Polls once.
    async fn polled<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(done) => Some(done),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
