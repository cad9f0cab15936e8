//! Long work that somebody asked for: what is kept of it. Who does the work is `api::jobs`.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query, Stored};
use model::job::{Job, JobState};
use model::{Clock, JobId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Jobs that are over and are kept; the oldest goes when a new one is asked for.
pub const JOBS_KEPT: usize = 100;
/// How long a job that is over is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24 * 30);
/// Said of a job that was not over when the server stopped.
pub const RESTARTED: &str = "the server was restarted; it may be done in part";

/// The jobs. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    jobs: Collection<Job>,
    clock: Clock,
}

impl Jobs {
    pub(crate) fn new(documents: Arc<dyn Documents>, clock: Clock) -> Self {
        Self {
            jobs: Collection::new(documents, &catalog::JOBS),
            clock,
        }
    }

    /// Keeps a new job, and forgets those over beyond [`JOBS_KEPT`] and [`KEPT_FOR`]; answers which
    /// these are, for what else is kept of them.
    pub async fn create(&self, job: &Job) -> Result<Vec<JobId>, StoreError> {
        self.jobs
            .put(&job.id.to_string(), Expect::Absent, job)
            .await?;
        let all = self.all().await?;
        let gone = outdated(&all, self.clock.now());
        for id in &gone {
            self.jobs.delete(&id.to_string(), Expect::Any).await?;
        }
        Ok(gone)
    }

    /// Writes how a job stands. It must be there.
    pub async fn update(&self, job: &Job) -> Result<(), StoreError> {
        self.jobs
            .put(&job.id.to_string(), Expect::Present, job)
            .await?;
        Ok(())
    }

    /// One job; none where it is not there.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let stored = self.jobs.get(&id.to_string()).await?;
        Ok(stored.map(|stored| stored.body))
    }

    /// All jobs, the oldest first.
    pub async fn all(&self) -> Result<Vec<Job>, StoreError> {
        let all = self.jobs.all(Query::default()).await?;
        Ok(all.into_iter().map(|stored| stored.body).collect())
    }

    /// Ends the jobs that were not over when the server stopped; answers how many there were.
    pub(crate) async fn end_interrupted(&self) -> Result<usize, StoreError> {
        let mut ended = 0;
        for stored in self.jobs.all(Query::default()).await? {
            let Stored { id, revision, body } = stored;
            if body.state.is_over() {
                continue;
            }
            let job = Job {
                state: JobState::Interrupted,
                ended_at: Some(self.clock.now()),
                error: Some(RESTARTED.to_owned()),
                ..body
            };
            self.jobs.put(&id, Expect::Revision(revision), &job).await?;
            ended += 1;
        }
        Ok(ended)
    }
}

/// Which of the jobs, the oldest first, are kept no longer.
fn outdated(all: &[Job], now: Timestamp) -> Vec<JobId> {
    let over = || all.iter().filter(|job| job.state.is_over());
    let beyond = over().count().saturating_sub(JOBS_KEPT);
    let is_old = |job: &Job| {
        let ended_at = job.ended_at.unwrap_or(job.made_at);
        ended_at.plus(KEPT_FOR) < now
    };
    over()
        .enumerate()
        .filter(|(at, job)| *at < beyond || is_old(job))
        .map(|(_, job)| job.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::job::{JobKind, JobUnit};
    use model::{ReservedId, UserId};

    fn job(state: JobState, ended_ms: Option<i64>) -> Job {
        Job {
            id: JobId::reserved(ReservedId::new()),
            kind: JobKind::Import,
            state,
            done: 0,
            total: None,
            unit: JobUnit::Octets,
            user_id: UserId::new(),
            by: "admin".to_owned(),
            made_at: Timestamp::default(),
            began_at: None,
            ended_at: ended_ms.map(Timestamp::from_unix_ms),
            error: None,
            result: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_oldest_that_are_over_go_by_number_and_by_age() {
        let month_ms = 30 * 86_400_000;
        let waiting = job(JobState::Waiting, None);
        let old = job(JobState::Done, Some(1));
        let later = job(JobState::Failed, Some(2));
        let mut all = vec![waiting.clone(), old.clone(), later.clone()];
        assert_eq!(outdated(&all, Timestamp::from_unix_ms(month_ms + 1)), []);
        let now = Timestamp::from_unix_ms(month_ms + 2);
        assert_eq!(outdated(&all, now), [old.id]);
        all.extend((0..JOBS_KEPT - 1).map(|_| job(JobState::Cancelled, Some(5))));
        assert_eq!(outdated(&all, Timestamp::default()), [old.id]);
    }
}
