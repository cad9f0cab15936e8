use super::*;
use crate::auth::Role;
use crate::auth::principal::{Basis, Method};
use model::{Timestamp, UserId};
use serde_json::json;
use std::sync::mpsc;
use store::{Store, StoreOptions};

struct Bench {
    jobs: Jobs,
    store: Store,
    tasks: TaskTracker,
    stop: CancellationToken,
    by: Principal,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_772_366_400_000));
        let (store, _) = Store::open(StoreOptions::new(folder.path()), clock.clone())
            .await
            .unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let ends = (tasks.clone(), stop.clone());
        Self {
            jobs: Jobs::over(store.jobs.clone(), clock, ends, JobMetrics::default()),
            store,
            tasks,
            stop,
            by: Principal {
                user_id: UserId::new(),
                username: "admin".to_owned(),
                role: Role::Admin,
                method: Method::Token,
                basis: Basis::Token {
                    issued_at: Timestamp::default(),
                },
                expires_at: Timestamp::default(),
            },
            folder,
        }
    }

    async fn start(
        &self,
        kind: JobKind,
        work: impl FnOnce(&Progress) -> Result<Value, JobError> + Send + 'static,
    ) -> JobId {
        let id = ReservedId::new();
        self.jobs.start(id, kind, &self.by, work).await.unwrap().id
    }

    async fn until(&self, id: JobId, state: JobState) -> Job {
        for _ in 0..20_000 {
            let job = self.jobs.get(id).await.unwrap();
            if job.state == state {
                return job;
            }
            assert!(!job.state.is_over(), "{job:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never was {state:?}");
    }
}

/// Work that goes on until it is told to stop or to end.
fn going_on(end: mpsc::Receiver<()>) -> impl FnOnce(&Progress) -> Result<Value, JobError> {
    move |progress| {
        progress.expect(10);
        progress.did(4);
        loop {
            let stopped = |stopped| JobError::from(stopped).with(json!({"days": 4}));
            progress.go_on().map_err(stopped)?;
            match end.recv_timeout(Duration::from_millis(1)) {
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                _ => return Ok(json!({"days": 10})),
            }
        }
    }
}

