//! Runs of discovery and what they found.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Page, Query, Stored};
use model::discovery::{Discovery, DiscoveryPhase, DiscoveryRequest, DiscoveryResult};
use model::{Clock, DiscoveryId, ScheduleId};
use std::net::IpAddr;
use std::sync::Arc;

/// Runs begun by somebody that are kept; the oldest that has ended goes when a new one begins. An
/// operator looks back over days, not over a year of hourly runs. As many are kept besides that
/// looked at one address alone, so that many candidates that are accepted push no network out.
/// Schedules say how many of theirs are kept.
pub const RUNS_KEPT: usize = 200;
/// Changes made in one transaction where there are many, so that others are not kept waiting.
const CHANGES_PER_WRITE: usize = 500;
/// Said of a run that was at work when the server stopped.
pub const RESTARTED: &str = "the server was restarted";

/// The runs of discovery. Cheap to clone.
#[derive(Clone)]
pub struct Discoveries {
    documents: Arc<dyn Documents>,
    runs: Collection<Discovery>,
    results: Collection<DiscoveryResult>,
    clock: Clock,
}

impl Discoveries {
    pub(crate) fn new(documents: Arc<dyn Documents>, clock: Clock) -> Self {
        Self {
            runs: Collection::new(documents.clone(), &catalog::DISCOVERIES),
            results: Collection::new(documents.clone(), &catalog::DISCOVERY_RESULTS),
            documents,
            clock,
        }
    }

    /// Keeps a new run that somebody begins under a new id, at work from now on, and forgets the
    /// oldest of these beyond [`RUNS_KEPT`].
    pub async fn create(
        &self,
        id: DiscoveryId,
        request: DiscoveryRequest,
    ) -> Result<Stored<Discovery>, StoreError> {
        self.create_of(id, request, None).await
    }

    /// The same for a run that a schedule begins; see [`Discoveries::forget_of`].
    pub async fn create_of(
        &self,
        id: DiscoveryId,
        request: DiscoveryRequest,
        schedule_id: Option<ScheduleId>,
    ) -> Result<Stored<Discovery>, StoreError> {
        let run = Discovery {
            id,
            request,
            phase: DiscoveryPhase::Running,
            notices: Vec::new(),
            addresses_total: 0,
            addresses_done: 0,
            addresses_answered: 0,
            devices_found: 0,
            devices_new: 0,
            schedule_id,
            started_at: self.clock.now(),
            ended_at: None,
        };
        let id = run.id.to_string();
        let revision = self.runs.put(&id, Expect::Absent, &run).await?;
        if schedule_id.is_none() {
            self.forget_old().await?;
        }
        Ok(Stored {
            id,
            revision,
            body: run,
        })
    }

    /// Writes how far a run is. The run must be there.
    pub async fn update(&self, run: &Discovery) -> Result<Stored<Discovery>, StoreError> {
        let id = run.id.to_string();
        let revision = self.runs.put(&id, Expect::Present, run).await?;
        Ok(Stored {
            id,
            revision,
            body: run.clone(),
        })
    }

    /// One run; none where it is not there.
    pub async fn get(&self, id: DiscoveryId) -> Result<Option<Stored<Discovery>>, StoreError> {
        self.runs.get(&id.to_string()).await
    }

    /// Runs by their beginning, or the latest first, after the run with the id `after`; only those
    /// of a schedule where one is given.
    pub async fn page(
        &self,
        schedule: Option<ScheduleId>,
        after: Option<String>,
        descending: bool,
        limit: usize,
    ) -> Result<Page<Discovery>, StoreError> {
        let query = Query {
            index: schedule.map(|id| ("schedule_id", id.to_string())),
            after,
            descending,
            limit,
            ..Query::default()
        };
        self.runs.page(query).await
    }

    /// All runs: at most [`RUNS_KEPT`] of networks, as many of one address, and those that schedules
    /// keep; only those of a schedule where one is given.
    pub async fn all(
        &self,
        schedule: Option<ScheduleId>,
    ) -> Result<Vec<Stored<Discovery>>, StoreError> {
        let query = Query {
            index: schedule.map(|id| ("schedule_id", id.to_string())),
            ..Query::default()
        };
        self.runs.all(query).await
    }

