//! Long work: begun by a request, done behind it, followed at `/jobs`.
//!
//! [`Jobs::start`] takes the work as a function, which is called where blocking is allowed. What is
//! kept of a job, and for how long, is in `store::jobs`. How far one is, is in memory alone: it is
//! written when its state changes.

use crate::auth::Principal;
use crate::metrics::JobMetrics;
use crate::problem::{Answer, Kind, Problem};
use crate::services::Services;
use crate::store_problem::of_store;
use model::job::{Job, JobKind, JobState};
use model::{Clock, JobId, ReservedId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::jobs::{JOBS_KEPT, RESTARTED};
use store::progress::{Progress, Stopped};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// Jobs at work at a time: each may keep a core and the disk busy, and polls go on beside them.
pub(crate) const AT_WORK_MAX: usize = 2;
/// Jobs that wait for their turn or for what they work on.
pub(crate) const WAITING_MAX: usize = 16;
/// How long what a job works on may take to be sent, in real time: a gibibyte in pieces takes an hour
/// over the slowest line that anybody would send it over.
const RECEIVING_MAX: Duration = Duration::from_hours(6);
/// When to come again where there is no room.
const COME_AGAIN: Duration = Duration::from_secs(10);

/// Work that was not done to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobError {
    stopped: bool,
    detail: String,
    result: Value,
}

impl JobError {
    /// It could not be done; `detail` says why in one sentence.
    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self {
            stopped: false,
            detail: detail.into(),
            result: Value::Null,
        }
    }
    /// The same with what was done all the same.
    pub(crate) fn with(mut self, result: Value) -> Self {
        self.result = result;
        self
    }
}

impl From<Stopped> for JobError {
    fn from(_: Stopped) -> Self {
        Self {
            stopped: true,
            detail: "it was ended".to_owned(),
            result: Value::Null,
        }
    }
}

/// What a job does. It looks at [`Progress::go_on`] at least each second.
type Work = Box<dyn FnOnce(&Progress) -> Result<Value, JobError> + Send>;

/// The jobs that are not over, and who does them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Jobs(Arc<Inner>);

struct Inner {
    kept: store::jobs::Jobs,
    clock: Clock,
    tasks: TaskTracker,
    stop: CancellationToken,
    metrics: JobMetrics,
    live: Mutex<BTreeMap<JobId, Live>>,
    turns: Arc<Semaphore>,
    /// Deletes go one after the other: each holds up sealing.
    deletes: Arc<Semaphore>,
    /// Exports too: the room that there is for their files is for one.
    exports: Arc<Semaphore>,
}

/// A job that is not over, or whose end could not be written.
struct Live {
    job: Job,
    progress: Arc<Progress>,
    cancel: CancellationToken,
    /// Where one that receives is given its work.
    begin: Option<oneshot::Sender<Work>>,
}

impl Live {
    fn told(&self) -> Job {
        let (done, total) = self.progress.read();
        let mut job = self.job.clone();
        if !job.state.is_over() {
            job.done = done;
            job.total = (total > 0).then_some(total);
        }
        job
    }
}

impl Jobs {
    pub(crate) fn new(services: &Services, metrics: JobMetrics) -> Self {
        let kept = services.store.jobs.clone();
        let ends = (services.tasks.clone(), services.stop.clone());
        Self::over(kept, services.clock.clone(), ends, metrics)
    }

