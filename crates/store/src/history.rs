//! How devices and interfaces were: what was found at each change, when an operator worked on a
//! device, and when the server measured at all.
//!
//! Only changes are kept, so that a month of 10,000 devices is read in a moment; between two of them
//! things were as at the first, while the server ran. They are in files by UTC month, and what is too
//! old goes by deleting a file. Samples are not here but in `series`, sums not but in
//! `topology::availability`. Begin with [`History`]; one thread writes ([`writer`]), whoever likes
//! reads ([`read`]).

mod error;
mod file;
mod month;
mod months;
mod read;
mod row;
mod writer;

pub use error::HistoryError;
pub(crate) use file::inspect;
pub use read::InterfaceHistory;
pub use row::Record;

use model::history::Run;
use model::{Clock, DeviceId, InterfaceId, Timestamp};
use months::Months;
use row::{Kind, Subject};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use writer::{Request, Writer};

/// Changes of one device or interface that are kept of a UTC day. What is polled each minute and
/// changes with every poll has 1,440; what changes more often is polled more often, and its rest of
/// the day is `unknown`.
pub const CHANGES_PER_DAY_MAX: u32 = 2_000;
/// Changes that are read for one answer: 25 days of the above.
pub const CHANGES_READ_MAX: usize = 50_000;
/// Writes that wait for the thread. All 256 workers of ingest wait for theirs before they bring
/// another, so that this is enough; a full queue makes them wait.
pub const QUEUE_MAX: usize = 512;
/// Default of [`HistoryOptions::retention`]: a year, and a month to compare it with.
pub const RETENTION_DEFAULT: Duration = Duration::from_hours(24 * 400);
/// Default of [`HistoryOptions::silence`]: four signs of life that did not come.
pub const SILENCE_DEFAULT: Duration = Duration::from_mins(1);

/// Settings of the history.
#[derive(Clone, Copy, Debug)]
pub struct HistoryOptions {
    /// How long changes are kept. A month goes when all of it is older.
    pub retention: Duration,
    /// The longest pause between two signs of life. Over a longer one the process stood still, or
    /// the clock was set: nothing was measured meanwhile, and another run begins.
    pub silence: Duration,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            retention: RETENTION_DEFAULT,
            silence: SILENCE_DEFAULT,
        }
    }
}

/// What has happened since the history was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryStats {
    /// Changes that are durable.
    pub kept: u64,
    /// Transactions those went in: what arrives together shares one.
    pub commits: u64,
    /// Changes beyond [`CHANGES_PER_DAY_MAX`].
    pub over_bound: u64,
    /// Changes for a time far from the present.
    pub out_of_time: u64,
    /// Writes that failed.
    pub failed: u64,
    /// Rows or files that are damaged and were left out.
    pub damaged: u64,
    /// Months that were deleted for their age.
    pub months_deleted: u64,
    /// Months that are kept.
    pub months: u64,
    /// Writes waiting for the thread.
    pub queue_depth: u64,
}

/// The live counters behind [`HistoryStats`].
#[derive(Default)]
struct Counters {
    kept: AtomicU64,
    commits: AtomicU64,
    over_bound: AtomicU64,
    out_of_time: AtomicU64,
    failed: AtomicU64,
    months_deleted: AtomicU64,
}

/// What the thread and the readers share.
struct Parts {
    months: Months,
    clock: Clock,
    /// Tells how old something is.
    ages: Clock,
    counters: Counters,
    silence: Duration,
    /// The run at work, as it was written last; none where nothing is measured by this process.
    run: Mutex<Option<Run>>,
}

impl Parts {
    fn run(&self) -> std::sync::MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run at work until this moment; none where there was no sign of life for too long.
    fn run_until(&self, now: Timestamp) -> Option<Run> {
        let run = (*self.run())?;
        let until = run.until.max(now);
        (until.since(run.until) <= self.silence).then_some(Run { until, ..run })
    }
}