    /// Keeps what a run found; a later result of the same address and port takes the place of the
    /// earlier.
    pub async fn add_results(
        &self,
        id: DiscoveryId,
        results: &[DiscoveryResult],
    ) -> Result<(), StoreError> {
        for part in results.chunks(CHANGES_PER_WRITE) {
            let mut changes = vec![Change::Require {
                collection: &catalog::DISCOVERIES,
                id: id.to_string(),
                expect: Expect::Present,
            }];
            for result in part {
                let key = result_key(id, result.address, result.port);
                changes.push(self.results.change(&key, Expect::Any, result)?);
            }
            self.documents.write(changes).await?;
        }
        Ok(())
    }

    /// What a run found, by address in either direction, after the result with the id `after`.
    pub async fn results(
        &self,
        id: DiscoveryId,
        after: Option<String>,
        descending: bool,
        limit: usize,
    ) -> Result<Page<DiscoveryResult>, StoreError> {
        let query = Query {
            prefix: Some(format!("{id}/")),
            after,
            descending,
            limit,
            ..Query::default()
        };
        self.results.page(query).await
    }

    /// All that a run found, by address: as many as it had addresses.
    pub async fn all_results(
        &self,
        id: DiscoveryId,
    ) -> Result<Vec<Stored<DiscoveryResult>>, StoreError> {
        let query = Query {
            prefix: Some(format!("{id}/")),
            ..Query::default()
        };
        self.results.all(query).await
    }

    /// Deletes a run and what it found.
    pub async fn delete(&self, id: DiscoveryId) -> Result<(), StoreError> {
        self.runs.delete(&id.to_string(), Expect::Present).await?;
        self.delete_results(&id.to_string()).await
    }

    /// Forgets the runs of a schedule but for the latest `keep`.
    pub async fn forget_of(&self, schedule: ScheduleId, keep: usize) -> Result<(), StoreError> {
        let mut all = self.all(Some(schedule)).await?;
        all.reverse();
        self.forget(all.into_iter().skip(keep)).await
    }

    /// The runs of a schedule that is deleted are from now on as those that somebody began.
    pub async fn let_go(&self, schedule: ScheduleId) -> Result<(), StoreError> {
        for mut run in self.all(Some(schedule)).await? {
            run.body.schedule_id = None;
            self.runs
                .put(&run.id, Expect::Revision(run.revision), &run.body)
                .await?;
        }
        Ok(())
    }

    /// Ends the runs that were at work when the server stopped; answers how many there were.
    pub(crate) async fn end_interrupted(&self) -> Result<usize, StoreError> {
        let mut ended = 0;
        for mut stored in self.runs.all(Query::default()).await? {
            if stored.body.phase != DiscoveryPhase::Running {
                continue;
            }
            stored.body.phase = DiscoveryPhase::Failed;
            stored.body.notices.push(RESTARTED.to_owned());
            stored.body.ended_at = Some(self.clock.now());
            self.runs
                .put(&stored.id, Expect::Revision(stored.revision), &stored.body)
                .await?;
            ended += 1;
        }
        Ok(ended)
    }

    async fn forget_old(&self) -> Result<(), StoreError> {
        if self.runs.count().await? <= RUNS_KEPT as u64 {
            return Ok(());
        }
        let mut all = self.runs.all(Query::default()).await?;
        all.retain(|run| run.body.schedule_id.is_none());
        let is_of_one = |run: &Stored<Discovery>| run.body.request.is_of_one_address();
        let (of_one, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_of_one);
        for runs in [of_one, others] {
            let excess = runs.len().saturating_sub(RUNS_KEPT);
            self.forget(runs.into_iter().take(excess)).await?;
        }
        Ok(())
    }

    async fn forget(
        &self,
        runs: impl Iterator<Item = Stored<Discovery>>,
    ) -> Result<(), StoreError> {
        for run in runs {
            if run.body.phase != DiscoveryPhase::Running {
                self.runs.delete(&run.id, Expect::Any).await?;
                self.delete_results(&run.id).await?;
            }
        }
        Ok(())
    }

    async fn delete_results(&self, id: &str) -> Result<(), StoreError> {
        loop {
            let query = Query {
                prefix: Some(format!("{id}/")),
                limit: CHANGES_PER_WRITE,
                ..Query::default()
            };
            let page = self
                .documents
                .page(&catalog::DISCOVERY_RESULTS, query)
                .await?;
            let removals: Vec<_> = page
                .items
                .iter()
                .map(|result| self.results.removal(&result.id, Expect::Any))
                .collect();
            if !removals.is_empty() {
                self.documents.write(removals).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

/// The id of a result: sorts by run, then by address as a number, then by port.
fn result_key(id: DiscoveryId, address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(v4) => format!("{id}/4-{:08x}-{port:05}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{id}/6-{:032x}-{port:05}", v6.to_bits()),
    }
}