#[tokio::test]
async fn a_job_is_followed_to_its_end_and_begun_once() {
    let bench = Bench::new().await;
    let id = ReservedId::new();
    let (end, ends) = mpsc::channel();
    let work = going_on(ends);
    let job = bench
        .jobs
        .start(id, JobKind::Archive, &bench.by, work)
        .await
        .unwrap();
    let running = bench.until(job.id, JobState::Running).await;
    for _ in 0..1_000 {
        if bench.jobs.get(job.id).await.unwrap().done == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let told = bench.jobs.get(job.id).await.unwrap();
    assert_eq!((told.done, told.total), (4, Some(10)));
    assert_eq!(running.by, "admin");
    let unused = |_: &Progress| -> Result<Value, JobError> { panic!("begun twice") };
    let again = bench
        .jobs
        .start(id, JobKind::Archive, &bench.by, unused)
        .await
        .unwrap();
    assert_eq!(again.id, job.id);
    end.send(()).unwrap();
    let done = bench.until(job.id, JobState::Done).await;
    assert_eq!(done.result, json!({"days": 10}));
    assert_eq!(bench.store.jobs.get(job.id).await.unwrap(), Some(done));
    let refused = bench.jobs.cancel(job.id).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    let again = bench
        .jobs
        .start(id, JobKind::Archive, &bench.by, unused)
        .await
        .unwrap();
    assert_eq!(again.state, JobState::Done, "also after its end");
}

#[tokio::test]
async fn what_fails_says_why_and_a_panic_costs_the_job_alone() {
    let bench = Bench::new().await;
    let failing = |_: &Progress| Err(JobError::failed("the disk is full").with(json!({"rows": 3})));
    let failing = bench.start(JobKind::Import, failing).await;
    let failed = bench.until(failing, JobState::Failed).await;
    assert_eq!(failed.error.as_deref(), Some("the disk is full"));
    assert_eq!(failed.result, json!({"rows": 3}));
    let panics = |_: &Progress| -> Result<Value, JobError> { panic!("hunter2") };
    let panics = bench.start(JobKind::Import, panics).await;
    let failed = bench.until(panics, JobState::Failed).await;
    assert!(!failed.error.unwrap().contains("hunter2"));
    let well = bench.start(JobKind::Import, |_| Ok(json!(1))).await;
    bench.until(well, JobState::Done).await;
}

#[tokio::test]
async fn no_more_are_at_work_than_may_and_no_more_wait() {
    let bench = Bench::new().await;
    let mut ends = Vec::new();
    let mut ids = Vec::new();
    for at in 0..AT_WORK_MAX + WAITING_MAX {
        let (end, until) = mpsc::channel();
        let id = bench.start(JobKind::Import, going_on(until)).await;
        if at < AT_WORK_MAX {
            bench.until(id, JobState::Running).await;
        }
        ends.push(end);
        ids.push(id);
    }
    let full = bench
        .jobs
        .start(ReservedId::new(), JobKind::Import, &bench.by, |_| {
            Ok(Value::Null)
        })
        .await
        .unwrap_err();
    assert_eq!(full.kind(), Kind::Busy);
    let waiting = bench.jobs.get(ids[AT_WORK_MAX]).await.unwrap();
    assert_eq!(waiting.state, JobState::Waiting);
    // One that waits is ended without having begun.
    bench.jobs.cancel(ids[AT_WORK_MAX + 1]).await.unwrap();
    let ended = bench.until(ids[AT_WORK_MAX + 1], JobState::Cancelled).await;
    assert_eq!(ended.began_at, None);
    ends[0].send(()).unwrap();
    bench.until(ids[0], JobState::Done).await;
    bench.until(ids[AT_WORK_MAX], JobState::Running).await;
    bench.stop.cancel();
    bench.tasks.close();
    bench.tasks.wait().await;
    let all = bench.jobs.all().await.unwrap();
    assert_eq!(all.len(), AT_WORK_MAX + WAITING_MAX);
    assert!(all.iter().all(|job| job.state.is_over()));
}

#[tokio::test]
async fn a_job_is_cancelled_at_work_and_deletes_and_exports_go_one_after_the_other() {
    let bench = Bench::new().await;
    for kind in [JobKind::Delete, JobKind::Export] {
        let (_end, until) = mpsc::channel();
        let first = bench.start(kind, going_on(until)).await;
        bench.until(first, JobState::Running).await;
        let second = bench.start(kind, |_| Ok(json!(2))).await;
        // Another kind has its turn before it.
        let other = bench.start(JobKind::Import, |_| Ok(json!(3))).await;
        bench.until(other, JobState::Done).await;
        let waiting = bench.jobs.get(second).await.unwrap();
        assert_eq!(waiting.state, JobState::Waiting, "{kind:?}");
        bench.jobs.cancel(first).await.unwrap();
        let cancelled = bench.until(first, JobState::Cancelled).await;
        assert_eq!(cancelled.result, json!({"days": 4}));
        assert_eq!(cancelled.error, None);
        bench.until(second, JobState::Done).await;
    }
}

#[tokio::test]
async fn work_may_be_given_later() {
    let bench = Bench::new().await;
    let (first, second) = (ReservedId::new(), ReservedId::new());
    let import = JobKind::Import;
    let job = bench.jobs.receive(first, import, &bench.by).await.unwrap();
    assert_eq!(job.state, JobState::Receiving);
    bench.jobs.run(job.id, |_| Ok(json!(1))).unwrap();
    let twice = bench.jobs.run(job.id, |_| Ok(json!(2))).unwrap_err();
    assert_eq!(twice.kind(), Kind::Conflict);
    let done = bench.until(job.id, JobState::Done).await;
    assert_eq!(done.result, json!(1));
    let job = bench.jobs.receive(second, import, &bench.by).await.unwrap();
    bench.jobs.cancel(job.id).await.unwrap();
    bench.until(job.id, JobState::Cancelled).await;
}

#[tokio::test]
async fn what_was_at_work_when_the_server_died_is_interrupted() {
    let bench = Bench::new().await;
    let (end, until) = mpsc::channel();
    let id = bench.start(JobKind::Import, going_on(until)).await;
    bench.until(id, JobState::Running).await;
    let (copy, clock) = (tempfile::tempdir().unwrap(), Clock::new(Timestamp::default));
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let (store, recovery) = Store::open(StoreOptions::new(copy.path()), clock)
        .await
        .unwrap();
    assert_eq!(recovery.jobs_interrupted, 1);
    let job = store.jobs.get(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    assert!(job.error.unwrap().contains("in part"));
    end.send(()).unwrap();
}