/// The history. Cheap to clone.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    queue: mpsc::Sender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl History {
    /// Opens the history kept in a folder, which is made where it is missing. Answers what was found
    /// damaged, each named; it was set aside and the rest is used. Blocks while it reads.
    pub fn open(
        folder: &Path,
        options: HistoryOptions,
        clock: Clock,
    ) -> Result<(Self, Vec<String>), HistoryError> {
        Self::open_aged(folder, options, (clock.clone(), clock))
    }

    /// The same with a second clock, by which it is told how old something is: see [`crate::ages`].
    pub fn open_aged(
        folder: &Path,
        options: HistoryOptions,
        (clock, ages): (Clock, Clock),
    ) -> Result<(Self, Vec<String>), HistoryError> {
        let (months, damage) = Months::open(folder)?;
        let parts = Arc::new(Parts {
            months,
            clock,
            ages,
            counters: Counters::default(),
            silence: options.silence,
            run: Mutex::default(),
        });
        let (queue, requests) = mpsc::channel(QUEUE_MAX);
        let writer = Writer::new(Arc::clone(&parts), options.retention);
        let thread = std::thread::spawn(move || writer.run(requests));
        let inner = Inner {
            parts,
            queue,
            thread: Mutex::new(Some(thread)),
        };
        Ok((Self(Arc::new(inner)), damage))
    }

    /// From now on this process measures. What was found before is not known to go on.
    pub async fn begin_run(&self) -> Result<(), HistoryError> {
        self.ask(|reply| Request::BeginRun { reply }).await
    }

    /// When the run at work began, or its part in this month; none where nothing is measured, or
    /// was not until a moment ago. What was found in another run is not known to hold in this one.
    pub fn run_began(&self) -> Option<Timestamp> {
        let parts = &self.0.parts;
        parts.run_until(parts.clock.now()).map(|run| run.from)
    }

    /// A sign of life: after a crash, what was found is taken to have held until the last of them.
    /// Deletes what is too old. To be called several times in [`HistoryOptions::silence`].
    pub async fn alive(&self) -> Result<(), HistoryError> {
        self.ask(|reply| Request::Alive { reply }).await
    }

    /// Keeps changes; durable when it returns. Says of each whether it was kept: one beyond
    /// [`CHANGES_PER_DAY_MAX`] or far from the present is not, and the caller tries again with how
    /// things are then. The same twice does no harm.
    pub async fn append(&self, records: Vec<Record>) -> Result<Vec<bool>, HistoryError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(|reply| Request::Append { records, reply }).await
    }

    /// Deletes what is kept of a device and its interfaces.
    pub async fn forget(
        &self,
        device_id: DeviceId,
        interfaces: impl IntoIterator<Item = InterfaceId>,
    ) -> Result<(), HistoryError> {
        let of_device = |kind| Subject {
            kind,
            id: *device_id.as_bytes(),
        };
        let mut subjects = vec![of_device(Kind::Device), of_device(Kind::Maintenance)];
        subjects.extend(interfaces.into_iter().map(|id| Subject {
            kind: Kind::Interface,
            id: *id.as_bytes(),
        }));
        self.ask(|reply| Request::Forget { subjects, reply }).await
    }

    /// Counters and the depth of the queue, for `/metrics`.
    pub fn stats(&self) -> HistoryStats {
        let counters = &self.0.parts.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queue = &self.0.queue;
        HistoryStats {
            kept: get(&counters.kept),
            commits: get(&counters.commits),
            over_bound: get(&counters.over_bound),
            out_of_time: get(&counters.out_of_time),
            failed: get(&counters.failed),
            damaged: self.0.parts.months.damaged(),
            months_deleted: get(&counters.months_deleted),
            months: self.0.parts.months.count() as u64,
            queue_depth: (queue.max_capacity() - queue.capacity()) as u64,
        }
    }

    /// Ends the run in order, writes what waits, and refuses later writes; reading goes on.
    pub async fn close(&self) {
        // An error means that it was closed before.
        let _ = self.ask(|reply| Request::Close { reply }).await;
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // What joining fails with is a panic of the thread, which was printed.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, HistoryError>>) -> Request,
    ) -> Result<T, HistoryError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.queue.send(request(reply)).await;
        sent.map_err(|_| HistoryError::Closed)?;
        answer.await.map_err(|_| HistoryError::Closed)?
    }
}

/// A run of the past in the parts in which runs are kept: one in each month.
pub fn by_month(run: Run) -> Vec<Run> {
    let mut parts = Vec::new();
    let mut from = run.from;
    loop {
        let end = month::Month::of(from).end();
        // A month that does not end is one of a time that no clock shows.
        let until = if end > from {
            end.min(run.until)
        } else {
            run.until
        };
        parts.push(Run { from, until });
        if until >= run.until {
            return parts;
        }
        from = until;
    }
}

/// What the columns of a row say; none where its kind is not known. The checksum is looked at before.
/// Public so that it can be fuzzed.
pub fn row_told(
    kind: i64,
    id: [u8; 16],
    at: Timestamp,
    value: i64,
    text: Option<String>,
) -> Option<Record> {
    let kind = Kind::numbered(kind)?;
    let subject = Subject { kind, id };
    let at = at.unix_ms();
    let row = row::Row {
        subject,
        at,
        value,
        text,
    };
    Some(row.record())
}

/// The columns of the row that says this: kind, id, time, value and text.
pub fn row_of(record: &Record) -> (i64, [u8; 16], Timestamp, i64, Option<String>) {
    let row = record.row();
    let at = Timestamp::from_unix_ms(row.at);
    let subject = row.subject;
    (subject.kind as i64, subject.id, at, row.value, row.text)
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// How far ahead of the clock a change may be; as for samples.
const AHEAD_MAX: Duration = crate::series::AHEAD_MAX;

/// Whether a time can be kept.
fn in_time(at: Timestamp, now: Timestamp) -> bool {
    at.unix_ms() >= 0 && at <= now.plus(AHEAD_MAX)
}

/// Whether two times are kept in one file. Who keeps changes tells each device anew in a new month,
/// so that what was found holds on when the months before are deleted.
pub fn same_month(a: Timestamp, b: Timestamp) -> bool {
    month::Month::of(a) == month::Month::of(b)
}
