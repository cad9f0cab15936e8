//! The one thread that writes. What waits together shares a transaction, and so a sync of the disk.

use super::month::Month;
use super::row::{Record, Row, Subject};
use super::{CHANGES_PER_DAY_MAX, HistoryError, Parts, add, by_month, in_time};
use model::Timestamp;
use model::history::Run;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Requests that are committed together: as many as there are workers of ingest.
const GROUP_MAX: usize = 256;
/// Why a day's rest is unknown.
const GIVEN_UP: &str =
    "It changed so often this day that no more of it is kept before midnight UTC.";
const DAY_MS: i64 = 86_400_000;

type Reply<T> = oneshot::Sender<Result<T, HistoryError>>;

/// What the thread is asked.
pub(super) enum Request {
    /// A run begins.
    BeginRun { reply: Reply<()> },
    /// It goes on.
    Alive { reply: Reply<()> },
    /// Keep changes; the answer says which were.
    Append {
        records: Vec<Record>,
        reply: Reply<Vec<bool>>,
    },
    /// Delete all of some subjects.
    Forget {
        subjects: Vec<Subject>,
        reply: Reply<()>,
    },
    /// Take what waits already, end the run, and no more.
    Close { reply: Reply<()> },
}

/// The thread.
pub(super) struct Writer {
    parts: Arc<Parts>,
    retention: Duration,
    /// The UTC day that `today` counts.
    day: i64,
    /// Changes that were kept today of those that changed today.
    today: HashMap<Subject, u32>,
    /// The oldest was looked for, and could not be deleted: told once.
    stuck: bool,
}

/// What a group of requests writes, by month.
type Batch = BTreeMap<Month, Vec<Row>>;
type Answers = Vec<(Vec<bool>, Reply<Vec<bool>>)>;

impl Writer {
    pub(super) fn new(parts: Arc<Parts>, retention: Duration) -> Self {
        Self {
            parts,
            retention,
            day: 0,
            today: HashMap::new(),
            stuck: false,
        }
    }

    /// Runs until every sender is gone or it is asked to close.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        self.parts.months.look_through();
        // What fails now is tried again with the next sign of life.
        let _ = self.parts.months.mend();
        let mut left_over = None;
        while let Some(first) = left_over.take().or_else(|| requests.blocking_recv()) {
            match first {
                Request::Append { .. } => {
                    left_over = self.append_all(first, &mut requests);
                }
                Request::BeginRun { reply } => {
                    let now = self.parts.clock.now();
                    let _ = reply.send(self.begin_run(now));
                }
                Request::Alive { reply } => {
                    self.delete_old();
                    // A month that cannot be mended now, as on a full disk, holds up nothing.
                    let mended = self.parts.months.mend();
                    let kept = self.extend_run().and(mended);
                    let _ = reply.send(kept);
                }
                Request::Forget { subjects, reply } => {
                    let months = &self.parts.months;
                    let _ = reply.send(months.each(|file| file.forget(&subjects)));
                }
                Request::Close { reply } => {
                    requests.close();
                    let ended = self.extend_run();
                    let _ = reply.send(ended);
                }
            }
        }
    }

    /// Commits an append and those that wait behind it; answers the first other request.
    fn append_all(
        &mut self,
        first: Request,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Option<Request> {
        let (mut batch, mut answers) = (Batch::new(), Answers::new());
        let mut next = Some(first);
        let mut left_over = None;
        while let Some(request) = next.take() {
            let Request::Append { records, reply } = request else {
                left_over = Some(request);
                break;
            };
            let kept = records.iter().map(|record| self.take(record, &mut batch));
            answers.push((kept.collect(), reply));
            if answers.len() < GROUP_MAX {
                next = requests.try_recv().ok();
            }
        }
        let rows: usize = batch.values().map(Vec::len).sum();
        let written = self.commit(batch);
        let counters = &self.parts.counters;
        match &written {
            Ok(()) => {
                add(&counters.kept, rows as u64);
                add(&counters.commits, 1);
            }
            Err(_) => add(&counters.failed, answers.len() as u64),
        }
        for (kept, reply) in answers {
            let _ = reply.send(written.clone().map(|()| kept));
        }
        left_over
    }

    /// Puts a record into the batch, where it may be kept.
    fn take(&mut self, record: &Record, batch: &mut Batch) -> bool {
        let now = self.parts.clock.now();
        let mut put = |record: &Record| {
            let rows = batch.entry(Month::of(record.filed_at())).or_default();
            rows.push(record.row());
        };
        if !in_time(record.at(), now) || !in_time(record.filed_at(), now) {
            add(&self.parts.counters.out_of_time, 1);
            return false;
        }
        let today = now.unix_ms().div_euclid(DAY_MS);
        if self.day != today {
            (self.day, self.today) = (today, HashMap::new());
        }
        if record.at().unix_ms().div_euclid(DAY_MS) == today {
            let count = self.today.entry(record.subject()).or_default();
            *count = count.saturating_add(1);
            if *count > CHANGES_PER_DAY_MAX {
                add(&self.parts.counters.over_bound, 1);
                if *count == CHANGES_PER_DAY_MAX + 1 {
                    record.given_up(GIVEN_UP).iter().for_each(&mut put);
                }
                return false;
            }
        }
        put(record);
        true
    }

    /// Writes the batch, and that the run goes on.
    fn commit(&mut self, mut batch: Batch) -> Result<(), HistoryError> {
        let run = self.continued();
        for run in run.iter().flatten() {
            let rows = batch.entry(Month::of(run.from)).or_default();
            rows.push(Record::Run(*run).row());
        }
        for (month, rows) in &batch {
            self.parts.months.write(*month, rows)?;
        }
        if let Some(latest) = run.and_then(|run| run.last().copied()) {
            *self.parts.run() = Some(latest);
        }
        Ok(())
    }

    fn begin_run(&mut self, now: Timestamp) -> Result<(), HistoryError> {
        self.delete_old();
        let run = Run {
            from: now,
            until: now,
        };
        *self.parts.run() = Some(run);
        self.parts
            .months
            .write(Month::of(now), &[Record::Run(run).row()])
    }

    fn extend_run(&mut self) -> Result<(), HistoryError> {
        self.commit(Batch::new())
    }

    /// The run as it is to be written now: cut at the end of a month, so that none is longer than
    /// what is kept; another one after too long a silence.
    fn continued(&self) -> Option<Vec<Run>> {
        let now = self.parts.clock.now();
        if let Some(run) = self.parts.run_until(now) {
            return Some(by_month(run));
        }
        let anew = Run {
            from: now,
            until: now,
        };
        self.parts.run().map(|_| vec![anew])
    }

    fn delete_old(&mut self) {
        let now = self.parts.ages.now();
        match self.parts.months.delete_before(now, self.retention) {
            Ok(deleted) => {
                add(&self.parts.counters.months_deleted, deleted);
                self.stuck = false;
            }
            Err(error) => {
                if !self.stuck {
                    warn!(%error, cause = ?error, "a month of the history that is too old could not be deleted");
                }
                self.stuck = true;
            }
        }
    }
}