    /// Over what is kept; all tasks are spawned in `tasks` and end after `stop`.
    fn over(
        kept: store::jobs::Jobs,
        clock: Clock,
        (tasks, stop): (TaskTracker, CancellationToken),
        metrics: JobMetrics,
    ) -> Self {
        Self(Arc::new(Inner {
            kept,
            clock,
            tasks,
            stop,
            metrics,
            live: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_WORK_MAX)),
            deletes: Arc::new(Semaphore::new(1)),
            exports: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Takes a job on, durably; it is done when its turn comes. Where a job has that id, as of an
    /// attempt before this one, it is that one. [`Kind::Busy`] where [`WAITING_MAX`] wait.
    pub(crate) async fn start(
        &self,
        id: ReservedId,
        kind: JobKind,
        by: &Principal,
        work: impl FnOnce(&Progress) -> Result<Value, JobError> + Send + 'static,
    ) -> Answer<Job> {
        self.take_on(id, kind, by, Some(Box::new(work))).await
    }

    /// Takes a job on whose work is given later, by [`Jobs::run`].
    pub(crate) async fn receive(
        &self,
        id: ReservedId,
        kind: JobKind,
        by: &Principal,
    ) -> Answer<Job> {
        self.take_on(id, kind, by, None).await
    }

    /// Gives a job that receives its work. [`Kind::Conflict`] where it does not receive.
    pub(crate) fn run(
        &self,
        id: JobId,
        work: impl FnOnce(&Progress) -> Result<Value, JobError> + Send + 'static,
    ) -> Answer<Job> {
        let none = || Problem::new(Kind::Conflict, "The job does not wait to be sent anything.");
        let mut live = self.live();
        let found = live.get_mut(&id).ok_or_else(none)?;
        let begin = found.begin.take().ok_or_else(none)?;
        begin.send(Box::new(work)).map_err(|_| none())?;
        found.job.state = JobState::Waiting;
        Ok(found.told())
    }

    /// One job; [`Kind::NotFound`] where there is none.
    pub(crate) async fn get(&self, id: JobId) -> Answer<Job> {
        let found = self.find(id).await?;
        found.ok_or_else(|| Problem::not_found("job", id))
    }

    /// All jobs, those over that are kept among them.
    pub(crate) async fn all(&self) -> Answer<Vec<Job>> {
        let mut all = self.0.kept.all().await.map_err(of_store)?;
        let live = self.live();
        for job in &mut all {
            if let Some(live) = live.get(&job.id) {
                *job = live.told();
            }
        }
        Ok(all)
    }

    /// Asks a job to end. [`Kind::Conflict`] where it is over.
    pub(crate) async fn cancel(&self, id: JobId) -> Answer<Job> {
        let asked = self.live().get(&id).map(|live| {
            live.cancel.cancel();
            live.told()
        });
        match asked {
            Some(job) if !job.state.is_over() => Ok(job),
            Some(_) => Err(over()),
            None => self.get(id).await.and_then(|_| Err(over())),
        }
    }

    /// Whether a job is there that is not over. Never waits.
    pub(crate) fn is_live(&self, id: JobId) -> bool {
        let live = self.live();
        live.get(&id).is_some_and(|live| !live.job.state.is_over())
    }

    async fn find(&self, id: JobId) -> Answer<Option<Job>> {
        let live = self.live().get(&id).map(Live::told);
        if live.is_some() {
            return Ok(live);
        }
        self.0.kept.get(id).await.map_err(of_store)
    }

    async fn take_on(
        &self,
        id: ReservedId,
        kind: JobKind,
        by: &Principal,
        work: Option<Work>,
    ) -> Answer<Job> {
        let id = JobId::reserved(id);
        if let Some(there) = self.find(id).await? {
            return Ok(there);
        }
        let job = Job {
            id,
            kind,
            state: match work {
                Some(_) => JobState::Waiting,
                None => JobState::Receiving,
            },
            done: 0,
            total: None,
            unit: kind.unit(),
            user_id: by.user_id,
            by: by.username.clone(),
            made_at: self.0.clock.now(),
            began_at: None,
            ended_at: None,
            error: None,
            result: Value::Null,
        };
        let (begin, given) = if let Some(work) = work {
            (None, Given::Now(work))
        } else {
            let (begin, given) = oneshot::channel();
            (Some(begin), Given::Later(given))
        };
        let live = self.admit(job.clone(), begin)?;
        let (told, answer) = oneshot::channel();
        let jobs = self.clone();
        // In a task of its own: a client that leaves does not leave it half taken on.
        self.0.tasks.spawn(async move {
            let kept = jobs.0.kept.create(&job).await;
            let is_kept = kept.is_ok();
            let _ = told.send(kept.map(|_| job));
            if is_kept {
                jobs.see_to(id, kind, given, live).await;
            } else {
                jobs.live().remove(&id);
            }
        });
        let kept = answer.await;
        kept.map_err(|error| Problem::internal("a job", &error))?
            .map_err(of_store)
    }

    /// A place for a job, where there is room for it.
    fn admit(
        &self,
        job: Job,
        begin: Option<oneshot::Sender<Work>>,
    ) -> Answer<(Arc<Progress>, CancellationToken)> {
        let mut live = self.live();
        let waits =
            |live: &&Live| matches!(live.job.state, JobState::Receiving | JobState::Waiting);
        // Those that need not wait are not held up by these.
        let at_work = live.values().filter(|live| !live.job.state.is_over());
        if at_work.filter(waits).count() >= WAITING_MAX {
            self.0.metrics.refused.inc();
            let detail = format!("{WAITING_MAX} jobs wait already, which is as many as may.");
            return Err(Problem::busy(detail, COME_AGAIN));
        }
        let (progress, cancel) = (Arc::new(Progress::default()), CancellationToken::new());
        let place = Live {
            job,
            progress: Arc::clone(&progress),
            cancel: cancel.clone(),
            begin,
        };
        live.insert(place.job.id, place);
        Ok((progress, cancel))
    }

    /// Sees a job through to its end.
    async fn see_to(
        &self,
        id: JobId,
        kind: JobKind,
        given: Given,
        (progress, cancel): (Arc<Progress>, CancellationToken),
    ) {
        let ended = tokio::select! {
            biased;
            () = self.0.stop.cancelled() => Err(Ended::interrupted()),
            () = cancel.cancelled() => Err(Ended::cancelled()),
            begun = self.begin(id, kind, given) => begun,
        };
        let ended = match ended {
            Ok((work, turn)) => self.at_work(work, turn, &progress, &cancel).await,
            Err(ended) => ended,
        };
        self.end(id, kind, ended).await;
    }

    /// Waits for the work and for its turn.
    async fn begin(&self, id: JobId, kind: JobKind, given: Given) -> Result<(Work, Turn), Ended> {
        let work = match given {
            Given::Now(work) => work,
            Given::Later(given) => {
                let given = tokio::time::timeout(RECEIVING_MAX, given).await;
                given.ok().and_then(Result::ok).ok_or_else(|| {
                    Ended::of(JobState::Failed, "it was not sent whole in six hours")
                })?
            }
        };
        let of_kind = match kind {
            JobKind::Delete => Some(acquire(&self.0.deletes).await?),
            JobKind::Export => Some(acquire(&self.0.exports).await?),
            _ => None,
        };
        let turn = Turn {
            _at_work: acquire(&self.0.turns).await?,
            _of_kind: of_kind,
        };
        let begun = self.live().get_mut(&id).map(|live| {
            live.begin = None;
            live.job.state = JobState::Running;
            live.job.began_at = Some(self.0.clock.now());
            live.job.clone()
        });
        if let Some(job) = begun {
            self.write(&job).await;
        }
        Ok((work, turn))
    }

    async fn at_work(
        &self,
        work: Work,
        turn: Turn,
        progress: &Arc<Progress>,
        cancel: &CancellationToken,
    ) -> Ended {
        let looked_at = Arc::clone(progress);
        let mut done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&looked_at)
        });
        let is_over = tokio::select! {
            biased;
            () = self.0.stop.cancelled() => None,
            () = cancel.cancelled() => None,
            is_over = &mut done => Some(is_over),
        };
        let is_over = if let Some(is_over) = is_over {
            is_over
        } else {
            progress.stop();
            done.await
        };
        match is_over {
            Ok(Ok(result)) => Ended {
                state: JobState::Done,
                error: None,
                result,
            },
            Ok(Err(error)) => {
                let (state, detail) = match error {
                    JobError { stopped: false, .. } => (JobState::Failed, Some(error.detail)),
                    _ if cancel.is_cancelled() => (JobState::Cancelled, None),
                    _ => (JobState::Interrupted, Some(RESTARTED.to_owned())),
                };
                Ended {
                    state,
                    error: detail,
                    result: error.result,
                }
            }
            // The panic itself is in the log, by the hook that the server sets.
            Err(error) => {
                tracing::error!(error = %error, "a job failed inside");
                Ended::of(
                    JobState::Failed,
                    "it failed inside; the server's log says more",
                )
            }
        }
    }

    async fn end(&self, id: JobId, kind: JobKind, ended: Ended) {
        let Some(mut job) = self.live().get(&id).map(Live::told) else {
            return;
        };
        job.state = ended.state;
        job.ended_at = Some(self.0.clock.now());
        job.error = ended.error;
        job.result = ended.result;
        self.0.metrics.ended(kind, job.state);
        let (state, by) = (job.state.name(), job.by.as_str());
        info!(job.id = %id, job.kind = kind.name(), state, by, "a job is over");
        // It is told as over when that is written.
        let written = self.write(&job).await;
        let mut all = self.live();
        // What could not be written is told from here for as long as there is room.
        if written || all.len() > JOBS_KEPT {
            all.remove(&id);
        } else if let Some(live) = all.get_mut(&id) {
            live.job = job;
            live.begin = None;
        }
    }

    async fn write(&self, job: &Job) -> bool {
        let written = self.0.kept.update(job).await;
        if let Err(error) = &written {
            warn!(job.id = %job.id, error = ?error, "how a job stands could not be written");
        }
        written.is_ok()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<JobId, Live>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn over() -> Problem {
    Problem::new(Kind::Conflict, "The job is over already.")
}

async fn acquire(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Ended> {
    let turn = Arc::clone(turns).acquire_owned().await;
    turn.map_err(|_| Ended::interrupted())
}

/// When the work of a job is given.
enum Given {
    Now(Work),
    Later(oneshot::Receiver<Work>),
}

/// The right to be at work.
struct Turn {
    _at_work: OwnedSemaphorePermit,
    _of_kind: Option<OwnedSemaphorePermit>,
}

/// How a job ended.
struct Ended {
    state: JobState,
    error: Option<String>,
    result: Value,
}

impl Ended {
    fn of(state: JobState, detail: &str) -> Self {
        Self {
            state,
            error: Some(detail.to_owned()),
            result: Value::Null,
        }
    }
    fn interrupted() -> Self {
        Self::of(JobState::Interrupted, RESTARTED)
    }
    fn cancelled() -> Self {
        Self {
            state: JobState::Cancelled,
            error: None,
            result: Value::Null,
        }
    }
}

#[cfg(test)]
mod tests;
